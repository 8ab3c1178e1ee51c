"""``sensorium segment``: what belongs to things in pictures, pixel by pixel."""

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
    import PIL.Image

    from sensorium.media import Image
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
        typer.Option(metavar="cut-out|words|person-mask|HUB|FOLDER", help="What makes the masks."),
    ] = "cut-out",
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|none",
            help="What finds boxes for words, as in `sensorium detect --model`.",
            show_default="ssd-coco for cut-out and person-mask",
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
    from sensorium.tasks.boxes.coco import require_file
    from sensorium.tasks.masks.out import save_coco
    from sensorium.tasks.segmentation import load_segmenter

    chosen = select_files(pictures, "image", "masks are of pictures")
    if not chosen.paths and not chosen.skipped:
        raise UsageError(f"{' '.join(pictures)}: no picture there")
    if coco is not None:
        require_file(coco)
    pointed = [[_point(one) for one in some.split()] for some in points or ()]
    around = [_box(one) for one in boxes or ()]
    targets = targets_of(draw, chosen.paths)
    table = output.GrowingTable(
        ("label", "probability", "place", "share", "model"), left=("label", "model", "place")
    )
    kept: list[Segmentation] = []
    with streaming("segmenting", chosen, as_json, stores=[draw], at_end=coco) as stream:
        if chosen.paths:
            segmenter = load_segmenter(model, detector=detector, encoder=encoder)
            found = segmenter.segment_each(
                chosen.paths, labels, points=pointed, boxes=around, least=least
            )
            for one, target in tell_each(stream, found, targets, table, _rows):
                if target is not None:
                    save_drawn(one.path, partial(_drawn, one), target)
                if coco is not None:
                    kept.append(one)
        if coco is not None:
            save_coco(kept, coco)


def _rows(one: Segmentation) -> list[tuple[str, ...]]:
    """A row for each mask; one for a picture without."""
    rows: list[tuple[str, ...]] = []
    for mask in one.masks:
        x, y, width, height = mask.box
        share = f"{mask.area / (one.width * one.height):.1%}"
        models = (mask.origin, mask.found_by)
        by = " in boxes of ".join(str(model) for model in models if model is not None)
        place = f"{x},{y} {width}x{height}"
        rows.append((mask.label, f"{mask.probability:.2f}", place, share, by))
    return rows or [("nothing found", "", "", "", "")]


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


def _drawn(one: Segmentation, image: Image) -> PIL.Image.Image:
    from sensorium.tasks.masks.out import drawn

    return drawn(image.load(), one)
