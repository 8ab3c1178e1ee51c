"""Hundreds of valid pictures, compared with what ImageMagick and Chromium show of them."""

from __future__ import annotations

import fnmatch
import io
import itertools
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium.errors import MediaError
from sensorium.media import Image
from tests.differential.browser import browser, shown
from tests.media.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    grey_profile,
    rgb_profile,
    swapped_profile,
)
from tests.media.small_pictures import encode, exif, png_chunk, png_header

pytestmark = pytest.mark.slow

SIZE = (23, 14)  # no multiple of 8 in either direction

LOSSLESS, LOSSY = 3, 12
"""Levels of 255 that may differ: 16 bits are rounded or cut; inverse transforms of JPEG differ."""

MAGICK = next(
    (
        program
        for program in ("/usr/bin/convert", shutil.which("magick"))
        if program is not None and Path(program).exists()
    ),
    None,
)

Pixels = npt.NDArray[np.uint8]

EXPLAINED_MAGICK = {
    "tiff grayalpha 1 *": "ImageMagick shows one bit of alpha as none; libtiff and others do not",
    "tiff lab *": "ImageMagick takes the white of CIELab for D65; TIFF 6.0 and libtiff for D50",
    "tiff ycbcr 12 *": "YCbCr of more than 8 bits is not read, and that is said",
}

EXPLAINED_BROWSER = {
    "avif layered": "Chromium stretches the alpha channel; libavif gives the levels as written",
    "webp turned [2-8]": "Chromium passes over EXIF in WebP; viewers of systems turn the picture",
}


def sample() -> PIL.Image.Image:
    """Colours, edges and a ramp; no two quarters are alike."""
    width, height = SIZE
    picture = PIL.Image.new("RGB", SIZE, "red")
    picture.paste((0, 0, 255), (width // 2, 0, width, height))
    picture.paste((30, 200, 90), (3, 3, 9, 10))
    picture.paste((250, 240, 200), (14, 2, 20, 6))
    for x in range(width):
        picture.paste((x * 11, x * 11, x * 11), (x, height - 3, x + 1, height))
    return picture


def check(
    expected: Mapping[str, Pixels | None],
    files: Mapping[str, bytes],
    explained: Mapping[str, str],
    tolerance: Mapping[str, int],
) -> None:
    """Compare all, and tell what differs that should not, or no longer differs."""
    differing, used = {}, set()
    for name, encoded in files.items():
        reason = compared(encoded, expected[name], tolerance.get(name.split()[0], LOSSLESS))
        patterns = [pattern for pattern in explained if fnmatch.fnmatch(name, pattern)]
        used |= set(patterns) if reason else set()
        if reason and not patterns:
            differing[name] = reason
    print(f"{len(files)} pictures compared")
    assert not differing, "\n" + "\n".join(
        f"{name}: {reason}" for name, reason in differing.items()
    )
    assert not set(explained) - used, "these differ no longer"


def compared(encoded: bytes, expected: Pixels | None, tolerance: int) -> str:
    """Why a picture is not shown as expected; empty where it is."""
    if expected is None:
        return "the other shows nothing"
    try:
        loaded = np.asarray(Image(encoded).load(), np.int16)
    except MediaError as error:
        return error.reason
    if loaded.shape[:2] != expected.shape[:2]:
        return f"{loaded.shape[:2]}, not {expected.shape[:2]}"
    alpha = expected[..., 3:].astype(float) / 255
    differences = [
        int(np.abs(loaded - (expected[..., :3] * alpha + ground * (1 - alpha))).max())
        for ground in (255, 0)  # which of them is not the other's to say
    ]
    return f"{min(differences)} levels" if min(differences) > tolerance else ""


def magick(*arguments: str | Path, given: bytes = b"") -> bytes:
    assert MAGICK is not None
    return subprocess.run(
        [MAGICK, *arguments], input=given, capture_output=True, check=False
    ).stdout


def read_by_magick(encoded: bytes, kind: str) -> Pixels | None:
    found = magick(f"{kind}:-[0]", "-colorspace", "sRGB", "-depth", "8", "png32:-", given=encoded)
    if not found:
        return None
    with PIL.Image.open(io.BytesIO(found)) as picture:
        return np.asarray(picture.convert("RGBA"))


# TIFF

HALF = ("-alpha", "set", "-channel", "A", "-evaluate", "set", "50%", "+channel")
GREY = ("-colorspace", "gray")
COLOURS: dict[str, tuple[str, ...]] = {
    "bilevel": (*GREY, "-threshold", "50%", "-type", "bilevel"),
    "gray": (*GREY, "-type", "grayscale"),
    "inverted": (*GREY, "-type", "grayscale", "-define", "tiff:photometric=min-is-white"),
    "grayalpha": (*HALF, *GREY, "-type", "grayscalealpha"),
    "palette": ("-type", "palette"),
    "rgb": ("-type", "truecolor"),
    "rgba": (*HALF, "-type", "truecoloralpha"),
    "associated": (*HALF, "-type", "truecoloralpha", "-define", "tiff:alpha=associated"),
    "cmyk": ("-colorspace", "cmyk", "-type", "colorseparation"),
    "lab": ("-colorspace", "lab"),
    "ycbcr": ("-colorspace", "ycbcr"),
}
FLOAT = ("-define", "quantum:format=floating-point")


def tiffs() -> Iterator[tuple[str, bytes]]:
    """All colours and depths, the other options in turn."""
    others = itertools.cycle(
        itertools.product(
            ("none", "lzw", "zip", "rle"), ("LSB", "MSB"),
            ((), ("-define", "tiff:tile-geometry=16x16"), ("-interlace", "plane"),
             ("-define", "tiff:rows-per-strip=3"), ("-define", "tiff:fill-order=lsb")),
        )
    )  # fmt: skip
    given = encode(sample(), "PNG")
    depths = [(bits, ()) for bits in (1, 2, 4, 8, 12, 16, 32)] + [(n, FLOAT) for n in (16, 32, 64)]
    for (colour, options), (bits, kind), _ in itertools.product(COLOURS.items(), depths, range(2)):
        compression, order, more = next(others)
        if colour in ("lab", "palette", "ycbcr") and (kind or bits < 8):
            continue  # nobody reads, or ImageMagick does not write them
        if bits in (2, 4) and "lsb" in "".join(more):
            continue
        layout = "tiff64" if order == "MSB" and compression == "none" else "tiff"
        written = magick(
            "png:-", *options, "-depth", str(bits), *kind, *more, "-endian", order, "-compress",
            compression, f"{layout}:-", given=given,
        )  # fmt: skip
        number = "float" if kind else "whole"
        if written:
            yield f"tiff {colour} {bits} {number} {order} {compression} {' '.join(more)}", written


def packed_tiffs() -> Iterator[tuple[str, bytes]]:
    """What packs only some kinds of pictures."""
    given = encode(sample(), "PNG")
    inverted = ("-define", "tiff:photometric=min-is-white")
    for compression, more in itertools.product(("group4", "fax"), ((), inverted)):
        yield f"tiff {compression} {' '.join(more)}", magick(
            "png:-", "-threshold", "50%", "-type", "bilevel", *more, "-compress", compression,
            "tiff:-", given=given,
        )  # fmt: skip
    for compression, (name, options) in itertools.product(
        ("jpeg", "lzma", "zstd"),
        {"colour": ("-type", "truecolor"), "grey": ("-type", "grayscale"),
         "cmyk": ("-colorspace", "cmyk")}.items(),
    ):  # fmt: skip
        kind = "lossy" if compression == "jpeg" else "tiff"
        yield (
            f"{kind} {compression} {name}",
            magick(
                "png:-", *options, "-quality", "97", "-compress", compression, "tiff:-", given=given
            ),
        )


@pytest.mark.skipif(MAGICK is None, reason="ImageMagick is not installed")
def test_tiffs_by_imagemagick() -> None:
    files = dict(itertools.chain(tiffs(), packed_tiffs()))
    assert len(files) > 120
    expected = {name: read_by_magick(encoded, "tiff") for name, encoded in files.items()}
    check(expected, files, EXPLAINED_MAGICK, {"lossy": LOSSY})


# What browsers read


def pngs() -> Iterator[tuple[str, bytes]]:
    """Every colour type and depth, with and without a transparent value, interlaced and not."""
    picture = np.asarray(sample().convert("RGBA"), np.uint16) * 257
    picture[..., 3] = np.linspace(0, 65535, picture.shape[1])[None, :]
    kinds = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    for colour, depths in kinds.items():
        for bits, clear, interlaced in itertools.product(depths, (False, True), (0, 1)):
            if clear and colour in (4, 6):
                continue
            most = (1 << bits) - 1
            if colour == 3:
                levels = (np.indices(picture.shape[:2]).sum(axis=0) % (most + 1))[..., None]
            else:
                channels = {0: [0], 2: [0, 1, 2], 4: [0, 3], 6: [0, 1, 2, 3]}[colour]
                levels = picture[..., channels].astype(np.int64) * most // 65535
            chunks = []
            if colour == 3:
                palette = np.random.default_rng(bits).integers(0, 256, (most + 1, 3), np.uint8)
                chunks.append((b"PLTE", palette.tobytes()))
                if clear:
                    chunks.append((b"tRNS", bytes([0, 128, 255])[: most + 1]))
            elif clear:
                chunks.append((b"tRNS", struct.pack(f">{levels.shape[2]}H", *levels[5, 5])))
            yield (
                f"png {colour} {bits} {clear} {interlaced}",
                written_png(levels, bits, colour, chunks, interlaced),
            )


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip
"""Left, upper, step to the right and down of the seven passes."""


def written_png(
    levels: npt.NDArray[np.int64],
    bits: int,
    colour: int,
    chunks: list[tuple[bytes, bytes]],
    interlaced: int,
) -> bytes:
    data = b""
    for left, upper, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = levels[upper::down, left::across]
        for row in part.reshape(part.shape[0], part.shape[1] * part.shape[2]):
            if not row.size:
                continue
            text = "".join(format(int(level), f"0{bits}b") for level in row)
            text += "0" * (-len(text) % 8)
            data += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = png_header(levels.shape[1], levels.shape[0], bits, colour)[:-1] + bytes([interlaced])
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def animations() -> Iterator[tuple[str, bytes]]:
    """Animated PNGs: the default picture a frame or not; frames whole or in part."""

    def solid(width: int, height: int, colour: tuple[int, ...]) -> bytes:
        return zlib.compress((b"\0" + bytes(colour) * width) * height)

    def control(number: int, place: tuple[int, ...], dispose: int, blend: int) -> bytes:
        return struct.pack(">I4IHHBB", number, *place, 50, 1, dispose, blend)

    width, height = SIZE
    green, blue, red = (0, 255, 0, 128), (0, 0, 255, 255), (255, 0, 0, 255)
    whole, part = (width, height, 0, 0), (9, 5, 3, 4)
    for hidden, place, dispose, blend in itertools.product(
        (True, False), (whole, part), (0, 1, 2), (0, 1)
    ):
        if not hidden and place != whole:
            continue  # the default picture fills all
        chunks = [(b"IHDR", png_header(width, height, 8, 6)), (b"acTL", struct.pack(">II", 2, 0))]
        number = 0
        if not hidden:
            chunks.append((b"fcTL", control(0, whole, dispose, blend)))
            number = 1
        chunks.append((b"IDAT", solid(width, height, green if not hidden else red)))
        frames = [(place, green), (whole, blue)] if hidden else [(whole, blue)]
        for where, colour in frames:
            data = struct.pack(">I", number + 1) + solid(*where[:2], colour)
            chunks += [(b"fcTL", control(number, where, dispose, blend)), (b"fdAT", data)]
            number += 2
        body = b"".join(png_chunk(*chunk) for chunk in [*chunks, (b"IEND", b"")])
        name = f"apng {'hidden' if hidden else 'shown'} {place} {dispose} {blend}"
        yield name, b"\x89PNG\r\n\x1a\n" + body


def gifs() -> Iterator[tuple[str, bytes]]:
    """Frames that fill all or a part, interlaced or not, with and without a transparent index."""
    palette = sample().quantize(8)
    for interlace, clear, background in itertools.product((0, 1), (None, 0, 3), (0, 5)):
        options: dict[str, int] = {"interlace": interlace, "background": background}
        if clear is not None:
            options["transparency"] = clear
        whole = encode(palette, "GIF", **options)
        yield f"gif whole {interlace} {clear} {background}", whole
        wider = bytearray(whole)  # the same frame on a larger screen, off its corner
        wider[6:10] = struct.pack("<HH", SIZE[0] + 9, SIZE[1] + 5)
        at = whole.index(b"\x2c\0\0\0\0" + struct.pack("<HH", *SIZE))
        wider[at + 1 : at + 5] = struct.pack("<HH", 4, 2)
        yield f"gif part {interlace} {clear} {background}", bytes(wider)
    later = PIL.Image.new("RGB", SIZE, "green")
    yield "gif animated", encode(sample(), "GIF", save_all=True, append_images=[later])


def others() -> Iterator[tuple[str, bytes]]:
    """JPEG, WebP, AVIF and BMP; orientations and profiles of all formats that have them."""
    colour, grey, layered = sample(), sample().convert("L"), sample().convert("RGBA")
    layered.putalpha(PIL.Image.linear_gradient("L").resize(SIZE))
    later = PIL.Image.new("RGB", SIZE, "green")
    for sampling, progressive, optimize in itertools.product(
        (0, 1, 2), (False, True), (False, True)
    ):
        options = {"subsampling": sampling, "progressive": progressive, "optimize": optimize}
        flat = PIL.Image.new("RGB", SIZE, (30, 200, 90))  # how chroma is spread is the reader's own
        yield (
            f"jpeg {sampling} {progressive} {optimize}",
            encode(flat if sampling else colour, "JPEG", quality=97, **options),
        )
    yield "jpeg grey", encode(grey, "JPEG", quality=97)
    yield "jpeg cmyk", encode(colour.convert("CMYK"), "JPEG", quality=97, subsampling=0)
    yield "jpeg mpo", encode(colour, "MPO", save_all=True, append_images=[later], quality=97,
                             subsampling=0)  # fmt: skip
    for name, picture in (("colour", colour), ("layered", layered), ("grey", grey)):
        yield f"webp {name}", encode(picture, "WEBP", lossless=True, exact=True)
        yield f"avif {name}", encode(picture, "AVIF", quality=100, subsampling="4:4:4")
        if name != "grey":
            yield (
                f"webp animated {name}",
                encode(
                    picture,
                    "WEBP",
                    lossless=True,
                    save_all=True,
                    append_images=[later],
                    duration=9999,
                ),
            )
    for bits, mode in ((1, "1"), (8, "L"), (8, "P"), (24, "RGB")):
        yield f"bmp {bits} {mode}", encode(colour.convert(mode), "BMP")
    formats = {"JPEG": {"quality": 97, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True},
               "AVIF": {"quality": 100, "subsampling": "4:4:4"}}  # fmt: skip
    for turn, (kind, options) in itertools.product(range(1, 9), formats.items()):
        block = exif({0x0112: turn})
        yield f"{kind.lower()} turned {turn}", encode(colour, kind, exif=block, **options)
    profiles = {"p3": rgb_profile(DISPLAY_P3), "adobe": rgb_profile(ADOBE_RGB, 2.199),
                "swapped": swapped_profile(), "grey": grey_profile(1.4)}  # fmt: skip
    for (name, profile), (kind, options) in itertools.product(profiles.items(), formats.items()):
        if name != "grey":
            yield f"{kind.lower()} {name}", encode(colour, kind, icc_profile=profile, **options)
        elif kind in ("PNG", "JPEG"):
            options = {} if kind == "PNG" else {"quality": 97}
            yield f"{kind.lower()} {name}", encode(grey, kind, icc_profile=profile, **options)
    for gamma in (20_000, 45_455, 55_556, 100_000):
        whole = encode(colour, "PNG")
        chunk = png_chunk(b"gAMA", struct.pack(">I", gamma))
        yield f"png gamma {gamma}", whole[:33] + chunk + whole[33:]
    for codes in itertools.product((1, 12), (4, 5, 8, 13)):
        chunk = png_chunk(b"cICP", bytes([*codes, 0, 1]))
        yield f"png codes {codes}", whole[:33] + chunk + whole[33:]


def by_magick() -> Iterator[tuple[str, bytes]]:
    """What another writer than Pillow makes of it."""
    given = encode(sample(), "PNG")
    kinds: dict[str, tuple[str, ...]] = {
        "colour": (), "palette": ("-type", "palette"), "bilevel": ("-type", "bilevel"),
        "16 colours": ("-colors", "8", "-depth", "4"), "alpha": (*HALF, "-type", "truecoloralpha"),
        "packed": ("-compress", "RLE", "-type", "palette"),
    }  # fmt: skip
    for version, (name, options) in itertools.product(("bmp", "bmp2", "bmp3"), kinds.items()):
        yield f"bmp {version} {name}", magick("png:-", *options, f"{version}:-", given=given)
    for kind in ("RGB565", "RGB555", "ARGB4444", "ARGB1555"):
        subtype = f"bmp:subtype={kind}"
        yield f"bmp {kind}", magick("png:-", "-define", subtype, "bmp:-", given=given)
    for name, options in {
        "grey": ("-colorspace", "gray"), "interlaced": ("-interlace", "JPEG"),
        "cmyk": ("-colorspace", "cmyk"), "colour": ("-sampling-factor", "4:4:4"),
    }.items():  # fmt: skip
        options = (*options, "-sampling-factor", "4:4:4", "-quality", "97")
        yield f"jpeg magick {name}", magick("png:-", *options, "jpeg:-", given=given)


@pytest.mark.skipif(browser() is None, reason="Chromium is not installed")
def test_what_browsers_show() -> None:
    files = dict(itertools.chain(pngs(), animations(), gifs(), others()))
    if MAGICK is not None:
        files |= by_magick()
    assert len(files) > 120
    types = {"apng": "png", "mpo": "jpeg"}
    named = {name: types.get(name.split()[0], name.split()[0]) for name in files}
    expected = shown({name: (f"image/{named[name]}", data) for name, data in files.items()})
    check(expected, files, EXPLAINED_BROWSER, {"jpeg": LOSSY, "avif": LOSSY})
