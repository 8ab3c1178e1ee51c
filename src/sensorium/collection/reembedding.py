"""Moving a collection from one space to another, resumably."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sensorium.collection.rows import ReembeddedItem
from sensorium.collection.store import Store
from sensorium.data.files import stored_path
from sensorium.encoders import Encoder
from sensorium.encoders.pipeline import Read, embed
from sensorium.encoders.reading import is_heavy, read_segments, segments_of
from sensorium.encoders.trust import may_look_at
from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import Image, open_media
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.media.sources import hash_file, read_file


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
    store: Store,
    encoder: Encoder,
    encoder_name: str,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> ReembedReport:
    """See `Collection.reembed`."""
    started = time.monotonic()
    reembedding = store.reembedding(encoder.space, encoder_name)
    total = len(store.paths())
    report = ReembedReport(resumed=total - len(reembedding.missing()))
    # By content, too: a file that is put back in order and added again gets another try.
    failed: dict[tuple[int, bytes], Skipped] = {}

    def read(item: _Item) -> Read[_Item]:
        try:
            path = stored_path(item.path)
            media = open_media(path)
            if isinstance(media, Image):
                encoded = read_file(path)
                media = Image.from_encoded(encoded, path)
                digest = hashlib.sha256(encoded).digest()
            else:
                digest = hash_file(path)
            stored = list(store.texts(item=item.id).items())
            segments = segments_of(encoder, media, stored=stored)
            found = replace(item, file_hash=digest)
        except MediaError as error:
            return Read(replace(item, failure=error.reason))
        except MissingExtraError as error:
            return Read(replace(item, failure=str(error)))
        return read_segments(found, media, segments, lambda reason: replace(found, failure=reason))

    def waiting() -> Iterator[_Item]:
        for item, path, content_hash in reembedding.missing():
            if (item, content_hash) not in failed:
                yield _Item(item, path, content_hash)

    finished = False
    while not finished:
        batches = embed(
            encoder, waiting(), read, batch_size=batch_size,
            is_heavy=lambda item: may_look_at(item.path) and is_heavy(Path(item.path)),
        )  # fmt: skip
        for batch in batches:
            done = [
                ReembeddedItem(item.id, item.content_hash, item.file_hash, segments, vectors)
                for item, segments, vectors in batch
                if len(vectors) and not item.failure
            ]
            finished = not reembedding.write(done)
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
        finished = finished or reembedding.finish(failed)
    report.skipped = list(failed.values())
    report.seconds = time.monotonic() - started
    return report
