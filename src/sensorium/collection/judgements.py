"""What people said of hits: which items answer which question, and how they were found."""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.collection.rows import MODALITIES
from sensorium.collection.sqlite import Connection

TABLE = """CREATE TABLE IF NOT EXISTS judgements (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        question TEXT NOT NULL,
        item_id  INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        relevant INTEGER NOT NULL,
        judged   REAL NOT NULL,
        found    TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        UNIQUE (question, item_id)
    )"""

COLUMNS = (
    "item_id, CAST(question AS BLOB), iif(typeof(relevant) = 'integer', relevant, NULL), "
    "iif(typeof(judged) IN ('real', 'integer'), judged, NULL), CAST(found AS BLOB), "
    "iif(typeof(checksum) = 'integer', checksum, NULL)"
)
"""Texts as bytes, and numbers where they are some: a damaged file may hold anything."""

MOST_QUESTION = 100_000
"""Characters of a question as JSON. Words of a page or two are asked; a judgement is no archive."""


@dataclass(frozen=True)
class Found:
    """How an item was found that was judged: what a calibration learns from.

    Attributes
    ----------
    space : str
        Fingerprint of the space; "" where no vectors were compared.
    score : float
        As the hit had it.
    mode : str
    asked, modality : str
        Modality of what was asked with ("several" of several parts) and of the item.
    probability : float or None
        That the hit is relevant, as the space's calibration stated it before any judgement.
    """

    space: str = ""
    score: float = 0.0
    mode: str = "vector"
    asked: str = "text"
    modality: str = "image"
    probability: float | None = None

    @property
    def is_sound(self) -> bool:
        """Whether each value is of its kind."""
        chance = self.probability
        texts = (self.space, self.mode, self.asked, self.modality)
        return (
            all(isinstance(text, str) for text in texts)
            and self.modality in MODALITIES
            and _is_number(self.score)
            and (chance is None or (_is_number(chance) and 0 <= chance <= 1))
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


@dataclass(frozen=True)
class Judgement:
    """One item judged for one question.

    Attributes
    ----------
    item : int
    question : str
        What was asked, as `sensorium.collection.question.described` writes it: JSON.
    relevant : bool
    judged : float
        Unix time.
    found : Found
    """

    item: int
    question: str
    relevant: bool
    judged: float = field(default_factory=time.time)
    found: Found = field(default_factory=Found)


def write_judgements(db: Connection, judgements: Iterable[Judgement]) -> int:
    """Store judgements, the newest of an item and a question in the place of older ones.

    Returns
    -------
    int
        How many were stored; what judges items that are gone is not.
    """
    stored = 0
    for one in judgements:
        found = json.dumps(vars(one.found), ensure_ascii=False, sort_keys=True)
        db.execute(
            "INSERT INTO judgements (item_id, question, relevant, judged, found, checksum) "
            "SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM items WHERE id = ?) "
            "ON CONFLICT (question, item_id) DO UPDATE SET relevant = excluded.relevant, "
            "judged = excluded.judged, found = excluded.found, checksum = excluded.checksum",
            (
                one.item, one.question, int(one.relevant), one.judged, found,
                _checksum(one.item, one.question, int(one.relevant), one.judged, found), one.item,
            ),
        )  # fmt: skip
        stored += db.changes()
    return stored


def read_judgements(rows: Iterable[Sequence[Any]]) -> Iterator[Judgement | None]:
    """Read rows of `COLUMNS`; None stands for one that is not as it was written."""
    for item, asked, relevant, judged, told, checksum in rows:
        try:
            question, text = (bytes(value).decode("utf-8") for value in (asked, told))
            found = Found(**json.loads(text))
            if not (
                checksum == _checksum(item, question, relevant, judged, text)
                and relevant in (0, 1)
                and isinstance(json.loads(question), list)
                and found.is_sound
            ):
                raise ValueError
        except (TypeError, ValueError, KeyError, RecursionError, AttributeError):
            yield None
        else:
            yield Judgement(item, question, bool(relevant), judged, found)


def _checksum(item: Any, question: Any, relevant: Any, judged: Any, found: Any) -> int:
    """CRC-32 of a row, whatever it holds."""
    whole = json.dumps([item, question, relevant, judged, found], ensure_ascii=True)
    return zlib.crc32(whole.encode("ascii"))


def from_values(values: Any, item: int) -> Judgement:
    """Read what `to_values` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError
        When it is not as written.
    """
    question, relevant, judged = values["question"], values["relevant"], values["judged"]
    found = Found(**values["found"])
    if not (
        isinstance(question, str)
        and len(question) <= MOST_QUESTION
        and isinstance(json.loads(question), list)
        and isinstance(relevant, bool)
        and _is_number(judged)
        and found.is_sound
    ):
        raise ValueError(f"it is no judgement: {values!r:.80}")
    return Judgement(item, question, relevant, float(judged), found)


def to_values(judgement: Judgement, path: str) -> dict[str, Any]:
    """A judgement as JSON values, its item by its path."""
    return {
        "path": path,
        "question": judgement.question,
        "relevant": judgement.relevant,
        "judged": judgement.judged,
        "found": vars(judgement.found),
    }
