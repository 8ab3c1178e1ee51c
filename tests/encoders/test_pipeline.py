"""Reading in threads and encoding in batches: order, batch sizes, failures, bounded look-ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.encoders import Encoder
from sensorium.encoders.folder import PICTURES_AT_ONCE, FolderEncoder
from sensorium.encoders.pipeline import (
    MANY,
    READ_AHEAD,
    PreparedSegment,
    Read,
    embed,
    side_by_side,
)
from sensorium.encoders.reading import segments_of
from sensorium.errors import MediaError
from sensorium.media import Image, Modality, Segment, Text
from tests.agreement import assert_agree
from tests.collection.pictures import png


class Film:
    """Media of several segments, of two modalities."""

    modality = Modality.VIDEO

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = seeds

    def metadata(self) -> dict[str, Any]:
        return {}

    def segments(self) -> Sequence[Segment]:
        frames = [Segment(Image(png(seed)), (n, n + 1)) for n, seed in enumerate(self.seeds)]
        return [*frames, Segment(Text("dog"), (0, 100))]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), max_size=25),
    batch_size=st.integers(1, 9),
    runs=st.integers(1, 3),
)
def test_order_and_vectors(encoder: Encoder, sizes: list[int], batch_size: int, runs: int) -> None:
    """Items come back in order, each with its own vectors, whatever the batches."""

    def read(item: int) -> Read[int]:
        if not sizes[item]:
            return Read(item)
        return Read(item, list(segments_of(encoder, Film(range(item, item + sizes[item])))))

    batches = list(embed(encoder, range(len(sizes)), read, batch_size=batch_size, runs=runs))
    results = [result for batch in batches for result in batch]
    assert [item for item, _, _ in results] == list(range(len(sizes)))
    words = encoder.encode(["dog"])[0]
    for item, parts, vectors in results:
        spans = [part.span for part in parts]
        assert len(spans) == len(vectors) == (sizes[item] + 1 if sizes[item] else 0)
        if spans:
            assert spans == [*((n, n + 1) for n in range(sizes[item])), (0, 100)]
            frames = encoder.encode([Image(png(item + n)) for n in range(sizes[item])])
            assert_agree(vectors, [*frames, words])
    for batch in batches[:-1]:
        pieces = [max(1, len(parts)) for _, parts, _ in batch]
        assert sum(pieces) >= batch_size > sum(pieces[:-1])


def test_look_ahead_is_bounded(encoder: Encoder) -> None:
    """However slow the consumer is, only so many items wait in memory."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    piece: list[PreparedSegment] = list(segments_of(encoder, Image(png(1))))
    running = embed(encoder, items(), lambda item: Read(item, piece), batch_size=4)
    for done in range(1, 4):
        next(running)
        # Batches yielded, the one being encoded, and those read ahead with a few more in threads.
        assert taken <= 4 * (done + 1 + READ_AHEAD) + 2 * 64
    running.close()
    assert taken < 1_000


def test_an_error_while_reading_ends_it(encoder: Encoder) -> None:
    def read(item: int) -> Read[int]:
        if item == 10:
            raise RuntimeError("broken reader")
        return Read(item)

    done = []
    with pytest.raises(RuntimeError, match="broken reader"):
        for batch in embed(encoder, range(100), read, batch_size=3):
            done += [item for item, _, _ in batch]
    assert done == list(range(10))  # what came before is not lost


def test_no_thread_is_left(encoder: Encoder) -> None:
    before = threading.active_count()
    running = embed(encoder, range(1_000), Read, batch_size=2)
    next(running)
    assert threading.active_count() > before
    running.close()
    assert threading.active_count() == before


def test_a_modality_the_space_does_not_hold(encoder: Encoder) -> None:
    class Sound(Film):
        modality = Modality.AUDIO

        def segments(self) -> Sequence[Segment]:
            return [Segment(self)]

    with pytest.raises(MediaError, match="the space tiny holds image and text, not audio"):
        list(segments_of(encoder, Sound([])))


@pytest.mark.parametrize("runs", [1, 3])
def test_runs_beside_each_other(encoder: Encoder, runs: int) -> None:
    """As many batches are with the model at once as were asked for, and they come in order."""
    together = threading.Barrier(runs, timeout=10)

    class Meeting:
        space = encoder.space

        def encode_prepared(self, modality: Modality, batch: Sequence[Any], role: str) -> Any:
            together.wait()  # breaks where a run waits for another to end
            return encoder.encode_prepared(modality, batch)

    piece: list[PreparedSegment] = list(segments_of(encoder, Image(png(1))))
    done = embed(Meeting(), range(6), lambda n: Read(n, piece), batch_size=1, runs=runs)  # type: ignore[arg-type]
    assert [item for batch in done for item, _, _ in batch] == [*range(6)]


def test_an_encoder_is_as_before_behind_many_runs(tiny: Path) -> None:
    encoder = FolderEncoder(tiny)
    alone = encoder.encode([Image(png(1))])
    tower = encoder._tower(Modality.IMAGE)
    with side_by_side(encoder, MANY - 1) as runs:
        assert runs == 1 and encoder._tower(Modality.IMAGE) is tower
    with side_by_side(encoder, MANY) as runs:
        assert runs >= 1
        assert_agree(encoder.encode([Image(png(1))]), alone)
        assert (encoder._tower(Modality.IMAGE) is tower) == (runs == 1)
    assert_agree(encoder.encode([Image(png(1))]), alone)


def test_more_pictures_than_a_run_takes(tiny: Path) -> None:
    encoder = FolderEncoder(tiny)
    pictures = [Image(png(seed)) for seed in range(2 * PICTURES_AT_ONCE + 1)]
    one_by_one = [encoder.encode([picture])[0] for picture in pictures]
    assert_agree(encoder.encode(pictures), one_by_one)
