"""Reading, decoding and encoding files so that processor and model are never idle together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, FeatureExtractor, Prepared, Role
from sensorium.encoders.runtime import processors
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

READ_AHEAD = 2
"""Batches that may be decoded and wait for the model; bounds memory."""

PreparedSegment = tuple[SegmentRecord, Prepared | None]
"""What is kept of a segment, and what the encoder takes; None where it has no vector."""

MANY = 512
"""Segments after which batches are encoded beside each other: a model is loaded anew for it, and
once more when it is next asked, a fifth of a second each. Runs beside each other take as much of a
processor as threads of one, and 50 to 70 MB more; but no processor waits for another at each layer,
and where other programs run, indexing took three quarters of the time."""

MOST_RUNS = 4
"""Batches that are computed at once, at most; with more processors, each run has several. Each run
takes memory for what goes through its layers."""

HEAVY_AHEAD = 4
"""Heavy items that may be under way: a decoder of 4K video takes 170 MB on two cores."""

T = TypeVar("T")
R = TypeVar("R")
Embedded = tuple[T, list[SegmentRecord], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Read(Generic[T]):
    """An item that has been read.

    Attributes
    ----------
    item : T
        Whatever the caller wants back.
    segments : iterable of PreparedSegment
        What has to be encoded; may be empty. An iterator is taken for a long item: it is consumed
        in batches, and never held as a whole.
    finish : callable, optional
        Called when `segments` is consumed; what it returns takes the place of `item`.
    close : callable
        Lets go of what `segments` holds open; called once, whether or not they were consumed.
    """

    item: T
    segments: Iterable[PreparedSegment] = ()
    finish: Callable[[], T] | None = None
    close: Callable[[], None] = lambda: None


def embed(
    encoder: FeatureExtractor,
    items: Iterable[T],
    read: Callable[[T], Read[T]],
    *,
    batch_size: int,
    role: Role = "document",
    is_heavy: Callable[[T], bool] = lambda _: False,
    stop: Callable[[], bool] = lambda: False,
    many: int = MANY,
) -> Iterator[list[Embedded[T]]]:
    """Read items in threads and encode them in batches, overlapped.

    While the caller handles one batch, the model computes the next and threads decode the one
    after that. Decoders and the model both release Python's lock.

    Parameters
    ----------
    encoder : FeatureExtractor
    items : iterable
        Consumed in this thread, a bounded way ahead.
    read : callable
        Turns an item into a `Read`; called in threads.
    batch_size : int
        Segments the model sees at once.
    role : {"query", "document"}
        What `read` prepared them as.
    is_heavy : callable
        Whether much memory is taken by an item that was begun and waits for its turn: only
        `HEAVY_AHEAD` of these are.
    stop : callable
        Whether to end early: what the model has at the moment is yielded, what is merely read and
        a long item that is not encoded to its end are not.
    many : int
        Segments after which batches are encoded beside each other, each with its share of the
        processors; see `Encoder.side_by_side`.

    Yields
    ------
    list of (item, segments, vectors)
        The items of one batch in order; `vectors` is float32 of shape (m, dimension), for the
        segments that have one. A long item comes alone.

    Raises
    ------
    Exception
        What `read` or the encoder raises. What was read before is encoded, and everything that
        could be encoded is yielded, first.
    """
    workers = processors()
    readers = ThreadPoolExecutor(workers, thread_name_prefix="read")
    model = _Model(encoder, many)
    ahead = READ_AHEAD * batch_size + workers
    encoding: deque[Future[list[Embedded[T]]]] = deque()
    try:
        with (
            closing(_in_order(readers, read, items, ahead, is_heavy)) as results,
            closing(_batches(results, batch_size)) as batches,
        ):
            for batch in batches:
                if stop():
                    break
                is_long = not isinstance(batch[0].segments, Sequence)
                if not is_long:
                    encoding.append(model.submit(_encode, batch, role, batch_size))
                    model.has_done(batch_size)
                while len(encoding) > (0 if is_long else model.runs):
                    yield encoding.popleft().result()
                if is_long:
                    whole = _encode_long(batch[0], role, batch_size, model, stop)
                    if whole is None:
                        break
                    yield [whole]
        while encoding:
            yield encoding.popleft().result()
    except Exception:
        # What the model has at the moment is not what failed; behind what did, nothing is given.
        while encoding and encoding[0].exception() is None:
            yield encoding.popleft().result()
        raise
    finally:
        readers.shutdown(cancel_futures=True)
        model.close()


class _Model:
    """Threads that encode: one, and several where there is much to do."""

    def __init__(self, encoder: FeatureExtractor, many: int) -> None:
        self.encoder = encoder
        self.runs = 1
        self._left = many
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="encode")

    def submit(self, encode: Callable[..., R], *given: object) -> Future[R]:
        return self._threads.submit(encode, self.encoder, *given)

    def has_done(self, segments: int) -> None:
        """Count what was submitted; once there was much, runs go beside each other."""
        was, self._left = self._left, self._left - segments
        if self._left <= 0 < was and isinstance(self.encoder, Encoder):
            self._threads.shutdown()  # so that a model goes before it is there twice
            self.runs = self.encoder.side_by_side(min(MOST_RUNS, processors()))
            self._threads = ThreadPoolExecutor(self.runs, thread_name_prefix="encode")

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self.runs > 1 and isinstance(self.encoder, Encoder):
            self.encoder.side_by_side(1)


def _batches(results: Iterable[Read[T]], batch_size: int) -> Generator[list[Read[T]], None, None]:
    """Short items in batches, a long one alone; what was read before an error comes before it."""
    batch: list[Read[T]] = []
    size = 0
    try:
        for result in results:
            if not isinstance(result.segments, Sequence):
                with closing(result):
                    if batch:
                        yield batch
                    batch, size = [], 0
                    yield [result]
                continue
            batch.append(result)
            size += max(1, len(result.segments))
            if size >= batch_size:
                yield batch
                batch, size = [], 0
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _in_order(
    threads: ThreadPoolExecutor,
    read: Callable[[T], Read[T]],
    items: Iterable[T],
    ahead: int,
    is_heavy: Callable[[T], bool],
) -> Generator[Read[T], None, None]:
    waiting: deque[tuple[Future[Read[T]], bool]] = deque()
    try:
        for item in items:
            waiting.append((threads.submit(read, item), is_heavy(item)))
            while waiting and (
                len(waiting) > ahead
                or sum(heavy for _, heavy in waiting) > HEAVY_AHEAD
                or waiting[0][0].done()
            ):
                yield waiting.popleft()[0].result()
        while waiting:
            yield waiting.popleft()[0].result()
    finally:
        for future, _ in waiting:
            future.cancel()
        for future, _ in waiting:
            if not future.cancelled() and future.exception() is None:
                future.result().close()


def _encode(
    encoder: FeatureExtractor, batch: list[Read[T]], role: Role, batch_size: int
) -> list[Embedded[T]]:
    segments = [list(read.segments) for read in batch]
    vectors = _vectors(encoder, list(chain.from_iterable(segments)), role, batch_size)
    embedded = []
    start = 0
    for read, of_one in zip(batch, segments, strict=True):
        records = [record for record, _ in of_one]
        stop = start + sum(record.has_vector for record in records)
        embedded.append((read.finish() if read.finish else read.item, records, vectors[start:stop]))
        start = stop
    return embedded


def _encode_long(
    read: Read[T],
    role: Role,
    batch_size: int,
    model: _Model,
    stop: Callable[[], bool],
) -> Embedded[T] | None:
    """Encode one batch while the next is decoded; None where it was stopped."""
    segments = iter(read.segments)
    records: list[SegmentRecord] = []
    vectors = [np.empty((0, model.encoder.space.dimension), np.float32)]
    encoding: Future[npt.NDArray[np.float32]] | None = None
    while batch := list(islice(segments, batch_size)):
        if stop():
            return None
        records += [record for record, _ in batch]
        finished, encoding = encoding, model.submit(_vectors, batch, role, batch_size)
        if finished is not None:
            vectors.append(finished.result())
    if encoding is not None:
        vectors.append(encoding.result())
    return (read.finish() if read.finish else read.item), records, np.concatenate(vectors)


def _vectors(
    encoder: FeatureExtractor, segments: Sequence[PreparedSegment], role: Role, batch_size: int
) -> npt.NDArray[np.float32]:
    """Vectors of the segments that have one, in order."""
    taken = [(record, prepared) for record, prepared in segments if prepared is not None]
    vectors = np.empty((len(taken), encoder.space.dimension), np.float32)
    for modality in {record.modality for record, _ in taken}:
        rows = [row for row, (record, _) in enumerate(taken) if record.modality == modality]
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            vectors[some] = encoder.encode_prepared(
                Modality(modality), [taken[row][1] for row in some], role
            )
    return vectors
