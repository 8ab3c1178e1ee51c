"""Index files beside a collection: what can always be made again from the collection itself.

``NAME.sensorium-index/`` holds for each slot (``vectors``, ``hash``) one JSON file that names a
folder of this generation, its files' sizes and checksums, the space and the state of the table it
was made from. A generation is written whole before the JSON file is replaced, in one step; whatever
is missing, damaged, of another space or not built by this user is as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.sealing import digest_blocks, is_sealed, seal
from sensorium.errors import CollectionError, UsageError
from sensorium.folders import read_bytes
from sensorium.index.base import Index, Searchable
from sensorium.index.kinds import load_index

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
SLOTS = ("vectors", "codes", "hash")
"""Indexes of vectors that were chosen by measuring them, 4-bit codes, and hash codes."""
IDS = "ids.npy"
KEYS = "keys.npy"
READ_BYTES = 1 << 22
LOCK = ".lock"
"""Of a generation that is being written, held by the process that does."""

ABANDONED_SECONDS = 6 * 3600
"""So old an unfinished generation belongs to a killed process, where there are no locks."""


MOST_FACTS = 1 << 24
"""Bytes of the JSON file of a slot. It has some thousand, of which most say what was measured."""


class DamagedIndexError(Exception):
    """Why index files are not used; never leaves `sensorium.collection`."""


class ForeignIndexError(DamagedIndexError):
    """These files were not built by this user, or before this was noted: they are not opened."""


@dataclass(frozen=True)
class DerivedIndex:
    """An index over the first vectors of a collection.

    Attributes
    ----------
    index : Searchable
    segment_ids, item_ids : ndarray of int64, shape (n,)
        Whose vectors the index's rows are, in increasing order of segments.
    state : dict
        ``space`` (fingerprint), ``changes`` (the table's change counter), ``last_segment`` (later
        ones are not in it), ``removed`` (how far the log of removals had been read), ``kind``,
        ``parameters``, ``recall`` (as measured), ``wanted``, ``curve`` (what it was chosen from).
    generation : Path
        Folder of its files.
    keys : ndarray of uint64, shape (n,), or None
        Of its vectors, where they are kept: see `sensorium.ranking.scale.keys_of`.
    """

    index: Searchable
    segment_ids: npt.NDArray[np.int64]
    item_ids: npt.NDArray[np.int64]
    state: Mapping[str, Any]
    generation: Path
    keys: npt.NDArray[np.uint64] | None = None


SUFFIX = "-index"

SAMPLED = 16
"""Vectors that an index notes the checksums of, to tell whether a collection is the one it is of:
its file may have been restored from a copy, or another one may have taken its name."""


def folder_of(collection: Path) -> Path:
    """Where the index files of a collection are."""
    return collection.with_name(collection.name + SUFFIX)


def signature(collection: Path, slot: str) -> tuple[int, int] | None:
    """Changes whenever another generation is put in place; None while there is none."""
    try:
        # os.stat: asked before every search, and pathlib would take five times as long.
        status = os.stat(f"{collection}{SUFFIX}/{slot}.json")  # noqa: PTH116
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def write_index(
    collection: Path,
    slot: str,
    index: Index,
    ids: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    state: Mapping[str, Any],
    queries: Sequence[npt.NDArray[np.float32]] = (),
    keys: npt.NDArray[np.uint64] | None = None,
) -> str:
    """Put a new generation in place of the last one.

    `queries` are kept with it, to tune the next generation with, and `keys` (`DerivedIndex`).

    Returns
    -------
    str
        The generation.

    Raises
    ------
    CollectionError
        When the files cannot be written; the last generation then stays.
    """
    folder = folder_of(collection)
    generation = f"{slot}-{secrets.token_hex(8)}"
    with written(folder), _locked(folder / f"{generation}{LOCK}"):
        unfinished = folder / f"{generation}.part"
        pointer = folder / f"{slot}.json"
        # Of its own: another process may build the same index at the same time.
        new_pointer = folder / f"{generation}.json.part"
        try:
            unfinished.mkdir()
            index.save(unfinished)
            np.save(unfinished / IDS, np.stack(ids))
            for number, group in enumerate(queries):
                np.save(unfinished / f"queries-{number}.npy", group)
            if keys is not None:
                np.save(unfinished / KEYS, keys)
            files = {}
            paths = sorted(unfinished.iterdir())
            for path in paths:
                files[path.name] = [path.stat().st_size, _checksum(path)]
                _sync(path)
            digests = digest_blocks(paths)
            unfinished.rename(folder / generation)
            _sync(folder)
            facts = {
                "format": FORMAT, "generation": generation, **state, "vectors": len(ids[0]),
                "files": files, "digests": digests,
            }  # fmt: skip
            body = json.dumps(facts, sort_keys=True)
            outer = {"checksum": zlib.crc32(body.encode()), "seal": seal(body), "facts": body}
            with new_pointer.open("x", encoding="utf-8") as file:
                json.dump(outer, file)
                file.flush()
                os.fsync(file.fileno())
            last = _generation(pointer)
            new_pointer.replace(pointer)
        except BaseException:
            new_pointer.unlink(missing_ok=True)
            for part in (unfinished, folder / generation):
                shutil.rmtree(part, ignore_errors=True)
            raise
        _remove_others(folder, slot, generation, last)
    return generation


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Make a folder beside a collection and let files be written into it.

    Raises
    ------
    CollectionError
        When the disk is full, or nothing can be written there.
    """
    try:
        folder.mkdir(exist_ok=True)
        yield
    except (OSError, RuntimeError) as error:  # FAISS raises the second
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[-120:]
        raise CollectionError(
            f"{folder}: cannot be written ({reason}); what was there before stays"
        ) from error


def _generation(pointer: Path) -> str:
    try:
        return str(_facts(pointer)[0]["generation"])
    except UNREADABLE:
        return ""


def read_index(collection: Path, slot: str, space: str) -> DerivedIndex | None:
    """Load the index of a slot.

    Parameters
    ----------
    collection : Path
        The collection's file.
    slot : str
        One of `SLOTS`.
    space : str
        Fingerprint that the vectors must have.

    Returns
    -------
    DerivedIndex or None
        None when none was ever written.

    Raises
    ------
    ForeignIndexError
        When it was not built by this user: none of its files is opened.
    DamagedIndexError
        When what is there cannot be used, and why.
    """
    folder = folder_of(collection)
    pointer = folder / f"{slot}.json"
    try:
        facts, is_own = _facts(pointer)
        if not is_own:
            raise ForeignIndexError(
                f"{folder} was built elsewhere, or by an earlier version: it is not opened"
            )
        if facts["format"] != FORMAT:
            raise DamagedIndexError(f"{pointer} has format {facts['format']}, not {FORMAT}")
        if facts["space"] != space:
            raise DamagedIndexError(f"{pointer} is of another space, {facts['space']}")
        generation = folder / facts["generation"]
        _check(generation, facts["digests"])
        # A plain view of the mapped file: numpy's memmap takes longer to pick rows from.
        ids = np.asarray(np.load(generation / IDS, mmap_mode="r", allow_pickle=False))
        keys = None
        if KEYS in facts["digests"]:
            keys = np.asarray(np.load(generation / KEYS, mmap_mode="r", allow_pickle=False))
        index = load_index(generation, facts["kind"], facts["parameters"])
    except FileNotFoundError as error:
        if not pointer.exists():
            return None
        raise DamagedIndexError(f"{error.filename} is missing") from error
    except (*UNREADABLE, RuntimeError, MemoryError, UsageError) as error:  # FAISS: RuntimeError
        raise DamagedIndexError(f"{pointer}: {error}") from error
    return DerivedIndex(index, ids[0], ids[1], facts, generation, keys)


def read_state(collection: Path, slot: str) -> dict[str, Any] | None:
    """The state of an index (`DerivedIndex`) without opening it; None where none can be used."""
    try:
        facts, is_own = _facts(folder_of(collection) / f"{slot}.json")
    except UNREADABLE:
        return None
    return facts if is_own and facts.get("format") == FORMAT else None


def describe_index(collection: Path, slot: str) -> dict[str, Any] | None:
    """What is told of an index without opening it; None when there is none that can be read.

    Returns
    -------
    dict or None
        ``kind``, ``vectors`` (how many are in it), ``recall`` (as measured; not for hash codes),
        ``parameters``, ``bytes``, ``checksum``, which differs where the files do, and ``foreign``
        where it was built elsewhere and is not opened.
    """
    try:
        facts, is_own = _facts(folder_of(collection) / f"{slot}.json")
        size = sum(size for size, _ in facts["files"].values())
        types = {"kind": str, "vectors": int, "recall": float, "parameters": dict}
        checksum = zlib.crc32(json.dumps(facts["files"], sort_keys=True).encode())
        known = {name: facts[name] for name in types if name in facts}
        if any(not isinstance(value, types[name]) for name, value in known.items()):
            return None
        foreign = {} if is_own else {"foreign": True}
        return {**known, "bytes": size, "checksum": checksum, **foreign}
    except UNREADABLE:
        return None


UNREADABLE = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
"""What reading facts raises that are damaged, or that somebody else wrote."""


def _facts(pointer: Path) -> tuple[dict[str, Any], bool]:
    """What is written of an index, and whether this user's Sensorium wrote it."""
    outer = json.loads(read_bytes(pointer, MOST_FACTS))
    body = outer["facts"]
    if zlib.crc32(body.encode()) != outer["checksum"]:
        raise ValueError("its checksum is wrong")
    facts: dict[str, Any] = json.loads(body)
    return facts, is_sealed(body, outer.get("seal"))


def sample_of(
    segment_ids: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32]
) -> dict[str, int]:
    """CRC-32 of some vectors, by the ids of their segments."""
    rows = np.unique(np.linspace(0, len(segment_ids) - 1, SAMPLED).astype(int))
    rows = rows[: len(segment_ids)]
    return {str(segment_ids[row]): zlib.crc32(vectors[row].astype("<f4").tobytes()) for row in rows}


def require_same_vectors(
    index: DerivedIndex, segment_ids: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32]
) -> None:
    """Refuse an index of another collection, by those of its sampled vectors that are still there.

    Raises
    ------
    DamagedIndexError
        When a vector of the same id is another one.
    """
    noted = index.state["sample"]
    if any(noted[name] != now for name, now in sample_of(segment_ids, vectors).items()):
        raise DamagedIndexError(f"{index.generation} is an index of another collection")


def read_queries(index: DerivedIndex) -> list[npt.NDArray[np.float32]]:
    """The groups of queries that an index was tuned with."""
    files = sorted(index.generation.glob("queries-*.npy"))
    return [np.load(file, allow_pickle=False) for file in files]


def remove_slot(collection: Path, slot: str) -> None:
    """Delete an index; searches then look at every vector."""
    folder = folder_of(collection)
    (folder / f"{slot}.json").unlink(missing_ok=True)
    if folder.is_dir():
        _remove_others(folder, slot, "")


def _check(generation: Path, digests: Mapping[str, str]) -> None:
    """Compare every file with its digest: FAISS trusts what it reads, and may crash on it."""
    found = digest_blocks(generation / name for name in digests)
    for name, digest in digests.items():
        if digest != found[name]:
            raise DamagedIndexError(f"{generation / name} is damaged")


def _checksum(path: Path) -> int:
    total = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(READ_BYTES):
            total = zlib.crc32(block, total)
    return total


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # folders cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let others see that the generation of this lock is being written, until it is named."""
    if fcntl is None:
        yield
        return
    while True:
        with path.open("wb") as lock:
            with contextlib.suppress(OSError):  # a network's file system may have no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.fstat(lock.fileno()).st_nlink:
                continue  # between the two somebody took it for one that a killed process left
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_left(lock: Path) -> bool:
    """Whether the process is gone that wrote the generation of a lock."""
    if fcntl is None:
        return False
    try:
        with lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.unlink()
    except OSError:  # there is none, or somebody holds it
        return False
    return True


def _remove_others(folder: Path, slot: str, generation: str, last: str | None = None) -> None:
    """Delete the last generation, and what killed processes left; open ones stay readable.

    Without `last` all go but those that are being written. A finished one that nobody names yet
    may be another process's, which is about to name it.
    """
    paths = [
        path
        for path in folder.iterdir()
        if path.name.startswith(f"{slot}-") and path.name.partition(".")[0] != generation
    ]
    left = {path.stem for path in paths if path.suffix == LOCK and _is_left(path)}
    for path in paths:
        with contextlib.suppress(OSError):  # another process may be deleting it, too
            named = path.name.partition(".")[0]
            # A lock is there before what it is for, and until that is gone.
            is_loose = path.suffix == ".part" and not (folder / f"{named}{LOCK}").exists()
            abandoned = (
                named in left
                or (is_loose and fcntl is not None)
                or path.stat().st_mtime < time.time() - ABANDONED_SECONDS
            )
            if abandoned or (last in (None, path.name) and path.suffix not in (".part", LOCK)):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
