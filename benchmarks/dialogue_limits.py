"""What the limits of a dialogue's judgement cost: refused rightly and wrongly, by each limit.

    python -m benchmarks dialogue_limits [--case NAME ...] [--json FILE]

`sensorium.dialogue.tools` shows what may be meant or refuses, and calls a hit what was asked, by
limits. Each case below plays with others the conversations of the half on which dialogues are
tuned (`benchmarks/dialogue`); the other half is not looked at. A limit is worth what it gains of
"right refusal" beside what it loses by "refused what is there" and of "right item".
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest import mock

from benchmarks.dialogue.conversations import conversations
from benchmarks.dialogue.judging import COUNT, ITEM, REFUSAL, WRONGLY_REFUSED
from benchmarks.dialogue.making import make
from benchmarks.dialogue.rates import rates
from benchmarks.dialogue.running import play
from benchmarks.dialogue.systems import Ours
from benchmarks.rows import Row
from sensorium import Dialogue
from sensorium.dialogue.tools import matching, searching

CASES: dict[str, dict[str, float]] = {
    "as it is": {},
    "as Collection.search refuses": {"NAMES_LOOKED_AT": 0, "LIKELY_ALONE": 0.0},
    "by names alone": {"LIKELY_ALONE": 0.0},
    "by probability alone": {"NAMES_LOOKED_AT": 0},
    "TOGETHER 0.5": {"TOGETHER": 0.5},
    "TOGETHER 0.7": {"TOGETHER": 0.7},
    "UNWANTED 0.5": {"UNWANTED": 0.5},
}
"""What is tried: limits with another value than their own."""

ASKED = (ITEM, REFUSAL, WRONGLY_REFUSED, COUNT)

QUICK = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--case", action="append", choices=tuple(CASES), help="default: all; may be repeated"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Play the half to tune on with each value of each limit."""
    asked = conversations("tune")[:: QUICK if arguments.quick else 1]
    made, rows = make(), list[Row]()
    for name in arguments.case or CASES:
        with _limited(CASES[name]):
            played = play(made, asked, Ours(Dialogue))
        for collection in ("media", "sample"):
            turns = [one for one in played if one.conversation.collection == collection]
            rows += [
                Row("dialogue_limits", collection, name, row.metric, row.value, row.unit)
                for row in rates("tune", name, turns)
                if row.metric in ASKED
            ]
    return rows


@contextmanager
def _limited(values: Mapping[str, float]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in values.items():
            module = searching if hasattr(searching, name) else matching
            stack.enter_context(mock.patch.object(module, name, value))
        yield
