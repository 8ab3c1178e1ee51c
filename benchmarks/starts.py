"""Cold starts of commands, each in its own process, in turns with those of an earlier build."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from benchmarks.rows import Row

OURS, BEFORE = "sensorium", "sensorium before"

MAIN = "import sys; from sensorium.cli import main; sys.exit(main())"

ASKED = "a red bird"


def commands(library: Path) -> dict[str, list[str]]:
    """Commands by what they are called in a table."""
    where = ["--collection", str(library)]
    return {
        "search by meaning": ["search", ASKED, *where],
        "search --mode words": ["search", ASKED, "--mode", "words", *where],
        "info": ["info", *where],
        "--help": ["--help"],
    }


def starts(library: Path, rounds: int, before: Path | None, kept: Path) -> Iterator[Row]:
    """Medians of seconds, and of the processor's, from starting a process to its end.

    Parameters
    ----------
    library : Path
        The collection that is searched.
    rounds : int
        Of which each starts every command of every build once; one more goes before them, which
        compiles modules and models.
    before : Path, optional
        Checkout of an earlier build.
    kept : Path
        Folder for compiled modules of both, which neither checkout gets.
    """
    checkouts = {OURS: Path(__file__).parents[1]}
    if before is not None:
        checkouts[BEFORE] = before
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for turn in range(rounds + 1):
        for case, words in commands(library).items():
            for system in sorted(checkouts, reverse=bool(turn % 2)):
                times = started(words, checkouts[system], kept)
                if turn:
                    found.setdefault((case, system), []).append(times)
    for (case, system), values in found.items():
        for number, metric in enumerate(("time", "processor time")):
            middle = median(value[number] for value in values)
            yield Row("indexing", f"cold start: {case}", system, metric, middle, "s")


def started(words: list[str], checkout: Path, kept: Path) -> tuple[float, float]:
    """Seconds of a command, and of processors that worked for it."""
    environment = _environment(checkout, kept)
    spent = os.times()
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], env=environment, check=False, capture_output=True
    )
    seconds = time.perf_counter() - began
    if done.returncode > 1:  # 1 says that nothing matches
        raise RuntimeError(f"{words}: exited with {done.returncode}: {done.stderr[-1000:]!r}")
    now = os.times()
    processor = now.children_user + now.children_system
    return seconds, processor - spent.children_user - spent.children_system


def _environment(checkout: Path, kept: Path) -> Mapping[str, str]:
    variables = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    # An installed package has its modules compiled.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**variables, "PYTHONPYCACHEPREFIX": str(kept)}
