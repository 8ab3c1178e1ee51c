"""Plans for more items than anything was measured with."""

from __future__ import annotations

import json

import pytest

from sensorium import load_encoder
from sensorium.encoders.base import Encoder
from sensorium.errors import UsageError
from sensorium.scale.planning import (
    Measured,
    Point,
    as_dict,
    checked,
    estimated,
    hours,
    measured,
    plan,
    size,
    speedup,
)
from tests.cli.conftest import Run
from tests.cli.conftest import run as run  # a fixture


def a_law(rows: int, dimension: int = 640) -> Point:
    """Points of known laws: 4 bytes a value and 100 MB; a root, and a power of 1.2."""
    return Point(rows, dimension, 4.0 * dimension * rows + 1e8, 0.5 * dimension * rows + 2e8,
                 1e-5 * rows**1.2, 1e-6 * rows**0.5)  # fmt: skip


KNOWN = Measured(
    (a_law(10_000), a_law(100_000), a_law(1_000_000)), (a_law(300_000),), {1: 1.0, 2: 2.0}, "here"
)


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


def test_laws_are_found_and_extended() -> None:
    right = a_law(10**8)
    found = estimated(KNOWN.points, 10**8, 640)
    for name, value in found.items():
        assert value == pytest.approx(getattr(right, name), rel=1e-3), name


def test_what_grows_with_the_dimension_does() -> None:
    one, two = (estimated(KNOWN.points, 10**7, dimension) for dimension in (640, 1280))
    assert two["disk"] - 1e8 == pytest.approx(2 * (one["disk"] - 1e8), rel=1e-3)


def test_a_held_out_size_says_how_far_off_a_plan_is() -> None:
    assert all(value == pytest.approx(1, abs=1e-3) for value in checked(KNOWN).values())
    worse = Measured(KNOWN.points, (a_law(300_000), Point(300_000, 640, 1, 1, 1, 1e-9)), {}, "")
    assert checked(worse)["p50"] > 100  # the farthest off is told


def test_workers_share_what_can_be_shared() -> None:
    assert speedup({1: 1.0, 2: 2.0}, 8) == pytest.approx(8)
    assert speedup({1: 1.0, 2: 1.6, 4: 16 / 7}, 8) == pytest.approx(1 / (0.25 + 0.75 / 8), rel=0.01)
    assert speedup({1: 1.0}, 3) == 3


def test_hours_go_with_items_and_workers(mini: Encoder) -> None:
    one = plan(10**6, lambda: mini, seconds_each=0.036, known=KNOWN)
    assert (one.encode_hours, one.machine_hours) == (pytest.approx(10), pytest.approx(10))
    assert (
        one.is_measured and not plan(10**7, lambda: mini, seconds_each=1, known=KNOWN).is_measured
    )
    four = plan(10**6, lambda: mini, seconds_each=0.036, workers=4, known=KNOWN)
    assert (four.encode_hours, four.machine_hours) == (pytest.approx(2.5), pytest.approx(10))
    assert json.loads(json.dumps(as_dict(one)))["dimension"] == mini.space.dimension


def test_an_item_is_measured_here(mini: Encoder) -> None:
    assert 0 < plan(1000, lambda: mini, "text").seconds_each < 5


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (0, {}, "1 to"), (10**12, {}, "1 to"), (10, {"workers": 0}, "at least 1 worker"),
        (10, {"modality": "audio"}, "reads image, text, no audio"),
        (10, {"seconds_each": 0.0}, "more than 0"), (10, {"seconds_each": float("nan")}, "more"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_told(
    mini: Encoder, rows: int, options: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        plan(rows, lambda: mini, **options)  # type: ignore[arg-type]


def test_what_comes_with_it_predicts_what_it_has_not_seen() -> None:
    known = measured()
    assert known.points[-1].rows >= 1_000_000 and known.held_out and known.about
    seen = {point.rows for point in known.points}
    assert not seen & {point.rows for point in known.held_out}
    off = checked(known)
    assert all(1 / 3 < off[name] < 3 for name in ("disk", "memory", "build", "p50")), off


@pytest.mark.parametrize(
    ("value", "said"), [(0.001, "3.6 s"), (0.5, "30 min"), (12.0, "12 h"), (72.0, "3 days")]
)
def test_hours_as_they_are_told(value: float, said: str) -> None:
    assert hours(value) == said


def test_bytes_as_they_are_told() -> None:
    assert (size(900), size(3.77e11), size(2e15)) == ("900 B", "377 GB", "2 PB")


def test_the_command(run: Run) -> None:
    done = run("plan", "--rows", "1e8", "--seconds", "0.01", "--workers", "8")
    assert done.code == 0 and "encode 100,000,000 of image" in done.out
    assert "beyond what was measured" in done.err
    done = run("plan", "--rows", "2,000", "--modality", "text", "--seconds", "0.001", "--json")
    assert json.loads(done.out)["rows"] == 2000 and json.loads(done.out)["is_measured"]
    for rows in ("many", "nan", "inf", "0", "-5"):
        done = run("plan", "--rows", rows)
        assert done.code == 2 and ("--rows" in done.err or "1 to" in done.err)
