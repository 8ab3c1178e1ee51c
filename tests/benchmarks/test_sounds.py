from argparse import Namespace
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.sounds import Vectors, measure, run
from sensorium.errors import EncoderError

NAMES = [f"thing {n}" for n in range(60)]
RNG = np.random.default_rng(7)
VECTORS = dict(
    zip(NAMES, np.linalg.qr(RNG.normal(size=(60, 60)))[0].astype(np.float32), strict=True)
)


def embed(texts: Sequence[str]) -> Vectors:
    return np.stack([VECTORS[text] for text in texts])


def test_a_perfect_ear_finds_everything_and_chance_is_ten_of_sixty() -> None:
    for from_text in (True, False):
        found = measure(NAMES, embed(NAMES), embed, from_text=from_text)
        assert (found.first, found.ten.estimate, found.reciprocal, found.queries) == (1, 1, 1, 60)
        assert found.chance == pytest.approx(1 / 6, abs=0.01)
        assert found.p == pytest.approx(1 / 1001)


def test_a_deaf_ear_is_no_better_than_chance() -> None:
    noise = np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32)
    assert measure(NAMES, noise, embed).p > 0.05
    alike = np.tile(noise[:1], (60, 1))  # ties go against the encoder
    assert measure(NAMES, alike, embed, from_text=False).ten.estimate <= 1 / 6


def test_some_ask_and_all_answer() -> None:
    """Half of the recordings are known; asked for them alone, the ear is perfect."""
    sounds = embed(NAMES)
    sounds[30:] = sounds[30:][::-1]
    half = {*NAMES[:30]}
    known = measure(NAMES, sounds, embed, half.__contains__)
    assert (known.first, known.queries) == (1, 30)
    other = measure(NAMES, sounds, embed, lambda text: text not in half)
    assert other.first == 0 and other.p > 0.05
    twice = measure([*NAMES, *NAMES], np.concatenate([sounds, sounds]), embed)
    assert twice.queries == 60  # a caption that two recordings carry asks once


def test_an_encoder_without_an_ear_is_refused() -> None:
    with pytest.raises(EncoderError, match="name an encoder that hears"):
        run(Namespace(encoders=[], quick=True))
