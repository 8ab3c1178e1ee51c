"""From which cosine on two pictures are one: altered copies against other pictures.

    python -m benchmarks.duplicates [--encoder NAME]

Photos (gcompris and the cut-outs of stamps) and drawings (gcompris and every fifth of clipart),
each with the copies that circulate of one picture: another JPEG, half the size, a thumbnail, a
slight crop, lighter. For each rule (a cosine, and a correlation of thumbnails where it is not 0):
the share of the copies of each kind that are found, and how many pairs of other pictures are taken
for one. The sets hold a few real doubles: `--worst N` lists the nearest pairs, to be looked at.
"""

import argparse
import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageEnhance

from benchmarks.datasets import home, rows
from sensorium import Image, load_encoder
from sensorium.collection.duplicates import THUMBNAIL_SIDE, thumbnail

#: Cosine of vectors and correlation of thumbnails.
RULES = (
    *((cosine, 0.0) for cosine in (0.80, 0.85, 0.90, 0.95, 0.98, 0.99)),
    *((cosine, correlation) for cosine in (0.75, 0.80, 0.85) for correlation in (0.90, 0.95, 0.98)),
)

Picture = PIL.Image.Image


def _jpeg(picture: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return PIL.Image.open(file).convert("RGB")


def _resize(picture: Picture, scale: float) -> Picture:
    width, height = (max(16, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), PIL.Image.Resampling.LANCZOS)


def _crop(picture: Picture, share: float) -> Picture:
    width, height = picture.size
    x, y = round(width * share), round(height * share)
    return picture.crop((x, y, width - x, height - y))


#: What is done to a picture without making it another one.
COPIES: dict[str, Callable[[Picture], Picture]] = {
    "JPEG, quality 50": lambda picture: _jpeg(picture, 50),
    "half the size": lambda picture: _resize(picture, 0.5),
    "thumbnail, 128 px": lambda picture: _resize(picture, 128 / max(picture.size)),
    "2% cropped on each side": lambda picture: _crop(picture, 0.02),
    "5% cropped on each side": lambda picture: _crop(picture, 0.05),
    "20% lighter": lambda picture: PIL.ImageEnhance.Brightness(picture).enhance(1.2),
}


def pictures(kind: str) -> Iterator[tuple[str, Picture]]:
    """Files of one kind, "photo" or "drawing", on white."""
    chosen = [row for name in ("gcompris", "stamps") for row in rows(name) if row["style"] == kind]
    if kind == "drawing":
        chosen = [r for r in rows("gcompris") if r["style"] == kind] + rows("clipart")[::5]
    for row in chosen:
        with PIL.Image.open(home() / row["image"]) as file:
            rgba = file.convert("RGBA")
        white = PIL.Image.new("RGBA", rgba.size, "white")
        yield row["image"], PIL.Image.alpha_composite(white, rgba).convert("RGB")


def measure(encoder_name: str, kind: str, worst: int) -> None:
    """Print the table of one kind of pictures."""
    encoder = load_encoder(encoder_name)
    names: list[str] = []
    encoded, thumbnails = [], []
    for name, picture in pictures(kind):
        names.append(name)
        media = [Image(one) for one in (picture, *(alter(picture) for alter in COPIES.values()))]
        encoded.append(encoder.encode(media))
        even = np.zeros(THUMBNAIL_SIDE**2 * 3, np.float32)
        thumbnails.append(
            np.stack([even if (small := thumbnail(one)) is None else small for one in media])
        )
    (cosines, copies), (correlations, copied) = compare(encoded), compare(thumbnails)
    print(f"\n{len(names)} {kind}s, {len(names) * (len(names) - 1) // 2:,} pairs")
    print(" | ".join(["cosine", "thumbnails", *COPIES, "all copies", "other pairs"]))
    for cosine, correlation in RULES:
        found = ((copies >= cosine) & ((copied >= correlation) | (correlation == 0))).mean(axis=0)
        near = (cosines >= cosine) & ((correlations >= correlation) | (correlation == 0))
        cells = [f"{share:.3f}" for share in (*found, found.mean())]
        print(" | ".join([f"{cosine:.2f}", f"{correlation:.2f}", *cells, str(int(near.sum()))]))
    for flat in np.argsort(cosines, axis=None)[::-1][:worst]:
        one, other = np.unravel_index(flat, cosines.shape)
        figures = f"{cosines[one, other]:.4f} {correlations[one, other]:.4f}"
        print(f"{figures}  {names[one]}  {names[other]}")


def compare(
    vectors: Sequence[npt.NDArray[np.float32]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cosines between originals (each pair once, else -1), and of each to its copies."""
    stacked = np.stack(vectors)
    originals = stacked[:, 0]
    others = originals @ originals.T
    others[np.tril_indices(len(others))] = -1
    return others, np.einsum("nd,nkd->nk", originals, stacked[:, 1:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m benchmarks.duplicates", description=__doc__)
    parser.add_argument("--encoder", default="mini")
    parser.add_argument("--worst", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    for kind in ("photo", "drawing"):
        measure(arguments.encoder, kind, arguments.worst)
