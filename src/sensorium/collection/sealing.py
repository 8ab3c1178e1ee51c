"""Telling index files that were built here from those that came with somebody's collection.

FAISS trusts the bytes that it reads, so only those are given to it that this user's Sensorium
wrote: what describes an index carries a keyed digest (HMAC-SHA-256, RFC 2104) by a key that never
leaves the user's own folder. Whoever copies a collection copies no key; the index is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import mmap
import os
import secrets
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from sensorium.errors import SensoriumWarning
from sensorium.home import data_folder

FILE = "index-key"
"""In the folder of the default collection: deleting it costs building indexes again."""

KEY_BYTES = 32

PURPOSE = b"sensorium index 1\0"
"""So that no digest by this key for anything else is one of an index."""

BLOCK = 1 << 22
"""Bytes that are digested together; the blocks of a large file are shared among the cores. SHA-256
takes 0.6 s for a gigabyte on one of them."""


def seal(body: str) -> str:
    """Digest a text by this user's key, which is made when there is none yet.

    Where no key can be kept (a home that cannot be written to), one of this process alone is used,
    and a warning says so.
    """
    key = _kept()
    if key is not None:
        _remove_unfinished()
    else:
        try:
            key = _make()
        except OSError as error:
            warnings.warn(
                f"{data_folder()}: no key can be kept there ({error.strerror or error}), so this "
                "index serves this process alone; set SENSORIUM_HOME to a folder of yours",
                SensoriumWarning, stacklevel=2,
            )  # fmt: skip
            key = _of_process()
    return _digest(key, body)


def is_sealed(body: str, given: object) -> bool:
    """Whether a text carries the digest that `seal` gave it here."""
    keys = (_kept(), _of_process())
    return isinstance(given, str) and any(
        hmac.compare_digest(_digest(key, body).encode(), given.encode("utf-8", "replace"))
        for key in keys
        if key is not None
    )


def digest_blocks(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 (hex) over the digests of the blocks of each file, by the file's name."""
    sizes = {path: path.stat().st_size for path in paths}
    blocks = [(path, start) for path, size in sizes.items() for start in range(0, size, BLOCK)]
    totals = {path: hashlib.sha256(str(size).encode()) for path, size in sizes.items()}
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        digests = threads.map(lambda block: _of_block(*block), blocks)
        for (path, _), digest in zip(blocks, digests, strict=True):
            totals[path].update(digest)
    return {path.name: total.hexdigest() for path, total in totals.items()}


def _of_block(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        length = min(BLOCK, os.fstat(file.fileno()).st_size - start)
        if length <= 0:
            raise OSError(f"{path} is being cut short")
        # Mapped: a copy of each block would take as long again as its digest.
        with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start) as block:
            return hashlib.sha256(block).digest()


def _digest(key: bytes, body: str) -> str:
    return hmac.digest(key, PURPOSE + body.encode("utf-8", "surrogatepass"), "sha256").hex()


def _path() -> Path:
    return data_folder() / FILE


def _kept() -> bytes | None:
    try:
        with _path().open("rb") as file:
            key = bytes.fromhex(file.read(4 * KEY_BYTES).decode("ascii").strip())
    except (OSError, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _make() -> bytes:
    """Write a new key, or read the one that another process has just written."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{FILE}.{secrets.token_hex(8)}.part")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and _kept() is None:  # emptied or cut short: of no use to anybody
            path.unlink()
        # A hard link takes no file's place, so that two processes end with one key. The other one
        # may have removed this one's file by then.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(unfinished, path)
    finally:
        with contextlib.suppress(OSError):  # the next seal removes it
            unfinished.unlink()
    key = _kept()
    if key is None:
        raise OSError(f"{path} cannot be read")
    return key


def _remove_unfinished() -> None:
    """Remove what killed processes, or a removal that failed, left of making the key.

    Only when there is a key: whoever is making one now then takes that.
    """
    for path in _path().parent.glob(f"{FILE}.*.part"):
        with contextlib.suppress(OSError):
            path.unlink()


@cache
def _of_process() -> bytes:
    return secrets.token_bytes(KEY_BYTES)
