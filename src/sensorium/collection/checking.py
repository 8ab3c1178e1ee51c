"""Whether what is stored of a collection is what was written, and what to do where it is not."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from sensorium.collection.checking_rows import PATH, faults, forget, name_of
from sensorium.collection.collection import Collection
from sensorium.collection.derived import (
    SLOTS,
    DamagedIndexError,
    DerivedIndex,
    ForeignIndexError,
    read_index,
    remove_slot,
    require_same_vectors,
)
from sensorium.collection.four_bits import SLOT as CODES
from sensorium.collection.four_bits import keep_codes
from sensorium.collection.judgements import COLUMNS, read_judgements
from sensorium.collection.opening import open_store
from sensorium.collection.rows import are_sound, vector_of
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.sqlite_writing import count_change
from sensorium.collection.store import require_described
from sensorium.collection.words.full_text import write_all_words
from sensorium.errors import CollectionError

BLOCK = 4096
"""Vectors that are looked at together: 10 MB of 640 numbers each."""

MOST_LINES = 20
"""Lines of SQLite's own report; one damaged page can make thousands."""


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was written.

    Attributes
    ----------
    what : str
    path : str
        The item, or the file, that it concerns.
    mend : str
        What to do about it.
    """

    what: str
    path: str
    mend: str


@dataclass
class CheckReport:
    """What `check` found.

    Attributes
    ----------
    items, vectors : int
        That were looked at.
    without_checksum : int
        Vectors that a version before checksums stored: only their lengths could be compared.
    damages : list of Damage
    notes : list of str
        What is no damage, but worth knowing: an index that was built elsewhere is not used.
    repaired : bool
        Whether the mends were carried out, as far as that needs no files.
    seconds : float
    """

    items: int = 0
    vectors: int = 0
    without_checksum: int = 0
    damages: list[Damage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repaired: bool = False
    seconds: float = 0.0


AGAIN = "index it again"
REBUILT = "sensorium check --repair makes it again"
FORGOTTEN = "sensorium check --repair forgets it"
MENDS = {
    "vectors": "sensorium optimize",
    CODES: "sensorium check --repair",
    "hash": "sensorium optimize --hash BITS",
}
"""What makes an index anew."""

RESTORE = (
    "restore the file from a copy, or index the media into a new collection; "
    "`sensorium export` may still read what is whole"
)


def check(library: Collection, *, repair: bool = False) -> CheckReport:
    """Compare all that is stored with its checksums, lengths and types.

    Parameters
    ----------
    library : Collection
    repair : bool
        Forget what is damaged: items whose vectors or descriptions are, are read again by the next
        `add` of their files, words are indexed again, index files removed.

    Raises
    ------
    CollectionError
        When the file cannot be read at all.
    """
    started = time.monotonic()
    report = CheckReport()
    with closing(open_store(library.path)) as store:
        assert isinstance(store, SQLiteStore)  # or its kind, whose rows are elsewhere
        report.damages += _of_file(store)
        if all(damage.mend == REBUILT for damage in report.damages):  # else rows may be anything
            words = bool(report.damages)
            fields: set[str] = set()
            again = {*_of_vectors(store, report), *_of_descriptions(store, report, fields)}
            judged = [*_of_judgements(store)]
            report.damages += [damage for _, damage in judged]
            report.damages += _of_indexes(library, store, report, repair)
            if repair:
                _forget(store, sorted(again), words, fields, [row for row, _ in judged])
    report.repaired = repair and bool(report.damages)
    report.seconds = time.monotonic() - started
    return report


def _of_file(store: SQLiteStore) -> Iterator[Damage]:
    try:
        lines = [line for (line,) in store.read(f"PRAGMA integrity_check({MOST_LINES})")]
        orphans = len(store.read("PRAGMA foreign_key_check"))
        require_described(store)
    except CollectionError as error:
        yield Damage(str(error), str(store.path), RESTORE)
        return
    for line in lines:
        if "FTS5 table" in line:  # SQLite asks the index of words, too, since 3.44
            yield Damage(f"the index of words is damaged: {line}", str(store.path), REBUILT)
        elif line != "ok":
            yield Damage(f"the database is damaged: {line}", str(store.path), RESTORE)
    if orphans:
        yield Damage(f"{orphans} rows belong to no item", str(store.path), RESTORE)


def _of_vectors(store: SQLiteStore, report: CheckReport) -> Iterator[int]:
    """Count vectors and name what is damaged; yields the ids of their items."""
    with store.snapshot():
        space = store.state().space
        if space is None:
            return
        dimension = space[0].dimension
        rows = store.vector_rows()
        while some := list(islice(rows, BLOCK)):
            vectors = np.array([vector_of(row[1], dimension) for row in some], np.float32)
            for (item, blob, checksum), sound in zip(some, are_sound(vectors), strict=True):
                report.vectors += 1
                report.without_checksum += checksum is None
                if not sound:
                    what = "a vector of it is damaged: it has not the length of one"
                elif checksum is not None and zlib.crc32(blob) != checksum:
                    what = "a vector of it is damaged: its checksum is another one"
                else:
                    continue
                ((path,),) = store.read(f"SELECT {PATH} FROM items WHERE id = ?", (item,))
                report.damages.append(Damage(what, name_of(path), AGAIN))
                yield item


def _of_descriptions(store: SQLiteStore, report: CheckReport, fields: set[str]) -> Iterator[int]:
    """Count items and name those of which something is damaged; yields their ids."""
    with store.snapshot():
        ((report.items,),) = store.read("SELECT count(*) FROM items")
        for item, path, what in faults(store, fields):
            report.damages.append(Damage(what, path, AGAIN))
            yield item
        known = {*store.state().fields}
    if lacking := sorted(fields - known):
        what = f"names of what is said of items are lacking ({', '.join(lacking):.60})"
        report.damages.append(Damage(what, str(store.path), REBUILT))


def _of_judgements(store: SQLiteStore) -> Iterator[tuple[int, Damage]]:
    """Name judgements that are not as they were written, and their rows."""
    rows = store.read(f"SELECT {COLUMNS}, id FROM judgements ORDER BY id")
    for row, one in zip(rows, read_judgements(row[:-1] for row in rows), strict=True):
        if one is None:
            what = f"a judgement is damaged (of the item {row[0]!r:.20})"
            yield row[-1], Damage(what, str(store.path), FORGOTTEN)


def _of_indexes(
    library: Collection, store: SQLiteStore, report: CheckReport, repair: bool
) -> Iterator[Damage]:
    space = library.info().space
    if space is None:
        return
    for slot in SLOTS:
        mend = MENDS[slot]
        try:
            index = read_index(library.path, slot, space.fingerprint)
            if index is not None:
                _compare_rows(index, store, space.dimension)
        except ForeignIndexError as error:
            report.notes.append(f"{error}; `{mend}` builds it here")
            if repair and slot == CODES:
                keep_codes(library.path, space)
        except DamagedIndexError as error:
            yield Damage(f"the index is damaged: {error}", str(library.path), f"{mend} makes it")
            if repair:
                remove_slot(library.path, slot)
            if repair and slot == CODES:
                keep_codes(library.path, space)
    try:
        with store.snapshot():
            if (index := store.open_index(space)) is not None:
                _compare_rows(index, store, space.dimension)
    except DamagedIndexError as error:
        mend = "sensorium optimize --kind lance"
        yield Damage(f"the index is damaged: {error}", str(library.path), f"{mend} makes it")
        if repair:
            store.drop_index()


def _compare_rows(index: DerivedIndex, store: SQLiteStore, dimension: int) -> None:
    sampled = store.vectors(dimension, ids=[int(name) for name in index.state["sample"]])
    require_same_vectors(index, sampled[0], sampled[2])


def _forget(
    store: SQLiteStore, items: list[int], words: bool, fields: set[str], judged: list[int]
) -> None:
    """Let the next `add` read items again, and index the words of all anew."""
    with store.transaction() as db:
        for item in items:
            forget(db, item)
        db.executemany("DELETE FROM judgements WHERE id = ?", [(row,) for row in judged])
        db.executemany("INSERT OR IGNORE INTO fields VALUES (?)", [(name,) for name in fields])
        if words:
            # First an index of what it says that it holds: of another one nothing can be deleted.
            db.execute("INSERT INTO words (words) VALUES ('rebuild')")
            db.execute("DELETE FROM words")
            write_all_words(db)
        count_change(db, len(items))
