"""Letters as they are compared: what is written in several ways becomes one.

Who asks for ``lodz`` means Łódź. Compatibility forms (full-width letters, ligatures), marks that a
keyboard lacks, digits of other scripts and characters that nobody sees are brought to one form. A
mark that makes another letter of its letter stays: й is not и, が is not か, and the vowel signs of
Indic scripts are half of their words. Sources: Unicode's normalization form KC (UAX 15)
and the tables of Lucene's ASCIIFoldingFilter and its Arabic, Persian and Hindi normalizers, whose
rules are told here again for the letters that they name.
"""

from __future__ import annotations

import re
import unicodedata

_LATIN = {
    "Ł": "L", "ł": "l", "Ø": "O", "ø": "o", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Ħ": "H",
    "ħ": "h", "Ŧ": "T", "ŧ": "t", "Þ": "Th", "þ": "th", "Æ": "Ae", "æ": "ae", "Œ": "Oe",
    "œ": "oe", "ß": "ss", "ẞ": "Ss", "ı": "i", "ȷ": "j", "Ŋ": "N", "ŋ": "n", "ĸ": "k", "Ƀ": "B",
    "ƀ": "b", "Ɓ": "B", "ɓ": "b", "Ɗ": "D", "ɗ": "d", "Ɖ": "D", "ɖ": "d", "Ɛ": "E", "ɛ": "e",
    "Ɔ": "O", "ɔ": "o", "Ǝ": "E", "ǝ": "e", "Ə": "E", "ə": "e", "ƒ": "f", "Ƒ": "F", "Ǥ": "G",
    "ǥ": "g", "Ɠ": "G", "ɠ": "g", "Ɨ": "I", "ɨ": "i", "Ƙ": "K", "ƙ": "k", "Ɲ": "N", "ɲ": "n",
    "Ƥ": "P", "ƥ": "p", "Ƭ": "T", "ƭ": "t", "Ʉ": "U", "ʉ": "u", "Ƴ": "Y", "ƴ": "y", "Ƶ": "Z",
    "ƶ": "z",
}  # fmt: skip
"""Letters with a stroke or a hook, and pairs of letters in one: they do not decompose. Capitals of
two letters keep the second small, so that ``Æ`` within a word in capitals is no new word."""

_OTHER = {
    # Cyrillic: ё is written е by most; stress is marked in dictionaries.
    "Ё": "Е", "ё": "е", "Ѐ": "Е", "ѐ": "е", "Ѝ": "И", "ѝ": "и",
    # Arabic script: alef, yeh, kaf and heh of several languages and keyboards; the line that
    # stretches a word.
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ؤ": "و", "ئ": "ي", "ى": "ي", "ی": "ي", "ې": "ي",
    "ے": "ي", "ۓ": "ي", "ک": "ك", "ڪ": "ك", "ة": "ه", "ہ": "ه", "ۂ": "ه", "ھ": "ه", "ە": "ه",
    "ۀ": "ه", "ۃ": "ه", "ـ": "",
    # Devanagari: candrabindu and anusvara, and the dot below of borrowed sounds.
    "\u0901": "\u0902", "\u093c": "",
    # Malayalam: letters without a vowel, as they were written before Unicode 5.1.
    "ൺ": "ണ്", "ൻ": "ന്", "ർ": "ര്", "ൽ": "ല്", "ൾ": "ള്", "ൿ": "ക്",
    # Apostrophes that are letters: ʼ of Ukrainian is typed ' by many; ʻ of Hawaiian is left out.
    "ʼ": " ", "ʹ": " ", "ʻ": "", "ʿ": "", "ʾ": "",
    # Letters that nobody sees.
    "ᅟ": "", "ᅠ": "", "ㅤ": "", "ﾠ": "",
    "_": "_",
    "\u200c": "\u200c",  # see `_JOINS_NOTHING`
}  # fmt: skip

_DROPPED_MARKS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),  # accents of every alphabet, where no letter is composed with them
    (0x0591, 0x05C7),  # points of Hebrew
    (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED), (0x08CA, 0x08FF),
    (0x0711, 0x0711), (0x0730, 0x074A),  # vowels of Arabic and Syriac
    (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),  # variants of how a letter is drawn
    (0x3099, 0x309A),
)  # fmt: skip
"""Marks that readers do without. All others are part of the word."""

_DECOMPOSED = ("LATIN", "GREEK")
"""Scripts of which a letter with a mark is the letter; in Cyrillic or kana it is another."""


class _Folding(dict[int, str]):
    """By code point what stands for it: found once, looked up ever after."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _folded(chr(code))
        return folded


def _folded(character: str) -> str:
    """A letter, a mark, a digit, an underscore, nothing, or the space between words."""
    if character in _OTHER:
        return _OTHER[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] == "M":
        return "" if any(a <= ord(character) <= b for a, b in _DROPPED_MARKS) else character
    if category == "Cn":  # of a newer Unicode; the last two of each plane are no characters
        return "" if ord(character) & 0xFFFE == 0xFFFE else character
    if category == "Cf" or (category == "Cc" and not character.isspace()):
        return ""
    if category[0] in "LN" or category == "Co":
        if unicodedata.name(character, "").startswith(_DECOMPOSED):
            parts = unicodedata.normalize("NFKD", character)
            return "".join(_LATIN.get(p, p) for p in parts if unicodedata.category(p)[0] != "M")
        return character
    return " "


_FOLDING = _Folding()

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-./:_](?:"
    r"(0?[1-9]|1[0-2])[-./:_](0?[1-9]|[12]\d|3[01])(?:T\d\d:\d\d\S*)?|(0[1-9]|1[0-2]))(?!\d)"
)
"""Year, month and day, or year and month. A time that a program wrote behind it is left out: nobody
asks for the photos of 12:07:31, and who asks for 12 does not mean them."""
_HAS_NUMBERS = re.compile(r"\d[-.,:/_]\d")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_IN_NUMBERS = re.compile(r"(?<=\d)[-.,:/](?=\d)")
_HEBREW_MARKS = re.compile(r"(?<=[א-ת])[\"'׳״](?=[א-ת])")
_JOINS_NOTHING = re.compile("(?<![\u0620-\u06d3])\u200c|\u200c(?![\u0620-\u06d3])")
"""Persian writes it before endings (کتاب‌ها); elsewhere it only says how letters are drawn."""
_CATALAN = re.compile(r"(?<=[lL])·(?=[lL])")
_NASAL = re.compile(
    "ङ\u094d(?=[क-घ])|ञ\u094d(?=[च-झ])|ण\u094d(?=[ट-ढ])|न\u094d(?=[त-ध])|म\u094d(?=[प-भ])"
)
"""A nasal before a consonant of its own place: हिन्दी is written हिंदी as well."""


def _in_one(date: re.Match[str]) -> str:
    """A date as cameras write it: 20230501, 202305."""
    year, month, day, month_alone = date.groups()
    return f"{year}{month or month_alone:0>2}" + (f"{day:0>2}" if day else "")


def fold(text: str) -> str:
    """Bring a text to the form that is compared, its capitals apart.

    Returns
    -------
    str
        Letters, the marks that make them, digits 0 to 9, spaces between words, underscores where a
        word goes on (``IMG_5678``, ``3_14``), and U+200C within words in Arabic script. Dates are
        eight digits, or six.
    """
    is_ascii = text.isascii()
    if not is_ascii:
        text = unicodedata.normalize("NFKC", text)
    if _HAS_NUMBERS.search(text):
        text = _IN_NUMBERS.sub("_", _THOUSANDS.sub("", _DATE.sub(_in_one, text)))
    if is_ascii:
        return text.translate(_FOLDING)
    text = _CATALAN.sub("", _HEBREW_MARKS.sub("", text))
    text = text.translate(_FOLDING)
    if "\u200c" in text:
        text = _JOINS_NOTHING.sub("", text)
    return _NASAL.sub("ं", text) if "\u094d" in text else text
