"""A new folder for an encoder: there when it is whole, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensorium.errors import EncoderError, UsageError
from sensorium.replacing import remove_abandoned, unfinished


def require_new(folder: Path) -> None:
    """Refuse a folder that holds something; what a killed run left of it is removed.

    Raises
    ------
    UsageError
    """
    remove_abandoned(folder)  # also what a run left that was killed when all was in its place
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: name a new folder")


@contextmanager
def placed(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of another when all is written.

    Raises
    ------
    EncoderError
        When it cannot be written.
    """
    try:
        with unfinished(folder) as target:
            target.mkdir()
            yield target
    except OSError as error:
        raise EncoderError(
            f"{folder}: cannot be written ({error.strerror or error}); nothing is left of it"
        ) from error
