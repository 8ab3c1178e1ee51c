"""The rows of a Lance table, but for their vectors, in an SQLite file of this machine.

Conditions, words and all that is looked up are asked of that copy, by the same statements as of a
collection in SQLite: the answers are the same because nothing else gives them. What is written goes
through it, too. It can always be made again from the table.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sensorium.collection.lance_table import Head, Table
from sensorium.collection.schema import LOG_REMOVALS
from sensorium.collection.sqlite import Connection
from sensorium.collection.words.full_text import write_texts, write_words

_OF_SEGMENT = (
    "item_id",
    "ordinal",
    "start",
    "stop",
    "modality",
    "details",
    "passage_id",
    "checksum",
)

TABLES: dict[str, tuple[str, ...]] = {
    "meta": ("key", "value"),
    "items": (
        "id", "path", "modality", "size", "mtime_ns", "content_hash", "added", "properties",
        "metadata", "extracted",
    ),
    "passages": ("id", "item_id", "ordinal", "start", "stop", "source", "text", "details"),
    "segments": ("id", *_OF_SEGMENT),
    "next_segments": ("id", *_OF_SEGMENT),
    "segment_modalities": ("name",),
    "fields": ("name",),
    "removed_segments": ("id", "first", "last"),
    "judgements": ("id", "item_id", "question", "relevant", "judged", "found", "checksum"),
}  # fmt: skip
"""Columns by table, the key first; in this order one can be filled after the other."""

_VECTORS = {"segments": "vector", "next_segments": "next_vector"}
_COUNTED = ("items", "segments", "passages", "removed_segments", "judgements")
"""Tables that give an id once."""

MARK = "lance"
"""Key of what the copy says of itself, beside what the collection says; never in the table."""


@dataclass(frozen=True)
class Mark:
    """What a mirror is a copy of.

    Attributes
    ----------
    table : str
        The table's own random id.
    version : int
        Lance's.
    change, token, epoch
        See `Head`.
    fragment : int
        The largest number of a fragment that was read.
    """

    table: str
    version: int
    change: int
    token: str
    epoch: int
    fragment: int


def read_mark(db: Connection) -> Mark | None:
    """What the mirror is a copy of; None when it is empty, or nobody knows."""
    for (text,) in db.execute("SELECT value FROM meta WHERE key = ?", (MARK,)).fetchall():
        try:
            return Mark(**json.loads(text))
        except (TypeError, ValueError):
            return None
    return None


def write_mark(db: Connection, table: Table, head: Head) -> None:
    """Note that the mirror is now a copy of the version that is read."""
    mark = Mark(
        table.facts["id"], table.version, head.change, head.token, head.epoch, table.fragment()
    )
    text = json.dumps(asdict(mark))
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (MARK, text))


def follow(db: Connection, table: Table) -> Head:
    """Take in what the table has and the mirror has not, inside of a transaction."""
    mark, head = read_mark(db), table.head()
    if mark is not None and mark.table == table.facts["id"] and mark.version == table.version:
        return head
    rows = None
    if mark is not None and mark.table == table.facts["id"] and mark.epoch == head.epoch:
        rows = _since(table, mark, head)
    db.execute("DROP TRIGGER IF EXISTS log_removal")  # the log itself is copied
    if rows is None:
        _empty(db)
        for kind in TABLES:
            for batch in table.everything(kind):
                _fill(db, kind, batch.to_pylist())
    else:
        of_kind = defaultdict(list)
        for row in rows:
            of_kind[row["kind"]].append(row)
        _take_away(db, of_kind["gone"])
        for kind in TABLES:
            _fill(db, kind, of_kind[kind])
    db.execute(LOG_REMOVALS)
    db.execute("UPDATE counters SET changes = ?, removals = ?", (head.changes, head.removals))
    for name, last in head.sequence.items():
        db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, last))
    write_mark(db, table, head)
    return head


def _since(table: Table, mark: Mark, head: Head) -> list[dict[str, Any]] | None:
    """Rows that were written since; None when that does not tell all."""
    if head.change == mark.change:
        return [] if head.token == mark.token else None
    if head.change < mark.change:
        return None
    rows: list[dict[str, Any]] = table.changed(mark.change, mark.fragment).to_pylist()
    # Another copy of the table may have gone another way from the same number on.
    known = any(
        row["kind"] == "commit" and (row["id"], row["name"]) == (mark.change, mark.token)
        for row in rows
    )
    return rows if known else None


def _empty(db: Connection) -> None:
    for name in reversed(TABLES):
        db.execute(f"DELETE FROM {name}")
    db.execute("DELETE FROM sqlite_sequence")


def _take_away(db: Connection, gone: Iterable[dict[str, Any]]) -> None:
    for row in gone:
        key = row["value"] if row["id"] is None else row["id"]
        db.execute(f"DELETE FROM {row['name']} WHERE {TABLES[row['name']][0]} = ?", (key,))


def _fill(db: Connection, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of a table, or bring those that are there up to date."""
    if not rows:
        return
    columns = TABLES[kind]
    if kind == "items":  # two may have changed paths
        db.executemany(
            "UPDATE items SET path = ? WHERE id = ?", [(f"\0{r['id']}", r["id"]) for r in rows]
        )
    names, extra = ", ".join(columns), ""
    if kind in _VECTORS:
        names, extra = f"{names}, vector", ", x''"
    marks = ", ".join("?" * len(columns)) + extra
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    db.executemany(
        f"INSERT INTO {kind} ({names}) VALUES ({marks}) ON CONFLICT ({columns[0]}) DO {action}",
        [tuple(row[_column(kind, name)] for name in columns) for row in rows],
    )
    if kind == "items":
        for row in rows:
            write_words(db, row["id"])
    elif kind == "passages":
        write_texts(db, [(row["id"], row["text"]) for row in rows])


def _column(kind: str, name: str) -> str:
    """What a column of a table is called in Lance."""
    return "name" if (kind, name) == ("meta", "key") else name


# What was written


def next_head(db: Connection, last: Head, *, whole: bool = False) -> Head:
    """The head of the commit that comes now."""
    ((changes, removals),) = db.execute("SELECT changes, removals FROM counters").fetchall()
    sequence = {
        name: last_id
        for name, last_id in db.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
        if name in _COUNTED
    }
    change = last.change + 1
    return Head(change, change if whole else last.epoch, changes, removals, sequence)


def changed_rows(
    db: Connection, changes: Iterable[tuple[str, str, Any]], last: Head, head: Head
) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """What a commit takes away and writes.

    Parameters
    ----------
    db : Connection
    changes : iterable of (table, operation, key)
        ``INSERT``, ``UPDATE`` or ``DELETE`` of each row that is another one than before.
    last, head : Head
        Of the commit before and of this one.

    Returns
    -------
    gone : dict
        Keys by table, of rows that the table holds.
    rows : list of dict
    """
    gone: dict[str, list[Any]] = defaultdict(list)
    new: dict[str, list[Any]] = defaultdict(list)
    rows: list[dict[str, Any]] = []
    for name, operation, key in changes:
        if (name, key) == ("meta", MARK):
            continue
        if operation != "INSERT":
            gone[name].append(key)
        if operation != "DELETE":
            new[name].append(key)
        else:
            place = "value" if isinstance(key, str) else "id"
            rows.append({"kind": "gone", "name": name, place: key})
    for name, keys in new.items():
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            condition = f"{TABLES[name][0]} IN ({', '.join('?' * len(some))})"
            rows += _read(db, name, condition, some)
    rows.append({"kind": "commit", "id": last.change, "name": last.token})
    rows.append(head.row())
    for row in rows:
        row["change"] = head.change
    return gone, rows


def all_rows(db: Connection, head: Head, size: int) -> Iterator[list[dict[str, Any]]]:
    """Everything that a table written as a whole holds; vectors where the mirror has them."""
    for name in TABLES:
        after: Any = -(1 << 62) if TABLES[name][0] == "id" else ""
        key = TABLES[name][0]
        while some := _read(db, name, f"{key} > ? ORDER BY {key} LIMIT {size}", (after,)):
            after = some[-1][_column(name, key)]
            yield [
                {**row, "change": head.change}
                for row in some if (name, row.get("name")) != ("meta", MARK)
            ]  # fmt: skip
    yield [{**head.row(), "change": head.change}]


def _read(db: Connection, name: str, condition: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    columns = TABLES[name]
    places = [_column(name, column) for column in columns]
    asked = list(columns)
    if name in _VECTORS:
        asked, places = [*asked, "vector"], [*places, _VECTORS[name]]
    rows = db.execute(f"SELECT {', '.join(asked)} FROM {name} WHERE {condition}", values)
    found = [{"kind": name, **dict(zip(places, row, strict=True))} for row in rows.fetchall()]
    for row in found:
        if name in _VECTORS and not row[_VECTORS[name]]:
            del row[_VECTORS[name]]
    return found
