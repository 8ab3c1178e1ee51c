"""Whether what rows say of items, of their segments and of their texts can be what was written.

Texts, names and numbers of a row have no checksum of their own, and SQLite takes any value in any
column: so it is looked at whether each is of its kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sensorium.collection.rows import MODALITIES, json_values, names_of
from sensorium.collection.sqlite import Connection
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.errors import CollectionError

Fault = tuple[int, str, str]
"""An item's id, its path, and what is wrong with it."""

PATH = "CAST(items.path AS BLOB)"
"""As bytes: a damaged text may be no UTF-8, which would end the query."""

_ITEM = (
    f"SELECT id, {PATH}, typeof(path), CAST(modality AS BLOB), "
    "typeof(size) = 'integer' AND typeof(mtime_ns) = 'integer' AND typeof(content_hash) = 'blob' "
    "AND typeof(added) IN ('real', 'integer'), "
    "CAST(properties AS BLOB), CAST(metadata AS BLOB), CAST(extracted AS BLOB) FROM items"
)

_SEGMENT = (
    f"SELECT item_id, {PATH}, CAST(segments.modality AS BLOB), typeof(ordinal) = 'integer' "
    "AND typeof(checksum) IN ('integer', 'null') "
    "AND (passage_id IS NULL OR EXISTS (SELECT 1 FROM passages WHERE id = passage_id)), "
    "start, stop, CAST(details AS BLOB), "
    "typeof(start) || typeof(stop) FROM segments JOIN items ON items.id = item_id"
)

_PASSAGE = (
    f"SELECT item_id, {PATH}, typeof(text) || typeof(source), CAST(text AS BLOB), "
    "CAST(details AS BLOB) FROM passages JOIN items ON items.id = item_id"
)


def name_of(path: object) -> str:
    """A path that was read as bytes."""
    return path.decode("utf-8", "replace") if isinstance(path, bytes) else str(path)


def faults(store: SQLiteStore, fields: set[str]) -> Iterator[Fault]:
    """Name items of which something stored cannot be what was written.

    Parameters
    ----------
    store : SQLiteStore
    fields : set of str
        Takes the names of all metadata that is whole.
    """
    run = store.connection.execute
    for item, path, kind, modality, is_typed, properties, metadata, extracted in run(_ITEM):
        name = name_of(path)
        if kind != "text" or not path or not _is_text(path):
            yield item, name, f"its path is damaged ({path!r:.60})"
        if not _is_modality(modality):
            yield item, name, f"its modality is damaged ({modality!r:.60})"
        if not is_typed:
            yield item, name, "its size, time or checksum is damaged"
        if extracted is not None and extracted != b"[]" and not names_of(_text(extracted)):
            yield item, name, f"what was read out of it is damaged ({extracted!r:.60})"
        for values in (properties, metadata):
            try:
                fields.update(json_values(_text(values)))
            except CollectionError:
                yield item, name, f"what is said of it is damaged ({_text(values)!r:.60})"
    for item, path, modality, is_typed, start, stop, details, types in _rows(run, _SEGMENT):
        whole = types == "nullnull" or all(map(_is_time, (start, stop)))
        if not (_is_modality(modality) and is_typed and whole and _is_object(details)):
            told = f"where a segment of it lies is damaged ({details or modality!r:.60})"
            yield item, name_of(path), told
    for item, path, types, text, details in _rows(run, _PASSAGE):
        if types != "texttext" or not _is_text(text) or not _is_object(details):
            yield item, name_of(path), f"a text of it is damaged ({text!r:.60})"


def _rows(run: Any, sql: str) -> Iterator[Any]:
    """Rows whose times are numbers: a text among them could be of any bytes."""
    numbers = {
        name: f"iif(typeof({name}) IN ('real', 'integer'), {name}, NULL)"
        for name in ("start", "stop")
    }
    yield from run(sql.replace("start, stop,", f"{numbers['start']}, {numbers['stop']},"))


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _is_modality(value: object) -> bool:
    return isinstance(value, bytes) and _text(value) in MODALITIES


def _is_object(details: object) -> bool:
    if details is None:
        return True
    try:
        json_values(_text(details))
    except CollectionError:
        return False
    return True


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, bytes) and value.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


def _text(value: object) -> str:
    """A text that was read as bytes; what is none is no JSON either."""
    return value.decode("utf-8", "replace") if _is_text(value) and isinstance(value, bytes) else ""


def forget(db: Connection, item: int) -> None:
    """Let the next `add` read an item again; one whose path is lost goes."""
    db.execute("DELETE FROM segments WHERE item_id = ?", (item,))
    db.execute("DELETE FROM passages WHERE item_id = ?", (item,))
    ((kind, path),) = db.execute(
        f"SELECT typeof(path), {PATH} FROM items WHERE id = ?", (item,)
    ).fetchall()
    if kind != "text" or not _is_text(path) or not path:
        db.execute("DELETE FROM items WHERE id = ?", (item,))
        return
    values = db.execute(
        "SELECT CAST(modality AS BLOB), CAST(properties AS BLOB), CAST(metadata AS BLOB) "
        "FROM items WHERE id = ?", (item,),
    ).fetchall()  # fmt: skip
    modality, properties, metadata = values[0]
    kept = [_text(text) if _is_object(text) else "{}" for text in (properties, metadata)]
    db.execute(
        "UPDATE items SET content_hash = x'', size = iif(typeof(size) = 'integer', size, 0), "
        "mtime_ns = iif(typeof(mtime_ns) = 'integer', mtime_ns, 0), "
        "added = iif(typeof(added) IN ('real', 'integer'), added, 0), extracted = NULL, "
        "modality = ?, properties = ?, metadata = ? WHERE id = ?",
        (_text(modality) if _is_modality(modality) else "image", *kept, item),
    )
