"""Long pictures are seen as a whole and in tiles, which together leave nothing out."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, Segment
from sensorium.media.pictures.tiles import (
    MAX_TILES,
    MIN_RATIO,
    MIN_SIDE,
    OVERLAP,
    Tile,
    tile_boxes,
)
from sensorium.media.pictures.turning import Box


def noise(width: int, height: int) -> PIL.Image.Image:
    """A smooth picture, every part of which differs from the others."""
    grid = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    return PIL.Image.fromarray(grid).resize((width, height), PIL.Image.Resampling.BICUBIC)


def encoded(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def tiles(image: Image) -> list[Segment]:
    whole, *rest = image.segments()
    assert whole.media is image and not whole.details
    return rest


@pytest.mark.parametrize(
    "size",
    [
        (4000, 3000), (1920, 1080), (1080, 2340), (2000, 1000), (1080, 2520), (1920, 800),
        (600, 600), (728, 20), (5000, 1), (2000, MIN_SIDE - 1), (int(MIN_RATIO * 1000) - 1, 1000),
    ],
)  # fmt: skip
def test_photos_screens_films_and_rules_are_one(size: tuple[int, int]) -> None:
    assert tile_boxes(*size) == [] == tile_boxes(*size[::-1])


def test_tiles_are_square_overlap_and_leave_nothing_out() -> None:
    for length in [*range(1600, 12_000, 123), 14_137, 1_600_000]:
        boxes = tile_boxes(length, 640)
        assert tile_boxes(640, length) == [(u, lf, lw, r) for lf, u, r, lw in boxes]
        assert 2 < len(boxes) <= MAX_TILES
        assert all((upper, lower) == (0, 640) for _, upper, _, lower in boxes)
        assert boxes[0][0] == 0 and boxes[-1][2] == length
        sides = {right - left for left, _, right, _ in boxes}
        assert len(sides) == 1  # and they are longer only where there would be too many
        assert (sides == {640}) == (length / 640 <= MAX_TILES * (1 - OVERLAP) + OVERLAP)
        side = sides.pop()
        for (_, _, stop, _), (start, _, _, _) in pairwise(boxes):
            assert (stop - start) / side > OVERLAP - 2 / side


@pytest.mark.parametrize("make", ["path", "bytes", "array", "Pillow"])
@pytest.mark.parametrize("size", [(400, 100), (100, 450)])
def test_tiles_are_parts_of_the_picture(make: str, size: tuple[int, int], tmp_path: Any) -> None:
    picture = noise(*size)
    (tmp_path / "a.png").write_bytes(encoded(picture, "PNG"))
    image = Image({
        "path": tmp_path / "a.png", "bytes": encoded(picture, "PNG"),
        "array": np.asarray(picture), "Pillow": picture,
    }[make])  # fmt: skip
    parts = tiles(image)
    assert len(parts) == len(tile_boxes(*size)) > 3
    for part, box in zip(parts, tile_boxes(*size), strict=True):
        assert isinstance(part.media, Tile) and part.span is None
        assert np.array_equal(part.media.load(), picture.crop(box))
        shares = np.divide(box, (*size, *size))
        assert part.details == {"box": pytest.approx(shares, abs=1e-4)}
        assert part.media.metadata() == {"width": 100, "height": 100}
        (again,) = part.media.segments()
        assert again.media is part.media


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiles_are_of_what_is_shown(orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    content = encoded(noise(1600, 320), "JPEG", quality=95, exif=exif)
    shown = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(content)))
    for side in (None, 60):  # decoded at full size, and at half of it
        for part, box in zip(tiles(Image(content)), tile_boxes(*shown.size), strict=True):
            assert isinstance(part.media, Tile)
            picture, filled = part.media.load_scaled(side)
            seen = picture.resize((64, 64), PIL.Image.Resampling.BILINEAR, filled)
            wanted = shown.crop(box).resize((64, 64), PIL.Image.Resampling.BILINEAR)
            assert side is None or picture.width < 200
            assert np.abs(np.subtract(seen, wanted, dtype=np.int16)).max() < 12


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Sizes that whole pictures are decoded to."""
    decoded = []
    load = Image.load_scaled

    def counting(self: Image, min_side: int | None = None) -> tuple[PIL.Image.Image, Box]:
        decoded.append(min_side)
        return load(self, min_side)

    monkeypatch.setattr(Image, "load_scaled", counting)
    return decoded


def test_a_picture_is_decoded_once_for_its_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = counted(monkeypatch)
    parts = iter(Image(encoded(noise(640, 128), "PNG")).segments())
    assert not decoded
    sizes = [segment.media.load(30).size for segment in parts if isinstance(segment.media, Image)]
    assert decoded == [30, 30]  # the whole, and for all tiles
    assert len(sizes) == 8 and {*sizes[1:]} <= {(64, 64), (65, 64)}


def test_a_broken_picture_is_not_decoded_for_each_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = counted(monkeypatch)
    content = encoded(noise(1280, 128), "PNG")
    for part in tiles(Image(content[:-2000])):
        assert isinstance(part.media, Image)
        with pytest.raises(MediaError, match="broken picture"):
            part.media.load(30)
    assert decoded == [30]


def test_what_is_known_of_the_size_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, turned = noise(300, 200), PIL.Image.Exif()
    turned[0x0112] = 6
    for content in (encoded(plain, "PNG"), encoded(plain, "JPEG", exif=turned)):
        for read in (Image.load, Image.metadata):
            image = Image(content)
            read(image)
            with monkeypatch.context() as patch:
                patch.setattr(Image, "_open", lambda self: pytest.fail("opened again"))
                assert tiles(image) == []


def test_tall_pages_have_tiles() -> None:
    pages = [noise(100, 100), noise(100, 400), noise(90, 100)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    found = [dict(segment.details) for segment in Image(content).segments()]
    assert [one["page"] for one in found] == [1, 2, *[2] * (len(found) - 3), 3]
    assert [one for one in found if "box" not in one] == [{"page": n} for n in (1, 2, 3)]
    assert len(found) == 3 + len(tile_boxes(100, 400))
