"""Views of a 3-D file, drawn in a process of their own that reads it once."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.media.decoding import decoding
from sensorium.media.isolation import isolated
from sensorium.media.sources import read_file
from sensorium.media.worker import no_more_time

UNREADABLE = "no 3-D object that can be read"

USUAL = 8
"""Views that count as one piece of work: what `Mesh.segments` yields. Whoever wants more of them
has more time for each."""

MOST_OPEN = max(os.cpu_count() or 1, 2)
"""Files that are kept read for the next question: each keeps a process, and the object in it."""


@isolated
def looked_at(
    source: Path | bytes, kind: str, path: Path | None, name: str, most: int
) -> Generator[Any, Any, None]:
    """Read a 3-D file and answer what is sent.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    kind : str
        Its format, as a suffix without the dot.
    path : Path or None
        Where materials and textures that it names are looked for.
    name : str
        For errors.
    most : int
        Faces, at most.

    Yields
    ------
    list of str or dict or PIL.Image.Image
        First notes, what could not be used. Then, for None, what `Mesh.metadata` gives; for an
        azimuth, an elevation and a side, what `Mesh.view` does.

    Raises
    ------
    MediaError
        When the file is missing, broken, or over a limit.
    """
    with decoding(name, UNREADABLE), np.errstate(all="ignore"):
        from sensorium.media.objects.rendering import Scene

        content = read_file(source) if isinstance(source, Path) else source
        scene = Scene(content, kind, path, name, most)
        del content
    answer: Any = scene.notes
    drawn = 0
    while True:
        wanted = yield {"of": answer}
        if drawn < USUAL:
            no_more_time()
        with decoding(name, UNREADABLE), np.errstate(all="ignore"):
            if wanted is None:
                answer = scene.facts()
            else:
                answer = scene.view(*wanted)
                drawn += 1


class Reading:
    """A 3-D file that is being asked; read again when it was closed meanwhile.

    Parameters
    ----------
    *arguments
        Of `looked_at`.
    """

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self._items: Generator[Any, Any, None] | None = None
        self._owner = 0
        self._lock = threading.Lock()
        self.notes: list[str] = []

    def ask(self, question: tuple[float, float, int] | None) -> Any:
        """Ask for facts (None), or for the view of an azimuth, elevation and side.

        Raises
        ------
        MediaError
            See `looked_at`.
        """
        with self._lock:
            if self._items is None or self._owner != os.getpid():
                self._items, self._owner = looked_at(*self._arguments), os.getpid()
                try:
                    self.notes = next(self._items)["of"]
                except BaseException:
                    self._items = None
                    raise
                _keep(self)
            try:
                return self._items.send(question)["of"]
            except BaseException:
                self._items = None
                raise

    def close(self) -> None:
        """Let go of the process; not while it is being asked."""
        if self._lock.acquire(blocking=False):
            try:
                if self._items is not None:
                    self._items.close()
                    self._items = None
            finally:
                self._lock.release()


_kept: list[weakref.ref[Reading]] = []


def _keep(newest: Reading) -> None:
    """Remember a reading that has begun, and close the oldest where there are too many."""
    open_ones = [one for ref in [*_kept] if (one := ref()) and one is not newest and one._items]
    _kept[:] = [weakref.ref(one) for one in (*open_ones, newest)]
    for one in open_ones[: max(len(open_ones) + 1 - MOST_OPEN, 0)]:
        one.close()
