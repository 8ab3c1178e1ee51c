"""How results look: for people on a terminal, for programs in a pipe."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.table import Table as Grid
from rich.text import Text
from typer import Exit

from sensorium.cli import EXIT_PARTLY
from sensorium.cli.terminal import Console, print_json, print_line
from sensorium.collection import Collection, Hit, Item, OptimizeReport, Skipped
from sensorium.collection.staleness import CHANGED, GONE, UNREACHABLE
from sensorium.collection.telling import caption as caption
from sensorium.collection.telling import clock as clock
from sensorium.collection.telling import place as place
from sensorium.collection.telling import told as told
from sensorium.data.files import told_ignored
from sensorium.evaluation.report import Report, Table, named
from sensorium.home import command_on, index_command
from sensorium.home import short_path as short_path
from sensorium.index.tuning import Measured
from sensorium.media.skipped import Note, group_skipped
from sensorium.tasks.yes_no import answer
from sensorium.visible import visible

SKIPPED_SHOWN = 20
"""Reasons of skipping that are told on a terminal; a pipe gets all, ``--json`` every file."""

STALE_SHOWN = 5
"""Changed files that the command which indexes them again names; beyond, it names a folder."""

NOTHING_MATCHES = "nothing matches: these are merely the nearest, none is likely what was asked for"

console = Console()
notices = Console(stderr=True)


def cut_middle(text: str, width: int) -> str:
    """Shorten a path to a number of terminal cells: what tells files apart stands at its end."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) * 2 // 3
    start = width - 1 - end
    head, tail = set_cell_size(text, start), set_cell_size(text[::-1], end)[::-1]
    return f"{head.rstrip()}…{tail.lstrip()}"


def print_report(report: Report, as_json: bool) -> None:
    """Print a report for people or for programs.

    Raises
    ------
    typer.Exit
        With `EXIT_PARTLY`, where something was skipped.
    """
    if as_json:
        for fact in report.facts:
            print_json(fact)
    else:
        print_skipped(report.skipped)
        print_skipped(report.notes)
        for block in report.shown:
            if isinstance(block, Table):
                print_table(block)
            else:  # a caption or file name is no command to the terminal
                console.print(block, soft_wrap=True)
    if report.skipped:
        raise Exit(EXIT_PARTLY)


def told_added(report: Any, counted: Sequence[str], remark: str, path: Path, items: int) -> Report:
    """What is told of what was added to a collection.

    Parameters
    ----------
    report : AddReport or ImportReport
    counted : sequence of str
        What is counted of it, beside what was skipped; only what there is is told.
    remark : str
        Told behind the seconds.
    path : Path
        Of the collection.
    items : int
        That it holds now.
    """
    notes: Sequence[Note] = vars(report).get("notes", ())
    counts = {name: getattr(report, name) for name in counted} | {
        "with notes": len({note.path for note in notes}),
        "skipped": len(report.skipped),
    }
    told = ", ".join(f"{n} {name}" for name, n in counts.items() if n or name == "added")
    line = f"{told} in {report.seconds:.1f} s{remark}; {short_path(str(path))} holds {items}"
    whole = {**vars(report), "skipped": len(report.skipped), "notes": len(notes), "items": items}
    facts = [*named(report.skipped), *named(notes), whole]
    return Report([line], facts, report.skipped, notes)


def print_table(table: Table) -> None:
    """Print a table: aligned on a terminal, separated by tabs in a pipe."""
    if not console.is_terminal:
        for row in [*([[table.title]] * bool(table.title)), table.headings, *table.rows]:
            print_line(*row)
        return
    grid = Grid(
        title=Text(table.title) if table.title else None, title_justify="left",
        box=None, pad_edge=False, header_style="dim",
    )  # fmt: skip
    first = bool(table.sections)
    for number, heading in enumerate(table.headings[first:]):
        is_text = number == 0 or heading in table.left
        grid.add_column(
            heading, justify="left" if is_text else "right", no_wrap=first or number > 0
        )
    section = ""
    for number, row in enumerate(table.rows[: table.most]):
        if first and row[0] != section:
            section = row[0]
            grid.add_row()
            grid.add_row(Text(table.sections[section]), style="bold")
        cells = [f"  {row[1]}", *row[2:]] if first else row
        grid.add_row(*map(Text, cells), style="bold" if number in table.bold else "")
    console.print(grid)


class GrowingTable:
    """A table whose rows come file by file, and are printed as they come.

    In a pipe each row has the file before it, as in `print_table`; on a terminal they stand below
    it, in columns that grow where they must.

    Parameters
    ----------
    headings : sequence of str
        Of the cells behind the file.
    left : sequence of str
        Headings of the columns that hold words.
    """

    def __init__(self, headings: Sequence[str], left: Sequence[str] = ()) -> None:
        self._headings, self._left = headings, left
        self._widths = [*map(cell_len, headings)]
        self._is_begun = False

    def add(self, path: str, rows: Sequence[Sequence[str]]) -> None:
        """Print the rows of a file; at least one."""
        path, first = short_path(path), not self._is_begun
        self._is_begun = True
        if not console.is_terminal:
            for row in [["path", *self._headings]] * first + [[path, *row] for row in rows]:
                print_line(*row)
            return
        sizes = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        self._widths = [*map(max, self._widths, sizes)]
        if first:
            console.print(Text("path"), style="dim", soft_wrap=True)
            self._print([self._headings], style="dim")
        console.print(Text(path), soft_wrap=True)
        self._print(rows)

    def _print(self, rows: Sequence[Sequence[str]], style: str = "") -> None:
        for row in rows:
            cells = [
                cell + " " * room if heading in self._left else " " * room + cell
                for heading, cell, room in zip(
                    self._headings, row,
                    [width - cell_len(cell) for width, cell in zip(self._widths, row, strict=True)],
                    strict=True,
                )
            ]  # fmt: skip
            console.print(Text(f"  {'  '.join(cells).rstrip()}"), style=style, soft_wrap=True)


def print_hits(
    hits: Sequence[Hit], states: Sequence[str] = (), because: Sequence[str] = ()
) -> None:
    """Print hits: a table on a terminal, in a pipe score, path, place and state behind tabs.

    Parameters
    ----------
    hits : sequence of Hit
    states : sequence of str
        Of their files, where these were looked at.
    because : sequence of str
        What they are hits because of, where that was explained.
    """
    placed, described = any(map(place, hits)), any(map(told, hits))
    folded = any(hit.stands_for > 1 for hit in hits)
    marked = any(states)
    states = states or [""] * len(hits)
    if not hits:
        return
    if not console.is_terminal:
        headings = ["place"] * placed + ["stands for"] * folded + ["because of"] * bool(because)
        print_line("score", "path", *headings, *["state"] * marked)
        for number, (hit, state) in enumerate(zip(hits, states, strict=True)):
            more = [*[place(hit)] * placed, *[str(hit.stands_for)] * folded]
            more += [*because[number : number + 1], state]
            print_line(f"{hit.score:.4f}", hit.path, *more)
        return
    # What describes gets the room that is left; the other columns keep theirs. A long path is cut
    # where there is a caption to be seen, and folded where it has the line for itself.
    table = Grid(box=None, pad_edge=False, header_style="dim", expand=described)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    judged = any(hit.probability is not None for hit in hits)
    if judged:
        table.add_column("likely", justify="right", no_wrap=True)
    room = max(20, console.width * 2 // 5)
    paths = [short_path(hit.path) for hit in hits]
    if described:
        paths = [cut_middle(path, room) for path in paths]
    table.add_column("path", overflow="fold", min_width=min(max(map(cell_len, paths)), room))
    if placed:
        table.add_column("place", no_wrap=True, min_width=max(len(place(hit)) for hit in hits))
    if folded:
        table.add_column("stands for", justify="right", no_wrap=True)
    if marked:
        table.add_column("state", no_wrap=True)
    if described:
        table.add_column("caption", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    for rank, (hit, path) in enumerate(zip(hits, paths, strict=True), 1):
        cells = [Text(str(rank)), Text(f"{hit.score:.3f}")]
        if judged:
            cells.append(Text("" if hit.probability is None else f"{hit.probability:.0%}"))
        cells.append(Text(path))
        if placed:
            cells.append(Text(place(hit)))
        if folded:
            cells.append(Text(str(hit.stands_for)))
        if marked:
            cells.append(Text(states[rank - 1]))
        if described:
            cells.append(Text(told(hit)))
        table.add_row(*cells)
    console.print(table)
    for rank, reason in enumerate(because, 1):
        if reason:
            console.print(f"{rank:>2} because of: {reason}", soft_wrap=True)


def print_labels(
    rows: Sequence[tuple[str, Sequence[tuple[str, float]]]],
    *,
    judged: bool = False,
    because: Sequence[str] = (),
) -> None:
    """Print items with their labels: aligned on a terminal, separated by tabs in a pipe.

    Parameters
    ----------
    rows : sequence of (path, labels)
    judged : bool
        Whether labels were judged by themselves: each then has an answer.
    because : sequence of str
        What the first label of each is because of, where that was explained.
    """
    if not console.is_terminal and rows:
        most = max(len(labels) for _, labels in rows)
        numbers = [""] if most == 1 else [f" {rank + 1}" for rank in range(most)]
        names = ("label", "probability", *(["answer"] if judged else []))
        headings = [f"{name}{n}" for n in numbers for name in names]
        print_line("path", *headings, *["because of"] * bool(because))
    for number, (path, labels) in enumerate(rows):
        reason = because[number] if because else ""
        if console.is_terminal:
            shown = _told_labels(labels, judged=judged)
            console.print(Text(short_path(path)), Text(f"  {shown}"), sep="\n")
            if reason:
                console.print(f"  because of: {reason}", soft_wrap=True)
        else:
            cells = [
                cell
                for label, p in labels
                for cell in (label, f"{p:.4f}", *([answer(p)] if judged else []))
            ]
            print_line(path, *cells, reason)


def print_label_sets(
    rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], sets: Sequence[Sequence[str]]
) -> None:
    """Print items with the labels in their sets; a column of labels with commas in a pipe."""
    if not console.is_terminal and rows:
        print_line("path", "labels")
    for (path, labels), inside in zip(rows, sets, strict=True):
        if console.is_terminal:
            shown = _told_labels([(x, p) for x, p in labels if x in inside], judged=False)
            told = shown or "no label: like none of the examples"
            console.print(Text(short_path(path)), Text(f"  {told}"), sep="\n")
        else:
            print_line(path, ",".join(inside))


def _told_labels(labels: Sequence[tuple[str, float]], *, judged: bool) -> str:
    if judged:
        return "   ".join(f"{label}: {answer(p)} ({p:.0%})" for label, p in labels)
    return "   ".join(f"{label} {p:.0%}" for label, p in labels)


def print_curve(report: OptimizeReport) -> None:
    """Print what an index was chosen from, and which it is."""
    measured = {(point.kind, str(point.parameters), point.vectors): point for point in report.curve}
    if report.curve:  # the chosen one was built again, maybe over more vectors
        one = report.chosen
        measured[one.kind, str(one.parameters), one.vectors] = one
    rows = [_cells(point) for point in measured.values()]
    headings = ["index", "recall@10", "p50 ms", "bytes/vector", "build s", "vectors"]
    bold = [number for number, row in enumerate(rows) if row == _cells(report.chosen)]
    print_table(Table(headings, rows, bold=bold))
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


def found_nothing(library: Collection) -> str:
    """Say that nothing was found; where there is nothing to find, what to do about it."""
    if len(library):
        return "nothing found"
    path = short_path(str(library.path))
    return f"{path} holds nothing yet: `{index_command(library.path)}` adds media"


def print_stale(items: Sequence[Item], states: Sequence[str], collection: Path) -> None:
    """Say on standard error which files are not as they were indexed, and what mends it."""

    def of(state: str) -> tuple[list[str], str]:
        paths = [item.path for item, found in zip(items, states, strict=True) if found == state]
        return paths, f"{len(paths)} file{'s' if len(paths) > 1 else ''}"

    lines = []
    changed, count = of(CHANGED)
    if changed:
        # Beyond these there is no command to be copied; a name that cannot be shown is none, too.
        shown = [path for path in changed if visible(path) == path][:STALE_SHOWN]
        mend = command_on(
            collection, "index", *(shown if len(shown) == len(changed) else ["FOLDER"])
        )
        lines.append(f"{count} changed since indexed: `{mend}`")
    gone, count = of(GONE)
    if gone:
        mend = command_on(collection, "prune")
        lines.append(f"{count} gone: `{mend}`, unless a drive is merely not connected")
    unreachable, count = of(UNREACHABLE)
    if unreachable:
        lines.append(f"{count} cannot be reached, such as {short_path(unreachable[0])}")
    for line in lines:
        notices.print(Text(line), soft_wrap=True)


def print_skipped(skipped: Sequence[Skipped | Note]) -> None:
    """Name what was skipped or noted, and why, on standard error: a line for each reason."""
    lines = group_skipped(dataclasses.replace(item, path=short_path(item.path)) for item in skipped)
    what = "note on" if skipped and isinstance(skipped[0], Note) else "skipped"
    shown = SKIPPED_SHOWN if notices.is_terminal else len(lines)
    for line in lines[:shown]:
        notices.print(Text(f"{what} {line}"), soft_wrap=True)
    if len(lines) > shown:
        notices.print(f"... for {len(lines) - shown} more reasons (--json lists all of them)")


def print_ignored(kinds: Mapping[str, int]) -> None:
    """Say on standard error how many files of which kinds a command had no use for."""
    if kinds:
        notices.print(told_ignored(kinds), soft_wrap=True)


def print_paths(hits: Sequence[Item], *, null: bool) -> None:
    """Print bare paths, each ended by a line break or a NUL byte."""
    end = b"\0" if null else b"\n"
    sys.stdout.flush()
    for hit in hits:
        sys.stdout.buffer.write(os.fsencode(Path(hit.path)) + end)
    sys.stdout.buffer.flush()
