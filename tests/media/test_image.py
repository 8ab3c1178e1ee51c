"""Scaled decoding, pixels as arrays, and the limits of what is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensorium.encoders.preprocessing import image_pixels
from sensorium.errors import EncoderError, MediaError
from sensorium.media import Image, Modality
from sensorium.media.image import MAX_PIXELS, Box
from sensorium.media.isolation import WITHOUT
from sensorium.media.pictures.pieces import JPEG_MARGIN, REDUCE_MARGIN
from tests.media.small_pictures import (
    BLUE,
    RED,
    assert_colors,
    encode,
    exif,
    png,
    png_header,
    red_blue,
)


class FullSize(Image):
    """Decodes at full size whatever is asked for."""

    def load_scaled(self, min_side: int | None = None) -> tuple[PIL.Image.Image, Box]:
        return super().load_scaled()


def large(sample: Path, name: str, size: tuple[int, int]) -> PIL.Image.Image:
    """A sample photo with the sensor noise of a large one."""
    with PIL.Image.open(sample / "images" / name) as photo:
        smooth = np.asarray(photo.convert("RGB").resize(size, PIL.Image.Resampling.LANCZOS))
    noise = np.random.default_rng(0).integers(-20, 21, (*size[::-1], 1))
    return PIL.Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


# Sizes that divide evenly, and sizes whose reduced last row or column is filled in part.
@pytest.mark.parametrize("size", [(576, 384), (577, 385), (883, 590)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_scaled_decoding_agrees_with_full_decoding(
    sample: Path, size: tuple[int, int], kind: str, orientation: int
) -> None:
    photo = large(sample, "x_castillodeSanMarcos.jpg", size)
    options = {"quality": 90} if kind == "JPEG" else {"compress_level": 1}
    encoded = encode(photo, kind, exif=exif({0x0112: orientation}), **options)
    assert max(Image(encoded).load(min_side=96).size) <= max(size) / 2 + 1  # it is scaled
    for fit in ("auto", "crop", "pad", "stretch"):
        scaled = image_pixels(Image(encoded), size=96, fit=fit).astype(int)
        full = image_pixels(FullSize(encoded), size=96, fit=fit).astype(int)
        # Of 255 levels. The mean is 0.3 to 1.8; where rows filled in part count as whole it is 4.
        assert np.abs(scaled - full).mean() < 2.5
        assert np.abs(scaled - full).max() <= 24


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    min_side=st.integers(1, 64),
    kind=st.sampled_from(["JPEG", "PNG"]),
)
def test_scaled_decoding_keeps_the_margin(
    width: int, height: int, min_side: int, kind: str
) -> None:
    encoded = encode(PIL.Image.new("RGB", (width, height), "red"), kind)
    loaded = Image(encoded).load(min_side)
    margin = JPEG_MARGIN if kind == "JPEG" else REDUCE_MARGIN
    assert min(loaded.size) >= min(width, height, min_side * margin)
    assert loaded.width <= width and loaded.height <= height
    assert loaded.getpixel((0, 0))[0] >= 250


def test_scaled_decoding_of_a_turned_picture_keeps_its_upright_shape() -> None:
    encoded = encode(red_blue((800, 400)), "JPEG", exif=exif({0x0112: 6}))
    assert Image(encoded).load(min_side=50).size == (100, 200)


def test_fits() -> None:
    wide = encode(red_blue((400, 100)), "PNG")
    crop = PIL.Image.fromarray(image_pixels(Image(wide), size=32, fit="crop"))
    assert_colors(crop, [RED, BLUE])
    pad = image_pixels(Image(wide), size=32, fit="pad")
    assert (pad[:11] == 255).all() and (pad[-11:] == 255).all()
    assert_colors(PIL.Image.fromarray(pad), [RED, BLUE])
    stretch = image_pixels(Image(wide), size=32, fit="stretch")
    assert (stretch[:, 0] == RED).all() and (stretch[:, -1] == BLUE).all()
    with pytest.raises(EncoderError, match="'squash'; known: auto, crop, pad, stretch"):
        image_pixels(Image(wide), size=32, fit="squash")


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (65535, 2), (3, 5)])
@pytest.mark.parametrize("fit", ["auto", "crop", "pad", "stretch"])
def test_extreme_shapes_fit_into_the_square(size: tuple[int, int], fit: str) -> None:
    encoded = encode(PIL.Image.new("RGB", size, "red"), "PNG")
    pixels = image_pixels(Image(encoded), size=32, fit=fit)
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    assert (pixels[16, 16] == RED).all() or fit == "pad"


# Arrays


def pixels(dtype: Any, white: float) -> np.ndarray:
    array = np.zeros((32, 64, 3), dtype)
    array[:, :32, 0] = white
    array[:, 32:, 2] = white
    return array


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (np.uint8, 255),
        (np.uint16, 65535),
        (">u2", 65535),
        (np.float16, 1),
        (np.float32, 1),
        (np.float64, 1),
        (bool, True),
    ],
)
def test_array_types(dtype: Any, white: float) -> None:
    assert_colors(Image(pixels(dtype, white)).load(), [RED, BLUE], tolerance=0)
    grey = pixels(dtype, white)[:, :, 0]
    expected = [(255,) * 3, (0,) * 3]
    assert_colors(Image(grey).load(), expected, tolerance=0)
    assert_colors(Image(grey[:, :, None]).load(), expected, tolerance=0)


def test_arrays_that_are_views() -> None:
    array = pixels(np.uint8, 255)
    assert_colors(Image(array[:, ::-1]).load(), [BLUE, RED])
    assert_colors(Image(np.asfortranarray(array)).load(), [RED, BLUE])
    assert_colors(Image(array[::2, ::2]).load(), [RED, BLUE])
    array.flags.writeable = False
    assert_colors(Image(array).load(), [RED, BLUE])


def test_alpha_of_an_array_is_laid_over_white() -> None:
    array = np.dstack([pixels(np.uint8, 255), np.full((32, 64), 255, np.uint8)])
    array[:, :32, 3] = 0
    assert_colors(Image(array).load(), [(255, 255, 255), BLUE])


def test_floats_that_are_no_numbers() -> None:
    array = np.full((2, 2), 0.5, np.float32)
    array[0] = np.nan, np.inf
    array[1, 0] = -np.inf
    levels = np.asarray(Image(array).load())[:, :, 0]
    assert levels.tolist() == [[0, 255], [0, 128]]


def test_floats_beyond_one_are_stretched() -> None:
    levels = np.asarray(Image(np.array([[-2.0, 0.0], [2.0, 1.0]])).load())[:, :, 0]
    assert levels.tolist() == [[0, 128], [255, 191]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5, np.uint8), r"shape \(h, w\).* got \(5,\)"),
        (np.zeros((2, 2, 2), np.uint8), r"1, 3 or 4 channels last, got shape \(2, 2, 2\)"),
        (np.zeros((3, 20, 20), np.uint8), r"got \(3, 20, 20\)"),
        (np.zeros((1, 20, 20, 3), np.uint8), r"got \(1, 20, 20, 3\)"),
        (np.zeros((0, 5), np.uint8), r"got \(0, 5\)"),
        (np.zeros((5, 5, 0), np.uint8), r"got \(5, 5, 0\)"),
        (np.zeros((), np.uint8), r"got \(\)"),
        (np.zeros((2, 2), np.int64), r"got int64.*astype\(np\.uint8\)"),
        (np.zeros((2, 2), np.int8), "got int8"),
        (np.zeros((2, 2), complex), "got complex128"),
        (np.full((2, 2), "x"), "got <U1"),
        (np.full((2, 2), None), "got object"),
        (np.zeros((2, 2), "datetime64[s]"), "got datetime64"),
        (np.full((2, 2), np.nan), "no finite value"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        Image(array)


shapes = st.one_of(
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 4])),
)
dtypes = st.one_of(
    arrays.boolean_dtypes(), arrays.unsigned_integer_dtypes(), arrays.integer_dtypes(),
    arrays.floating_dtypes(sizes=(16, 32, 64)), arrays.complex_number_dtypes(),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(arrays.arrays(dtypes, shapes))
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_any_array_is_a_picture_or_a_media_error(array: np.ndarray) -> None:
    has_shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    has_type = array.dtype.kind in "bf" or array.dtype.newbyteorder("=") in (np.uint8, np.uint16)
    if has_shape and has_type and array.size and np.isfinite(array).any():
        picture = Image(array).load()
        assert picture.mode == "RGB" and picture.size == (array.shape[1], array.shape[0])
    else:
        with pytest.raises(MediaError):
            Image(array)


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a.jpg"], {"path": "a.jpg"}, object()])
def test_what_is_no_picture_at_all(value: object) -> None:
    with pytest.raises(MediaError, match=f"got {type(value).__name__}"):
        Image(value)  # type: ignore[arg-type]


# Limits and files


@pytest.mark.parametrize("size", [(20_000, 9_000), (400_000, 400_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding(size: tuple[int, int]) -> None:
    assert size[0] * size[1] > MAX_PIXELS
    bomb = Image(png(png_header(*size), data=b"\0" * 100))
    for read in (bomb.load, bomb.metadata, lambda: bomb.load(min_side=32)):
        with pytest.raises(MediaError, match="178,956,970 pixels; make a smaller copy"):
            read()


def test_the_limit_holds_where_an_application_has_lifted_pillows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WITHOUT, "0")  # in a worker it stands
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(MediaError, match="20000 x 9000 pixels; more than the limit"):
        Image(png(png_header(20_000, 9_000), data=b"\0" * 100)).load()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_large_panorama_is_not_refused() -> None:
    # Above the size that Pillow warns of, below the limit.
    bits = png(png_header(15_000, 6_000, bits=1, color=0), data=b"\0" * (1 + 1875) * 6_000)
    picture = Image(bits).load(min_side=32)
    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert max(picture.size) < 1000


def test_a_path_is_read_at_each_call_and_an_error_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image(path)  # nothing is read yet
    with pytest.raises(MediaError, match="no such file") as caught:
        image.load()
    assert str(path) in str(caught.value) and str(path) not in caught.value.reason
    path.write_bytes(encode(red_blue(), "PNG"))
    assert_colors(image.load(), [RED, BLUE])
    path.write_bytes(encode(PIL.Image.new("RGB", (9, 9), "blue"), "PNG"))
    assert_colors(Image(str(path)).load(), [BLUE])
    assert image.load().size == (9, 9)


def test_a_file_read_before_is_named_in_errors(tmp_path: Path) -> None:
    image = Image.from_encoded(b"", tmp_path / "new\nline.png")
    with pytest.raises(MediaError, match=r"new\\nline.png: the file is empty \(0 bytes\)"):
        image.load()


@pytest.mark.parametrize("container", [bytes, bytearray, memoryview])
def test_encoded_bytes(container: type) -> None:
    assert_colors(Image(container(encode(red_blue(), "PNG"))).load(), [RED, BLUE])


def test_a_picture_is_one_segment_of_itself() -> None:
    image = Image(pixels(np.uint8, 255))
    (segment,) = image.segments()
    assert segment.media is image and segment.span is None
    assert segment.modality == image.modality == Modality.IMAGE
