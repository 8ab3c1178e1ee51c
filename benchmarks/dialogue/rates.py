"""Rates of checks over turns, with intervals: turns of one conversation are drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import median

import numpy as np

from benchmarks.dialogue.conversations import PRACTICE
from benchmarks.dialogue.judging import (
    ASKED_BACK,
    CITATION,
    COUNT,
    ITEM,
    KEPT,
    NOTHING_SHOWN,
    OBEYED,
    REFERENCE,
    REFUSAL,
    UNANSWERED,
    UNMARKED,
    WORDS,
    WRITTEN,
    WRONGLY_REFUSED,
)
from benchmarks.dialogue.running import Played
from benchmarks.rows import Row
from sensorium.evaluation.resampling import group_numbers, interval, mean

ORDER = (
    ITEM, CITATION, COUNT, REFUSAL, WRONGLY_REFUSED, REFERENCE, WORDS, ASKED_BACK, NOTHING_SHOWN,
    KEPT, OBEYED, UNMARKED, WRITTEN, UNANSWERED,
)  # fmt: skip

CITED = "right, of citations made"
"""The share of turns with a citation to make and one made in which it is the right one."""

ALL = "turns in which all is right"


def rates(half: str, system: str, played: Sequence[Played]) -> list[Row]:
    """A row for each rate, for the ends of its interval and for how many turns it is of."""
    values: dict[str, list[tuple[float, str]]] = {name: [] for name in (*ORDER, CITED, ALL)}
    for one in played:
        for turn in one.turns:
            for check in turn.checks:
                values[check.name].append((float(check.is_so), one.conversation.id))
                if check.name == CITATION and turn.outcome.citations:
                    values[CITED].append((float(check.is_so), one.conversation.id))
            right = all(check.is_right for check in turn.checks)
            values[ALL].append((float(right), one.conversation.id))
    turns = sum(len(one.turns) for one in played)
    of = half if half == PRACTICE else f"half to {half}"
    case = f"{of}: {len(played)} conversations, {turns} turns"
    row = partial(Row, "dialogue", case, system)
    rows = []
    for name, found in values.items():
        if len(found) < 2:
            continue
        column = np.array([value for value, _ in found])
        groups = group_numbers([{"group": group} for _, group in found])
        drawn = interval(mean, (column,), seed=0, groups=groups)
        rows += [
            row(name, drawn.estimate), row(f"{name}, low", drawn.low),
            row(f"{name}, high", drawn.high), row(f"{name}, turns", len(found)),
        ]  # fmt: skip
    warm = [turn.outcome.seconds for one in played for turn in one.turns if turn.is_warm]
    if warm:
        rows.append(row("processor time of a turn, median", median(warm), "s"))
        rows.append(row("processor time of a turn, longest of 20", _slow(warm), "s"))
    return rows


def _slow(seconds: Sequence[float]) -> float:
    return float(np.quantile(seconds, 0.95))
