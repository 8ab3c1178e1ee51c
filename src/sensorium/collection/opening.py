"""Where a collection's rows are, and opening them."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.store import Store
from sensorium.errors import CollectionError, UsageError
from sensorium.home import sensorium_home

LINK = ".lance-uri"
"""Ends the name of a file that holds the address of a table in an object store."""

MOST_ADDRESS = 4096

_LANCE = re.compile(r"lance:/+(?P<path>.*)", re.DOTALL)
_FAR = re.compile(r"(?P<scheme>s3|gs|az):/+(?P<rest>.+)", re.DOTALL)
"""One slash, too: what was a `Path` in between has no two of them."""


class LancePath(type(Path())):  # type: ignore[misc]  # the system's kind of paths
    """A folder that is, or is to be, a collection in Lance."""


def location_of(collection: str | os.PathLike[str]) -> Path:
    """Where a collection is, or is to be.

    Parameters
    ----------
    collection : str or Path
        A file; ``lance:///folder``, or the folder itself once it is there; ``s3://``, ``gs://`` or
        ``az://`` with a bucket and a name.

    Returns
    -------
    Path
        Of a collection in an object store a file in the cache folder, which holds its address:
        indexes lie beside that.

    Raises
    ------
    UsageError
        When a folder of Lance is not named by its whole path.
    """
    text = os.fspath(collection)
    if found := _LANCE.fullmatch(text):
        if text.startswith("lance://") and not text.startswith("lance:///"):
            raise UsageError(
                f"{text}: lance:// takes a whole path, lance:///folder/name; that makes three "
                "slashes"
            )
        return LancePath("/" + found["path"])
    if found := _FAR.fullmatch(text):
        uri = f"{found['scheme']}://{found['rest'].rstrip('/')}"
        digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
        name = re.sub(r"\W+", "-", uri.rpartition("/")[2])[:40]
        link = sensorium_home() / "lance" / f"{name}-{digest}{LINK}"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            unfinished = link.with_name(f"{link.name}.{os.getpid()}")
            unfinished.write_text(uri, "utf-8")
            unfinished.replace(link)
        return link
    return Path(collection).expanduser().absolute()


def open_store(path: Path, *, create: bool = False) -> Store:
    """Open a collection's rows; every call gives a connection of its own.

    Parameters
    ----------
    path : Path
        What `location_of` gives.
    create : bool
        Whether a missing one is made.

    Raises
    ------
    CollectionError
        When they cannot be opened, or there are none (without `create`).
    MissingExtraError
        For a collection in Lance without its extra.
    """
    uri = _uri_of(path)
    if uri is None:
        return SQLiteStore(path, create=create)
    from sensorium.collection.lance_store import LanceStore  # takes longer to import than to open

    return LanceStore(path, uri, create=create)


def _uri_of(path: Path) -> str | None:
    if path.suffix == LINK and path.is_file():
        with path.open(encoding="utf-8") as file:
            uri = file.read(MOST_ADDRESS).strip()
        if not _FAR.fullmatch(uri):
            raise CollectionError(f"{path} holds no address of a collection: {uri!r:.80}")
        return uri
    if isinstance(path, LancePath) and not path.is_file():
        return str(path)
    return str(path) if (path / "_versions").is_dir() else None
