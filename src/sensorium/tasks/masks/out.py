"""Masks as others take them: drawn onto their picture, and as COCO has annotations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.tasks.boxes.coco import as_annotations, save
from sensorium.tasks.detection import Box, Detection
from sensorium.tasks.drawing import canvas_of, colours_of, draw_boxes, draw_mask
from sensorium.tasks.segmentation import Segmentation


def drawn(picture: PIL.Image.Image, segmentation: Segmentation) -> PIL.Image.Image:
    """Lay the masks over a picture, each with its label and probability.

    Parameters
    ----------
    picture : PIL.Image.Image
        Upright.
    segmentation : Segmentation
        Of it.

    Returns
    -------
    PIL.Image.Image
        RGB; no larger than is good to look at.
    """
    canvas = canvas_of(picture)
    masks = segmentation.masks
    # Things without a name get a colour each.
    names = [mask.label or f"{number}" for number, mask in enumerate(masks)]
    colours = colours_of(names)
    for mask, name in reversed([*zip(masks, names, strict=True)]):
        draw_mask(canvas, mask.pixels, colours[name])
    width, height = segmentation.width, segmentation.height
    places = [
        (x / width, y / height, (x + w) / width, (y + h) / height)
        for x, y, w, h in (mask.box for mask in masks)
    ]
    captions = [f"{mask.label} {mask.probability:.0%}" if mask.label else "" for mask in masks]
    draw_boxes(canvas, places, captions, [colours[name] for name in names])
    return canvas


def coco(segmentations: Iterable[Segmentation], folder: Path | None = None) -> dict[str, Any]:
    """Masks as COCO has annotations; see `sensorium.tasks.boxes.coco.as_annotations`.

    Their ``segmentation`` is run lengths: ``size`` and ``counts``.
    """
    found = [one for one in segmentations if not one.error]
    made = as_annotations((_boxes(one) for one in found), folder)
    masks = (mask for one in found for mask in one.masks)
    for annotation, mask in zip(made["annotations"], masks, strict=True):
        annotation["area"] = mask.area
        annotation["segmentation"] = {"size": list(mask.size), "counts": mask.counts}
    return made


def save_coco(segmentations: Sequence[Segmentation], path: str | os.PathLike[str]) -> None:
    """Write `coco` into a file, with names relative to its folder.

    Raises
    ------
    UsageError, WriteError
        When the path is a folder; when it cannot be written.
    """
    save(segmentations, path, coco)


def _boxes(one: Segmentation) -> Detection:
    """The boxes around masks."""
    boxes = (
        Box(mask.label, mask.probability, mask.box, mask.origin)  # four whole numbers are floats
        for mask in one.masks
    )
    return Detection(one.path, one.width, one.height, tuple(boxes))
