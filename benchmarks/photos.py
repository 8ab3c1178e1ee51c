"""Large JPEGs for speed measurements, made from small pictures and the same on every machine.

Small pictures are enlarged and laid out as a mosaic, then grained like a camera's sensor: enough
detail that a decoder works as hard as on a photo from a camera.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MEGAPIXELS = {2: (1632, 1224), 12: (4000, 3000)}
COLUMNS, ROWS = 4, 3  # tiles of a mosaic
GRAIN = 5.0  # standard deviation of the noise, of 255; gives about 0.3 bytes a pixel
QUALITY = 90
DIFFERENT = 12  # pictures that are really drawn; the rest are copies with another comment


def make_photos(
    sources: Sequence[Path], folder: Path, count: int, size: tuple[int, int]
) -> list[Path]:
    """Write `count` JPEGs of `size` (width, height) into `folder`; return their paths.

    No two files are equal, so that an index which knows copies has to read each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(sources)
    paths: list[Path] = []
    for number in range(count):
        path = folder / f"photo-{number:04}.jpg"
        if number < DIFFERENT:
            picture = mosaic(sources, size, seed=number)
            picture.save(path, quality=QUALITY, comment=_mark(0))
        else:
            drawn = paths[number % DIFFERENT].read_bytes()
            path.write_bytes(drawn.replace(_mark(0), _mark(number), 1))
        paths.append(path)
    return paths


def _mark(number: int) -> bytes:
    return f"photo {number:08}".encode()


def mosaic(sources: Sequence[Path], size: tuple[int, int], seed: int) -> Image.Image:
    """Lay enlarged pictures out in a grid and add grain; equal for equal seeds."""
    random = np.random.default_rng(seed)
    canvas = Image.new("RGB", size)
    width, height = -(-size[0] // COLUMNS), -(-size[1] // ROWS)
    for tile in range(COLUMNS * ROWS):
        with Image.open(sources[int(random.integers(len(sources)))]) as picture:
            enlarged = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        canvas.paste(enlarged, (tile % COLUMNS * width, tile // COLUMNS * height))
    grain = random.normal(0, GRAIN, (size[1], size[0], 1)).astype(np.float32)
    grainy = np.asarray(canvas, np.float32) + grain
    return Image.fromarray(grainy.round().clip(0, 255).astype(np.uint8))
