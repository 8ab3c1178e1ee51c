"""Plays conversations with a system, and looks after each turn whether anything was written."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.dialogue.conversations import Conversation, Turn
from benchmarks.dialogue.judging import Check, Outcome, judge
from benchmarks.dialogue.making import NAMES, Made
from benchmarks.dialogue.systems import System, media_of, timed
from sensorium import Collection

KEPT_ROWS = (
    "SELECT id, path, modality, size, mtime_ns, content_hash, metadata FROM items ORDER BY id",
    "SELECT id, question, item_id, relevant FROM judgements ORDER BY id",
    "SELECT count(*) FROM segments",
    "SELECT count(*) FROM passages",
)
"""What of a collection file may be no other unless the person says so."""


@dataclass(frozen=True)
class PlayedTurn:
    """A turn, the reply, what was looked at, and whether its time counts."""

    turn: Turn
    outcome: Outcome
    checks: tuple[Check, ...]
    is_warm: bool


@dataclass(frozen=True)
class Played:
    """A conversation as it went."""

    conversation: Conversation
    turns: tuple[PlayedTurn, ...]


def play(made: Made, asked: Sequence[Conversation], system: System) -> list[Played]:
    """Play conversations in their order; each begins with the collection as it was made."""
    played = {}
    for name in NAMES:
        files = _state_of_files(made.folder / name)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"{name}.sensorium"
            _copied(made, name, copy)
            collection, is_warm = Collection(copy, encoder=made.encoder), False
            try:
                for one in asked:
                    if one.collection != name:
                        continue
                    before = state_of_rows(copy)
                    played[one.id] = _played(made, one, system, collection, copy, is_warm)
                    is_warm = True
                    if state_of_rows(copy) != before:
                        # What one person has had kept is nothing to the next.
                        collection.close()
                        _copied(made, name, copy)
                        collection, is_warm = Collection(copy, encoder=made.encoder), False
            finally:
                collection.close()
        if _state_of_files(made.folder / name) != files:
            raise RuntimeError(f"{system.name} changed files in {made.folder / name}")
    return [played[one.id] for one in asked]


def _played(
    made: Made, one: Conversation, system: System, collection: Collection, file: Path, warm: bool
) -> Played:
    folder = made.folder / one.collection
    talk = system.begin(collection, folder)
    shown: Sequence[str] = ()
    turns = []
    rows = state_of_rows(file)
    files = _state_of_files(folder)
    for turn in one.turns:
        media = [media_of(made.path(one.collection, name)) for name in turn.brings]
        outcome, seconds = timed(talk, turn, media)
        now, files_now = state_of_rows(file), _state_of_files(folder)
        wrote = now != rows or files_now != files
        outcome = replace(outcome, seconds=seconds, wrote=wrote)
        turns.append(PlayedTurn(turn, outcome, tuple(judge(turn, outcome, shown)), warm))
        rows, files, warm = now, files_now, True
        shown = outcome.shown or shown
    return Played(one, tuple(turns))


def _copied(made: Made, name: str, copy: Path) -> None:
    for old in copy.parent.glob(f"{copy.name}*"):
        old.unlink()
    with closing(sqlite3.connect(made.collection_file(name))) as stored:
        stored.execute("VACUUM INTO ?", (str(copy),))


def state_of_rows(file: Path) -> str:
    """A digest of what a collection file holds."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as stored:
        for query in KEPT_ROWS:
            for row in stored.execute(query):
                digest.update(repr(row).encode())
    return digest.hexdigest()


def _state_of_files(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
