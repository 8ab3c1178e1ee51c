"""Moving a collection from one space to another, resumably."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sensorium.collection.adding import Progress
from sensorium.collection.files import Skipped
from sensorium.collection.pipeline import Read, embed, prepare_segments
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import Encoder
from sensorium.errors import MediaError
from sensorium.media import Image


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
    failed: dict[int, Skipped] = {}

    def read(item: _Item) -> Read[_Item]:
        try:
            return Read(item, prepare_segments(encoder, Image(Path(item.path))))
        except MediaError as error:
            return Read(_Item(item.id, item.path, error.reason))

    def waiting() -> Iterator[_Item]:
        for item, path in store.not_reembedded():
            if item not in failed:
                yield _Item(item, path)

    while True:
        for batch in embed(encoder, waiting(), read, batch_size=batch_size):
            done = [(item.id, spans, vectors) for item, spans, vectors in batch if spans]
            store.write_reembedded(encoder.space, done)
            report.embedded += len(done)
            failed |= {i.id: Skipped(i.path, i.failure) for i, _, _ in batch if i.failure}
            if progress is not None:
                progress(report.resumed + report.embedded + len(failed), total)
        # Another process may have added items with the old encoder: go round until none is left.
        if store.finish_reembedding(failed):
            break
    report.skipped = list(failed.values())
    report.seconds = time.monotonic() - started
    return report
