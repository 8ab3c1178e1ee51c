"""A text as it is read aloud: sentence by sentence, its numbers, dates and signs as words.

Written numbers stand for other words in each language; a voice knows words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 240
"""Characters that a voice is given at once: a long sentence is parted at commas, then at spaces.
What it needs in memory grows with that."""

_ENDS = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？；…])[”’」』）]*|\n\s*\n|\n(?=\s*[-*•])")
_PAUSES = re.compile(r"(?<=[,;:—])\s+|(?<=[，、：；])")
_NO_END = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|vs|etc|No|Fig|e\.g|i\.e|cf|approx|[A-Z])\.)$"
)

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
ONES = _ONES.split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"
TENS = _TENS.split()
SCALES = ("", " thousand", " million", " billion", " trillion")
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split()

_ABBREVIATIONS = {
    "Mr.": "mister", "Mrs.": "missus", "Ms.": "miz", "Dr.": "doctor", "Prof.": "professor",
    "Mt.": "mount", "Jr.": "junior", "Sr.": "senior", "vs.": "versus", "etc.": "et cetera",
    "e.g.": "for example", "i.e.": "that is", "cf.": "compare", "approx.": "approximately",
    "Fig.": "figure", "St.": "saint",
}  # fmt: skip
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent", "×": " times ",
    "÷": " divided by ", "≈": " about ", "<": " less than ", ">": " greater than ",
    "→": " to ", "°": " degrees", "~": " about ", "/": " or ", "*": " ", "_": " ", "#": " number ",
    "²": " squared", "³": " cubed", "½": " a half", "¼": " a quarter", "¾": " three quarters",
}  # fmt: skip
_UNITS = {
    "km/h": "kilometer an hour", "km": "kilometer", "cm": "centimeter", "mm": "millimeter",
    "m": "meter", "kg": "kilogram", "g": "gram", "mg": "milligram", "l": "liter",
    "ml": "milliliter", "ft": "foot", "mph": "mile an hour", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "s": "second", "ms": "millisecond", "min": "minute", "h": "hour", "Hz": "hertz",
    "kHz": "kilohertz", "MB": "megabyte", "GB": "gigabyte", "kB": "kilobyte", "W": "watt",
    "kW": "kilowatt", "V": "volt", "°C": "degree Celsius", "°F": "degree Fahrenheit",
}  # fmt: skip
_MONEY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"),
          "¥": ("yen", ""), "￥": ("yen", "")}  # fmt: skip
_PLURALS = {
    "foot": "feet",
    "penny": "pence",
    "hertz": "hertz",
    "kilohertz": "kilohertz",
    "yen": "yen",
}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"


def sentences(text: str, longest: int = LONGEST) -> Iterator[str]:
    """Cut a text into what is spoken in one go.

    Parameters
    ----------
    text : str
    longest : int
        Characters of a piece.

    Yields
    ------
    str
        Without space around it; none is empty. Together they are the text, but for space.
    """
    held = ""
    for part in _split(_ENDS, text):
        held = f"{held}{_between(held)}{part}"
        if _NO_END.search(held):
            continue
        yield from _short(held, longest)
        held = ""
    if held:
        yield from _short(held, longest)


def _split(ends: re.Pattern[str], text: str) -> Iterator[str]:
    start = 0
    for end in ends.finditer(text):
        stop = end.end()
        if part := " ".join(text[start:stop].split()):
            yield part
        start = stop
    if part := " ".join(text[start:].split()):
        yield part


def _short(sentence: str, longest: int) -> Iterator[str]:
    """Pieces of a sentence that are short enough, as long as possible."""
    held = ""
    for part in _split(_PAUSES, sentence):
        while len(part) > longest:
            cut = part.rfind(" ", 1, longest) if " " in part[1:longest] else longest
            if held:
                yield held
                held = ""
            yield part[:cut].strip()
            part = part[cut:].strip()
        if held and len(held) + len(part) + 1 > longest:
            yield held
            held = ""
        held = f"{held}{_between(held)}{part}"
    if held:
        yield held


def _between(before: str) -> str:
    """What stands between two pieces: Chinese signs have their space within."""
    return "" if not before or before[-1] in "，、：；。！？…" else " "


def english(text: str) -> str:
    """Write out what English reads otherwise than it is written.

    Examples
    --------
    >>> english("On 2024-05-01 Dr. Li paid $3.50 for 1,200 g at 10:05.")
    'On May first, twenty twenty-four doctor Li paid three dollars and fifty cents for one thousand
    two hundred grams at ten oh five.'
    """
    for short, long in _ABBREVIATIONS.items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)}", long, text)
    text = re.sub(r"\bNo\. ?(?=\d)", "number ", text)
    if not text.isupper():
        text = re.sub(r"\b(US|UK|EU|UN)\b", lambda m: " ".join(m[1]), text)  # no words here
    text = re.sub(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", _date, text)
    text = re.sub(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?::\d\d)?", _time, text)
    text = re.sub(r"([$€£])\.(\d\d)\b", r"\g<1>0.\2", text)
    text = re.sub(
        rf"([$€£¥￥]) ?({_NUMBER})(?: ?(thousand|million|billion|trillion))?", _money, text
    )
    text = re.sub(rf"({_NUMBER}) ?([€£])", lambda m: _money_of(m[2], m[1], None), text)
    text = re.sub(r"\b(1[1-9]|20)(\d\d)s\b", lambda m: _plural(year(int(m[1] + m[2]))), text)
    text = re.sub(r"(?<![\w./])(\d{1,2})/(\d{1,2})(?![\d/])", _fraction, text)
    units = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
    text = re.sub(rf"(?<![\w.])(-?{_NUMBER}) ?({units})\b", _measure, text)
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1])), text)
    text = re.sub(r"(?<=\d) ?[-–] ?(?=\d)", " to ", text)
    text = re.sub(r"(?<![\w,.])(1[1-9]\d\d|20\d\d)(?!\d|[,.]\d)", lambda m: year(int(m[1])), text)
    text = re.sub(r"(?<![\w.])[-−](?=\d)", "minus ", text)
    text = re.sub(_NUMBER, lambda m: f" {number(m[0])} ", text)
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))


def number(written: str) -> str:
    """A number in words.

    Examples
    --------
    >>> number("1,234.50"), number("007")
    ('one thousand two hundred thirty-four point five zero', 'zero zero seven')
    """
    whole, _, fraction = written.replace(",", "").partition(".")
    if (len(whole) > 1 and whole[0] == "0") or len(whole) > 3 * len(SCALES):
        words = " ".join(ONES[int(digit)] for digit in whole)
    else:
        words = cardinal(int(whole))
    if fraction:
        words += " point " + " ".join(ONES[int(digit)] for digit in fraction)
    return words


def cardinal(value: int) -> str:
    """A whole number below 10**15 in words."""
    if value < 20:
        return ONES[value]
    if value < 100:
        return TENS[value // 10] + (f"-{ONES[value % 10]}" if value % 10 else "")
    if value < 1000:
        rest = f" {cardinal(value % 100)}" if value % 100 else ""
        return f"{ONES[value // 100]} hundred{rest}"
    parts = []
    for scale in SCALES:
        value, below = divmod(value, 1000)
        if below:
            parts.append(cardinal(below) + scale)
    return " ".join(reversed(parts))


def ordinal(value: int) -> str:
    """Its place in an order: "twenty-second"."""
    words = cardinal(value)
    head, last = re.fullmatch(r"(.*?)(\w+)", words).groups()  # type: ignore[union-attr]
    if last in ORDINALS:
        return head + ORDINALS[last]
    return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def year(value: int) -> str:
    """A year: "nineteen oh five", "two thousand four", "twenty twenty-four"."""
    century, rest = divmod(value, 100)
    if value % 1000 < 10:
        return cardinal(value)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def _date(found: re.Match[str]) -> str:
    when, month, day = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    return f"{MONTHS[month - 1]} {ordinal(day)}, {year(when)}"


def _fraction(found: re.Match[str]) -> str:
    over, under = int(found[1]), int(found[2])
    if not 0 < over < under:
        return found[0]
    part = {2: "half", 4: "quarter"}.get(under, ordinal(under))
    return f"{cardinal(over)} {part if over == 1 else 'halves' if under == 2 else _plural(part)}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    if not minute:
        return f"{cardinal(hour)} o'clock" if 0 < hour <= 12 else f"{cardinal(hour)} hundred"
    return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"


def _money(found: re.Match[str]) -> str:
    return _money_of(*found.groups())


def _money_of(sign: str, amount: str, scale: str | None) -> str:
    unit, part = _MONEY[sign]
    if scale:
        return f"{number(amount)} {scale} {_plural(unit)}"
    whole, _, fraction = amount.partition(".")
    words = f"{number(whole)} {unit if whole == '1' else _plural(unit)}"
    if part and len(fraction) == 2 and int(fraction):
        below = f"{cardinal(int(fraction))} {part if fraction == '01' else _plural(part)}"
        return below if whole == "0" else f"{words} and {below}"
    return words


def _measure(found: re.Match[str]) -> str:
    amount, unit = found[1], _UNITS[found[2]]
    first, *rest = unit.split(" ")
    sign = "minus " * amount.startswith("-")
    amount = amount.lstrip("-")
    return f"{sign}{number(amount)} {' '.join([first if amount == '1' else _plural(first), *rest])}"


def _plural(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


CHINESE_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_MYRIADS = ("", "万", "亿", "万亿")


def chinese(text: str) -> str:
    """Write out numbers as Chinese reads them.

    Examples
    --------
    >>> chinese("2024年5月1日有1,200人，占35.5%")
    '二零二四年五月一日有一千二百人，占百分之三十五点五'
    """
    text = re.sub(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", r"\1年\2月\3日", text)
    text = re.sub(r"(\d{4})(?=年)", lambda m: _digits(m[1]), text)
    text = re.sub(r"(\d{1,2}):(\d\d)", lambda m: f"{_whole(m[1])}点{_whole(m[2])}分", text)
    text = re.sub(rf"({_NUMBER})%", lambda m: f"百分之{_chinese_number(m[1])}", text)
    text = re.sub(r"(?<![\w.])[-−](?=\d)", "负", text)
    return re.sub(_NUMBER, lambda m: _chinese_number(m[0]), text)


def _digits(written: str) -> str:
    return "".join(CHINESE_DIGITS[int(digit)] for digit in written)


def _chinese_number(written: str) -> str:
    whole, _, fraction = written.replace(",", "").partition(".")
    words = _digits(whole) if len(whole) > 16 else _whole(whole)
    return f"{words}点{_digits(fraction)}" if fraction else words


def _whole(written: str) -> str:
    value = int(written)
    if not value:
        return "零"
    parts: list[str] = []
    for myriad in _MYRIADS:
        value, below = divmod(value, 10_000)
        if below:
            words = _below_myriad(below)
            parts.append(("零" if below < 1000 and value else "") + words + myriad)
    whole = "".join(reversed(parts))
    return whole.removeprefix("一") if whole.startswith("一十") else whole


def _below_myriad(value: int) -> str:
    words, gap = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            words += ("零" if gap and words else "") + CHINESE_DIGITS[digit] + _PLACES[place]
            gap = False
        else:
            gap = True
    return words
