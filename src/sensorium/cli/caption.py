"""``sensorium caption``: what pictures show, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.cli.terminal import print_line
from sensorium.data.files import select_files
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError
from sensorium.evaluation.report import Report, named

if TYPE_CHECKING:
    from sensorium.tasks.captioning import Caption


def caption(
    pictures: Annotated[list[str], typer.Argument(help="Picture files, folders, globs.")],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="names|FOLDER|HUB|URL#MODEL",
            help="What writes: one name for each picture; a folder that `sensorium train caption` "
            "wrote; a captioner or a chat model; a model on a server.",
            show_default="names",
        ),
    ] = None,
    beams: Annotated[
        int | None,
        typer.Option(help="Hypotheses of beam search; 1 is greedy.", show_default="as trained"),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language that a chat model is asked to write, e.g. de or German."),
    ] = None,
    encoder: Annotated[str, typer.Option(help="Encoder that finds names.")] = DEFAULT_ENCODER,
    as_json: JsonOption = False,
) -> None:
    """Caption pictures."""
    from sensorium.tasks.captioning import DEFAULT_MODEL, load_captioner, skipped_of

    if model is None and len(pictures) > 1 and _is_model(pictures[0]):
        model, pictures = pictures[0], pictures[1:]  # as it was written before there was --model
    chosen = select_files(pictures, "image", "only pictures are captioned")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    captions: list[Caption] = []
    if chosen.paths:
        captioner = load_captioner(model or DEFAULT_MODEL, encoder=encoder)
        with progress_bar("captioning") as progress:
            captions = captioner.caption(
                chosen.paths, beams=beams, language=language, progress=progress
            )
    skipped = chosen.skipped + skipped_of(captions)
    captions = [one for one in captions if not one.error]
    if not as_json:
        for one in captions:
            told = [one.text or "(no name)"]
            if one.probability is not None:
                told.append(f"{one.probability:.2f}")
            print_line(output.short_path(one.path), *told)
        output.print_ignored(chosen.ignored)
    output.print_report(Report((), [*captions, *named(skipped)], skipped), as_json)


def _is_model(name: str) -> bool:
    """Whether what comes first is a model, not a picture or a folder of pictures."""
    from sensorium.tasks.chat import is_served
    from sensorium.tasks.formats import CAPTIONER

    folder = Path(name)
    if folder.is_dir():
        return (folder / CAPTIONER.file).is_file() or (folder / "config.json").is_file()
    looks_like_hub = name.count("/") == 1 and not folder.suffix and name[0] not in "./~"
    return not folder.exists() and (is_served(name) or looks_like_hub)
