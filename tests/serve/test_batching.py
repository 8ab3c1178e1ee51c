"""What waits together is computed together, and comes out as if it were alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from sensorium import Text, load_encoder
from sensorium.encoders import background
from sensorium.encoders.base import Encoder, Prepared
from sensorium.errors import EncoderError, MediaError
from sensorium.media import Modality
from sensorium.serve.batching import BatchedEncoder, BusyError

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


def test_vectors_are_the_encoders_own() -> None:
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
