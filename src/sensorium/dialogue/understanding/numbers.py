"""Numbers in words and digits, cardinal and ordinal, in English and Chinese."""

from __future__ import annotations

CARDINALS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip

ENGLISH_NUMBER = "|".join(["a", *CARDINALS])
ENGLISH_ORDINAL = r"\d{1,3}(?:st|nd|rd|th)|" + "|".join(ORDINALS)
CHINESE_NUMBER = "[一二两三四五六七八九十百]+"

_DIGITS = {one: value for value, one in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}


def number_of(said: str) -> int:
    """A number in digits or words; 0 for what is none.

    Parameters
    ----------
    said : str
        ``"3"``, ``"three"``, ``"third"``, ``"3rd"``, ``"a"``, ``"三"``, ``"十二"``, ``"二十"``.
    """
    said = said.strip()
    if said.isdecimal():
        return int(said)
    if said[:-2].isdecimal():
        return int(said[:-2])
    if said in ("a", "an"):
        return 1
    if said in CARDINALS or said in ORDINALS:
        return CARDINALS.get(said, 0) or ORDINALS[said]
    return _chinese(said)


def _chinese(said: str) -> int:
    total = own = 0
    for sign in said:
        if sign in _DIGITS:
            own = _DIGITS[sign]
        elif sign in "十百":
            total += (own or 1) * (10 if sign == "十" else 100)
            own = 0
        else:
            return 0
    return total + own
