"""What items and hits look like: something is seen of each kind, and it is what was found."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Audio
from sensorium.collection import Hit
from sensorium.collection.previews import preview, wave
from sensorium.media import Modality
from tests.media.test_document import pdf

SIDE = 200


def seen(path: Path, modality: Modality, **where: object) -> np.ndarray:
    hit = Hit(1, str(path), modality, {}, **{"span": None, "score": 0.0, **where})  # type: ignore[arg-type]
    return np.asarray(preview(hit, SIDE), int)


def test_pages_of_a_scan(tmp_path: Path) -> None:
    scans = [PIL.Image.new("RGB", (300, 200), colour) for colour in ("red", "blue")]
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf(*scans))
    first, second = (seen(path, Modality.TEXT, details={"page": n}) for n in (1, 2))
    assert np.array_equal(seen(path, Modality.TEXT), first)
    red, blue = (page.mean(axis=(0, 1)) for page in (first, second))
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50
    words = seen(path, Modality.TEXT, details={"page": 1}, text="what was found")
    assert words.shape == (SIDE, SIDE, 3) and abs(words[..., 0] - words[..., 2]).max() == 0


@pytest.mark.parametrize(
    "text", ["A lighthouse. " * 200, "这座城市有两千多年的历史。" * 60, "x" * 5000]
)
def test_first_lines_fill_a_page(tmp_path: Path, text: str) -> None:
    path = tmp_path / "story.txt"
    path.write_text(text, "utf-8")
    for side in (SIDE, 2 * SIDE):
        page = np.asarray(preview(Hit(1, str(path), "text", {}, span=None, score=0.0), side))
        ink = (page < 128).any(axis=(1, 2))
        assert page.shape == (side, side, 3) and ink[: side // 4].any()
        if " " in text or not text.isascii():
            assert ink[-side // 4 :].any()  # to the bottom, and nothing is cut off on the right
        assert not (page[:, -4:] < 128).any()


def test_a_short_sound_is_a_line() -> None:
    """And neighbouring columns touch, however steep it is."""
    sound = Audio(np.sin(np.arange(300) / 3).astype(np.float32), rate=8000)
    drawn = np.asarray(wave(sound, SIDE))[..., 0] < 160
    assert drawn.shape == (SIDE // 2, SIDE) and drawn.any(axis=0).all()
    for left, right in pairwise(drawn.T):
        reach = [np.flatnonzero(column) for column in (left, right)]
        assert reach[0].min() <= reach[1].max() + 1 and reach[1].min() <= reach[0].max() + 1
