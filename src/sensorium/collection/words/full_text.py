"""Words of items: names, captions and other texts, in SQLite's full-text index (FTS5, BM25).

What FTS5 gets is cut already, by `cutting.py`, in small letters with spaces in between: its own
rules would part vowel signs from their consonants and keep Łódź from who types lodz. It adds the
stems of English words (Porter), to what is stored and what is asked alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from sensorium.collection.rows import json_values
from sensorium.collection.sqlite import Connection
from sensorium.ranking.scoring import Match

TOKENIZER = "porter ascii"
"""Of FTS5: cuts at spaces, leaves letters beyond ASCII as they are, stems what looks English."""

_TABLE = "CREATE VIRTUAL TABLE IF NOT EXISTS {}words USING fts5 (name, text, tokenize = '{}')"

SCHEMA = (
    _TABLE.format("", TOKENIZER),
    """CREATE TRIGGER IF NOT EXISTS forget_words AFTER DELETE ON items
    BEGIN DELETE FROM words WHERE rowid = old.id; END""",
    """CREATE TRIGGER IF NOT EXISTS forget_passage AFTER DELETE ON passages
    BEGIN DELETE FROM words WHERE rowid = -old.id; END""",
)
"""Rows of items have the item's id, rows of passages the passage's, negative."""

FORMER = (_TABLE.format("", "porter unicode61 remove_diacritics 2"),)
"""What versions before 5 have instead: words cut by FTS5, and by other rules than the query's."""

TABLES = (
    "CREATE TABLE 'words_data'(id INTEGER PRIMARY KEY, block BLOB)",
    "CREATE TABLE 'words_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID",
    "CREATE TABLE 'words_content'(id INTEGER PRIMARY KEY, c0, c1)",
    "CREATE TABLE 'words_docsize'(id INTEGER PRIMARY KEY, sz BLOB)",
    "CREATE TABLE 'words_config'(k PRIMARY KEY, v) WITHOUT ROWID",
)
"""What FTS5 makes of it."""

MAX_TEXT = 20_000
"""Characters of an item's texts that are indexed: some pages; more would be a document."""

NAME_WEIGHT, TEXT_WEIGHT = 1.0, 1.0


def describe(path: str, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """What is indexed of an item: its name, and the texts of its metadata."""
    plain = urlsplit(path).path if "://" in path else path
    texts = " \n".join(dict.fromkeys(_texts(metadata)))
    return _cut(PurePath(plain).stem), _cut(texts[:MAX_TEXT])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if any(character.isalnum() for character in value):
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):  # in JSON one
        for part in value:
            yield from _texts(part)


def write_words(db: Connection, item: int) -> None:
    """Bring the words of an item up to date, within the transaction that changed it."""
    rows = db.execute("SELECT path, properties, metadata FROM items WHERE id = ?", (item,))
    for path, properties, metadata in rows.fetchall():
        put_words(db, item, path, {**json_values(properties), **json_values(metadata)})


def put_words(db: Connection, item: int, path: str, metadata: Mapping[str, Any]) -> None:
    """Write the words of an item, of which path and metadata are known."""
    name, text = describe(path, metadata)
    db.execute("INSERT OR REPLACE INTO words (rowid, name, text) VALUES (?, ?, ?)",
               (item, name, text))  # fmt: skip


def write_all_words(db: Connection) -> None:
    """Index every item and every passage, into a table that holds nothing yet."""
    for (item,) in db.execute("SELECT id FROM items").fetchall():
        write_words(db, item)
    rows = db.execute("SELECT id, text FROM passages WHERE id > ? ORDER BY id LIMIT 1000", (0,))
    while some := rows.fetchall():
        write_texts(db, some)
        rows = db.execute(
            "SELECT id, text FROM passages WHERE id > ? ORDER BY id LIMIT 1000", (some[-1][0],)
        )


def cut_anew(db: Connection, *, for_now: bool = False) -> None:
    """Replace words that a version before 5 cut.

    Parameters
    ----------
    db : Connection
        In a transaction.
    for_now : bool
        Leave the file as it is: it cannot be written, and this connection has a table of its own.
    """
    if not for_now:
        db.execute("DROP TABLE words")
    db.execute(_TABLE.format("temp." if for_now else "", TOKENIZER))
    write_all_words(db)


def _cut(text: str) -> str:
    # Its patterns take 15 ms to compile, and most searches have none to cut.
    from sensorium.collection.words.cutting import words

    return words(text)


def write_texts(db: Connection, texts: Iterable[tuple[int, str]]) -> None:
    """Index new texts, given as id and text."""
    db.executemany(
        "INSERT INTO words (rowid, name, text) VALUES (?, '', ?)",
        [(-text_id, _cut(text[:MAX_TEXT])) for text_id, text in texts],
    )


def match(
    db: Connection,
    query: str,
    k: int,
    allowed: npt.NDArray[np.int64] | None = None,
    *,
    whole: bool = False,
) -> list[Match]:
    """Find items by their words.

    Parameters
    ----------
    db : Connection
    query : str
        Any text; nothing in it is an operator but quotes around a phrase.
    k : int
    allowed : ndarray of int64, optional
        Ids of the items that may be found.
    whole : bool
        Whether all words must be there, one after the other, and not any of them.

    Returns
    -------
    list of Match
        Each item once, where it holds the words best. The score is BM25, which is positive and has
        no upper bound; best first, of equal ones the item added first.
    """
    from sensorium.collection.words.query import match_expression, whole_expression

    expression = whole_expression(query) if whole else match_expression(query)
    if expression is None or (allowed is not None and not len(allowed)):
        return []
    sql = (
        f"SELECT coalesce(passages.item_id, words.rowid) AS item, "
        f"-bm25(words, {NAME_WEIGHT}, {TEXT_WEIGHT}) AS score, passages.id "
        "FROM words LEFT JOIN passages ON passages.id = -words.rowid "
        "WHERE words MATCH ? ORDER BY score DESC, item, passages.ordinal"
    )
    chosen = None if allowed is None else set(allowed.tolist())
    found: dict[int, Match] = {}
    for row in db.execute(sql, (expression,)):
        if chosen is None or row[0] in chosen:
            found.setdefault(row[0], Match(*row))
            if len(found) == k:
                break
    return list(found.values())
