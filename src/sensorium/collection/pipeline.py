"""Reading, decoding and encoding files so that processor and model are never idle together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Encoder, Prepared
from sensorium.errors import MediaError
from sensorium.media import Media, Modality

READ_AHEAD = 2
"""Batches that may be decoded and wait for the model; bounds memory."""

Span = tuple[float, float] | None
Piece = tuple[Modality, Span, Prepared]

T = TypeVar("T")
Embedded = tuple[T, list[Span], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Read(Generic[T]):
    """An item that has been read.

    Attributes
    ----------
    item : T
        Whatever the caller wants back.
    pieces : sequence of (modality, span, prepared)
        What has to be encoded; may be empty.
    """

    item: T
    pieces: Sequence[Piece] = ()


def prepare_segments(encoder: Encoder, media: Media) -> list[Piece]:
    """Preprocess all segments of an item.

    Raises
    ------
    MediaError
        When the media is broken or the encoder's space does not hold its modality.
    """
    pieces = []
    for segment in media.segments():
        if segment.modality not in encoder.space.modalities:
            known = " and ".join(encoder.space.modalities)
            raise MediaError(
                f"the space {encoder.space.name} holds {known}, not {segment.modality}"
            )
        pieces.append((segment.modality, segment.span, encoder.prepare(segment.media)))
    return pieces


def embed(
    encoder: Encoder,
    items: Iterable[T],
    read: Callable[[T], Read[T]],
    *,
    batch_size: int,
) -> Iterator[list[Embedded[T]]]:
    """Read items in threads and encode them in batches, overlapped.

    While the caller handles one batch, the model computes the next and threads decode the one
    after that. Decoders and the model both release Python's lock.

    Parameters
    ----------
    encoder : Encoder
    items : iterable
        Consumed in this thread, a bounded way ahead.
    read : callable
        Turns an item into a `Read`; called in threads.
    batch_size : int
        Pieces the model sees at once.

    Yields
    ------
    list of (item, spans, vectors)
        The items of one batch in order; `vectors` is float32 of shape (pieces, dimension).
    """
    workers = os.cpu_count() or 1
    readers = ThreadPoolExecutor(workers, thread_name_prefix="read")
    model = ThreadPoolExecutor(1, thread_name_prefix="encode")
    encoding: Future[list[Embedded[T]]] | None = None
    batch: list[Read[T]] = []
    size = 0
    try:
        for result in _in_order(readers, read, items, READ_AHEAD * batch_size + workers):
            batch.append(result)
            size += max(1, len(result.pieces))
            if size >= batch_size:
                finished, encoding = encoding, model.submit(_encode, encoder, batch, batch_size)
                batch, size = [], 0
                if finished is not None:
                    yield finished.result()
        if encoding is not None:
            yield encoding.result()
        if batch:
            yield _encode(encoder, batch, batch_size)
    finally:
        readers.shutdown(cancel_futures=True)
        model.shutdown(cancel_futures=True)


def _in_order(
    threads: ThreadPoolExecutor,
    read: Callable[[T], Read[T]],
    items: Iterable[T],
    ahead: int,
) -> Iterator[Read[T]]:
    waiting: deque[Future[Read[T]]] = deque()
    for item in items:
        waiting.append(threads.submit(read, item))
        while waiting and (len(waiting) > ahead or waiting[0].done()):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _encode(encoder: Encoder, batch: list[Read[T]], batch_size: int) -> list[Embedded[T]]:
    pieces = [piece for read in batch for piece in read.pieces]
    vectors = np.empty((len(pieces), encoder.space.dimension), np.float32)
    for modality in {piece[0] for piece in pieces}:
        rows = [row for row, piece in enumerate(pieces) if piece[0] == modality]
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            vectors[part] = encoder.encode_prepared(modality, [pieces[row][2] for row in part])
    embedded = []
    start = 0
    for read in batch:
        stop = start + len(read.pieces)
        embedded.append((read.item, [piece[1] for piece in read.pieces], vectors[start:stop]))
        start = stop
    return embedded
