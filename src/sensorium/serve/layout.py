"""Items on a plane, like beside like: principal components, then each drawn to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

COMPONENTS = 32
"""Principal components in which neighbours are sought: the rest is mostly noise, and costs time."""

NEIGHBOURS = 12
"""Of each item that draw it; fewer tear clusters apart, more melt them together."""

STRANGERS = (12, 40)
"""Random items that push each item away in each step: of many items, and of up to `FEW`, where one
step is short and what few of them say is mostly chance."""

FEW = 5000

PUSH = 10
"""How much more strangers push than neighbours draw. With as much (1), 194 photos fell into 14 of
24 x 24 fields of the plane, and 45% of the ten nearest of each stayed among its ten nearest; with
10 they lie in 73 fields, and 54% stay. (UMAP draws five strangers for each neighbour, of which each
has its say by its weight.)"""

FARTHEST = 4
"""How far one item pushes another in a step, and how far an item goes in all."""

STEPS = (50, 200)
"""At least and at most; between them as many as move `MOVES` items in all."""

LISTED = 200
"""Anchors of a list."""

PROBED = 4
"""Lists that are looked through for the nearest anchors."""

MOVES = 1_000_000

ANCHORS = 10_000
"""Items that are laid out by forces; further ones are placed among them. Forces have time to move
few items far, not many: of 100,000 laid out whole, fewer lie beside what is like them."""

PLACED_BY = 3
"""Anchors between which an item is placed, each the more the nearer."""

SAME = 1e-6
"""Squared distance between components from which on items are told apart."""


@dataclass(frozen=True)
class Plane:
    """A plane on which items lie, and where further ones belong.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
    axes : ndarray of float32, shape (d, c)
        Principal components.
    anchors : ndarray of float32, shape (a, c)
        Items that were laid out, along these.
    places : ndarray of float32, shape (a, 2)
        Of these items: from -1 to 1.
    """

    mean: Vectors
    axes: Vectors
    anchors: Vectors
    places: Vectors

    @classmethod
    def of(cls, vectors: Vectors, *, seed: int = 0) -> tuple[Plane, Vectors]:
        """Lay items out; gives the plane, and the places of all of them: see `layout`."""
        random = np.random.default_rng(seed)
        if len(vectors) <= ANCHORS:
            rows = np.arange(len(vectors))
        else:
            rows = np.sort(random.choice(len(vectors), ANCHORS, replace=False))
        mean, axes = principal(vectors[rows], COMPONENTS)
        anchors = _along(vectors[rows], mean, axes)
        plane = cls(mean, axes, anchors, _laid_out(anchors, random))
        if len(rows) == len(vectors):
            return plane, plane.places
        places = plane.place(vectors)
        places[rows] = plane.places
        return plane, places

    def place(self, vectors: Vectors) -> Vectors:
        """Where items belong, shape (n, 2): between the anchors that they are most like."""
        if not len(self.anchors):
            return np.zeros((len(vectors), 2), np.float32)
        lists = max(1, len(self.anchors) // LISTED)
        size = self.anchors.shape[1]
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(size), size, lists)
        index.train(self.anchors)
        index.nprobe = PROBED
        index.add(self.anchors)
        many = min(PLACED_BY, len(self.anchors))
        apart, near = index.search(_along(vectors, self.mean, self.axes), many)
        shares = np.where(near < 0, 0, 1 / np.maximum(apart, SAME))
        shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("nkd,nk->nd", self.places[near], shares), np.float32)


def layout(vectors: Vectors, *, seed: int = 0) -> Vectors:
    """Place items on a plane.

    Neighbours attract and random others repel each other, with the forces of UMAP's curve for
    ``min_dist`` 0.1 (McInnes et al. 2018, section 3.2), from principal components on. Every item
    is moved by its own neighbours alone, all at once. Of more than `ANCHORS` items, so many at
    random are laid out, and the others placed between those that they are most like.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Of unit length, or zero.
    seed : int

    Returns
    -------
    ndarray of float32, shape (n, 2)
        From -1 to 1; the same for the same vectors.
    """
    return Plane.of(vectors, seed=seed)[1]


def _laid_out(reduced: Vectors, random: np.random.Generator) -> Vectors:
    """Places of items, shape (n, 2), by their principal components."""
    if len(reduced) <= NEIGHBOURS + 1:
        return _within_one(np.pad(reduced[:, :2], ((0, 0), (0, max(0, 2 - reduced.shape[1])))))
    near = _neighbours(reduced)
    places = np.ascontiguousarray(reduced[:, :2])
    places *= 10 / max(float(np.abs(places).max()), 1e-9)
    places += random.normal(scale=1e-3, size=places.shape).astype(np.float32)  # for what is equal
    a, b = 1.577, 0.895  # UMAP's curve for min_dist 0.1 and spread 1
    strangers = STRANGERS[len(places) <= FEW]
    steps = min(max(MOVES // len(places), STEPS[0]), STEPS[1])
    for step in range(steps):
        rate = 1 - step / steps
        to = places[near] - places[:, None]
        square = np.maximum((to**2).sum(-1), 1e-9)
        drawn = 2 * a * b * square ** (b - 1) / (1 + a * square**b)
        others = random.integers(0, len(places), (len(places), strangers))
        off = places[:, None] - places[others]
        far = (off**2).sum(-1)
        pushed = 2 * b / ((0.001 + far) * (1 + a * far**b))
        # Limits are of lengths: of each coordinate for itself, they draw crosses.
        pushed = np.minimum(pushed, FARTHEST / np.sqrt(np.maximum(far, 1e-9)))
        move = np.einsum("nkd,nk->nd", to, drawn) / NEIGHBOURS
        move += np.einsum("nkd,nk->nd", off, pushed) * (PUSH / strangers)
        length = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9)
        places += (rate * np.minimum(1, FARTHEST / length) * move).astype(np.float32)
    return _within_one(places)


def principal(vectors: Vectors, components: int) -> tuple[Vectors, Vectors]:
    """The mean of vectors, shape (d,), and their first principal components, shape (d, c)."""
    if not len(vectors):
        return np.zeros(vectors.shape[1], np.float32), np.zeros((vectors.shape[1], 2), np.float32)
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, directions = np.linalg.eigh(centred.T @ centred)
    axes = directions[:, ::-1][:, : min(components, vectors.shape[1])]
    # The sign of an axis is anybody's choice: let the largest number of each be positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return mean, np.ascontiguousarray(axes, np.float32)


def _along(vectors: Vectors, mean: Vectors, axes: Vectors) -> Vectors:
    """Vectors along axes, shape (n, c)."""
    return np.ascontiguousarray(vectors @ axes - mean @ axes, np.float32)


def _neighbours(reduced: Vectors) -> npt.NDArray[np.int64]:
    """Rows of the nearest others of each, shape (n, NEIGHBOURS)."""
    index = faiss.IndexFlatL2(reduced.shape[1])
    index.add(reduced)
    _, found = index.search(reduced, NEIGHBOURS + 1)
    own = np.arange(len(reduced))[:, None]
    # Itself goes; of equal ones it may not be among those that were found.
    order = np.argsort(found == own, axis=1, kind="stable")[:, :NEIGHBOURS]
    near = np.take_along_axis(found, order, axis=1)
    return np.asarray(np.where(near < 0, own, near), np.int64)


def _within_one(places: Vectors) -> Vectors:
    """Centred, and between -1 and 1."""
    if not len(places):
        return places.astype(np.float32)
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    reach = max(float(np.abs(places - middle).max()), 1e-9)
    return np.asarray((places - middle) / reach, np.float32)
