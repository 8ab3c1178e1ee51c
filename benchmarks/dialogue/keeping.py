"""Replies that were given are kept, conversation by conversation: a run that is stopped goes on.

What is kept is what was replied, not how it is judged. It counts as long as the program, the
collections, the model and what is said are the same.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sensorium
from benchmarks.dialogue import systems
from benchmarks.dialogue.conversations import Conversation
from benchmarks.dialogue.judging import Citation, Outcome

OLD = 7 * 86_400.0
"""Seconds after which replies of a program that is run no more are removed."""

ASIDE = ("cli", "serve")
"""Folders of the package on which no reply depends."""

OURS_ALONE = "dialogue"
"""Folder of the package on which no rival's reply depends."""

PLAYING = ("systems.py", "running.py")
"""Files of this benchmark on which replies depend."""

WEIGHTS = {".onnx", ".npy", ".pyc"}
"""Files that are not read: the encoder has a fingerprint of its own."""


@dataclass(frozen=True)
class Replies:
    """What was replied in one conversation.

    Attributes
    ----------
    outcomes : tuple of Outcome
        One for each turn.
    is_warm : bool
        Whether the time of its first turn counts.
    """

    outcomes: tuple[Outcome, ...]
    is_warm: bool


class Kept:
    """Replies on disk, a line for each conversation.

    Parameters
    ----------
    folder : Path
        Holds one file for each program and state of the collections.
    about : str
        What the collections are, in which encoder's space.
    fresh : bool
        Whether what is there counts no more.
    """

    def __init__(self, folder: Path, about: str, fresh: bool = False) -> None:
        self._folder, self._about, self._fresh = folder, about, fresh
        self._known: dict[Path, dict[str, Any]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.jsonl"):
            with suppress(FileNotFoundError):  # somebody else removes it
                if time.time() - file.stat().st_mtime > OLD:
                    file.unlink()

    def get(self, system: systems.System, one: Conversation) -> Replies | None:
        """What was replied, if the same was said before."""
        found = self._of(self._file(system)).get(_key(system, one))
        if found is None:
            return None
        return Replies(tuple(map(_outcome, found["outcomes"])), found["is_warm"])

    def put(self, system: systems.System, one: Conversation, replies: Replies) -> None:
        """Keep what was replied."""
        file, key = self._file(system), _key(system, one)
        told = {"key": key, "is_warm": replies.is_warm,
                "outcomes": [asdict(outcome) for outcome in replies.outcomes]}  # fmt: skip
        self._of(file)[key] = told
        # In one write, and begun with a new line: the last run may have been stopped within one.
        with file.open("ab", buffering=0) as out:
            out.write(f"\n{json.dumps(told, ensure_ascii=False)}\n".encode())

    def _file(self, system: systems.System) -> Path:
        aside = ASIDE if system.name.startswith(systems.OURS) else (*ASIDE, OURS_ALONE)
        about = f"{self._about} {program_digest(aside)}"
        return self._folder / f"{hashlib.sha256(about.encode()).hexdigest()[:16]}.jsonl"

    def _of(self, file: Path) -> dict[str, Any]:
        if file not in self._known:
            if self._fresh:
                file.unlink(missing_ok=True)
            self._known[file] = dict(_read(file))
        return self._known[file]


def _read(file: Path) -> list[tuple[str, Any]]:
    if not file.is_file():
        return []
    found = []
    for line in file.read_text("utf-8", errors="replace").split(
        "\n"
    ):  # texts may have other ends of lines
        with suppress(ValueError):  # cut off when a run was stopped
            if line:
                told = json.loads(line)
                found.append((told["key"], told))
    return found


def _key(system: systems.System, one: Conversation) -> str:
    said = [(turn.say, turn.brings) for turn in one.turns]
    told = json.dumps([system.name, system.model, one.id, one.collection, said])
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _outcome(told: dict[str, Any]) -> Outcome:
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in told.items()
    }
    values["citations"] = tuple(Citation(**one) for one in told["citations"])
    return Outcome(**values)


@cache
def program_digest(aside: tuple[str, ...]) -> str:
    """A digest of the package and of what plays conversations, without folders of the package."""
    digest = hashlib.sha256()
    package = Path(sensorium.__file__).parent
    for file in sorted(package.rglob("*")):
        inner = file.relative_to(package)
        if file.is_file() and inner.parts[0] not in aside and file.suffix not in WEIGHTS:
            digest.update(f"{inner.as_posix()} ".encode() + file.read_bytes())
    for name in PLAYING:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()
