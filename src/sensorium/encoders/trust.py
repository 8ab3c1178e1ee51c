"""Which servers and models of a hub were named by a person here: a file's word is not enough.

A collection, a classifier or a result may come from anybody, and what it names would be sent
questions and a key, or be fetched. So a name that was read from a file counts once somebody has
given the same name here, by `load_encoder` or ``--encoder``.
"""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

from sensorium.errors import EncoderError
from sensorium.home import data_folder

FILE = "named-encoders.txt"
"""One name a line, in the folder of the default collection: to be read and edited by people."""

_named: set[str] = set()
"""Named in this process: where nothing can be written, what was named holds for so long."""


def remember(name: str) -> None:
    """Note that somebody has given a name here, for this process and those to come."""
    if name in _named:
        return
    _named.add(name)
    if not name.isprintable() or name in _written():
        return
    # A home that cannot be written to is no reason to fail.
    with contextlib.suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:  # appended in one piece: others may write, too
            file.write(f"{name}\n".encode("utf-8", "surrogateescape"))


def require_named(name: str, where: str, what: str) -> None:
    """Refuse a name that only a file gives.

    Parameters
    ----------
    name : str
    where : str
        The file that it was read from.
    what : str
        What it is, and what would be done with it.

    Raises
    ------
    EncoderError
        Naming all three and how to allow it.
    """
    if name in _named or name in _written():
        return
    shown = repr(name) if name.isprintable() else ascii(name)
    quoted = shlex.quote(name) if name.isprintable() else ascii(name)
    raise EncoderError(
        f"{where} names the encoder {shown}, {what}. That a file names it is not enough, and "
        "nobody has named it on this machine yet. If you trust it, run "
        f"`sensorium models --trust {quoted}`, or name it yourself: --encoder {quoted}, in Python "
        "encoder=... or load_encoder(...)"
    )


def is_elsewhere(path: str) -> bool:
    r"""Whether a path leads to another machine by its form alone: ``\\host\share``, ``/net/host``.

    Merely looking at such a path opens a connection, on Windows with the user's name and a hash of
    the password.
    """
    return (len(path) > 1 and path[0] in "\\/" and path[1] in "\\/") or path.startswith("/net/")


def name_share(path: str) -> None:
    """Note the share or host that a path leads to, where a person gives one."""
    if is_elsewhere(path):
        remember(_share_of(path))


def may_look_at(path: str) -> bool:
    """Whether a path that a file names may be touched: on this machine, or in a named share."""
    if not is_elsewhere(path):
        return True
    parts = _parts(path)
    return any(
        parts[: len(named)] == named
        for named in map(_parts, filter(is_elsewhere, _named | _written()))
    )


def why_not(path: str) -> str:
    """What is said of a path that may not be touched."""
    share = _share_of(path)
    return (
        "it lies on another machine, which nobody has named here: if you trust it, run "
        f"`sensorium models --trust {shlex.quote(share) if share.isprintable() else ascii(share)}`"
    )


def _share_of(path: str) -> str:
    return (
        "//" + "/".join(_parts(path)[:2])
        if not path.startswith("/net/")
        else ("/" + "/".join(_parts(path)[:2]))
    )


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part]


def _path() -> Path:
    return data_folder() / FILE


def _written() -> set[str]:
    try:
        return {*_path().read_text("utf-8", "surrogateescape").splitlines()}
    except OSError:
        return set()
