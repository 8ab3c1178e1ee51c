"""How everything that takes long says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

NO_FIGURES: Mapping[str, float] = {}


class Progress(Protocol):
    """A function that is called while something runs.

    One that takes ``(done, total)`` will do wherever nothing is trained: figures are passed by
    training alone.
    """

    def __call__(self, done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
        """Take in how far it is.

        Parameters
        ----------
        done, total : int
            Files, items, questions or optimizer steps.
        figures : mapping of str to float
            Of the last step: its loss, metrics on the validation split.
        """


Said = Callable[[str], Progress | None]
"""Takes the name of a step that begins, and may return what is told of how far it is."""


def silent(what: str) -> None:
    """The `Said` of those who want to hear nothing."""
