"""Reading and encoding on a cluster, in the place of the threads that `Collection.add` has."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sensorium.collection.adding import Adder
from sensorium.collection.rows import Placed, StoredItem
from sensorium.collection.work import Work
from sensorium.data.metadata import merged
from sensorium.encoders.pipeline import Embedded
from sensorium.errors import SensoriumError
from sensorium.scale.attempts import Attempts
from sensorium.scale.cluster import Resources, explained, quiet, ray
from sensorium.scale.encoding import EncodingActor, Setup
from sensorium.scale.placing import Place, placed_of
from sensorium.scale.rows import Row, Task, encoded_of, require_no_failure, tasks_to_table
from sensorium.scale.tables import ReadParts, Tables, parts_table

BLOCK = 256
"""Files of a block at most: what an actor is given at once, and what is done again when it dies."""

BLOCKS_EACH = 4
"""Blocks for each actor, where there are fewer files: one that is slower gets fewer of them."""

PLACED_ROWS = 2048
"""Files whose vectors are written together into a Lance table; of 640 numbers, 5 MB."""

COMMIT_SECONDS = 10.0
"""Seconds between two commits, at least: each makes files, and what comes after it a kill loses."""

COMMIT_BYTES = 1 << 28
"""Bytes of vectors that wait for a commit, at most, where they come to this machine."""


@dataclass
class ClusterEmbedder:
    """Has work done on a cluster; see `sensorium.collection.adding.Embedder`.

    Attributes
    ----------
    setup : Setup
    connect : callable
        Connects to the cluster and says what actors take; called when there is work.
    place : Place or None
        Writes vectors where the collection is; without it, they come to this machine.
    tables : Tables
        Whose rows are encoded files, to be read beside the files that are named.
    metadata : mapping
        Of the rows of tables.
    """

    setup: Setup
    connect: Callable[[], Resources]
    place: Place | None
    tables: Tables = field(default_factory=Tables)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    _fragments: dict[str, int] = field(default_factory=dict)

    def __call__(self, adder: Adder, work: Iterable[Work]) -> Iterator[list[Embedded[Work]]]:
        """Yield what is to be stored; the next batch is made of what is stored by then."""
        away: list[Work] = []
        here: list[Embedded[Work]] = []
        for one in work:
            if not one.change:
                away.append(one)
                continue
            here.append((one, [], np.empty((0, self._dimension(adder)), np.float32)))
            if len(here) >= adder.batch_size:
                yield here
                here = []
        if here:
            yield here
        while away and not adder.is_stopped():
            # What they were to take over may vanish meanwhile: then they come back.
            again = yield from self._encoded(adder, away)
            away = [replace(one, change="", reuse=False) for one in again]
        tables, self.tables = self.tables, Tables()
        if tables.parts and not adder.is_stopped():
            yield from self._of_tables(adder, tables)

    def _dimension(self, adder: Adder) -> int:
        return adder.encoder.space.dimension

    def _encoded(
        self, adder: Adder, works: Sequence[Work]
    ) -> Generator[list[Embedded[Work]], None, list[Work]]:
        claimed = self._claimed(adder)
        stored = adder.store.contents({work.file.size for work in works})
        tasks = [
            Task(number, work, stored.get(work.file.size, ()) if work.reuse else ())
            for number, work in enumerate(works)
        ]
        size = max(1, min(BLOCK, -(-len(tasks) // (claimed.workers * BLOCKS_EACH))))
        blocks = [tasks_to_table(tasks[n : n + size]) for n in range(0, len(tasks), size)]
        missing = {task.number for task in tasks}
        again: list[Work] = []
        source = ray.data.from_blocks(blocks)
        for rows in self._rows(adder, claimed, source, len(tasks)):
            # A block that was made twice, because a machine died, counts once.
            new = sorted((row for row in rows if row[0] in missing), key=lambda row: row[0])
            missing.difference_update(number for number, _ in new)
            yield from in_rounds(adder, [row for _, row in new], again)
        if missing and not adder.is_stopped():
            raise explained(RuntimeError(f"{len(missing):,} files did not come back"))
        return again

    def _of_tables(self, adder: Adder, tables: Tables) -> Iterator[list[Embedded[Work]]]:
        claimed = self._claimed(adder)
        adder.total += tables.rows
        names = {part.name for part in tables.parts}
        there = [path for _, path in adder.store.paths() if f"{path.partition('#')[0]}#" in names]
        known = adder.store.items(there)
        hashes = {path: item.file.content_hash for path, item in known.items()}
        source = ray.data.from_blocks(parts_table(tables.parts)).map_batches(
            ReadParts(self.metadata, hashes), batch_size=None, batch_format="pyarrow", num_cpus=0,
            compute=ray.data.TaskPoolStrategy(size=claimed.workers),
        )  # fmt: skip
        seen: dict[str, bytes] = {}
        for rows in self._rows(adder, claimed, source, tables.rows, BLOCK):
            new = [
                (once(work, seen, known), records, vectors)
                for _, (work, records, vectors) in rows
            ]  # fmt: skip
            adder.total = max(adder.total, adder.done + len(new))
            yield from in_rounds(adder, new, [])

    def _claimed(self, adder: Adder) -> Resources:
        """Connect, and see to it that there is a column where the first vectors go, too."""
        claimed = self.connect()
        if self.place is not None:
            adder.store.claim_space(adder.encoder.space, adder.encoder_name)
        return claimed

    def _rows(
        self, adder: Adder, claimed: Resources, source: Any, total: int, size: int | None = None
    ) -> Iterator[list[Row]]:
        """What becomes of the files of a data set, whenever it is to be committed."""
        dimension = self._dimension(adder)
        encoded = source.map_batches(
            EncodingActor, fn_constructor_args=(self.setup, Attempts()), batch_size=size,
            batch_format="pyarrow", num_cpus=claimed.cpus, num_gpus=claimed.gpus or None,
            memory=claimed.memory,
            # All at once, and fewer where a machine has gone with its own.
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=claimed.workers, initial_size=claimed.workers
            ),
        )  # fmt: skip
        if self.place is not None:
            together = max(1, min(PLACED_ROWS, total // 8)) if total else PLACED_ROWS
            encoded = encoded.map_batches(
                self.place, batch_size=together, batch_format="pyarrow", num_cpus=0
            )
        waiting: list[Row] = []
        failure: SensoriumError | None = None
        since = time.monotonic()
        with quiet():
            try:
                for table in encoded.iter_batches(batch_size=None, batch_format="pyarrow"):
                    require_no_failure(table)
                    if self.place is None:
                        waiting += encoded_of(table, dimension)
                    else:
                        waiting += placed_of(table, self._fragments, dimension)
                    is_late = time.monotonic() - since > COMMIT_SECONDS
                    if is_late or _bytes(waiting) > COMMIT_BYTES or adder.is_stopped():
                        yield waiting
                        waiting, since = [], time.monotonic()
                    if adder.is_stopped():
                        break
            except SensoriumError as error:
                failure = error
            except ray.exceptions.RayError as error:
                failure = explained(error)
        yield waiting  # what came before an error is stored
        if failure is not None:
            raise failure


def _bytes(rows: Sequence[Row]) -> int:
    return sum(vectors.nbytes for _, (_, _, vectors) in rows if not isinstance(vectors, Placed))


def once(work: Work, seen: dict[str, bytes], known: Mapping[str, StoredItem]) -> Work:
    """A row of a table: its key counts once, and what it says may be what is stored."""
    if work.change == "skip":
        return work
    key, content = work.file.path, work.file.content_hash
    if key in seen:
        if seen[key] == content:
            return replace(work, change="same")
        return replace(work, change="skip", reason="its key comes twice: the first row counts")
    seen[key] = content
    if work.change == "touch" and key in known:
        stored = known[key].metadata
        if merged(stored, work.candidate.said) == stored:
            return replace(work, change="same")
    return work


def in_rounds(
    adder: Adder, rows: Sequence[Embedded[Work]], again: list[Work]
) -> Iterator[list[Embedded[Work]]]:
    """Files of one content in one batch after the other: the first is stored, the others copy it.

    Equal files are to be equally near to everything, and what two machines computed may differ by
    rounding. Files whose content was stored before are looked up now; `again` gets those for which
    it is gone.
    """
    while rows:
        batch, others = [], []
        contents: set[bytes] = set()
        for work, records, vectors in rows:
            if work.change == "known":
                found = adder.reused(replace(work, change=""))
                if found is None:
                    again.append(work)
                    continue
                work = found
            if work.change == "embed" and work.file.content_hash in contents:
                others.append((work, records, vectors))
                continue
            if work.change == "embed":
                contents.add(work.file.content_hash)
            batch.append((work, records, vectors))
        if batch:
            yield batch
        rows = others
