"""Tables of a collection's SQLite file (docs/collection-format.md explains them)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sensorium.collection.judgements import TABLE as JUDGEMENTS
from sensorium.collection.words.full_text import FORMER as FORMER_WORDS
from sensorium.collection.words.full_text import SCHEMA as WORDS_SCHEMA
from sensorium.collection.words.full_text import TABLES as WORDS_TABLES

APPLICATION_ID = 0x53454E53  # "SENS" in ASCII; tells the file apart from any other SQLite file
SCHEMA_VERSION = 6

WORDS_VERSION = 5
"""From this one on words are cut as they are now."""

LEAST_TO_READ = 4
"""Versions from this one on lack nothing that a search reads: a file that cannot be written is
searched as it is."""

CACHE_BYTES = 32 << 20
"""Pages in memory, at most: SQLite's own 2 MB do not hold the inner nodes of a million rows."""

PAGE_BYTES = 16384
"""Of a new file. A vector of 640 numbers leaves a third of SQLite's usual 4,096 bytes empty; of
these, vectors of 512, 640 and 768 numbers leave at most an eighth."""

_SEGMENT_COLUMNS = """
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    start   REAL,
    stop    REAL,
    vector  BLOB NOT NULL,
    modality TEXT NOT NULL DEFAULT 'image',
    details TEXT,
    passage_id INTEGER,
    checksum INTEGER,
    UNIQUE (item_id, ordinal)
"""

LOG_REMOVALS = """CREATE TRIGGER IF NOT EXISTS log_removal AFTER DELETE ON segments
    BEGIN INSERT INTO removed_segments (first, last) VALUES (old.id, old.id); END"""
"""Lets whoever holds vectors, in memory or in an index, learn which of them are gone."""

CHECKSUMS = tuple(
    f"ALTER TABLE {table} ADD COLUMN checksum INTEGER" for table in ("segments", "next_segments")
)
"""What version 3 lacks."""

MIGRATION = (
    "ALTER TABLE items ADD COLUMN extracted TEXT",
    *(
        f"ALTER TABLE {table} ADD COLUMN {column}"
        for table in ("segments", "next_segments")
        for column in (
            "modality TEXT NOT NULL DEFAULT 'image'",
            "details TEXT",
            "passage_id INTEGER",
        )
    ),
    "UPDATE segments SET modality = (SELECT modality FROM items WHERE items.id = item_id) "
    "WHERE item_id IN (SELECT id FROM items WHERE modality != 'image')",
    "INSERT OR IGNORE INTO segment_modalities SELECT DISTINCT modality FROM items",
)
"""What versions before 3 lack beside whole tables."""

MODALITY_INDEX = "CREATE INDEX IF NOT EXISTS segments_modality ON segments (modality)"
"""Tells rows' modalities without reading vectors; made when a second modality comes."""

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # AUTOINCREMENT: an id that was once given out never names another item.
    """CREATE TABLE IF NOT EXISTS items (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        path         TEXT NOT NULL UNIQUE,
        modality     TEXT NOT NULL,
        size         INTEGER NOT NULL,
        mtime_ns     INTEGER NOT NULL,
        content_hash BLOB NOT NULL,
        added        REAL NOT NULL,
        properties   TEXT NOT NULL DEFAULT '{}',
        metadata     TEXT NOT NULL DEFAULT '{}',
        extracted    TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS items_content_hash ON items (content_hash)",
    "CREATE TABLE IF NOT EXISTS segments "
    f"(id INTEGER PRIMARY KEY AUTOINCREMENT, {_SEGMENT_COLUMNS})",
    # Vectors of the space that a re-embedding is on its way to; empty otherwise.
    f"CREATE TABLE IF NOT EXISTS next_segments (id INTEGER PRIMARY KEY, {_SEGMENT_COLUMNS})",
    "CREATE TABLE IF NOT EXISTS removed_segments "
    "(id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, last INTEGER NOT NULL)",
    LOG_REMOVALS,
    # Text that is in the media: passages of documents, what is said, what is written in pictures.
    """CREATE TABLE IF NOT EXISTS passages (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        start   REAL,
        stop    REAL,
        source  TEXT NOT NULL,
        text    TEXT NOT NULL,
        details TEXT,
        UNIQUE (item_id, ordinal)
    )""",
    "CREATE TABLE IF NOT EXISTS segment_modalities (name TEXT PRIMARY KEY) WITHOUT ROWID",
    *WORDS_SCHEMA,
    JUDGEMENTS,
    "CREATE TABLE IF NOT EXISTS fields (name TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS counters (changes INTEGER NOT NULL, removals INTEGER NOT NULL)",
    "INSERT INTO counters SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM counters)",
)


# Opening a file of a stranger

_OF_SQLITE = (
    "CREATE TABLE sqlite_sequence(name,seq)",
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
)
"""Tables that SQLite makes by itself, for AUTOINCREMENT and when somebody says ANALYZE."""

_CREATE = re.compile(r"CREATE (?:VIRTUAL )?(TABLE|INDEX|TRIGGER) '?(\w+)'?(?:.*? ON (\w+))?")


def _plain(sql: str) -> str:
    return " ".join(sql.replace("IF NOT EXISTS ", "").split())


def _described(statements: Iterable[str]) -> dict[tuple[str, str, str], str]:
    """Statements that make something, by its type, its name and the table that it belongs to."""
    known = {}
    for sql in map(_plain, statements):
        if made := _CREATE.match(sql):
            kind, name, table = made.groups()
            known[kind.lower(), name, name if kind == "TABLE" else table] = sql
    return known


_NEEDED = _described((*SCHEMA, *WORDS_TABLES))
_KNOWN = _NEEDED | _described((MODALITY_INDEX, *_OF_SQLITE))
_FORMER = _described(FORMER_WORDS)


def objection(rows: Iterable[tuple[str, str, str, str | None]], *, complete: bool) -> str | None:
    """Say what in a file's schema no version of Sensorium made.

    A trigger of a stranger would run when something is added, a view or another definition of a
    table when it is searched.

    Parameters
    ----------
    rows : iterable of (type, name, table, sql)
        The file's ``sqlite_schema``.
    complete : bool
        Whether nothing may be lacking: the file says that it is of this version.
    """
    lacking = dict(_NEEDED)
    for kind, name, table, sql in rows:
        place = (kind, name, table)
        if sql is None:  # the index of a UNIQUE or PRIMARY KEY in the table's own definition
            if kind == "index" and ("table", table, table) in _KNOWN:
                continue
        elif place in _KNOWN and (
            _same(_plain(sql), _KNOWN[place])
            or (not complete and _plain(sql) == _FORMER.get(place))
        ):
            lacking.pop(place, None)
            continue
        if any((kind, name) == known[:2] for known in _KNOWN):
            return f"its {kind} {name!r} is not the one that Sensorium makes"
        return f"it has the {kind} {name!r}, which no collection has"
    if complete and lacking:
        kind, name, _ = next(iter(lacking))
        return f"its {kind} {name!r} is lacking"
    return None


def _same(sql: str, known: str) -> bool:
    """Whether a statement is the known one; a table may lack columns, or have them at its end."""
    if sql == known:
        return True
    before, columns, after = _parts(sql)
    known_before, known_columns, known_after = _parts(known)
    return (
        known.startswith("CREATE TABLE ")
        and (before, after) == (known_before, known_after)
        and set(columns) <= set(known_columns)
    )


def _parts(sql: str) -> tuple[str, list[str], str]:
    """Split the text of a table before, at the commas of and after its outer parentheses."""
    before, _, rest = sql.partition("(")
    inside, _, after = rest.rpartition(")")
    columns, depth = [""], 0
    for character in inside:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            columns.append("")
        else:
            columns[-1] += character
    return before.strip(), [column.strip() for column in columns], after.strip()
