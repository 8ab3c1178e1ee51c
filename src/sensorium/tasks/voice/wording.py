"""English as it is read aloud: its numbers, dates, addresses and signs as words.

Written numbers stand for other words in each language; a voice knows words alone.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from sensorium.tasks.voice.addresses import (
    ABROAD,
    ENGLISH_SIGNS,
    PHONE,
    VERSION,
    addresses,
    groups,
)
from sensorium.tasks.voice.dates import dates, decades, times
from sensorium.tasks.voice.measures import fractions, measures, money
from sensorium.tasks.voice.numbers import NUMBER, ONES, cardinal, number, ordinal, year

_BEFORE_NAMES = {
    "Mr.": "mister", "Mrs.": "missus", "Ms.": "miz", "Prof.": "professor", "Mt.": "mount",
    "Gen.": "general", "Capt.": "captain", "Lt.": "lieutenant", "Sgt.": "sergeant",
    "Col.": "colonel", "Rev.": "reverend", "Gov.": "governor", "Sen.": "senator",
    "Rep.": "representative", "Pres.": "president",
}  # fmt: skip
_WITHOUT_POINT = {"Mr.", "Mrs.", "Ms.", "Prof.", "Mt.", "Capt.", "Lt.", "Sgt."}
"""Britain writes "Mr Jones"; "Gen Z" is no general."""
_ABBREVIATIONS = {
    "Jr.": "junior", "Sr.": "senior", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example",
    "i.e.": "that is", "cf.": "compare", "approx.": "approximately", "Fig.": "figure",
    "Inc.": "incorporated", "Ltd.": "limited", "Corp.": "corporation", "Ave.": "avenue",
    "Blvd.": "boulevard", "Rd.": "road", "Hwy.": "highway", "Dept.": "department",
}  # fmt: skip
_BEFORE_NUMBERS = {
    "No.": "number", "Nos.": "numbers", "no.": "number", "nos.": "numbers", "p.": "page",
    "pp.": "pages", "vol.": "volume", "Vol.": "volume", "ch.": "chapter", "Ch.": "chapter",
    "fig.": "figure", "Sec.": "section", "ca.": "about",
}  # fmt: skip
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent", "‰": " per mille",
    "×": " times ", "÷": " divided by ", "≈": " about ", "<": " less than ",
    ">": " greater than ", "≤": " at most ", "≥": " at least ", "≠": " is not ",
    "±": " plus or minus ", "→": " to ", "←": " from ", "°": " degrees", "~": " about ",
    "/": " or ", "\\": " backslash ", "*": " ", "_": " ", "²": " squared", "³": " cubed",
    "∞": " infinity ", "√": " root of ", "§": " section ", "©": " copyright ", "®": " ",
    "™": " ", "−": " minus ",
}  # fmt: skip
_SPELT = {"US", "UK", "EU", "UN", "BC", "AD", "BCE", "CE", "AI", "IT", "ID", "LED"}
"""In capitals they are letters, though small ones may be a word ("us")."""

_NUMBERED = (
    "World War|Chapter|Part|Book|Volume|Act|Scene|Type|Phase|Section|Article|Super Bowl|Level|"
    "Apollo|Episode|Appendix|Figure|Table|Title|Class"
)
_RULERS = (
    "Henry|Louis|Charles|George|Edward|Elizabeth|James|Paul|Benedict|Pius|William|Richard|Philip|"
    "Napoleon|Frederick|Catherine|Alexander|Peter|Nicholas|Ivan|Francis|Leo|Gregory|Innocent|"
    "Clement|Urban|Ramesses|Ptolemy|Wilhelm|Otto|Gustav|Christian|Leopold|Ferdinand|Joseph|Carl"
)
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50}
_PLACES = "Room|Flight|Route|Highway|Boeing|Airbus|Interstate|Suite|Bus"


def english(text: str) -> str:
    """Write out what English reads otherwise than it is written.

    Examples
    --------
    >>> english("On 2024-05-01 Dr. Li paid $3.50 for 1,200 g at 10:05.")
    'On May first, twenty twenty-four doctor Li paid three dollars and fifty cents for one thousand
    two hundred grams at ten oh five.'
    """
    text = "".join(map(plain_sign, text))
    text = addresses(text, ENGLISH_SIGNS, _digits)
    text = _abbreviations(text)
    text = dates(text)
    text = decades(times(text))
    text = _phones(text)
    text = re.sub(r"\b[vV]\.?(?=\d+\.\d)", "version ", text)
    text = VERSION.sub(lambda m: " point ".join(map(number, m[0].split("."))), text)
    text = fractions(measures(money(text)))
    return _rest(_numerals(text))


@cache
def plain_sign(letter: str) -> str:
    """The ordinary letter, digit or sign that a form of it stands for: "Ａ", "Ⅷ", "①", "："."""
    if letter in "²³½¼¾" or unicodedata.category(letter)[0] not in "LNP":
        return letter
    decomposed = unicodedata.normalize("NFKC", letter)
    return decomposed if decomposed.isascii() and decomposed.isprintable() else letter


def _digits(written: str) -> str:
    return " ".join(ONES[int(digit)] for digit in written if digit.isdecimal())


def _abbreviations(text: str) -> str:
    for short, long in _BEFORE_NAMES.items():
        point = r"\.?" if short in _WITHOUT_POINT else r"\."
        text = re.sub(rf"(?<![\w.]){short[:-1]}{point}(?=\s+[A-Z])", long, text)
    text = re.sub(r"(?<!\w)([A-Z]\w+ )?(St|Dr)\.", _street, text)
    text = re.sub(r"\bDr(?= [A-Z])", "doctor", re.sub(r"\bSt(?= [A-Z])", "saint", text))
    for short, long in _ABBREVIATIONS.items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)}", long, text)
    text = re.sub(r"(?<=[A-Z&] )Co\.|(?<=[a-z] )Co\.", "company", text)
    for short, long in _BEFORE_NUMBERS.items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)} ?(?=\d)", f"{long} ", text)
    text = re.sub(r"\bw/o\b", "without", text)
    text = re.sub(r"\bw/(?= ?[a-z])", "with ", text)
    text = re.sub(r"\band/or\b", "and or", text)
    if not text.isupper():
        text = re.sub(rf"\b({'|'.join(_SPELT)})\b", lambda m: " ".join(m[1]), text)
    text = re.sub(
        r"\b([A-Z]{1,2})&([A-Z]{1,2})\b", lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}", text
    )
    text = re.sub(r"\bPh\.? ?D\b\.?", "P H D", text)
    # "U.S.": letters by themselves; the last point ends the sentence, too, before a capital.
    text = re.sub(
        r"\b(?:[A-Za-z]\.){2,}(?=(\s+[A-Z]|\s*$)?)",
        lambda m: m[0] if m[0].lower() in ("a.m.", "p.m.") else
        " ".join(m[0].upper().split(".")).strip() + "." * (m[1] is not None and not m[1].strip()),
        text,
    )  # fmt: skip
    # The end of a file's name or of an address: "README.md".
    return re.sub(r"(?<=[A-Za-z0-9])\.(?=[a-z]\w)", " dot ", text)


def _street(found: re.Match[str]) -> str:
    """Of "Main St." and "Elm Dr." streets, of "St. John" a saint and of "Dr. Li" a doctor."""
    before, short = found[1] or "", found[2]
    rest = found.string[found.end() :]
    named = re.match(r"\s+[A-Z]", rest)
    saint = re.match(r"(Mount|Lake|Port|Fort|The|In|At|On|Of|And|Saint) ", before)
    if before and not saint and not (named and short == "Dr"):
        stop = "." if named or not rest.strip() else ""
        return f"{before}{'street' if short == 'St' else 'drive'}{stop}"
    return f"{before}{'saint' if short == 'St' else 'doctor'}"


def _phones(text: str) -> str:
    def told(found: re.Match[str]) -> str:
        words = ", ".join(_digits(group) for group in groups(found[0]))
        return f"plus {words}" if found[0].startswith("+") else words

    text = PHONE.sub(told, ABROAD.sub(told, text))
    text = re.sub(
        rf"\b({_PLACES}) (\d)(\d\d)(?![\d.,]\d|\d)", lambda m: f"{m[1]} {_in_two(m[2], m[3])}", text
    )
    return re.sub(  # a postal code of the United States
        r"((?:\b[A-Z]{2}|\b[Zz][Ii][Pp](?: code)?) )(\d{5})(-\d{4})?\b",
        lambda m: m[1] + _digits(m[2]) + (f", {_digits(m[3])}" if m[3] else ""),
        text,
    )


def _numerals(text: str) -> str:
    """Roman numerals, where they can be nothing else."""
    roman = r"([IVXL]+)(?!\w|\.\w)"
    text = re.sub(rf"\b({_NUMBERED}) (?!I [a-z]){roman}", lambda m: f"{m[1]} {_roman(m[2])}", text)
    text = re.sub(
        rf"\b({_RULERS}) (?!I\b){roman}",
        lambda m: f"{m[1]} the {ordinal(_value(m[2]))}" if _value(m[2]) else m[0],
        text,
    )
    return re.sub(r"\b([IVX]{3,}|II|IX)(?!\w|\.\w)", lambda m: _roman(m[1]), text)


def _value(roman: str) -> int:
    """Of a Roman numeral; 0 where it is none."""
    values = [_ROMAN[letter] for letter in roman]
    total = sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    tens, ones = divmod(total, 10)
    right = ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX")[min(tens, 8)]
    right += ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")[ones]
    return total if right == roman else 0


def _roman(roman: str) -> str:
    value = _value(roman)
    return cardinal(value) if value else roman


def _rest(text: str) -> str:
    """Numbers and signs that no other rule took."""
    text = re.sub(
        r"\b(\d[\d,]*)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1].replace(",", ""))), text
    )
    text = re.sub(
        rf"({NUMBER})[eE]([-+]?\d+)\b",
        lambda m: f"{number(m[1])} times ten to the {_power(m[2])}", text,
    )  # fmt: skip
    text = re.sub(r"(?<=\w)\^([-−]?\d+)", lambda m: f" to the {_power(m[1])}", text)
    text = re.sub(r"(?<=\d) [-−] ?(?=\d)|(?<=\d)[-−](?=\d+ ?=)", " minus ", text)
    text = re.sub(r"(?<=[\d%]) ?[-–] ?(?=\d)", " to ", text)
    text = re.sub(r"(?<=\d):(?=\d)", " to ", text)
    text = re.sub(r"(?<=\b[Ii]n )(10[1-9]\d)(?!\d|[,.]\d)", lambda m: year(int(m[1])), text)
    text = re.sub(r"(?<![\w,.])(1[1-9]\d\d|20\d\d)(?!\d|[,.]\d)", lambda m: year(int(m[1])), text)
    text = re.sub(r"(?<![\w.])[-−](?=\.?\d)", "minus ", text)
    text = re.sub(r"(?<=[A-Za-z])-(?=\d)", " ", text)  # "COVID-19"
    text = re.sub(r"(?<!\w)['’](?=\d\d\b)", "", text)  # "Class of '99"
    text = re.sub(r"(?<![\w.])\.(\d+)", lambda m: f"point {_digits(m[1])}", text)
    text = re.sub(NUMBER, lambda m: f" {number(m[0])} ", text)
    text = re.sub(r"\bC#", "C sharp", text)
    text = re.sub(r"#(?=[A-Za-z]\w{2})", "hashtag ", text).replace("#", " number ")
    for sign, words in _SIGNS.items():
        text = text.replace(sign, words)
    text = re.sub(r"[Ͱ-Ͽ]", _greek, text)
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))


def _in_two(first: str, rest: str) -> str:
    """As rooms and flights are read: "three seventy", "one oh one"."""
    if rest == "00":
        return f"{cardinal(int(first))} hundred"
    return f"{cardinal(int(first))} {'oh ' if rest[0] == '0' else ''}{cardinal(int(rest))}"


def _power(written: str) -> str:
    value = int(written.replace("−", "-"))
    return f"minus {ordinal(-value)}" if value < 0 else ordinal(value)


def _greek(found: re.Match[str]) -> str:
    """The name of a Greek letter; words of them are spelt."""
    name = re.search(r"LETTER (?:FINAL )?(\w+)", unicodedata.name(found[0], ""))
    return f" {name[1].lower().replace('lamda', 'lambda')} " if name else found[0]
