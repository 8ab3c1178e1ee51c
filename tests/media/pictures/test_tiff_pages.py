"""Each page of a TIFF is a segment; smaller copies and masks are none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest

from sensorium import Collection
from sensorium.encoders import Encoder
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.isolation import WITHOUT
from sensorium.media.pictures import tiff_pages
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, exif, red_blue
from tests.media.tiffs import OLD_SUBFILE, SUBFILE, page, tiff

SIZE = (64, 32)


def grey(level: int, **more: object) -> tuple[dict[int, object], list[bytes]]:
    return page(4, 4, bytes([level]) * 16, **more)


def levels(image: Image) -> list[int]:
    """Level of each segment's first pixel."""
    return [segment.media.load().getpixel((0, 0))[0] for segment in image.segments()]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate"]
)
@pytest.mark.parametrize("big", [False, True])
def test_each_page_is_a_segment(tmp_path: Path, compression: str | None, big: bool) -> None:
    pages = [PIL.Image.new("RGB", SIZE, color) for color in ("red", "lime", "blue")]
    encoded = encode(
        pages[0], "TIFF", save_all=True, append_images=pages[1:], compression=compression,
        big_tiff=big,
    )  # fmt: skip
    path = tmp_path / "scan.tif"
    path.write_bytes(encoded)
    for image in (Image(encoded), Image(path), Image.from_encoded(encoded, path)):
        segments = list(image.segments())
        assert [segment.details for segment in segments] == [{"page": n} for n in (1, 2, 3)]
        assert segments[0].media is image
        for segment, color in zip(segments, (RED, (0, 255, 0), BLUE), strict=True):
            for min_side in (None, 4):
                assert_colors(segment.media.load(min_side), [color])  # type: ignore[attr-defined]
        assert image.metadata()["pages"] == 3
        assert image.notes == []


def test_a_tiff_of_one_page_is_what_it_was() -> None:
    image = Image(encode(red_blue(), "TIFF"))
    (segment,) = image.segments()
    assert segment.media is image and segment.details == {}
    assert "pages" not in image.metadata()


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_smaller_copies_and_masks_are_no_pages(order: str, big: bool) -> None:
    pages = [
        grey(10),
        grey(11, **{f"t{SUBFILE}": [1]}),  # a thumbnail
        grey(12, **{f"t{SUBFILE}": [2]}),  # "a page of several"
        grey(13, **{f"t{SUBFILE}": [4]}),  # a mask
        grey(14, **{f"t{OLD_SUBFILE}": [2]}),
        grey(15, **{f"t{OLD_SUBFILE}": [3]}),
        grey(16, **{f"t{SUBFILE}": [3]}),  # a thumbnail of a page
    ]
    image = Image(tiff(*pages, order=order, big=big))
    assert levels(image) == [10, 12, 15]
    assert image.metadata()["pages"] == 3


def test_the_first_is_a_page_whatever_it_says() -> None:
    assert levels(Image(tiff(grey(10, t254=[1]), grey(11)))) == [10, 11]
    image = Image(tiff(grey(10), grey(11, t254=[1])))
    (segment,) = image.segments()
    assert segment.media is image and segment.details == {}


def test_a_page_has_its_own_size_and_turn() -> None:
    wide = page(8, 4, bytes(range(32)), t274=[6])
    image = Image(tiff(grey(7), wide))
    second = list(image.segments())[1].media
    assert second.load().size == (4, 8)  # type: ignore[attr-defined]
    assert image.load().size == (4, 4)


def test_pages_in_a_circle_end_where_it_closes() -> None:
    encoded = tiff(grey(10), grey(11))
    first = int.from_bytes(encoded[4:8], "little")
    image = Image(tiff(grey(10), grey(11), last=first))
    assert levels(image) == [10, 11] and image.notes == []


def test_what_follows_a_broken_chain_is_noted() -> None:
    image = Image(tiff(grey(10), grey(11), last=1 << 30))
    assert levels(image) == [10, 11]
    assert image.notes == ["what follows page 2 cannot be found (a broken file)"]


def test_limits_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "0")
    monkeypatch.setattr(tiff_pages, "MAX_PAGES", 3)
    image = Image(tiff(*(grey(level) for level in range(5))))
    assert levels(image) == [0, 1, 2]
    assert "after page 3 are over the limit of 3 pages" in image.notes[0]
    monkeypatch.setattr(tiff_pages, "MAX_PAGES_PIXELS", 40)
    assert levels(Image(tiff(*(grey(level) for level in range(5))))) == [0, 1]
    # Smaller copies count, too: a file may hold a million of them.
    image = Image(tiff(grey(1), *(grey(level, t254=[1]) for level in range(5)), grey(2)))
    assert levels(image) == [1]


def test_a_broken_page_is_noted_and_the_others_are_found(tmp_path: Path, encoder: Encoder) -> None:
    red = page(4, 4, bytes([255, 0, 0]) * 16, bits=(8, 8, 8), photometric=2)
    broken = page(4, 4, bytes(16), photometric=32845)
    for pages, number in (([red, broken, red], 2), ([broken, red, red], 1)):
        file = tmp_path / f"{number}.tif"
        file.write_bytes(tiff(*pages))
        collection = Collection(tmp_path / f"{number}.sensorium", encoder=encoder)
        report = collection.add(file)
        assert report.added == 1
        (note,) = report.notes
        assert note.reason.startswith(f"page {number} left out: broken picture")
        assert len(list(collection.items("pages = 3"))) == 1
        assert len(collection.segments().ids) == 2
        assert collection.search(red_blue(), k=1)[0].details == {"page": 1 if number == 2 else 2}


def test_a_file_without_a_whole_page_is_skipped(tmp_path: Path, encoder: Encoder) -> None:
    broken = page(4, 4, bytes(16), photometric=32845)
    file = tmp_path / "a.tif"
    file.write_bytes(tiff(broken, broken))
    report = Collection(tmp_path / "c.sensorium", encoder=encoder).add(file)
    assert report.added == 0 and len(report.skipped) == 1


def test_hits_tell_the_page(tmp_path: Path, encoder: Encoder) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(3)]
    pages = [PIL.Image.fromarray(pixels) for pixels in noise]
    (tmp_path / "a.tif").write_bytes(
        encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    )
    collection = Collection(tmp_path / "c.sensorium", encoder=encoder)
    collection.add(tmp_path / "a.tif")
    hit = collection.search(pages[2], k=1)[0]
    assert hit.details["page"] == 3 and hit.score > 0.999


def test_what_cannot_be_opened_is_one_segment(tmp_path: Path) -> None:
    for source in (tmp_path / "missing.tif", b"", b"II*\0", b"II", np.zeros((4, 4), np.uint8)):
        assert len(list(Image(source).segments())) == 1
    os.mkfifo(tmp_path / "pipe.tif")
    assert len(list(Image(tmp_path / "pipe.tif").segments())) == 1
    with pytest.raises(MediaError, match="not a regular file"):
        Image(tmp_path / "pipe.tif").metadata()


def test_only_exif_turns_a_picture() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
        b'syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        options: dict[str, object] = {"xmp": packet}
        if kind == "TIFF":
            options = {"tiffinfo": {700: packet}}
        elif kind == "PNG":
            info = PIL.PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
            options = {"pnginfo": info}
        image = Image(encode(red_blue(), kind, **options))
        assert image.load().size == SIZE
        assert image.metadata()["width"] == 64
        if kind != "TIFF":
            both = encode(red_blue(), kind, exif=exif({0x0112: 3}), **options)
            assert_colors(Image(both).load(), [BLUE, RED])
