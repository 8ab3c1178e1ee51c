"""Films of high dynamic range look as they do on an ordinary display."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from sensorium import Video
from sensorium.media.pictures.hdr import BT2020, HLG, PQ, to_srgb


def shown(level: int, transfer: int) -> int:
    pixels = np.full((1, 1, 3), level, np.uint8)
    red, green, blue = to_srgb(pixels, transfer, BT2020)[0, 0].tolist()
    assert max(red, green, blue) - min(red, green, blue) <= 1  # grey stays grey
    return int(green)


@pytest.mark.parametrize(("transfer", "white"), [(PQ, 148), (HLG, 191)])
def test_paper_is_white(transfer: int, white: int) -> None:
    # 203 cd/m² are 58 % of PQ's signal and 75 % of HLG's (BT.2408, table 1).
    assert 238 <= shown(white, transfer) <= 250
    assert shown(0, transfer) == 0
    assert shown(255, transfer) >= 254
    steps = [shown(level, transfer) for level in range(256)]
    assert steps == sorted(steps)


def test_a_grey_card(transfer: int = PQ) -> None:
    # It has 26 cd/m², 38 % of the signal (BT.2408, table 1): 13 % of paper, 100 of 255 in sRGB.
    assert shown(round(0.38 * 255), transfer) == pytest.approx(100, abs=4)


def test_strong_colours_of_wide_primaries() -> None:
    red = to_srgb(np.array([[[130, 20, 20]]], np.uint8), PQ, BT2020)[0, 0]
    assert red[0] > 200 and red[1:].max() < 40


def test_ordinary_films_are_left_alone() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert to_srgb(pixels, 1, BT2020) is pixels


def test_a_film_is_shown_in_ordinary_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc = HLG
        stream.codec_context.color_primaries = stream.codec_context.colorspace = BT2020
        stream.codec_context.color_range = 1
        planes = [np.full((48, 64), 721, np.uint16), np.full((24, 64), 512, np.uint16)]
        frame = av.VideoFrame.from_ndarray(np.concatenate(planes), format="yuv420p10le")
        for number in range(5):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    ((_, picture),) = Video(path).frames()
    assert picture.getpixel((9, 9)) == pytest.approx((244, 244, 244), abs=6)  # was 191
