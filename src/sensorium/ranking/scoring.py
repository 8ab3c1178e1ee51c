"""What a search has near, and what it has read, as items with scores: what a score is.

=============  =======================================================================
a search by    gives an item the score
=============  =======================================================================
vectors, hash  cosine of the query and the item's best segment; of several kinds all
               are brought to the scale of one (`sensorium.ranking.scale`); of a query
               with several segments, the mean of what each of them has
words          BM25 of the item's words
both, and      standard deviations above chance, the mean of what is wanted less what
several parts  is not (`sensorium.ranking.parts`)
=============  =======================================================================

Only what one search found is compared by it: none is a probability. How likely a neighbour is
relevant is said beside it (`sensorium.ranking.calibration`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensorium.ranking.calibration import NOBODY, Judge
from sensorium.ranking.scale import COSINES, Scale


class Neighbour(NamedTuple):
    """A segment near a query: the best one of its item; its kind is of `ranking.scale`."""

    segment: int
    item: int
    cosine: float
    kind: str


class Match(NamedTuple):
    """An item that holds the words, how well, and the stored text they are in, if any."""

    item: int
    score: float
    text_id: int | None = None


class Ranked(NamedTuple):
    """An item with its score, what it was found by (a segment, a stored text), and how likely."""

    item: int
    score: float
    segment: int | None = None
    text_id: int | None = None
    probability: float | None = None


def rank(
    neighbours: Sequence[Neighbour] | None = None,
    matches: Sequence[Match] | None = None,
    *,
    scale: Scale = COSINES,
    judge: Judge = NOBODY,
) -> list[Ranked]:
    """Score what was found for a query.

    Parameters
    ----------
    neighbours : sequence of Neighbour, optional
        What a search by vectors found, each item once, the nearest first.
    matches : sequence of Match, optional
        What a search by words found, best first; in the place of neighbours.
    scale : Scale
        Of the query, where its neighbours are of several kinds.
    judge : Judge
        Of the query: says how likely neighbours are relevant.

    Returns
    -------
    list of Ranked
        Best first, each item once. Neighbours of equal score are in the order of their segments'
        ids.
    """
    if neighbours is None:
        return [Ranked(item, score, None, text_id) for item, score, text_id in matches or ()]
    chances: Sequence[float | None] = [None] * len(neighbours)
    if judge.rules:
        chances = judge.probabilities(
            [neighbour.cosine for neighbour in neighbours], [n.kind for n in neighbours]
        )
    scored = [
        Ranked(item, scale.score(cosine, kind), segment, None, chance)
        for (segment, item, cosine, kind), chance in zip(neighbours, chances, strict=True)
    ]
    return sorted(scored, key=lambda item: (-item.score, item.segment or 0))


def likeliest(neighbours: Sequence[Neighbour], judge: Judge) -> tuple[Neighbour, float] | None:
    """The one of several that is most likely relevant, and how likely; None where none is known."""
    kinds = [neighbour.kind for neighbour in neighbours]
    chances = judge.probabilities([neighbour.cosine for neighbour in neighbours], kinds)
    pairs = zip(neighbours, chances, strict=True)
    known = [(neighbour, chance) for neighbour, chance in pairs if chance is not None]
    return max(known, key=lambda pair: pair[1], default=None)


def rank_by_parts(
    lines: Sequence[Sequence[Neighbour]], scales: Sequence[Scale], depth: int
) -> list[Ranked]:
    """Score items by a query that has several segments: by the mean of what each of them finds.

    A film, of which every scene finds itself, so has 1 to itself; one that shares a scene with it
    has not. (The sum over a query's parts of the best match is ColBERT's late interaction, Khattab
    and Zaharia 2020.)

    Parameters
    ----------
    lines : sequence of sequence of Neighbour
        What each segment found: each item once, the nearest first.
    scales : sequence of Scale
        Of each segment.
    depth : int
        How many items each looked for. One that a full line does not hold has no more than its
        last, and is taken to have that.

    Returns
    -------
    list of Ranked
        Best first, each item once, with the segment that is nearest of all. Items of equal score
        are in the order of their segments' ids.
    """
    totals: dict[int, float] = {}
    nearest: dict[int, tuple[float, int]] = {}
    floors = 0.0
    for line, scale in zip(lines, scales, strict=True):
        scores = [scale.score(neighbour.cosine, neighbour.kind) for neighbour in line]
        floor = min(scores) if len(line) >= depth else 0.0
        floors += floor
        for neighbour, score in zip(line, scores, strict=True):
            item = neighbour.item
            totals[item] = totals.get(item, 0.0) + score - floor
            found = (-score, neighbour.segment)
            nearest[item] = min(nearest.get(item, found), found)
    ranked = [
        Ranked(item, (total + floors) / len(lines), nearest[item][1])
        for item, total in totals.items()
    ]
    return sorted(ranked, key=lambda item: (-round(item.score, 9), item.segment or 0))
