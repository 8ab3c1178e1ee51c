"""Plays conversations with a system, and looks after each turn whether anything was written."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.dialogue.conversations import Conversation, Turn
from benchmarks.dialogue.judging import Check, Outcome, judge
from benchmarks.dialogue.making import NAMES, Made
from benchmarks.dialogue.systems import System, media_of, timed
from sensorium import Collection
from sensorium.collection.collection import store_of


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
                    before = state_of_rows(collection)
                    played[one.id] = _played(made, one, system, collection, is_warm)
                    is_warm = True
                    if state_of_rows(collection) != before:
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
    made: Made, one: Conversation, system: System, collection: Collection, warm: bool
) -> Played:
    folder = made.folder / one.collection
    talk = system.begin(collection, folder)
    shown: Sequence[str] = ()
    turns = []
    rows = state_of_rows(collection)
    files = _state_of_files(folder)
    for turn in one.turns:
        media = [media_of(made.path(one.collection, name)) for name in turn.brings]
        outcome, seconds = timed(talk, turn, media)
        now, files_now = state_of_rows(collection), _state_of_files(folder)
        wrote = now != rows or files_now != files
        outcome = replace(outcome, seconds=seconds, wrote=wrote)
        turns.append(PlayedTurn(turn, outcome, tuple(judge(turn, outcome, shown)), warm))
        rows, files, warm = now, files_now, True
        shown = outcome.shown or shown
    return Played(one, tuple(turns))


def _copied(made: Made, name: str, copy: Path) -> None:
    for old in copy.parent.glob(f"{copy.name}*"):
        old.unlink()
    shutil.copy(made.collection_file(name), copy)


def state_of_rows(collection: Collection) -> str:
    """A digest of what may be no other in a collection unless the person says so."""
    digest = hashlib.sha256()
    for item in collection.items():
        digest.update(repr((item.id, item.path, item.modality, item.metadata)).encode())
    # Through the collection: a second library of SQLite in the process would undo its locks.
    for judgement in store_of(collection).judgements():
        digest.update(repr(judgement).encode())
    return digest.hexdigest()


def _state_of_files(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
