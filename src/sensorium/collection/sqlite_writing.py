"""Writing batches into a collection's SQLite file, inside of a transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.rows import (
    ITEM,
    EmbeddedFile,
    FileState,
    insert_segments,
    json_values,
    stored_item,
    stored_segments,
)
from sensorium.collection.schema import MODALITY_INDEX
from sensorium.collection.sqlite import Connection
from sensorium.collection.words.full_text import put_words, write_texts, write_words
from sensorium.data.metadata import dump_metadata, merged
from sensorium.encoders import Space
from sensorium.media.segments import SegmentRecord

SegmentsOf = Callable[[Connection, int], tuple[list[SegmentRecord], npt.NDArray[np.float32]]]

_TWIN = (
    f"SELECT {ITEM} FROM items WHERE content_hash = ? "
    "AND EXISTS (SELECT 1 FROM segments WHERE item_id = items.id) ORDER BY id LIMIT 1"
)


def claim(db: Connection, space: Space, encoder: str) -> None:
    """Make `space` the collection's own when it has none."""
    for key, value in (("space", space.to_json()), ("encoder", encoder)):
        db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))


def count_change(db: Connection, removals: int) -> None:
    """Let readers know that something has changed, and how many items' vectors are gone."""
    db.execute("UPDATE counters SET changes = changes + 1, removals = removals + ?", (removals,))


def write_batch(
    db: Connection,
    embedded: Iterable[EmbeddedFile],
    copied: Iterable[tuple[FileState, dict[str, Any]]],
    moved: Iterable[tuple[tuple[int, str], FileState, dict[str, Any]]],
    described: Iterable[tuple[FileState | int, dict[str, Any]]],
    renamed: Iterable[tuple[tuple[int, str], FileState]] = (),
    segments_of: SegmentsOf = stored_segments,
) -> set[str]:
    """See `sensorium.collection.store.Store.write`; `segments_of` reads what is copied."""
    removals, stale = _rename(db, list(renamed))
    # All that is copied is read before anything is replaced: two files may have changed names, and
    # `embedded` may replace the vectors of a copy's source.
    copies = []
    for file, metadata in copied:
        for row in db.execute(_TWIN, (file.content_hash,)).fetchall():
            twin = stored_item(row)
            copies.append(
                EmbeddedFile(
                    file, twin.modality, twin.properties, metadata,
                    *segments_of(db, twin.id), twin.extracted,
                )
            )  # fmt: skip
            break
        else:
            stale.add(file.path)
    fields: set[str] = set()
    for copy in copies:
        removals += _replace(db, copy, fields)
    for (item, old_path), file, metadata in moved:
        # The old path must still be the item's: another process may have found the file
        # elsewhere, under a path that is not ours to take away again.
        db.execute(
            "UPDATE OR IGNORE items SET path = ?, size = ?, mtime_ns = ? "
            "WHERE id = ? AND content_hash = ? AND path IN (?, ?)",
            (file.path, file.size, file.mtime_ns, item, file.content_hash, old_path, file.path),
        )
        if db.changes():
            _describe(db, item, metadata)
            write_words(db, item)
        else:
            stale.add(file.path)
    for new in embedded:
        removals += _replace(db, new, fields)
    if len(db.execute("SELECT name FROM segment_modalities").fetchall()) > 1:
        db.execute(MODALITY_INDEX)
    for target, metadata in described:
        column, key = ("id", target) if isinstance(target, int) else ("path", target.path)
        for (item,) in db.execute(f"SELECT id FROM items WHERE {column} = ?", (key,)).fetchall():
            if isinstance(target, FileState):
                db.execute(
                    "UPDATE items SET size = ?, mtime_ns = ? WHERE id = ?",
                    (target.size, target.mtime_ns, item),
                )
            if metadata:
                _describe(db, item, metadata)
                write_words(db, item)
    count_change(db, removals)
    return stale


def _rename(
    db: Connection, renamed: Sequence[tuple[tuple[int, str], FileState]]
) -> tuple[int, set[str]]:
    """Give items new paths at once; returns how many were replaced, and the paths if it failed."""
    for (item, old_path), file in renamed:
        # Another process may have been here in the meantime.
        same = "SELECT 1 FROM items WHERE id = ? AND path = ? AND content_hash = ?"
        if not db.execute(same, (item, old_path, file.content_hash)).fetchall():
            return 0, {file.path for _, file in renamed}
    for (item, _), _ in renamed:  # out of each other's way: no file is called so
        db.execute("UPDATE items SET path = ? WHERE id = ?", (f"\0{item}", item))
    replaced = 0
    for (item, _), file in renamed:
        db.execute("DELETE FROM items WHERE path = ?", (file.path,))
        replaced += db.changes()
        db.execute(
            "UPDATE items SET path = ?, size = ?, mtime_ns = ? WHERE id = ?",
            (file.path, file.size, file.mtime_ns, item),
        )
        write_words(db, item)
    return replaced, set()


def _replace(db: Connection, new: EmbeddedFile, fields: set[str]) -> bool:
    """Insert or replace the item of a path; returns whether it had vectors.

    `fields` are names of values that are known to be written down already.
    """
    file = new.file
    known = db.execute(
        "SELECT id, content_hash NOT IN (?, x''), "
        "EXISTS (SELECT 1 FROM segments WHERE item_id = items.id) FROM items WHERE path = ?",
        (file.content_hash, file.path),
    ).fetchall()
    item, old = _update(db, new, *known[0]) if known else (_insert(db, new), False)
    _add_fields(db, new.properties, fields)
    if known:
        _describe(db, item, new.metadata)
        write_words(db, item)
    else:
        said = merged({}, new.metadata)
        _add_fields(db, said, fields)
        put_words(db, item, file.path, {**new.properties, **said})
    write_texts(db, insert_segments(db, item, new.segments, new.vectors))
    return old


_COLUMNS = "path, modality, size, mtime_ns, content_hash, added, properties, extracted"


def _values(new: EmbeddedFile) -> tuple[Any, ...]:
    file = new.file
    return (
        file.path, str(new.modality), file.size, file.mtime_ns, file.content_hash, time.time(),
        dump_metadata(new.properties), json.dumps(list(new.extracted)) if new.extracted else None,
    )  # fmt: skip


def _insert(db: Connection, new: EmbeddedFile) -> int:
    """Write an item of a path that there was none of, with all that is said of it."""
    ((item,),) = db.execute(
        f"INSERT INTO items ({_COLUMNS}, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (*_values(new), dump_metadata(merged({}, new.metadata))),
    ).fetchall()
    return int(item)


def _update(
    db: Connection, new: EmbeddedFile, item: int, replaced: int, old: int
) -> tuple[int, bool]:
    """Write an item over another one of its path, less what was stored of that alone."""
    _, modality, size, mtime_ns, content_hash, _, properties, extracted = _values(new)
    db.execute(
        "UPDATE items SET modality = ?, size = ?, mtime_ns = ?, content_hash = ?, properties = ?, "
        "extracted = ? WHERE id = ?",
        (modality, size, mtime_ns, content_hash, properties, extracted, item),
    )
    if old:
        db.execute("DELETE FROM segments WHERE item_id = ?", (item,))
    if replaced:  # what was said of the item was said of something else
        db.execute("DELETE FROM judgements WHERE item_id = ?", (item,))
    # Even without vectors of this space: a re-embedding may have read the old content.
    db.execute("DELETE FROM next_segments WHERE item_id = ?", (item,))
    db.execute("DELETE FROM passages WHERE item_id = ?", (item,))
    return item, bool(old)


def _describe(db: Connection, item: int, metadata: dict[str, Any]) -> None:
    """Merge user metadata into what is stored; see `sensorium.data.metadata.merged`."""
    if not metadata:
        return
    ((stored,),) = db.execute("SELECT metadata FROM items WHERE id = ?", (item,)).fetchall()
    both = dump_metadata(merged(json_values(stored), metadata))
    db.execute("UPDATE items SET metadata = ? WHERE id = ?", (both, item))
    _add_fields(db, merged({}, metadata), set())


def _add_fields(db: Connection, values: dict[str, Any], known: set[str]) -> None:
    """Write down the names of values, but for those that are known."""
    if fresh := values.keys() - known:
        db.executemany("INSERT OR IGNORE INTO fields VALUES (?)", [(name,) for name in fresh])
        known |= fresh
