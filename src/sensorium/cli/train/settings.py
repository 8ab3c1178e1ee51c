"""What commands that train share: options, and ``--settings FILE.json`` for all else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from sensorium.errors import UsageError

OutputOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR", help="Folder to write; else named after DATA."),
]
EpochsOption = Annotated[float | None, typer.Option(help="Passes over the examples.")]
BatchOption = Annotated[int | None, typer.Option(help="Examples that make one step.")]
RateOption = Annotated[float | None, typer.Option(help="Learning rate, at its highest.")]
BeamsOption = Annotated[int, typer.Option(help="Hypotheses of beam search; 1 is greedy.")]
LanguageOption = Annotated[
    str, typer.Option(metavar="CODE", help="Language of the texts that are written.")
]
SeedOption = Annotated[int, typer.Option(help="Of what is held out, the weights and the order.")]
SettingsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="Everything else, as an object: warmup, patience, weight_decay ...",
    ),
]

Made = TypeVar("Made")


def read_settings(path: Path | None, *kinds: type) -> dict[str, Any]:
    """Read the values of a file of settings.

    Parameters
    ----------
    path : Path or None
    *kinds : dataclass types
        Whose fields may be in it.

    Raises
    ------
    UsageError
        When it is no JSON object, or a name is unknown or a value of another type.
    """
    if path is None:
        return {}
    try:
        given = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"--settings {path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--settings {path}: cannot be read as JSON ({error})") from error
    if not isinstance(given, dict):
        raise UsageError(f"--settings {path}: give an object, such as {{'epochs': 5}}")
    hints = {name: hint for kind in kinds for name, hint in get_type_hints(kind).items()}
    for name, value in given.items():
        if name not in hints:
            known = ", ".join(sorted(hints))
            raise UsageError(f"--settings {path}: no setting {name!r}; there are {known}")
        if not _fits(value, hints[name]):
            raise UsageError(f"--settings {path}: {name} is {value!r:.80}")
    return given


def made_of(kind: type[Made], settings: Mapping[str, Any], **options: Any) -> Made:
    """Make one of `kind` of settings, and of options that were given, which go before."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {name: value for name, value in options.items() if value is not None}
    return kind(**{**{n: v for n, v in settings.items() if n in names}, **given})


def replaced(default: Made, settings: Mapping[str, Any] | Path | None, **options: Any) -> Made:
    """As `made_of`, beginning with another one's values; a path is that of a file of settings."""
    if not isinstance(settings, Mapping):
        settings = read_settings(settings, type(default))
    own = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}  # type: ignore[arg-type]
    return made_of(type(default), {**own, **settings}, **options)


def _fits(value: Any, hint: Any) -> bool:
    if isinstance(value, list):
        return "Sequence" in str(hint) and all(isinstance(one, str) for one in value)
    if isinstance(value, bool):
        return "bool" in str(hint)
    if isinstance(value, int) and "float" in str(hint):
        return True
    try:
        return isinstance(value, hint)
    except TypeError:  # of a hint that no value can be compared with
        return False
