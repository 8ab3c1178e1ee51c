"""The SQLite file that holds a collection: items, their vectors, and the space they belong to.

The file is described in docs/collection-format.md; any SQLite tool can open it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.schema import APPLICATION_ID, BUSY_TIMEOUT, SCHEMA, SCHEMA_VERSION
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SpaceMismatchError

Span = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of a file without decoding it."""

    path: str
    size: int
    mtime_ns: int
    content_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row of the items table."""

    id: int
    file: FileState
    modality: str
    added: float
    properties: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with everything that is stored of it.

    `vectors` has one row a span.
    """

    file: FileState
    modality: str
    properties: dict[str, Any]
    metadata: dict[str, Any]
    spans: Sequence[Span]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Changes:
    """Counters that only grow: of all changes, and of those that touched existing vectors."""

    total: int
    removals: int


class SQLiteStore:
    """Rows of one collection in one SQLite file.

    Every method may be called from any thread; writes are single transactions, durable when the
    method returns.

    Parameters
    ----------
    path : Path
    create : bool
        Whether a missing file is made.

    Raises
    ------
    CollectionError
        When the file is missing (without `create`), is no collection, or is of a newer version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._lock = RLock()
        if path.is_dir():
            raise CollectionError(f"{path} is a folder; a collection is a file: name one in it")
        if not create and not path.exists():
            raise CollectionError(f"{path}: no such collection; `sensorium index FOLDER` makes one")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise CollectionError(f"{path}: cannot be opened as a collection ({error})") from error

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA foreign_keys = ON")
        (application,) = run("PRAGMA application_id").fetchone()
        (version,) = run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION_ID:
            raise CollectionError(f"{self.path} is an SQLite file, but not a Sensorium collection")
        if version > SCHEMA_VERSION:
            raise CollectionError(
                f"{self.path} has format {version}, this version reads up to {SCHEMA_VERSION}: "
                "upgrade Sensorium"
            )
        if version < SCHEMA_VERSION:
            # WAL lets other processes search while this one adds.
            run("PRAGMA journal_mode = WAL")
            with self._transaction():
                # Two processes may create at once: every statement says IF NOT EXISTS.
                for statement in SCHEMA:
                    run(statement)
                run(f"PRAGMA application_id = {APPLICATION_ID}")
                run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        # In WAL mode NORMAL may lose the last commits on power failure; what is acknowledged stays.
        run("PRAGMA synchronous = FULL")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                # IMMEDIATE takes the write lock first, so that a read never has to be upgraded.
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise CollectionError(f"{self.path}: cannot be written ({error})") from error

    def _read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise CollectionError(f"{self.path}: cannot be read ({error})") from error

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        with self._lock:
            self._connection.close()

    # Space

    def space(self) -> tuple[Space, str] | None:
        """The space of the stored vectors and the name its encoder loads by; None while unset."""
        return self._space("space", "encoder")

    def next_space(self) -> tuple[Space, str] | None:
        """The space that an unfinished re-embedding is on its way to."""
        return self._space("next_space", "next_encoder")

    def _space(self, *keys: str) -> tuple[Space, str] | None:
        values = dict(self._read("SELECT key, value FROM meta WHERE key IN (?, ?)", keys))
        return (Space.from_json(values[keys[0]]), values[keys[1]]) if values else None

    def claim_space(self, space: Space, encoder: str) -> None:
        """Make `space` the collection's own when it has none.

        Raises
        ------
        SpaceMismatchError
            When the collection holds another space.
        """
        with self._transaction() as db:
            for key, value in (("space", space.to_json()), ("encoder", encoder)):
                db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
            self.require_space(space)

    def require_space(self, space: Space) -> None:
        """Refuse vectors of another space than the stored one."""
        stored = self.space()
        if stored is not None and stored[0].fingerprint != space.fingerprint:
            raise SpaceMismatchError(
                f"{self.path} holds vectors of the space {stored[0]}, the encoder makes {space}; "
                "they cannot be compared. Open it with the encoder it was made with, or re-embed: "
                f"sensorium reembed --collection '{self.path}' --encoder {space.name}"
            )

    # Items

    def item(self, key: int | str) -> StoredItem | None:
        """The item with this id or path."""
        column = "id" if isinstance(key, int) else "path"
        rows = self._read(f"SELECT {_ITEM} FROM items WHERE {column} = ?", (key,))
        return _stored_item(rows[0]) if rows else None

    def items(self, ids: Sequence[int]) -> dict[int, StoredItem]:
        """The items with these ids; an id that is gone is left out."""
        found: dict[int, StoredItem] = {}
        for start in range(0, len(ids), 500):  # SQLite limits the parameters of a statement
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            for row in self._read(f"SELECT {_ITEM} FROM items WHERE id IN ({marks})", part):
                found[row[0]] = _stored_item(row)
        return found

    def paths(self) -> list[tuple[int, str]]:
        """Id and path of every item, in the order of ids."""
        return self._read("SELECT id, path FROM items ORDER BY id")

    def has_vectors(self, item: int) -> bool:
        """Whether search can find an item."""
        return bool(self._read("SELECT 1 FROM segments WHERE item_id = ? LIMIT 1", (item,)))

    def same_content(self, content_hash: bytes) -> list[tuple[int, str]]:
        """Id and path of the items with this content that have vectors."""
        return self._read(
            "SELECT id, path FROM items WHERE content_hash = ? "
            "AND EXISTS (SELECT 1 FROM segments WHERE item_id = items.id) ORDER BY id",
            (content_hash,),
        )

    def write(
        self,
        space: Space,
        *,
        embedded: Iterable[EmbeddedFile] = (),
        copied: Iterable[tuple[FileState, dict[str, Any]]] = (),
        moved: Iterable[tuple[int, FileState, dict[str, Any]]] = (),
        described: Iterable[tuple[FileState, dict[str, Any]]] = (),
    ) -> set[str]:
        """Write one batch, whole or not at all.

        Parameters
        ----------
        space : Space
            The space the writer's vectors belong to.
        embedded : iterable of EmbeddedFile
            Inserted, or replaces what is stored under the same path.
        copied : iterable of (FileState, metadata)
            A file whose content, and so whose vectors, another item has already.
        moved : iterable of (id, FileState, metadata)
            An item whose file has a new path, under which nothing is stored.
        described : iterable of (FileState, metadata)
            A file that is the same but was touched, or has new metadata.

        Returns
        -------
        set of str
            Paths that could not be copied or moved, because the item they were to follow has
            changed in the meantime; they have to be embedded.

        Raises
        ------
        SpaceMismatchError
            When the collection has been re-embedded into another space in the meantime.
        """
        with self._transaction() as db:
            self.require_space(space)
            removals, stale = 0, set()
            # Copies come first: they must see the vectors that `embedded` may replace.
            for file, metadata in copied:
                source = self.same_content(file.content_hash)
                if not source:
                    stale.add(file.path)
                    continue
                (row,) = self._read(f"SELECT {_ITEM} FROM items WHERE id = ?", (source[0][0],))
                vectors = self._read(_SEGMENTS_OF, (source[0][0],))
                twin = _stored_item(row)
                item, replaced = self._upsert(file, twin.modality, twin.properties, metadata)
                removals += replaced
                db.executemany(_INSERT_SEGMENT, [(item, *values) for values in vectors])
            for item, file, metadata in moved:
                done = db.execute(
                    "UPDATE OR IGNORE items SET path = ?, size = ?, mtime_ns = ? "
                    "WHERE id = ? AND content_hash = ?",
                    (file.path, file.size, file.mtime_ns, item, file.content_hash),
                ).rowcount
                if done:
                    self._describe(item, metadata)
                else:
                    stale.add(file.path)
            for new in embedded:
                item, replaced = self._upsert(new.file, new.modality, new.properties, new.metadata)
                removals += replaced
                db.executemany(_INSERT_SEGMENT, _segment_rows(item, new.spans, new.vectors))
            for file, metadata in described:
                rows = self._read("SELECT id FROM items WHERE path = ?", (file.path,))
                for (item,) in rows:
                    db.execute(
                        "UPDATE items SET size = ?, mtime_ns = ? WHERE id = ?",
                        (file.size, file.mtime_ns, item),
                    )
                    self._describe(item, metadata)
            self._count_change(removals)
        return stale

    def _upsert(
        self,
        file: FileState,
        modality: str,
        properties: dict[str, Any],
        metadata: dict[str, Any],
    ) -> tuple[int, bool]:
        """Insert or replace the item of a path; returns its id and whether it had vectors."""
        ((item, old),) = self._read(
            "INSERT INTO items (path, modality, size, mtime_ns, content_hash, added, properties) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET "
            "modality = excluded.modality, size = excluded.size, mtime_ns = excluded.mtime_ns, "
            "content_hash = excluded.content_hash, properties = excluded.properties "
            "RETURNING id, EXISTS (SELECT 1 FROM segments WHERE item_id = items.id)",
            (
                file.path, modality, file.size, file.mtime_ns, file.content_hash, time.time(),
                _dump(properties),
            ),
        )  # fmt: skip
        if old:
            self._connection.execute("DELETE FROM segments WHERE item_id = ?", (item,))
            self._connection.execute("DELETE FROM next_segments WHERE item_id = ?", (item,))
        self._add_fields(properties)
        self._describe(item, metadata)
        return item, bool(old)

    def _describe(self, item: int, metadata: dict[str, Any]) -> None:
        """Merge user metadata into what is stored: a key that is not named again stays."""
        if not metadata:
            return
        ((stored,),) = self._read("SELECT metadata FROM items WHERE id = ?", (item,))
        merged = {**json.loads(stored), **metadata}
        self._connection.execute(
            "UPDATE items SET metadata = ? WHERE id = ?", (_dump(merged), item)
        )
        self._add_fields(metadata)

    def _add_fields(self, values: dict[str, Any]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO fields VALUES (?)", [(name,) for name in values]
        )

    def _count_change(self, removals: int) -> None:
        self._connection.execute(
            "UPDATE counters SET changes = changes + 1, removals = removals + ?", (removals,)
        )

    def delete(self, ids: Sequence[int]) -> int:
        """Delete items and their vectors; returns how many there were."""
        with self._transaction() as db:
            rows = db.executemany("DELETE FROM items WHERE id = ?", [(i,) for i in ids]).rowcount
            self._count_change(rows)
        return max(rows, 0)

    # Vectors

    def changes(self) -> Changes:
        """Counters that tell a reader whether what it holds in memory is still true."""
        return Changes(*self._read("SELECT changes, removals FROM counters")[0])

    def vectors(
        self, dimension: int, after: int = 0
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Read vectors in the order of their segments' ids.

        Parameters
        ----------
        dimension : int
        after : int
            Only segments with a larger id.

        Returns
        -------
        segment_ids, item_ids : ndarray of int64, shape (n,)
        vectors : ndarray of float32, shape (n, dimension)
        """
        with self._lock:
            db = self._connection
            db.execute("BEGIN")  # count and rows of one moment
            try:
                (count,) = db.execute(
                    "SELECT count(*) FROM segments WHERE id > ?", (after,)
                ).fetchone()
                ids = np.empty((2, count), np.int64)
                vectors = np.empty((count, dimension), np.float32)
                rows = db.execute(
                    "SELECT id, item_id, vector FROM segments WHERE id > ? ORDER BY id", (after,)
                )
                for n, (segment, item, blob) in enumerate(rows):
                    ids[0, n], ids[1, n] = segment, item
                    vectors[n] = np.frombuffer(blob, dtype="<f4")
            except (sqlite3.Error, ValueError) as error:
                raise CollectionError(f"{self.path}: vectors are damaged ({error})") from error
            finally:
                db.execute("COMMIT")
        return ids[0], ids[1], vectors

    def spans(self, segment_ids: Sequence[int]) -> dict[int, Span]:
        """Spans of segments."""
        marks = ",".join("?" * len(segment_ids))
        rows = self._read(
            f"SELECT id, start, stop FROM segments WHERE id IN ({marks})", segment_ids
        )
        return {i: None if start is None else (start, stop) for i, start, stop in rows}

    # Re-embedding

    def begin_reembedding(self, space: Space, encoder: str) -> None:
        """Set out for a new space, or resume when the last, unfinished run had the same."""
        pending = self.next_space()
        if pending is not None and pending[0].fingerprint == space.fingerprint:
            return
        with self._transaction() as db:
            db.execute("DELETE FROM next_segments")
            for key, value in (("next_space", space.to_json()), ("next_encoder", encoder)):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def not_reembedded(self) -> list[tuple[int, str]]:
        """Id and path of the items that have no vector of the next space yet."""
        return self._read(
            "SELECT id, path FROM items "
            "WHERE id NOT IN (SELECT item_id FROM next_segments) ORDER BY id"
        )

    def write_reembedded(
        self,
        space: Space,
        batch: Iterable[tuple[int, Sequence[Span], npt.NDArray[np.float32]]],
    ) -> None:
        """Keep vectors of the next space until all are there."""
        with self._transaction() as db:
            pending = self.next_space()
            if pending is None or pending[0].fingerprint != space.fingerprint:
                raise CollectionError(f"{self.path}: another process ended this re-embedding")
            for item, spans, vectors in batch:
                if self.item(item) is not None:  # it may have been deleted meanwhile
                    db.executemany(
                        # OR IGNORE: another process may re-embed the same collection.
                        _INSERT_SEGMENT.replace("INTO segments", "OR IGNORE INTO next_segments"),
                        _segment_rows(item, spans, vectors),
                    )

    def finish_reembedding(self, failed: Iterable[int]) -> bool:
        """Change over to the next space in one step.

        Parameters
        ----------
        failed : iterable of int
            Items that could not be embedded; they stay, without vectors.

        Returns
        -------
        bool
            False when items were added in the meantime that still need a vector.
        """
        with self._transaction() as db:
            waiting = {item for item, _ in self.not_reembedded()} - set(failed)
            pending = self.next_space()
            if waiting or pending is None:
                return False
            db.execute("DELETE FROM segments")
            db.execute(
                "INSERT INTO segments (item_id, ordinal, start, stop, vector) "
                "SELECT item_id, ordinal, start, stop, vector FROM next_segments "
                "ORDER BY item_id, ordinal"
            )
            db.execute("DELETE FROM next_segments")
            db.execute("DELETE FROM meta WHERE key IN ('next_space', 'next_encoder')")
            space, encoder = pending
            for key, value in (("space", space.to_json()), ("encoder", encoder)):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            self._count_change(1)
        return True

    # Facts

    def count_items(self) -> dict[str, int]:
        """Items by modality."""
        return dict(self._read("SELECT modality, count(*) FROM items GROUP BY modality"))

    def count_without_vectors(self) -> int:
        """Items that search cannot find, because they have no vector."""
        sql = "SELECT count(*) FROM items WHERE id NOT IN (SELECT item_id FROM segments)"
        return int(self._read(sql)[0][0])

    def fields(self) -> list[str]:
        """Names that metadata has anywhere in the collection."""
        return [name for (name,) in self._read("SELECT name FROM fields ORDER BY name")]


_ITEM = "id, path, size, mtime_ns, content_hash, modality, added, properties, metadata"
_INSERT_SEGMENT = (
    "INSERT INTO segments (item_id, ordinal, start, stop, vector) VALUES (?, ?, ?, ?, ?)"
)
_SEGMENTS_OF = (
    "SELECT ordinal, start, stop, vector FROM segments WHERE item_id = ? ORDER BY ordinal"
)


def _segment_rows(
    item: int, spans: Sequence[Span], vectors: npt.NDArray[np.float32]
) -> Iterator[tuple[Any, ...]]:
    for ordinal, (span, vector) in enumerate(zip(spans, vectors, strict=True)):
        yield item, ordinal, *(span or (None, None)), vector.astype("<f4").tobytes()


def _stored_item(row: Sequence[Any]) -> StoredItem:
    item, path, size, mtime_ns, content_hash, modality, added, properties, metadata = row
    return StoredItem(
        id=item,
        file=FileState(path, size, mtime_ns, content_hash),
        modality=modality,
        added=added,
        properties=json.loads(properties),
        metadata=json.loads(metadata),
    )


def _dump(values: dict[str, Any]) -> str:
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CollectionError(
            f"metadata must be JSON values: {error} in {values!r:.200}"
        ) from error
