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

_OLDER = re.compile(r"(?P<address>((?!\?version=).)+)\?version=(?P<version>[\w.-]+)", re.DOTALL)
"""An address with the number or the name of an earlier version."""


class LancePath(type(Path())):  # type: ignore[misc]  # the system's kind of paths
    """A folder that is, or is to be, a collection in Lance."""


def location_of(collection: str | os.PathLike[str], version: int | str | None = None) -> Path:
    """Where a collection is, or is to be.

    Parameters
    ----------
    collection : str or Path
        A file; ``lance:///folder``, or the folder itself once it is there; ``s3://``, ``gs://`` or
        ``az://`` with a bucket and a name. One in Lance may end in ``?version=``.
    version : int or str, optional
        Number or name of an earlier version.

    Returns
    -------
    Path
        Of a collection in an object store, and of an earlier version, a file in the cache folder,
        which holds its address: indexes lie beside that.

    Raises
    ------
    UsageError
        When a folder of Lance is not named by its whole path, or what is no collection in Lance is
        to have versions.
    """
    text = os.fspath(collection)
    named = _OLDER.fullmatch(text)
    if version is not None:
        if named is not None or not re.fullmatch(r"[\w.-]+", str(version)):
            raise UsageError(f"a version is a number or a name, got {version!r:.80} of {text}")
        named = _OLDER.fullmatch(f"{text}?version={version}")
    if named is not None and (version is not None or _is_lance(named["address"])):
        place = location_of(named["address"])
        uri = _uri_of(place)
        if uri is None:
            raise UsageError(
                f"{place} is a file of SQLite, which keeps no earlier versions: collections in "
                "Lance do (docs/lance.md)"
            )
        return _link_to(f"{uri[0]}?version={named['version']}")
    if "?version=" in text and (_LANCE.fullmatch(text) or _FAR.fullmatch(text)):
        asked = text.partition("?version=")[2]
        raise UsageError(f"a version is a number or a name, got {asked!r:.80} in {text:.200}")
    if found := _LANCE.fullmatch(text):
        if text.startswith("lance://") and not text.startswith("lance:///"):
            raise UsageError(
                f"{text}: lance:// takes a whole path, lance:///folder/name; that makes three "
                "slashes"
            )
        return LancePath("/" + found["path"])
    if found := _FAR.fullmatch(text):
        return _link_to(f"{found['scheme']}://{found['rest'].rstrip('/')}")
    whole = Path(collection).expanduser().absolute()
    # One that is to be made in Lance is known as such by its type alone.
    return LancePath(whole) if isinstance(collection, LancePath) else whole


def _is_lance(address: str) -> bool:
    return bool(_LANCE.fullmatch(address) or _FAR.fullmatch(address)) or _is_table(Path(address))


def _link_to(uri: str) -> Path:
    """A file in the cache folder that holds an address."""
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    name = re.sub(r"\W+", "-", uri.rpartition("/")[2])[:40]
    link = sensorium_home() / "lance" / f"{name}-{digest}{LINK}"
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            unfinished = link.with_name(f"{link.name}.{os.getpid()}")
            unfinished.write_text(uri, "utf-8")
            unfinished.replace(link)
    except OSError as error:
        raise CollectionError(f"{link}: cannot be written ({error.strerror or error})") from error
    return link


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
    place = _uri_of(path)
    if place is None:
        return SQLiteStore(path, create=create)
    from sensorium.collection.lance_store import LanceStore  # takes longer to import than to open

    uri, version = place
    return LanceStore(path, uri, create=create, version=version)


def _uri_of(path: Path) -> tuple[str, int | str | None] | None:
    """Address and version of a table; None of what is no collection in Lance."""
    if path.suffix == LINK and path.is_file():
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_ADDRESS).strip()
        older = _OLDER.fullmatch(text)
        uri = older["address"] if older else text
        if not (_FAR.fullmatch(uri) or (older and Path(uri).is_absolute())):
            raise CollectionError(f"{path} holds no address of a collection: {text!r:.80}")
        if older is None:
            return uri, None
        version = older["version"]
        return uri, int(version) if version.isdecimal() else version
    if isinstance(path, LancePath) and not path.is_file():
        return str(path), None
    return (str(path), None) if _is_table(path) else None


def _is_table(folder: Path) -> bool:
    return (folder / "_versions").is_dir()
