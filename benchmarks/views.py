"""A million real embeddings: augmented views of the fetched pictures, encoded with `mini`.

Each view is a picture that was never there before: one to three of the fetched pictures, cropped,
flipped, resized, with other colours, on a plain ground or on a part of a photo. View number n is
always the same. The vectors are kept in `$SENSORIUM_HOME/views` in parts of 10,000, as float16; a
run that is stopped is taken up where it was.

    python -m benchmarks.views 1000000
"""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL.Image import Resampling, Transpose
from scipy.ndimage import label

from benchmarks.datasets import home as datasets_home
from benchmarks.datasets import rows as pictures_of
from sensorium.encoders import FolderEncoder, shipped_encoders
from sensorium.encoders.runtime import load_runtime
from sensorium.home import sensorium_home

SETS = ("gcompris", "stamps", "emoji", "clipart")

SIDE = 224
"""Pixels, of a view and of the pictures it is made of."""

PART = 10_000
"""Views to a file: what is lost when the run is stopped."""

BATCH = 32

HELD = 800
"""Views that are asked with, and lie at the end where views are mixed."""

GROUND_PHOTO = 0.5
"""Share of views that stand on a part of a photo; the others' ground is plain."""


@dataclass(frozen=True)
class Views:
    """Encoded views.

    Attributes
    ----------
    vectors
        float32, shape (n, d), unit length.
    sources
        int32, shape (n,): which of `source_rows` covers most of each view.
    """

    vectors: npt.NDArray[np.float32]
    sources: npt.NDArray[np.int32]


def source_rows() -> list[dict[str, str]]:
    """The fetched pictures that views are made of, in a fixed order; of all splits."""
    return [dict(row, set=name) for name in SETS for row in pictures_of(name)]


def load_views(count: int) -> Views:
    """The first `count` views; encodes those that are missing, about 300 a second on two cores."""
    encode_views(count)
    vectors = np.empty((count, _mini().space.dimension), np.float32)
    sources = np.empty(count, np.int32)
    for part, start in enumerate(range(0, count, PART)):
        with np.load(_folder() / f"{part:04}.npz") as file:
            wanted = slice(0, count - start)
            block = file["vectors"][wanted].astype(np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            vectors[start : start + len(block)] = block
            sources[start : start + len(block)] = file["sources"][wanted]
    return Views(vectors, sources)


def mixed_views(count: int) -> Views:
    """`count` views: those that are encoded and, in front of the last of them, mixtures of two.

    What is to be asked with is taken from the end, and is real. A mixture lies between two views,
    nearer to one of them, so that a space is as full as with so many, and neighbours are nearer.
    """
    real = load_views(min(count, encoded()))
    more = count - len(real.vectors)
    if not more:
        return real
    kept = len(real.vectors) - min(HELD, len(real.vectors) // 2)
    first, second = np.random.default_rng(0).integers(0, kept, (2, more))
    vectors = np.empty((count, real.vectors.shape[1]), np.float32)
    vectors[:kept], vectors[kept + more :] = real.vectors[:kept], real.vectors[kept:]
    for start in range(0, more, PART):
        part = slice(start, min(start + PART, more))
        mixed = 0.7 * real.vectors[first[part]] + 0.3 * real.vectors[second[part]]
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        vectors[kept + part.start : kept + part.stop] = mixed
    sources = real.sources
    return Views(vectors, np.concatenate([sources[:kept], sources[first], sources[kept:]]))


def encoded() -> int:
    """How many views are there already."""
    part = 0
    while (_folder() / f"{part:04}.npz").exists():
        part += 1
    return part * PART


def encode_views(count: int) -> None:
    """Encode the views that are missing of the first `count`, on every core."""
    folder = _folder()
    parts = [n for n in range(-(-count // PART)) if not (folder / f"{n:04}.npz").exists()]
    if not parts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    _decode_sources()
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)
    with context.Pool(cores.qsize(), _keep_to_one_core, (cores,)) as pool:
        for done, part in enumerate(pool.imap_unordered(_encode_part, parts, chunksize=1), 1):
            print(f"part {part}: {done} of {len(parts)} are there", flush=True)


def _mini() -> FolderEncoder:
    return FolderEncoder(shipped_encoders()["mini"])


def _folder() -> Path:
    return sensorium_home() / "views" / f"mini-{_mini().space.fingerprint}"


def _decoded_path() -> Path:
    return sensorium_home() / "views" / "sources.npy"


def _decode_sources() -> None:
    """Keep every picture as RGBA of `SIDE` squared, its content centred on transparency."""
    if _decoded_path().exists():
        return
    rows = source_rows()
    unfinished = _decoded_path().with_suffix(".part.npy")
    decoded = np.lib.format.open_memmap(
        unfinished, mode="w+", dtype=np.uint8, shape=(len(rows), SIDE, SIDE, 4)
    )
    for number, row in enumerate(rows):
        with PIL.Image.open(datasets_home() / row["image"]) as file:
            file.draft("RGB", (SIDE * 2, SIDE * 2))
            picture = file.convert("RGBA")
        if row["style"] == "photo" and row["set"] == "gcompris":
            side = min(picture.size)
            left, top = (picture.width - side) // 2, (picture.height - side) // 2
            picture = picture.crop((left, top, left + side, top + side))
        scale = SIDE / max(picture.size)
        width, height = (max(1, round(length * scale)) for length in picture.size)
        square = PIL.Image.new("RGBA", (SIDE, SIDE))
        square.paste(
            picture.resize((width, height), Resampling.BICUBIC),
            ((SIDE - width) // 2, (SIDE - height) // 2),
        )
        decoded[number] = _cut_out(np.array(square))
    decoded.flush()
    unfinished.rename(_decoded_path())


def _cut_out(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Make the white that surrounds a drawing transparent."""
    outside = (pixels[..., :3] > 250).all(axis=-1) | (pixels[..., 3] == 0)
    areas, _ = label(np.pad(outside, 1, constant_values=True))
    pixels[..., 3][(areas == areas[0, 0])[1:-1, 1:-1]] = 0
    return pixels


def _keep_to_one_core(cores: "multiprocessing.Queue[int]") -> None:
    os.sched_setaffinity(0, {cores.get()})  # the runtime then starts a single thread


def _encode_part(part: int) -> int:
    decoded = np.load(_decoded_path(), mmap_mode="r")
    rows = source_rows()
    photos = [
        number
        for number, row in enumerate(rows)
        if row["set"] == "gcompris" and row["style"] == "photo"
    ]
    # bf16 gives twice the views in the same time, at a cosine of 0.98 or more to fp32's vectors.
    tower = load_runtime(shipped_encoders()["mini"] / "image.onnx", precision="bf16")
    vectors, sources = [], []
    for start in range(0, PART, BATCH):
        batch = []
        for view in range(start, min(start + BATCH, PART)):
            rng = np.random.default_rng((part, view))
            pixels, source = draw_view(rng, decoded, photos)
            batch.append(pixels)
            sources.append(source)
        vectors.append(tower.run({"pixels": np.stack(batch)}).astype(np.float16))
    path = _folder() / f"{part:04}.npz"
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, vectors=np.concatenate(vectors), sources=np.array(sources, np.int32))
    path.with_suffix(".part").rename(path)
    return part


def draw_view(
    rng: np.random.Generator, decoded: npt.NDArray[np.uint8], photos: Sequence[int]
) -> tuple[npt.NDArray[np.uint8], int]:
    """Draw one view.

    Parameters
    ----------
    rng
    decoded
        uint8, shape (n, SIDE, SIDE, 4): the pictures.
    photos
        Which of them fill their square and serve as grounds.

    Returns
    -------
    pixels : ndarray of uint8, shape (SIDE, SIDE, 3)
    source : int
        The picture in front.
    """
    if rng.random() < GROUND_PHOTO:
        view = _crop(rng, PIL.Image.fromarray(decoded[rng.choice(photos)]), 0.3).convert("RGB")
    else:
        view = PIL.Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(0, 256, 3).tolist()))
    source = 0
    in_front = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
    for layer in range(in_front):
        source = int(rng.integers(len(decoded)))
        picture = PIL.Image.fromarray(decoded[source])
        if rng.random() < 0.5:
            picture = picture.transpose(Transpose.FLIP_LEFT_RIGHT)
        if rng.random() < 0.3:
            picture = _crop(rng, picture, 0.4)
        last = layer == in_front - 1
        side = int(SIDE * (rng.uniform(0.5, 1.0) if last else rng.uniform(0.25, 0.6)))
        picture = picture.resize((side, side), Resampling.BILINEAR)
        place = tuple(rng.integers(0, SIDE - side + 1, 2).tolist())
        view.paste(picture, place, picture)
    gain = rng.uniform(0.75, 1.25, 3) * rng.uniform(0.7, 1.2)
    contrast = rng.uniform(0.7, 1.3)
    table = (np.arange(256, dtype=np.float32)[:, None] - 128) * contrast + 128
    levels = (table * gain).clip(0, 255).astype(np.uint8)
    pixels = np.asarray(view)
    return np.stack([levels[pixels[..., c], c] for c in range(3)], axis=-1), source


def _crop(rng: np.random.Generator, picture: PIL.Image.Image, least: float) -> PIL.Image.Image:
    side = SIDE * float(rng.uniform(least, 1.0))
    left, top = rng.uniform(0, SIDE - side, 2).tolist()
    return picture.resize((SIDE, SIDE), Resampling.BILINEAR, (left, top, left + side, top + side))


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.views", description=__doc__)
    parser.add_argument("count", type=int, help="views wanted")
    encode_views(parser.parse_args().count)
