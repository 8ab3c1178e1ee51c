"""One scale for segments of several modalities.

A text is nearer to any other text than to the picture it describes: vectors of each modality lie in
a cone of their own (the modality gap, Liang et al. 2022). In a list of both, every passage would
stand before every photo. So a query's cosines are compared with those to what it has nothing to do
with: how many standard deviations a segment stands out from the segments of its own modality.

Two things more are taken off, which are the same for every segment of a kind:

- *Views.* A 3-D object is found by the best of its views, which all show the same thing: as many
  chances to be near a question. By how much that lifts them, ordinary questions tell. Passages of
  a document, scenes of a film and tiles of a panorama say different things: each is a chance to be
  right, too, and nothing is taken off.
- *Rarity.* Where a collection has few of a kind, its mean and deviation are those of other things,
  and the answer is more seldom among them.

What is stored many times over, as the names are that a detector gives to things in pictures, says
once what chance is. Else what half of the pictures show would be taken for chance, and not found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sensorium.index.together import Together

HIGHEST = 0.999

LEAST_DEVIATION = 1e-3

VIEWS = "views"
"""Kind of the segments that are views of 3-D objects; all other kinds are modalities."""

VIEWS_OF = "image"
"""Modality of those segments."""

RARITY = 0.2
"""Standard deviations that a kind loses for each factor of e that there is less of it than of the
most frequent one. On lists of validation that have 5 or 20 of a kind beside many of the other, 0.1
to 0.3 gain the same; even lists are not touched."""

SAMPLE = 1000
"""Segments of each modality whose cosines tell how far a query is from them by chance."""

FEW = 8
"""Segments of a modality, the encoder's background included, that are too few to tell a spread."""

LIFTED = 0.9
"""Quantile of what ordinary questions have near, at which views are brought to single pictures. On
validation the mean does as well for objects that show something, and leaves more of those that show
nothing; 0.97 leaves fewer of both than their share."""

KEYS = 8
"""Components of vectors that choose which are drawn."""

ODD = np.random.default_rng(0).integers(1 << 62, 1 << 63, KEYS, np.uint64) | np.uint64(1)
"""What they are multiplied by."""

Vectors = npt.NDArray[np.float32]


class Spread(NamedTuple):
    """Mean and standard deviation of cosines to segments that have nothing to do with a query."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Scale:
    """What one query's cosines to segments of each kind are worth beside each other.

    Attributes
    ----------
    spreads : mapping of str to Spread
        Of the query's cosines to each kind by chance; of views, to objects by their best view.
    modalities : sequence of str
        Those kinds in whose space the query has a part; all scores are on the scale of the first.
        Encoders side by side hold different modalities, and to segments of a space that it has no
        part in, a query has a cosine of zero.
    rarity : mapping of str to float
        Standard deviations that are taken off a kind for being rare.
    """

    spreads: Mapping[str, Spread] = field(default_factory=dict)
    modalities: Sequence[str] = ()
    rarity: Mapping[str, float] = field(default_factory=dict)

    def score(self, cosine: float, kind: str) -> float:
        """Bring a cosine to the scale of the first kind: as many deviations from its mean.

        What is not on that scale already stays under 1, which only what is equal to the query has.
        """
        if kind not in self.modalities or kind == self.modalities[0]:
            return cosine
        if cosine >= HIGHEST and modality_of(kind) == modality_of(self.modalities[0]):
            return cosine  # a view that is asked by itself
        reference = self.spreads[self.modalities[0]]
        beyond = self.standing(cosine, kind) + self.rarity.get(self.modalities[0], 0.0)
        return min(HIGHEST, reference.mean + reference.deviation * beyond)

    def standing(self, cosine: _Cosines, kind: str) -> _Cosines:
        """Standard deviations by which cosines stand out of their kind, less its rarity."""
        spread = self.spreads[kind]
        return (cosine - spread.mean) / spread.deviation - self.rarity.get(kind, 0.0)


_Cosines = TypeVar("_Cosines", float, Vectors)

COSINES = Scale()
"""While all segments are of one kind, cosines are the scale."""


def modality_of(kind: str) -> str:
    """The modality of a kind of segments."""
    return VIEWS_OF if kind == VIEWS else kind


@dataclass(frozen=True)
class Views:
    """Views of some of a collection's 3-D objects.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
        Those of each object together.
    starts : ndarray of int, shape (objects,)
        Where those of each begin.
    """

    vectors: Vectors
    starts: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Lift:
    """By how much the best of an object's views is nearer to questions than one picture is.

    Attributes
    ----------
    towards : ndarray of float32, shape (m, d)
        Directions of m kinds of ordinary questions: words, pictures.
    deviations : tuple of m float
        Standard deviations of a question's cosines to single pictures.
    """

    towards: Vectors
    deviations: tuple[float, ...]

    @classmethod
    def of(cls, views: Views, pictures: Vectors, questions: Sequence[Vectors]) -> Lift:
        """Compare what ordinary questions have near among objects and among single pictures.

        Parameters
        ----------
        views : Views
        pictures : ndarray of float32, shape (n, d)
        questions : sequence of ndarray of float32, shape (m, d)
            Of each kind.
        """
        towards, deviations = [], []
        for asked in questions:
            singly = asked @ pictures.T
            mean, spread = singly.mean(axis=1), np.maximum(singly.std(axis=1), LEAST_DEVIATION)
            best = np.maximum.reduceat(asked @ views.vectors.T, views.starts, axis=1)
            of_each = [
                float(np.quantile((cosines - mean[:, None]) / spread[:, None], LIFTED))
                for cosines in (best, singly)
            ]
            deviations.append(max(of_each[0] - of_each[1], 0.0))
            direction = asked.mean(axis=0, dtype=np.float64)
            length = float(np.linalg.norm(direction))
            towards.append(direction / length if length > 0 else direction)
        return cls(np.array(towards, np.float32), tuple(deviations))

    def for_query(self, query: Vectors) -> float:
        """The lift for a query, by the kind of questions that it is nearest to.

        Words are far nearer to words than to pictures. So a vector that is given by itself is
        ranked as that what it is of.
        """
        return self.deviations[int((self.towards @ query).argmax())]


@dataclass(frozen=True)
class Samples:
    """Segments of each kind that tell what a query's cosines to it are by chance.

    Attributes
    ----------
    vectors : mapping of str to ndarray of float32, shape (n, d)
        By modality. Nearly all have nothing to do with any one query.
    spaces : mapping of str to ndarray of float32, shape (m, d)
        A few vectors of each kind alone: whether a query has a part in their space. Kinds of which
        there is most come first.
    known : mapping of str to int
        How many segments tell of each modality, those of others that stand in for them left out.
    rarity : mapping of str to float
        See `Scale.rarity`.
    lift : Lift or None
        Of views, where there are any and ordinary questions are known.
    """

    vectors: Mapping[str, Vectors]
    spaces: Mapping[str, Vectors]
    known: Mapping[str, int]
    rarity: Mapping[str, float] = field(default_factory=dict)
    lift: Lift | None = None

    @classmethod
    def of(
        cls,
        segments: Mapping[str, Vectors],
        background: Mapping[str, Vectors],
        *,
        counts: Mapping[str, int] | None = None,
        views: Views | None = None,
        questions: Sequence[Vectors] = (),
    ) -> Samples:
        """Take what is stored, the most frequent kind first, and what an encoder brings along.

        Two or three segments say nothing of their modality: they are taken for like the others.

        Parameters
        ----------
        segments : mapping of str to ndarray of float32, shape (n, d)
            Some of each kind, those of `VIEWS` after those of their modality.
        background : mapping of str to ndarray of float32, shape (n, d)
            By modality; nothing of it is asked for without need.
        counts : mapping of str to int, optional
            How many there are of each kind, objects for views; without them none is rare.
        views : Views, optional
        questions : sequence of ndarray of float32, shape (m, d)
            Vectors of ordinary questions of each kind.
        """
        # Those that were added first would make scores depend on the order of adding.
        spaces = {name: vectors[rows_drawn(vectors, FEW)] for name, vectors in segments.items()}
        stored = {name: _once(vectors) for name, vectors in segments.items() if name != VIEWS}
        if VIEWS in segments and VIEWS_OF not in stored:
            # Without other pictures, views are what pictures are.
            stored[VIEWS_OF] = segments[VIEWS][: 0 if VIEWS_OF in background else None]
        samples = {
            name: np.concatenate([vectors, background[name]]) if name in background else vectors
            for name, vectors in stored.items()
        }
        known = {name: len(vectors) for name, vectors in samples.items()}
        for name in sorted(samples):
            if len(samples[name]) < FEW and name in spaces:
                others = [
                    spaces[other]
                    for other in sorted(samples)
                    if other != name
                    and other in spaces
                    and (spaces[other] @ spaces[name].T).any()  # of one space
                ]
                samples[name] = np.concatenate([samples[name], *others])
        most = max((counts or {"": 1}).values())
        rarity = {
            name: RARITY * math.log(most / max(count, 1)) for name, count in (counts or {}).items()
        }
        lift = None
        if views is not None and questions and len(samples[VIEWS_OF]) >= FEW:
            lift = Lift.of(views, samples[VIEWS_OF], questions)
        return cls(samples, spaces, known, rarity, lift)

    @cached_property
    def _together(self) -> dict[str, Together]:
        return {modality: Together(vectors) for modality, vectors in self.vectors.items()}

    def scale(self, query: Vectors) -> Scale:
        """The scale of a query, which is a vector of shape (d,)."""
        spreads = {}
        for modality, products in self._together.items():
            cosines = products(query).astype(np.float64)
            mean = float(cosines.sum()) / len(cosines)
            # numpy.std takes longer than the cosines do; of numbers up to 1 nothing is lost.
            variance = float(cosines @ cosines) / len(cosines) - mean * mean
            spreads[modality] = Spread(mean, max(math.sqrt(max(variance, 0.0)), LEAST_DEVIATION))
        if VIEWS in self.spaces:
            mean, deviation = spreads[VIEWS_OF]
            lift = 0.0 if self.lift is None else self.lift.for_query(query)
            spreads[VIEWS] = Spread(mean + lift * deviation, deviation)
        shared = [name for name, vectors in self.spaces.items() if (vectors @ query).any()]
        return Scale(spreads, shared, self.rarity)


def drawn(vectors: Vectors) -> Vectors:
    """Some vectors, the same ones in the same order however they were added, of equal ones one.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)

    Returns
    -------
    ndarray of float32, shape (m, d)
        m is at most `SAMPLE`.
    """
    if len(vectors) > SAMPLE:
        rows = rows_by_keys(keys_of(vectors))
        if rows is not None:
            return _in_order(vectors[rows])
    # So few keys are of vectors that are stored again and again, or that are mostly zeros.
    return _in_order(_once(vectors))[:SAMPLE]


def _in_order(vectors: Vectors) -> Vectors:
    """Vectors by their keys: sums over them are then the same to the last bit."""
    keys = keys_of(vectors).tolist()
    return vectors[sorted(range(len(keys)), key=lambda row: (keys[row], vectors[row].tobytes()))]


def rows_by_keys(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp] | None:
    """Rows that `drawn` takes of many vectors with such keys; None where it must see them all."""
    rows = np.sort(np.unique(keys, return_index=True)[1])
    return rows[np.argpartition(keys[rows], SAMPLE)[:SAMPLE]] if len(rows) > SAMPLE else None


def rows_drawn(vectors: Vectors, count: int) -> npt.NDArray[np.intp]:
    """Rows of some vectors, which follow from them alone; all where there are not so many."""
    if len(vectors) <= count:
        return np.arange(len(vectors))
    return np.argsort(keys_of(vectors), kind="stable")[:count]


def keys_of(vectors: Vectors) -> npt.NDArray[np.uint64]:
    """A number for each of some vectors, by which some are drawn; equal ones have the same."""
    columns = np.linspace(0, vectors.shape[1] - 1, KEYS).astype(int)
    bits = np.ascontiguousarray(vectors[:, columns]).view(np.uint32).astype(np.uint64)
    # A multiplicative hash (Knuth, volume 3, section 6.4): what vectors hold, and no more, decides.
    keys: npt.NDArray[np.uint64] = (bits * ODD[None]).sum(axis=1, dtype=np.uint64)
    keys ^= keys >> np.uint64(29)
    keys *= ODD[0]
    return keys


def _once(vectors: Vectors) -> Vectors:
    """Vectors without those that are equal to an earlier one."""
    rows = {hash(vector.tobytes()): row for row, vector in reversed([*enumerate(vectors)])}
    return vectors if len(rows) == len(vectors) else vectors[sorted(rows.values())]
