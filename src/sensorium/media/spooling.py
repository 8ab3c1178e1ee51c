"""Encoded files in memory, put where another process reads them as often as it needs to.

A film of a gigabyte that somebody holds in memory would otherwise go through a pipe for every ten
seconds of its sound.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

SMALL = 1 << 20
"""Bytes up to which a file goes through a pipe, which takes less than a millisecond."""


class Spooled:
    """A file without a name, which is gone when nobody holds this any more.

    Parameters
    ----------
    content : bytes

    Attributes
    ----------
    path : Path
        As long as this is held, it can be opened by other processes of the same user.

    Raises
    ------
    OSError
        When there is no room for it.
    """

    def __init__(self, content: bytes) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.write(content)
        self._file.flush()
        self.path = Path(f"/proc/{os.getpid()}/fd/{self._file.fileno()}")


def spooled(content: bytes) -> Spooled | None:
    """Put a file where others can read it; None where it is better sent as it is."""
    if len(content) <= SMALL or sys.platform != "linux":
        return None
    try:
        return Spooled(content)
    except OSError:
        return None
