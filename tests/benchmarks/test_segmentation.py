"""What the benchmark of masks calls an overlap, and its intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resvg_py")
pytest.importorskip("cv2")

from benchmarks.segmentation import PEOPLE, Measured, _filled, _grown, _iou, _rows


def test_overlaps() -> None:
    left, right = _filled([(0, 0, 0.5, 1)], (10, 20)), _filled([(0.25, 0, 1, 1)], (10, 20))
    assert left.sum() == 100 and right.sum() == 150
    assert _iou(left, right) == pytest.approx(50 / 200)
    assert _iou(left, left) == 1 and _iou(left, ~left) == 0
    assert _grown((0.2, 0.2, 0.4, 0.6), 0.5) == pytest.approx((0.1, 0.0, 0.5, 0.8))
    assert _grown((0, 0, 1, 1), 0.5) == (0, 0, 1, 1)


def test_intervals_hold_the_means_and_differences_are_paired() -> None:
    draw = np.random.default_rng(0)
    found = []
    for picture in range(40):
        hard = draw.uniform(0, 0.5)
        found += [Measured(picture, "ours", hard + 0.3), Measured(picture, "theirs", hard)]
    rows = {(row.system, row.metric): row.value for row in _rows("x", found)}
    for system in ("ours", "theirs"):
        low, high = (rows[system, f"IoU, interval {end}"] for end in ("from", "to"))
        assert low < rows[system, "IoU"] < high
    assert rows["theirs", "IoU: ours is better by"] == pytest.approx(0.3)
    assert rows["theirs", "IoU: better by, interval from"] == pytest.approx(0.3)


def test_outlines_lie_on_photos_that_are_there(sample: Path) -> None:
    for name, outlines in PEOPLE.items():
        assert (sample / "images" / name).is_file()
        assert all(0 <= x <= 100 and 0 <= y <= 100 for outline in outlines for x, y in outline)
