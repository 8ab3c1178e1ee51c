"""Commands that write are killed, ended or interrupted: at a chosen call, or at any time.

Half of them are killed (SIGKILL) before, in the middle of or after the n-th call that changes a
file; the others are sent SIGTERM or SIGINT there, or at a time. Then nothing that was stored may be
lost or there twice, the collection is as it was written, and the same command, run again, ends
where an undisturbed one does, with nothing left over.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from pathlib import Path
from typing import Any

from tests.campaigns import running
from tests.campaigns.gate import Call
from tests.campaigns.tally import Tally
from tests.campaigns.writers import (
    WRITERS,
    Bench,
    Counted,
    State,
    UnusableError,
    Writer,
    difference,
    leftovers,
    rows_of,
    state_of,
)

EACH = 8
"""Attacks on each command."""

COUNT = EACH * len(WRITERS)

HOW = ("kill before", "kill in the middle", "SIGTERM", "kill after", "SIGINT", "kill before",
       "SIGTERM at a time", "kill in the middle")  # fmt: skip

ENDED = {signal.SIGTERM: 143, signal.SIGINT: 130}


class _Kill(Counted):
    """Kills the process that makes the n-th call, and remembers what was stored then."""

    def __init__(self, folder: Path, process_of: list[int], number: int, how: str) -> None:
        super().__init__(folder)
        self.number, self.how, self.stored = number, how, State()
        self._kill_now = False
        self.done = False

    def __call__(self, call: Call) -> int | None:
        if self._kill_now:  # the call before was let go on and is over, if it was this thread's
            return self._kill(call)
        return super().__call__(call)

    def here(self, call: Call) -> int | None:
        if self.count != self.number or self.done:
            return 0
        if self.how == "kill after":
            self._kill_now = True
            return 0
        if self.how == "kill in the middle":
            call.do_half()
        if self.how.startswith("kill"):
            return self._kill(call)
        self.done = True
        os.kill(_leader(call.process), signal.Signals[self.how])
        return 0

    def _kill(self, call: Call) -> None:
        self.done = True
        self._kill_now = False
        for path in self.folder.glob("*.sensorium"):
            try:
                self.stored.update(rows_of(path, wait=0.0))
            except sqlite3.Error:  # it is being made, or locked
                continue
        os.kill(_leader(call.process), signal.SIGKILL)


def _leader(process: int) -> int:
    """The process of a thread."""
    return os.getsid(process)


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare()
    bench = Bench(folder)
    tallies: dict[str, Tally] = {}
    numbers = sorted(range(first, first + count), key=lambda n: n // EACH)
    for number in numbers:
        writer, how = WRITERS[number // EACH % len(WRITERS)], HOW[number % EACH]
        kind = "kills of" if how.startswith("kill") else "SIGTERM and SIGINT to"
        tally = tallies.setdefault(kind, Tally(f"{kind} commands that write"))
        tally.tried += 1
        try:
            wrong = _one(bench, writer, how, random.Random(f"{seed} {number}"))
        except UnusableError as error:
            wrong = str(error)
        if wrong:
            tally.fail(f"{number} ({writer.name}, {how}): {wrong}")
    return list(tallies.values())


def _one(bench: Bench, writer: Writer, how: str, rng: random.Random) -> str:
    usual, again, calls, done = bench.usual(writer)
    bench.lay(writer)
    more: dict[str, Any] = {}
    kill = None
    if how.endswith("at a time"):
        more["after"] = (rng.uniform(0.02, max(0.1, done.seconds)), signal.SIGTERM)
    else:
        kill = _Kill(bench.place, [], rng.randint(1, max(1, calls)), how)
        more["decide"] = kill
    broken = bench.run(writer, **more)
    problem = _of_the_end(broken, how, writer)
    if problem:
        return problem
    collections = list(bench.place.glob("*.sensorium"))
    if kill is not None and kill.stored:
        now = rows_of(collections[0])
        lost = difference(now, {name: kill.stored[name] for name in kill.stored}, now)
        if lost and "too many" not in lost:
            return f"lost what was stored: {lost}"
        # What the command is to forget may be gone as soon as its log holds the commit, which those
        # that read beside it see a moment later.
        wanted = {name.partition(": ")[2] for name in usual}
        gone = [name for name in kill.stored if name not in now and name in wanted]
        if gone:
            return f"lost what was stored: {gone[:3]}"
    for path in collections if writer.name != "check --repair" else ():
        checked = bench.seeds.run("check", "-c", path)
        if checked.code and path.stat().st_size:
            return f"check said {checked.out.strip()[:200]} {checked.last}"
    second = bench.run(writer)
    if "Traceback" in second.err:
        return f"the second run: {second.err[-400:]}"
    if second.code == 2 and ("exists" in second.err or "holds" in second.err):
        pass  # it had ended; the state says whether that is true
    elif second.code not in writer.codes:
        return f"the second run ended with {second.code}: {second.last}"
    left = [*leftovers(bench.place), *second.left]  # before the state is read, which leaves logs
    told = difference(state_of(bench.place), usual, again)
    if told:
        return f"another end: {told}"
    return f"left over: {left[:4]}" if left else ""


def _of_the_end(broken: Any, how: str, writer: Writer) -> str:
    if broken.left:
        return f"processes outlived it: {broken.left}"
    if "Traceback" in broken.err:
        return f"a traceback: {broken.err[-500:]}"
    if how.startswith("kill"):
        wanted = {-signal.SIGKILL, *writer.codes}  # the last call may come after the end
    else:
        wanted = {ENDED[signal.Signals[how.split()[0]]], *writer.codes}
        if how.endswith("at a time"):  # before the command listens, the system ends it
            wanted.add(-signal.SIGTERM)
    if broken.code not in wanted:
        return f"ended with {broken.code}: {broken.last}"
    return ""
