"""What a collection answers: items, hits, labels, facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Space
from sensorium.media.segments import Span


@dataclass(frozen=True)
class Item:
    """One indexed file.

    Attributes
    ----------
    id : int
        Never given to another item, even after this one is deleted.
    path : str
        Absolute.
    modality : str
    metadata : dict
        What the file says of itself (``width``, ``height``, ``taken``, ``camera``, ``latitude``
        ...), overlaid by what manifests and callers said of it.
    """

    id: int
    path: str
    modality: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Hit(Item):
    """One answer of a search.

    Attributes
    ----------
    span : tuple of float or None
        Seconds for audio and video, characters for text; None for a whole item, and where
        `details` say the place.
    score : float
        Cosine between the query and the best segment of the item. It ranks hits of one query;
        it is no probability, and no fixed value of it means "yes" (docs/scores.md). Where a
        collection has segments of several modalities, cosines of all are brought to the scale of
        one. In a search by words it is BM25, in a hybrid one the sum of reciprocal ranks: both
        rank, and no more. Of a question of several parts it is standard deviations.
        `sensorium.ranking.scoring` has them side by side.
    text : str or None
        The passage that was found: of a document, of what is said, of what is written in a picture.
    details : dict
        ``page`` of a PDF, ``view`` of a 3-D object; ``box`` of a part of a picture or of writing:
        left, upper, right and lower edge as shares of width and height from 0 to 1; ``source``
        ("speech", "writing") of words that were extracted.
    probability : float or None
        How likely a person would call this hit relevant, from 0 to 1. Of hits of one modality the
        first has the greatest. None where nothing can be said: in searches by words or both, by a
        bare vector, by a sound or a film, and of modalities of which there are few segments.
    stands_for : int
        How many hits are one with this, itself included, where near duplicates were folded.
    """

    span: Span
    score: float
    text: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    probability: float | None = None
    stands_for: int = 1


class Results(list[Hit]):
    """What a search found, best first: a list of hits, and what holds of all of them.

    Parameters
    ----------
    hits : iterable of Hit
    nothing_matches : bool
        Whether there are no hits, or those that there are, are merely the nearest: the collection
        most likely holds nothing of what was asked (docs/scores.md). Neither `k` nor `offset`
        changes it. Searches by words or both, and by what nothing can be said of, match wherever
        they have hits.
    """

    def __init__(self, hits: Iterable[Hit] = (), *, nothing_matches: bool = False) -> None:
        super().__init__(hits)
        self.nothing_matches = nothing_matches


@dataclass(frozen=True)
class Labelled(Item):
    """One item with its most probable labels.

    Attributes
    ----------
    labels : list of (str, float)
        Label and probability, most probable first.
    answers : dict of str to str
        For each of these labels "yes", "no" or "cannot tell", where labels are judged by
        themselves; empty where they exclude each other.
    """

    labels: list[tuple[str, float]]
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Segments:
    """Segments that have vectors, in the order of adding.

    Attributes
    ----------
    ids, item_ids : ndarray of int64, shape (n,)
        Of the segments, and of their items.
    modalities : ndarray of str, shape (n,)
    vectors : ndarray of float32, shape (n, d)
        Of unit length.
    """

    ids: npt.NDArray[np.int64]
    item_ids: npt.NDArray[np.int64]
    modalities: npt.NDArray[np.str_]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class CollectionInfo:
    """Facts about a collection.

    Attributes
    ----------
    path : str
    encoder : str or None
        Name its encoder loads by; None while nothing was ever added.
    space : Space or None
    items : dict
        Number of items by modality.
    without_vectors : int
        Items that search cannot find because re-embedding could not read their files.
    reembedding_to : Space or None
        Target of a re-embedding that has not finished.
    fields : list of str
        Names that ``where=`` can use beside the columns every item has.
    bytes : int
        Size on disk, without indexes.
    indexes : dict
        By slot, ``vectors`` and ``hash``: ``kind``, ``vectors`` in it, ``recall`` as it was
        measured, ``parameters``, ``bytes`` and ``checksum``. What is not in an index is compared in
        full.
    """

    path: str
    encoder: str | None
    space: Space | None
    items: dict[str, int]
    without_vectors: int
    reembedding_to: Space | None
    fields: list[str]
    bytes: int
    indexes: dict[str, dict[str, Any]]
