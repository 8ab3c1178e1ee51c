"""Plays conversations with a system, and looks after each turn whether anything was written."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.dialogue.conversations import Conversation, Turn
from benchmarks.dialogue.judging import Check, Outcome, judge
from benchmarks.dialogue.keeping import Kept, Replies
from benchmarks.dialogue.making import NAMES, Made
from benchmarks.dialogue.systems import System, media_of, timed
from sensorium import Collection
from sensorium.collection.collection import store_of

TOLD_EACH = 10
"""Conversations after which it is said how many there were: a run takes minutes."""


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


def play(
    made: Made, asked: Sequence[Conversation], system: System, kept: Kept | None = None
) -> list[Played]:
    """Play conversations in their order; each begins with the collection as it was made.

    Parameters
    ----------
    made : Made
    asked : sequence of Conversation
    system : System
    kept : Kept, optional
        What is in it is not played again; what is played is put into it.
    """
    known = {one.id: kept.get(system, one) for one in asked} if kept else {}
    played = {one.id: _judged(one, replies) for one in asked
              if (replies := known.get(one.id)) is not None}  # fmt: skip
    for name in NAMES:
        rest = [one for one in asked if one.collection == name and one.id not in played]
        for one, replies in _replies(made, name, rest, system):
            if kept is not None:
                kept.put(system, one, replies)
            played[one.id] = _judged(one, replies)
            if len(played) % TOLD_EACH == 0:
                print(f"{system.name}: {len(played)} of {len(asked)} conversations",
                      file=sys.stderr, flush=True)  # fmt: skip
    return [played[one.id] for one in asked]


def _replies(
    made: Made, name: str, asked: Sequence[Conversation], system: System
) -> Iterator[tuple[Conversation, Replies]]:
    """What is replied in conversations about one collection."""
    if not asked:
        return
    files = _state_of_files(made.folder / name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{name}.sensorium"
        _copied(made, name, copy)
        collection, is_warm = Collection(copy, encoder=made.encoder), False
        try:
            for one in asked:
                before = state_of_rows(collection)
                outcomes = _outcomes(made, one, system, collection)
                if _state_of_files(made.folder / name) != files:
                    raise RuntimeError(f"{system.name} changed files in {made.folder / name}")
                yield one, Replies(outcomes, is_warm)
                is_warm = True
                if state_of_rows(collection) != before:
                    # What one person has had kept is nothing to the next.
                    collection.close()
                    _copied(made, name, copy)
                    collection, is_warm = Collection(copy, encoder=made.encoder), False
        finally:
            collection.close()


def _outcomes(
    made: Made, one: Conversation, system: System, collection: Collection
) -> tuple[Outcome, ...]:
    folder = made.folder / one.collection
    talk = system.begin(collection, folder)
    outcomes = []
    rows = state_of_rows(collection)
    files = _state_of_files(folder)
    for turn in one.turns:
        media = [media_of(made.path(one.collection, name)) for name in turn.brings]
        outcome, seconds = timed(talk, turn, media)
        now, files_now = state_of_rows(collection), _state_of_files(folder)
        wrote = now != rows or files_now != files
        outcomes.append(replace(outcome, seconds=seconds, wrote=wrote))
        rows, files = now, files_now
    return tuple(outcomes)


def _judged(one: Conversation, replies: Replies) -> Played:
    shown: Sequence[str] = ()
    turns = []
    for number, (turn, outcome) in enumerate(zip(one.turns, replies.outcomes, strict=True)):
        checks = tuple(judge(turn, outcome, shown))
        turns.append(PlayedTurn(turn, outcome, checks, replies.is_warm or number > 0))
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
