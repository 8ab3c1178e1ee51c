"""Tuning systems to one recall, and timing them in turns or in processes of their own."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.measuring import run_python
from benchmarks.rivals import Setting, System
from benchmarks.search_data import Items, K, Queries, Vectors, least_cosines, recall

PROJECT = Path(__file__).parents[1]

BUILD_MINUTES = 30
"""A system that needs longer is stopped and reported as such."""

PAUSE = 0.03
"""Seconds before each single query: worker threads of the system before it (OpenBLAS's for some
20 ms) go on spinning when they have nothing to do, on cores that the next one wants."""

MARGIN = 0.005
"""Tuning aims this much higher than the recall that is wanted: of a few hundred queries the other
half may well find half a percent less."""

TIMED_SETTINGS = 40
"""Queries that choose between settings of equal recall."""

Search = Callable[[Vectors], object]


@dataclass(frozen=True)
class Built:
    """What building took.

    Attributes
    ----------
    seconds : float
    peak_bytes : int
        Resident memory of the process at most; 0 where the system does not tell.
    disk_bytes : int
    """

    seconds: float
    peak_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Opened:
    """What a new process needed to open it and answer.

    Attributes
    ----------
    seconds : float
        From opening to the first answer; the library was imported before.
    memory, private : int
        Bytes that became resident until 100 queries were answered; `private` without pages of
        files, which the system may take back.
    cores : float
        That single queries kept busy.
    """

    seconds: float
    memory: int
    private: int
    cores: float


CHILD = "from benchmarks.search_timing import child; child()"


def build_apart(system: type[System], data: Path, folder: Path) -> Built:
    """Build in a new process; what was built there before is taken as it is.

    Raises
    ------
    RuntimeError
        The system failed or took longer than `BUILD_MINUTES`.
    """
    facts = folder.with_name(f"{folder.name}.json")
    if facts.exists():
        return Built(**json.loads(facts.read_text()))
    shutil.rmtree(folder, ignore_errors=True)  # half of it, of a run that was stopped
    folder.mkdir()
    started = time.perf_counter()
    try:
        answer = _run("build", system, data, folder)
    except RuntimeError as error:
        if time.perf_counter() - started < BUILD_MINUTES * 60:
            raise
        raise RuntimeError(f"not built within {BUILD_MINUTES} minutes") from error
    files = (path for path in folder.rglob("*") if path.is_file())
    built = Built(**answer, disk_bytes=sum(path.stat().st_blocks * 512 for path in files))
    facts.write_text(json.dumps(asdict(built)))
    return built


def open_apart(system: type[System], data: Path, folder: Path, setting: Setting) -> Opened:
    """Open in a new process and ask 100 queries of `data`, one by one.

    Raises
    ------
    RuntimeError
        The system failed.
    """
    return Opened(**_run("open", system, data, folder, json.dumps(dict(setting))))


def _run(step: str, system: type[System], *arguments: object) -> dict[str, Any]:
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    names = (system.__module__, system.__qualname__)
    texts = [str(argument) for argument in arguments]
    return run_python(CHILD, step, *names, *texts, environment={"PYTHONPATH": path})


def child() -> None:
    """What the new process does."""
    step, module, name, data, folder, *more = sys.argv[1:]
    system: System = getattr(import_module(module), name)()
    system.load()
    if step == "build":
        faulthandler.dump_traceback_later(BUILD_MINUTES * 60, exit=True)
        items = Items.load(Path(data))
        started = time.perf_counter()
        system.build(items, Path(folder))
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "peak_bytes": _status("VmHWM", system.pid())}))
    else:
        queries = np.load(Path(data) / "queries.npy")[:100]
        print(json.dumps(asdict(_opened(system, Path(folder), json.loads(more[0]), queries))))


def _opened(system: System, folder: Path, setting: Setting, queries: Vectors) -> Opened:
    process = system.pid()
    before = _status("VmRSS", process), _status("RssAnon", process)
    started = time.perf_counter()
    system.open(folder)
    system.setting = setting
    system.search(queries[:1], K)
    seconds = time.perf_counter() - started
    started, busy = time.perf_counter(), time.process_time()
    for number in range(1, len(queries)):
        system.search(queries[number : number + 1], K)
    cores = (time.process_time() - busy) / (time.perf_counter() - started)
    after = _status("VmRSS", process), _status("RssAnon", process)
    system.close()
    return Opened(seconds, after[0] - before[0], after[1] - before[1], cores)


def _status(name: str, process: int | str = "self") -> int:
    """Bytes, as Linux tells them of a process; 0 elsewhere."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), 0)


def tune(
    system: System,
    vectors: Vectors,
    groups: Sequence[Queries],
    wanted: float,
    least: Sequence[Vectors] | None = None,
) -> Setting:
    """Give an open system its fastest setting that finds enough of every group of queries.

    Each ladder is searched for its first sufficient step, for recall grows along it; the median
    of single queries chooses between ladders.

    Parameters
    ----------
    system : System
        Its `setting` is changed; where nothing suffices, to what finds most.
    vectors : ndarray of float32, shape (n, d)
    groups : sequence of Queries
        Of which only the tuning half is looked at.
    wanted : float
        Recall at `K`, less `MARGIN`.
    least : sequence of ndarray of float32, optional
        From `least_cosines` for each group.

    Returns
    -------
    dict
        The setting.
    """
    ladders = system.ladders()
    if not ladders:
        return system.setting
    if least is None:
        least = [least_cosines(vectors, group.tuning, [None])[0] for group in groups]

    def found(setting: Setting) -> float:
        system.setting = setting
        shares = [
            recall(vectors, group.tuning, system.search(group.tuning, K), enough)
            for group, enough in zip(groups, least, strict=True)
        ]
        return min(shares)

    enough: list[Setting] = []
    best: tuple[float, Setting] = (-1.0, {})
    for ladder in ladders:
        # Ever longer steps upwards, for the upper end of a ladder takes long; then by halving.
        low, high, step = 0, 0, 1
        while (share := found(ladder[high])) < wanted + MARGIN and high < len(ladder) - 1:
            low, high, step = high + 1, min(high + step, len(ladder) - 1), step * 2
        best = max(best, (share, ladder[high]), key=lambda pair: pair[0])
        if share < wanted + MARGIN:
            continue
        while low < high:
            middle = (low + high) // 2
            if found(ladder[middle]) >= wanted + MARGIN:
                high = middle
            else:
                low = middle + 1
        enough.append(ladder[high])
    queries = np.concatenate([group.tuning[:TIMED_SETTINGS] for group in groups])
    system.setting = min(enough, key=lambda s: _median(system, s, queries), default=best[1])
    return system.setting


def _median(system: System, setting: Setting, queries: Vectors) -> float:
    system.setting = setting
    times = single_queries({"": lambda query: system.search(query, K)}, queries)[""]
    return float(np.median(times))


class Timed(Protocol):
    """What tells how long it took, as a `System` does."""

    def timed(self, query: Vectors, k: int) -> tuple[float, float]:
        """Seconds of one search, and those that processors had to do with it."""
        ...


def singly(
    systems: Mapping[str, Timed], queries: Vectors, *, warm_up: int = 5
) -> dict[str, tuple[list[float], list[float]]]:
    """As `single_queries`, of systems that time themselves; seconds, and seconds of processors."""
    names = list(systems)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    rng = np.random.default_rng(0)
    for number in range(-warm_up, len(queries)):
        query = queries[number % len(queries)][None]
        for name in rng.permutation(names).tolist():
            time.sleep(PAUSE)
            wall, processor = systems[name].timed(query, K)
            if number >= 0:
                times[name][0].append(wall)
                times[name][1].append(processor)
    return times


def single_queries(
    searches: Mapping[str, Search],
    queries: Vectors,
    *,
    warm_up: int = 5,
    pause: float = PAUSE,
) -> dict[str, list[float]]:
    """Seconds of each query, asked of one system after another, each time in another order.

    Parameters
    ----------
    searches : mapping of str to callable
        Each takes a query of shape (1, d).
    queries : ndarray of float32, shape (q, d)
    warm_up : int
        Queries that are asked before and not counted.
    pause : float
        Seconds before each.
    """
    names = list(searches)
    times: dict[str, list[float]] = {name: [] for name in names}
    rng = np.random.default_rng(0)
    for number in range(-warm_up, len(queries)):
        query = queries[number % len(queries)][None]
        for name in rng.permutation(names).tolist():  # what one leaves in caches, another meets
            time.sleep(pause)
            started = time.perf_counter()
            searches[name](query)
            if number >= 0:
                times[name].append(time.perf_counter() - started)
    return times
