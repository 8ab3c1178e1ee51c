"""English dates and times of day in words."""

from __future__ import annotations

import re

from sensorium.tasks.voice.numbers import ONES, TENS, cardinal, ordinal, year

_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_SHORT = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_SHORT_DAYS = {
    **{day[:3]: day for day in _DAYS.split()}, "Tues": "Tuesday", "Thur": "Thursday",
    "Thurs": "Thursday",
}  # fmt: skip

_NAMED = "|".join(MONTHS)
_MONTH = rf"(?:{_NAMED}|(?:{'|'.join(_SHORT)})\b\.?)"
_YEAR = r"(?:,? ((?:1\d|20)\d\d)(?![\d,]*\d))?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_PIVOT = 50
"""Years of two digits from here on are of the last century."""

MORNING = r"(?: ?([AaPp])(?:\.[Mm]\.|[Mm]\b))"


def dates(text: str) -> str:
    """Write out dates: of numbers, and days beside the name of a month.

    What stands between slashes is a month and a day, as in America, unless that cannot be.
    """
    clock = r"(?:[T ](?=\d\d:\d\d)|(?![\d-]))"
    text = re.sub(rf"\b(\d{{4}})([-/.])(\d\d?)\2(\d\d?){clock}", _year_first, text)
    text = re.sub(r"(?<![\w/])(\d\d?)/(\d\d?)/(\d{4}|\d\d)(?![\w/])", _slashed, text)
    text = re.sub(r"(?<![\w.])(\d\d?)\.(\d\d?)\.((?:19|20)\d\d)(?![\w]|\.\d)", _dotted, text)
    text = re.sub(
        rf"\b({'|'.join(_SHORT_DAYS)})\b\.?,? (?={_MONTH} ?\d|\d\d? {_MONTH})",
        lambda m: f"{_SHORT_DAYS[m[1]]}, ",
        text,
    )
    text = re.sub(rf"\b({_MONTH}) {_DAY}(?: ?[-–] ?{_DAY})?(?![\d:/%]|[.,]\d){_YEAR}", _named, text)
    text = re.sub(rf"\b(the )?{_DAY} (?:of )?({_MONTH}){_YEAR}(?! ?\d)", _day_first, text)
    text = re.sub(rf"\b({_MONTH}),? (?=(?:1\d|20)\d\d\b)", lambda m: f"{_full(m[1])} ", text)
    # Without a number beside it, "Jan." may be a person and "Mar." the end of a word.
    return re.sub(r"\b(Feb|Apr|Aug|Sept|Oct|Nov|Dec)\.", lambda m: _SHORT[m[1]], text)


def _full(month: str) -> str:
    return _SHORT.get(month.rstrip("."), month.rstrip("."))


def _date(written: str, when: int, month: int, day: int) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return written
    return f"{MONTHS[month - 1]} {ordinal(day)}, {year(when)}"


def _year_first(found: re.Match[str]) -> str:
    told = _date(found[0].rstrip("T "), int(found[1]), int(found[3]), int(found[4]))
    return told + (", " if found[0][-1] in "T " else "")


def _slashed(found: re.Match[str]) -> str:
    month, day, when = map(int, found.groups())
    if month > 12:
        month, day = day, month
    if len(found[3]) == 2:
        when += 1900 if when >= _PIVOT else 2000
    return _date(found[0], when, month, day)


def _dotted(found: re.Match[str]) -> str:
    return _date(found[0], int(found[3]), int(found[2]), int(found[1]))


def _named(found: re.Match[str]) -> str:
    month, first, last, when = found.groups()
    if not 1 <= int(first) <= 31:
        return found[0]
    day = ordinal(int(first)) + (f" to {ordinal(int(last))}" if last else "")
    return f"{_full(month)} {day}" + (f", {year(int(when))}" if when else "")


def _day_first(found: re.Match[str]) -> str:
    _, day, month, when = found.groups()
    if not 1 <= int(day) <= 31:
        return found[0]
    return f"the {ordinal(int(day))} of {_full(month)}" + (f", {year(int(when))}" if when else "")


def times(text: str) -> str:
    """Write out times of day, and how long something takes in hours, minutes and seconds."""
    text = re.sub(
        rf"\b([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?Z?(?!\w(?<![apAP])){MORNING}?",
        _time,
        text,
    )
    text = re.sub(rf"\b(1[0-2]|[1-9]){MORNING}", _hour, text)
    return re.sub(r"(?<=\b[AP] M) ?[-–] ?(?=[a-z\d])", " to ", text)


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    half = f" {found[4].upper()} M" + _stop(found) if found[4] else ""
    if not minute and not int(found[3] or 0):
        if half:
            return cardinal(hour) + half
        return f"{cardinal(hour)} o'clock" if 0 < hour <= 12 else f"{cardinal(hour)} hundred"
    words = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    if int(found[3] or 0):
        words += f" and {cardinal(int(found[3]))} second{'s' * (int(found[3]) != 1)}"
    return words + half


def _hour(found: re.Match[str]) -> str:
    return f"{cardinal(int(found[1]))} {found[2].upper()} M{_stop(found)}"


def _stop(found: re.Match[str]) -> str:
    """The point of "a.m." ends a sentence, too, where nothing or a capital is behind it."""
    rest = found.string[found.end() :]
    return "." if found[0].endswith(".") and re.match(r"\s*$|\s+[A-Z]", rest) else ""


def decades(text: str) -> str:
    """Write out decades: "1990s", "the '90s", "1980's"."""

    def short(found: re.Match[str]) -> str:
        ten = int(found[1])
        return f"{(ONES[10] if ten == 10 else TENS[ten // 10])[:-1]}ies"

    text = re.sub(r"\b(1[1-9]\d0|20\d0)['’]?s\b", lambda m: _plural_year(int(m[1])), text)
    return re.sub(
        r"(?:['’]|(?<=\bthe )|(?<=\bearly )|(?<=\blate )|(?<=\bmid-))([2-9]0)['’]?s\b", short, text
    )


def _plural_year(value: int) -> str:
    words = year(value)
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"
