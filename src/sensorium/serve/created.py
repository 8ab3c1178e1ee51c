"""Collections that are made and deleted while the server runs: each has a folder of its own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.errors import UsageError, WriteError
from sensorium.serve.access import Refused
from sensorium.serve.jobs import UNFINISHED, flush_folder

if TYPE_CHECKING:
    from sensorium.serve.served import Served

HIDDEN = "."
"""Begins the names of folders that are being made or deleted: no collection is called so."""

ABANDONED_SECONDS = 3600
"""So old a folder that is being made or deleted is nobody's: what did so was killed."""


def create(served: Served, name: str, encoder: str | None) -> Path:
    """Make an empty collection, whole or not at all; every process of the server has it at once.

    Parameters
    ----------
    served : Served
    name : str
    encoder : str, optional
        One that is served already: what a client names is never loaded. None is the usual one.

    Raises
    ------
    Refused
        403 where the server makes none, 409 where the name is taken.
    UsageError
        For a name that none can have, and an encoder that is not served.
    """
    folder = _folder(served)
    served.settings.require_free(name)
    encoder = encoder or served.settings.encoder
    if encoder not in (names := served.encoder_names()):
        raise UsageError(f"no encoder {encoder!r:.80} is served; there are {', '.join(names)}")
    loaded = served.encoder(encoder)
    path = served.settings.place_of(name)
    _sweep(folder)
    new = folder / f"{HIDDEN}{secrets.token_hex(8)}"
    try:
        new.mkdir(parents=True)
        try:
            empty = SQLiteStore(new / path.name)
            try:
                empty.claim_space(loaded.space, encoder)
            finally:
                empty.close()
            new.rename(path.parent)  # onto a folder with anything in it this fails
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        flush_folder(folder)
    except OSError as error:
        if path.parent.exists():
            raise Refused(409, f"there is something called {name!r} already") from error
        raise WriteError(f"{path.parent}: cannot be made ({error.strerror})") from error
    return path


def delete(served: Served, name: str, *, files: bool) -> int:
    """Delete a collection with all that belongs to it; gives how many files were sent to it.

    Parameters
    ----------
    served : Served
    name : str
    files : bool
        Whether files that were sent to it are deleted with it.

    Raises
    ------
    UnknownCollectionError
    Refused
        409 for one that the server was started with, one that has jobs, and one that files were
        sent to, which are not to be deleted.
    """
    path = served.path(name)
    if path.absolute() in {one.absolute() for one in served.settings.collections.values()}:
        raise Refused(409, f"the server was started with {name!r}: delete it in the shell")
    folder = _folder(served)
    if running := [
        one["id"]
        for one in served.jobs.listed()
        if one["collection"] == name and one["state"] in UNFINISHED
    ]:
        raise Refused(409, f"job {running[0]} is not done: wait for it, or cancel it")
    uploads = served.settings.uploads_of(name)
    sent = _sent_to(uploads)
    if sent and not files:
        raise Refused(
            409, f"{sent} files were sent to {name!r}: files=true deletes them with the collection"
        )
    old = folder / f"{HIDDEN}{secrets.token_hex(8)}"
    try:
        path.parent.rename(old)  # from here on there is none
        flush_folder(folder)
        served.forget(name)
        shutil.rmtree(old)
        if uploads.is_dir():  # elsewhere, with --uploads
            shutil.rmtree(uploads)
    except OSError as error:
        raise WriteError(f"{error.filename}: cannot be deleted ({error.strerror})") from error
    return sent


def _folder(served: Served) -> Path:
    folder = served.settings.create_in
    if folder is None:
        raise Refused(
            403, "collections are made and deleted where the server is started with --create-in"
        )
    return folder


def _sent_to(uploads: Path) -> int:
    found = uploads.iterdir() if uploads.is_dir() else iter(())
    return sum(not one.name.startswith(HIDDEN) for one in found)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{HIDDEN}{'[0-9a-f]' * 16}"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps, too
            if left.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
