"""What a collection answers: items, hits, labels, facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.collection.staleness import Indexed, state_of
from sensorium.encoders import Space
from sensorium.errors import UsageError
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
    indexed : tuple of (int, int) or None
        Size and time of change, in ns, that the file had.
    """

    id: int
    path: str
    modality: str
    metadata: dict[str, Any]
    indexed: Indexed = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def state(self) -> str:
        """What the file is now, beside what was indexed.

        "changed" (its size or time is another), "gone" or "unreachable" (no permission, say); "" of
        all others: files as they were indexed, and what never was a file here, such as URLs. The
        file is looked at, not read, whenever this is asked; one on a server that does not answer
        lets it wait.
        """
        return state_of(self.path, self.indexed)


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
        collection has segments of several kinds (modalities, views of 3-D objects), cosines of all
        are brought to the scale of one. In a search by words it is BM25, in a hybrid one and of a
        question of several parts standard deviations: both rank, and no more.
        `sensorium.ranking.scoring` has them side by side.
    text : str or None
        The passage that was found: of a document, of what is said, of what is written in a picture.
    details : dict
        ``page`` of a PDF, ``view`` of a 3-D object; ``box`` of a part of a picture or of writing:
        left, upper, right and lower edge as shares of width and height from 0 to 1; ``source``
        ("speech", "writing", "detection") of words that were extracted; ``label`` and
        ``confidence`` of a thing that was found.
    probability : float or None
        How likely a person would call this hit relevant, from 0 to 1. Of hits of one modality the
        first has the greatest. None where nothing can be said: in searches by words or both, by a
        bare vector, by what has several segments, and of modalities of which there are few.
    stands_for : int
        How many hits are one with this, itself included, where near duplicates were folded.
    """

    span: Span
    score: float
    text: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    probability: float | None = None
    stands_for: int = 1


class Judged(Protocol):
    """What results are judged by; see `sensorium.collection.feedback`."""

    def judge(self, hits: Sequence[Hit], items: Sequence[Any], *, relevant: bool) -> Results: ...

    def forget(self, items: Sequence[Any]) -> Results: ...

    def judgements(self) -> dict[int, bool]: ...

    def improved(self) -> Results: ...


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
    feedback : optional
        Of an open collection: what lets its results be judged.
    """

    def __init__(
        self,
        hits: Iterable[Hit] = (),
        *,
        nothing_matches: bool = False,
        feedback: Judged | None = None,
    ) -> None:
        super().__init__(hits)
        self.nothing_matches = nothing_matches
        self.feedback = feedback

    def judge(self, *items: Any, relevant: bool = True) -> Results:
        """Say that items answer the question, or do not; store it, and search again with it.

        Parameters
        ----------
        *items : Hit, int, str or Path
            Hits, or the ids or paths of other items of the collection.
        relevant : bool

        Returns
        -------
        Results
            Of the same page: `improved`.

        Raises
        ------
        UsageError
            When an item is not there, or these are no results of an open collection.
        """
        if not isinstance(relevant, bool):
            raise UsageError(f"relevant is True or False, got {relevant!r:.80}")
        return self._judged().judge(self, items, relevant=relevant)

    def forget(self, *items: Any) -> Results:
        """Forget what was said of items for this question; gives what `improved` does then."""
        return self._judged().forget(items)

    def improved(self) -> Results:
        """Search again by all that was ever said of hits of this question.

        What is relevant is sought with, what is not is left out and what is like it goes behind.
        A plain search never looks at judgements.
        """
        return self._judged().improved()

    @property
    def judgements(self) -> dict[int, bool]:
        """What was said of items for this question: their ids, and whether they are relevant."""
        return self._judged().judgements()

    def _judged(self) -> Judged:
        if self.feedback is None:
            raise UsageError("only what Collection.search gives can be judged")
        return self.feedback

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy elsewhere has no open collection.
        return _copied, ([*self], self.nothing_matches)


def _copied(hits: list[Hit], nothing_matches: bool) -> Results:
    return Results(hits, nothing_matches=nothing_matches)


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
class Version:
    """A state of a collection in Lance that can still be read.

    Attributes
    ----------
    number : int
    written : datetime
        When, in UTC.
    names : list of str
        That it was given: what has one is never forgotten.
    """

    number: int
    written: datetime
    names: list[str]


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
        By slot, ``vectors``, ``codes`` (of four bits), ``hash`` and ``table`` (what Lance keeps
        among the rows; asked where there is none of the first two): ``kind``, ``vectors`` in it,
        ``recall`` where it was measured, ``parameters``, ``bytes`` and ``checksum``. What is not in
        an index is compared in full.
    version : int or None
        Of a collection in Lance, the number of the version that is read.
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
    version: int | None = None

    @property
    def index_asked(self) -> dict[str, Any] | None:
        """The index that is asked for the nearest vectors; None where everything is compared."""
        slots = ("vectors", "codes", "table")
        return next((self.indexes[slot] for slot in slots if slot in self.indexes), None)
