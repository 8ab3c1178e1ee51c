"""English numbers in words."""

from __future__ import annotations

import re

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
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
"""A number as English writes it: "1,234.50"."""


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
