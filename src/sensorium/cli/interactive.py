"""``sensorium search --interactive``: hits are judged, and the next ones are better."""

from __future__ import annotations

import io
import re
import sys

from sensorium.cli import output
from sensorium.cli.terminal import print_line
from sensorium.collection import Results

HELP = (
    "+1 -3: hit 1 is relevant, hit 3 is not; =1: forget what was said of it; Enter: show the hits "
    "again; q: end"
)
_JUDGED = re.compile(r"([+=-])\s*([0-9]+)")
_MARKS = {True: "+", False: "-", None: ""}


def converse(hits: Results) -> bool:
    """Show hits, take judgements from standard input, and show what follows, until the end of it.

    Parameters
    ----------
    hits : Results

    Returns
    -------
    bool
        Whether hits were shown last.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is no text is no command, and no crash
    hits = hits.improved()
    _show(hits)
    while True:
        if sys.stdin.isatty():
            print("+ - = q ? > ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        said = line.strip()
        if not line or said.lower() in ("q", "quit", "exit"):
            return bool(hits)
        if said == "?":
            output.notices.print(HELP, soft_wrap=True)
            continue
        judged, problem = _read(said, len(hits))
        if problem:
            output.notices.print(f"{problem}; {HELP}", soft_wrap=True)
            continue
        shown = [*hits]  # numbers are those of the list that is seen
        for sign, number in judged:
            hit = shown[number - 1]
            hits = hits.forget(hit) if sign == "=" else hits.judge(hit, relevant=sign == "+")
        _show(hits)


def _read(said: str, count: int) -> tuple[list[tuple[str, int]], str]:
    """Signs and numbers of a line, and what is wrong with it: then nothing of it is done."""
    rest = _JUDGED.sub("", said).replace(",", " ").strip()
    if rest:
        return [], f"{rest[:40]!r} says nothing of a hit"
    judged = _JUDGED.findall(said)
    for _, number in judged:
        # By its length first: numbers of thousands of digits take long to read.
        if len(number) > 9 or not 1 <= int(number) <= count:
            return [], f"no hit has the number {number[:20]}"
    return [(sign, int(number)) for sign, number in judged], ""


def _show(hits: Results) -> None:
    """A line for each hit: its number, what was said of it, score, path, place, caption."""
    if not hits:
        output.notices.print("nothing found")
        return
    said = hits.judgements
    for number, hit in enumerate(hits, 1):
        mark = _MARKS[said.get(hit.id)]
        path = output.short_path(hit.path)
        print_line(f"{number}{mark}", f"{hit.score:.3f}", path, output.place(hit), output.told(hit))
    print_line("")
    sys.stdout.flush()
