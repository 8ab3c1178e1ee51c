"""Label sets: right at every small size by enumeration, with ties, and by simulation."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sensorium.checksums import with_checksum
from sensorium.errors import UsageError
from sensorium.tasks.conformal import ConformalLabels, rank_of

LABELS = ("a", "b", "c")


@pytest.mark.parametrize("coverage", [0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_the_rank_is_the_least_that_covers_enough(coverage: float) -> None:
    """Of n + 1 equally likely ranks of the new item, `rank` of them are covered."""
    wanted = Fraction(str(coverage))
    for n in range(1, 201):
        ranks = [k for k in range(1, n + 1) if Fraction(k, n + 1) >= wanted]
        if ranks:
            assert rank_of(n, coverage) == ranks[0], n
        else:
            with pytest.raises(UsageError, match="takes at least"):
                rank_of(n, coverage)


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (29, 0.9, 27), (30, 0.9, 28), (39, 0.9, 36),
     (19, 0.95, 19), (39, 0.95, 38), (4, 0.8, 4), (9, 0.7, 7), (99, 0.29, 29), (1, 0.5, 1)],
)  # fmt: skip
def test_ranks_by_hand(n: int, coverage: float, rank: int) -> None:
    """(29 + 1) * 0.9 is 27, and no rounding makes 28 of it."""
    assert rank_of(n, coverage) == rank


@pytest.mark.parametrize(
    ("coverage", "needed"), [(0.9, 9), (0.95, 19), (0.99, 99), (0.8, 4), (0.5, 1), (0.999, 999)]
)
def test_too_few_examples_are_told_how_many_it_takes(coverage: float, needed: int) -> None:
    assert rank_of(needed, coverage) == needed
    with pytest.raises(UsageError, match=f"at least {needed} labelled examples, got {needed - 1}"):
        rank_of(needed - 1, coverage)


def of_one(scores: list[float]) -> np.ndarray:
    """Probabilities of two labels, of which the first is true, with these scores."""
    first = 1 - np.array(scores)
    return np.stack([first, 1 - first], axis=1)


@pytest.mark.parametrize("n", range(1, 41))
def test_coverage_by_enumeration_of_ranks(n: int) -> None:
    """Each of n + 1 values is once the new item's, and the others the examples': as likely all."""
    values = [k / 64 for k in range(n + 1)]  # exact in binary
    tied = [k // 3 / 64 for k in range(n + 1)]
    for coverage in (0.5, 0.8, 0.9, 0.95):
        wanted = Fraction(str(coverage))
        if (n + 1) * wanted > n:
            continue
        for scores in (values, tied, [0.25] * (n + 1)):
            covered = 0
            for new in range(n + 1):
                rest = scores[:new] + scores[new + 1 :]
                fitted = ConformalLabels.fit(of_one(rest), ["a"] * n, ["a", "b"], coverage)
                covered += bool(fitted.sets(of_one([scores[new]]))[0, 0])
            share = Fraction(covered, n + 1)
            assert share >= wanted
            if scores is values:  # and no more than one rank beyond
                assert share == Fraction(math.ceil((n + 1) * wanted), n + 1)


def test_all_orders_of_few_with_ties() -> None:
    """Every way to draw four scores of three values: covered as often as is stated, or more."""
    covered = []
    for drawn in itertools.product([0.125, 0.5, 0.75], repeat=5):
        fitted = ConformalLabels.fit(of_one(list(drawn[:4])), ["a"] * 4, ["a", "b"], 0.8)
        covered.append(bool(fitted.sets(of_one([drawn[4]]))[0, 0]))
    assert np.mean(covered) >= 0.8


@pytest.mark.parametrize("n", [9, 30, 39])
def test_coverage_by_simulation(n: int) -> None:
    """Random classifiers, good and bad; the share that is covered is Beta(rank, n + 1 - rank)."""
    rng = np.random.default_rng(n)
    rounds, tests = 400, 60
    shares = []
    for _ in range(rounds):
        logits = rng.normal(size=(n + tests, 3)) * rng.choice([0.1, 1.0, 4.0])
        truths = np.array([rng.choice(3, p=p / p.sum()) for p in np.exp(logits * rng.random())])
        given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        names = [LABELS[t] for t in truths]
        fitted = ConformalLabels.fit(given[:n], names[:n], LABELS, 0.9)
        inside = fitted.sets(given[n:])
        shares.append(inside[np.arange(tests), truths[n:]].mean())
    rank = rank_of(n, 0.9)
    expected = rank / (n + 1)
    variance = expected * (1 - expected) / (n + 2)
    variance += (expected - expected**2 - variance) / tests  # of the draw of `tests` items
    assert abs(np.mean(shares) - expected) < 4 * math.sqrt(variance / rounds)


def test_a_better_classifier_has_smaller_sets() -> None:
    rng = np.random.default_rng(0)
    truths = rng.integers(3, size=200)
    sizes = {}
    for sure in (0.5, 4.0):
        logits = rng.normal(size=(200, 3)) + sure * np.eye(3)[truths]
        given = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        fitted = ConformalLabels.fit(given[:100], [LABELS[t] for t in truths[:100]], LABELS)
        sizes[sure] = fitted.sets(given[100:]).sum(axis=1).mean()
    assert sizes[4.0] < 1.2 < 2 < sizes[0.5]


def test_a_file_comes_back_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    given = rng.dirichlet(np.ones(3), 50).astype(np.float32)
    fitted = ConformalLabels.fit(given, ["a"] * 50, LABELS, 0.85, space="f")
    fitted.save(tmp_path / "sets.json")
    again = ConformalLabels.load(tmp_path / "sets.json")
    assert again == fitted
    # What is as probable as the least, computed in float32, is inside.
    assert again.sets(given)[:, 0].sum() >= rank_of(50, 0.85)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "x"}, "format"), ({"version": 2}, "version"), ({"least": 2}, "least"),
        ({"labels": ["a", "a"]}, "differ"), ({"labels": "abc"}, "texts"), ({"space": 1}, "fitted"),
        ({"coverage": 1}, "coverage"), ({"coverage": "x"}, "coverage"), ({"examples": 3}, "least"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told(tmp_path: Path, change: dict[str, object], words: str) -> None:
    file = tmp_path / "sets.json"
    ConformalLabels.fit(of_one([0.5] * 9), ["a"] * 9, ["a", "b"]).save(file)
    kept = json.loads(file.read_text()) | change
    file.write_text(json.dumps(with_checksum(kept)))
    with pytest.raises(UsageError, match=words) as told:
        ConformalLabels.load(file)
    assert str(file) in str(told.value)
    ConformalLabels.fit(of_one([0.5] * 9), ["a"] * 9, ["a", "b"]).save(file)
    whole = json.loads(file.read_text())
    for damaged in (whole | {"least": 0.4}, {k: v for k, v in whole.items() if k != "checksum"}):
        file.write_text(json.dumps(damaged))
        with pytest.raises(UsageError, match="checksum"):
            ConformalLabels.load(file)
    for content in ("", "[]", "{", '{"format": "sensorium-label-sets", "version": 1}'):
        file.write_text(content)
        with pytest.raises(UsageError, match="cannot be read as label sets"):
            ConformalLabels.load(file)
    with pytest.raises(UsageError, match="cannot be read"):
        ConformalLabels.load(tmp_path / "none.json")


def test_last_bits_make_no_difference_and_small_probabilities_do() -> None:
    given = np.array([[1e-30, 1.0]] * 9)
    fitted = ConformalLabels.fit(given, ["a"] * 9, ["a", "b"])
    assert fitted.sets(given * (1 - 1e-6)).all()
    assert not fitted.sets(np.array([[1e-31, 1.0]]))[0, 0]


def test_what_cannot_be_fitted_is_refused() -> None:
    given = np.full((9, 2), 0.5)
    with pytest.raises(UsageError, match="no labels: c"):
        ConformalLabels.fit(given, ["a"] * 8 + ["c"], ["a", "b"])
    with pytest.raises(UsageError, match="8 truths"):
        ConformalLabels.fit(given, ["a"] * 8, ["a", "b"])
    with pytest.raises(UsageError, match="shape"):
        ConformalLabels.fit(given, ["a"] * 9, LABELS)
    with pytest.raises(UsageError, match="between 0 and 1"):
        ConformalLabels.fit(given * np.nan, ["a"] * 9, ["a", "b"])
    for coverage in (0, 1, 1.5, -0.1, float("nan"), True, "0.9"):
        with pytest.raises(UsageError, match="coverage is"):
            ConformalLabels.fit(given, ["a"] * 9, ["a", "b"], coverage)  # type: ignore[arg-type]
