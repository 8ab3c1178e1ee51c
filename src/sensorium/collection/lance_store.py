"""A collection's rows in a Lance table: a folder, or a place in an object store.

See `lance_table` for what is in the table, and `lance_mirror` for how it is asked.
"""

from __future__ import annotations

import functools
import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sensorium.collection import sqlite
from sensorium.collection.derived import DerivedIndex
from sensorium.collection.filters import matching_ids
from sensorium.collection.judgements import Judgement
from sensorium.collection.lance_indexed import drop_index, facts_of, open_index, suits
from sensorium.collection.lance_mirror import (
    TABLES,
    all_rows,
    changed_rows,
    follow,
    next_head,
    read_mark,
    write_mark,
)
from sensorium.collection.lance_table import ConflictError, Head, Table, among, decoded
from sensorium.collection.results import Version
from sensorium.collection.rows import (
    VECTOR_ROW,
    EmbeddedFile,
    FileState,
    Placed,
    ReembeddedItem,
    VectorRow,
    place_of,
    stored_segments,
    vector_row,
)
from sensorium.collection.schema import SCHEMA_VERSION
from sensorium.collection.sqlite import Connection
from sensorium.collection.sqlite_reembedding import SQLiteReembedding
from sensorium.collection.sqlite_store import EVERY_ID, ROWS_OF, SQLiteStore
from sensorium.collection.store import Ids, Part, Vectors, condition_of
from sensorium.encoders import Space
from sensorium.errors import CollectionError
from sensorium.home import sensorium_home
from sensorium.media.segments import SegmentRecord

MOST_TRIES = 100
"""Times that a write is made anew because others wrote meanwhile: each time one of them did."""

LISTED = 2000
"""Vectors that are asked for one by one; of more, all between the first and the last are read."""

DUMPED = 5000
"""Rows that are written at a time when the table is written as a whole."""

ASKED_SECONDS = 0.2
"""An object store far away is asked for what others wrote no more often; a folder always is."""


Method = TypeVar("Method", bound=Callable[..., Any])


def _again_on_conflict(method: Method) -> Method:
    """Make a write anew, on top of what another process has written meanwhile."""

    @functools.wraps(method)
    def repeated(*args: Any, **options: Any) -> Any:
        for tried in range(MOST_TRIES):
            try:
                return method(*args, **options)
            except ConflictError:
                # Two that wait equally long would meet again.
                time.sleep(random.uniform(0, min(1.0, 0.02 * 1.5**tried)))
        return method(*args, **options)

    return repeated  # type: ignore[return-value]


class LanceStore(SQLiteStore):
    """A collection's rows in one Lance table; see `sensorium.collection.store.Store`.

    Parameters
    ----------
    path : Path
        What it is called, and beside what its index files lie.
    uri : str
        Where the table is: a folder, ``s3://bucket/name``, ``gs://bucket/name``.
    create : bool
        Whether a missing table is made.
    version : int or str, optional
        Number or name of an earlier version, which is read, and cannot be written.

    Raises
    ------
    CollectionError
        When the table cannot be opened, is missing (without `create`), is no collection, or has no
        such version.
    MissingExtraError
        Without the extra ``lance``.
    """

    finds_vectors = False

    def __init__(
        self, path: Path, uri: str, *, create: bool = True, version: int | str | None = None
    ) -> None:
        self.table_uri = uri
        self._table = Table(uri, create=create and version is None, version=version)
        self._fragments: dict[int, str] = {}
        self._asked = 0.0
        self._is_closed = False
        mirror = mirror_of(uri if version is None else f"{uri}?version={self._table.version}")
        try:
            super().__init__(mirror, create=True)
        except CollectionError:
            # Damaged, or half of it is gone: it is only a copy.
            for end in ("", "-wal", "-shm"):
                mirror.with_name(mirror.name + end).unlink(missing_ok=True)
            super().__init__(mirror, create=True)
        self._mirror, self.path = mirror, path
        # A power failure may take the last of it: then it is read from the table once more.
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self._known = -1
        """Lance's version that was taken in last."""
        self._refresh()

    def close(self) -> None:
        """Close the store; calling it twice is fine."""
        with self._lock:
            self._is_closed = True
            super().close()

    # Keeping up

    def _refresh(self) -> None:
        """Take in what others have committed, unless what is read is of one moment."""
        if self._is_closed or self.connection.in_transaction:
            return
        now = time.monotonic()
        if self._known >= 0 and self._table.folder is None and now - self._asked < ASKED_SECONDS:
            return
        self._asked = now
        if self._table.latest() != self._known:
            with super().transaction() as db:
                self._follow(db)
            # Only now is it there for the connections that read.
            self._known = self._table.version

    def _follow(self, db: Connection) -> Head:
        self._table.at(self._table.latest())
        return follow(db, self._table)

    def version(self) -> tuple[int, int]:
        """See `Store.version`."""
        with self._lock:
            self._refresh()
            return super().version()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Store.snapshot`."""
        with self._lock:
            self._refresh()
            outermost = not (self._is_closed or self.connection.in_transaction)
            with super().snapshot():
                if outermost and (mark := read_mark(self.connection)) is not None:
                    self._table.at(mark.version)  # vectors have to be of the same moment
                yield

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives."""
        with self._lock:
            self._refresh()
            return super().read(sql, parameters)

    # Reading

    def matching(self, where: str, modality: str | None) -> Ids:
        """See `Store.matching`."""
        return matching_ids(self._mirror, where, list(self.state().fields), modality)

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
        with self.snapshot():
            if ids is None and items is not None:
                ids = self._segments_of(items)
            if ids is None:
                chosen = condition_of(part)
                last = self._last_of(after, most, chosen)
                numbers, vectors = self._vectors(
                    f"id > {after} AND id <= {last} AND {chosen}", dimension, many=True
                )
            else:
                numbers, vectors = self._of_segments(ids, dimension)
        return self._sound(numbers, vectors)

    def _of_segments(self, ids: Sequence[int], dimension: int) -> tuple[Ids, Vectors]:
        wanted = np.unique(np.asarray(ids, np.int64))
        if len(wanted) <= LISTED:
            return self._vectors(among(wanted), dimension)
        between = f"id BETWEEN {wanted[0]} AND {wanted[-1]}"
        return self._vectors(between, dimension, wanted, many=True)

    def _last_of(self, after: int, most: int | None, chosen: str) -> int:
        """The largest id of the first `most` of some segments behind one."""
        if most is None:
            return (1 << 63) - 1
        few = f"SELECT id FROM segments WHERE id > ? AND {chosen} ORDER BY id LIMIT ?"
        ((last,),) = self.read(f"SELECT max(id) FROM ({few})", (after, most))
        return after if last is None else int(last)

    def _segments_of(self, items: Sequence[int]) -> list[int]:
        found = []
        for start in range(0, len(items), 500):
            some = items[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self.read(f"SELECT id FROM segments WHERE item_id IN ({marks})", some)
            found += [segment for (segment,) in rows]
        return found

    def _vectors(
        self, condition: str, dimension: int, wanted: Ids | None = None, *, many: bool = False
    ) -> tuple[Ids, Vectors]:
        """Ids of segments and items, shape (2, n), and vectors, in the order of segments.

        What is not as it was written is NaN.
        """
        numbers, vectors = [np.empty((2, 0), np.int64)], [np.empty((0, dimension), np.float32)]
        for batch in self._table.vectors(f"kind = 'segments' AND {condition}", many=many):
            ids, owners, found = decoded(batch, dimension)
            kept = slice(None) if wanted is None else np.isin(ids, wanted)
            numbers.append(np.stack([ids, owners])[:, kept])
            vectors.append(found[kept])
        columns, rows = np.concatenate(numbers, axis=1), np.concatenate(vectors)
        order = np.argsort(columns[0], kind="stable")
        return columns[:, order], rows[order]

    def rows(
        self, dimension: int, size: int, *, items: tuple[int, int] | None = None
    ) -> Iterator[tuple[list[VectorRow], Vectors]]:
        """See `Store.rows`."""
        sql = f"SELECT segments.id, {VECTOR_ROW} {ROWS_OF}"
        rows = iter(self.connection.execute(sql, items or EVERY_ID))
        while some := list(islice(rows, size)):
            # Without a lock: Lance, when it writes what is exported, asks from a thread of its own.
            found = self._sound(*self._of_segments([row[0] for row in some], dimension))
            place = {segment: n for n, segment in enumerate(found[0].tolist())}
            sound = [row for row in some if row[0] in place]
            yield [vector_row(row[1:]) for row in sound], found[2][[place[r[0]] for r in sound]]

    def _stored_segments(self, db: Connection, item: int) -> tuple[list[SegmentRecord], Vectors]:
        records, _ = stored_segments(db, item)
        _, _, vectors = self.vectors(self._table.dimension or 0, items=[item])
        if len(vectors) != sum(record.has_vector for record in records):
            raise CollectionError("a vector is damaged: index the file again")
        return records, vectors

    def bytes_stored(self) -> int:
        """See `Store.bytes_stored`."""
        self._refresh()
        return self._table.bytes_stored()

    def vector_rows(self) -> Iterator[tuple[int, bytes | None, int | None]]:
        """Item, vector and checksum of every segment, as stored."""
        for batch in self._table.vectors("kind = 'segments'", many=True):
            for owner, vector, checksum in zip(
                batch["item_id"].to_pylist(), batch["vector"], batch["checksum"].to_pylist(),
                strict=True,
            ):  # fmt: skip
                numbers = vector.values
                blob = None if numbers is None else numbers.to_numpy().astype("<f4").tobytes()
                yield owner, blob, checksum

    # Writing

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write all that is written inside, durably, or nothing of it.

        Raises
        ------
        ConflictError
            At its end, when somebody else has committed in the meantime.
        """
        self._require_writable()
        with self._lock:
            with super().transaction() as db:
                last = self._follow(db)
                with sqlite.recorded(db, TABLES) as changes:
                    yield db
                    changed = changes()
                if changed:
                    self._commit(db, last, changed)
            self._known = self._table.version
            self._table.gather()

    def _require_writable(self) -> None:
        if self._table.is_fixed:
            raise CollectionError(
                f"{self.table_uri} is open at its version {self._table.version}, which cannot be "
                "changed: open it without a version"
            )

    def _commit(self, db: Connection, last: Head, changed: list[tuple[str, str, Any]]) -> None:
        table = self._table
        inserted = {
            name: [(key,) for kind, does, key in changed if (kind, does) == (name, "INSERT")]
            for name in ("segments", "next_segments")
        }
        claimed = self.state().space
        space = None if claimed is None else claimed[0]
        is_other = space is not None and space.fingerprint != table.facts.get("fingerprint")
        if is_other or (inserted["segments"] and table.dimension is None):
            head = next_head(db, last, whole=True)
            dimension = _length(db) if space is None else space.dimension
            rows = self._with_vectors(all_rows(db, head, DUMPED), dimension, last)
            table.overwrite(space, dimension, rows)
        else:
            head = next_head(db, last)
            gone, new = changed_rows(db, changed, last, head)
            table.commit(gone, *self._without_placed(new))
        write_mark(db, table, head)
        for name, keys in inserted.items():
            db.executemany(f"UPDATE {name} SET vector = x'' WHERE id = ?", keys)

    def _without_placed(
        self, rows: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[tuple[str, dict[int, dict[str, Any]]]]]:
        """Rows with their vectors, and, by fragment and place, those whose vectors are there."""
        others: list[dict[str, Any]] = []
        placed: dict[int, dict[int, dict[str, Any]]] = {}
        for row in rows:
            place = place_of(row.get("vector", b""))
            if place is None:
                others.append(row)
            else:
                placed.setdefault(place[0], {})[place[1]] = row
        return others, [(self._fragments[number], placed[number]) for number in sorted(placed)]

    def _with_vectors(
        self, batches: Iterator[list[dict[str, Any]]], dimension: int, last: Head
    ) -> Iterator[list[dict[str, Any]]]:
        """Rows with the vectors that the table has: of the same id, or kept for the next space."""
        known = last.sequence.get("segments", 0)
        for rows in batches:
            lacking = [row for row in rows if row["kind"] == "segments" and "vector" not in row]
            old = np.array([row["id"] for row in lacking if row["id"] <= known], np.int64)
            kept = dict(self._kept("segments", "vector", among(old))) if len(old) else {}
            owners = [row["item_id"] for row in lacking if row["id"] > known]
            if owners:
                between = f"item_id BETWEEN {min(owners)} AND {max(owners)}"
                kept |= dict(self._kept("next_segments", "next_vector", between))
            for row in lacking:
                vector = kept[row["item_id"], row["ordinal"]]
                row["vector"] = np.array(vector, "<f4").reshape(dimension).tobytes()
            yield rows

    def _kept(
        self, kind: str, column: str, condition: str
    ) -> Iterator[tuple[tuple[int, int], list[float]]]:
        for batch in self._table.vectors(f"kind = '{kind}' AND {condition}", column):
            for row in batch.to_pylist():
                yield (row["item_id"], row["ordinal"]), row[column]

    @_again_on_conflict
    def _written(self, space: Space, encoder: str | None, batches: list[Any]) -> set[str]:
        embedded, copied, moved, described, renamed = batches
        return super().write(
            space, encoder=encoder, embedded=embedded, copied=copied, moved=moved,
            described=described, renamed=renamed,
        )  # fmt: skip

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
        # Lists: a conflict reads them again.
        files = list(embedded)
        batches = [files, *(list(some) for some in (copied, moved, described, renamed))]
        fragments = {
            file.vectors.number: file.vectors.fragment
            for file in files if isinstance(file.vectors, Placed)
        }  # fmt: skip
        self._fragments |= fragments
        try:
            return self._written(space, encoder, batches)
        finally:
            for number in fragments:
                del self._fragments[number]

    @_again_on_conflict
    def delete(self, ids: Sequence[int]) -> int:
        """See `Store.delete`."""
        return super().delete(ids)

    @_again_on_conflict
    def judge(self, judgements: Sequence[Judgement]) -> int:
        """See `Store.judge`."""
        return super().judge(judgements)

    @_again_on_conflict
    def unjudge(self, question: str, items: Sequence[int]) -> int:
        """See `Store.unjudge`."""
        return super().unjudge(question, items)

    @_again_on_conflict
    def forget_removed(self, position: int) -> None:
        """See `Store.forget_removed`."""
        super().forget_removed(position)

    @_again_on_conflict
    def claim_space(self, space: Space, encoder: str) -> None:
        """Make `space` the collection's own when it has none."""
        super().claim_space(space, encoder)

    @_again_on_conflict
    def reembedding(self, space: Space, encoder: str) -> LanceReembedding:
        """See `Store.reembedding`."""
        return LanceReembedding(self, space, encoder)

    def tidy(self) -> None:
        """See `Store.tidy`."""
        self._require_writable()
        with self._lock:
            self._refresh()
            self._table.tidy()

    # Versions

    def table_version(self) -> int | None:
        """See `Store.table_version`."""
        self._refresh()
        return self._table.version

    def versions(self) -> list[Version]:
        """See `Store.versions`."""
        self._refresh()
        return self._table.versions()

    def keep_version(self, name: str) -> None:
        """See `Store.keep_version`."""
        self._refresh()
        self._table.keep(name)

    def forget_versions(self, seconds: float) -> int:
        """See `Store.forget_versions`."""
        return self._table.forget(seconds)

    # Lance's own index

    def keeps_index(self, space: Space) -> bool:
        """See `Store.keeps_index`."""
        return suits(self, space.dimension)

    def index_facts(self) -> dict[str, Any] | None:
        """See `Store.index_facts`."""
        return facts_of(self)

    def open_index(self, space: Space) -> DerivedIndex | None:
        """See `Store.open_index`."""
        return open_index(self, self._table.dataset, space)

    def drop_index(self) -> None:
        """See `Store.drop_index`."""
        drop_index(self)

    def owners(self, last: int | None = None) -> tuple[Ids, Ids]:
        """Ids of all segments, ascending, and of their items; of those up to a last one."""
        sql = "SELECT id, item_id FROM segments WHERE id <= ? ORDER BY id"
        rows = iter(self.connection.execute(sql, ((1 << 63) - 1 if last is None else last,)))
        parts = [np.empty((0, 2), np.int64)]
        while some := list(islice(rows, DUMPED)):
            parts.append(np.array(some, np.int64))
        ids, owners = np.concatenate(parts).T
        return np.ascontiguousarray(ids), np.ascontiguousarray(owners)

    @_again_on_conflict
    def note(self, key: str, text: str | None) -> None:
        """Keep a text among the facts of the collection, or none any more."""
        with self.transaction() as db:
            if text is None:
                db.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))

    def newest(self) -> Any:
        """The table as anybody has committed it last, as Lance has it."""
        return self._table.newest()

    @property
    def is_far(self) -> bool:
        """Whether the table is in an object store."""
        return self._table.folder is None

    def failed(self, done: str, error: Exception) -> CollectionError:
        """What Lance says, as this project's error."""
        return self._table.failed(done, error)


class LanceReembedding(SQLiteReembedding):
    """See `sensorium.collection.store.Reembedding`."""

    @_again_on_conflict
    def _written(self, batch: list[ReembeddedItem]) -> bool:
        return super().write(batch)

    def write(self, batch: Iterable[ReembeddedItem]) -> bool:
        """See `Reembedding.write`."""
        return self._written(list(batch))

    @_again_on_conflict
    def _finished(self, failed: list[tuple[int, bytes]]) -> bool:
        return super().finish(failed)

    def finish(self, failed: Iterable[tuple[int, bytes]]) -> bool:
        """See `Reembedding.finish`."""
        return self._finished(list(failed))


def mirror_of(uri: str) -> Path:
    """Where this user's copy of a table's descriptions lies: a cache, which may be deleted."""
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    name = "".join(c if c.isalnum() else "-" for c in uri.rstrip("/").rpartition("/")[2])[:40]
    return sensorium_home() / "lance" / f"{name}-{digest}.{SCHEMA_VERSION}.sqlite"


def _length(db: Connection) -> int:
    """Numbers of a vector, by one that is about to be written."""
    ((size,),) = db.execute(
        "SELECT length(vector) FROM segments WHERE vector != x'' LIMIT 1"
    ).fetchall()
    return int(size) // 4
