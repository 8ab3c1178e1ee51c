"""Results of many files, each told as soon as it is there, with what becomes of the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.text import Text

from sensorium.cli import EXIT_INTERRUPTED, EXIT_PARTLY, output
from sensorium.cli.progress import above_bar, progress_bar
from sensorium.cli.terminal import is_left, print_json
from sensorium.data.files import Selection
from sensorium.evaluation.report import named
from sensorium.media.progress import NO_FIGURES, Progress
from sensorium.media.skipped import Note, Skipped

T = TypeVar("T")


class ReaderGoneError(Exception):
    """Nobody reads what is printed any more, and nothing else comes of the work."""


class Stream:
    """What a command tells while it goes through many files.

    Attributes
    ----------
    done, total : int
        Files that were gone through, and all of them.
    skipped : int
        How many of them, and of what else was named, could not be used.
    """

    def __init__(self, total: int, as_json: bool, stores: bool, progress: Progress) -> None:
        self.done, self.total, self.skipped = 0, total, 0
        self._told = 0
        self._as_json, self._stores, self._progress = as_json, stores, progress

    def each(self, found: Iterable[T]) -> Iterator[T]:
        """Go through what comes of each file, and count it when it was told."""
        self.reach(0, self.total)
        for one in found:
            yield one
            self.reach(self.done + 1, self.total)

    def reach(self, done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
        """Say how far it is, where that is not by files that were told of."""
        self.done, self.total = done, total
        self._progress(done, total, figures)

    def tell(self, fact: Any, show: Callable[[], None]) -> None:
        """Print a result at once: as JSON, or as `show` does it.

        Raises
        ------
        ReaderGoneError
            When nobody reads it, and nothing is stored, either.
        """
        with above_bar():
            if self._as_json:
                print_json(fact)
            else:
                show()
            self._flush()

    def skip(self, *items: Skipped | Note) -> None:
        """Say at once what could not be used: a `Skipped` counts, a `Note` does not."""
        for item in items:
            self.skipped += isinstance(item, Skipped)
            if self._as_json:
                with above_bar():
                    print_json(*named([item]))
                    self._flush()
                continue
            self._told += 1
            if not output.notices.is_terminal or self._told <= output.SKIPPED_SHOWN:
                output.print_skipped([item])

    def say(self, line: str) -> None:
        """Say something on standard error; programs that read JSON are told by that."""
        if not self._as_json:
            output.notices.print(Text(line), soft_wrap=True)

    def end(self) -> None:
        """Say how many were skipped that a terminal had no room for."""
        untold = self._told - output.SKIPPED_SHOWN
        if output.notices.is_terminal and untold > 0:
            self.say(f"... and {untold:,} more (--json lists all of them)")

    def _flush(self) -> None:
        sys.stdout.flush()
        if is_left() and not self._stores:
            raise ReaderGoneError


@contextmanager
def streaming(
    what: str,
    chosen: Selection,
    as_json: bool,
    *,
    total: int | None = None,
    stores: Iterable[Path | None] = (),
    at_end: Path | None = None,
) -> Iterator[Stream]:
    """Tell of many files, one after the other.

    Parameters
    ----------
    what : str
        What is done with them.
    chosen : Selection
        Them; what was skipped and ignored in choosing them is told here.
    as_json : bool
    total : int, optional
        How many there are, where these are not the files that were chosen.
    stores : iterable of Path or None
        What is written, beside what is printed: it is written on when nobody reads that.
    at_end : Path, optional
        Of these, what is written when all is known, and not at all by an interrupted command.

    Raises
    ------
    typer.Exit
        With `EXIT_PARTLY`, where something was skipped; with `EXIT_INTERRUPTED`.
    """
    stored = [path for path in stores if path is not None] + [at_end] * (at_end is not None)
    total = len(chosen.paths) if total is None else total
    stream: Stream | None = None
    try:
        with progress_bar(what, prints=True) as progress:
            stream = Stream(total, as_json, bool(stored), progress)
            stream.skip(*chosen.skipped)
            yield stream
    except ReaderGoneError:
        pass
    except KeyboardInterrupt:
        done = f"{stream.done:,} of {stream.total:,}" if stream else "none"
        unwritten = f", {output.short_path(str(at_end))} is not written" if at_end else ""
        output.notices.print(Text(f"interrupted; {done} done{unwritten}"), soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    assert stream is not None
    stream.end()
    if not as_json:
        output.print_ignored(chosen.ignored)
    if stream.skipped:
        raise typer.Exit(EXIT_PARTLY)
