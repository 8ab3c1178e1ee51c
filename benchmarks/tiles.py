"""Panoramas with and without tiles: how they are found, and what becomes of other pictures.

    python -m benchmarks.tiles [--half {0,1}] [--ratios 2 2.5 3 5 8] [--overlaps 0 0.33 0.5]

pastes every second photo of the sample, at a random place, into a panorama of another photo that
is drawn out. Asked for by the photo's caption, each panorama is ranked among the other photos, by
its whole and by the best of the whole and its tiles; and each photo is asked for where all
panoramas are in the collection, too. ``sensorium.media.pictures.tiles`` has what was chosen on
half 0 and confirmed on half 1.
"""

import argparse
import math
import random

import numpy as np
import numpy.typing as npt
import PIL.Image

from benchmarks.sample import sample_rows
from sensorium import Image, load_encoder

HEIGHT = 288

Vectors = npt.NDArray[np.float32]


def main() -> None:
    """Print a line for each ratio, overlap and language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--ratios", type=float, nargs="+", default=[2, 2.5, 3, 5, 8])
    parser.add_argument("--overlaps", type=float, nargs="+", default=[0, 0.33, 0.5])
    parser.add_argument("--encoder", default="mini")
    arguments = parser.parse_args()
    rows = sample_rows()
    random.Random(1).shuffle(rows)
    encoder = load_encoder(arguments.encoder)
    photos = [Image(row["image"]).load() for row in rows]
    wholes = encoder.encode([Image(photo) for photo in photos])
    captions = {
        language: encoder.encode_queries([row[f"caption_{language}"] for row in rows])
        for language in ("en", "zh")
    }
    print("ratio\toverlap\ttiles\tlanguage\tpanoramas: median rank\tMRR\tphotos beside them: MRR")
    for ratio in arguments.ratios:
        pairs, panoramas = _panoramas(photos, ratio, arguments.half)
        seen = encoder.encode([Image(panorama) for panorama in panoramas])
        for overlap in arguments.overlaps:
            tiles = [list(_tiles(panorama, overlap)) for panorama in panoramas]
            encoded = encoder.encode([Image(tile) for of_one in tiles for tile in of_one])
            starts = np.cumsum([0, *map(len, tiles)])[:-1]
            for language, asked in captions.items():
                whole = seen @ asked.T
                best = np.maximum(whole, np.maximum.reduceat(encoded @ asked.T, starts))
                found = [_ranks(scores, wholes @ asked.T, pairs) for scores in (whole, best)]
                cells = [
                    f"{ratio}", f"{overlap}", f"{len(encoded) / len(panoramas):.1f}", language,
                    _change([np.median(of_panoramas) for of_panoramas, _ in found], ".0f"),
                    _change([np.mean(1 / of_panoramas) for of_panoramas, _ in found], ".3f"),
                    _change([np.mean(1 / of_photos) for _, of_photos in found], ".3f"),
                ]  # fmt: skip
                print("\t".join(cells), flush=True)


def _panoramas(
    photos: list[PIL.Image.Image], ratio: float, half: int
) -> tuple[list[tuple[int, int]], list[PIL.Image.Image]]:
    """Numbers of the photo that is pasted and of the one that is drawn out, and the panoramas."""
    chance = random.Random(round(ratio * 100))
    width = round(HEIGHT * ratio)
    pairs, panoramas = [], []
    for number in range(half, len(photos), 2):
        photo = photos[number]
        photo = photo.resize((round(photo.width * HEIGHT / photo.height), HEIGHT))
        if photo.width >= width:
            continue
        other = chance.choice([n for n in range(len(photos)) if n != number])
        room = width - photo.width
        panorama = photos[other].resize((width, HEIGHT))
        panorama.paste(photo, (chance.choice([0, room, chance.randint(0, room)]), 0))
        pairs.append((number, other))
        panoramas.append(panorama)
    return pairs, panoramas


def _tiles(panorama: PIL.Image.Image, overlap: float) -> list[PIL.Image.Image]:
    room = panorama.width - HEIGHT
    count = max(2, math.ceil((panorama.width / HEIGHT - overlap) / (1 - overlap) - 1e-9))
    starts = [round(n * room / (count - 1)) for n in range(count)]
    return [panorama.crop((start, 0, start + HEIGHT, HEIGHT)) for start in starts]


def _ranks(
    panoramas: Vectors, photos: Vectors, pairs: list[tuple[int, int]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ranks of panoramas among photos, and of photos among panoramas; scores have queries last."""
    of_panoramas = []
    for row, (number, other) in enumerate(pairs):
        rivals = np.delete(photos[:, number], [number, other])
        of_panoramas.append(1 + np.count_nonzero(rivals > panoramas[row, number]))
    of_photos = []
    for number in range(len(photos)):
        rows = [row for row, pair in enumerate(pairs) if number not in pair]
        rivals = panoramas[rows, number]
        of_photos.append(1 + np.count_nonzero(rivals > photos[number, number]))
    return np.array(of_panoramas), np.array(of_photos)


def _change(values: list[float], form: str) -> str:
    return " to ".join(f"{value:{form}}" for value in values)


if __name__ == "__main__":
    main()
