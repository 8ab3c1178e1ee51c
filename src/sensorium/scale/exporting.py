"""A collection in Lance as Parquet parts, which the machines of a cluster write."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray

from sensorium.collection import Collection
from sensorium.collection.bulk import BULK_BATCH
from sensorium.collection.exchange import SPACE_FILE, Content, ExportReport, Origin
from sensorium.collection.opening import location_of, open_store
from sensorium.collection.store import Store
from sensorium.collection.tables import write as write_table
from sensorium.errors import CollectionError, UsageError
from sensorium.folders import local_path, read_bytes, write_json
from sensorium.media.progress import Progress
from sensorium.scale.cluster import connected, is_whole, require_sensible, resources

PART_ROWS = 100_000
"""Rows of a part: 256 MB of 640 numbers."""

PLAN = "parts.json"
"""Which parts a folder is to have, of which moment; written first."""

UNFINISHED = "unfinished"
"""Folder of parts that are being written."""

MOST_PLAN = 1 << 28
TRIES = 3
"""Times that a part is begun anew where a machine has died."""


@dataclass(frozen=True)
class PartFile:
    """A file of the folder.

    Attributes
    ----------
    name : str
    first, last : int
        Ids of its first and last item.
    rows : int
    """

    name: str
    first: int
    last: int
    rows: int


@dataclass(frozen=True)
class Plan:
    """What a folder is to hold.

    Attributes
    ----------
    uri : str
        Of the table.
    version : int
        Of the table, which all machines read.
    parts : sequence of PartFile
    """

    uri: str
    version: int
    parts: Sequence[PartFile]


def export(
    collection: str | os.PathLike[str] | Collection,
    target: str | os.PathLike[str],
    *,
    rows: int = PART_ROWS,
    address: str | None = None,
    workers: int | None = None,
    cpus: float = 1.0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a collection in Lance as a folder of Parquet parts, on a Ray cluster.

    All parts are of the version that the collection has when the folder is begun; a run that was
    broken off is gone on with by the next, which writes what is lacking. A part is there as a
    whole, or not at all. What `sensorium import` reads, and columns, are those of
    `sensorium.collection.exchange.export_collection` with the layout "parquet".

    Parameters
    ----------
    collection : str, Path or Collection
    target : str or Path
        A folder under the same path on every machine: new, or one that an earlier run began.
    rows : int
        Of a part, about: an item with all its vectors is in one.
    address, workers, cpus, memory
        As for `sensorium.scale.index`.
    progress : callable, optional
        Called with (rows done, rows) after each part.

    Raises
    ------
    MissingExtraError
        Without the extra ``scale``.
    UsageError
        For a collection in SQLite, a target that holds something else, or where no cluster answers.
    CollectionError
        When the collection is empty, its version is gone, or a part cannot be written.
    """
    started = time.monotonic()
    require_sensible(workers, cpus, 0.0, memory)
    if not is_whole(rows) or rows < 1:
        raise UsageError(f"rows of a part are a whole number of 1 or more, got {rows!r}")
    folder = local_path(target)
    path = collection.path if isinstance(collection, Collection) else location_of(collection)
    with closing(open_store(path)) as store, store.snapshot():
        plan = _plan(store, folder, rows)
    place = location_of(f"{_address(plan.uri)}?version={plan.version}")
    with closing(open_store(place)) as store:
        counts, state = store.counts(), store.state()
        if state.space is None or not counts.vectors:
            raise CollectionError(f"{store.path} holds no vectors to export")
        if not (folder / SPACE_FILE).exists():
            _begin(folder, plan)
            with connected(address):
                most = resources(workers, cpus, 0.0, memory).workers
                _write_all(folder, plan, most, cpus, progress)
            origin = Origin(*state.space)
            write_json(folder / SPACE_FILE, json.loads(origin.to_json(counts.vectors)))
    items = sum(counts.items.values()) - counts.without_vectors
    return ExportReport(
        str(folder), "parquet", items, counts.vectors, counts.without_vectors,
        time.monotonic() - started,
    )  # fmt: skip


def _address(uri: str) -> str:
    return uri if "://" in uri else f"lance://{uri}"


def _plan(store: Store, folder: Path, rows: int) -> Plan:
    """What a folder was begun with; else what it is to hold now."""
    version = store.table_version()
    if store.table_uri is None or version is None:
        raise UsageError(
            f"{store.path} is a file of SQLite, which other machines do not read: `sensorium "
            "export --layout parquet` writes it from here"
        )
    if (folder / PLAN).is_file():
        plan = _read_plan(folder / PLAN)
        if plan.uri != store.table_uri:
            raise UsageError(f"{folder} holds parts of {plan.uri}: name another folder")
        if version != plan.version and (folder / SPACE_FILE).exists():
            raise UsageError(
                f"{folder} holds the version {plan.version} of {plan.uri}, which is now at "
                f"{version}: name another folder"
            )
        return plan
    if folder.exists() and not (folder.is_dir() and _is_unused(folder)):
        raise UsageError(f"{folder} exists, and holds no parts: name a new folder")
    return Plan(store.table_uri, version, [*_parts(store.items_with_vectors(), rows)])


def _is_unused(folder: Path) -> bool:
    """Whether nothing is there, or what a run left that ended before it had a plan."""
    left = [*folder.iterdir()]
    return not left or (
        [path.name for path in left] == [UNFINISHED]
        and left[0].is_dir()
        and not any(left[0].iterdir())
    )


def _parts(counted: Iterator[tuple[int, int]], rows: int) -> Iterator[PartFile]:
    """Items, by id and number of vectors, in files of at least so many rows."""
    number, first, last, found = 0, -1, -1, 0
    for item, vectors in counted:
        first, last, found = item if first < 0 else first, item, found + vectors
        if found >= rows:
            yield PartFile(_name(number), first, last, found)
            number, first, found = number + 1, -1, 0
    if found:
        yield PartFile(_name(number), first, last, found)


def _name(number: int) -> str:
    return f"part-{number:05}.parquet"


def _read_plan(file: Path) -> Plan:
    try:
        facts = json.loads(read_bytes(file, MOST_PLAN))
        parts = [
            PartFile(_name(n), *(int(part[key]) for key in ("first", "last", "rows")))
            for n, part in enumerate(facts["parts"])
        ]
        return Plan(str(facts["uri"]), int(facts["version"]), parts)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read ({error!r:.80}): name a new folder") from error


def _begin(folder: Path, plan: Plan) -> None:
    try:
        (folder / UNFINISHED).mkdir(parents=True, exist_ok=True)
        for left in (folder / UNFINISHED).iterdir():  # of a run that was killed
            left.unlink()
        write_json(folder / PLAN, asdict(plan))
    except OSError as error:
        raise CollectionError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _write_all(folder: Path, plan: Plan, most: int, cpus: float, progress: Progress | None) -> None:
    """Write what is lacking, so many at once."""
    task: Any = ray.remote(num_cpus=cpus, max_retries=TRIES)(write_part)
    lacking = [part for part in plan.parts if not (folder / part.name).is_file()]
    total = sum(part.rows for part in plan.parts)
    done = total - sum(part.rows for part in lacking)
    running: dict[Any, PartFile] = {}
    waiting = iter(lacking)
    while True:
        for part in waiting:
            running[task.remote(plan.uri, plan.version, str(folder), part)] = part
            if len(running) >= most:
                break
        if not running:
            break
        (ended, *_), _ = ray.wait([*running], num_returns=1)
        try:
            ray.get(ended)
        except ray.exceptions.RayError as error:
            reason = " ".join(str(getattr(error, "cause", None) or error).split())[-300:]
            raise CollectionError(
                f"{folder / running[ended].name}: not written ({reason})"
            ) from error
        done += running.pop(ended).rows
        if progress is not None:
            progress(done, total)
    with contextlib.suppress(OSError):  # another run may be at work, or have been
        (folder / UNFINISHED).rmdir()


def write_part(uri: str, version: int, folder: str, part: PartFile) -> None:
    """Write one part; runs on any machine."""
    target = Path(folder, part.name)
    # Two machines may be at it, where one was taken for dead.
    unfinished = Path(folder, UNFINISHED, f"{secrets.token_hex(8)}.parquet")
    place = location_of(f"{_address(uri)}?version={version}")
    with closing(open_store(place)) as store, store.snapshot():
        space = store.state().space
        assert space is not None
        batches = store.rows(space[0].dimension, BULK_BATCH, items=(part.first, part.last))
        write_table("parquet", unfinished, Content(Origin(*space), part.rows, batches))
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(target)
