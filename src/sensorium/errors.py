"""Errors that Sensorium raises on purpose; every message says what, which value, and the mend."""

from __future__ import annotations


class SensoriumError(Exception):
    """Base of every error that Sensorium raises on purpose."""


class MediaError(SensoriumError):
    """A file, URL, array or text cannot be used as media: unreadable, broken, or over a limit.

    Parameters
    ----------
    reason : str
        What is wrong and what to do.
    name : str, optional
        The file or URL that it is wrong with.
    """

    def __init__(self, reason: str, name: str | None = None) -> None:
        super().__init__(f"{name}: {reason}" if name else reason)
        self.reason = reason


class UsageError(SensoriumError):
    """The caller asked for something that cannot be: an unknown name, a malformed filter."""


class EncoderError(SensoriumError):
    """An encoder cannot be loaded, or cannot encode the modality it was given."""


class CollectionError(SensoriumError):
    """A collection cannot be opened, read or written."""


class SpaceMismatchError(CollectionError):
    """A collection holds vectors of one space and was opened with an encoder of another."""


class MissingExtraError(SensoriumError, ImportError):
    """A part of Sensorium was imported whose optional packages are not installed.

    Raised by the module that needs them, so that the rest of Sensorium works without.

    Parameters
    ----------
    package : str
        The package that is missing.
    extra : str
        The extra of Sensorium that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; run: pip install "sensorium[{extra}]"')
