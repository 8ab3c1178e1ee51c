"""Drawings: what was found is to be seen, captions keep apart, other pixels stay as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.errors import UsageError
from sensorium.tasks.drawing import (
    canvas_of,
    colours_of,
    draw_boxes,
    draw_mask,
    drawing_paths,
    save_drawing,
)


def test_frames_and_captions_are_drawn_where_boxes_are() -> None:
    canvas = PIL.Image.new("RGB", (400, 300), "white")
    colours = colours_of(["cat", "狗"])
    box = (0.25, 0.4, 0.75, 0.9)
    draw_boxes(canvas, [box, (0.26, 0.4, 0.8, 0.95)], ["cat 0.9", "狗 0.8"], [*colours.values()])
    pixels = np.asarray(canvas)
    for colour in colours.values():
        assert (pixels == colour).all(axis=2).sum() > 500  # a frame and a caption
    middle = pixels[160:250, 130:280]
    assert (middle == 255).all()  # inside, nothing is covered
    assert (pixels[300 - 10 :, :60] == 255).all()


@pytest.mark.parametrize("size", ((1, 1), (20, 3000), (5000, 4)))
def test_any_shape_is_drawn_on(size: tuple[int, int]) -> None:
    canvas = canvas_of(PIL.Image.new("RGB", size, "white"))
    draw_boxes(canvas, [(0, 0, 1, 1)], ["a rather long caption, longer than it"], [(255, 0, 0)])
    assert max(canvas.size) <= 1600


def test_masks_lie_over_their_pixels_alone() -> None:
    canvas = PIL.Image.new("RGB", (100, 100), "white")
    mask = np.zeros((10, 10), bool)
    mask[2:8, 2:8] = True
    draw_mask(canvas, mask, (255, 0, 0))
    pixels = np.asarray(canvas)
    assert np.allclose(pixels[50, 50].astype(int), (255, 140, 140), atol=2)
    assert (pixels[:10] == 255).all()


def test_drawings_have_places_of_their_own(tmp_path: Path) -> None:
    assert drawing_paths(tmp_path / "one.png", ["a.jpg"]) == [tmp_path / "one.png"]
    several = drawing_paths(tmp_path / "all", ["x/a.jpg", "y/a.png", "A.webp", "b.jpg"])
    assert [path.name for path in several] == ["a.png", "a-2.png", "A-3.png", "b.png"]
    with pytest.raises(UsageError, match="name a folder"):
        drawing_paths(tmp_path / "one.png", ["a.jpg", "b.jpg"])
    with pytest.raises(UsageError, match=r"ends in \.png"):
        drawing_paths(tmp_path / "one.jpg", ["a.jpg"])
    save_drawing(PIL.Image.new("RGB", (5, 5)), tmp_path / "new" / "one.png")
    assert PIL.Image.open(tmp_path / "new" / "one.png").size == (5, 5)
