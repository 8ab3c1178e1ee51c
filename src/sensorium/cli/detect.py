"""``sensorium detect``: where things are in pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.pictures import save_drawn, targets_of, tell_each
from sensorium.cli.streaming import streaming
from sensorium.data.files import select_files
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError

if TYPE_CHECKING:
    from sensorium.tasks.detection import Detection


def detect(
    pictures: Annotated[list[str], typer.Argument(help="Picture files, folders, globs.")],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help='What is sought, e.g. "cat,dog"; without, all that the model knows.',
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="ssd-coco|faces|quick-faces|words|HUB|FOLDER",
            help="What finds it; words that it does not know are sought by an encoder.",
        ),
    ] = "ssd-coco",
    least: Annotated[
        float | None,
        typer.Option(
            "--min", help="Probability that is told, from 0 to 1.", show_default="the model's own"
        ),
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Encoder that seeks words which the model does not know.")
    ] = DEFAULT_ENCODER,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw boxes into a PNG, or for several into a folder."),
    ] = None,
    coco: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write boxes as COCO annotations (JSON).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find things in pictures: boxes with labels."""
    from sensorium.tasks.boxes.coco import require_file, save
    from sensorium.tasks.detection import drawn, load_detector
    from sensorium.tasks.drawing import colours_of

    chosen = select_files(pictures, "image", "things are found in pictures")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    if coco is not None:
        require_file(coco)
    targets = targets_of(draw, chosen.paths)
    table = output.GrowingTable(
        ("label", "probability", "place", "model"), left=("label", "model", "place")
    )
    kept: list[Detection] = []
    labels_drawn: dict[str, None] = {}
    with streaming("detecting", chosen, as_json, stores=[draw], at_end=coco) as stream:
        if chosen.paths:
            detector = load_detector(model, encoder=encoder)
            found = detector.detect_each(chosen.paths, labels, least=least)
            for one, target in tell_each(stream, found, targets, table, _rows):
                if target is not None:
                    labels_drawn |= dict.fromkeys(box.label for box in one.boxes)
                    colours = colours_of(labels_drawn)
                    save_drawn(one.path, partial(drawn, detection=one, colours=colours), target)
                if coco is not None:
                    kept.append(one)
        if coco is not None:
            save(kept, coco)


def _rows(one: Detection) -> list[tuple[str, ...]]:
    """A row for each box; one for a picture without."""
    rows: list[tuple[str, ...]] = []
    for box in one.boxes:
        x, y, width, height = (f"{edge:.0f}" for edge in box.box)
        place = f"{x},{y} {width}x{height}"
        rows.append((box.label, f"{box.probability:.2f}", place, str(box.origin)))
    return rows or [("nothing found", "", "", "")]
