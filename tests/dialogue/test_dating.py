"""Dates that are meant by what was shown."""

from __future__ import annotations

import pytest

from sensorium import Collection
from sensorium.collection.results import Item
from sensorium.dialogue import Dialogue
from sensorium.dialogue.carrying_out.dating import beside, in_its_year
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.dates import Period


@pytest.mark.parametrize(
    ("than", "date", "period"),
    [
        ("day before", "2004-03-01T10:00:00", Period("2004-02-29", "2004-03-01")),
        ("day after", "2004-12-31", Period("2005-01-01", "2005-01-02")),
        ("same day", "2004-12-31", Period("2004-12-31", "2005-01-01")),
        ("same month", "2004-12-31", Period("2004-12", "2005-01")),
        ("same year", "2004", Period("2004", "2005")),
        ("day before", "2004-03", None),
    ],
)
def test_days_beside_a_date(than: str, date: str, period: Period | None) -> None:
    assert beside(than, date) == period


def test_a_month_is_of_the_year_asked_for_before_or_of_what_was_shown() -> None:
    month = Plan(after="2024-01", before="2024-02", continues=True, question="only January")
    shown = [Item(1, "/a.jpg", "image", {"taken": "2009-01-15T00:00:00"})]
    asked = Plan(after="2010", before="2011")
    assert in_its_year(month, asked, []).after == "2010-01"
    assert in_its_year(month, None, shown).before == "2009-02"
    assert in_its_year(month, None, []) == month
    of_year = Plan(after="2024-01", before="2024-02", continues=True, question="January 2024")
    assert in_its_year(of_year, asked, shown) == of_year
    alone = Plan(after="2024-01", before="2024-02", question="photos from January")
    assert in_its_year(alone, asked, shown) == alone


@pytest.mark.parametrize(
    ("first", "then"),
    [("photos from 2011", "only those from June"), ("2011年的照片", "只留六月的")],
)
def test_a_list_is_narrowed_to_a_month_of_its_year(
    collection: Collection, first: str, then: str
) -> None:
    talk = Dialogue(collection)
    before, after = talk.say(first), talk.say(then)
    assert [hit.id for hit in after.items] == [hit.id for hit in before.items] != []


def test_what_was_taken_on_another_day_is_not_what_was_shown(collection: Collection) -> None:
    talk = Dialogue(collection)
    talk.say("the castle of 2015")
    reply = talk.say("what was photographed the day before?")
    assert reply.refused and reply.plan["than"] == "day before"
