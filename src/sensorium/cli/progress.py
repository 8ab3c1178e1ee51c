"""What a command says while it works: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from sensorium.cli import EXIT_INTERRUPTED, output
from sensorium.media.progress import NO_FIGURES, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Drawn

EVERY = 10.0
"""Seconds between lines where there is no terminal: a log stays short, and nobody thinks that the
program hangs."""

STAYS = "what is stored stays, run it again to go on"

SHOWN = 2
"""Figures of a training that fit on the line."""


class Step:
    """What is being done, how far it is, and since when; threads may look at it at any time."""

    def __init__(self, what: str) -> None:
        self.begin(what)

    def begin(self, what: str) -> None:
        """Begin another step."""
        self.what, self.figures = what, ""
        self.done: int | None = None
        self.total: int | None = None
        self.since = time.monotonic()

    def line(self) -> str:
        """The step on one line: what, how many of how many, figures, and the time it took."""
        told = [self.what]
        seconds = time.monotonic() - self.since
        if self.total and self.done == self.total:
            told[0] += " is done, the next step runs"
        elif self.total:
            told[0] += f": {self.done or 0:,} of {self.total:,}"
        told += [self.figures] * bool(self.figures) + [output.clock(seconds)]
        if self.done and self.total and self.done < self.total:
            left = seconds / self.done * (self.total - self.done)
            told.append(f"about {output.clock(left)} left")
        return ", ".join(told)


_steps: list[Step] = []
"""Steps that are under way, one within the other; the last is the one to tell of."""


_bars: list[Drawn] = []
"""Bars that are drawn, one within the other."""


class Steps:
    """What a command tells of its steps."""

    def __init__(self, step: Step, changed: Callable[[], None]) -> None:
        self._step, self._changed = step, changed

    def said(self, what: str) -> Progress:
        """Begin a step; returns what takes how far it is, the loss and the first metrics."""
        self._step.begin(what)
        self._changed()
        return self._updates(what)

    @property
    def training(self) -> Progress:
        """Takes optimizer steps; the first call begins the step."""
        return self._updates("training")

    def _updates(self, what: str) -> Progress:
        def update(done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
            if self._step.what != what:  # steps that take turns
                self._step.begin(what)
            chosen = list(figures.items())[:SHOWN]
            self._step.figures = ", ".join(f"{name} {value:.3f}" for name, value in chosen)
            self._step.done, self._step.total = done, total
            self._changed()

        return update


@contextmanager
def progress_of_steps(what: str = "reading", *, prints: bool = False) -> Iterator[Steps]:
    """Tell of several steps, one after the other.

    Parameters
    ----------
    what : str
        The first one.
    prints : bool
        Whether results are printed meanwhile. Through a pipe (``| cut -f 1``) these may reach the
        terminal that a bar would be on; then a line now and then takes its place.
    """
    step = Step(what)
    _steps.append(step)
    try:
        if output.notices.is_terminal and not (prints and _is_pipe(1)):
            with _bar(step) as changed:
                yield Steps(step, changed)
        else:
            yield Steps(step, lambda: None)  # `speaking` looks at it
    finally:
        _steps.remove(step)


def _is_pipe(stream: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream).st_mode)
    except OSError:
        return False


@contextmanager
def interruptible(what_now: str = "run it again to go on") -> Iterator[None]:
    """End a command that is interrupted with a line of what becomes of its work."""
    try:
        yield
    except KeyboardInterrupt:
        output.notices.print(f"interrupted; {what_now}")
        raise typer.Exit(EXIT_INTERRUPTED) from None


@contextmanager
def progress_bar(what: str, *, prints: bool = False) -> Iterator[Progress]:
    """Tell of one step; see `progress_of_steps`.

    Yields
    ------
    Progress
    """
    with progress_of_steps(what, prints=prints) as progress:
        yield progress.said(what)


@contextmanager
def _bar(step: Step) -> Iterator[Callable[[], None]]:
    """Draw a step on a terminal; yields what is called when it has changed."""
    # Loaded only where a bar is drawn: a search must not pay for it.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=20),
        MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    # What is printed meanwhile goes where it would without a bar, not to standard error.
    with Bar(*columns, console=output.notices, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(step.what, total=None)
        shown = step.what

        def changed() -> None:
            nonlocal shown
            if shown != step.what:  # the time that is left is that of this step
                shown = step.what
                bar.reset(task, total=step.total)
            what = f"{step.what}: {step.figures}" if step.figures else step.what
            bar.update(task, description=what, completed=step.done or 0, total=step.total)

        _bars.append(bar)
        try:
            yield changed
        finally:
            _bars.remove(bar)


@contextmanager
def above_bar() -> Iterator[None]:
    """Take the bar away while results are printed onto the same terminal, and draw it below."""
    bar = _bars[-1] if _bars and output.console.is_terminal else None
    if bar is None:
        yield
        return
    bar.stop()
    try:
        yield
    finally:
        sys.stdout.flush()
        bar.start()


@contextmanager
def speaking(command: str) -> Iterator[None]:
    """Say on standard error every `EVERY` seconds what is being done.

    A thread does it, because the longest steps are calls that say nothing themselves: loading a
    model, hearing a recording of two hours. On a terminal a bar that is drawn says enough.

    Parameters
    ----------
    command : str
        What is said where no step is known.
    """
    serves = command.split()[1:] in (["serve"], ["mcp"], ["shard"])  # nobody waits for their end
    if serves or int(os.environ.get("RANK", 0)):  # of several processes the first speaks for all
        yield
        return
    over = Event()
    whole = Step(command)

    def speak() -> None:
        while not over.wait(EVERY):
            if _bars:
                continue
            output.notices.print(Text((_steps or [whole])[-1].line()), soft_wrap=True)

    thread = Thread(target=speak, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
