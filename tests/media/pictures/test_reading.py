"""Where pictures are decoded, in which pieces, and what their headers may ask for."""

from __future__ import annotations

import io
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.encoders import Encoder
from sensorium.errors import MediaError
from sensorium.media import Image, isolation
from sensorium.media import image as image_module
from sensorium.media.isolation import WITHOUT
from sensorium.media.pictures import copies, costs, pieces
from sensorium.media.pictures.exif_block import overstates
from tests.media import isolated
from tests.media.small_pictures import encode, exif


def noise(mode: str, size: tuple[int, int] = (61, 47), seed: int = 0) -> PIL.Image.Image:
    """Random pixels, in blocks of some, so that grounds and palettes have something to choose."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (-(-size[1] // 5), -(-size[0] // 5), 4), np.uint8)
    levels = levels.repeat(5, 0).repeat(5, 1)[: size[1], : size[0]]
    if mode in ("I", "F", "I;16"):
        wide = levels[..., 0].astype(np.int64) * 257 - (20_000 if mode == "I" else 0)
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        return PIL.Image.fromarray(wide.astype(kind))
    return PIL.Image.fromarray(levels, "RGBA").convert(mode)


FILES = {
    **{f"PNG {mode}": encode(noise(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "I;16")},
    **{f"PNG RGBA {n}": encode(noise("RGBA", seed=n), "PNG") for n in range(3)},
    "PNG transparent": encode(noise("RGB"), "PNG", transparency=noise("RGB").getpixel((9, 9))),
    **{f"PNG {n}": encode(noise("RGB"), "PNG", exif=exif({0x0112: n})) for n in range(2, 9)},
    **{f"TIFF {n}": encode(noise("RGB"), "TIFF", exif=exif({0x0112: n})) for n in range(2, 9)},
    **{f"TIFF {mode}": encode(noise(mode), "TIFF") for mode in ("CMYK", "I", "F", "LAB", "RGBA")},
    "JPEG": encode(noise("RGB"), "JPEG", quality=95),
    "JPEG CMYK": encode(noise("CMYK"), "JPEG"),
    "WEBP": encode(noise("RGBA"), "WEBP", lossless=True),
    "BMP": encode(noise("RGB"), "BMP"),
    "GIF": encode(noise("P"), "GIF"),
    "JPEG2000": encode(noise("RGB"), "JPEG2000"),
}  # fmt: skip


def white_writing() -> bytes:
    """White lines on what is transparent: they are shown on black."""
    picture = PIL.Image.new("RGBA", (700, 500), (255, 255, 255, 0))
    for y in range(100, 500, 100):
        picture.paste((255, 255, 255, 255), (100, y, 600, y + 20))
    return encode(picture, "PNG")


def partial_gif() -> bytes:
    """A GIF whose first frame leaves a margin free."""
    encoded = bytearray(encode(noise("P", (40, 30)), "GIF"))
    encoded[6:10] = struct.pack("<HH", 61, 47)  # of the screen
    at = encoded.index(b"\x2c\0\0\0\0") + 1
    encoded[at : at + 4] = struct.pack("<HH", 9, 11)
    return bytes(encoded)


@pytest.mark.parametrize("name", [*FILES, "white writing", "partial"])
def test_pieces_are_the_whole_to_the_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"white writing": white_writing, "partial": partial_gif}
    encoded = made[name]() if name in made else FILES[name]
    monkeypatch.setenv(WITHOUT, "0")
    for min_side in (None, 11):
        monkeypatch.setattr(pieces, "PIECE", 1 << 21)
        monkeypatch.setattr(pieces, "UNCHANGED", 1 << 25)
        whole, box = Image(encoded).load_scaled(min_side)
        monkeypatch.setattr(pieces, "UNCHANGED", 0)
        for size in (whole.width * whole.height // 40, whole.width * whole.height // 3):
            monkeypatch.setattr(pieces, "PIECE", size)
            again, other = Image(encoded).load_scaled(min_side)
            assert (again.size, again.mode, other) == (whole.size, "RGB", box)
            assert again.tobytes() == whole.tobytes()


@pytest.mark.parametrize("name", FILES)
def test_a_worker_gives_what_this_process_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = FILES[name]
    monkeypatch.setattr(image_module, "thread_cost", lambda *_: None)  # JPEG and PNG, too
    monkeypatch.setattr(copies, "thread_cost", lambda *_: None)
    there = read_whole(encoded)
    monkeypatch.setenv(WITHOUT, "0")
    assert there == read_whole(encoded)


def read_whole(encoded: bytes) -> list[Any]:
    """All that can be asked of a picture."""
    image = Image(encoded)
    loaded = [image.load_scaled(side) for side in (None, 7)]
    pixels = copies.read_pixels(encoded, Path("a"))
    seen = [(picture.size, picture.mode, picture.tobytes(), box) for picture, box in loaded]
    shown = (pixels.picture.mode, pixels.picture.tobytes(), pixels.facts)
    return [*seen, *shown, image.metadata(), image.notes]


def test_a_killed_worker_costs_one_named_file(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_module, "read_pieces", isolated.pieces_but_of_the_deadly)
    names = ["a.webp", "deadly.webp", "other.gif", "plain.png", "z.bmp"]
    for name in names:
        (tmp_path / name).write_bytes(encode(noise("RGB"), Path(name).suffix[1:].upper()))
    collection = Collection(tmp_path / "c.sensorium", encoder=encoder)
    report = collection.add(tmp_path)
    assert report.added == 4
    assert [Path(one.path).name for one in report.skipped] == ["deadly.webp"]
    assert "SIGKILL" in report.skipped[0].reason or "the system ended" in report.skipped[0].reason


def test_plain_pictures_are_decoded_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MediaError("a worker was asked")

    for kind in ("jpg", "png"):
        options = {"exif": exif({0x0112: 6, 0x010F: "Maker"})}
        noise("RGB").save(tmp_path / f"a.{kind}", **options)
    noise("RGB").save(tmp_path / "progressive.jpg", progressive=True)
    noise("RGB").save(tmp_path / "a.webp")
    monkeypatch.setattr(isolation._pool, "take", refuse)
    for name in ("a.jpg", "a.png", "progressive.jpg"):
        image = Image(tmp_path / name)
        image.load(16)
        image.metadata()
        assert len(list(image.segments())) == 1
    with pytest.raises(MediaError, match="a worker was asked"):
        Image(tmp_path / "a.webp").load()


def test_what_is_large_or_unusual_is_left_to_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg, png = encode(noise("RGB"), "JPEG"), encode(noise("RGB"), "PNG")
    assert costs.thread_cost(jpeg, None) == 61 * 47 * 4
    assert costs.thread_cost(jpeg, 2) == 61 * 47 // 64 * 4
    progressive = encode(noise("RGB"), "JPEG", progressive=True, subsampling=0)
    assert costs.thread_cost(progressive, 2) == 61 * 47 * 6 + 61 * 47 // 64 * 4
    assert costs.thread_cost(png, 2) == 61 * 47 * costs.A_PIXEL_OF_PNG
    for encoded in (encode(noise("RGB"), "WEBP"), b"", jpeg[:100], png[:30], b"\xff\xd8\xff"):
        assert costs.thread_cost(encoded, None) is None
    monkeypatch.setattr(costs, "MOST_SCANS", 3)
    assert costs.thread_cost(progressive, None) is None
    assert costs.thread_cost(jpeg, None)
    monkeypatch.setattr(costs, "MOST_SEGMENTS", 2)
    assert costs.thread_cost(jpeg, None) is None
    monkeypatch.setattr(costs, "MOST_SEGMENTS", 20)
    monkeypatch.setattr(costs, "IN_THREAD", 61 * 47 * 5)
    assert costs.thread_cost(jpeg, None)
    assert costs.thread_cost(png, None) is None
    assert Image(png).load().size == (61, 47)  # and read all the same


def test_threads_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "IN_THREADS", 100)
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with costs.BUDGET.held(60):
            order.append("second")

    with costs.BUDGET.held(60):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        with costs.BUDGET.held(30):  # there is room for this one
            order.append("first")
    thread.join()
    with costs.BUDGET.held(1000):  # alone, what is over the limit by itself
        order.append("alone")
    assert order == ["first", "second", "alone"]


def block(tags: int, bytes_each: int, length: int) -> bytes:
    """EXIF whose tags all name the same bytes."""
    entries = b"".join(
        struct.pack("<HHII", 0x9C00 + n, 7, bytes_each, 10 + 12 * tags) for n in range(tags)
    )
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, tags)
    return (head + entries).ljust(length, b"\0")


def test_fields_that_say_more_than_there_is_are_left_out() -> None:
    plain = exif({0x010F: "Maker", 0x0110: "Model", 0x0112: 6}).tobytes()
    assert not overstates(plain) and not overstates(b"") and not overstates(plain[:9])
    assert not overstates(block(3, 30_000, 30_100))
    grows = block(20, 20_000, 20_300)
    assert overstates(grows)
    jpeg, png = io.BytesIO(), io.BytesIO()
    noise("RGB").save(jpeg, "JPEG", exif=grows)
    noise("RGB").save(png, "PNG", exif=grows[6:])
    for file in (jpeg, png):
        assert costs.thread_cost(file.getvalue(), None) is None
        image = Image(file.getvalue())
        assert image.load().size == (61, 47)
        assert image.metadata() == {"width": 61, "height": 47}
