"""Near-duplicates: groups of pictures that are one picture, saved again, scaled or cropped.

Measured with `mini` on 611 photos and 1,174 drawings and on six altered copies of each (JPEG of
quality 50, half the size, 128 pixels, 2% and 5% cropped on each side, 20% lighter), by
``python -m benchmarks.duplicates``:

| two pictures are one when | copies found | pairs of other pictures taken for one |
|---|---|---|
| photos: cosine 0.98 | 0.51 | 9 of 186,355 |
| photos: cosine 0.85 | 0.94 | 320 |
| photos: cosine 0.85 and thumbnails 0.95 | 0.86 | 5, 4 of them one photo under two names |
| drawings: cosine 0.98 | 0.33 | 37 of 688,551 |
| drawings: cosine 0.85 | 0.93 | 400 |
| drawings: cosine 0.85 and thumbnails 0.95 | 0.80 | 17, some of them one drawing in two folders |

Vectors are made to say what a picture shows, so two tigers can be nearer than a tiger and its
thumbnail: no cosine tells copies apart. It names the candidates, and pixels decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.collection.hits import item_fields
from sensorium.collection.results import Item
from sensorium.collection.rows import StoredItem
from sensorium.collection.store import SQLiteStore
from sensorium.errors import MediaError, UsageError
from sensorium.index.base import Index, Neighbours, Vectors
from sensorium.media import Image, Modality

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection

CANDIDATE_COSINE = 0.85
"""Cosine from which on pixels are compared."""

VECTORS_COSINE = 0.98
"""Cosine that is asked where pixels cannot be compared."""

THUMBNAIL_CORRELATION = 0.95
"""Correlation of thumbnails from which on two pictures are one. At 0.9 twice as many of those
cropped by 5% are found, and twice as many pairs of other drawings."""

THUMBNAIL_SIDE = 8
"""Pixels, in three colours. 16 pixels tell other drawings better apart but find a tenth of the
pictures that were cropped by 5%, not half."""

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
    """Items that are one picture.

    Attributes
    ----------
    items : list of Item
        The one of most pixels first; of as many, the larger file, then the one that was added
        first. Each other one is a duplicate of the first.
    scores : list of float
        Cosine of each to the first.
    """

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
    if not 0 < threshold <= 1:
        raise UsageError(f"a threshold of cosines is above 0 and at most 1, got {threshold}")
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
    keeper = keeper[twin_of]
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
    collection: Collection | SQLiteStore,
    *,
    threshold: float | None = None,
    pixels: bool = True,
    index: Callable[[Vectors], Index] | None = None,
) -> list[Duplicates]:
    """Find the pictures of a collection that are there more than once.

    Only pictures that are stored whole: what has spans (passages, scenes) is left out.

    Parameters
    ----------
    collection : Collection or SQLiteStore
    threshold : float, optional
        Cosine; None takes `CANDIDATE_COSINE` with pixels and `VECTORS_COSINE` without.
    pixels : bool
        Whether pictures of near vectors are read and compared as thumbnails. Where one cannot be
        read (a URL, a file that is gone), the cosine has to reach `VECTORS_COSINE`, too.
    index : callable, optional
        Builds an index of vectors, for collections of more than `EXACT_ROWS` pictures; see
        `find_duplicates`.

    Returns
    -------
    list of Duplicates
        In the order in which the first of each group was added.
    """
    store = collection if isinstance(collection, SQLiteStore) else collection._store
    space = store.space()
    if space is None:
        return []
    with store.snapshot():
        segments, owners, vectors = store.vectors(space[0].dimension)
        # Not what is written in a picture, which has vectors of its own.
        pictures = store.modalities(segments) == str(Modality.IMAGE)
        owners, vectors = owners[pictures], vectors[pictures]
        items = store.items(np.unique(owners).tolist())
        in_parts = (
            "SELECT item_id FROM segments "
            "WHERE (start IS NOT NULL OR ordinal > 0) AND modality = 'image'"
        )
        parts = {item for (item,) in store._read(in_parts)}
    whole = [
        (row, item)
        for row, owner in enumerate(owners.tolist())
        if (item := items[owner]).modality == Modality.IMAGE and owner not in parts
    ]
    whole.sort(key=lambda entry: _preference(entry[1]))
    order = np.array([row for row, _ in whole], np.int64)
    ordered = [item for _, item in whole]
    vectors = vectors[order]
    if threshold is None:
        threshold = CANDIDATE_COSINE if pixels else VECTORS_COSINE
    large = index is not None and len(ordered) > EXACT_ROWS
    groups = find_duplicates(
        vectors,
        threshold,
        content_hashes=[item.file.content_hash for item in ordered],
        confirm=_Thumbnails([item.file.path for item in ordered]).agree if pixels else None,
        search=index(vectors).search if large and index is not None else None,
    )
    found = [
        Duplicates(
            [Item(**item_fields(ordered[row])) for row in rows],
            [float(cosine) for cosine in np.minimum(vectors[rows] @ vectors[rows[0]], 1)],
        )
        for rows in groups
    ]
    return sorted(found, key=lambda group: group.items[0].id)


def _preference(item: StoredItem) -> tuple[int, int, int]:
    """Sorts the best of equal pictures first."""
    width, height = item.properties.get("width"), item.properties.get("height")
    pixels = width * height if isinstance(width, int) and isinstance(height, int) else 0
    return (-pixels, -item.file.size, item.id)


class _Thumbnails:
    """Compares pictures by tiny thumbnails, each read once, when it is first needed."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._read: dict[int, npt.NDArray[np.float32] | None] = {}

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """See `Confirm`."""
        missing = [row for row in np.unique(pairs).tolist() if row not in self._read]
        with ThreadPoolExecutor() as pool:
            self._read.update(zip(missing, pool.map(self._thumbnail, missing), strict=True))
        agreed = np.empty(len(pairs), bool)
        for number, (one, other) in enumerate(pairs.tolist()):
            a, b = self._read[one], self._read[other]
            if a is None or b is None:
                agreed[number] = cosines[number] >= VECTORS_COSINE
            else:
                agreed[number] = a @ b >= THUMBNAIL_CORRELATION
        return agreed

    def _thumbnail(self, row: int) -> npt.NDArray[np.float32] | None:
        try:
            return thumbnail(Image(Path(self._paths[row])))
        except MediaError:
            return None


def thumbnail(image: Image) -> npt.NDArray[np.float32] | None:
    """A picture as a vector whose dot products with others' are correlations.

    Returns
    -------
    ndarray of float32, shape (`THUMBNAIL_SIDE` squared times 3,), or None
        None for a picture of one even colour: there is nothing to correlate.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    # Decoded larger: a JPEG at its smallest scale correlates less with its own copies.
    picture, box = image.load_scaled(8 * THUMBNAIL_SIDE)
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    pixels = np.asarray(picture.resize(side, PIL.Image.Resampling.BOX, box), np.float32)
    centred = pixels.ravel() - pixels.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length, np.float32) if length > 0 else None
