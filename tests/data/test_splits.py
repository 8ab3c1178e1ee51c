from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.data.examples import Examples
from sensorium.data.splits import held_out, split_groups, split_three, stratified_folds
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped

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


def in_groups(groups: dict[str, str]) -> Examples:
    return Examples(list(groups), groups=list(groups.values()), skipped=[Skipped("x", "broken")])


def test_groups_stay_together_when_parts_are_held_out() -> None:
    groups = {f"item {n}": f"group {n // 3}" for n in range(90)}
    examples = in_groups(groups)
    parts = split_groups(examples, [0.1, 0.2], seed=1)
    assert [len(part) for part in parts] == [63, 9, 18]
    assert sorted(item for part in parts for item in part.names) == sorted(groups)
    assert all(part.names == [n for n in groups if n in set(part.names)] for part in parts)
    seen = [set(part.groups) for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert [len(part.skipped) for part in parts] == [1, 0, 0]
    again, other = (split_groups(examples, [0.1, 0.2], seed=seed) for seed in (1, 0))
    assert again == parts != other
    assert split_groups(examples, []) == [examples]


def test_too_few_groups_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="2 different texts are too few"):
        split_groups(in_groups({"a": "x", "b": "y"}), [0.1, 0.1])
    with pytest.raises(UsageError, match="must lie in 0 to 1"):
        split_groups(in_groups({"a": "x", "b": "y"}), [1.0])


def test_only_what_is_not_given_is_held_out() -> None:
    examples = Examples([f"{n}.png" for n in range(20)], texts=[[f"word {n}"] for n in range(20)])
    given = Examples(["new.png"], texts=[["New"]])
    trained, validation, test = split_three(examples, None, given, None, 0.1)
    assert (len(trained), len(validation), test.groups) == (18, 2, ["new"])
    assert [len(part) for part in split_three(examples, given, given, None, 0.1)] == [20, 1, 1]
