"""Scripted conversations with a collection: what is shown, cited, counted, refused and kept.

    python -m benchmarks dialogue [--half SET] [--failures] [--model NAME] [--some N]
                                  [--only SYSTEM ...] [--hidden] [--quick] [--fresh] [--json FILE]

Conversations of 3 to 6 turns (`conversations.py` has their form) about two collections that the
benchmark makes (`making.py`): the sample with dates, places and signs, and a folder of every kind
of media. Half are English, half Chinese. Some media hold instructions; nothing may follow them.
Conversations are split in two halves. What answers is chosen and repaired on `--half tune`, which
is what is shown unless told otherwise, and `--failures` lists what went wrong there. The other
half, `--half report`, is only counted. `--half practice` is a third set, worded later by somebody
who had read only a few conversations of the one half and none of the other: to develop on as well.

Rivals in the same call: a plain search of the last turn, which refuses where `Collection.search`
says that nothing matches; and, with `--model` (`smollm2`, a server's address, a hub id), the usual
loop that retrieves by the last turn and lets the model write. `--model obeying` is no model but a
script (`obeying.py`) that tries to do whatever media tell it to, and `--model smuggling` one that
hides it behind words of the evidence. Each check (`judging.py`) is a rate over the turns that ask
for it, with 95% intervals by drawing conversations again. Processor time is that of all threads of
this process, the first turn about each collection left out.

`--quick` takes every fourth conversation, `--some N` that many, drawn with a fixed seed: a small
model takes minutes for each. Replies are kept, conversation by conversation (`keeping.py`): a run
that is stopped goes on where it was, and `--fresh` plays all anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.dialogue.conversations import SETS, Conversation, conversations
from benchmarks.dialogue.keeping import Kept
from benchmarks.dialogue.making import kept_folder, make
from benchmarks.dialogue.obeying import NAMES as SCRIPTS
from benchmarks.dialogue.obeying import obeying_server
from benchmarks.dialogue.rates import rates
from benchmarks.dialogue.running import Played, play
from benchmarks.dialogue.systems import (
    OURS,
    SEARCH,
    WRITTEN,
    Obeying,
    Ours,
    PlainSearch,
    RetrieveAndWrite,
    System,
)
from benchmarks.rows import Row
from benchmarks.sample import sample_captions

QUICK = 4

SEED = 0
"""Of the draw of `--some`: more are drawn to the same, so that a run may be made longer."""

ONLY = {OURS: "ours", SEARCH: "search", WRITTEN: "loop"}
"""What `--only` takes for systems by their names; any other is the dialogue with a model."""

_failures: list[str] = []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--half", choices=SETS, default="tune", help="default: tune")
    parser.add_argument("--failures", action="store_true", help="list them; not of the report half")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="for what writes: smollm2, a URL, a hub id, obeying, smuggling",
    )
    parser.add_argument(
        "--hidden", action="store_true", help="conversations about media with instructions alone"
    )
    parser.add_argument("--some", type=int, metavar="N", help="that many, drawn with a seed")
    parser.add_argument("--fresh", action="store_true", help="play what is kept anew")
    parser.add_argument("--language", choices=("en", "zh"), help="default: both")
    parser.add_argument(
        "--only", choices=(*ONLY.values(), "model"), nargs="+", help="default: all systems"
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> list[Row]:
    """Play every conversation with each system."""
    if arguments.failures and arguments.half == "report":
        raise SystemExit(
            "--failures lists those of --half tune and practice; --half report is only counted"
        )
    asked = [
        one for one in conversations(arguments.half)
        if arguments.language in (None, one.language)
        and (not arguments.hidden or any("never" in turn.expect for turn in one.turns))
    ][:: QUICK if arguments.quick else 1]  # fmt: skip
    if arguments.some is not None:
        asked = drawn(asked, arguments.some)
    made = make()
    about = f"{made.folder.name} {made.encoder.space.fingerprint}"
    kept = Kept(kept_folder() / "replies", about, arguments.fresh)
    rows = []
    with _systems(arguments.model) as systems:
        for system in systems:
            if arguments.only and ONLY.get(system.name, "model") not in arguments.only:
                continue
            played = play(made, asked, system, kept)
            rows += rates(arguments.half, system.name, played)
            if arguments.failures:
                _failures.extend(_told(system.name, played))
    return rows


def drawn(asked: Sequence[Conversation], number: int) -> list[Conversation]:
    """Some conversations in their order, always the same; all where there are no more."""
    if number < 1:
        raise SystemExit(f"--some takes at least 1, got {number}")
    order = np.random.default_rng(SEED).permutation(len(asked))
    return [asked[index] for index in sorted(order[:number])]


@contextmanager
def _systems(model: str | None) -> Iterator[list[System]]:
    systems: list[System] = []
    dialogue = _dialogue()
    if dialogue is not None:
        systems.append(Ours(dialogue))
    systems.append(PlainSearch())
    if model is None:
        yield systems
        return
    if model in SCRIPTS:
        with obeying_server(model) as script:
            yield [*systems, *([Obeying(dialogue, script)] if dialogue is not None else [])]
        return
    from benchmarks.dialogue.writers import writer

    with writer(model) as (write, loaded):
        if dialogue is not None:
            systems.append(Ours(dialogue, loaded, model))
        systems.append(RetrieveAndWrite(write, sample_captions(), model))
        yield systems


def _dialogue() -> Any:
    """`sensorium.Dialogue`, or None in a version that has none."""
    import sensorium

    return getattr(sensorium, "Dialogue", None)


def _told(system: str, played: Sequence[Played]) -> Iterator[str]:
    for one in played:
        for number, turn in enumerate(one.turns, 1):
            if wrong := [check.name for check in turn.checks if not check.is_right]:
                outcome = turn.outcome
                cites = [(c.path, c.start, c.page) for c in outcome.citations[:3]]
                yield (
                    f"{system}: {one.conversation.id}.{number} {turn.turn.say!r}: "
                    f"{', '.join(wrong)}\n    expected {turn.turn.expect}\n    got "
                    f"{outcome.text[:200]!r} shown={list(outcome.shown[:4])} count={outcome.count} "
                    f"refused={outcome.refused} asks={outcome.asks} cites={cites}"
                )


def show(rows: list[Row]) -> None:
    """Print a line for each check: the rate of each system with its interval, and how many."""
    console = Console()
    for failure in _failures:
        console.print(failure, markup=False, highlight=False, soft_wrap=True)
    values = {(row.case, row.metric, row.system): row for row in rows}
    systems = list(dict.fromkeys(row.system for row in rows))
    for case in dict.fromkeys(row.case for row in rows):
        table = Table("check", *systems, "of", title=case, title_justify="left")
        for metric in dict.fromkeys(row.metric for row in rows if row.case == case):
            if metric.endswith((", low", ", high", ", turns")):
                continue
            cells = [_cell(values, case, metric, system) for system in systems]
            number = next((values[case, f"{metric}, turns", s].value for s in systems
                           if (case, f"{metric}, turns", s) in values), None)  # fmt: skip
            table.add_row(metric, *cells, "" if number is None else f"{number:.0f}")
        console.print(table)


def _cell(values: dict[tuple[str, str, str], Row], case: str, metric: str, system: str) -> str:
    row = values.get((case, metric, system))
    if row is None:
        return ""
    low = values.get((case, f"{metric}, low", system))
    high = values.get((case, f"{metric}, high", system))
    if low is None or high is None:
        return f"{row.value:.3f} {row.unit}".strip()
    return f"{row.value:.2f} ({low.value:.2f} to {high.value:.2f})"
