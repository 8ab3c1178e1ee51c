"""Masks as run lengths: the same pixels again, in the letters that COCO's own library writes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from sensorium.errors import UsageError
from sensorium.tasks.masks.runs import extent, mask_of, packed, resized, runs_of, unpacked

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=70))


@given(MASKS)
def test_a_mask_comes_back(mask: npt.NDArray[np.bool_]) -> None:
    height, width = mask.shape
    runs = runs_of(mask)
    assert sum(runs) == mask.size and sum(runs[1::2]) == mask.sum()
    assert unpacked(packed(runs)) == runs
    assert (mask_of(unpacked(packed(runs)), width, height) == mask).all()


@pytest.mark.parametrize(
    ("block", "shape", "letters"),
    [  # what pycocotools 2.0.11 writes
        ((slice(1, 3), slice(1, 3)), (3, 4), "42102"),
        ((slice(0, 0), slice(0, 0)), (2, 2), "4"),
        ((slice(0, 2), slice(0, 2)), (2, 2), "04"),
    ],
)
def test_letters_are_those_of_coco(
    block: tuple[slice, slice], shape: tuple[int, int], letters: str
) -> None:
    mask = np.zeros(shape, bool)
    mask[block] = True
    assert packed(runs_of(mask)) == letters


def test_long_runs_are_told_in_few_letters() -> None:
    mask = np.zeros((600, 900), bool)
    mask[100:500, 200:700] = True
    assert packed(runs_of(mask)).startswith("TYe3`<X6000")  # what pycocotools writes
    assert len(packed(runs_of(mask))) < 1100


@pytest.mark.parametrize("text", ["~", "o", "\u20ac", "P", "oooooooooooooooooo0"])
def test_other_letters_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no mask"):
        unpacked(text)


def test_runs_that_do_not_fill_a_picture_are_refused() -> None:
    with pytest.raises(UsageError, match="do not fill"):
        mask_of([3, 4], 2, 3)
    with pytest.raises(UsageError, match="do not fill"):
        mask_of([8, -2], 2, 3)


@given(MASKS)
def test_the_extent_holds_all_pixels_and_no_empty_edge(mask: npt.NDArray[np.bool_]) -> None:
    left, upper, width, height = extent(mask)
    inside = mask[upper : upper + height, left : left + width]
    assert inside.sum() == mask.sum()
    if mask.any():
        assert inside[0].any() and inside[-1].any()
        assert inside[:, 0].any() and inside[:, -1].any()


def test_levels_keep_their_place_in_another_size() -> None:
    levels = np.zeros((8, 8), np.float32)
    levels[2:4, 4:8] = 1
    large = resized(levels, 80, 40)
    assert large.shape == (40, 80)
    assert large[12:18, 45:].min() > 0.5 and large[:8].max() < 0.5 and large[:, :35].max() < 0.5
