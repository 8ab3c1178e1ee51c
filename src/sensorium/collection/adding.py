"""Bringing a collection up to date with files: what is new, changed, moved or broken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import folder_of
from sensorium.collection.renaming import find_renames
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.store import Store
from sensorium.collection.work import STOPPED, Work, read_work
from sensorium.data.files import Candidate, Ignored, Source, find_files, is_gone
from sensorium.data.metadata import EMPTIED, dump_metadata, merged
from sensorium.encoders import Encoder
from sensorium.encoders.pipeline import Embedded, PreparedSegment, Read, embed
from sensorium.encoders.reading import NOTHING, Extraction, is_heavy
from sensorium.errors import MediaError
from sensorium.media import Media, Modality, open_media
from sensorium.media.progress import Progress
from sensorium.media.skipped import Note, Skipped

if TYPE_CHECKING:
    from sensorium.data.dataset_rows import RowSource
    from sensorium.tasks.journal import Journal

BATCH_SIZE = 32
"""Files a batch: what is lost when the process is killed, and what the model sees at once.

Larger batches are no faster with the shipped encoder (benchmarks/indexing.py)."""


@dataclass
class AddReport:
    """What `Collection.add` did.

    Attributes
    ----------
    added, updated, moved, unchanged : int
        Files that are new, whose content changed, that were found under a new path, and that were
        as before.
    embedded : int
        Files that went through the encoder: `added` and `updated` less copies of known content.
    compared : int
        Files of the same size and time whose content was compared with what was indexed (`verify`).
    skipped : list of Skipped
        What could not be indexed, with the reason; nothing that was stored of it before is lost.
    notes : list of Note
        What could not be used in files that were indexed: a track, a page, a layer.
    ignored : int
        Files met in folders that are no media.
    ignored_kinds : dict
        How many of these there were, by suffix.
    seconds : float
    stopped : bool
        Whether `stop` ended it before the last file; what was stored before is stored.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    embedded: int = 0
    compared: int = 0
    ignored: int = 0
    ignored_kinds: dict[str, int] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False

    def count_ignored(self, file: Ignored) -> None:
        """Count a file that is no media."""
        self.ignored += 1
        self.ignored_kinds[file.kind] = self.ignored_kinds.get(file.kind, 0) + 1


Embedder = Callable[["Adder", Iterable[Work]], Iterable[list[Embedded[Work]]]]
"""What reads files and makes their vectors, in batches: threads here, or other machines.

The next batch is asked for once the one before is stored."""


def add_files(
    store: Store,
    encoder: Encoder,
    sources: Iterable[Source],
    *,
    encoder_name: str,
    metadata: dict[str, Any] | None = None,
    batch_size: int,
    extraction: Extraction = NOTHING,
    verify: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    embedder: Embedder | None = None,
    data_sets: Sequence[RowSource] = (),
    columns: Mapping[str, str] | None = None,
    keep: Path | None = None,
) -> AddReport:
    """See `Collection.add`; `embedder` does the work, where it is given."""
    # As it will be read back (a tuple is a list in JSON), so that it compares equal next time.
    stated: dict[str, Any] = json.loads(dump_metadata(metadata or {}))
    adder = Adder(
        store, encoder, encoder_name, batch_size, extraction, verify, progress, stop,
        embedder or _embedded_here,
    )  # fmt: skip
    if not data_sets:
        return adder.run(sources, stated)
    from sensorium.collection.adding_rows import add_rows  # who adds files need not load it

    return add_rows(adder, sources, data_sets, columns, stated, keep)


def _embedded_here(adder: Adder, work: Iterable[Work]) -> Iterator[list[Embedded[Work]]]:
    """Read and encode in threads of this process."""
    return embed(
        adder.encoder, work, adder.read, batch_size=adder.batch_size,
        is_heavy=lambda work: not work.change and _is_heavy(work), stop=adder.is_stopped,
    )  # fmt: skip


def _is_heavy(work: Work) -> bool:
    if work.media is not None:
        return work.media.modality == Modality.VIDEO
    return is_heavy(work.candidate.path)


class Adder:
    """One run of `Collection.add`: compares files with what is stored, and stores what is new."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        encoder_name: str,
        batch_size: int,
        extraction: Extraction,
        verify: bool,
        progress: Progress | None,
        stop: Callable[[], bool] | None,
        embedder: Embedder,
    ) -> None:
        self.store = store
        self.encoder = encoder
        self.encoder_name = encoder_name
        self.batch_size = batch_size
        self.extraction = extraction
        self.verify = verify
        self.progress = progress
        self.stop = stop or (lambda: False)
        self.embedder = embedder
        self.report = AddReport()
        self.renamed: dict[str, bool] = {}  # whether something else was known under the path
        self.done = 0
        self.total = 0

    def run(self, sources: Iterable[Source], metadata: dict[str, Any]) -> AddReport:
        """Bring the collection up to date with what the sources name."""
        started = time.monotonic()
        candidates: dict[Path, Candidate] = {}
        for found in find_files(sources):
            if isinstance(found, Skipped):
                self.skip(found.path, found.reason)
            elif isinstance(found, Ignored):
                self.report.count_ignored(found)
            else:
                # A folder and a manifest may name the same file; what they say adds up.
                before = candidates.get(found.path, Candidate(found.path, metadata))
                candidates[found.path] = found.adding_to(before)
        self.total = len(candidates)
        self.follow_renames(candidates)
        stale = self.embed(self.work(candidates.values()))
        if stale:
            # What they were to take over vanished meanwhile: embed them after all.
            paths = [Path(work.file.path) for work in stale]
            files = [candidates[path] for path in paths if path in candidates]
            self.embed(replace(work, reuse=False) for work in self.work(files))
            for path in paths:
                if path not in candidates:  # a row of a table
                    self.skip(str(path), "its like was removed while it was added: add it again")
        self.report.seconds = time.monotonic() - started
        return self.report

    def follow_renames(self, paths: Iterable[Path]) -> None:
        """Let items follow files that changed names among each other; what is left is as ever."""
        renames = find_renames(self.store, paths)
        if renames:
            renamed = [((rename.item, rename.old_path), rename.file) for rename in renames]
            if not self.store.write(self.encoder.space, renamed=renamed):
                self.renamed |= {rename.file.path: rename.is_known for rename in renames}

    def work(self, candidates: Iterable[Candidate]) -> Iterator[Work]:
        """Compare files with what is stored, by size and time; yield those that need reading."""
        for candidate in candidates:
            if self.is_stopped():
                return
            path = str(candidate.path)
            where = candidate.where or path
            try:
                path.encode("utf-8")
                status = candidate.path.stat()
            except UnicodeEncodeError:
                self.skip(where, "the file name is not valid UTF-8: rename the file")
                self.advance(1)
                continue
            except (OSError, ValueError) as error:
                missing = isinstance(error, FileNotFoundError)
                reason = "no such file" if missing else getattr(error, "strerror", None)
                self.skip(where, reason or str(error))
                self.advance(1)
                continue
            file = FileState.of(path, status)
            stored = self.store.items([path]).get(path)
            if stored is None:
                yield Work(candidate, file, is_known=False)
            elif not stored.is_findable:
                yield Work(candidate, file, is_known=True)
            elif (
                (stored.file.size, stored.file.mtime_ns) != (file.size, file.mtime_ns)
                or not stored.file.content_hash  # a re-embedding found that it had changed
            ):
                file = replace(file, content_hash=stored.file.content_hash)
                yield Work(candidate, file, is_known=True)
            elif self.extraction != NOTHING and not (
                {*self.wanted(open_media(candidate.path))} <= {*stored.extracted}
            ):
                yield Work(candidate, file, is_known=True, reuse=False)
            elif self.verify:
                file = replace(file, content_hash=stored.file.content_hash)
                is_said = merged(stored.metadata, candidate.said) == stored.metadata
                equal = "same" if is_said else "touch"
                yield Work(candidate, file, is_known=True, if_equal=equal, verifies=True)
            elif merged(stored.metadata, candidate.said) != stored.metadata:
                yield Work(candidate, file, is_known=True, change="touch")
            else:
                self.count_same(path)
                self.advance(1)

    def read(self, work: Work) -> Read[Work]:
        """Read one file, in a thread, and find out what has to be done."""
        return read_work(
            work, self.encoder, extraction=self.extraction, reused=self.reused,
            journal_of=self._journal, guarded=self._until_stopped,
        )  # fmt: skip

    def reused(self, work: Work) -> Work | None:
        """What is to be done with a file whose content is stored already; None if it is not."""
        twins = self.store.paths(work.file.content_hash)
        if not twins:
            return None
        gone = [(item, path) for item, path in twins if is_gone(path)]
        if work.media is not None:
            gone = []  # a row takes no place of a file
        if gone and not work.is_known:
            return replace(work, change="move", moved_from=gone)
        followed = self._followed(work.file, gone[0][0]) if gone else {}
        return replace(work, change="copy", followed=followed)

    def is_stopped(self) -> bool:
        """Whether somebody wants it to end; once it is so, it stays so."""
        self.report.stopped = self.report.stopped or self.stop()
        return self.report.stopped

    def _until_stopped(
        self, segments: Generator[PreparedSegment, None, None]
    ) -> Generator[PreparedSegment, None, None]:
        """Segments of a file, which is given up where all is to end: a film may be long."""
        with closing(segments):
            for segment in segments:
                if self.is_stopped():
                    raise MediaError(STOPPED)
                yield segment

    def _followed(self, file: FileState, gone: int) -> dict[str, Any]:
        """What was said of a content whose file has taken the place of another, and no more."""
        here = self.store.items([file.path]).get(file.path)
        moved = self.store.items([gone]).get(gone)
        if here is None or moved is None or here.file.content_hash == file.content_hash:
            return {}
        return {**dict.fromkeys(here.metadata, EMPTIED), **moved.metadata}

    def wanted(self, media: Media) -> tuple[str, ...]:
        """Names of the models that are to read words out of an item."""
        return self.extraction.for_modality(media.modality)

    def _journal(self, content_hash: bytes) -> Journal | None:
        """Where what is said in a recording is kept until the recording is stored."""
        if self.extraction.speech is None:
            return None
        from sensorium.tasks.journal import Journal

        name = "".join(c if c.isalnum() or c in "-." else "_" for c in self.extraction.speech.name)
        folder = folder_of(self.store.path) / "transcripts"
        return Journal(folder / f"{content_hash.hex()}-{name}.jsonl")

    def embed(self, work: Iterable[Work]) -> list[Work]:
        """Run the pipeline; returns what turned out to need another try."""
        stale: list[Work] = []
        moved: set[int] = set()
        for batch in self.embedder(self, work):
            again = self._write(batch, moved)
            stale += (one for one, _, _ in batch if one.file.path in again)
        return stale

    def _write(self, batch: Sequence[Embedded[Work]], moved: set[int]) -> set[str]:
        """Store one batch, count it, and only then report progress."""
        batch = [one for one in batch if one[0].change != "stop"]
        embedded, copies, moves, touched = [], [], [], []
        firsts: dict[tuple[bytes, str, int], npt.NDArray[np.float32]] = {}
        for work, segments, vectors in batch:
            metadata = {**work.followed, **work.candidate.said}
            content = work.file.content_hash
            if work.change == "embed" and work.reuse and self.store.paths(content):
                # It was on its way when its like was stored. The vectors of another batch round
                # otherwise, and equal files are to be equally near to everything.
                copies.append((work.file, metadata))
            elif work.change == "embed":
                vectors = firsts.setdefault((content, work.modality, len(segments)), vectors)
                embedded.append(
                    EmbeddedFile(
                        work.file,
                        work.modality,
                        work.properties,
                        metadata,
                        segments,
                        vectors,
                        work.extracted,
                    )
                )
            elif work.change == "touch":
                touched.append((work.file, metadata))
            elif left := [source for source in work.moved_from if source[0] not in moved]:
                moved.add(left[0][0])
                moves.append((left[0], work.file, metadata))
            elif work.change in ("move", "copy"):  # more copies than items whose files are gone
                copies.append((work.file, metadata))
        stale: set[str] = set()
        if any(work.change != "same" for work, _, _ in batch):
            stale = self.store.write(
                self.encoder.space, encoder=self.encoder_name,
                embedded=embedded, copied=copies, moved=moves, described=touched,
            )  # fmt: skip
        moved_paths = {file.path for _, file, _ in moves}
        for work, _, _ in batch:
            if work.file.path in stale:
                continue  # it comes back in a later batch
            if work.change == "skip":
                self.skip(work.where, work.reason)
            elif work.change in ("touch", "same"):
                self.count_same(work.file.path)
            elif work.file.path in moved_paths:
                self.report.moved += 1
            elif work.is_known:
                self.report.updated += 1
            else:
                self.report.added += 1
            self.report.embedded += work.change == "embed"
            self.report.compared += work.verifies and work.change != "skip"
            if work.change != "skip":
                notes = dict.fromkeys(work.notes)  # a reader may come by a place twice
                self.report.notes.extend(Note(work.where, text) for text in notes)
            if work.change == "embed" and (journal := self._journal(work.file.content_hash)):
                journal.remove()
        self.advance(len(batch) - len(stale))
        return stale

    def count_same(self, path: str) -> None:
        """Count a file whose content is what is stored under its path, by now."""
        if path not in self.renamed:
            self.report.unchanged += 1
        elif self.renamed[path]:
            self.report.updated += 1
        else:
            self.report.moved += 1

    def skip(self, path: str, reason: str) -> None:
        self.report.skipped.append(Skipped(path, reason))

    def advance(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)
