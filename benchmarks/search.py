"""Search of real embeddings at growing sizes: Sensorium, FAISS used directly, and rivals.

    python -m benchmarks search [--quick] [--rows 10000 100000 1000000] [--json FILE] [--plot FILE]
        [--systems NAME ...] [--recall SHARE] [--mixed] [--without-codes | --only-codes]
        [--keep FOLDER]

Items are `mini` vectors of augmented views (`benchmarks.views`); queries are captions of held-out
pictures and views that are not among the items. Every system is built in a process of its own,
tuned on one half of the queries to the fastest setting that finds 95% of the true ten nearest
(`--recall`), for captions and for pictures, and measured with the other half, the systems in turns.
Memory and the cold start are those of new processes that open what was built and ask 100 queries;
the files are in the system's cache then. Systems run with the threads that they choose themselves.
Filters are searched with the setting that was tuned without them.

With `SENSORIUM_BEFORE=FOLDER`, a checkout of an earlier version is asked in turns, too, in a
process of its own that tells its own times. "p50 of processors" is the time that processors had to
do with a question, which another process on the machine changes less. Where fewer views are encoded
than wanted, `--mixed` fills up with mixtures of two.

Systems that are not installed (`pip install -e '.[rivals]'`) are skipped, saying so, and so is what
fails. On a shared machine figures differ by tens of percent: measure again before quoting.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.indexing import warn_if_busy
from benchmarks.measuring import in_turns
from benchmarks.rivals import RIVALS, System
from benchmarks.rows import Row, write_json
from benchmarks.search_bytes import measure_bytes
from benchmarks.search_codes import measure_codes
from benchmarks.search_data import (
    Filter,
    Items,
    K,
    Mask,
    Queries,
    Vectors,
    filters,
    halves,
    least_cosines,
    real_items,
    recall,
    text_queries,
    workplace,
)
from benchmarks.search_growth import draw_growth
from benchmarks.search_ours import RECALL, Sensorium, SensoriumBefore, overhead
from benchmarks.search_tables import show
from benchmarks.search_timing import Built, build_apart, open_apart, single_queries, singly, tune

__all__ = ["add_arguments", "run", "show"]

SYSTEMS: tuple[type[System], ...] = (Sensorium, SensoriumBefore, *RIVALS)

ROWS = (10_000, 100_000, 1_000_000)

QUERIES = 400
"""Captions, and pictures, in each half: as many as half of the held-out captions allow for."""

FILTERED_QUERIES = 25
"""Of each kind and for each filter: there are eight filters, and some systems take seconds."""

BUDGET_ROWS = 1_000_000
BUDGETS = {("p50", "ms"): 2.0, ("batched", "queries/s"): 1000.0}
"""What the design allows a search at recall 0.95 of a million items."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rows", type=int, nargs="+", metavar="N", help="sizes; default: to 1M")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the growth, as PNG or SVG")
    names = [system.name for system in SYSTEMS]
    parser.add_argument("--systems", nargs="+", metavar="NAME", choices=names, help=str(names))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="use again what was built there"
    )
    codes = parser.add_mutually_exclusive_group()
    codes.add_argument("--without-codes", action="store_true", help="leave tables of codes out")
    codes.add_argument("--only-codes", action="store_true", help="leave all other tables out")
    parser.add_argument(
        "--recall", type=float, default=RECALL, metavar="SHARE", help=f"to tune to; {RECALL}"
    )
    parser.add_argument(
        "--mixed", action="store_true", help="mix views where fewer than wanted were encoded"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every system at every size."""
    from benchmarks.views import load_views, mixed_views

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warn_if_busy(console)
    sizes = sorted(arguments.rows or (ROWS[:1] if arguments.quick else ROWS))
    count = 100 if arguments.quick else QUERIES
    systems = [] if arguments.only_codes else installed(arguments.systems, console)
    views = (mixed_views if arguments.mixed else load_views)(sizes[-1] + 2 * count)
    groups = {"text": text_queries(count), "image": halves(views.vectors[sizes[-1] :], count)}
    found: list[Row] = []
    for size in sizes:
        kept = arguments.keep / str(size) if arguments.keep else None
        with workplace(kept) as folder:
            data = folder / "data"
            if not data.exists():
                data.mkdir()
                questions = groups["text"].tuning_texts
                real_items(size, views.sources, views.vectors, questions).save(data)
            if size == sizes[-1]:
                del views  # mapped from here on: gigabytes
            for row in _measure_all(
                systems, data, groups, console, arguments.recall, arguments.without_codes
            ):
                found.append(row)
                if arguments.json:  # hours may still follow
                    write_json(found, arguments.json)
    if arguments.plot:
        draw_growth(found, arguments.plot)
    return found


def _measure_all(
    systems: Sequence[type[System]],
    data: Path,
    groups: Mapping[str, Queries],
    console: Console,
    wanted: float,
    without_codes: bool,
) -> Iterator[Row]:
    if systems:
        yield from measure_size(systems, data, groups, console, wanted)
    if not without_codes:
        items = Items.load(data)
        yield from measure_bytes(items.vectors, groups, console)
        console.print(f"{len(items.vectors):,} items: binary codes")
        yield from measure_codes(items.vectors, groups, console)


def installed(names: Sequence[str] | None, console: Console) -> list[type[System]]:
    """Those of the named systems (None: of all) that are there."""
    chosen = []
    for system in SYSTEMS:
        if names is not None and system.name not in names:
            continue
        found = system.version()
        if found is None:
            console.print(f"[yellow]skipped:[/] {system.name}: {system.package} is not installed")
        else:
            console.print(f"{system.name} {found}: {system.about}")
            chosen.append(system)
    return chosen


def measure_size(
    systems: Sequence[type[System]],
    data: Path,
    groups: Mapping[str, Queries],
    console: Console,
    wanted: float = RECALL,
) -> Iterator[Row]:
    """Everything about the items of one folder.

    Parameters
    ----------
    systems : sequence of System types
    data : Path
        What `Items.save` wrote; what is built lies beside it.
    groups : mapping of str to Queries
        By modality.
    console : Console
        Told of each step, and of what fails.
    wanted : float
        Recall that systems are tuned to.
    """
    items = Items.load(data)
    size = len(items.vectors)
    np.save(data / "queries.npy", np.concatenate([g.measured[:50] for g in groups.values()]))
    built = dict(_build(systems, data, console))
    chosen = filters(items.columns)
    masks: list[Mask | None] = [None, *(one.mask for one in chosen)]
    console.print(f"{size:,} items: what is true of the queries")
    tuning = [least_cosines(items.vectors, g.tuning, [None])[0] for g in groups.values()]
    true = {name: least_cosines(items.vectors, g.measured, masks) for name, g in groups.items()}

    opened: dict[str, System] = {}
    for system in built:
        console.print(f"{size:,} items: tuning {system.name}")
        one = system()
        try:
            one.open(_folder(data, system))
            _tune(one, data, items.vectors, groups, tuning, wanted)
        except Exception as error:  # a rival's, of any kind
            _say_failed(console, system, error)
            continue
        opened[system.name] = one
        if one.setting:
            console.print(f"  {_spelt(one.setting)}")
    yield from _build_rows(f"{size:,} items", built)
    console.print(f"{size:,} items: searching, in turns")
    for name, group in groups.items():
        case = f"{size:,} items, {name} queries"
        yield from _search(case, opened, items.vectors, group.measured, true[name][0])
    for number, one_filter in enumerate(chosen, 1):
        for name, group in groups.items():
            yield from _search_filtered(
                f"{size:,} items, {name} queries, {one_filter.label}",
                opened, items.vectors, group.measured[:FILTERED_QUERIES],
                true[name][number][:FILTERED_QUERIES], one_filter, console,
            )  # fmt: skip
    settings = {name: one.setting for name, one in opened.items()}
    for one in opened.values():
        one.close()
    yield from _open(f"{size:,} items", data, built, settings, console)
    if Sensorium.name in opened:
        console.print(f"{size:,} items: overhead over FAISS alone")
        folder, queries = _folder(data, Sensorium), groups["text"].measured
        yield from overhead(f"{size:,} items, overhead", folder, items.vectors, queries)
    if size == BUDGET_ROWS:
        case = f"{size:,} items, text queries"
        for (metric, unit), value in BUDGETS.items():
            yield Row("search", case, "budget", metric, value, unit)


def _tune(
    one: System,
    data: Path,
    vectors: Vectors,
    groups: Mapping[str, Queries],
    least: Sequence[Vectors],
    wanted: float,
) -> None:
    """Tune a system; a setting that was found before is taken as it is."""
    kept = data.with_name(f"{_folder(data, type(one)).name}-setting.json")
    if kept.exists():
        one.setting = json.loads(kept.read_text())
        return
    tune(one, vectors, list(groups.values()), wanted, least)
    kept.write_text(json.dumps(dict(one.setting)))


def _folder(data: Path, system: type[System]) -> Path:
    return data.with_name(system.name.replace(" ", "-"))


def _say_failed(console: Console, system: type[System], error: Exception) -> None:
    lines = str(error).strip().splitlines()
    console.print(f"[red]failed:[/] {system.name}: {lines[-1] if lines else repr(error)}")


def _spelt(setting: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def _build(
    systems: Sequence[type[System]], data: Path, console: Console
) -> Iterator[tuple[type[System], Built]]:
    for system in systems:
        console.print(f"building {system.name}")
        try:
            yield system, build_apart(system, data, _folder(data, system))
        except RuntimeError as error:
            _say_failed(console, system, error)


def _build_rows(case: str, built: Mapping[type[System], Built]) -> Iterator[Row]:
    for system, facts in built.items():
        name = system.name
        yield Row("search", case, name, "build", facts.seconds, "s")
        yield Row("search", case, name, "peak memory of building", facts.peak_bytes / 1e6, "MB")
        yield Row("search", case, name, "disk", facts.disk_bytes / 1e6, "MB")


def _open(
    case: str,
    data: Path,
    built: Mapping[type[System], Built],
    settings: Mapping[str, Mapping[str, int]],
    console: Console,
) -> Iterator[Row]:
    for system in built:
        if system.name not in settings:
            continue
        console.print(f"{case}: opening {system.name} in a new process")
        setting = settings[system.name]
        try:
            facts = open_apart(system, data, _folder(data, system), setting)
        except RuntimeError as error:
            _say_failed(console, system, error)
            continue
        yield Row("search", case, system.name, "cold open", facts.seconds * 1e3, "ms")
        yield Row("search", case, system.name, "memory", facts.memory / 1e6, "MB")
        yield Row("search", case, system.name, "private memory", facts.private / 1e6, "MB")
        yield Row("search", case, system.name, "cores of a single query", facts.cores)
        for name, value in setting.items():
            yield Row("search", case, system.name, f"set {name}", value)


def _search(
    case: str, opened: Mapping[str, System], vectors: Vectors, queries: Vectors, least: Vectors
) -> Iterator[Row]:
    def at_once(one: System) -> Any:
        return lambda: one.search(queries, K)

    times = singly(opened, queries)
    batched = in_turns({name: at_once(one) for name, one in opened.items()}, 3)
    for name, one in opened.items():
        wall, processor = times[name]
        p50, p99 = np.percentile(wall, [50, 99]) * 1e3
        share = recall(vectors, queries, one.search(queries, K), least)
        yield Row("search", case, name, "p50", float(p50), "ms")
        yield Row("search", case, name, "p99", float(p99), "ms")
        busy = float(np.median(processor)) * 1e3
        yield Row("search", case, name, "p50 of processors", busy, "ms")
        yield Row("search", case, name, "batched", len(queries) / batched[name], "queries/s")
        yield Row("search", case, name, "recall@10", share)


def _search_filtered(
    case: str,
    opened: Mapping[str, System],
    vectors: Vectors,
    queries: Vectors,
    least: Vectors,
    chosen: Filter,
    console: Console,
) -> list[Row]:
    found: dict[str, list[Any]] = {}

    def asker(name: str, one: System) -> Any:
        lines = found.setdefault(name, [])
        return lambda query: lines.append(one.search_filtered(query, K, chosen))

    able = {name: one for name, one in opened.items() if one.filtered}
    rows, working = [], {}
    for name, one in able.items():
        try:
            one.search_filtered(queries[:1], K, chosen)
        except Exception as error:  # a rival's, of any kind
            _say_failed(console, type(one), error)
        else:
            working[name] = asker(name, one)
    times = single_queries(working, queries, warm_up=0)
    for name, values in times.items():
        share = recall(vectors, queries, np.concatenate(found[name]), least, chosen.mask)
        rows.append(Row("search", case, name, "p50", float(np.median(values)) * 1e3, "ms"))
        rows.append(Row("search", case, name, "recall@10", share))
    return rows
