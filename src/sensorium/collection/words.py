"""Words of items: names, captions and other texts, in SQLite's full-text index (FTS5, BM25).

FTS5 splits at spaces and punctuation, which Chinese does not write between words. Its trigram
tokenizer needs three characters, and the ordinary Chinese word has two: "风车" finds nothing with
it. So every character of a script without spaces is written as a word of its own, and a run of
them in a query is asked for as a phrase: what is found is exactly what holds the run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from sensorium.collection.rows import json_values
from sensorium.collection.sqlite import Connection
from sensorium.ranking.scoring import Match

SCHEMA = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 "
    "(name, text, tokenize = 'porter unicode61 remove_diacritics 2')",
    """CREATE TRIGGER IF NOT EXISTS forget_words AFTER DELETE ON items
    BEGIN DELETE FROM words WHERE rowid = old.id; END""",
    """CREATE TRIGGER IF NOT EXISTS forget_passage AFTER DELETE ON passages
    BEGIN DELETE FROM words WHERE rowid = -old.id; END""",
)
"""Rows of items have the item's id, rows of passages the passage's, negative."""

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

MAX_QUERY_WORDS = 64
"""Words of a query that are looked for; a pasted page has its subject in its beginning."""

NAME_WEIGHT, TEXT_WEIGHT = 1.0, 1.0

# Han, kana, bopomofo, Thai, Lao, Khmer, Myanmar: scripts that put no spaces between words.
_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f"
    "\u1780-\u17ff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_TOKEN = re.compile(rf'"([^"]*)"|([{_UNSPACED}]+)|([^\W{_UNSPACED}_]+)')
_NAME_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|_+")

_FUNCTION_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in",
        "into", "is", "it", "its", "of", "on", "or", "that", "the", "their", "there", "these",
        "this", "those", "to", "was", "were", "which", "with",
    }
)  # fmt: skip
"""Words that say nothing of what is sought; left out while others remain."""

_FUNCTION_CHARACTERS = re.compile("的|了|和|是|在|一[只个张幅条位]")
"""The same in Chinese, where they stand between the words without a space."""


def describe(path: str, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """What is indexed of an item: its name, and the texts of its metadata."""
    plain = urlsplit(path).path if "://" in path else path
    name = _NAME_PARTS.sub(" ", PurePath(plain).stem)
    texts = " \n".join(dict.fromkeys(_texts(metadata)))
    return _spaced(name), _spaced(texts[:MAX_TEXT])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if any(character.isalpha() for character in value):
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _spaced(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return _RUN.sub(lambda run: f" {' '.join(run[0])} ", normal)


def write_words(db: Connection, item: int) -> None:
    """Bring the words of an item up to date, within the transaction that changed it."""
    rows = db.execute("SELECT path, properties, metadata FROM items WHERE id = ?", (item,))
    for path, properties, metadata in rows.fetchall():
        name, text = describe(path, {**json_values(properties), **json_values(metadata)})
        db.execute("INSERT OR REPLACE INTO words (rowid, name, text) VALUES (?, ?, ?)",
                   (item, name, text))  # fmt: skip


def write_all_words(db: Connection) -> None:
    """Index every item: a collection of an earlier version has no words yet."""
    for (item,) in db.execute("SELECT id FROM items").fetchall():
        write_words(db, item)


def write_texts(db: Connection, texts: Iterable[tuple[int, str]]) -> None:
    """Index new texts, given as id and text."""
    db.executemany(
        "INSERT INTO words (rowid, name, text) VALUES (?, '', ?)",
        [(-text_id, _spaced(text[:MAX_TEXT])) for text_id, text in texts],
    )


def match_expression(query: str) -> str | None:
    """The FTS5 expression for what a person typed; None when it holds no word.

    Words are alternatives, ranked by BM25: what holds more of them, and rarer ones, comes first.
    What stands in double quotes must follow one another. A run of unspaced script is asked for as
    a whole and in overlapping pairs of characters, as nobody says where its words end.
    """
    terms: dict[str, None] = {}
    weak: dict[str, None] = {}
    for quoted, unspaced, word in _TOKEN.findall(unicodedata.normalize("NFKC", query)):
        if quoted:
            phrase = " ".join(re.findall(r"[^\W_]+", _spaced(quoted)))
            if phrase:
                terms.setdefault(f'"{phrase}"')
        elif unspaced:
            for run in filter(None, _FUNCTION_CHARACTERS.split(unspaced)):
                for part in (run, *(run[i : i + 2] for i in range(len(run) - 1))):
                    terms.setdefault(f'"{" ".join(part)}"')
            weak.setdefault(f'"{" ".join(unspaced)}"')
        elif word:
            (weak if word.lower() in _FUNCTION_WORDS else terms).setdefault(f'"{word}"')
    chosen = list(terms or weak)[:MAX_QUERY_WORDS]
    return " OR ".join(chosen) or None


def match(
    db: Connection,
    query: str,
    k: int,
    allowed: npt.NDArray[np.int64] | None = None,
) -> list[Match]:
    """Find items by their words.

    Parameters
    ----------
    db : Connection
    query : str
        Any text; nothing in it is an operator but double quotes around a phrase.
    k : int
    allowed : ndarray of int64, optional
        Ids of the items that may be found.

    Returns
    -------
    list of Match
        Each item once, where it holds the words best. The score is BM25, which is positive and has
        no upper bound; best first, of equal ones the item added first.
    """
    expression = match_expression(query)
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
