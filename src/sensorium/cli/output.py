"""How results look: for people on a terminal, for programs in a pipe."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sensorium.collection import Hit, Item, OptimizeReport, Skipped
from sensorium.index.tuning import Measured

SKIPPED_SHOWN = 20
"""Skipped files that are named on a terminal; a pipe and ``--json`` get all of them."""

CAPTION_KEYS = ("caption", "caption_en", "title", "description")
"""Metadata that tells what a picture shows, in the order it is looked for."""

console = Console(highlight=False)
notices = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON object on a line of its own."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # A file name that is not UTF-8, or a terminal of few characters: JSON can escape them.
        text = json.dumps(value, default=str)
    print(text)


def short_path(path: str) -> str:
    """Write a path as a person in the current folder would, control characters made visible."""
    try:
        relative = path if "://" in path else os.path.relpath(path)
    except ValueError:  # another drive
        relative = path
    shown = path if relative.startswith("..") else relative
    return shown if shown.isprintable() else repr(shown)


def caption(metadata: dict[str, Any]) -> str:
    """What metadata says a picture shows, on one line; empty when it says nothing."""
    text = next((str(metadata[key]) for key in CAPTION_KEYS if metadata.get(key)), "")
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def place(hit: Hit) -> str:
    """Where in its item a hit is, for people: a time, a page, a view; empty for a whole item."""
    if "page" in hit.details:
        return f"page {hit.details['page']}"
    if "view" in hit.details:
        return f"view {hit.details['view']}"
    if hit.span is None:
        return ""
    if hit.modality in ("audio", "video"):
        return f"{clock(hit.span[0])}-{clock(hit.span[1])}"
    return f"characters {hit.span[0]:.0f}-{hit.span[1]:.0f}"


def clock(seconds: float) -> str:
    """Write seconds as a player does: 1:02:03, 2:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def told(hit: Hit) -> str:
    """What is shown beside a hit: the passage that was found, or what metadata says."""
    if hit.text:
        return "".join(c for c in " ".join(hit.text.split()) if c.isprintable())
    return caption(hit.metadata)


def print_hits(hits: Sequence[Hit]) -> None:
    """Print hits: a table on a terminal, in a pipe score, path and place separated by tabs."""
    if not console.is_terminal:
        for hit in hits:
            print("\t".join(filter(None, (f"{hit.score:.4f}", hit.path, place(hit)))))
        return
    placed, described = any(map(place, hits)), any(map(told, hits))
    # What describes gets the room that is left; the other columns keep theirs.
    table = Table(box=None, pad_edge=False, header_style="dim", expand=described)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    widest = max((len(short_path(hit.path)) for hit in hits), default=0)
    room = max(20, console.width // 2)
    table.add_column("path", overflow="fold", min_width=min(widest, room))
    if placed:
        table.add_column("place", no_wrap=True, min_width=max(len(place(hit)) for hit in hits))
    if described:
        table.add_column("caption", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    for rank, hit in enumerate(hits, 1):
        cells = [Text(str(rank)), Text(f"{hit.score:.3f}"), Text(short_path(hit.path))]
        if placed:
            cells.append(Text(place(hit)))
        if described:
            cells.append(Text(told(hit)))
        table.add_row(*cells)
    console.print(table)


def print_labels(rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> None:
    """Print items with their labels: aligned on a terminal, separated by tabs in a pipe."""
    for path, labels in rows:
        if console.is_terminal:
            best = "   ".join(f"{label} {probability:.0%}" for label, probability in labels)
            console.print(Text(short_path(path)), Text(f"  {best}"), sep="\n")
        else:
            print("\t".join([path, *(f"{label}\t{p:.4f}" for label, p in labels)]))


def print_curve(report: OptimizeReport) -> None:
    """Print what an index was chosen from, and which it is."""
    points = list(report.curve)
    if report.kind != "exact":  # the chosen one was built again, over everything
        points.append(report.chosen)
    if console.is_terminal:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("index", "recall@10", "p50 ms", "bytes/vector", "build s", "vectors"):
            table.add_column(heading, justify="left" if heading == "index" else "right")
        for point in points:
            style = "bold" if point is report.chosen else ""
            table.add_row(*_cells(point), style=style)
        console.print(table)
    else:
        for point in points:
            print("\t".join(_cells(point)))
    size = "no index is needed" if report.kind == "exact" else f"index: {report.kind}"
    notices.print(
        f"{size}, for a recall of {report.recall} over {report.vectors:,} vectors "
        f"({report.seconds:.1f} s)"
    )


def _cells(point: Measured) -> list[str]:
    settings = " ".join(f"{name}={value}" for name, value in point.parameters.items())
    return [
        f"{point.kind} {settings}".strip(),
        f"{point.recall:.3f}",
        f"{point.p50_ms:.2f}",
        f"{point.bytes_per_vector:,.0f}",
        f"{point.build_seconds:.1f}",
        f"{point.vectors:,}",
    ]


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Name what was skipped, and why, on standard error."""
    shown = SKIPPED_SHOWN if notices.is_terminal else len(skipped)
    for item in skipped[:shown]:
        notices.print(Text(f"skipped {short_path(item.path)}: {item.reason}"), soft_wrap=True)
    if len(skipped) > shown:
        notices.print(f"... and {len(skipped) - shown} more (--json lists all of them)")


@contextmanager
def progress_bar(what: str) -> Iterator[Any]:
    """Show a progress bar on a terminal, nothing in a pipe.

    Yields
    ------
    callable
        Takes (done, total).
    """
    if not notices.is_terminal:
        yield lambda done, total: None
        return
    # Loaded only where a bar is drawn: a search must not pay for it.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=notices, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_paths(hits: Sequence[Item], *, null: bool) -> None:
    """Print bare paths, each ended by a line break or a NUL byte."""
    end = b"\0" if null else b"\n"
    sys.stdout.flush()
    for hit in hits:
        sys.stdout.buffer.write(os.fsencode(Path(hit.path)) + end)
    sys.stdout.buffer.flush()
