"""A photo has one vector however it is handed over, and each of these ways finds it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from sensorium import Collection, Image, load_encoder
from sensorium.data.encoding import encode_examples
from sensorium.encoders import Encoder
from tests.agreement import assert_agree
from tests.encoders import tiny_hub

ORIENTATION = 0x0112
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpg": ("JPEG", {"quality": 92}), "png": ("PNG", {}), "webp": ("WEBP", {"lossless": True}),
    "tif": ("TIFF", {}),
}  # fmt: skip


def opened(path: Path) -> PIL.Image.Image:
    return PIL.Image.open(path)


def loaded(path: Path) -> PIL.Image.Image:
    picture = PIL.Image.open(path)
    picture.load()
    return picture


def upright(path: Path) -> PIL.Image.Image:
    with PIL.Image.open(path) as picture:
        return PIL.ImageOps.exif_transpose(picture)


def tensor(path: Path) -> Any:
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.moveaxis(np.array(upright(path)), 2, 0).copy())


def as_url(path: Path) -> str:
    return f"data:image/x;base64,{base64.b64encode(path.read_bytes()).decode()}"


AS_FILES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text": str,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "URL": as_url,
    "Image": Image,
    "cell with bytes": lambda path: {"bytes": path.read_bytes(), "path": None},
    "cell with both": lambda path: {"bytes": path.read_bytes(), "path": path.name},
    "cell with path": lambda path: {"bytes": None, "path": str(path)},
    "Pillow": opened,
    "Pillow, of a file in memory": lambda path: PIL.Image.open(io.BytesIO(path.read_bytes())),
}
"""Ways that are the file itself: the vector is the same to the bit."""

AS_PIXELS: dict[str, Callable[[Path], Any]] = {
    "Pillow, decoded": loaded,
    "Pillow, RGB": lambda path: opened(path).convert("RGB"),
    "Pillow, turned upright": upright,
    "array": lambda path: np.asarray(upright(path)),
    "floats": lambda path: np.asarray(upright(path)) / np.float32(255),
    "tensor": tensor,
}


def photo(size: tuple[int, int] = (120, 80)) -> PIL.Image.Image:
    """Smooth, and different at each turn."""
    grid = np.random.default_rng(3).integers(0, 256, (4, 5, 3), np.uint8)
    return PIL.Image.fromarray(grid).resize(size, PIL.Image.Resampling.BICUBIC)


def write(path: Path, orientation: int, size: tuple[int, int] = (120, 80)) -> Path:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    name, options = FORMATS[path.suffix[1:]]
    photo(size).save(path, name, exif=exif, **options)
    return path


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_the_same(tmp_path: Path, kind: str, orientation: int) -> None:
    path = write(tmp_path / f"a.{kind}", orientation)
    wanted = np.asarray(upright(path))
    for name, way in (AS_FILES | AS_PIXELS).items():
        if name in ("text", "URL", "Image") or "cell" in name or name == "tensor":
            continue  # what `as_media` makes of them is asked below
        given = way(path)
        image = Image(given)
        assert np.array_equal(image.load(), wanted), name
        assert np.array_equal(image.load(), wanted), name  # and again
        assert image.metadata()["width"] == wanted.shape[1], name


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_vectors_are_the_same(
    encoder: Encoder, tmp_path: Path, kind: str, orientation: int
) -> None:
    path = write(tmp_path / f"a.{kind}", orientation)
    (wanted,) = encoder.encode(upright(path))
    for name, way in (AS_FILES | AS_PIXELS).items():
        (found,) = encoder.encode([way(path)])
        assert found @ wanted > 0.9999, name
        examples = encode_examples(encoder, [way(path)])
        assert examples.vectors[0] @ wanted > 0.9999, name


@pytest.mark.parametrize("name", ["clip", "siglip", "vit", "qwen_vl"])
def test_models_of_the_hub_see_the_same(tmp_path: Path, name: str) -> None:
    pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")
    encoder = load_encoder(getattr(tiny_hub, name)(tmp_path / name))
    path = write(tmp_path / "a.jpg", 6)
    wanted = encoder.encode([np.asarray(upright(path))])
    assert encoder.encode([np.rot90(np.asarray(upright(path)))])[0] @ wanted[0] < 0.9999
    for way in (AS_FILES | AS_PIXELS).values():
        np.testing.assert_allclose(encoder.encode([way(path)]), wanted, atol=1e-5)


def test_a_picture_is_found_by_itself_in_every_way(encoder: Encoder, tmp_path: Path) -> None:
    """A large JPEG, which is decoded scaled where it is at hand as a file."""
    path = write(tmp_path / "a.jpg", 6, (1200, 800))
    with PIL.Image.open(path) as picture:
        other = picture.transpose(PIL.Image.Transpose.ROTATE_180)
        other.save(tmp_path / "b.jpg", exif=picture.getexif())
    with Collection(tmp_path / "c.sensorium", encoder) as library:
        library.add(tmp_path / "a.jpg", tmp_path / "b.jpg")
        for name, way in (AS_FILES | AS_PIXELS).items():
            first, second = library.search(way(path), k=2)
            assert first.path == str(path) and first.score > second.score, name
            assert first.score > (0.99999 if name in AS_FILES else 0.999), name


def test_what_a_caller_does_to_a_picture_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", 6)
    with PIL.Image.open(path) as picture:
        del picture.info["exif"]  # not to be turned
        assert Image(picture).load().size == (120, 80)
    with PIL.Image.open(path) as picture:
        picture.draft("RGB", (60, 40))
        assert Image(picture).load().size == (40, 60)
    with PIL.Image.open(path) as picture:
        image = Image(picture)
        picture.putpixel((0, 0), (1, 2, 3))
        assert image.load().getpixel((79, 0)) == (1, 2, 3)
        picture.seek(0)
    pages = [photo(), photo().transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with PIL.Image.open(tmp_path / "a.tif") as picture:
        picture.seek(1)
        assert np.array_equal(Image(picture).load(), pages[1])


def test_hugging_faces_data_sets_give_the_same(encoder: Encoder, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra train: make train")
    path = write(tmp_path / "a.jpg", 6)
    column = datasets.Dataset.from_dict({"image": [str(path)]}).cast_column(
        "image", datasets.Image()
    )
    encoded = column.cast_column("image", datasets.Image(decode=False))
    wanted = encoder.encode([path])
    assert_agree(encoder.encode([column[0]["image"]]), wanted, 0.9999)
    assert_agree(encoder.encode([encoded[0]["image"]]), wanted, 0.9999)
