"""Disks that are full, cannot be written to, or break: at the first write, the second, the third …

The n-th call of a command that changes a file fails, and with a full disk all later ones that want
room, with a disk that cannot be written to all later ones. Right is an error with a name and the
exit code of a failure, or the same result as ever where nothing depended on the call. What was
stored stays, and the same command, run again on a good disk, ends where an undisturbed one does.
"""

from __future__ import annotations

import errno
import random
from pathlib import Path
from typing import Any

from tests.campaigns import running
from tests.campaigns.gate import GIVES_ROOM, Call
from tests.campaigns.tally import Tally
from tests.campaigns.writers import (
    WRITERS,
    Bench,
    Counted,
    UnusableError,
    Writer,
    difference,
    leftovers,
    rows_of,
    state_of,
)

FAULTS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken once": errno.EIO,
          "over quota": errno.EDQUOT}  # fmt: skip

EACH = 8
"""Attacks on each command."""

COUNT = EACH * len(WRITERS)

EXIT_FAILED = 3


class _Fail(Counted):
    """Fails the n-th call, and later ones as the fault has it."""

    def __init__(self, folder: Path, number: int, fault: str) -> None:
        super().__init__(folder)
        self.number, self.fault = number, fault
        self.failed = ""

    def here(self, call: Call) -> int | None:
        if self.count < self.number:
            return 0
        if self.fault == "broken once" and self.failed:
            return 0
        if self.fault in ("full", "over quota") and call.name in GIVES_ROOM:
            return 0
        if call.name in ("fsync", "fdatasync") and self.fault == "read-only":
            return 0
        self.failed = self.failed or f"{call.name} {call.path}"
        return FAULTS[self.fault]


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare()
    bench = Bench(folder)
    tallies: dict[str, Tally] = {}
    for number in range(first, first + count):
        writer = WRITERS[number // EACH % len(WRITERS)]
        rng = random.Random(f"{seed} {number // EACH}")
        try:
            calls = max(1, bench.usual(writer)[2])
        except UnusableError as error:
            told = Tally("disks, commands that were not disturbed", 1)
            told.fail(f"{number} ({writer.name}): {error}")
            tallies[writer.name] = told
            continue
        order = rng.sample(range(1, calls + 1), calls)
        place = order[number % EACH % calls]
        fault = list(FAULTS)[(number + number // EACH) % len(FAULTS)]
        tally = tallies.setdefault(fault, Tally(f"disks that are {fault}, at a chosen write"))
        tally.tried += 1
        wrong = _one(bench, writer, place, fault)
        if wrong:
            tally.fail(f"{number} ({writer.name}, call {place}, {fault}): {wrong}")
    return list(tallies.values())


def _one(bench: Bench, writer: Writer, place: int, fault: str) -> str:
    usual, again, _, _ = bench.usual(writer)
    bench.lay(writer)
    before = {path: rows_of(path) for path in bench.place.glob("*.sensorium")}
    bench.lay(writer)  # the log that reading left is gone again
    fail = _Fail(bench.place, place, fault)
    done = bench.run(writer, decide=fail)
    problem = _of_the_end(done, fail.failed, writer)
    if problem:
        return f"{fail.failed}: {problem}"
    if done.code in writer.codes and fail.failed:
        told = difference(state_of(bench.place), usual, again)
        if told:
            return f"{fail.failed}: it ended with {done.code}, but {told}"
    for path in bench.place.glob("*.sensorium"):
        if writer.name != "check --repair":
            checked = bench.seeds.run("check", "-c", path)
            if checked.code and path.stat().st_size:
                return f"{fail.failed}: check said {checked.out.strip()[:200]} {checked.last}"
        if path in before and writer.name not in ("prune", "check --repair", "reembed"):
            now = rows_of(path)
            items = [name for name in before[path] if name.startswith("/") and name not in now]
            if items and writer.name != "index again, changed":
                return f"{fail.failed}: lost {items[:3]}"
    second = bench.run(writer)
    if "Traceback" in second.err:
        return f"{fail.failed}: the second run: {second.err[-400:]}"
    is_done = second.code == 2 and ("exists" in second.err or "holds" in second.err)
    if not is_done and second.code not in writer.codes:
        return f"{fail.failed}: the second run ended with {second.code}: {second.last}"
    left = [*leftovers(bench.place), *second.left]
    # What the failed call was to remove may stay.
    left = [name for name in left if not fail.failed.endswith(f" {bench.place / name}")]
    told = difference(state_of(bench.place), usual, again)
    if told:
        return f"{fail.failed}: another end: {told}"
    return f"{fail.failed}: left over: {left[:4]}" if left else ""


def _of_the_end(done: Any, failed: str, writer: Writer) -> str:
    if "Traceback" in done.err:
        return f"a traceback: {done.err[-500:]}"
    if done.left:
        return f"processes outlived it: {done.left}"
    if done.code in writer.codes:
        return ""
    if done.code not in (EXIT_FAILED, 2) or not done.err.strip():
        return f"it ended with {done.code}: {done.last}"
    return ""
