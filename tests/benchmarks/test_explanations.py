"""The benchmark of explanations: every system is measured on the same pair, and once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.explanations import (
    OURS,
    RIVALS,
    Pair,
    kept,
    measure,
    measured,
    parts_alone,
    photo_pairs,
)
from sensorium import Image, Text
from sensorium.encoders import Encoder
from sensorium.explain.dividing import divide
from sensorium.explain.values import cosine_to


def pairs() -> list[Pair]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (3, 4, 4, 3), np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    questions = ("a red cat", "the blue square", "a dog")
    return [
        Pair(question, Text(question), Image(picture))
        for question, picture in zip(questions, pictures, strict=True)
    ]


def test_systems_are_compared_on_the_same_pairs(encoder: Encoder) -> None:
    rows = measured("photos", encoder, pairs())
    found = {(row.system, row.metric): row.value for row in rows}
    for system in (OURS, *RIVALS):
        gain = found[system, "insertion"] - found[system, "deletion"]
        assert found[system, "gain"] == pytest.approx(gain)
        assert found[system, "gain, low"] <= gain <= found[system, "gain, high"]
    for rival in RIVALS:
        more = found[OURS, "gain"] - found[rival, "gain"]
        assert found[rival, "ours more"] == pytest.approx(more) and more > 0
        assert 0 < found[rival, "p"] <= 1
    assert found[OURS, "variants"] < 150


def test_what_was_measured_is_kept(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, *_) = pairs()
    before = kept(encoder, first)
    monkeypatch.setattr("benchmarks.explanations.measure", lambda *_: pytest.fail("asked again"))
    assert kept(encoder, first) == before


def test_grey_covers_what_was_ordered_without_it(encoder: Encoder) -> None:
    (first, *_) = pairs()
    plain, grey = measure(encoder, first), measure(encoder, first, grey=True)
    assert plain is not None and grey is not None
    assert plain["variants"] == grey["variants"] and plain[OURS] != grey[OURS]


def test_parts_alone_are_the_cells(encoder: Encoder) -> None:
    (first, *_) = pairs()
    divided = divide(first.hit, cosine_to(encoder, encoder.encode(["a dog"])))
    crops = [*parts_alone(first.hit, divided)]
    assert len(crops) == len(divided.parts) == 36
    assert sum(np.prod(crop.load().size) for crop in crops) == 64 * 64


def test_photos_are_those_of_the_sample(sample: Path) -> None:
    found = photo_pairs()
    assert len(found) == 190 and len({pair.name for pair in found}) == 190
    assert all((sample / pair.name).is_file() for pair in found[:5])
