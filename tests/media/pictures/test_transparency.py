"""What is transparent in each format, the ground it is laid over, and frames of animations."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from sensorium.media import Image
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, png, png_chunk, png_header

WHITE, BLACK, GREEN = (255, 255, 255), (0, 0, 0), (0, 255, 0)


def row_of(image: Image) -> list[tuple[int, ...]]:
    picture = image.load()
    return [picture.getpixel((x, 0)) for x in range(picture.width)]  # type: ignore[misc]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("color", [0, 2])
@pytest.mark.parametrize("opened", [False, True])
def test_one_transparent_value(bits: int, color: int, opened: bool) -> None:
    """The last of two neighbouring levels, in the lowest bit only, is transparent."""
    if color == 2 and (bits < 8 or (bits == 16 and opened)):
        return  # not in the standard; Pillow has given up the lower bits
    most = (1 << bits) - 1
    samples = 3 if color == 2 else 1
    low = most // 2
    levels = [low + 1, low, 0, low + 1]
    text = "".join(format(level, f"0{bits}b") * samples for level in levels)
    text += "0" * (-len(text) % 8)
    row = b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    clear = struct.pack(">H", low + 1) * samples
    encoded = png(png_header(4, 1, bits, color), (b"tRNS", clear), data=row)
    image = Image(PIL.Image.open(io.BytesIO(encoded))) if opened else Image(encoded)
    for _ in range(2):  # a caller's picture is decoded once, and used twice
        shown = row_of(image)
        assert shown[0] == shown[3] == WHITE
        assert shown[1] == (low * 255 // most,) * 3 and shown[2] == BLACK


def test_the_upper_bits_of_a_transparent_value_do_not_count() -> None:
    encoded = png(png_header(3, 1, 8, 0), (b"tRNS", b"\x01\x05"), data=b"\0\0\5\6")
    assert row_of(Image(encoded)) == [BLACK, WHITE, (6, 6, 6)]


def gif(canvas: int, size: int, at: int, background: int, clear: int | None = None) -> bytes:
    """A green frame, smaller than its canvas; palette: blue, red, green, black."""
    palette = bytes([*BLUE, *RED, *GREEN, *BLACK])
    file = b"GIF89a" + struct.pack("<HHBBB", canvas, canvas, 0x81, background, 0) + palette
    if clear is not None:
        file += b"\x21\xf9\x04\x01\0\0" + bytes([clear, 0])
    file += b"\x2c" + struct.pack("<HHHHB", at, at, size, size, 0) + b"\x02"
    codes = [code for n in range(size * size) for code in ([4, 2] if n % 2 == 0 else [2])]
    bits = "".join(format(code, "03b") for code in reversed([*codes, 5]))
    data = int(bits, 2).to_bytes((len(bits) + 7) // 8, "little")
    return file + bytes([len(data)]) + data + b"\0;"


@pytest.mark.parametrize("background", [0, 1, 3])
@pytest.mark.parametrize("clear", [None, 0])
def test_what_a_gif_leaves_free_is_transparent(background: int, clear: int | None) -> None:
    encoded = gif(8, 4, 2, background, clear)
    for image in (Image(encoded), Image(PIL.Image.open(io.BytesIO(encoded)))):
        picture = image.load()
        assert picture.size == (8, 8)
        assert picture.getpixel((0, 0)) == picture.getpixel((7, 7)) == WHITE
        assert picture.getpixel((2, 2)) == picture.getpixel((5, 5)) == GREEN
    assert Image(gif(4, 4, 0, background)).load().getcolors() == [(16, GREEN)]


def apng(
    *frames: tuple[tuple[int, int, int, int], tuple[int, ...], int],
    hidden: tuple[int, ...] = (255, 0, 0, 255),
    more: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """An animation of 8 x 8 pixels, its default picture not among its frames.

    Frames are (width, height, left, upper), a colour, and 1 to be laid over the one before.
    """

    def solid(width: int, height: int, colour: tuple[int, ...]) -> bytes:
        return zlib.compress((b"\0" + bytes(colour) * width) * height)

    kind = 6 if len(hidden) == 4 else 2
    chunks = [(b"IHDR", png_header(8, 8, 8, kind)), (b"acTL", struct.pack(">II", len(frames), 0))]
    chunks += [*more, (b"IDAT", solid(8, 8, hidden))]
    for number, (place, colour, over) in enumerate(frames):
        control = struct.pack(">I4IHHBB", 2 * number, *place, 1, 10, 0, over)
        data = struct.pack(">I", 2 * number + 1) + solid(*place[:2], colour)
        chunks += [(b"fcTL", control), (b"fdAT", data)]
    body = b"".join(png_chunk(*chunk) for chunk in [*chunks, (b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body


LATER = ((8, 8, 0, 0), (0, 0, 255, 255), 0)


def test_an_animation_begins_with_its_first_frame() -> None:
    encoded = apng(((8, 8, 0, 0), (0, 255, 0, 255), 0), LATER)
    assert_colors(Image(encoded).load(), [GREEN], tolerance=0)
    assert_colors(Image(encoded).load(2), [GREEN], tolerance=0)
    assert Image(encoded).metadata() == {"width": 8, "height": 8}


@pytest.mark.parametrize("over", [0, 1])
def test_the_hidden_picture_does_not_shine_through(over: int) -> None:
    picture = Image(apng(((4, 4, 2, 2), (0, 255, 0, 255), over), LATER)).load()
    assert picture.getpixel((0, 0)) == picture.getpixel((7, 7)) == WHITE
    assert picture.getpixel((2, 2)) == picture.getpixel((5, 5)) == GREEN
    half = Image(apng(((8, 8, 0, 0), (0, 255, 0, 128), over), LATER)).load()
    assert_colors(half, [(127, 255, 127)], tolerance=1)


def test_the_first_frame_has_the_transparent_colour_and_the_orientation_of_the_file() -> None:
    frame = ((8, 8, 0, 0), (0, 255, 0), 0)
    clear = (b"tRNS", struct.pack(">HHH", 0, 255, 0))
    assert_colors(Image(apng(frame, hidden=RED, more=(clear,))).load(), [WHITE], tolerance=0)
    block = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 3, 0, 0)
    upper = ((8, 4, 0, 0), (0, 255, 0, 255), 0)
    turned = Image(apng(upper, LATER, more=((b"eXIf", block),))).load()
    assert turned.getpixel((4, 1)) == WHITE and turned.getpixel((4, 6)) == GREEN


@pytest.mark.parametrize("place", [(9, 8, 0, 0), (4, 4, 6, 6), (0, 4, 0, 0), (1 << 31, 8, 0, 0)])
def test_a_frame_that_cannot_be_leaves_the_default_picture(place: tuple[int, ...]) -> None:
    encoded = apng(((8, 8, 0, 0), (0, 255, 0, 255), 0), LATER)
    at = encoded.index(b"fcTL") + 8
    wrong = bytearray(encoded)
    wrong[at : at + 16] = struct.pack(">4I", *place)
    wrong[at + 22 : at + 26] = struct.pack(">I", zlib.crc32(wrong[at - 8 : at + 22]))
    try:
        picture = Image(bytes(wrong)).load()
    except Exception as error:
        assert type(error).__name__ == "MediaError"
    else:
        assert_colors(picture, [RED], tolerance=0)


# The ground


def writing(
    ink: tuple[int, ...], size: tuple[int, int] = (900, 200), height: int = 48
) -> PIL.Image.Image:
    picture = PIL.Image.new("RGBA", size)
    draw = PIL.ImageDraw.Draw(picture)
    draw.text((40, 70), "Harbour Festival", ink, PIL.ImageFont.load_default(height))
    return picture


def ground(picture: PIL.Image.Image) -> object:
    """The colour of the lower right corner, the same whatever size it is decoded at."""
    encoded = encode(picture, "PNG")
    colours = {
        loaded.getpixel((loaded.width - 1, loaded.height - 1))
        for loaded in (Image(encoded).load(), Image(encoded).load(16), Image(picture).load())
    }
    (colour,) = colours
    return colour


@pytest.mark.parametrize("ink", [WHITE, (255, 255, 230), (240, 240, 240)])
@pytest.mark.parametrize("size", [(900, 200), (4000, 3000)])
def test_white_writing_is_laid_over_black(ink: tuple[int, ...], size: tuple[int, int]) -> None:
    picture = writing((*ink, 255), size)
    assert ground(picture) == BLACK
    loaded = np.asarray(Image(picture).load())
    assert loaded.min() == 0 and loaded.max() >= 240


def test_white_writing_in_every_format() -> None:
    palette = PIL.Image.new("P", (900, 200))
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.paste(
        1, mask=writing((255, 255, 255, 255)).getchannel("A").point(lambda a: 255 * (a > 127))
    )
    layers = writing((255, 255, 255, 255))
    for number, encoded in enumerate(
        (
            encode(layers, "WEBP", lossless=True),
            encode(layers, "TIFF"),
            encode(layers, "AVIF"),
            encode(layers.convert("LA"), "PNG"),
            encode(palette, "PNG", transparency=0),
            encode(palette, "GIF", transparency=0),
        )
    ):
        assert Image(encoded).load().getpixel((0, 0)) == BLACK, number


def test_ordinary_transparent_pictures_stay_on_white() -> None:
    def circle(fill: object, outline: object = None, width: int = 1) -> PIL.Image.Image:
        picture = PIL.Image.new("RGBA", (300, 300))
        PIL.ImageDraw.Draw(picture).ellipse((40, 40, 260, 260), fill, outline, width)  # type: ignore[arg-type]
        return picture

    assert ground(writing((0, 0, 0, 255))) == WHITE
    assert ground(writing((200, 30, 60, 255))) == WHITE
    assert ground(writing((255, 220, 0, 255))) == WHITE  # yellow is seen by its colour
    assert ground(writing((211, 211, 211, 255))) == WHITE  # faint, and still read
    assert ground(circle("red")) == WHITE
    sticker = circle("orange", "white", 12)
    PIL.ImageDraw.Draw(sticker).ellipse((100, 100, 200, 200), "blue", "black", 5)
    assert ground(sticker) == WHITE
    page = PIL.Image.new("RGBA", (600, 800))
    draw = PIL.ImageDraw.Draw(page)
    draw.rounded_rectangle((10, 10, 590, 790), 30, "white")
    for line in range(9):
        draw.text(
            (60, 60 + 75 * line), "What is on a page", "black", PIL.ImageFont.load_default(48)
        )
    assert ground(page) == WHITE
    assert ground(PIL.Image.new("RGBA", (30, 30))) == WHITE
    assert ground(PIL.Image.new("RGBA", (1, 1), (255, 255, 255, 0))) == WHITE
    shadow = PIL.Image.new("RGBA", (300, 300), (0, 0, 0, 20))
    assert ground(shadow)[0] > 200  # type: ignore[index]


def test_light_grey_beside_black_stays_on_white() -> None:
    """On black, the black half would be gone."""
    picture = writing((211, 211, 211, 255))
    PIL.ImageDraw.Draw(picture).text((40, 10), "in May", "black", PIL.ImageFont.load_default(48))
    assert ground(picture) == WHITE


def test_a_sign_with_a_white_name_beside_it_is_laid_over_black() -> None:
    picture = writing((255, 255, 255, 255))
    PIL.ImageDraw.Draw(picture).ellipse((500, 60, 580, 140), "red")
    assert ground(picture) == BLACK


def test_what_is_invisible_has_no_say() -> None:
    """Colours under full transparency: black there, as editors leave it."""
    picture = writing((255, 255, 255, 255))
    noise = np.random.default_rng(0).integers(0, 256, (200, 900, 3), np.uint8)
    levels = np.asarray(picture).copy()
    levels[..., :3] = np.where(levels[..., 3:] > 0, levels[..., :3], noise)
    assert ground(PIL.Image.fromarray(levels)) == BLACK


def test_a_glow_without_edges_is_laid_over_what_shows_it() -> None:
    steps = np.abs(np.linspace(-1, 1, 400))
    alpha = np.round(220 * np.minimum.outer(1 - steps[::2], 1 - steps) ** 2).astype(np.uint8)
    mask = PIL.Image.fromarray(alpha)
    for level, expected in ((255, BLACK), (250, BLACK), (0, WHITE), (128, WHITE)):
        glow = PIL.Image.new("RGBA", mask.size, (level,) * 3)
        glow.putalpha(mask)
        assert ground(glow) == expected
    glow.putalpha(mask.point(lambda n: n // 20))  # next to nothing
    assert ground(glow) == WHITE
