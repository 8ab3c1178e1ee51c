"""The one line that a training shows on a terminal: what is done, how far, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sensorium.cli import output

SHOWN = 2
"""Figures that fit on the line beside the bar."""


class TrainingLine:
    """What is told of a training while it runs; nothing where there is no terminal."""

    def __init__(self, show: Callable[[str, int | None, int | None], None]) -> None:
        self._show = show

    def said(self, what: str) -> Callable[[int, int], None]:
        """Begin another step; returns what takes items done and items in all."""
        self._show(what, None, None)
        return lambda done, total: self._show(what, done, total)

    def progress(self, done: int, total: int, figures: Mapping[str, float]) -> None:
        """Show an optimizer step, with the loss and the first metrics."""
        chosen = list(figures.items())[:SHOWN]
        told = ", ".join(f"{name} {value:.3f}" for name, value in chosen)
        self._show(f"training: {told}" if told else "training", done, total)


@contextmanager
def training_line() -> Iterator[TrainingLine]:
    """Keep one line on the terminal up to date; it is gone in the end."""
    if not output.notices.is_terminal:
        yield TrainingLine(lambda what, done, total: None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=20),
        MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=output.notices, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        current = ""

        def show(what: str, done: int | None, total: int | None) -> None:
            nonlocal current
            step = what.partition(":")[0]
            if step != current:  # the time that is left is that of this step
                bar.reset(task, description=what, total=total)
                current = step
            bar.update(task, description=what, completed=done or 0, total=total)

        yield TrainingLine(show)
