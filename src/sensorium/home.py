"""Where Sensorium keeps what can be made again (caches) and, by default, your collection."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from sensorium.visible import visible


def sensorium_home() -> Path:
    """Folder for caches: compiled models and fetched datasets.

    Returns
    -------
    Path
        ``$SENSORIUM_HOME``, or ``$XDG_CACHE_HOME/sensorium``, or ``~/.cache/sensorium``. It is
        created by whoever writes into it; deleting it costs time, never data.
    """
    if home := os.environ.get("SENSORIUM_HOME"):
        return _absolute(home)
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _absolute(cache) / "sensorium"


def default_collection_path() -> Path:
    """Collection that the command line uses when none is named.

    Returns
    -------
    Path
        ``$SENSORIUM_COLLECTION``; else ``library.sensorium`` in ``$SENSORIUM_HOME`` when that is
        set, else in ``$XDG_DATA_HOME/sensorium`` (``~/.local/share/sensorium``): outside the cache
        folder, because a collection is data that nobody wants cleaned away.
    """
    if collection := os.environ.get("SENSORIUM_COLLECTION"):
        return _absolute(collection)
    return data_folder() / "library.sensorium"


def data_folder() -> Path:
    """Folder of what cannot be made again: the default collection, and what a person decided."""
    if os.environ.get("SENSORIUM_HOME"):
        return sensorium_home()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return _absolute(data) / "sensorium"


def index_command(collection: Path) -> str:
    """Write the shell's command that fills a collection, for messages."""
    return command_on(collection, "index", "FOLDER")


def command_on(collection: Path, command: str, *arguments: str) -> str:
    """Write a command of the shell about a collection, for messages."""
    named = collection.absolute() != default_collection_path()
    option = f" --collection {shlex.quote(str(collection))}" if named else ""
    return " ".join(["sensorium", command, *map(shlex.quote, arguments)]) + option


def short_path(path: str) -> str:
    """Write a path as a person in the current folder would, control characters made visible."""
    try:
        relative = path if "://" in path else os.path.relpath(path)
    except (OSError, ValueError):  # the folder is gone; another drive
        relative = path
    shown = path if relative.startswith("..") else relative
    return visible(shown)


def _absolute(path: str) -> Path:
    # Path.expanduser() raises where there is no home folder (a bare container); this does not.
    return Path(os.path.expanduser(path)).absolute()  # noqa: PTH111
