"""``sensorium caption``: what pictures show, in words."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.streaming import streaming
from sensorium.cli.terminal import print_line
from sensorium.data.files import select_files
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped

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
    from sensorium.tasks.captioning import DEFAULT_MODEL, load_captioner

    if model is None and len(pictures) > 1 and _is_model(pictures[0]):
        model, pictures = pictures[0], pictures[1:]  # as it was written before there was --model
    chosen = select_files(pictures, "image", "only pictures are captioned")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    with streaming("captioning", chosen, as_json) as stream:
        if chosen.paths:
            captioner = load_captioner(model or DEFAULT_MODEL, encoder=encoder)
            found = captioner.caption_each(chosen.paths, beams=beams, language=language)
            for one in stream.each(found):
                if one.error:
                    stream.skip(Skipped(one.path, one.error))
                else:
                    stream.tell(one, partial(_show, one))


def _show(one: Caption) -> None:
    sure = [] if one.probability is None else [f"{one.probability:.2f}"]
    print_line(output.short_path(one.path), one.text or "(no name)", *sure)


def _is_model(name: str) -> bool:
    """Whether what comes first is a model, not a picture or a folder of pictures."""
    from sensorium.tasks.chat import is_served
    from sensorium.tasks.formats import CAPTIONER

    folder = Path(name)
    if folder.is_dir():
        return (folder / CAPTIONER.file).is_file() or (folder / "config.json").is_file()
    looks_like_hub = name.count("/") == 1 and not folder.suffix and name[0] not in "./~"
    return not folder.exists() and (is_served(name) or looks_like_hub)
