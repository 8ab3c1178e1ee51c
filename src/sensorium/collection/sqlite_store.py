"""The SQLite file that holds a collection: items, their vectors, and the space they belong to.

The file is described in docs/collection-format.md; any SQLite tool can open it.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from operator import eq, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.collection.database import Database
from sensorium.collection.filters import matching_ids
from sensorium.collection.judgements import (
    COLUMNS,
    Judgement,
    read_judgements,
    write_judgements,
)
from sensorium.collection.rows import (
    ITEM,
    PASSAGE,
    SEGMENT,
    VECTOR,
    VECTOR_ROW,
    Changes,
    EmbeddedFile,
    FileState,
    StoredItem,
    StoredSegment,
    VectorRow,
    are_sound,
    json_values,
    require_item,
    require_text,
    span_of,
    stored_item,
    stored_segments,
    text_record,
    vector_of,
    vector_row,
)
from sensorium.collection.sqlite import Connection
from sensorium.collection.sqlite_reembedding import SQLiteReembedding
from sensorium.collection.sqlite_writing import claim, count_change, write_batch
from sensorium.collection.store import (
    Counts,
    Ids,
    Key,
    Part,
    State,
    Vectors,
    condition_of,
    require_described,
    require_space,
)
from sensorium.collection.words.full_text import match
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SensoriumWarning, UsageError
from sensorium.media.segments import SegmentRecord
from sensorium.ranking.scoring import Match

if TYPE_CHECKING:
    from sensorium.collection.derived import DerivedIndex
    from sensorium.collection.results import Version

_parsed_space = lru_cache(maxsize=16)(Space.from_json)
"""Reading and hashing a space anew takes 0.1 ms."""

ROWS_OF = (
    "FROM items JOIN segments ON item_id = items.id WHERE items.id BETWEEN ? AND ? "
    "ORDER BY items.id, ordinal"
)
EVERY_ID = (-(1 << 63), (1 << 63) - 1)

TOGETHER = 512
"""Rows whose vectors are put together at a time: a call for each takes longer than reading it."""

_SAME_CONTENT = (
    "WHERE content_hash = ? "
    "AND EXISTS (SELECT 1 FROM segments WHERE item_id = items.id) ORDER BY id"
)


class SQLiteStore(Database):
    """A collection's rows in one SQLite file; see `sensorium.collection.store.Store`."""

    finds_vectors = True
    table_uri: str | None = None

    def __init__(self, path: Path, *, create: bool = True) -> None:
        super().__init__(path, create=create)
        self._warned_of: set[int] = set()
        self._warned_of_judgements = False

    # What there is

    def state(self) -> State:
        """See `Store.state`."""
        with self.snapshot():
            meta = dict(self.read("SELECT key, value FROM meta"))
            counters = self.read("SELECT changes, removals FROM counters")
            modalities = self.read("SELECT name FROM segment_modalities ORDER BY name")
            fields = self.read("SELECT name FROM fields ORDER BY name")
            is_empty = not self.read("SELECT 1 FROM segments LIMIT 1")
        spaces = [
            (self._space(meta[space]), str(meta.get(encoder, ""))) if space in meta else None
            for space, encoder in (("space", "encoder"), ("next_space", "next_encoder"))
        ]
        lacking = [
            name
            for name, is_said in (
                ("which space", spaces[0] is not None),
                ("which encoder", "encoder" in meta),
                ("which kinds of media", bool(modalities)),
            )
            if not (is_said or is_empty)
        ]
        if not (len(counters) == 1 and all(isinstance(n, int) for n in counters[0])):
            raise self._damaged("it does not say how often it was changed")
        return State(
            spaces[0], spaces[1], Changes(*counters[0]),
            tuple(name for (name,) in modalities), tuple(name for (name,) in fields),
            (lacking or [""])[0],
        )  # fmt: skip

    def _space(self, text: str) -> Space:
        try:
            return _parsed_space(text)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            told = f"the description of its space is damaged ({error!r:.80})"
            raise self._damaged(told) from error

    def _damaged(self, what: str) -> CollectionError:
        return CollectionError(
            f"{self.path}: {what}: restore the file from a copy, or index the media into a new "
            "collection"
        )

    def counts(self) -> Counts:
        """See `Store.counts`."""
        with self.snapshot():
            items = dict(self.read("SELECT modality, count(*) FROM items GROUP BY modality"))
            sql = "SELECT count(*) FROM items WHERE id NOT IN (SELECT item_id FROM segments)"
            ((without,),) = self.read(sql)
            vectors = self.count_vectors()
        return Counts(items, without, vectors)

    def count_vectors(self) -> int:
        """See `Store.count_vectors`."""
        ((vectors,),) = self.read("SELECT count(*) FROM segments")
        return int(vectors)

    # Items

    def paths(self, content_hash: bytes | None = None) -> list[tuple[int, str]]:
        """See `Store.paths`."""
        if content_hash is None:
            return self.read("SELECT id, path FROM items ORDER BY id")
        return self.read(f"SELECT id, path FROM items {_SAME_CONTENT}", (content_hash,))

    def contents(self, sizes: Collection[int]) -> dict[int, list[bytes]]:
        """See `Store.contents`."""
        found: dict[int, list[bytes]] = {}
        if sizes:
            wanted = {*sizes}
            sql = (
                "SELECT DISTINCT size, content_hash FROM items WHERE content_hash != x'' "
                "AND EXISTS (SELECT 1 FROM segments WHERE item_id = items.id)"
            )
            for size, content_hash in self.read(sql):
                if size in wanted:
                    found.setdefault(size, []).append(content_hash)
        return found

    def items(self, keys: Sequence[Key]) -> dict[Key, StoredItem]:
        """See `Store.items`."""
        stored: dict[Any, StoredItem] = {}
        place = 1 if keys and isinstance(keys[0], str) else 0
        if not place:  # SQLite has no larger numbers, so that no item has
            keys = [key for key in keys if abs(int(key)) < 1 << 63]
        for some in _portions(keys):
            marks = ",".join("?" * len(some))
            column = ("id", "path")[place]
            for row in self.read(f"SELECT {ITEM} FROM items WHERE {column} IN ({marks})", some):
                stored[row[place]] = stored_item(row)
        return stored

    def matching(self, where: str, modality: str | None) -> Ids:
        """See `Store.matching`."""
        return matching_ids(self.path, where, list(self.state().fields), modality)

    def match_words(
        self, query: str, k: int, allowed: Ids | None = None, *, whole: bool = False
    ) -> list[Match]:
        """See `Store.match_words`."""
        self.prepare_words()
        with self.snapshot():
            return match(self.connection, query, k, allowed, whole=whole)

    # Judgements

    def judgements(self, question: str | None = None) -> list[Judgement]:
        """See `Store.judgements`."""
        if not self.read("SELECT 1 FROM sqlite_schema WHERE name = 'judgements'"):
            return []  # an earlier version's file, which cannot be written
        sql = f"SELECT {COLUMNS} FROM judgements"
        asked = () if question is None else (question,)
        rows = self.read(
            sql + (" WHERE question = ? ORDER BY id" if asked else " ORDER BY id"), asked
        )
        read = [*read_judgements(rows)]
        if read.count(None) and not self._warned_of_judgements:
            self._warned_of_judgements = True
            warnings.warn(
                f"{self.path}: {read.count(None)} judgements are damaged and left out; "
                "`sensorium check --repair` forgets them",
                SensoriumWarning, stacklevel=2,
            )  # fmt: skip
        return [one for one in read if one is not None]

    def judge(self, judgements: Sequence[Judgement]) -> int:
        """See `Store.judge`."""
        with self.transaction() as db:
            return write_judgements(db, judgements)

    def unjudge(self, question: str, items: Sequence[int]) -> int:
        """See `Store.unjudge`."""
        gone = 0
        with self.transaction() as db:
            for item in items:
                sql = "DELETE FROM judgements WHERE question = ? AND item_id = ?"
                db.execute(sql, (question, item))
                gone += db.changes()
        return gone

    # Segments

    def segments(self, ids: Sequence[int]) -> dict[int, StoredSegment]:
        """See `Store.segments`."""
        stored: dict[int, StoredSegment] = {}
        for some in _portions(ids):
            marks = ",".join("?" * len(some))
            for row in self.read(
                "SELECT segments.id, segments.item_id, path, size, mtime_ns, items.modality, "
                f"properties, metadata, {SEGMENT}, passages.text, passages.source FROM segments "
                "JOIN items ON items.id = segments.item_id "
                f"LEFT JOIN passages ON passages.id = passage_id WHERE segments.id IN ({marks})",
                some,
            ):
                segment, item, path, size, time, modality, *rest = row
                properties, metadata, *of_segment = rest
                require_item(path, modality)
                values = json_values(properties)
                values.update(json_values(metadata))
                start, stop, kind, details, text_id, text, source = of_segment
                if kind != modality:
                    require_item(path, kind)
                if text is not None:
                    require_text(text)
                record = SegmentRecord(
                    span_of(start, stop), kind, text, source or "",
                    json_values(details) if details else {}, text_id=text_id,
                )  # fmt: skip
                stored[segment] = StoredSegment(item, path, modality, values, record, (size, time))
            self._warn_of_orphans([segment for segment in some if segment not in stored])
        return stored

    def _warn_of_orphans(self, ids: Sequence[int]) -> None:
        """Tell vectors whose item is not there from those that somebody has just deleted."""
        if not ids:
            return
        marks = ",".join("?" * len(ids))
        left = self.read(f"SELECT id FROM segments WHERE id IN ({marks})", ids)
        self._warn({segment for (segment,) in left}, "vectors belong to no item")

    def texts(
        self, ids: Sequence[int] = (), *, item: int | None = None
    ) -> dict[int, SegmentRecord]:
        """See `Store.texts`."""
        if item is not None:
            sql = f"SELECT id, {PASSAGE} FROM passages WHERE item_id = ? ORDER BY ordinal"
            return {row[0]: text_record(row[1:]) for row in self.read(sql, (item,))}
        stored: dict[int, SegmentRecord] = {}
        for some in _portions(ids):
            marks = ",".join("?" * len(some))
            sql = f"SELECT id, {PASSAGE} FROM passages WHERE id IN ({marks})"
            stored.update((row[0], text_record(row[1:])) for row in self.read(sql, some))
        return stored

    def passages_of(self, items: Sequence[int]) -> dict[int, int]:
        """See `Store.passages_of`."""
        found: dict[int, int] = {}
        for some in _portions(items):
            marks = ",".join("?" * len(some))
            sql = (
                "SELECT id, passage_id FROM segments WHERE passage_id IS NOT NULL "
                f"AND item_id IN ({marks})"
            )
            found.update((segment, passage) for segment, passage in self.read(sql, some))
        return found

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
        """See `Store.vectors`."""
        if (wanted := items if ids is None else ids) is not None:
            rows = []
            column = "item_id" if ids is None else "id"
            for some in _portions(wanted):
                marks = ",".join("?" * len(some))
                rows += self.read(
                    f"SELECT id, item_id, {VECTOR}, checksum FROM segments "
                    f"WHERE {column} IN ({marks})", some,
                )  # fmt: skip
            rows.sort(key=itemgetter(0))
            return self._sound(*_arrays(rows, dimension))
        with self.snapshot():  # count and rows of one moment
            run = self.connection.execute
            limit = -1 if most is None else most
            chosen = f"id > {int(after)} AND {condition_of(part)}"
            few = f"SELECT 1 FROM segments WHERE {chosen} LIMIT {limit}"
            ((count,),) = run(f"SELECT count(*) FROM ({few})").fetchall()
            numbers = np.empty((2, count), np.int64)
            vectors = np.empty((count, dimension), np.float32)
            sql = (
                f"SELECT id, item_id, {VECTOR}, checksum FROM segments WHERE {chosen} "
                "ORDER BY id LIMIT ?"
            )
            stored, start = run(sql, (limit,)), 0
            while some := list(islice(stored, TOGETHER)):
                place = slice(start, start := start + len(some))
                numbers[:, place], vectors[place] = _arrays(some, dimension)
        return self._sound(numbers, vectors)

    def _sound(self, numbers: Ids, vectors: Vectors) -> tuple[Ids, Ids, Vectors]:
        """Leave out vectors that cannot be what was stored, and warn of them once."""
        sound = are_sound(vectors)
        if sound.all():
            return numbers[0], numbers[1], vectors
        self._warn({*numbers[0, ~sound].tolist()}, "vectors are damaged")
        return numbers[0, sound], numbers[1, sound], vectors[sound]

    def _warn(self, segments: set[int], what: str) -> None:
        if new := segments - self._warned_of:
            self._warned_of |= new
            warnings.warn(
                f"{self.path}: {len(new)} {what} and left out; `sensorium check` names their files",
                SensoriumWarning, stacklevel=2,
            )  # fmt: skip

    def last_segment(self) -> int:
        """See `Store.last_segment`."""
        rows = self.read("SELECT seq FROM sqlite_sequence WHERE name = 'segments'")
        return max((int(seq) for (seq,) in rows), default=0)

    def modalities(self, names: Sequence[str]) -> tuple[Ids, np.ndarray[Any, np.dtype[np.uint8]]]:
        """See `Store.modalities`."""
        rows = self.read("SELECT id, modality FROM segments ORDER BY id")
        place = {name: n for n, name in enumerate(names)}
        ids = np.array([row[0] for row in rows], np.int64)
        try:
            return ids, np.array([place[row[1]] for row in rows], np.uint8)
        except KeyError as error:
            raise CollectionError(
                f"{self.path}: a segment is of the modality {error}, which no other is: "
                "`sensorium check` says of which item"
            ) from error

    def removed(self, after: int) -> tuple[Ids, int]:
        """See `Store.removed`."""
        rows = self.read(
            "SELECT id, first, last FROM removed_segments WHERE id > ? ORDER BY id", (after,)
        )
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'removed_segments'"
        position = rows[-1][0] if rows else max(after, *(seq for (seq,) in self.read(sql)), 0)
        return np.array([row[1:] for row in rows], np.int64).reshape(-1, 2), position

    def forget_removed(self, position: int) -> None:
        """See `Store.forget_removed`."""
        with self.transaction() as db:
            db.execute("DELETE FROM removed_segments WHERE id <= ?", (position,))

    def items_with_vectors(self) -> Iterator[tuple[int, int]]:
        """See `Store.items_with_vectors`."""
        sql = "SELECT item_id, count(*) FROM segments GROUP BY item_id ORDER BY item_id"
        yield from self.connection.execute(sql)

    def rows(
        self, dimension: int, size: int, *, items: tuple[int, int] | None = None
    ) -> Iterator[tuple[list[VectorRow], Vectors]]:
        """See `Store.rows`."""
        rows = iter(
            self.connection.execute(
                f"SELECT {VECTOR_ROW}, {VECTOR}, checksum {ROWS_OF}", items or EVERY_ID
            )
        )
        while some := list(islice(rows, size)):
            vectors = np.array([vector_of(row[-2], dimension, row[-1]) for row in some], np.float32)
            sound = are_sound(vectors)
            yield (
                [
                    vector_row(row[:-2])
                    for row, is_sound in zip(some, sound, strict=True)
                    if is_sound
                ],
                (vectors[sound]),
            )

    # Writing

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
        """See `Store.write`."""
        embedded = list(embedded)
        with self.transaction() as db:
            if embedded and encoder is not None:
                require_described(self)
                claim(db, space, encoder)
            require_space(self, space, encoder or "")
            return write_batch(
                db, embedded, copied, moved, described, renamed, self._stored_segments
            )

    def _stored_segments(self, db: Connection, item: int) -> tuple[list[SegmentRecord], Vectors]:
        """The segments of an item with their vectors."""
        return stored_segments(db, item)

    def delete(self, ids: Sequence[int]) -> int:
        """See `Store.delete`."""
        with self.transaction() as db:
            rows = 0
            for item in ids:
                db.execute("DELETE FROM items WHERE id = ?", (item,))
                rows += db.changes()  # without the segments that go with it
            count_change(db, rows)
        return rows

    def claim_space(self, space: Space, encoder: str) -> None:
        """Make `space` the collection's own when it has none.

        Raises
        ------
        SpaceMismatchError
            When the collection holds another space.
        """
        with self.transaction() as db:
            claim(db, space, encoder)
            require_space(self, space, encoder)

    def reembedding(self, space: Space, encoder: str) -> SQLiteReembedding:
        """See `Store.reembedding`."""
        return SQLiteReembedding(self, space, encoder)

    # The file

    def bytes_stored(self) -> int:
        """See `Store.bytes_stored`."""
        names = [self.path.name + end for end in ("", "-wal", "-shm")]
        files = [self.path.with_name(name) for name in names]
        return sum(file.stat().st_size for file in files if file.exists())

    def keeps_index(self, space: Space) -> bool:
        """See `Store.keeps_index`: SQLite has no index of vectors."""
        return False

    def index_facts(self) -> dict[str, Any] | None:
        """See `Store.index_facts`."""
        return None

    def open_index(self, space: Space) -> DerivedIndex | None:
        """See `Store.open_index`."""
        return None

    def drop_index(self) -> None:
        """See `Store.drop_index`."""

    def table_version(self) -> int | None:
        """See `Store.table_version`."""
        return None

    def versions(self) -> list[Version]:
        """See `Store.versions`."""
        raise self._without_versions()

    def keep_version(self, name: str) -> None:
        """See `Store.keep_version`."""
        raise self._without_versions()

    def forget_versions(self, seconds: float) -> int:
        """See `Store.forget_versions`."""
        raise self._without_versions()

    def _without_versions(self) -> UsageError:
        return UsageError(
            f"{self.path} is a file of SQLite, which keeps no earlier versions: collections in "
            "Lance do (docs/lance.md)"
        )

    def tidy(self) -> None:
        """See `Store.tidy`: a file of SQLite is always in order."""

    def vector_rows(self) -> Iterator[tuple[int, Any, Any]]:
        """Item, vector and checksum of every segment, as stored, in the order of segments."""
        yield from self.connection.execute(
            f"SELECT items.id, {VECTOR}, checksum FROM segments "
            "JOIN items ON items.id = item_id ORDER BY segments.id"
        )


def _arrays(rows: Sequence[Any], dimension: int) -> tuple[Ids, Vectors]:
    """Ids of segments and items, shape (2, n), and vectors of rows with their checksums."""
    if not rows:
        return np.empty((2, 0), np.int64), np.empty((0, dimension), np.float32)
    segments, items, blobs, checksums = zip(*rows, strict=True)
    try:  # one copy of all, where all are whole
        joined = np.frombuffer(b"".join(blobs), "<f4").reshape(len(rows), dimension)
        whole = {*map(len, blobs)} == {4 * dimension} and all(
            map(eq, map(zlib.crc32, blobs), checksums)
        )
    except (TypeError, ValueError):
        whole = False
    if not whole:
        pairs = zip(blobs, checksums, strict=True)
        joined = np.array([vector_of(blob, dimension, sum_) for blob, sum_ in pairs], np.float32)
    return np.array([segments, items], np.int64), joined


def _portions(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), 500):  # SQLite limits the parameters of a statement
        yield keys[start : start + 500]
