from __future__ import annotations

import datetime
from typing import Any

import pytest

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.composing.composing import compose
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.tools.conditions import days_between
from sensorium.dialogue.tools.found import cited


def item(number: int, **metadata: Any) -> Hit:
    return Hit(number, f"{number}.jpg", "image", metadata, span=None, score=0.0)


def test_days_between_two_dates_are_counted_either_way() -> None:
    one, other = item(1, taken="2010-01-31T08:00:00"), item(2, taken="2010-02-02")
    assert days_between(one, other) == days_between(other, one) == 2
    assert days_between(one, one) == 0


@pytest.mark.parametrize("metadata", [{}, {"year": 2010}, {"taken": "2010-02"}])
def test_what_says_no_day_is_no_number_of_days_from_another(metadata: dict[str, Any]) -> None:
    assert days_between(item(1, taken="2010-01-31"), item(2, **metadata)) is None


@pytest.mark.parametrize(
    ("days", "english", "chinese"),
    [(1, "1 day apart", "1 天"), (2, "2 days apart", "2 天"),
     (2922, "8 years (2,922 days)", "8 年(2922 天)")],
)  # fmt: skip
def test_how_far_what_was_compared_lies_apart_is_told(
    days: int, english: str, chinese: str
) -> None:
    start = datetime.date(2011, 5, 1)
    end = start + datetime.timedelta(days)
    hits = (item(1, taken=start.isoformat()), item(2, taken=end.isoformat()))
    values = {"by": "date", "values": {"1": str(start), "2": str(end)}, "days": days}
    plan = Plan("compare", order="oldest", fact="apart")
    outcome = Outcome("ranked", plan, hits, tuple(map(cited, hits)), values=values)
    assert english in compose(outcome, "en", ()).text
    assert chinese in compose(outcome, "zh", ()).text
