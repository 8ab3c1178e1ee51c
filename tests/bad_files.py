"""Files that are broken, odd or no files at all, and what is to be said of each."""

from __future__ import annotations

import os
import random
import socket
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image

from sensorium.media.sources import MAX_BYTES
from tests.media.small_pictures import encode, exif, png, png_chunk, png_header, red_blue

NO_PICTURE = "no picture, or one that is broken in its first bytes"
BROKEN = "broken picture|" + NO_PICTURE
TRUNCATED = r"broken picture \(.*truncated"
TOO_LARGE = "more than the limit of 178,956,970 pixels"
NOT_REGULAR = "not a regular file"

Make = Callable[[Path], None]


def photo(seed: int = 0, size: tuple[int, int] = (300, 200)) -> PIL.Image.Image:
    """A picture with detail, so that a file of it can be cut anywhere."""
    rng = np.random.default_rng(seed)
    noise, coarse = (
        PIL.Image.fromarray(rng.integers(0, 256, (*shape, 3), np.uint8))
        for shape in (size[::-1], (4, 4))
    )
    # Even a thumbnail tells one seed from another.
    return PIL.Image.blend(noise, coarse.resize(size, PIL.Image.Resampling.NEAREST), 0.6)


def cut(picture: Callable[[], bytes], part: float = 0.5) -> Make:
    """The first part of a file, which is not encoded before it is wanted."""

    def make(path: Path) -> None:
        encoded = picture()
        path.write_bytes(encoded[: int(len(encoded) * part)])

    return make


def half(kind: str, **options: object) -> Make:
    return cut(lambda: encode(photo(), kind, **options))


def damaged_png(name: bytes, offset: int) -> bytes:
    """A PNG with one byte of the first such chunk changed; its checksum no longer agrees."""
    encoded = bytearray(encode(photo(), "PNG"))
    encoded[encoded.index(name) + offset] ^= 0xFF
    return bytes(encoded)


@cache
def packed_zeros() -> bytes:
    """64 megabytes in some kilobytes; to pack them takes half a second."""
    return zlib.compress(bytes(64 << 20), 9)


def zip_bomb(name: bytes, before: bytes) -> Make:
    """A PNG with a chunk of some kilobytes that unpacks to 64 megabytes."""

    def make(path: Path) -> None:
        chunk = (name, before + packed_zeros())
        path.write_bytes(png(png_header(4, 4), chunk, data=bytes(13 * 4)))

    return make


def bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 154, 0, 0, 54, 40, width, height,
                       1, 24, 0, 0, 0, 0, 0, 0) + bytes(100)  # fmt: skip


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose frame header is made to say another size."""
    encoded = bytearray(encode(photo(), "JPEG"))
    frame = encoded.index(b"\xff\xc0")
    encoded[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(encoded)


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A TIFF that is nothing but a directory of (tag, type, count, value)."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following)


def write(content: bytes) -> Make:
    return lambda path: void(path.write_bytes(content))


def void(_: object) -> None:
    pass


def _socket(path: Path) -> None:
    # A socket's whole path may have 108 bytes: bind it under a short name, then move it.
    short = Path(f"/tmp/sensorium-{os.getpid()}.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
    short.replace(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(encode(red_blue(), "PNG"))
        file.truncate(MAX_BYTES + 1)


def _unreadable(path: Path) -> None:
    path.write_bytes(encode(red_blue(), "PNG"))
    path.chmod(0)


def _unreadable_folder(path: Path) -> None:
    path.mkdir()
    (path / "hidden.png").write_bytes(encode(red_blue(), "PNG"))
    path.chmod(0)


BAD: dict[str, tuple[Make, str]] = {
    # Cut off
    "truncated.jpg": (half("JPEG"), TRUNCATED),
    "truncated-progressive.jpg": (half("JPEG", progressive=True, quality=60), TRUNCATED),
    "truncated.png": (half("PNG"), TRUNCATED),
    "truncated.webp": (half("WEBP"), BROKEN),
    "truncated.gif": (half("GIF"), TRUNCATED),
    "truncated.avif": (half("AVIF"), BROKEN),
    "truncated.tiff": (half("TIFF"), BROKEN),
    "truncated-lzw.tiff": (half("TIFF", compression="tiff_lzw"), BROKEN),
    "truncated.bmp": (half("BMP"), TRUNCATED),
    "zero-bytes.jpg": (write(b""), r"the file is empty \(0 bytes\)"),
    "one-byte.jpg": (write(b"\xff"), NO_PICTURE),
    "header-only.jpg": (write(b"\xff\xd8\xff\xe0\0\x10JFIF\0"), BROKEN),
    "header-only.png": (write(b"\x89PNG\r\n\x1a\n"), BROKEN),
    "no-pixels.png": (write(png(png_header(9, 9))), "broken picture"),
    "header-only.gif": (write(b"GIF89a"), BROKEN),
    "header-only.webp": (write(b"RIFF\x24\0\0\0WEBPVP8 "), BROKEN),
    # Something else
    "text.jpg": (write(b"Dear diary, today I took no photo.\n"), NO_PICTURE),
    "page.jpg": (write(b"<!DOCTYPE html><title>404</title>"), "no picture: it is a web page"),
    "document.png": (write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), "broken PDF"),
    "program.png": (write(b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run\n"), "no picture: it is PostScript"),
    "random.jpg": (write(random.Random(0).randbytes(5000)), NO_PICTURE),
    "nul-bytes.jpg": (write(bytes(5000)), NO_PICTURE),
    "archive.png": (write(b"PK\x03\x04" + bytes(60)), "no picture: it is a ZIP archive"),
    "film.gif": (write(b"\0\0\0\x20ftypisom" + bytes(60)), "no sound or video that can be read"),
    "phone.heic": (write(b"\0\0\0\x18ftypheic" + bytes(60)), BROKEN),
    "heic-inside.jpg": (write(b"\0\0\0\x18ftypheic" + bytes(60)), BROKEN),
    "new.jxl": (
        write(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60)), "JPEG XL pictures cannot be read: convert"
    ),
    "drawing.svg": (write(b"<svg/>"), "SVG pictures cannot be read: convert"),
    "camera.NEF": (write(b"MM\0*" + bytes(60)), BROKEN),
    # Damaged
    "bad-crc.png": (write(damaged_png(b"IDAT", 200)), "broken picture"),
    "bad-header-crc.png": (
        write(damaged_png(b"IHDR", 8)), r"PNG that cannot be read \(.*bad header",
    ),
    "corrupt-zlib.png": (write(png(png_header(9, 9), (b"IDAT", b"no zlib"))), "broken picture"),
    "oversize-chunk.png": (
        write(png(png_header(9, 9))[:33] + struct.pack(">I", 0x7FFFFFFF) + b"IDAT"),
        "broken picture",
    ),
    "65535-wide.jpg": (write(jpeg_of_size(65535, 200)), BROKEN),  # libjpeg stops at 65500
    "no-width.jpg": (write(jpeg_of_size(0, 200)), BROKEN),
    "no-height.jpg": (write(jpeg_of_size(300, 0)), BROKEN),
    "no-width.png": (write(png(png_header(0, 9), data=bytes(9))), BROKEN),
    "no-width.bmp": (write(bmp(0, 9)), BROKEN),
    "empty-folder.tiff": (write(tiff()), BROKEN),
    "no-such-type.tiff": (write(tiff((256, 99, 1, 9), (257, 99, 1, 9))), BROKEN),
    # Bombs
    "bomb.png": (write(png(png_header(100_000, 100_000), data=bytes(1000))), TOO_LARGE),
    "bomb-of-one-row.png": (write(png(png_header(2**31 - 1, 1, 1, 0), data=bytes(9))), TOO_LARGE),
    "bomb.gif": (write(gif(65535, 65535)), TOO_LARGE),
    "bomb.bmp": (write(bmp(100_000, 100_000)), TOO_LARGE),
    "bomb.jpg": (write(jpeg_of_size(65500, 65500)), TOO_LARGE),
    "bomb.tiff": (
        write(tiff((256, 4, 1, 2**31), (257, 4, 1, 2**31), (262, 3, 1, 1), (273, 4, 1, 8))),
        TOO_LARGE + "|broken picture|" + NO_PICTURE,
    ),
    "profile-bomb.png": (zip_bomb(b"iCCP", b"x\0\0"), "broken picture"),
    "text-bomb.png": (zip_bomb(b"zTXt", b"x\0\0"), "broken picture"),
    "huge.png": (_sparse, "536,870,913 bytes; files over 536,870,912 bytes are not read"),
    # No files, or not to be had
    "pipe.png": (lambda path: os.mkfifo(path), NOT_REGULAR),
    "socket.png": (_socket, NOT_REGULAR),
    "device.png": (lambda path: path.symlink_to("/dev/zero"), NOT_REGULAR),
    "dangling.png": (lambda path: path.symlink_to("nowhere.png"), "no such file"),
    "itself.png": (lambda path: path.symlink_to("itself.png"), "levels of symbolic links"),
    "loop": (lambda path: path.symlink_to("."), "folder reached before, as "),
    "unreadable.png": (_unreadable, "no permission"),
    "unreadable-folder": (_unreadable_folder, r"folder cannot be read \(Permission denied\)"),
    os.fsdecode(b"caf\xe9.png"): (write(encode(photo(90), "PNG")), "not valid UTF-8: rename"),
}  # fmt: skip
"""Name in the folder, how to make it, and words of the reason it is to be skipped for."""


def _folder_like_a_picture(path: Path) -> None:
    path.mkdir()
    (path / "inside.png").write_bytes(encode(photo(50), "PNG"))


def _broken_second_frame(kind: str) -> Make:
    frames = {"save_all": True, "append_images": [photo(61)], "duration": 9}
    return cut(lambda: encode(photo(60), kind, **frames), 0.8)


def named(seed: int) -> Make:
    return write(encode(photo(seed), "PNG"))


ODD: dict[str, Make] = {
    "one-pixel.png": write(encode(PIL.Image.new("RGB", (1, 1), "red"), "PNG")),
    "one-pixel-wide.png": write(encode(PIL.Image.new("RGB", (1, 20_000), "red"), "PNG")),
    "65500-wide.jpg": write(encode(PIL.Image.new("RGB", (65500, 2), "blue"), "JPEG")),
    "jpeg-inside.png": write(encode(photo(10), "JPEG")),
    "png-inside.gif": write(encode(photo(11), "PNG")),
    # libjpeg paints what is missing grey, as every viewer does.
    "more-rows-said-than-there.jpg": write(jpeg_of_size(300, 900)),
    "followed-by-garbage.jpg": write(encode(photo(12), "JPEG") + b"\0garbage" * 100),
    "broken-exif.jpg": write(encode(photo(13), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")),
    "absurd-orientation.jpg": write(encode(photo(14), "JPEG", exif=exif({0x0112: 77}))),
    "broken-profile.jpg": write(encode(photo(15), "JPEG", icc_profile=b"no profile")),
    "broken-second-frame.gif": _broken_second_frame("GIF"),
    "broken-second-frame.png": _broken_second_frame("PNG"),
    "folders-in-a-ring.tiff": write(
        tiff((256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
             (273, 4, 1, 0), (278, 3, 1, 2), (279, 4, 1, 4), following=8)
    ),
    "unknown-chunk.png": write(encode(photo(16), "PNG")[:33] + png_chunk(b"abCd", b"?")
                               + encode(photo(16), "PNG")[33:]),
    "LOUD.PNG": named(20),
    "new\nline.png": named(21),
    "tab\tand\rreturn.png": named(22),
    "emoji 😀 и 图片.png": named(23),
    "-rf.png": named(24),
    "quotes'\"`.png": named(25),
    "$(touch injected); #.png": named(26),
    "100%s%n{}.png": named(27),
    "[glob]*?.png": named(28),
    "\x1b[31mred.png": named(29),
    "\u202egnp.exe.png": named(30),
    "~nobody.png": named(31),
    "back\\slash.png": named(32),
    "comma,quote\",semicolon;.png": named(33),
    " spaces  .png": named(34),
    "n" * 251 + ".png": named(35),
    "图" * 83 + ".png": named(36),
    "photo.jpg/inside.png": lambda path: _folder_like_a_picture(path.parent),
}  # fmt: skip
"""What looks wrong and is not: each of these is to be indexed."""
