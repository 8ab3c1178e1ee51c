"""Regions: what stands out is among them, exactly; the same every time; no picture is too odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium.tasks.boxes.overlap import overlaps
from sensorium.tasks.boxes.regions import grid, proposals

SHAPES = ((40, 30, 110, 90), (200, 120, 290, 200), (20, 150, 70, 220))


def _scene(noise: float) -> PIL.Image.Image:
    """Three shapes on a ground that is neither plain nor of their colours."""
    draw = np.random.default_rng(0)
    ground = np.full((240, 320, 3), (70, 120, 80)) + draw.normal(0, noise, (240, 320, 3))
    picture = PIL.Image.fromarray(ground.clip(0, 255).astype(np.uint8))
    pen = PIL.ImageDraw.Draw(picture)
    for box, colour in zip(SHAPES, ("red", "white", "navy"), strict=True):
        pen.ellipse(box, fill=colour)
    return picture


@pytest.mark.parametrize("noise", (0, 8))
def test_things_that_stand_out_are_found(noise: float) -> None:
    picture = _scene(noise)
    found = proposals(picture)
    assert 3 <= len(found) < 400
    size = np.array([*picture.size, *picture.size])
    shared = overlaps(np.array(SHAPES) / size, found.boxes)
    assert (shared.max(axis=1) > 0.8).all()
    # What stands out looks more like a thing than the median region does.
    best = found[shared.argmax(axis=1)]
    assert (best.cues[:, 0] > np.median(found.cues[:, 0])).all()


def test_regions_are_the_same_every_time(sample: Path) -> None:
    picture = PIL.Image.open(sample / "images/x_dog.jpg").convert("RGB")
    one, two = proposals(picture), proposals(picture)
    assert np.array_equal(one.boxes, two.boxes) and np.array_equal(one.cues, two.cues)
    assert np.isfinite(one.cues).all()
    assert (one.boxes[:, :2] >= 0).all() and (one.boxes[:, 2:] <= 1).all()
    assert (one.boxes[:, 2:] > one.boxes[:, :2]).all()


@pytest.mark.parametrize("size", ((1, 1), (1, 500), (500, 1), (3, 2), (2000, 100)))
def test_odd_shapes_are_looked_at(size: tuple[int, int]) -> None:
    found = proposals(PIL.Image.new("RGB", size, "teal"))
    assert np.isfinite(found.cues).all()


def test_grids_cover_the_picture() -> None:
    cells = grid(4)
    assert len(cells) == 1 + 9 + 25 + 49
    assert cells.min() == 0 and cells.max() == 1
    assert np.allclose(
        np.unique(np.round(cells[:, 2] - cells[:, 0], 6)), [0.25, 1 / 3, 0.5, 1], atol=1e-5
    )
