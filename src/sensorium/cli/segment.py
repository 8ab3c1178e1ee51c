"""``sensorium segment``: what belongs to things in pictures, pixel by pixel."""

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
    from sensorium.tasks.segmentation import Segmentation


def segment(
    pictures: Annotated[list[str], typer.Argument(help="Picture files, folders, globs.")],
    labels: Annotated[
        str | None, typer.Option(metavar="WORDS", help='What is sought, e.g. "cat,dog".')
    ] = None,
    points: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y ...",
            help='Places on one thing, e.g. "120,80 140,90"; again for another thing.',
        ),
    ] = None,
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,WIDTH,HEIGHT", help="A box around a thing; again for another thing."
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(metavar="cut-out|person-mask|HUB|FOLDER", help="What makes the masks."),
    ] = "cut-out",
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|none",
            help="What finds boxes for words, as in `sensorium detect --model`.",
            show_default="ssd-coco for our models",
        ),
    ] = None,
    least: Annotated[
        float | None,
        typer.Option(
            "--min", help="Probability that is told, from 0 to 1.", show_default="the model's own"
        ),
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Encoder that seeks words which the detector does not know.")
    ] = DEFAULT_ENCODER,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw masks into a PNG, or for several into a folder."),
    ] = None,
    coco: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write masks as COCO annotations (JSON).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the pixels of things in pictures: masks with labels."""
    from sensorium.tasks.segmentation import load_segmenter, skipped_of

    chosen = select_files(pictures, "image", "masks are of pictures")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    pointed = [[_point(one) for one in some.split()] for some in points or ()]
    around = [_box(one) for one in boxes or ()]
    found: list[Segmentation] = []
    if chosen.paths:
        targets = _targets(draw, [str(path) for path in chosen.paths])
        segmenter = load_segmenter(model, detector=detector, encoder=encoder)
        with progress_bar("segmenting") as progress:
            found = segmenter.segment(
                chosen.paths, labels, points=pointed, boxes=around, least=least, progress=progress
            )
        _draw(found, targets)
    if coco is not None:
        from sensorium.tasks.masks.out import save_coco

        save_coco(found, coco)
    skipped = chosen.skipped + skipped_of(found)
    whole = [one for one in found if not one.error]
    if not as_json:
        output.print_ignored(chosen.ignored)
    shown = [_table(whole)] if whole else []
    output.print_report(Report(shown, [*whole, *named(skipped)], skipped), as_json)


def _table(found: Sequence[Segmentation]) -> Table:
    """A row for each mask; one for a picture without."""
    rows = []
    for one in found:
        path = output.short_path(one.path)
        for mask in one.masks:
            x, y, width, height = mask.box
            share = f"{mask.area / (one.width * one.height):.1%}"
            models = (mask.origin, mask.found_by)
            by = " in boxes of ".join(str(model) for model in models if model is not None)
            place = f"{x},{y} {width}x{height}"
            rows.append((path, mask.label, f"{mask.probability:.2f}", place, share, by))
        if not one.masks:
            rows.append((path, "nothing found", "", "", "", ""))
    headings = ("path", "label", "probability", "place", "share", "model")
    return Table(headings, rows, left=("label", "model"))


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"{text!r:.40} is not X,Y in pixels of the picture") from None
    return (x, y)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"{text!r:.40} is not X,Y,WIDTH,HEIGHT in pixels of the picture") from None
    return (x, y, width, height)


def _targets(draw: Path | None, paths: Sequence[str]) -> list[Path]:
    if draw is None:
        return []
    from sensorium.tasks.drawing import drawing_paths

    return drawing_paths(draw, paths)


def _draw(found: Sequence[Segmentation], targets: Sequence[Path]) -> None:
    if not targets:
        return
    from sensorium.media import Image
    from sensorium.tasks.drawing import save_drawing
    from sensorium.tasks.masks.out import drawn

    for one, target in zip(found, targets, strict=True):
        if not one.error:
            try:
                save_drawing(drawn(Image(one.path).load(), one), target)
            except MediaError as error:  # it was there a moment ago
                output.notices.print(f"{one.path}: {error.reason}", soft_wrap=True)
