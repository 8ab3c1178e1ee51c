"""Probabilities of hits: within bounds, monotone, true to what is judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.ranking.calibration import (
    ANY,
    BODY,
    EQUAL,
    LEAST_SEGMENTS,
    ORDINARY,
    Calibration,
    Chance,
    Tail,
    quantiles,
    refined,
)
from sensorium.ranking.scale import HIGHEST, Samples

DIMENSION = 16


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def chance(
    rng: np.random.Generator, rows: int = 300, calibration: Calibration = ANY
) -> tuple[Chance, np.ndarray]:
    segments = unit(rng.normal(size=(rows, DIMENSION)))
    words = unit(rng.normal(size=(60, DIMENSION)))
    known = Chance(
        Samples.of({"image": segments}, {}), {"text": words}.get, {"text-image": calibration}
    )
    return known, segments


@given(
    st.integers(0, 1 << 32),
    st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=20),
    st.floats(0, 5),
    st.floats(0, 30),
    st.floats(-10, 10),
    st.integers(1, 10**9),
)
def test_probabilities_are_such_and_rise_with_the_cosine(
    seed: int, cosines: list[float], surprise: float, cosine: float, bias: float, count: int
) -> None:
    known, segments = chance(np.random.default_rng(seed), 40, Calibration(surprise, cosine, bias))
    query = segments[0] + segments[1]
    for asked in ("text", "image", "audio"):
        judge = known.judge(asked, known.samples.scale(query), {"image": count})
        said = judge.probabilities(sorted(cosines), ["image"] * len(cosines))
        assert all(0 <= p <= 1 for p in said if p is not None) and None not in said
        assert said == sorted(said, key=lambda p: p or 0)


@given(st.integers(0, 1 << 32))
def test_the_order_of_segments_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known, segments = chance(rng, 50)
    query, words = segments[3], known.references("text")
    other = Chance(
        Samples.of({"image": rng.permutation(segments)}, {}),
        lambda _: words,
        known.calibrations,
    )
    said = [
        one.judge("text", one.samples.scale(query), {"image": 50}).probabilities(
            [0.1, 0.5, 0.9], ["image"] * 3
        )
        for one in (known, other)
    ]
    np.testing.assert_allclose(np.array(said[0], float), np.array(said[1], float), rtol=1e-4)


def test_the_best_of_many_is_less_surprising() -> None:
    known, segments = chance(np.random.default_rng(0))
    scale = known.samples.scale(segments[0])
    few, many = (
        known.judge("text", scale, {"image": count}).probabilities([0.6], ["image"])[0]
        for count in (100, 100_000)
    )
    assert few is not None and many is not None and few > 2 * many


def test_a_question_near_to_everything_proves_nothing() -> None:
    rng = np.random.default_rng(1)
    segments = unit(rng.normal(size=(200, DIMENSION)) * 0.2 + np.eye(DIMENSION)[0])
    known = Chance(Samples.of({"image": segments}, {}), lambda _: None, {})
    near, plain = np.eye(DIMENSION, dtype=np.float32)[:2]
    said = []
    for query in (near, plain):
        judge = known.judge("text", known.samples.scale(query), {"image": 200})
        said += judge.probabilities([0.8], ["image"])
    assert said[0] is not None and said[1] is not None and said[0] < 0.05 < said[1]


def test_what_is_equal_is_what_was_asked() -> None:
    known, segments = chance(np.random.default_rng(2))
    scale = known.samples.scale(segments[0])
    (alike,) = known.judge("image", scale, {"image": 10**9}).probabilities([1.0], ["image"])
    assert alike is not None and alike >= EQUAL
    judge = known.judge("text", scale, {"image": 10**15})
    (unlike,) = judge.probabilities([HIGHEST], ["image"])
    assert unlike is not None and unlike < EQUAL


def test_of_few_segments_nothing_is_said() -> None:
    known, segments = chance(np.random.default_rng(3), LEAST_SEGMENTS - 1)
    scale = known.samples.scale(segments[0])
    judge = known.judge("text", scale, {"image": LEAST_SEGMENTS - 1})
    assert judge.probabilities([0.9, 0.2], ["image", "audio"]) == [None, None]


@pytest.mark.parametrize("shape", [0.0, 0.2])
def test_a_tail_is_found_again(shape: float) -> None:
    """Shares far beyond what was seen, of exponential and of heavier tails."""
    rng = np.random.default_rng(4)
    level = rng.random(200_000)
    values = -np.log(level) if not shape else (level**-shape - 1) / shape
    tail = Tail.of(values)
    for share in (0.5, 0.1, 0.01, 1e-3, 1e-5, 1e-6):
        where = -np.log(share) if not shape else (share**-shape - 1) / shape
        assert tail.beyond(np.array([where]))[0] == pytest.approx(np.log(share), rel=0.1)


def test_a_tail_of_few_is_the_ordinary_one() -> None:
    assert Tail.of(np.arange(30.0)) is ORDINARY
    assert Tail.of(np.empty(0)) is ORDINARY
    assert ORDINARY.shares[-1] == pytest.approx(np.log(1 - BODY))


def test_judgements_refine() -> None:
    """A user for whom half of what was stated is true, by and by."""
    rng = np.random.default_rng(5)
    start = Calibration(0.9, 2.0, -1.0)
    assert refined(start, [], []) == start
    surprise = np.linspace(0, 4, 50)
    before = start.probability(surprise, np.zeros(50))
    errors = [float((before / 2).mean())]
    for count in (10, 100, 3000):
        stated = rng.uniform(0.05, 0.95, count)
        truth = stated / 2
        better = refined(start, stated, rng.random(count) < truth)
        after = better.probability(surprise, np.zeros(50))
        errors.append(float(np.abs(after - before / 2).mean()))
        assert better.surprise > 0 and better.cosine > 0  # nearer is never less probable
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.08


def test_one_judgement_does_not_turn_everything() -> None:
    start = Calibration(0.9, 0.0, -1.0)
    for relevant, stated in ((False, 0.99), (True, 0.01), (True, 1.0), (False, 0.0)):
        better = refined(start, [stated], [relevant])
        assert 0.4 < better.surprise / start.surprise < 2
        assert abs(better.bias - start.bias) < 2


def test_as_many_judgements_as_probabilities() -> None:
    with pytest.raises(ValueError, match="2 probabilities, but 1 judgement"):
        refined(ANY, [0.1, 0.2], [True])


@pytest.mark.parametrize("count", [1, 2, 3, 10, 117, 5000])
def test_quantiles_are_those_of_numpy_to_the_bit(count: int) -> None:
    drawn = np.random.default_rng(count)
    for values in (drawn.normal(size=count), drawn.integers(0, 3, count) / 7.0):
        ascending = np.sort(values)
        shares = np.concatenate([[0.0, BODY, 0.5, 1.0], drawn.random(200), np.linspace(0, 1, 60)])
        np.testing.assert_array_equal(quantiles(ascending, shares), np.quantile(values, shares))
