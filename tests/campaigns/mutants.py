"""Mutants of valid files of every format: each is added, or skipped with a reason.

Thousands of small files that were valid are changed, by bytes and by what their format says, and go
into collections through the real path, in a process that is watched. A mutant is right when the
process lives, the good files around it are found, what is said of it is said in plain words, and
nothing took more than 1 GB of memory or 20 s of processor time. That a worker died on a file, or a
limit was reached, is right where it is told; it is counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.campaigns.mutating.mutants import Mutant, mutant
from tests.campaigns.mutating.running import run
from tests.campaigns.mutating.seeds import seeds
from tests.campaigns.tally import Tally

COUNT = 5_400

BATCH = 50

REAL_ENCODER = 10
"""Every so many batches one is read for the encoder that is shipped."""


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    tallies: dict[str, Tally] = {f"mutants: {one.format}": Tally("") for one in seeds()}
    whole = Tally("mutants: batches of 50, the good files among them")
    for name, tally in tallies.items():
        tally.name = name
    for start, numbers in _batches(first, count):
        batch = [mutant(seed, number) for number in numbers]
        number = start // BATCH
        is_real = number % REAL_ENCODER == REAL_ENCODER - 1
        verdicts, wrong = run(
            batch, folder / f"{start:06}", encoder="mini" if is_real else "stand-in",
            together=is_real or number % 2 == 1,
        )  # fmt: skip
        whole.tried += 1
        whole.wrong += [f"batch {start}: {problem}" for problem in wrong]
        for one in batch:
            verdict, tally = verdicts[one.number], tallies[f"mutants: {one.format}"]
            tally.tried += 1
            tally.took(verdict.memory, verdict.seconds)
            tally.count(verdict.ending)
            if verdict.wrong:
                tally.wrong.append(f"{_named(one)}: {'; '.join(verdict.wrong)}")
        _report(start + len(batch) - first, count, [whole, *tallies.values()])
    return [*(tally for tally in tallies.values() if tally.tried), whole]


def _batches(first: int, count: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Numbers of batches that begin at multiples of their size, wherever a piece begins."""
    start = first
    while start < first + count:
        stop = min((start // BATCH + 1) * BATCH, first + count)
        yield start, range(start, stop)
        start = stop


def _named(one: Mutant) -> str:
    return f"{one.number} ({one.name}; {', '.join(one.changes)})"


def _report(done: int, count: int, tallies: Sequence[Tally]) -> None:
    wrong = sum(len(one.wrong) for one in tallies)
    print(f"\r{done:,} of {count:,} mutants, {wrong} wrong", end="", file=sys.stderr, flush=True)
    if done >= count:
        print(file=sys.stderr)
