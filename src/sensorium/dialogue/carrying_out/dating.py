"""Dates that are meant by what was shown: "the day before", "only those of January"."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import replace

from sensorium.collection import Item
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.tools.conditions import date_of
from sensorium.dialogue.understanding.dates import Period, following

_MONTH = re.compile(r"\d{4}-\d\d")
_SAYS_YEAR = re.compile(
    r"(?:1[89]|20)\d\d|[一二][〇零○一二三四五六七八九]{3}年|[去今前本当]年|[上这本]个?月"
    r"|\b(?:last|this|ago|past|previous)\b",
    re.IGNORECASE,
)


def beside(than: str, date: str) -> Period | None:
    """The day before or after a date, or its own day, month or year.

    Parameters
    ----------
    than : str
        See `Plan`.
    date : str
        ISO 8601.

    Returns
    -------
    Period or None
        None where `date` does not say its day, and that is needed.
    """
    which, unit = than.split()
    length = {"day": 10, "month": 7, "year": 4}[unit if which == "same" else "day"]
    said = date[:length]
    if len(said) < length:
        return None
    if which == "same":
        return Period(said, following(said))
    day = datetime.date.fromisoformat(said)
    start = day + datetime.timedelta(1 if unit == "after" else -1)
    return Period(start.isoformat(), following(start.isoformat()))


def in_its_year(plan: Plan, base: Plan | None, shown: Sequence[Item]) -> Plan:
    """A month without a year, of what was shown: that of the year asked for before, or of theirs.

    "Only those of January", after "photos from 2010", is January 2010 and not the last January.
    """
    goes_on = plan.continues or plan.same or plan.definite or plan.reference is not None
    if not (goes_on and _MONTH.fullmatch(plan.after) and plan.before == following(plan.after)):
        return plan
    if _SAYS_YEAR.search(plan.question):
        return plan
    month = plan.after[4:]
    years = sorted(date[:4] for one in shown if (date := date_of(one))[4:7] == month)
    if base is not None and base.after[:4] and following(base.after[:4]) >= base.before > "":
        years = [base.after[:4]]
    if not years or plan.after[:4] in years:
        return plan
    date = f"{years[-1]}{month}"
    return replace(plan, after=date, before=following(date))
