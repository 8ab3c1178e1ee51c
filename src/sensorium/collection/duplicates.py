"""Pictures that are there more than once: copies, which can go, and look-alikes, for people.

Vectors are made to say what a picture shows, so two tigers can be nearer than a tiger and its
thumbnail, and two invoices of one layout are as near as an invoice and its copy: no cosine, and no
correlation of thumbnails, tells copies apart. They name the candidates. A copy is a file of equal
bytes, or one that can be made again from what is kept (`sensorium.media.pictures.copies`), both as
they are at that moment. All others only look alike. What is found of which copies is measured by
``python -m benchmarks.duplicates`` and told in docs/bulk.md.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from sensorium.collection.collection import Collection, store_of
from sensorium.collection.confirming import VECTORS_COSINE, Copies, Thumbnails
from sensorium.collection.hits import item_fields
from sensorium.collection.results import Item
from sensorium.collection.rows import StoredItem
from sensorium.collection.store import ROWS_READ, Store, modalities_of, tiles_among
from sensorium.data.files import stored_path
from sensorium.encoders.trust import may_look_at
from sensorium.errors import MediaError, UsageError
from sensorium.index.base import Index, Neighbours, Vectors
from sensorium.media import Modality
from sensorium.media.sources import hash_file

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection

CANDIDATE_COSINE = 0.85
"""Cosine from which on pixels are compared."""

LOSSY_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".avif")

EXACT_ROWS = 200_000
"""Above so many, an index finds the candidates if there is one: all pairs of 100,000 vectors of
640 numbers are 3.2 million million multiplications, half a minute on two cores, four times that for
twice as many."""

BLOCK = 1024
"""Rows that are compared with `COLUMNS` others at a time: 16 MB of cosines."""
COLUMNS = 4096

NEIGHBOURS = 64
"""Candidates a row that an index is asked for."""

Search = Callable[[Vectors, int], Neighbours]
"""`Index.search`: the nearest rows to each of some vectors."""

Confirm = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32]], npt.NDArray[np.bool_]]
"""Takes pairs of rows, shape (m, 2), and their cosines; says which of them are duplicates."""


@dataclass(frozen=True)
class Duplicates:
    """Pictures that are one, or look as if they were.

    Attributes
    ----------
    kind : {"copies", "look alike"}
        Of copies, all but the first can be deleted and nothing that was in them is lost. What only
        looks alike may be another invoice.
    items : list of Item
        The one to keep first: of most pixels; of as many, one that several names lead to, then the
        one of which most is known (time, place, caption), no JPEG, the larger file, the one that
        was added first. Each other one is a duplicate of the first.
    scores : list of float
        Cosine of each to the first.
    """

    kind: Literal["copies", "look alike"]
    items: list[Item]
    scores: list[float]


def find_duplicates(
    vectors: Vectors,
    threshold: float = VECTORS_COSINE,
    *,
    content_hashes: Sequence[bytes] | None = None,
    confirm: Confirm | None = None,
    search: Search | None = None,
) -> list[list[int]]:
    """Group rows that are near duplicates.

    A row joins the first row in the given order that is its duplicate and has not itself joined
    another. So whoever keeps the first of each group and removes the rest removes nothing that is
    not a duplicate of what is kept. (Connected components, the other custom, chain: of a slow pan
    of 100 photos one would be left.)

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors, the preferred of two duplicates first.
    threshold : float
        Cosine, above 0 and up to 1; rounding moves it by up to 1e-6.
    content_hashes : sequence of bytes, optional
        Rows of the same hash (but an empty one) are duplicates whatever their vectors.
    confirm : callable, optional
        Asked about pairs within the threshold; None takes all of them.
    search : callable, optional
        `Index.search` over the same vectors. Without it all pairs are compared, in time with the
        square of n and memory for a block of them. With it, duplicates that the index misses, or
        that are beyond the `NEIGHBOURS` nearest, stay apart.

    Returns
    -------
    list of list of int
        Groups of two and more, each in ascending order, in the order of their first rows.
    """
    _check(threshold)
    twin_of = _twins(content_hashes or [b""] * len(vectors))
    distinct = np.flatnonzero(twin_of == np.arange(len(vectors)))
    chosen = vectors if len(distinct) == len(vectors) else vectors[distinct]
    # A cosine of 1 between equal vectors comes out a little lower.
    least = np.float32(threshold - 1e-6)

    def confirmed(pairs: npt.NDArray[np.int64], cosines: Vectors) -> npt.NDArray[np.bool_]:
        if confirm is None:
            return np.ones(len(pairs), bool)
        return confirm(distinct[pairs], cosines)

    if search is None:
        first = _first_of_all(chosen, least, confirmed)
    else:
        own = np.full(len(vectors), -1)
        own[distinct] = np.arange(len(distinct))
        first = _first_of_neighbours(chosen, least, confirmed, search, own)
    keeper = np.empty(len(vectors), np.int64)
    keeper[distinct] = distinct[first]
    return _grouped(keeper[twin_of])


def _check(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise UsageError(f"a threshold of cosines is above 0 and at most 1, got {threshold}")


def _grouped(keeper: npt.NDArray[np.int64]) -> list[list[int]]:
    """Groups of two and more rows that have the same keeper."""
    groups: dict[int, list[int]] = {}
    for row, kept in enumerate(keeper.tolist()):
        groups.setdefault(kept, []).append(row)
    return [rows for _, rows in sorted(groups.items()) if len(rows) > 1]


def _twins(content_hashes: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """For each row the first of the same content, itself where it is the first."""
    seen: dict[bytes, int] = {}
    rows = enumerate(content_hashes)
    return np.array([seen.setdefault(h, n) if h else n for n, h in rows], np.int64)


def _first_of_all(vectors: Vectors, least: np.float32, confirm: Confirm) -> npt.NDArray[np.int64]:
    """For each row the first that it is a duplicate of, itself where it is none; all pairs."""
    first = np.full(len(vectors), -1, np.int64)
    for start in range(0, len(vectors), BLOCK):
        stop = min(start + BLOCK, len(vectors))
        rows = start + np.flatnonzero(first[start:stop] < 0)
        pairs, cosines = _near(vectors, rows, rows, least)
        later = pairs[:, 0] < pairs[:, 1]
        good = confirm(pairs[later], cosines[later])
        partners: dict[int, list[int]] = {}
        for one, other in pairs[later][good].tolist():
            partners.setdefault(one, []).append(other)
        for row in rows.tolist():
            if first[row] < 0:
                first[row] = row
                for other in partners.get(row, ()):
                    if first[other] < 0:
                        first[other] = row
        kept = rows[first[rows] == rows]
        for column in range(stop, len(vectors), COLUMNS):
            others = column + np.flatnonzero(first[column : column + COLUMNS] < 0)
            pairs, cosines = _near(vectors, kept, others, least)
            found = pairs[confirm(pairs, cosines)]
            # Pairs are in the order of the kept rows: the first of each other row counts.
            joined, at = np.unique(found[:, 1], return_index=True)
            first[joined] = found[at, 0]
    return first


def _near(
    vectors: Vectors,
    rows: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
    least: np.float32,
) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Pairs of the given rows whose cosine is at least `least`, and their cosines."""
    cosines = vectors[rows] @ vectors[others].T
    one, other = np.nonzero(cosines >= least)
    return np.stack([rows[one], others[other]], axis=1), cosines[one, other]


def _first_of_neighbours(
    vectors: Vectors,
    least: np.float32,
    confirm: Confirm,
    search: Search,
    own: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """As `_first_of_all`, of the pairs that an index finds; `own` maps its rows to ours."""
    first = np.full(len(vectors), -1, np.int64)
    waiting: dict[int, list[int]] = {}  # later rows that an earlier one has found
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        found = search(vectors[rows], NEIGHBOURS).rows
        one, place = np.nonzero(found >= 0)
        pairs = np.stack([rows[one], own[found[one, place]]], axis=1)
        pairs = pairs[(pairs[:, 1] >= 0) & (pairs[:, 0] != pairs[:, 1])]
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        # The index's own scores may be rough.
        cosines = np.einsum("nd,nd->n", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
        near = cosines >= least
        pairs = pairs[near][confirm(pairs[near], cosines[near])]
        for earlier, later in pairs.tolist():
            waiting.setdefault(later, []).append(earlier)
        for row in rows.tolist():
            kept = [one for one in waiting.pop(row, ()) if first[one] == one]
            first[row] = min(kept, default=row)
    return first


def find_duplicate_items(
    collection: Collection | Store,
    *,
    threshold: float | None = None,
    pixels: bool = True,
    look_alikes: bool = False,
    index: Callable[[Vectors], Index] | None = None,
) -> list[Duplicates]:
    """Find the pictures of a collection that are there more than once.

    Only pictures, by the vector of the whole: what has spans (passages, scenes) is left out.

    Parameters
    ----------
    collection : Collection or Store
    threshold : float, optional
        Cosine of pictures that are compared; None takes `CANDIDATE_COSINE` with pixels and
        `VECTORS_COSINE` without. Files of equal bytes are found whatever it is.
    pixels : bool
        Whether pixels are compared. Without, copies are files of equal bytes, and all that has
        near vectors looks alike.
    look_alikes : bool
        Whether pictures that look alike are grouped, too: their thumbnails do, or, where one
        cannot be read (a URL, a file that is gone), their cosine reaches `VECTORS_COSINE`.
    index : callable, optional
        Builds an index of vectors, for collections of more than `EXACT_ROWS` pictures; see
        `find_duplicates`.

    Returns
    -------
    list of Duplicates
        Copies, then what looks alike, each in the order in which the first of a group was added.
        Files of copies are there, and are read anew, not taken for what they were when they were
        indexed. Two names of one file (links) are not copies of each other. Neither they nor
        symbolic links are anybody's copy, so that deleting copies never deletes what is kept.
    """
    store = store_of(collection)
    items, vectors, books = _whole_pictures(store)
    if threshold is None:
        threshold = CANDIDATE_COSINE if pixels else VECTORS_COSINE
    _check(threshold)
    files = [_file_of(item.file.path) for item in items]
    names = Counter(files)
    fixed = {
        row
        for row, file in enumerate(files)
        if file is not None and (names[file] > 1 or Path(items[row].file.path).is_symlink())
    }
    order = sorted(range(len(items)), key=lambda row: _preference(items[row], row in fixed))
    first = {files[row]: row for row in reversed(order)}
    order = [row for row in order if files[row] is None or first[files[row]] == row]
    paths = [item.file.path for item in items]
    thumbnails = Thumbnails(paths)

    def grouped(
        rows: list[int], hashes: Sequence[bytes], confirm: Confirm | None
    ) -> list[list[int]]:
        """As `find_duplicates`, by the rows' numbers in `items`."""
        numbers = np.array(rows, np.int64)
        chosen = vectors[numbers]
        large = index is not None and len(rows) > EXACT_ROWS
        groups = find_duplicates(
            chosen,
            threshold,
            content_hashes=hashes,
            confirm=None if confirm is None else lambda pairs, near: confirm(numbers[pairs], near),
            search=index(chosen).search if large and index is not None else None,
        )
        return [numbers[group].tolist() for group in groups]

    there = [row for row in order if files[row] is not None]
    hashes = _hashes_now([items[row] for row in there])
    if pixels:
        copies = grouped(there, hashes, Copies(paths, fixed, thumbnails).agree)
    else:
        copies = [[there[n] for n in group] for group in _grouped(_twins(hashes))]
    copies = [[kept, *(row for row in rows if row not in fixed)] for kept, *rows in copies]
    found = _described("copies", [group for group in copies if len(group) > 1], items, vectors)
    if look_alikes:
        gone = {row for _, *rows in copies for row in rows}
        # Two faxes with the same cover sheet are not alike.
        rest = [row for row in order if row not in gone and row not in books]
        hashes = [items[row].file.content_hash for row in rest]
        alike = grouped(rest, hashes, thumbnails.agree if pixels else None)
        found += _described("look alike", alike, items, vectors)
    return found


def _whole_pictures(store: Store) -> tuple[list[StoredItem], Vectors, set[int]]:
    """Pictures that have a vector as a whole, and the vectors, of shape (n, d).

    Of one with several pages it is that of the first; their rows are returned, too.
    """
    stored = store.state().space
    if stored is None:
        return [], np.empty((0, 0), np.float32), set()
    with store.snapshot():
        segments, owners, vectors = store.vectors(stored[0].dimension)
        # Neither parts of a long picture nor what is written in one, which have vectors, too.
        modalities = modalities_of(store, segments)
        tiles = tiles_among(store, segments, owners, modalities)
        pictures = (modalities == str(Modality.IMAGE)) & ~tiles
        segments, owners, vectors = segments[pictures], owners[pictures], vectors[pictures]
        ids, firsts, counts = np.unique(owners, return_index=True, return_counts=True)
        items = store.items(ids.tolist())
        several = dict(zip(firsts.tolist(), (counts > 1).tolist(), strict=True))
        whole = [
            row for row in sorted(several) if items[int(owners[row])].modality == Modality.IMAGE
        ]
        rows: list[int] = []
        books: set[int] = set()
        for start in range(0, len(whole), ROWS_READ):
            some = whole[start : start + ROWS_READ]
            stored_segments = store.segments(segments[some].tolist())
            for row in some:
                record = stored_segments[int(segments[row])].record
                has_pages = "page" in record.details
                if record.span is None and (has_pages or not several[row]):
                    books |= {len(rows)} if has_pages else set()
                    rows.append(row)
    return [items[owner] for owner in owners[rows].tolist()], vectors[rows], books


def _file_of(path: str) -> tuple[int, int] | None:
    """What tells a file from all others whatever its name; None where there is none."""
    if not Path(path).is_absolute() or not may_look_at(path):
        return None  # a key, a URL, or on a machine that nobody named
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _preference(item: StoredItem, fixed: bool) -> tuple[int, bool, int, bool, int, int]:
    """Sorts the best of equal pictures first."""
    width, height = item.properties.get("width"), item.properties.get("height")
    pixels = width * height if isinstance(width, int) and isinstance(height, int) else 0
    known = len(item.properties.keys() | item.metadata.keys())
    lossy = item.file.path.lower().endswith(LOSSY_SUFFIXES)
    return (-pixels, not fixed, -known, lossy, -item.file.size, item.id)


def _hashes_now(items: Sequence[StoredItem]) -> list[bytes]:
    """Content hashes as files are now, of those that were equal; empty of all others."""
    stored = Counter(item.file.content_hash for item in items)
    hashes = []
    for item in items:
        now = b""
        if item.file.content_hash and stored[item.file.content_hash] > 1:
            with suppress(MediaError):
                now = hash_file(stored_path(item.file.path))
        hashes.append(now)
    return hashes


def _described(
    kind: Literal["copies", "look alike"],
    groups: Sequence[Sequence[int]],
    items: Sequence[StoredItem],
    vectors: Vectors,
) -> list[Duplicates]:
    found = [
        Duplicates(
            kind,
            [Item(**item_fields(items[row])) for row in rows],
            [float(cosine) for cosine in np.minimum(vectors[rows] @ vectors[rows[0]], 1)],
        )
        for rows in groups
    ]
    return sorted(found, key=lambda group: group.items[0].id)
