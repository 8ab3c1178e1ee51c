"""Items by what is said of their segments."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.ranking.labels import counting_segments, of_items


def test_an_item_has_the_mean_of_its_segments() -> None:
    ids, means = of_items(
        np.array([4, 2, 4]), np.array([[0.2, 0.8], [1, 0], [0.6, 0.4]]), judged=False
    )
    assert ids.tolist() == [2, 4]
    np.testing.assert_allclose(means, [[1, 0], [0.4, 0.6]], atol=1e-7)


def test_one_part_that_fits_makes_an_item_fit() -> None:
    """Odds of 10 beside odds of 1, which tell nothing, are odds of 5.5."""
    ids, means = of_items(np.array([1, 1]), np.array([[10 / 11], [0.5]]), judged=True)
    assert ids.tolist() == [1]
    assert means[0, 0] == pytest.approx(5.5 / 6.5)


def test_pictures_count_before_texts() -> None:
    items = np.array([1, 1, 2, 3, 3])
    modalities = np.array(["image", "text", "text", "audio", "audio"])
    counting = counting_segments(items, modalities, ("image", "text"))
    assert counting.tolist() == [True, False, True, False, False]
