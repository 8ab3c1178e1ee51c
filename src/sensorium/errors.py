"""Errors that Sensorium raises on purpose; every message says what, which value, and the mend."""

from __future__ import annotations


class SensoriumWarning(UserWarning):
    """Something was done, but not all of it; the message says what to do."""


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
        self.name = name


class UsageError(SensoriumError):
    """The caller asked for something that cannot be: an unknown name, a malformed filter."""


class NothingGivenError(MediaError, UsageError):
    """A text or a path is empty: a question that asks nothing, an argument that was not filled.

    Among many media it is one that is skipped; where it is all that was given, the call is wrong.
    """


class EncoderError(SensoriumError):
    """An encoder cannot be loaded, or cannot encode the modality it was given."""


class NotAtHandError(EncoderError):
    """A model is not on this machine; the message has its size and the command that fetches it."""


class UnknownModelError(UsageError, EncoderError):
    """No model has the name that was given; the message lists those that there are."""


class CollectionError(SensoriumError):
    """A collection cannot be opened, read or written."""


class WriteError(SensoriumError, OSError):
    """A file cannot be written: the disk is full, or nothing may be written there."""


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
        super().__init__(f"{package} is not installed; run: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Say how an extra is added to the Sensorium that runs: from where that was installed.

    Sensorium is on no package index, so its name alone leads nowhere. Where pip found it stands in
    ``direct_url.json`` of the installed package (PEP 610).

    Examples
    --------
    >>> install_command("media")  # doctest: +SKIP
    'pip install -e "/home/you/sensorium[media]"'
    """
    # Loading these takes longer than a search may lose at its start.
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        found = json.loads(distribution("sensorium").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        found = {}
    url = str(found.get("url", ""))
    if system := found.get("vcs_info", {}).get("vcs"):
        return f'pip install "sensorium[{extra}] @ {system}+{url}"'
    if url.startswith("file:") and (path := Path(url2pathname(urlsplit(url).path))).exists():
        editable = "-e " if found.get("dir_info", {}).get("editable") else ""
        return f'pip install {editable}"{path}[{extra}]"'
    return f'pip install ".[{extra}]" in the folder of Sensorium\'s sources'
