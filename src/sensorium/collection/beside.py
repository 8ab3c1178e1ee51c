"""Two things at a time, the first of which waits for no answer of the second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def beside(one: Callable[[], Result], other: Callable[[], object]) -> Result:
    """What `one` returns, called in a thread while `other` is called in this one.

    What either raises is raised, of both what `other` raised. A thread that is left behind by an
    interrupt keeps no process from ending.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(one())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, name="beside", daemon=True)
    thread.start()
    other()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
