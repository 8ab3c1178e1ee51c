"""Dates in requests, in English and Chinese: "last summer", "before June 2019", "2019年夏天"."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from sensorium.dialogue.understanding.numbers import CHINESE_NUMBER, ENGLISH_NUMBER, number_of
from sensorium.dialogue.understanding.scanning import Scan


@dataclass(frozen=True)
class Period:
    """A stretch of time: ISO dates, from the first on, up to the second, without it.

    Empty where it has no end on that side.
    """

    after: str = ""
    before: str = ""


MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_SHORT = "|".join(f"{name[:3]}[a-z]*" if name != "may" else "may" for name in MONTHS)
_SEASONS = {
    "spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12,
    "春": 3, "夏": 6, "秋": 9, "冬": 12,
}  # fmt: skip
"""First month, in the north."""

_YEAR = r"(?:1[89]\d\d|20\d\d)"
_EN_UNIT = (
    rf"(?P<iso>{_YEAR}-\d\d(?:-\d\d)?)"
    rf"|(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<dm>{_SHORT})\s*,?\s*(?P<dy>{_YEAR})?"
    rf"|(?P<m1>{_SHORT})\s+(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)\s*,?\s*(?P<y1>{_YEAR})?"
    rf"|(?:(?P<which>last|this)\s+)?(?P<month>{_SHORT})(?:\s+(?:of\s+)?(?P<my>{_YEAR}))?"
    rf"|(?P<sw>last|this|the)?\s*(?P<season>spring|summer|autumn|fall|winter)"
    rf"(?:\s+(?:of\s+)?(?P<sy>{_YEAR}|last\s+year|this\s+year))?"
    rf"|(?:the\s+)?(?P<decade>(?:1[89]\d|20\d)0|[2-9]0)'?s"
    rf"|(?P<year>{_YEAR})"
    r"|(?P<rel>yesterday|today|(?:the\s+)?(?:last|past|this|previous)\s+(?:year|month|week)"
    r"|the\s+year\s+before\s+last)"
    rf"|(?P<ago>\d+|{ENGLISH_NUMBER})\s+(?P<unit>year|month|week|day)s?\s+ago"
)
_EN_BETWEEN = re.compile(
    rf"\b(?:(?:between|from)\s+)?(?:the\s+years?\s+)?(?P<a>{_YEAR}(?:-\d\d)?)\s+"
    rf"(?:and|to|until|till|-)\s+(?P<b>{_YEAR}(?:-\d\d)?)\b"
)
_EN = re.compile(
    r"(?:\b(?:(?:taken|made|recorded|dated|shot|photographed|written|from|that\s+(?:were|was))\s+)*"
    r"(?P<rel0>before|no\s+later\s+than|up\s+to(?:\s+and\s+including)?|until|till|earlier\s+than|older\s+than|after|later\s+than|newer\s+than"
    r"|since|from|in|during|on|of|by)\s+(?:the\s+year\s+)?)?"
    rf"(?<![\w-])(?:{_EN_UNIT})(?![\w-])(?P<onwards>\s+(?:on|onwards?|or\s+later|(?:and|or)\s+(?:later|newer|after)|or\s+earlier)\b)?"
)
_ZH_UNIT = (
    rf"(?P<year>{_YEAR}|[一二][〇零○一二三四五六七八九]{{3}})\s*年"
    rf"(?:\s*(?P<ym>\d{{1,2}}|十?[一二三四五六七八九十])\s*月(?:份)?(?:\s*(?P<yd>\d{{1,2}})\s*[日号])?"
    r"|的?(?P<ys>[春夏秋冬])[天季]?)?"
    r"|(?P<rel>去年|今年|前年|上个?月|这个?月|上个?星期|上周|这周|昨天|今天|前天)"
    r"(?:的?(?P<rs>[春夏秋冬])[天季]?|(?P<rm>\d{1,2}|十?[一二三四五六七八九十])月(?:份)?)?"
    r"|(?P<ls>上个|今|去)?(?P<season>[春夏秋冬])[天季]"
    r"|(?P<month>\d{1,2}|十?[一二三四五六七八九十])月(?:份)?(?:(?P<md>\d{1,2})[日号])?"
    r"|(?P<decade>(?:二十世纪|上世纪)?\d0|[二三四五六七八九]十)年代"
    rf"|(?P<ago>\d+|{CHINESE_NUMBER})\s*(?:个)?(?P<unit>年|月|星期|周|天)以?前"
    rf"|(?P<bare>(?<!\d){_YEAR}(?!\d))"
)
_ZH_BETWEEN = re.compile(
    rf"从?\s*(?P<a>{_YEAR})\s*年?\s*(?:到|至|和|-|~)\s*(?P<b>{_YEAR})\s*年?(?:之间|期间)?"
)
_ZH = re.compile(
    rf"(?P<since>从|自|在|于)?(?:{_ZH_UNIT})"
    r"(?P<side>(?:之|以)?前|(?:之|以)?后|以来|开始|起|以内|期间|里|中)?"
    r"(?:(?:的时候)?(?:拍摄?|照|录制?|写)(?:下|摄)?的)?"
)


_SAID = {
    "去年": "last year", "今年": "this year", "前年": "year before last",
    "昨天": "yesterday", "今天": "today", "前天": "day before yesterday",
    "上月": "last month", "这月": "this month", "上周": "last week", "这周": "this week",
}  # fmt: skip


def take_period(scan: Scan, language: str, today: datetime.date) -> Period | None:
    """Take the first date or stretch of time out of a request.

    Parameters
    ----------
    scan : Scan
        In small letters.
    language : str
        ``"en"`` or ``"zh"``.
    today : date
        What "last summer" is counted from.
    """
    between, single = (_ZH_BETWEEN, _ZH) if language == "zh" else (_EN_BETWEEN, _EN)
    if (match := scan.take(between)) is not None:
        return Period(match["a"], following(match["b"]))
    # A month's name that is a verb or a title is none: "may I see", "march".
    for match in single.finditer(scan.rest):
        found = (_chinese if language == "zh" else _english)(match, today)
        if found is not None:
            scan.rest = f"{scan.rest[: match.start()]}\x1f{scan.rest[match.end() :]}"
            return found
    return None


def _english(match: re.Match[str], today: datetime.date) -> Period | None:
    found = _english_unit(match, today)
    if found is None:
        return None
    side = " ".join((match["rel0"] or "").split())
    onwards = match["onwards"] or ""
    if side in ("before", "until", "till", "earlier than", "older than", "by") or (
        "earlier" in onwards
    ):
        return Period("", found.after)
    if side.startswith(("no later", "up to")):
        return Period("", found.before)
    if side in ("after", "later than", "newer than"):
        return Period(found.before, "")
    if side == "since" or (onwards and "earlier" not in onwards):
        return Period(found.after, "")
    return found


def _english_unit(match: re.Match[str], today: datetime.date) -> Period | None:
    if match["iso"]:
        return Period(match["iso"], following(match["iso"]))
    if match["dm"] or match["m1"]:
        month = _month(match["dm"] or match["m1"])
        day = int(match["day"] or match["d1"])
        said = match["dy"] or match["y1"]
        return _day(said, month, day, today) if month else None
    if match["month"]:
        month = _month(match["month"])
        loose = match["month"] in ("may", "march", "mar", "dec", "sept", "sun")
        if not month or (loose and not (match["rel0"] or match["my"] or match["which"])):
            return None
        return _of_month(match["my"], month, today, this=match["which"] == "this")
    if match["season"]:
        said = match["sy"] or ""
        if not said and match["sw"] not in ("last", "this"):
            return None  # "in winter" is how it looks
        if said.startswith(("last", "this")):
            said = str(today.year - said.startswith("last"))
        return _season(said, match["season"], today, this=match["sw"] == "this")
    if match["decade"]:
        start = int(match["decade"])
        start += 0 if start > 100 else (1900 if start >= 30 else 2000)
        return Period(str(start), str(start + 10))
    if match["year"]:
        return Period(match["year"], following(match["year"]))
    if match["rel"]:
        return _relative(" ".join(match["rel"].removeprefix("the ").split()), today)
    return _ago(number_of(match["ago"]), match["unit"], today)


def _chinese(match: re.Match[str], today: datetime.date) -> Period | None:
    found = _chinese_unit(match, today)
    if found is None:
        return None
    side = match["side"] or ""
    if side.endswith("前"):
        return Period("", found.after)
    if side.endswith("后"):
        return Period(found.before, "")
    if side in ("以来", "开始", "起") or match["since"] in ("从", "自"):
        return Period(found.after, "")
    return found


def _chinese_unit(match: re.Match[str], today: datetime.date) -> Period | None:
    if match["bare"]:
        return Period(match["bare"], following(match["bare"]))
    if match["year"]:
        year = match["year"]
        if not year.isdecimal() or not year.isascii():
            year = "".join(str(number_of(one)) for one in year)
        if match["ym"]:
            month = number_of(match["ym"])
            if match["yd"]:
                return _day(year, month, int(match["yd"]), today)
            return _of_month(year, month, today)
        return _season(year, match["ys"], today) if match["ys"] else Period(year, following(year))
    if match["rel"]:
        said = _SAID[match["rel"].replace("个", "").replace("星期", "周")]
        year = {"last year": today.year - 1, "this year": today.year}.get(said, today.year - 2)
        if match["rs"]:
            return _season(str(year), match["rs"], today)
        if match["rm"]:
            return _of_month(str(year), number_of(match["rm"]), today)
        return _relative(said, today)
    if match["season"]:
        return _season("", match["season"], today) if match["ls"] else None
    if match["month"]:
        month = number_of(match["month"])
        if match["md"]:
            return _day(None, month, int(match["md"]), today)
        return _of_month(None, month, today)
    if match["decade"]:
        digits = re.sub(r"\D", "", match["decade"])
        tens = int(digits) if digits else number_of(match["decade"])
        start = 1900 + tens if tens >= 30 or "世纪" in match["decade"] else 2000 + tens
        return Period(str(start), str(start + 10))
    unit = {"年": "year", "月": "month", "星期": "week", "周": "week", "天": "day"}[match["unit"]]
    return _ago(number_of(match["ago"]), unit, today)


def _month(said: str) -> int:
    return next((n for n, name in enumerate(MONTHS, 1) if name.startswith(said[:3])
                 and (name.startswith(said) or said == "sept")), 0)  # fmt: skip


def following(date: str) -> str:
    """The year, month or day after one, in ISO 8601."""
    parts = [int(part) for part in date.split("-")]
    if len(parts) == 1:
        return f"{parts[0] + 1:04}"
    if len(parts) == 2:
        year, month = parts
        return f"{year + month // 12:04}-{month % 12 + 1:02}"
    return (datetime.date(*parts) + datetime.timedelta(1)).isoformat()


def _day(year: str | None, month: int, day: int, today: datetime.date) -> Period | None:
    try:
        found = datetime.date(int(year or today.year), month, day)
    except ValueError:
        return None
    if year is None and found > today:
        found = found.replace(year=found.year - 1)
    return Period(found.isoformat(), (found + datetime.timedelta(1)).isoformat())


def _of_month(
    year: str | None, month: int, today: datetime.date, *, this: bool = False
) -> Period | None:
    if not 1 <= month <= 12:
        return None
    number = int(year) if year else today.year - (month > today.month and not this)
    date = f"{number:04}-{month:02}"
    return Period(date, following(date))


def _season(said: str, season: str, today: datetime.date, *, this: bool = False) -> Period:
    month = _SEASONS[season]
    year = int(said) if said else today.year - (month > today.month - 3 and not this)
    start = f"{year:04}-{month:02}"
    stop = start
    for _ in range(3):
        stop = following(stop)
    return Period(start, stop)


def _relative(said: str, today: datetime.date) -> Period | None:
    day = datetime.timedelta(1)
    if said in ("today", "yesterday", "day before yesterday"):
        start = today - day * ("today", "yesterday", "day before yesterday").index(said)
        return Period(start.isoformat(), (start + day).isoformat())
    back = not said.startswith("this")
    if said.endswith(("year", "year before last")):
        year = today.year - (2 if said.endswith("last") else back)
        return Period(str(year), str(year + 1))
    if said.endswith("month"):
        months = today.year * 12 + today.month - 1 - back
        date = f"{months // 12:04}-{months % 12 + 1:02}"
        return Period(date, following(date))
    monday = today - day * (today.weekday() + 7 * back)
    return Period(monday.isoformat(), (monday + 7 * day).isoformat())


def _ago(count: int, unit: str, today: datetime.date) -> Period | None:
    if unit == "year":
        return Period(str(today.year - count), str(today.year - count + 1))
    if unit == "month":
        months = today.year * 12 + today.month - 1 - count
        date = f"{months // 12:04}-{months % 12 + 1:02}"
        return Period(date, following(date))
    start = today - datetime.timedelta(count * (7 if unit == "week" else 1))
    days: Callable[[int], datetime.timedelta] = datetime.timedelta
    return Period(start.isoformat(), (start + days(7 if unit == "week" else 1)).isoformat())
