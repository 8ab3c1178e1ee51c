"""What waits together is computed together, and comes out as if it were alone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Text, load_encoder
from sensorium.encoders import background
from sensorium.encoders.base import Encoder, Prepared
from sensorium.errors import EncoderError, MediaError
from sensorium.media import Modality, as_media
from sensorium.serve import batching
from sensorium.serve.batching import BatchedEncoder, BusyError, Encoded

PHOTO = Path(__file__).parents[2] / "sample" / "images" / "x_dog.jpg"
WORDS = [f"a picture of {n} {thing}" for n in range(8) for thing in ("cats", "dogs", "red houses")]


def asked_while_busy(
    slow: Slow, batched: BatchedEncoder, threads: ThreadPoolExecutor, ask: Any, items: Sequence[Any]
) -> list[Future[Any]]:
    """What is asked for while the encoder computes something else: all of it waits."""
    first = threads.submit(batched.encode, ["something else"])
    assert slow.busy.wait(60)
    asked = [threads.submit(ask, item) for item in items]
    while batched.waiting < len(items):
        time.sleep(0.001)
    slow.go.set()
    assert first.result().shape == (1, slow.space.dimension)
    return asked


class Slow(Encoder):
    """`mini`, which computes nothing until it is let go, and may refuse an item."""

    name = "slow"

    def __init__(self) -> None:
        self.inner = load_encoder("mini")
        self.space = self.inner.space
        self.go, self.busy = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.refuses: Any = None

    def prepare(self, media: Any, role: Any = "document") -> Prepared:
        return self.inner.prepare(media, role)

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Any = "document"
    ) -> Any:
        self.busy.set()
        assert self.go.wait(60)
        self.sizes.append(len(batch))
        if self.refuses is not None and any(one is self.refuses for one in batch):
            raise EncoderError("it is refused")
        return self.inner.encode_prepared(modality, batch, role)


def test_vectors_are_the_encoders_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "LONGEST", 1e9)
    inner = load_encoder("mini")
    alone = np.concatenate([inner.encode([word], role="query") for word in WORDS])
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    with ThreadPoolExecutor(len(WORDS) + 1) as threads:
        asked = asked_while_busy(
            slow, batched, threads, lambda word: batched.encode([word], role="query"), WORDS
        )
        together = np.concatenate([one.result() for one in asked])
    assert slow.sizes == [1, 16, 8] and len(WORDS) == 24
    assert (alone * together).sum(axis=1).min() > 0.9995
    batched.close()


def test_one_by_one_they_are_the_same() -> None:
    inner = load_encoder("mini")
    batched = BatchedEncoder(inner, 256)
    for word in WORDS[:3]:
        assert np.array_equal(batched.encode([word]), inner.encode([word]))
    batched.close()


def test_what_is_broken_fails_alone() -> None:
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    items = [slow.prepare(Text(word)) for word in WORDS[:6]]
    slow.refuses = items[3]
    with ThreadPoolExecutor(len(items) + 1) as threads:
        asked = asked_while_busy(
            slow, batched, threads,
            lambda item: batched.encode_prepared(Modality.TEXT, [item]), items,
        )  # fmt: skip
        for number, one in enumerate(asked):
            if number == 3:
                with pytest.raises(EncoderError, match="refused"):
                    one.result()
            else:
                assert one.result().shape == (1, slow.space.dimension)
    with pytest.raises(MediaError):
        batched.encode([" "])
    batched.close()


def test_who_comes_when_it_is_full_is_told_so() -> None:
    slow = Slow()
    batched = BatchedEncoder(slow, 2)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(batched.encode, ["a"])]
        assert slow.busy.wait(60)
        asked += [threads.submit(batched.encode, ["b"]) for _ in range(2)]
        while batched.waiting < 2:
            time.sleep(0.001)
        with pytest.raises(BusyError) as raised:
            batched.encode(["c"])
        assert raised.value.seconds >= 1
        slow.go.set()
        assert all(one.result().shape == (1, slow.space.dimension) for one in asked)
    batched.close()
    assert not batched.is_alive


def test_what_is_known_of_a_space_outlives_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was closed leaves nothing that another one of the same space would ask."""
    monkeypatch.setattr(background, "_known", {})
    for _ in range(2):
        batched = BatchedEncoder(load_encoder("mini"), 256)
        known = background.background(batched)
        batched.close()
    batched = BatchedEncoder(load_encoder("mini"), 256)
    assert background.background(batched) is known
    assert known["text"].shape[1] == batched.space.dimension
    batched.close()


def test_who_waits_longest_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another kind or not; and many at once, which go behind, not behind all that ever come."""
    monkeypatch.setattr(batching, "LONGEST", 1e9)
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    photo, word = slow.prepare(as_media(PHOTO)), slow.prepare(Text("a dog"))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(batched.encode, ["something else"])
        assert slow.busy.wait(60)
        many = batched.submit(Modality.TEXT, [word] * 9)
        few = [batched.submit(Modality.TEXT, [word]) for _ in range(2)]
        seen = batched.submit(Modality.IMAGE, [photo])
        late = batched.submit(Modality.TEXT, [word] * 2, "query")
        slow.go.set()
        rows = [one.result() for one in (first, *few, late, seen, many)]
    assert slow.sizes == [1, 4, 1, 9]  # questions with documents: `mini` does not tell them apart
    assert [len(one) for one in rows] == [1, 1, 1, 2, 1, 9]

    monkeypatch.setattr(batching, "BEHIND", 0.0)
    slow.go.clear()
    slow.busy.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(batched.encode, ["something else"])
        assert slow.busy.wait(60)
        waiting = [batched.submit(Modality.TEXT, [word] * n) for n in (1, 9)]
        slow.go.set()
        first.result(), [one.result() for one in waiting]
    assert slow.sizes[4:] == [1, 9, 1]
    batched.close()


def test_batches_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is computed in small batches, and long texts not with short ones."""
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    word, page = (slow.prepare(Text(text)) for text in ("a dog", "a dog and " * 20))
    for n in range(2):  # the first loads the model, and tells nothing
        monkeypatch.setattr(batching, "LONGEST", 1e9 if n == 0 else 1e-9)
        slow.go.clear()
        slow.busy.clear()
        first = batched.submit(Modality.TEXT, [word])
        assert slow.busy.wait(60)
        waiting = [batched.submit(Modality.TEXT, [one]) for one in (word, page, word)]
        slow.go.set()
        for one in (first, *waiting):
            one.result()
    assert slow.sizes == [1, 2, 1, 1, 1, 1, 1]
    batched.close()


def test_who_leaves_is_not_computed_for() -> None:
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    word = slow.prepare(Text("a dog"))
    first = batched.submit(Modality.TEXT, [word])
    assert slow.busy.wait(60)
    gone, there = (batched.submit(Modality.TEXT, [word]) for _ in range(2))
    assert gone.cancel() and not first.cancel()
    slow.go.set()
    assert first.result().shape == there.result().shape
    assert slow.sizes[0] == 1 and sum(slow.sizes) == 2
    batched.close()


def test_several_are_computed_at_once() -> None:
    """Each with the vectors that it has by itself."""
    inner = load_encoder("mini")
    alone = [inner.encode([word]) for word in WORDS[:6]]
    batched = BatchedEncoder(load_encoder("mini"), 256)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda word: batched.encode([word]), WORDS[:6]))
    for one, other in zip(alone, found, strict=True):
        assert float(one[0] @ other[0]) > 0.9995
    if (os.cpu_count() or 1) > 1:
        assert sum(one.name == "encode mini" for one in threading.enumerate()) >= 2
    batched.close()
    assert not batched.is_alive


def test_a_known_question_is_not_encoded_again() -> None:
    slow = Slow()
    batched = BatchedEncoder(slow, 256)
    vector = np.ones((1, slow.space.dimension), np.float32)
    known = Encoded("a dog", vector, batched)
    assert np.array_equal(batched.encode([known], role="query"), vector)
    assert not slow.busy.is_set()
    slow.go.set()
    other = BatchedEncoder(slow, 256)
    assert not np.array_equal(other.encode([known], role="query"), vector)
    for one in (batched, other):
        one.close()
