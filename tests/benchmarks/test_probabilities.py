"""What judges without fault could know of absent concepts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.probabilities import FORESEEING, PERFECT, perfect
from benchmarks.yes_no import roc_area

found_first = st.lists(st.booleans(), min_size=1, max_size=60).map(np.array)


@given(found_first)
def test_a_perfect_judge_reaches_what_the_formula_says(first: np.ndarray) -> None:
    share = first.mean()
    told = perfect(first)
    of_hits, of_names = (roc_area(told[s].present, told[s].absent) for s in (PERFECT, FORESEEING))
    assert of_hits == pytest.approx((1 + share) / 2)
    assert of_names == pytest.approx(1 - (1 - share) ** 2 / 2)


@given(found_first, st.integers(0, 2**32 - 1))
def test_no_judge_of_first_hits_is_better(first: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = rng.integers(0, 4, len(first)).astype(float)  # few values, so that many are equal
    # Where the picture is not found first, the first hit is the same without it.
    absent = np.where(first, rng.integers(0, 4, len(first)), present)
    best = perfect(first)[FORESEEING]
    assert roc_area(present, absent) <= roc_area(best.present, best.absent) + 1e-9
