"""Moving a collection from one space to another, resumably."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sensorium.collection.adding import Progress
from sensorium.collection.files import Skipped
from sensorium.collection.pipeline import Read, embed, prepare_segments
from sensorium.collection.rows import ReembeddedItem
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import Encoder
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.sources import read_file


@dataclass
class ReembedReport:
    """What `Collection.reembed` did.

    Attributes
    ----------
    embedded : int
        Items that went through the new encoder in this run.
    resumed : int
        Items that an earlier, unfinished run had done.
    skipped : list of Skipped
        Items whose files are gone or broken; they have no vector in the new space.
    seconds : float
    """

    embedded: int = 0
    resumed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class _Item:
    id: int
    path: str
    content_hash: bytes
    file_hash: bytes = b""
    failure: str = ""


def reembed(
    store: SQLiteStore,
    encoder: Encoder,
    encoder_name: str,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> ReembedReport:
    """See `Collection.reembed`."""
    started = time.monotonic()
    store.begin_reembedding(encoder.space, encoder_name)
    total = sum(store.count_items().values())
    report = ReembedReport(resumed=total - len(store.not_reembedded()))
    # By content, too: a file that is put back in order and added again gets another try.
    failed: dict[tuple[int, bytes], Skipped] = {}

    def read(item: _Item) -> Read[_Item]:
        try:
            encoded = read_file(Path(item.path))
            pieces = prepare_segments(encoder, Image.from_encoded(encoded, Path(item.path)))
        except MediaError as error:
            return Read(replace(item, failure=error.reason))
        return Read(replace(item, file_hash=hashlib.sha256(encoded).digest()), pieces)

    def waiting() -> Iterator[_Item]:
        for item, path, content_hash in store.not_reembedded():
            if (item, content_hash) not in failed:
                yield _Item(item, path, content_hash)

    finished = False
    while not finished:
        for batch in embed(encoder, waiting(), read, batch_size=batch_size):
            done = [
                ReembeddedItem(item.id, item.content_hash, item.file_hash, spans, vectors)
                for item, spans, vectors in batch
                if spans
            ]
            finished = not store.write_reembedded(encoder.space, done)
            if finished:
                break
            report.embedded += len(done)
            failed |= {
                (i.id, i.content_hash): Skipped(i.path, i.failure) for i, _, _ in batch if i.failure
            }
            if progress is not None:
                stored = report.resumed + report.embedded + len(failed)
                progress(stored, max(stored, total))
        # Another process may have added items with the old encoder: go round until none is left.
        finished = finished or store.finish_reembedding(encoder.space, failed)
    report.skipped = list(failed.values())
    report.seconds = time.monotonic() - started
    return report
