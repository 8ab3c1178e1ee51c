"""HEIC files are read as telephones show them: turned once, tiles joined, the main picture."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, open_media
from sensorium.media.isolation import WITHOUT
from sensorium.media.pictures.formats import FORMATS
from tests.media.heics import (
    exif_item,
    film_of_pictures,
    full,
    grid,
    heif,
    mirrored,
    picture_item,
    turned,
)
from tests.media.raws import MAKERS
from tests.media.small_pictures import BLUE, RED, assert_colors, corners, exif, ramp, red_blue

SIZE = (128, 64)
GREEN = PIL.Image.new("RGB", SIZE, "lime")
AUXILIARY = full(b"auxC", 0, 0, b"urn:com:apple:photo:2020:aux:hdrgainmap\0")


def _corners(picture: PIL.Image.Image) -> str:
    """The colours of the four quarters, row by row."""
    width, height = picture.size
    names = {(255, 0, 0): "R", (0, 255, 0): "G", (0, 0, 255): "B", (255, 255, 255): "W"}
    found = ""
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            pixel = picture.getpixel((x, y))
            found += names[tuple(round(level / 255) * 255 for level in pixel)]
    return found


def test_a_picture_of_a_telephone() -> None:
    fields = exif({0x010F: "Apple", 0x0110: "iPhone 15", 0x9003: "2024:05:01 12:00:00"})
    encoded = heif([picture_item(red_blue(SIZE)), exif_item(fields.tobytes(), of=1)])
    image = Image(encoded)
    assert_colors(image.load(), [RED, BLUE])
    assert_colors(image.load(min_side=8), [RED, BLUE])
    facts = image.metadata()
    assert (facts["width"], facts["height"]) == SIZE
    assert facts["camera"] == "Apple iPhone 15"
    assert facts["taken"].startswith("2024-05-01T12:00:00")
    assert image.notes == []


@pytest.mark.parametrize(
    ("properties", "shown", "size"),
    [
        ((), "RGBW", SIZE),
        ((turned(1),), "GWRB", (64, 128)),
        ((turned(2),), "WBGR", SIZE),
        ((turned(3),), "BRWG", (64, 128)),
        ((mirrored(0),), "BWRG", SIZE),
        ((mirrored(1),), "GRWB", SIZE),
        ((turned(1), mirrored(1)), "WGBR", (64, 128)),
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_turned_and_mirrored_once(
    properties: tuple[bytes, ...], shown: str, size: tuple[int, int], orientation: int
) -> None:
    # The EXIF orientation says the same again, or what was true before: it is not to be applied.
    fields = exif({0x0112: orientation}).tobytes()
    image = Image(heif([picture_item(corners(SIZE), *properties), exif_item(fields, of=1)]))
    assert _corners(image.load()) == shown
    assert image.load().size == size
    assert (image.metadata()["width"], image.metadata()["height"]) == size


def test_tiles_are_joined_and_cropped() -> None:
    whole = corners((256, 128))
    tiles = [whole.crop((x, y, x + 128, y + 64)) for y in (0, 64) for x in (0, 128)]
    items = [grid(2, 2, (250, 120), [2, 3, 4, 5])]
    items += [picture_item(tile, hidden=True) for tile in tiles]
    image = Image(heif(items))
    assert image.load().size == (250, 120)
    assert _corners(image.load()) == "RGBW"


def test_the_main_picture_is_taken_wherever_it_stands() -> None:
    thumbnail = picture_item(GREEN, refers={b"thmb": [3]})
    gain_map = picture_item(ramp(SIZE), AUXILIARY, refers={b"auxl": [3]})
    main = picture_item(red_blue(SIZE))
    assert_colors(Image(heif([thumbnail, gain_map, main], primary=3)).load(), [RED, BLUE])
    # Of a burst, the one that was chosen.
    burst = [picture_item(GREEN), picture_item(red_blue(SIZE)), picture_item(GREEN)]
    assert_colors(Image(heif(burst, primary=2)).load(), [RED, BLUE])


def test_ten_bits() -> None:
    image = Image(heif([picture_item(red_blue(SIZE), bits=10)], brands=(b"heix", b"mif1")))
    assert_colors(image.load(), [RED, BLUE])


def test_grey() -> None:
    picture = Image(heif([picture_item(ramp(SIZE))])).load()
    assert picture.mode == "RGB"
    assert abs(picture.getpixel((64, 32))[0] - 128) < 6


@pytest.mark.parametrize("brands", [(b"mif1", b"heic"), (b"heic",), (b"hevc", b"heic")])
def test_brands(brands: tuple[bytes, ...]) -> None:
    assert_colors(Image(heif([picture_item(red_blue(SIZE))], brands=brands)).load(), [RED, BLUE])


def test_a_sequence_gives_its_first_picture() -> None:
    image = Image(film_of_pictures([red_blue(SIZE), GREEN]))
    assert_colors(image.load(), [RED, BLUE], tolerance=12)
    assert image.metadata()["width"] == SIZE[0]


@pytest.mark.parametrize("name", ["photo.heic", "photo.HIF", "photo.jpg", "photo"])
def test_by_content_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(heif([picture_item(red_blue(SIZE))]))
    assert_colors(open_media(path).load(), [RED, BLUE])  # type: ignore[attr-defined]


def test_broken_ones_are_told() -> None:
    encoded = heif([picture_item(red_blue(SIZE))])
    for part in (encoded[:200], encoded[:-100], encoded[:24] + bytes(500)):
        with pytest.raises(MediaError, match="broken picture"):
            Image(part).load()


def test_a_header_that_claims_any_size() -> None:
    encoded = heif([picture_item(red_blue(SIZE))])
    claimed = encoded.replace(struct.pack(">II", *SIZE), struct.pack(">II", 60000, 60000))
    with pytest.raises(MediaError):
        Image(claimed).load()


def test_without_the_extra_the_command_is_said(tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heif([picture_item(red_blue(SIZE))]))
    code = (
        "import sys; sys.modules['pi_heif'] = None\n"
        "from pathlib import Path\n"
        "from sensorium.errors import MissingExtraError\n"
        "from sensorium.media import open_media\n"
        "try: open_media(Path(sys.argv[1])).load()\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False,
        env={**os.environ, WITHOUT: "0"},  # a worker would find the package
    )  # fmt: skip
    assert "pi_heif is not installed; run: pip install" in done.stdout, done.stderr
    assert "heif]" in done.stdout


def test_pillow_itself_is_left_as_it_was() -> None:
    Image(heif([picture_item(red_blue(SIZE))])).load()
    assert "HEIF" not in PIL.Image.OPEN
    assert "HEIF" not in FORMATS


def test_each_picture_of_a_burst_is_found() -> None:
    burst = [picture_item(GREEN), picture_item(red_blue(SIZE)), picture_item(GREEN, hidden=True)]
    image = Image(heif(burst, primary=2))
    main, other = image.segments()
    assert [main.details, other.details] == [{"page": 1}, {"page": 2}]
    assert isinstance(main.media, Image) and isinstance(other.media, Image)
    assert_colors(main.media.load(), [RED, BLUE])
    assert_colors(other.media.load(), [(0, 255, 0)])
    assert image.metadata()["pages"] == 2
    (alone,) = Image(heif([picture_item(GREEN)])).segments()
    assert alone.details == {}


def test_a_raw_file_has_no_pages() -> None:
    for make in MAKERS.values():
        (alone,) = Image(make(1)).segments()
        assert alone.details == {}
