from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.data.splits import held_out, stratified_folds

LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@given(LABELS, st.integers(1, 6))
def test_folds_are_as_even_as_can_be(labels: list[int], folds: int) -> None:
    numbers = np.array(labels)
    found = stratified_folds(numbers, folds)
    assert ((found >= 0) & (found < folds)).all()
    for number in set(labels):
        counts = np.bincount(found[numbers == number], minlength=folds)
        assert counts.max() - counts.min() <= 1
    sizes = np.bincount(found, minlength=folds)
    assert sizes.max() - sizes.min() <= 1 + len(set(labels)) // 2


@given(LABELS, st.integers(0, 5))
def test_copies_are_on_one_side(labels: list[int], seed: int) -> None:
    numbers = np.array(labels)
    groups = [f"{n % 7}" if n % 3 else "" for n in range(len(labels))]
    folds = stratified_folds(numbers, 4, groups=groups, seed=seed)
    for group in {group for group in groups if group}:
        assert len({fold for fold, own in zip(folds, groups, strict=True) if own == group}) == 1


@given(LABELS, st.floats(0.1, 0.6))
def test_every_class_keeps_an_example_to_train_on(labels: list[int], share: float) -> None:
    numbers = np.array(labels)
    marked = held_out(numbers, share)
    for number in set(labels):
        own = marked[numbers == number]
        assert not own.all()
        assert own.any() == (len(own) > 1)


def test_the_seed_decides() -> None:
    numbers = np.repeat(np.arange(3), 10)
    assert (held_out(numbers, 0.3, seed=1) == held_out(numbers, 0.3, seed=1)).all()
    assert (held_out(numbers, 0.3, seed=1) != held_out(numbers, 0.3, seed=2)).any()
    assert held_out(numbers, 0.3).sum() == pytest.approx(9)
