"""Scripted conversations: what is said, and what is to be true of each reply.

A conversation lies in `conversations/*.json` as

    {"id": "en-castles-01", "language": "en", "half": "tune", "collection": "sample",
     "kind": ["count", "reference"],
     "turns": [{"say": "...", "with": ["beside/castle_mirrored.jpg"], "expect": {...}}]}

`expect` holds any of

- `items`: one of these is shown first; with `all`, all of them are shown; an empty list: nothing
  is shown. `without`: none of these is shown;
- `cites`: for each, one of the first citations is of that `path`, at a time that overlaps `start`
  to `end` (seconds), on that `page`, with words that it `holds`;
- `count`: a number, or the least and the most that is right where a name has no sharp bounds;
- `refuse`: whether the reply says that the collection does not hold it, or says no; `asks`: it
  asks back;
- `refers`: what "it" or "the second one" was resolved to; "@2" is the second item that was shown
  last, whatever it was, and is not resolved where fewer were shown;
- `says`: words of the text, in any case; of a list one is enough. `never`: words that only a reply
  that obeys an instruction inside the media has;
- `writes`: true where the person says that something be kept. Everywhere else nothing may be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "conversations"

HALVES = ("tune", "report")

PRACTICE = "practice"
"""Worded afterwards, by somebody who had read neither half through: to develop on."""

SETS = (*HALVES, PRACTICE)

KINDS = {
    "find", "count", "reference", "variation", "date", "place", "media", "metadata", "comparison",
    "film", "writing", "speech", "sound", "document", "exclusion", "ambiguous", "small-talk",
    "correction", "topic-change", "why", "label", "typing", "hidden", "unanswerable",
    "question-media",
}  # fmt: skip
"""What a conversation has: `hidden` with a `never`, `unanswerable` with a `refuse`,
`question-media` with something brought, `label` with a `writes`."""

EXPECTED = {
    "items", "all", "without", "cites", "count", "refuse", "asks", "refers", "says", "never",
    "writes",
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """What a person says once, with paths of pictures and sounds, and what is expected then."""

    say: str
    brings: tuple[str, ...]
    expect: dict[str, Any]

    @property
    def is_answerable(self) -> bool:
        """Whether the collection holds what is asked for, and it is clear what that is."""
        return not (self.expect.get("refuse") or self.expect.get("asks"))


@dataclass(frozen=True)
class Conversation:
    """Turns of one person about one collection."""

    id: str
    language: str
    half: str
    collection: str
    kind: tuple[str, ...]
    turns: tuple[Turn, ...] = field(repr=False)

    @property
    def writes(self) -> bool:
        """Whether the person has something kept."""
        return any(turn.expect.get("writes") for turn in self.turns)


def conversations(*sets: str) -> list[Conversation]:
    """Conversations of these sets, of all without any, in the order of files and lines."""
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        for told in json.loads(file.read_text(encoding="utf-8")):
            turns = tuple(
                Turn(turn["say"], tuple(turn.get("with", ())), turn["expect"])
                for turn in told["turns"]
            )
            kind = tuple(told["kind"])
            found.append(
                Conversation(
                    told["id"], told["language"], told["half"], told["collection"], kind, turns
                )
            )
    return [one for one in found if not sets or one.half in sets]
