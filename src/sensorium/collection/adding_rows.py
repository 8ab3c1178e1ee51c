"""Bringing a collection up to date with data sets: rows that are media, or that name files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sensorium.collection.adding import Adder, AddReport
from sensorium.collection.rows import FileState
from sensorium.collection.work import Work
from sensorium.data.dataset_rows import RowSource
from sensorium.data.files import Candidate, Source
from sensorium.data.metadata import EMPTIED, merged
from sensorium.data.row_media import Entry, Repeated, RowMedia, RowReader, plan_of
from sensorium.media.skipped import Skipped

FILES_AHEAD = 1024
"""Files that rows name, of which is seen whether they changed names among each other."""


def add_rows(
    adder: Adder,
    files: Iterable[Source],
    data_sets: Sequence[RowSource],
    columns: Mapping[str, str] | None,
    metadata: dict[str, Any],
    folder: Path | None,
) -> AddReport:
    """Add files, and then the rows of data sets; see `Collection.add`.

    Parameters
    ----------
    adder : Adder
    files : iterable of path, glob or mapping
    data_sets : sequence of RowSource
    columns : mapping of str to str, optional
        What columns are, see `sensorium.data.row_media.plan_of`.
    metadata : dict
        JSON values of every file and row.
    folder : Path, optional
        Where media of rows are kept as files.

    Raises
    ------
    UsageError
        When it cannot be told what is media in a data set, before anything is added.
    """
    planned = [(source, plan_of(source, columns)) for source in data_sets]
    report = adder.run(files, metadata)
    started = time.monotonic()
    reader = RowReader(folder)
    adding = _RowAdding(adder)
    for source, plan in planned:
        adding.add(reader.entries(source, plan, metadata), source.total)
    report.seconds += time.monotonic() - started
    return report


class _RowAdding:
    def __init__(self, adder: Adder) -> None:
        self.adder = adder
        self.named: set[int] = set()  # files of this run, by the hash of their path
        self.later: dict[Path, Candidate] = {}  # those that further rows name
        self.broken: Exception | None = None  # what ended a data set before its end

    def add(self, rows: Iterable[Sequence[Entry]], total: int | None) -> None:
        adder = self.adder
        adder.total += total or 0
        stale = adder.embed(self._work(self._while_they_come(rows), counted=total is not None))
        if self.later and not adder.report.stopped:
            # What further rows say is merged into what is stored by now.
            stale += adder.embed(adder.work(self.later.values()))
            self.later = {}
        if stale:
            adder.embed(self._again(stale))
        if self.broken is not None:
            raise self.broken

    def _while_they_come(self, rows: Iterable[Sequence[Entry]]) -> Iterator[Sequence[Entry]]:
        """Rows, up to where the data set breaks off: what came before is stored, then it is told.

        Raised right here, the error would overtake rows that threads are still decoding.
        """
        try:
            yield from rows
        except Exception as error:
            self.broken = error

    def _again(self, stale: Iterable[Work]) -> Iterator[Work]:
        """What others were to be copies of vanished meanwhile: embed them after all."""
        for work in stale:
            if work.media is not None:
                yield replace(work, change="", reuse=False)
            else:
                yield from (replace(one, reuse=False) for one in self.adder.work([work.candidate]))

    def _work(self, rows: Iterable[Sequence[Entry]], counted: bool) -> Iterator[Work]:
        """What is to be done, row by row; read only as far as the pipeline asks."""
        files: dict[Path, Candidate] = {}
        for entries in rows:
            self.adder.total += len(entries) - counted
            for entry in entries:
                if self.adder.is_stopped():
                    return
                if isinstance(entry, Candidate):
                    self._take(entry, files)
                else:
                    yield from self._of_row(entry)
            if len(files) >= FILES_AHEAD:
                yield from self._of_files(files)
                files = {}
        yield from self._of_files(files)

    def _take(self, file: Candidate, files: dict[Path, Candidate]) -> None:
        """Let a file wait for others; what several rows say of one adds up."""
        here = files
        if file.path not in files:
            key = hash(str(file.path))
            here = self.later if key in self.named else files
            self.named.add(key)
        if file.path in here:
            self.adder.advance(1)
            file = file.adding_to(here[file.path])
        here[file.path] = file

    def _of_files(self, files: dict[Path, Candidate]) -> Iterator[Work]:
        self.adder.follow_renames(files)
        yield from self.adder.work(files.values())

    def _of_row(self, entry: RowMedia | Repeated | Skipped) -> Iterator[Work]:
        adder = self.adder
        if isinstance(entry, Skipped):
            adder.skip(entry.path, entry.reason)
            adder.advance(1)
            return
        if isinstance(entry, Repeated):
            adder.report.unchanged += 1
            adder.advance(1)
            return
        said = merged({}, entry.metadata)
        emptied = frozenset(n for n, value in entry.metadata.items() if value is EMPTIED)
        candidate = Candidate(Path(entry.key), said, named=True, emptied=emptied, where=entry.where)
        file = FileState(entry.key, entry.size, 0, entry.content)
        stored = adder.store.items([entry.key]).get(entry.key)
        work = Work(candidate, file, is_known=stored is not None, media=entry.media)
        if stored is None or not stored.is_findable or stored.file.content_hash != entry.content:
            yield work
        elif not {*adder.wanted(entry.media)} <= {*stored.extracted}:
            yield replace(work, reuse=False)
        elif merged(stored.metadata, candidate.said) != stored.metadata:
            yield replace(work, change="touch")
        else:
            adder.count_same(entry.key)
            adder.advance(1)
