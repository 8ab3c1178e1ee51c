"""Conversations as files: what was said and replied, to go on with later."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.turns import Citation, Reply, Step, Turn
from sensorium.errors import UsageError
from sensorium.folders import named_file
from sensorium.plain import as_utf8, plain_fields

FORMAT = 1
"""Of the file; another number is of a version that says something else."""

MOST_BYTES = 100 << 20
"""A file that is larger is no conversation."""


def save(path: str | os.PathLike[str], turns: Sequence[Turn], collection: str) -> None:
    """Write a conversation as JSON; the file takes its place when it is whole.

    Raises
    ------
    UsageError, WriteError
    """
    told = {
        "format": FORMAT,
        "collection": collection,
        "turns": [plain_fields(turn) for turn in turns],
    }
    with named_file(Path(path)) as new:
        new.write_text(as_utf8(told, indent=1) + "\n", "utf-8", errors="surrogateescape")


def load(path: str | os.PathLike[str]) -> list[Turn]:
    """Read a conversation.

    Raises
    ------
    UsageError
        When the file is none, or cannot be read.
    """
    named = Path(path)
    try:
        if named.stat().st_size > MOST_BYTES:
            raise UsageError(f"{named}: {named.stat().st_size:,} bytes are no conversation")
        told = json.loads(named.read_text("utf-8", errors="surrogateescape"))
    except FileNotFoundError as error:
        raise UsageError(f"{named}: there is no such conversation") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{named}: is no conversation ({error})") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UsageError(f"{named}: is no conversation that `sensorium chat --save` wrote")
    try:
        return [_turn(one) for one in told["turns"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{named}: is damaged ({type(error).__name__}: {error})") from error


def _turn(told: Mapping[str, Any]) -> Turn:
    return Turn(str(told["said"]), tuple(map(str, told["given"])), _reply(told["reply"]))


def _reply(told: Mapping[str, Any]) -> Reply:
    fields = dict(told)
    fields["citations"] = tuple(_citation(one) for one in told["citations"])
    fields["items"] = tuple(_hit(one) for one in told["items"])
    fields["steps"] = tuple(Step(**one) for one in told["steps"])
    fields["refers"] = tuple(int(number) for number in told["refers"])
    fields["unfounded"] = tuple(map(str, told["unfounded"]))
    fields["parts"] = tuple(_reply(one) for one in told.get("parts", ()))
    return Reply(**fields)


def _citation(told: Mapping[str, Any]) -> Citation:
    fields = dict(told)
    for name in ("box", "characters"):
        fields[name] = tuple(fields[name]) if fields.get(name) is not None else None
    return Citation(**fields)


def _hit(told: Mapping[str, Any]) -> Hit:
    fields = dict(told)
    fields["span"] = tuple(fields["span"]) if fields.get("span") is not None else None
    fields["id"] = int(fields["id"])
    return Hit(**fields)
