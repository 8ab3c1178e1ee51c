"""What a collection keeps its rows in: the protocol, and what follows from it for every store."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from sensorium.collection.judgements import Judgement
from sensorium.collection.rows import (
    Changes,
    EmbeddedFile,
    FileState,
    ReembeddedItem,
    StoredItem,
    StoredSegment,
    VectorRow,
)
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SpaceMismatchError
from sensorium.media.segments import Modality, SegmentRecord
from sensorium.ranking.scoring import Match

if TYPE_CHECKING:
    from sensorium.collection.derived import DerivedIndex
    from sensorium.collection.results import Version

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Key = TypeVar("Key", int, str)

Part = tuple[int, int]
"""A part of a collection, and of how many: ``(0, 4)`` is the first quarter of its items."""

STRIPE = 64
"""Items in a row that are of one part: a part is so read in long runs, and each item, with all of
its segments, is of the same part wherever and whenever that is asked."""

ROWS_READ = 10_000
"""Segments that are looked up at a time: their items' metadata takes memory."""


@dataclass(frozen=True)
class State:
    """What is known of all rows without reading them.

    Attributes
    ----------
    space : tuple of (Space, str) or None
        Space of the stored vectors and the name its encoder loads by; None while nothing was added.
    next_space : tuple of (Space, str) or None
        The same of an unfinished re-embedding.
    changes : Changes
    modalities : tuple of str
        That vectors have, or once had, in the order of names.
    fields : tuple of str
        Names that metadata has anywhere.
    lacking : str
        What is not said of vectors that are there, in a damaged file.
    """

    space: tuple[Space, str] | None
    next_space: tuple[Space, str] | None
    changes: Changes
    modalities: tuple[str, ...]
    fields: tuple[str, ...]
    lacking: str = ""


@dataclass(frozen=True)
class Counts:
    """Items by modality, items that search cannot find for lack of a vector, and vectors."""

    items: dict[str, int]
    without_vectors: int
    vectors: int


class Store(Protocol):
    """Rows of one collection, durable and open to several processes at once.

    A write is whole or not at all, and durable when its method returns. Every method may be called
    from any thread. Ids only grow, and none is given twice.

    Attributes
    ----------
    path : Path
    finds_vectors : bool
        Whether a few vectors are read by the ids of their segments in a fraction of a millisecond.
    table_uri : str or None
        Where other machines may write vectors for it (`rows.Placed`).
    """

    path: Path
    finds_vectors: bool
    table_uri: str | None

    def version(self) -> object:
        """Differs from what it was if anybody may have written; every search asks."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything that is read inside be of one moment, whatever others write."""
        ...

    def state(self) -> State:
        """What is known of all rows; cheap."""
        ...

    def counts(self) -> Counts:
        """How much there is; takes time with the number of items."""
        ...

    def count_vectors(self) -> int:
        """How many vectors there are."""
        ...

    def paths(self, content_hash: bytes | None = None) -> list[tuple[int, str]]:
        """Id and path of every item, or of those of one content that have vectors, by id."""
        ...

    def contents(self, sizes: Collection[int]) -> dict[int, list[bytes]]:
        """Hashes of the contents that have vectors, by their size in bytes, of some sizes."""
        ...

    def items(self, keys: Sequence[Key]) -> dict[Key, StoredItem]:
        """The items with these ids or paths; what is not there is left out."""
        ...

    def matching(self, where: str, modality: str | None) -> Ids:
        """Ids of the items for which an expression holds, ascending; see `Collection.search`.

        Raises
        ------
        UsageError
            When it is malformed.
        """
        ...

    def match_words(
        self, query: str, k: int, allowed: Ids | None = None, *, whole: bool = False
    ) -> list[Match]:
        """The `k` items that hold the words best; see `collection.words.full_text.match`."""
        ...

    def segments(self, ids: Sequence[int]) -> dict[int, StoredSegment]:
        """The segments with these ids; an id that is gone is left out."""
        ...

    def texts(
        self, ids: Sequence[int] = (), *, item: int | None = None
    ) -> dict[int, SegmentRecord]:
        """The stored texts with these ids, those that are there, or all of an item in order."""
        ...

    def passages_of(self, items: Sequence[int]) -> dict[int, int]:
        """Ids of the stored texts whose segments these items have, by the segments' ids."""
        ...

    def vectors(
        self,
        dimension: int,
        after: int = 0,
        *,
        ids: Sequence[int] | None = None,
        items: Sequence[int] | None = None,
        most: int | None = None,
        part: Part | None = None,
    ) -> tuple[Ids, Ids, Vectors]:
        """Read vectors in the order of their segments' ids.

        Parameters
        ----------
        dimension : int
        after : int
            Only segments with a larger id.
        ids : sequence of int, optional
            Only these segments, those that are there.
        items : sequence of int, optional
            Only the segments of these items.
        most : int, optional
            Of those after `after`, the first ones.
        part : (int, int), optional
            Of those after `after`, the ones of this part of the items.

        Returns
        -------
        segment_ids, item_ids : ndarray of int64, shape (n,)
        vectors : ndarray of float32, shape (n, dimension)

        Raises
        ------
        CollectionError
            When vectors are damaged.
        """
        ...

    def last_segment(self) -> int:
        """The largest id that a segment was ever given, though it may be gone; 0 for none."""
        ...

    def modalities(self, names: Sequence[str]) -> tuple[Ids, npt.NDArray[np.uint8]]:
        """Ids of all segments, and where each one's modality is in `names`; reads no vectors."""
        ...

    def removed(self, after: int) -> tuple[Ids, int]:
        """Read the log of removed vectors.

        Parameters
        ----------
        after : int
            The position up to which it has been read.

        Returns
        -------
        ranges : ndarray of int64, shape (n, 2)
            First and last id of segments that are gone, in the order of their going.
        position : int
            The end of the log; it only grows.
        """
        ...

    def forget_removed(self, position: int) -> None:
        """Forget the log of removed vectors up to a position."""
        ...

    def rows(
        self, dimension: int, size: int, *, items: tuple[int, int] | None = None
    ) -> Iterator[tuple[list[VectorRow], Vectors]]:
        """Everything, `size` vectors at a time, in the order of items and their segments.

        To be read inside of `snapshot`. `items` are the ids of the first and the last one, where
        only some are wanted.
        """
        ...

    def items_with_vectors(self) -> Iterator[tuple[int, int]]:
        """Ids of the items that have vectors, ascending, and how many; inside of `snapshot`."""
        ...

    def write(
        self,
        space: Space,
        *,
        encoder: str | None = None,
        embedded: Iterable[EmbeddedFile] = (),
        copied: Iterable[tuple[FileState, dict[str, Any]]] = (),
        moved: Iterable[tuple[tuple[int, str], FileState, dict[str, Any]]] = (),
        described: Iterable[tuple[FileState | int, dict[str, Any]]] = (),
        renamed: Iterable[tuple[tuple[int, str], FileState]] = (),
    ) -> set[str]:
        """Write one batch.

        Parameters
        ----------
        space : Space
            The space the writer's vectors belong to.
        encoder : str, optional
            Name that the space's encoder loads by: the first vectors make the space that of a
            collection that has none.
        embedded : iterable of EmbeddedFile
            Inserted, or replaces what is stored under the same path.
        copied : iterable of (FileState, metadata)
            A file whose content, and so whose vectors, another item has already.
        moved : iterable of ((id, old path), FileState, metadata)
            An item whose file has a new path, under which nothing is stored.
        described : iterable of (FileState or id, metadata)
            A file that is the same but was touched, or an item, that has new metadata. User
            metadata is merged into what is stored: a key that is not named again stays, and one
            whose value is `EMPTIED` goes.
        renamed : iterable of ((id, old path), FileState)
            Items whose files changed names among each other; what is stored under a new path and
            is not among them is deleted. All of them, or, when one has changed, none.

        Returns
        -------
        set of str
            Paths that could not be copied, moved or renamed, because the item they were to follow
            has changed in the meantime; they have to be embedded.

        Raises
        ------
        SpaceMismatchError
            When the collection has been re-embedded into another space in the meantime.
        """
        ...

    def delete(self, ids: Sequence[int]) -> int:
        """Delete items and their vectors; returns how many there were."""
        ...

    def judgements(self, question: str | None = None) -> list[Judgement]:
        """What was said of items, for one question or all, the oldest first; damaged ones not."""
        ...

    def judge(self, judgements: Sequence[Judgement]) -> int:
        """Store what is said of items that are there, in the place of what was; gives how many."""
        ...

    def unjudge(self, question: str, items: Sequence[int]) -> int:
        """Forget what was said of items for a question; returns how many there were."""
        ...

    def claim_space(self, space: Space, encoder: str) -> None:
        """Make `space` the collection's own when it has none.

        Raises
        ------
        SpaceMismatchError
            When the collection holds another space.
        """
        ...

    def reembedding(self, space: Space, encoder: str) -> Reembedding:
        """Set out for a new space, or resume when the last, unfinished run had the same."""
        ...

    def keeps_index(self, space: Space) -> bool:
        """Whether an index is better kept beside the rows than on the machine that searches."""
        ...

    def index_facts(self) -> dict[str, Any] | None:
        """What is known of an index that is kept beside the rows; None where there is none.

        Returns
        -------
        dict or None
            ``name``, which each has its own of, ``space`` (fingerprint), ``vectors``, ``recall``,
            ``wanted``, ``parameters``, ``bytes``.
        """
        ...

    def open_index(self, space: Space) -> DerivedIndex | None:
        """Open that index, over the vectors of the moment that is read; inside of `snapshot`.

        Raises
        ------
        DamagedIndexError
            When it cannot be used, and why.
        """
        ...

    def drop_index(self) -> None:
        """Remove that index, for everybody."""
        ...

    def table_version(self) -> int | None:
        """The number of the version that is read; None where there are none."""
        ...

    def versions(self) -> list[Version]:
        """Versions that can be read, the oldest first.

        Raises
        ------
        UsageError
            Where earlier versions are never kept.
        """
        ...

    def keep_version(self, name: str) -> None:
        """Give the version that is read a name, which it is kept for, or move the name to it.

        Raises as `versions`.
        """
        ...

    def forget_versions(self, seconds: float) -> int:
        """Delete versions without a name that are older; gives the bytes that are free now.

        Raises as `versions`.
        """
        ...

    def bytes_stored(self) -> int:
        """What the rows take where they are kept."""
        ...

    def tidy(self) -> None:
        """Let what was written piece by piece be quick to read; called when an index is built."""
        ...

    def close(self) -> None:
        """Close the store; calling it twice is fine."""
        ...


class Reembedding(Protocol):
    """Vectors of the next space, kept beside those of the present one until all are there.

    `write` and `finish` raise `CollectionError` when another process has begun to re-embed into yet
    another space.
    """

    def missing(self) -> list[tuple[int, str, bytes]]:
        """Id, path and content hash of the items that have no vector of the next space yet."""
        ...

    def write(self, batch: Iterable[ReembeddedItem]) -> bool:
        """Keep vectors; False when another process has finished this re-embedding."""
        ...

    def finish(self, failed: Iterable[tuple[int, bytes]]) -> bool:
        """Change over to the next space in one step.

        Parameters
        ----------
        failed : iterable of (id, content hash)
            Items that could not be embedded; they stay, without vectors.

        Returns
        -------
        bool
            False when items were added or changed in the meantime that still need a vector.
        """
        ...


def require_space(store: Store, space: Space, encoder: str = "") -> None:
    """Refuse vectors of another space than the stored one; `encoder` loads by this name.

    Raises
    ------
    SpaceMismatchError
    """
    stored = store.state().space
    if stored is not None and stored[0].fingerprint != space.fingerprint:
        raise SpaceMismatchError(
            f"{store.path} holds vectors of the space {stored[0]}, the encoder makes {space}; "
            "they cannot be compared. Open it with the encoder it was made with, or re-embed: "
            f"sensorium reembed --collection {shlex.quote(str(store.path))} "
            f"--encoder {shlex.quote(encoder or space.name)}"
        )


def condition_of(part: Part | None) -> str:
    """An expression of SQL, SQLite's and Lance's, for segments of a part."""
    if part is None:
        return "true"
    number, parts = part
    return f"(item_id / {STRIPE}) % {int(parts)} = {int(number)}"


def require_described(store: Store) -> None:
    """Refuse a damaged collection, which does not say what its vectors are.

    Raises
    ------
    CollectionError
    """
    if lacking := store.state().lacking:
        raise CollectionError(
            f"{store.path} is damaged: it holds vectors, and does not say {lacking} they are of: "
            "restore the file from a copy, or index the media into a new collection"
        )


def modalities_of(store: Store, segment_ids: Ids) -> npt.NDArray[np.str_]:
    """The modality of each of some segments, shape (n,); "" of those that are gone."""
    names = store.state().modalities
    if len(names) == 1 or not len(segment_ids):
        return np.full(len(segment_ids), names[0] if names else "")
    ids, codes = store.modalities(names)
    places = np.searchsorted(ids, segment_ids)
    there = np.zeros(len(segment_ids), bool)
    inside = places < len(ids)
    there[inside] = ids[places[inside]] == segment_ids[inside]
    found = np.full(len(segment_ids), "", dtype=f"U{max(map(len, names))}")
    found[there] = np.array(names)[codes[places[there]]]
    return found


def tiles_among(
    store: Store, segment_ids: Ids, item_ids: Ids, modalities: npt.NDArray[np.str_]
) -> npt.NDArray[np.bool_]:
    """Which segments are tiles of a long picture, which has a segment as a whole, too; shape (n,).

    Parameters
    ----------
    store : Store
    segment_ids, item_ids : ndarray of int64, shape (n,)
        Of the segments, all of each item.
    modalities : ndarray of str, shape (n,)
    """
    found = np.zeros(len(segment_ids), bool)
    pictures = np.flatnonzero(modalities == str(Modality.IMAGE))
    owners, places, counts = np.unique(item_ids[pictures], return_inverse=True, return_counts=True)
    # Nearly all have one: no details are read of these.
    items = store.items(owners[counts > 1].tolist())
    several = [item for item, row in items.items() if row.modality == Modality.IMAGE]
    rows = pictures[np.isin(owners, several)[places]]
    for start in range(0, len(rows), ROWS_READ):
        some = rows[start : start + ROWS_READ]
        stored = store.segments(segment_ids[some].tolist())
        found[some] = [
            n in stored and "box" in stored[n].record.details for n in segment_ids[some].tolist()
        ]
    return found
