"""Boxes that may hold a thing, whatever it is: regions of one look, and what they make together.

Selective search (Uijlings et al., "Selective Search for Object Recognition", IJCV 2013) on small
pictures: a graph of pixels falls into regions (Felzenszwalb and Huttenlocher, "Efficient
Graph-Based Image Segmentation", IJCV 2004), and the two neighbours that are most alike become one
until the picture is whole again. The box of every region on the way is a proposal. Nothing is
learned, so that nothing is unknown to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter

from sensorium.tasks.boxes.overlap import Boxes, best_apart

SIDE = 128
"""Pixels of the longer side of the picture that falls into regions; time grows with its square."""

BLUR = 0.8
"""Standard deviation in pixels, as in the paper: takes away what compression leaves."""

SCALES = (60.0, 180.0)
"""The paper's k, for levels from 0 to 255: larger ones make larger regions. One picture falls apart
at each, as no scale fits every thing."""

LEAST_PIXELS = 20
"""Regions with fewer are joined to a neighbour."""

BINS = 12
"""Of each histogram: of three channels, and of the directions in which levels change."""

LEAST_SIDE = 0.05
"""Share of the picture's width and height that both sides of a proposal have at least."""

ALIKE = 0.8
"""Intersection over union from which on two proposals are one."""

RING = 0.25
"""How far around a box its colours are compared, as a share of its width and height."""

Pixels = npt.NDArray[np.float64]


@dataclass
class Region:
    """Pixels of one look.

    Attributes
    ----------
    size : int
        Pixels.
    box : tuple of int
        Left, upper, right and lower edge.
    look : ndarray of float64, shape (4, BINS)
        Histograms that sum to one each.
    """

    size: int
    box: tuple[int, int, int, int]
    look: npt.NDArray[np.float64]

    def with_other(self, other: Region) -> Region:
        """Both as one."""
        size = self.size + other.size
        look = (self.look * self.size + other.look * other.size) / size
        return Region(size, _around(self.box, other.box), look)


@dataclass(frozen=True)
class Proposals:
    """Regions of a picture that may be things.

    Attributes
    ----------
    boxes : ndarray of float64, shape (n, 4)
        Left, upper, right and lower edge as shares of the picture's width and height.
    cues : ndarray of float64, shape (n, 3)
        What tells a thing from a patch; see `_cues`.
    """

    boxes: Boxes
    cues: npt.NDArray[np.float64]

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> Proposals:
        return Proposals(self.boxes[rows], self.cues[rows])

    def __len__(self) -> int:
        return len(self.boxes)


def proposals(picture: PIL.Image.Image) -> Proposals:
    """Regions that may be things; the same for the same picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB.
    """
    share = SIDE / max(picture.size)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    small = picture.resize(size, PIL.Image.Resampling.BOX)
    levels = np.asarray(small.filter(PIL.ImageFilter.GaussianBlur(BLUR)), np.float64)
    boxes: list[Boxes] = []
    parts = np.zeros(levels.shape[:2], np.intp)
    for scale in SCALES:
        parts = _fall_apart(levels, scale)
        boxes.append(_hierarchy(levels, parts) / (*size, *size))
    every = np.concatenate(boxes)
    every = every[(every[:, 2:] - every[:, :2]).min(axis=1) >= LEAST_SIDE]
    # Of regions with one box, the one that is found on its own comes first.
    kept = best_apart(every, -np.arange(len(every), dtype=np.float64), ALIKE)
    return Proposals(every[kept], _cues(levels, parts, every[kept]))


def _cues(levels: Pixels, parts: npt.NDArray[np.intp], boxes: Boxes) -> npt.NDArray[np.float64]:
    """What tells boxes with things from others (Alexe et al., "What is an object?", CVPR 2010).

    Returns
    -------
    ndarray of float64, shape (n, 3)
        How other its colours are than those around it (0 to 1); how few of the large regions have
        pixels on both sides of its edge (0 to 1); log of its share of the picture.
    """
    height, width, _ = levels.shape
    colours = (levels // 64).astype(int) @ np.array([16, 4, 1])
    by_colour = _sums(colours, 64)
    by_part = _sums(parts, int(parts.max()) + 1)
    totals = by_part[-1, -1]
    cues = np.empty((len(boxes), 3))
    scale = np.array([width, height, width, height])
    for row, box in enumerate(np.round(boxes * scale).astype(int)):
        left, upper, right, lower = box
        across, down = RING * (right - left), RING * (lower - upper)
        around = (
            max(0, int(left - across)), max(0, int(upper - down)),
            min(width, math.ceil(right + across)), min(height, math.ceil(lower + down)),
        )  # fmt: skip
        inside = _sum_in(by_colour, box)
        outside = _sum_in(by_colour, around) - inside
        alike = 1.0
        if outside.sum():
            alike = float(np.minimum(inside / inside.sum(), outside / outside.sum()).sum())
        within = _sum_in(by_part, box)
        straddling = np.minimum(within, totals - within).sum() / inside.sum()
        cues[row] = 1 - alike, 1 - straddling, np.log(inside.sum() / (width * height))
    return cues


def _sums(numbers: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.float64]:
    """How often each number stands above and left of a place; shape (height + 1, width + 1, n)."""
    height, width = numbers.shape
    sums = np.zeros((height + 1, width + 1, count))
    sums[1:, 1:] = np.eye(count)[numbers].cumsum(axis=0).cumsum(axis=1)
    return sums


def _sum_in(sums: npt.NDArray[np.float64], box: Sequence[int]) -> npt.NDArray[np.float64]:
    left, upper, right, lower = box
    found = sums[lower, right] - sums[upper, right] - sums[lower, left] + sums[upper, left]
    return np.asarray(found)


def grid(most_cells: int) -> Boxes:
    """Boxes of grids of 1 x 1, 2 x 2, ... cells, each overlapping its neighbour by one half.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        In shares.
    """
    boxes = []
    for cells in range(1, most_cells + 1):
        side = 1 / cells
        starts = np.linspace(0, 1 - side, 2 * cells - 1)
        boxes += [(x, y, x + side, y + side) for y in starts for x in starts]
    return np.array(boxes)


def _around(
    one: tuple[int, int, int, int], two: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    return (min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3]))


def _edges(levels: Pixels) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Pixels]:
    """Pairs of neighbouring pixels, of eight neighbours, and how far their levels are apart."""
    height, width, _ = levels.shape
    numbers = np.arange(height * width).reshape(height, width)
    first, second, apart = [], [], []
    for one, two in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        first.append(numbers[one].ravel())
        second.append(numbers[two].ravel())
        apart.append(np.sqrt(((levels[one] - levels[two]) ** 2).sum(axis=2)).ravel())
    return np.concatenate(first), np.concatenate(second), np.concatenate(apart)


def _fall_apart(levels: Pixels, scale: float) -> npt.NDArray[np.intp]:
    """The number of each pixel's region, from 0, shape (height, width)."""
    height, width, _ = levels.shape
    one, two, apart = _edges(levels)
    order = np.argsort(apart, kind="stable")
    parent = list(range(height * width))
    size = [1] * (height * width)
    bound = [scale] * (height * width)  # the largest step inside, plus scale / size

    def root(pixel: int) -> int:
        while parent[pixel] != pixel:
            parent[pixel] = parent[parent[pixel]]
            pixel = parent[pixel]
        return pixel

    pairs = list(zip(one[order].tolist(), two[order].tolist(), apart[order].tolist(), strict=True))
    for a, b, step in pairs:
        a, b = root(a), root(b)
        if a != b and step <= bound[a] and step <= bound[b]:
            parent[b] = a
            size[a] += size[b]
            bound[a] = step + scale / size[a]
    for a, b, _ in pairs:
        a, b = root(a), root(b)
        if a != b and (size[a] < LEAST_PIXELS or size[b] < LEAST_PIXELS):
            parent[b] = a
            size[a] += size[b]
    roots = np.array([root(pixel) for pixel in range(height * width)])
    return np.asarray(np.unique(roots, return_inverse=True)[1].reshape(height, width), np.intp)


def _looks(levels: Pixels, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Histograms of each region, shape (regions, 4, BINS)."""
    grey = levels.mean(axis=2)
    down, across = np.gradient(grey) if min(grey.shape) > 1 else (np.zeros_like(grey),) * 2
    turns = (np.arctan2(down, across) / (2 * np.pi)) % 1
    strength = np.hypot(down, across)
    count = int(numbers.max()) + 1
    flat = numbers.ravel()
    looks = np.zeros((count, 4, BINS))
    for channel in range(3):
        bins = np.minimum((levels[:, :, channel] * (BINS / 256)).astype(int), BINS - 1).ravel()
        looks[:, channel] = np.bincount(flat * BINS + bins, minlength=count * BINS).reshape(
            -1, BINS
        )
    bins = np.minimum((turns * BINS).astype(int), BINS - 1).ravel()
    looks[:, 3] = np.bincount(flat * BINS + bins, strength.ravel(), minlength=count * BINS).reshape(
        -1, BINS
    )
    sums = looks.sum(axis=2, keepdims=True)
    return np.asarray(np.divide(looks, sums, out=np.full_like(looks, 1 / BINS), where=sums > 0))


def _hierarchy(levels: Pixels, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Boxes of regions, and of what they make together one after the other, in pixels."""
    height, width = numbers.shape
    looks = _looks(levels, numbers)
    sizes = np.bincount(numbers.ravel())
    ys, xs = np.indices(numbers.shape)
    flat = numbers.ravel()
    count = len(sizes)
    edges = np.array([[width], [height], [0], [0]]).repeat(count, axis=1)
    np.minimum.at(edges[0], flat, xs.ravel())
    np.minimum.at(edges[1], flat, ys.ravel())
    np.maximum.at(edges[2], flat, xs.ravel() + 1)
    np.maximum.at(edges[3], flat, ys.ravel() + 1)
    regions = {
        n: Region(int(sizes[n]), _place(*edges[:, n].tolist()), looks[n]) for n in range(count)
    }
    beside: dict[int, set[int]] = {n: set() for n in regions}
    for one, two in ((numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])):
        different = one != two
        for a, b in {*zip(one[different].tolist(), two[different].tolist(), strict=True)}:
            beside[a].add(b)
            beside[b].add(a)
    whole = height * width
    likeness = {
        (a, b): _likeness(regions[a], regions[b], whole)
        for a, others in beside.items()
        for b in others
        if a < b
    }
    fresh = count
    while likeness:
        a, b = max(likeness, key=likeness.__getitem__)
        regions[fresh] = regions[a].with_other(regions[b])
        neighbours = (beside.pop(a) | beside.pop(b)) - {a, b}
        for other in neighbours:
            for old in (a, b):
                likeness.pop((old, other) if old < other else (other, old), None)
                beside[other].discard(old)
            beside[other].add(fresh)
            likeness[other, fresh] = _likeness(regions[other], regions[fresh], whole)
        likeness.pop((a, b), None)
        beside[fresh] = neighbours
        fresh += 1
    return np.array([regions[n].box for n in range(fresh)], np.float64)


def _place(left: int, upper: int, right: int, lower: int) -> tuple[int, int, int, int]:
    return left, upper, right, lower


def _likeness(one: Region, two: Region, whole: int) -> float:
    """How much two neighbours are one thing (sections 3.2): look, smallness, and a good fit."""
    around = _around(one.box, two.box)
    both = one.size + two.size
    gap = (around[2] - around[0]) * (around[3] - around[1]) - both
    same = float(np.minimum(one.look, two.look).sum())
    return same / 2 + (1 - both / whole) + (1 - gap / whole)
