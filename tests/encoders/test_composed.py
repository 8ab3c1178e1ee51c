"""Encoders side by side: who sees, who hears, and texts that both read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection, Text, load_encoder
from sensorium.encoders.background import background
from sensorium.encoders.composed import ComposedEncoder
from sensorium.encoders.registry import encoder_name
from sensorium.errors import EncoderError
from tests.media.small_pictures import encode, red_blue


@pytest.fixture
def pair(tiny: Path, other_tiny: Path) -> ComposedEncoder:
    encoder = load_encoder(f"{tiny}+{other_tiny}")
    assert isinstance(encoder, ComposedEncoder)
    return encoder


def test_cosines_are_means_of_both(pair: ComposedEncoder, tiny: Path, other_tiny: Path) -> None:
    inputs = ["a dog", red_blue(), "cat", encode(red_blue().rotate(90), "PNG")]
    vectors = pair.encode(inputs)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    first, second = load_encoder(tiny).encode(inputs), load_encoder(other_tiny).encode(inputs)
    wanted = (first @ first.T + second @ second.T) / 2
    np.testing.assert_allclose(vectors @ vectors.T, wanted, atol=1e-5)
    np.testing.assert_allclose(pair.encode_queries(inputs), vectors, atol=1e-6)
    assert pair.space.modalities == ("text", "image")
    assert background(pair)["text"].shape[1] == pair.space.dimension


def test_names(pair: ComposedEncoder, tiny: Path, other_tiny: Path, tmp_path: Path) -> None:
    assert encoder_name(f"{tiny}+{other_tiny}") == f"{tiny}+{other_tiny}"
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", f"{tiny}+{other_tiny}") as library:
        library.add(tmp_path / "a.png")
    with Collection(tmp_path / "c.sensorium") as library:
        assert library.encoder.space == pair.space
        assert library.search(tmp_path / "a.png")[0].score == pytest.approx(1, abs=1e-5)


def test_what_is_refused(tiny: Path) -> None:
    with pytest.raises(EncoderError, match="composed with itself"):
        load_encoder(f"{tiny}+{tiny}")
    with pytest.raises(EncoderError, match="there is no encoder 'nothing'"):
        load_encoder(f"{tiny}+nothing")
    with pytest.raises(EncoderError, match="two or more"):
        ComposedEncoder([load_encoder(tiny)])


def test_calibrations_of_pairs_that_one_encoder_holds(pair: ComposedEncoder) -> None:
    """With `ear` beside it, `mini`'s words and pictures have the cosines that they have alone."""
    mini = load_encoder("mini")
    with_ear = ComposedEncoder([mini, load_encoder("ear")])
    assert with_ear.calibrations == mini.calibrations and "text-image" in mini.calibrations
    first = pair.encoders[0]
    first.calibrations = {"text-image": (1.0, 0.0, -1.0)}
    assert not ComposedEncoder(pair.encoders).calibrations  # its cosines are means of both


def test_tokens_are_those_of_who_alone_reads(pair: ComposedEncoder) -> None:
    mini = load_encoder("mini")
    with_ear = ComposedEncoder([mini, load_encoder("ear")])
    read = len(mini.prepare(Text("a dog"))["input_ids"])
    assert with_ear.tokens("a dog") == mini.tokens("a dog") == read
    assert with_ear.tokens_in(with_ear.prepare(Text("a dog"))) == read
    assert pair.tokens("a dog") is None and pair.tokens_in(pair.prepare(Text("a dog"))) is None
