"""The SQLite file that holds a collection: items, their vectors, and the space they belong to.

The file is described in docs/collection-format.md; any SQLite tool can open it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.rows import (
    ITEM,
    PASSAGE,
    SEGMENT,
    Changes,
    EmbeddedFile,
    FileState,
    StoredItem,
    StoredSegment,
    insert_segments,
    json_values,
    span_of,
    stored_item,
    stored_segments,
    text_record,
)
from sensorium.collection.schema import MODALITY_INDEX
from sensorium.collection.spaces import SpaceStore
from sensorium.collection.words import match, write_texts, write_words
from sensorium.data.metadata import dump_metadata
from sensorium.encoders import Space
from sensorium.errors import CollectionError
from sensorium.media.segments import SegmentRecord
from sensorium.ranking.scoring import Match


class SQLiteStore(SpaceStore):
    """Rows of one collection in one SQLite file.

    Writes are single transactions, durable when the method returns.
    """

    # Items

    def item(self, key: int | str) -> StoredItem | None:
        """The item with this id or path."""
        column = "id" if isinstance(key, int) else "path"
        rows = self._read(f"SELECT {ITEM} FROM items WHERE {column} = ?", (key,))
        return stored_item(rows[0]) if rows else None

    def items(self, ids: Sequence[int]) -> dict[int, StoredItem]:
        """The items with these ids; an id that is gone is left out."""
        found: dict[int, StoredItem] = {}
        for some in _portions(ids):
            marks = ",".join("?" * len(some))
            for row in self._read(f"SELECT {ITEM} FROM items WHERE id IN ({marks})", some):
                found[row[0]] = stored_item(row)
        return found

    def paths(self) -> list[tuple[int, str]]:
        """Id and path of every item, in the order of ids."""
        return self._read("SELECT id, path FROM items ORDER BY id")

    def has_vectors(self, item: int) -> bool:
        """Whether search can find an item: by a vector, or by words of a space without text."""
        sql = (
            "SELECT EXISTS (SELECT 1 FROM segments WHERE item_id = ?1) "
            "OR EXISTS (SELECT 1 FROM passages WHERE item_id = ?1)"
        )
        return bool(self._read(sql, (item,))[0][0])

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
        encoder: str | None = None,
        embedded: Iterable[EmbeddedFile] = (),
        copied: Iterable[tuple[FileState, dict[str, Any]]] = (),
        moved: Iterable[tuple[tuple[int, str], FileState, dict[str, Any]]] = (),
        described: Iterable[tuple[FileState, dict[str, Any]]] = (),
    ) -> set[str]:
        """Write one batch, whole or not at all.

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
        embedded = list(embedded)
        with self._transaction() as db:
            if embedded and encoder is not None:
                self._claim_space(space, encoder)
            else:
                self.require_space(space)
            removals, stale = 0, set()
            # All that is copied is read before anything is replaced: two files may have changed
            # names, and `embedded` may replace the vectors of a copy's source.
            sources = []
            for file, metadata in copied:
                twins = self.same_content(file.content_hash)
                if twins and (twin := self.item(twins[0][0])) is not None:
                    sources.append((file, metadata, twin, stored_segments(db, twin.id)))
                else:
                    stale.add(file.path)
            for file, metadata, twin, (segments, vectors) in sources:
                removals += self._replace(
                    EmbeddedFile(
                        file,
                        twin.modality,
                        twin.properties,
                        metadata,
                        segments,
                        vectors,
                        twin.extracted,
                    )
                )
            for (item, old_path), file, metadata in moved:
                # The old path must still be the item's: another process may have found the file
                # elsewhere, under a path that is not ours to take away again.
                db.execute(
                    "UPDATE OR IGNORE items SET path = ?, size = ?, mtime_ns = ? "
                    "WHERE id = ? AND content_hash = ? AND path IN (?, ?)",
                    (
                        file.path, file.size, file.mtime_ns,
                        item, file.content_hash, old_path, file.path,
                    ),
                )  # fmt: skip
                if db.changes():
                    self._describe(item, metadata)
                    write_words(db, item)
                else:
                    stale.add(file.path)
            for new in embedded:
                removals += self._replace(new)
            if len(self.segment_modalities()) > 1:
                db.execute(MODALITY_INDEX)
            for file, metadata in described:
                rows = self._read("SELECT id FROM items WHERE path = ?", (file.path,))
                for (item,) in rows:
                    db.execute(
                        "UPDATE items SET size = ?, mtime_ns = ? WHERE id = ?",
                        (file.size, file.mtime_ns, item),
                    )
                    if metadata:
                        self._describe(item, metadata)
                        write_words(db, item)
            self._count_change(removals)
        return stale

    def _replace(self, new: EmbeddedFile) -> bool:
        """Insert or replace the item of a path; returns whether it had vectors."""
        file, db = new.file, self._connection
        ((item, old),) = self._read(
            "INSERT INTO items "
            "(path, modality, size, mtime_ns, content_hash, added, properties, extracted) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET "
            "modality = excluded.modality, size = excluded.size, mtime_ns = excluded.mtime_ns, "
            "content_hash = excluded.content_hash, properties = excluded.properties, "
            "extracted = excluded.extracted "
            "RETURNING id, EXISTS (SELECT 1 FROM segments WHERE item_id = items.id)",
            (
                file.path, str(new.modality), file.size, file.mtime_ns, file.content_hash,
                time.time(), dump_metadata(new.properties),
                json.dumps(list(new.extracted)) if new.extracted else None,
            ),
        )  # fmt: skip
        if old:
            db.execute("DELETE FROM segments WHERE item_id = ?", (item,))
        # Even without vectors of this space: a re-embedding may have read the old content.
        db.execute("DELETE FROM next_segments WHERE item_id = ?", (item,))
        db.execute("DELETE FROM passages WHERE item_id = ?", (item,))
        self._add_fields(new.properties)
        self._describe(item, new.metadata)
        write_words(db, item)
        write_texts(db, insert_segments(db, item, new.segments, new.vectors))
        return bool(old)

    def _describe(self, item: int, metadata: dict[str, Any]) -> None:
        """Merge user metadata into what is stored: a key that is not named again stays."""
        if not metadata:
            return
        ((stored,),) = self._read("SELECT metadata FROM items WHERE id = ?", (item,))
        merged = {**json.loads(stored), **metadata}
        self._connection.execute(
            "UPDATE items SET metadata = ? WHERE id = ?", (dump_metadata(merged), item)
        )
        self._add_fields(metadata)

    def describe(self, values: Mapping[int, dict[str, Any]]) -> None:
        """Merge metadata into items; one that is gone is passed over."""
        with self._transaction() as db:
            for item, metadata in values.items():
                if self._read("SELECT 1 FROM items WHERE id = ?", (item,)):
                    self._describe(item, metadata)
                    write_words(db, item)
            self._count_change(0)

    def _add_fields(self, values: dict[str, Any]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO fields VALUES (?)", [(name,) for name in values]
        )

    def delete(self, ids: Sequence[int]) -> int:
        """Delete items and their vectors; returns how many there were."""
        with self._transaction() as db:
            rows = 0
            for item in ids:
                db.execute("DELETE FROM items WHERE id = ?", (item,))
                rows += db.changes()  # without the segments that go with it
            self._count_change(rows)
        return rows

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
        with self.snapshot():  # count and rows of one moment
            db = self._connection
            sql = "SELECT count(*) FROM segments WHERE id > ?"
            ((count,),) = db.execute(sql, (after,)).fetchall()
            ids = np.empty((2, count), np.int64)
            vectors = np.empty((count, dimension), np.float32)
            rows = db.execute(
                "SELECT id, item_id, vector FROM segments WHERE id > ? ORDER BY id", (after,)
            )
            try:
                for n, (segment, item, blob) in enumerate(rows):
                    ids[0, n], ids[1, n] = segment, item
                    vectors[n] = np.frombuffer(blob, dtype="<f4")
            except (ValueError, TypeError) as error:
                raise CollectionError(f"{self.path}: vectors are damaged ({error})") from error
        return ids[0], ids[1], vectors

    def vectors_of(self, segment_ids: Sequence[int]) -> tuple[list[int], npt.NDArray[np.float32]]:
        """Which of these segments are there, and their vectors, shape (n, d)."""
        rows = []
        for some in _portions(segment_ids):
            marks = ",".join("?" * len(some))
            rows += self._read(f"SELECT id, vector FROM segments WHERE id IN ({marks})", some)
        vectors = np.frombuffer(b"".join([vector for _, vector in rows]), "<f4")
        return [segment for segment, _ in rows], vectors.reshape(len(rows), -1 if rows else 0)

    def removed_segments(self, after: int) -> tuple[npt.NDArray[np.int64], int]:
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
        rows = self._read(
            "SELECT id, first, last FROM removed_segments WHERE id > ? ORDER BY id", (after,)
        )
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'removed_segments'"
        position = rows[-1][0] if rows else max(after, *(seq for (seq,) in self._read(sql)), 0)
        return np.array([row[1:] for row in rows], np.int64).reshape(-1, 2), position

    def trim_removed(self, position: int) -> None:
        """Forget the log of removed vectors up to a position."""
        with self._transaction() as db:
            db.execute("DELETE FROM removed_segments WHERE id <= ?", (position,))

    def segments(self, ids: Sequence[int]) -> dict[int, StoredSegment]:
        """The segments with these ids; an id that is gone is left out."""
        found: dict[int, StoredSegment] = {}
        for some in _portions(ids):
            marks = ",".join("?" * len(some))
            for row in self._read(
                "SELECT segments.id, segments.item_id, path, items.modality, properties, "
                f"metadata, {SEGMENT}, passages.text, passages.source FROM segments "
                "JOIN items ON items.id = segments.item_id "
                f"LEFT JOIN passages ON passages.id = passage_id WHERE segments.id IN ({marks})",
                some,
            ):
                segment, item, path, modality, properties, metadata, *of_segment = row
                values = json_values(properties)
                values.update(json_values(metadata))
                start, stop, kind, details, text_id, text, source = of_segment
                record = SegmentRecord(
                    span_of(start, stop), kind, text, source or "",
                    json_values(details) if details else {}, text_id=text_id,
                )  # fmt: skip
                found[segment] = StoredSegment(item, path, modality, values, record)
        return found

    def texts(self, ids: Sequence[int]) -> dict[int, SegmentRecord]:
        """The stored texts with these ids; an id that is gone is left out."""
        found: dict[int, SegmentRecord] = {}
        for some in _portions(ids):
            marks = ",".join("?" * len(some))
            sql = f"SELECT id, {PASSAGE} FROM passages WHERE id IN ({marks})"
            found.update((row[0], text_record(row[1:])) for row in self._read(sql, some))
        return found

    def texts_of(self, item: int) -> dict[int, SegmentRecord]:
        """The stored texts of an item by their ids, in order."""
        sql = f"SELECT id, {PASSAGE} FROM passages WHERE item_id = ? ORDER BY ordinal"
        return {row[0]: text_record(row[1:]) for row in self._read(sql, (item,))}

    def segment_modalities(self) -> list[str]:
        """Modalities that vectors have, or once had, in the order of names."""
        return [name for (name,) in self._read("SELECT name FROM segment_modalities ORDER BY name")]

    def modalities_of_segments(
        self, names: Sequence[str], after: int = 0
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Ids of the segments after one, and where each one's modality is in `names`."""
        with self.snapshot():
            rows = self._read(
                "SELECT id, modality FROM segments WHERE id > ? ORDER BY id", (after,)
            )
        place = {name: n for n, name in enumerate(names)}
        ids = np.array([row[0] for row in rows], np.int64)
        return ids, np.array([place[row[1]] for row in rows], np.uint8)

    def match_words(
        self, query: str, k: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> list[Match]:
        """Find items by their words; see `sensorium.collection.words.match`."""
        with self.snapshot():
            return match(self._connection, query, k, allowed)

    def modalities(self, segment_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
        """The modality of each of some segments, shape (n,); "" of those that are gone."""
        names = self.segment_modalities()
        if len(names) == 1:
            return np.full(len(segment_ids), names[0])
        ids, codes = self.modalities_of_segments(names)
        known = dict(zip(ids.tolist(), codes.tolist(), strict=True))
        return np.array([names[known[n]] if n in known else "" for n in segment_ids.tolist()], str)

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


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), 500):  # SQLite limits the parameters of a statement
        yield ids[start : start + 500]
