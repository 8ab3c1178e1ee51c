"""``sensorium detect``: where things are in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.data.files import select_files
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import MediaError, UsageError
from sensorium.evaluation.report import Report, Table, named

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
    from sensorium.tasks.detection import load_detector, skipped_of

    chosen = select_files(pictures, "image", "things are found in pictures")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    found: list[Detection] = []
    if chosen.paths:
        targets = _targets(draw, [str(path) for path in chosen.paths])
        detector = load_detector(model, encoder=encoder)
        with progress_bar("detecting") as progress:
            found = detector.detect(chosen.paths, labels, least=least, progress=progress)
        _draw(found, targets)
    if coco is not None:
        from sensorium.tasks.boxes.coco import save

        save(found, coco)
    skipped = chosen.skipped + skipped_of(found)
    whole = [one for one in found if not one.error]
    if not as_json:
        output.print_ignored(chosen.ignored)
    shown = [_table(whole)] if whole else []
    output.print_report(Report(shown, [*whole, *named(skipped)], skipped), as_json)


def _table(found: Sequence[Detection]) -> Table:
    """A row for each box; one for a picture without."""
    rows = []
    for one in found:
        path = output.short_path(one.path)
        for box in one.boxes:
            x, y, width, height = (f"{edge:.0f}" for edge in box.box)
            place = f"{x},{y} {width}x{height}"
            rows.append((path, box.label, f"{box.probability:.2f}", place, str(box.origin)))
        if not one.boxes:
            rows.append((path, "nothing found", "", "", ""))
    return Table(("path", "label", "probability", "place", "model"), rows, left=("label", "model"))


def _targets(draw: Path | None, paths: Sequence[str]) -> list[Path]:
    if draw is None:
        return []
    from sensorium.tasks.drawing import drawing_paths

    return drawing_paths(draw, paths)


def _draw(found: Sequence[Detection], targets: Sequence[Path]) -> None:
    if not targets:
        return
    from sensorium.media import Image
    from sensorium.tasks.detection import drawn
    from sensorium.tasks.drawing import colours_of, save_drawing

    colours = colours_of(box.label for one in found for box in one.boxes)
    for one, target in zip(found, targets, strict=True):
        if not one.error:
            try:
                save_drawing(drawn(Image(one.path), one, colours), target)
            except MediaError as error:  # it was there a moment ago
                output.notices.print(f"{one.path}: {error.reason}", soft_wrap=True)
