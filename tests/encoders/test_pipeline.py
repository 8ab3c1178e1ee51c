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
    _Model,
    embed,
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
    many=st.sampled_from([MANY, MANY, MANY, 1]),  # the last loads a model anew
)
def test_order_and_vectors(encoder: Encoder, sizes: list[int], batch_size: int, many: int) -> None:
    """Items come back in order, each with its own vectors, whatever the batches."""

    def read(item: int) -> Read[int]:
        if not sizes[item]:
            return Read(item)
        return Read(item, list(segments_of(encoder, Film(range(item, item + sizes[item])))))

    batches = list(embed(encoder, range(len(sizes)), read, batch_size=batch_size, many=many))
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


class Meeting(Encoder):
    """Runs wait until as many as were asked for are there."""

    def __init__(self, encoder: Encoder, most: int) -> None:
        self.space, self.inner, self.most = encoder.space, encoder, most
        self.meet = threading.Barrier(1)
        self.asked: list[int] = []

    def side_by_side(self, runs: int) -> int:
        self.asked.append(runs)
        if runs > 1:
            self.meet = threading.Barrier(self.most, timeout=10)
        return self.most if runs > 1 else 1

    def encode_prepared(self, modality: Modality, batch: Sequence[Any], role: Any = "") -> Any:
        self.meet.wait()  # breaks where a run waits for another to end
        return self.inner.encode_prepared(modality, batch)


@pytest.mark.parametrize("most", [1, 3])
def test_runs_beside_each_other(
    encoder: Encoder, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is much, batches are with the model at once; they come in order."""
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    meeting = Meeting(encoder, most)
    # The first is encoded when the others begin.
    monkeypatch.setattr(_Model, "has_done", waiting_for_the_first(_Model.has_done))
    piece: list[PreparedSegment] = list(segments_of(encoder, Image(png(1))))
    done = embed(meeting, range(7), lambda n: Read(n, piece), batch_size=1, many=1)
    assert [item for batch in done for item, _, _ in batch] == [*range(7)]
    assert meeting.asked == ([3, 1] if most > 1 else [3])


def waiting_for_the_first(has_done: Any) -> Any:
    def counted(model: Any, segments: int) -> None:
        model.submit(lambda _: None).result()
        has_done(model, segments)

    return lambda model, segments: (
        counted(model, segments) if model.runs == 1 else has_done(model, segments)
    )


def test_few_do_not_load_a_model_anew(encoder: Encoder) -> None:
    meeting = Meeting(encoder, 3)
    piece: list[PreparedSegment] = list(segments_of(encoder, Image(png(1))))
    assert len(list(embed(meeting, range(5), lambda n: Read(n, piece), batch_size=1))) == 5
    assert meeting.asked == []


def test_an_encoder_is_as_before_behind_many_runs(tiny: Path) -> None:
    encoder = FolderEncoder(tiny)
    alone = encoder.encode([Image(png(1))])
    tower = encoder._tower(Modality.IMAGE)
    assert encoder.side_by_side(2) == 2
    assert encoder._tower(Modality.IMAGE) is not tower
    assert_agree(encoder.encode([Image(png(1))]), alone)
    assert encoder.side_by_side(1) == 1
    assert_agree(encoder.encode([Image(png(1))]), alone)


def test_more_pictures_than_a_run_takes(tiny: Path) -> None:
    encoder = FolderEncoder(tiny)
    pictures = [Image(png(seed)) for seed in range(2 * PICTURES_AT_ONCE + 1)]
    one_by_one = [encoder.encode([picture])[0] for picture in pictures]
    assert_agree(encoder.encode(pictures), one_by_one)
