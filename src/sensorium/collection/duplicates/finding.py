"""What is there more than once: copies, which can go, and altered ones, for people.

Vectors are made to say what something shows, so two tigers can be nearer than a tiger and its
thumbnail, and two invoices of one layout are as near as an invoice and its copy: no cosine, and no
correlation of thumbnails, tells them apart. They name the candidates. A copy is a file of equal
bytes, or a picture that can be made again from what is kept (`sensorium.media.pictures.copies`).
Altered is what shows or says the same when it is looked at closely: pictures tile by tile
(`sensorium.media.pictures.alike`), documents word by word, sounds and films over their whole time
(`sensorium.media.tracks.alike`). All files are read as they are at that
moment. What is found of which copies is measured by ``python -m benchmarks duplicates`` and told in
docs/bulk.md.
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from sensorium.collection.collection import Collection, store_of
from sensorium.collection.duplicates.altered import MOST, Altered, Placeable, Turned
from sensorium.collection.duplicates.confirming import Copies, LikelyCopies, Thumbnails
from sensorium.collection.duplicates.grouping import (
    Confirm,
    check_threshold,
    find_duplicates,
    group_near,
    grouped_by,
    least_of,
    linked,
    twins_of,
)
from sensorium.collection.duplicates.near import Near
from sensorium.collection.duplicates.same_tracks import same_films, same_sounds
from sensorium.collection.duplicates.same_words import SameWords
from sensorium.collection.hits import item_fields
from sensorium.collection.items import stored_items
from sensorium.collection.on_disk import batches_of, read_all, stacked, sums_for
from sensorium.collection.results import Item
from sensorium.collection.rows import StoredItem
from sensorium.collection.store import ROWS_READ, Store, modalities_of, tiles_among
from sensorium.data.files import stored_path
from sensorium.encoders.trust import may_look_at
from sensorium.errors import MediaError
from sensorium.index.base import Index, Vectors
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

TEXTS_COSINE = 0.9
"""The same of documents, by the means of their segments' vectors: of one text in two formats these
differ by where pages end."""

FILMS_COSINE = 0.75
"""The same of films: half the size moves the mean of their frames' vectors to 0.86; few are of one
length."""

_NAMED_A_COPY = re.compile(
    r"\(\d{1,2}\)$|(?:[\s_(-]|^)(?:copy|kopie|copie|copia)\)?(?:[\s_]*\(?\d{1,2}\)?)?$"
    r"|^(?:copy of|kopie von|copie de|copia de)\s|(?:副本|拷贝|拷貝|コピー)(?:\s*\(?\d{1,2}\)?)?$",
    re.IGNORECASE,
)
"""What browsers, file managers and phones add to the name of a file that is there already."""

__all__ = ["Duplicates", "find_duplicate_items", "find_duplicates"]


@dataclass(frozen=True)
class Duplicates:
    """Items that are one.

    Attributes
    ----------
    kind : {"copies", "altered"}
        Of copies, all but the first can be deleted and nothing that was in them is lost. What was
        altered shows or says the same, and may have lost or gained something: a margin, a caption.
    items : list of Item
        The one to keep first: of most pixels; of as many, one that several names lead to, then the
        one of which most is known (time, place, caption), no JPEG, the larger file, the one that
        was added first. Each other one is a duplicate of the first; of altered ones, or of one that
        shows all of the first, as it lies.
    scores : list of float
        Cosine of each to the first; 1 for equal files that have no vectors.
    """

    kind: Literal["copies", "altered"]
    items: list[Item]
    scores: list[float]


def find_duplicate_items(
    collection: Collection | Store,
    *,
    threshold: float | None = None,
    pixels: bool = True,
    altered: bool = True,
    index: Callable[[Vectors], Index] | None = None,
) -> list[Duplicates]:
    """Find the items of a collection that are there more than once.

    Parameters
    ----------
    collection : Collection or Store
    threshold : float, optional
        Cosine of pictures that are compared; None takes `CANDIDATE_COSINE`. Files of equal bytes
        are found whatever it is.
    pixels : bool
        Whether what is in files is compared. Without, only files of equal bytes
        are found.
    altered : bool
        Whether altered ones are grouped, too.
    index : callable, optional
        Builds an index of vectors, for collections of more than `EXACT_ROWS` pictures; see
        `find_duplicates`. What only pixels name as a candidate (pictures turned by 90 degrees) is
        not found then.

    Returns
    -------
    list of Duplicates
        Copies, then what was altered, each in the order in which the first of a group was added.
        Files are there, and are read anew, not taken for what they were when they were indexed.
        Two names of one file (links) are not copies of each other. Neither they nor symbolic links
        are anybody's copy, so that deleting copies never deletes what is kept.
    """
    store = store_of(collection)
    pictures, vectors, books = _whole_pictures(store)
    threshold = CANDIDATE_COSINE if threshold is None else threshold
    check_threshold(threshold)
    known = {item.id for item in pictures}
    items = [*pictures, *(item for item in stored_items(store) if item.id not in known)]
    files = [_file_of(item.file.path) for item in items]
    names = Counter(files)
    fixed = {
        row
        for row, file in enumerate(files)
        if file is not None and (names[file] > 1 or Path(items[row].file.path).is_symlink())
    }
    order = sorted(range(len(items)), key=lambda row: _preference(items[row], row in fixed))
    first = {files[row]: row for row in reversed(order)}
    order = [row for row in order if files[row] is not None and first[files[row]] == row]
    paths = [item.file.path for item in items]
    hashes = dict(zip(order, _hashes_now([items[row] for row in order]), strict=True))
    thumbnails = Thumbnails(paths)

    def grouped(rows: list[int], confirm: Confirm, near: Near, most: int | None) -> list[list[int]]:
        """As `find_duplicates`, of pictures by their numbers in `items`."""
        numbers = near.rows
        same = [hashes[row] for row in rows]

        def asked(pairs: npt.NDArray[np.int64], cosines: Vectors) -> npt.NDArray[np.bool_]:
            return confirm(numbers[pairs], cosines)

        if index is not None and len(rows) > EXACT_ROWS:
            chosen = vectors[numbers]
            search = index(chosen).search
            groups = find_duplicates(
                chosen, threshold, content_hashes=same, confirm=asked, search=search
            )
        else:
            groups = group_near(near, same, asked, costly=most is not None, most=most)
        return [numbers[group].tolist() for group in groups]

    seen = [row for row in order if row < len(pictures)] if pixels else []
    others = [row for row in order if row not in set(seen)]
    least = least_of(threshold)
    near = Near(vectors, least, np.array(seen, np.int64), sieve=LikelyCopies(thumbnails))
    copies = grouped(seen, Copies(paths, fixed, thumbnails).agree, near, None) if seen else []
    equal = grouped_by(twins_of([hashes[row] for row in others]))
    copies += [[others[n] for n in group] for group in equal]
    copies = [[kept, *(row for row in rows if row not in fixed)] for kept, *rows in copies]
    copies = [group for group in copies if len(group) > 1]
    means = _means(store, items, vectors)
    found = _described("copies", copies, items, means)
    if altered and pixels:
        gone = {row for _, *rows in copies for row in rows}
        # Two faxes with the same cover sheet are not one.
        rest = [row for row in seen if row not in gone and row not in books]
        looked = Altered(paths, thumbnails)
        exactly = index is None or len(rest) <= EXACT_ROWS
        near = Near(
            vectors,
            least,
            np.array(rest, np.int64),
            turns=Turned(thumbnails) if exactly else None,
            sieve=Placeable(thumbnails),
        )
        groups = grouped(rest, looked.agree, near, MOST)
        if exactly:
            groups = _linked(groups, rest, near, looked)
        durations = [_seconds(item) for item in items]
        for modality, least, confirm in (
            (Modality.TEXT, TEXTS_COSINE, SameWords(paths).agree),
            (Modality.AUDIO, CANDIDATE_COSINE, same_sounds(paths, durations)),
            (Modality.VIDEO, FILMS_COSINE, same_films(paths, durations)),
        ):
            mine = [row for row in others if row not in gone and items[row].modality == modality]
            groups += _grouped_near(mine, means, least, confirm)
        found += _described("altered", groups, items, means)
    return found


def _linked(
    groups: list[list[int]], rows: list[int], near: Near, looked: Altered
) -> list[list[int]]:
    """See `sensorium.collection.duplicates.grouping.linked`."""
    place = {row: number for number, row in enumerate(near.rows.tolist())}

    def pairs(some: Sequence[int], others: Sequence[int]) -> npt.NDArray[np.int64]:
        standing = np.array([place[row] for row in others], np.int64)
        asking = np.array([place[row] for row in some], np.int64)
        found = []
        for start in range(0, len(asking), ROWS_READ):
            near_pairs, _, sure = near.pairs(asking[start : start + ROWS_READ], standing)
            # One that stands is asked about with others, not with itself.
            other = near_pairs[:, 0] != near_pairs[:, 1]
            near_pairs, sure = near_pairs[other], sure[other]
            found.append(near.rows[near_pairs[near.worth(near_pairs, sure)]])
        return np.concatenate(found) if found else np.empty((0, 2), np.int64)

    def confirm(found: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return looked.agree(found[:, ::-1], np.ones(len(found), np.float32))

    return linked(groups, rows, lambda one, other: (one, other) in looked.wholes, pairs, confirm)


def _grouped_near(
    rows: list[int], means: Vectors, least: float, confirm: Confirm
) -> list[list[int]]:
    """Groups of rows that have vectors, of which somebody else says what is one."""
    numbers = np.array([row for row in rows if means[row].any()], np.int64)
    near = Near(means, least_of(least), numbers)
    groups = group_near(
        near, confirm=lambda pairs, cosines: confirm(numbers[pairs], cosines), costly=True
    )
    return [numbers[group].tolist() for group in groups]


def _seconds(item: StoredItem) -> float:
    duration = item.properties.get("duration")
    return float(duration) if isinstance(duration, (int, float)) else 0.0


def _means(store: Store, items: Sequence[StoredItem], vectors: Vectors) -> Vectors:
    """Vectors of items, shape (n, d): given ones, then the means of their segments'."""
    stored = store.state().space
    if stored is None or len(vectors) == len(items):
        return vectors if len(vectors) else np.zeros((len(items), 1), np.float32)
    dimension = stored[0].dimension
    row_of = {item.id: row - len(vectors) for row, item in enumerate(items) if row >= len(vectors)}
    others = sums_for(store, len(row_of), dimension)
    for _, owners, of_segments in batches_of(store, dimension):
        rows = np.array([row_of.get(owner, -1) for owner in owners.tolist()], np.int64)
        np.add.at(others, rows[rows >= 0], of_segments[rows >= 0])
    return stacked(store, vectors, others)


def _whole_pictures(store: Store) -> tuple[list[StoredItem], Vectors, set[int]]:
    """Pictures that have a vector as a whole, and the vectors, of shape (n, d).

    Of one with several pages it is that of the first; their rows are returned, too.
    """
    stored = store.state().space
    if stored is None:
        return [], np.empty((0, 0), np.float32), set()
    with store.snapshot():
        held = read_all(store, stored[0].dimension)
        # Neither parts of a long picture nor what is written in one, which have vectors, too.
        modalities = modalities_of(store, held.segment_ids)
        tiles = tiles_among(store, held.segment_ids, held.item_ids, modalities)
        held = held.only((modalities == str(Modality.IMAGE)) & ~tiles)
        segments, owners = held.segment_ids, held.item_ids
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
    chosen = np.zeros(len(segments), bool)
    chosen[rows] = True
    return [items[owner] for owner in owners[rows].tolist()], held.only(chosen).vectors, books


def _file_of(path: str) -> tuple[int, int] | None:
    """What tells a file from all others whatever its name; None where there is none."""
    if not Path(path).is_absolute() or not may_look_at(path):
        return None  # a key, a URL, or on a machine that nobody named
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _preference(item: StoredItem, fixed: bool) -> tuple[int, bool, int, bool, int, bool, int]:
    """Sorts the best of equal pictures first."""
    width, height = item.properties.get("width"), item.properties.get("height")
    pixels = width * height if isinstance(width, int) and isinstance(height, int) else 0
    known = len(item.properties.keys() | item.metadata.keys())
    lossy = item.file.path.lower().endswith(LOSSY_SUFFIXES)
    copied = _NAMED_A_COPY.search(PurePath(item.file.path).stem) is not None
    return (-pixels, not fixed, -known, lossy, -item.file.size, copied, item.id)


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
    kind: Literal["copies", "altered"],
    groups: Sequence[Sequence[int]],
    items: Sequence[StoredItem],
    vectors: Vectors,
) -> list[Duplicates]:
    found = [
        Duplicates(
            kind,
            [Item(**item_fields(items[row])) for row in rows],
            [
                float(cosine) if vectors[row].any() else 1.0
                for row, cosine in zip(
                    rows, np.minimum(vectors[rows] @ vectors[rows[0]], 1), strict=True
                )
            ],
        )
        for rows in groups
    ]
    return sorted(found, key=lambda group: group.items[0].id)
