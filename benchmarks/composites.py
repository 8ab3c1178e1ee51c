"""Pictures whose truth is known by construction: cut-out stamps laid on photos.

Every stamp has an outline (its transparency), so that its box and its mask are known exactly. Its
label is the common noun of its category. Grounds are photos of monuments, dams and mills, on which
none of the labels is to be seen as more than a speck.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from benchmarks.datasets import rows
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.datasets.rendering import open_picture

LABELS = {
    ("animals", "birds"): "bird",
    ("animals", "fish"): "fish",
    ("animals", "insects"): "insect",
    ("animals", "mammals"): "mammal",
    ("clothes", ""): "clothing",
    ("clothes", "hats"): "hat",
    ("food", "fruit"): "fruit",
    ("food", "vegetables"): "vegetable",
    ("hobbies", "music"): "musical instrument",
    ("household", "dishes"): "dishes",
    ("household", "tools"): "tool",
    ("plants", "flowers"): "flower",
    ("symbols", "chess"): "chess piece",
    ("vehicles", None): "vehicle",
}
"""By category and subcategory; None is any."""

GROUNDS = ("monuments", "renewable")

SIZE = (640, 480)
STAMPS = (1, 4)
"""Fewest and most on one picture."""

LONGEST = (0.18, 0.5)
"""Of a stamp's longer side, share of the picture's shorter one."""

MOST_COVERED = 0.1
"""Of a stamp's box, share that another may cover."""

MOST_ENLARGED = 2.0


@dataclass(frozen=True)
class Thing:
    """One stamp on a picture.

    Attributes
    ----------
    label : str
    box : tuple of int
        Left, upper, right and lower edge in pixels of what is opaque.
    concept : str
        What it shows, more exactly.
    mask : ndarray of bool, shape (height, width)
        Of the whole picture: what is to be seen of it.
    """

    label: str
    box: tuple[int, int, int, int]
    concept: str
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Composite:
    """A picture and what was laid on it."""

    picture: PIL.Image.Image
    things: Sequence[Thing]
    ground: str


def label_of(stamp: Picture) -> str | None:
    """The label of a stamp; None of one that is not used."""
    category, below = stamp["category"], stamp["subcategory"]
    return LABELS.get((category, below)) or LABELS.get((category, None))


def stamps_of(split: str, *, any_label: bool = False) -> list[Picture]:
    """The stamps of a split that have a label, or all of them."""
    return [r for r in rows("stamps") if r["split"] == split and (any_label or label_of(r))]


def grounds_of(split: str) -> list[Path]:
    """Photos to lay stamps on."""
    return [
        Path(row["image_src"])
        for row in rows("gcompris")
        if row["style"] == "photo" and row["category"] in GROUNDS and row["split"] == split
    ]


def composites(
    count: int,
    stamps: Sequence[Picture],
    grounds: Sequence[Path],
    seed: int,
    label: Callable[[Picture], str | None] = label_of,
) -> list[Composite]:
    """Make pictures; the same for the same arguments, and each stamp about as often as another.

    Parameters
    ----------
    count
        Pictures.
    stamps
        Rows of the set "stamps".
    grounds
        Photos.
    seed
        Of what is drawn.
    label
        Says what a stamp is called.
    """
    draw = np.random.default_rng(seed)
    waiting: list[Picture] = []
    made = []
    for _ in range(count):
        ground = grounds[draw.integers(len(grounds))]
        with PIL.Image.open(ground) as file:
            picture = _covering(file.convert("RGB"))
        things: list[Thing] = []
        for _ in range(draw.integers(STAMPS[0], STAMPS[1] + 1)):
            if not waiting:
                waiting = [stamps[n] for n in draw.permutation(len(stamps))]
            _lay(picture, things, waiting.pop(), draw, label)
        made.append(Composite(picture, things, ground.name))
    return made


def _covering(photo: PIL.Image.Image) -> PIL.Image.Image:
    """The middle of a photo, in the size of all composites."""
    return PIL.ImageOps.fit(photo, SIZE, PIL.Image.Resampling.LANCZOS)


def _lay(
    picture: PIL.Image.Image, things: list[Thing], stamp: Picture, draw: np.random.Generator,
    label: Callable[[Picture], str | None],
) -> None:  # fmt: skip
    cut = open_picture(Path(stamp["image_src"]))
    cut = cut.crop(cut.getchannel("A").point(lambda level: 255 * (level > 127)).getbbox())
    longest = draw.uniform(*LONGEST) * min(SIZE)
    scale = min(longest / max(cut.size), MOST_ENLARGED)
    cut = cut.resize(
        (max(1, round(cut.width * scale)), max(1, round(cut.height * scale))),
        PIL.Image.Resampling.LANCZOS,
    )
    for _ in range(50):
        left = int(draw.integers(SIZE[0] - cut.width + 1))
        upper = int(draw.integers(SIZE[1] - cut.height + 1))
        if all(_free((left, upper, left + cut.width, upper + cut.height), t) for t in things):
            break
    else:
        return  # no room is left
    picture.paste(cut, (left, upper), cut)
    opaque = np.asarray(cut.getchannel("A")) > 127
    mask = np.zeros(SIZE[::-1], bool)
    mask[upper : upper + cut.height, left : left + cut.width] = opaque
    ys, xs = np.nonzero(mask)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    things.append(Thing(str(label(stamp)), box, stamp["concept"], mask))


def _free(box: tuple[int, int, int, int], thing: Thing) -> bool:
    other = thing.box
    width = max(0, min(box[2], other[2]) - max(box[0], other[0]))
    height = max(0, min(box[3], other[3]) - max(box[1], other[1]))
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return width * height <= MOST_COVERED * smaller
