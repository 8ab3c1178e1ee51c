"""English money, units, fractions and ranges in words."""

from __future__ import annotations

import re

from sensorium.tasks.voice.numbers import NUMBER, cardinal, number, ordinal

UNITS = {
    "km/h": "kilometer an hour", "km/s": "kilometer a second", "m/s": "meter a second",
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer",
    "μm": "micrometer", "nm": "nanometer", "m": "meter", "km²": "square kilometer",
    "m²": "square meter", "cm²": "square centimeter", "m³": "cubic meter",
    "cm³": "cubic centimeter", "kg": "kilogram", "g": "gram", "mg": "milligram", "l": "liter",
    "L": "liter", "ml": "milliliter", "mL": "milliliter", "ft": "foot", "yd": "yard",
    "mi": "mile", "mph": "mile an hour", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "s": "second", "ms": "millisecond", "ns": "nanosecond", "min": "minute", "h": "hour",
    "hr": "hour", "hrs": "hour", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz",
    "GHz": "gigahertz", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte",
    "TB": "terabyte", "kbps": "kilobit a second", "Mbps": "megabit a second",
    "Gbps": "gigabit a second", "W": "watt", "kW": "kilowatt", "MW": "megawatt",
    "kWh": "kilowatt hour", "V": "volt", "kV": "kilovolt", "mA": "milliampere",
    "mAh": "milliampere hour", "Pa": "pascal", "hPa": "hectopascal", "kPa": "kilopascal",
    "kcal": "kilocalorie", "kJ": "kilojoule", "dB": "decibel", "rpm": "revolution a minute",
    "fps": "frame a second", "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree",
}  # fmt: skip
PER = {"kg": "kilogram", "g": "gram", "l": "liter", "L": "liter", "h": "hour", "hr": "hour",
       "km": "kilometer", "m": "meter", "m²": "square meter", "lb": "pound", "oz": "ounce",
       "s": "second", "min": "minute"}  # fmt: skip
_DOLLARS = {
    "US": "U S ", "A": "Australian ", "AU": "Australian ", "C": "Canadian ", "CA": "Canadian ",
    "HK": "Hong Kong ", "NZ": "New Zealand ", "S": "Singapore ",
}  # fmt: skip
MONEY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"),
         "¥": ("yen", ""), "￥": ("yen", ""), "₹": ("rupee", ""), "₩": ("won", "")}  # fmt: skip
CODES = {"USD": "U S dollar", "EUR": "euro", "GBP": "pound", "JPY": "yen", "CNY": "yuan",
         "RMB": "yuan", "CHF": "Swiss franc", "AUD": "Australian dollar",
         "CAD": "Canadian dollar"}  # fmt: skip
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "mn": "million",
           "bn": "billion", "B": "billion", "T": "trillion", "tn": "trillion"}  # fmt: skip
_PLURALS = {
    "foot": "feet", "inch": "inches", "penny": "pence", "hertz": "hertz", "yen": "yen",
    "won": "won", "yuan": "yuan",
} | {f"{scale}hertz": f"{scale}hertz" for scale in ("kilo", "mega", "giga")}  # fmt: skip

_SIGN = rf"(?:\b({'|'.join(sorted(_DOLLARS, key=len, reverse=True))}))?([$€£¥￥₹₩])"
_SCALE = rf"(?: ?(thousand|million|billion|trillion)\b|({'|'.join(_SCALES)})\b)?"
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_RANGE = rf"({NUMBER})(?: ?[-–] ?[$€£¥￥₹₩]?({NUMBER}))?"
_END = r"(?![\w²³])"


def plural(word: str) -> str:
    """A noun, more than one: "feet", "pennies" are "pence"."""
    if word in _PLURALS:
        return _PLURALS[word]
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def money(text: str) -> str:
    """Write out sums: "$1,234.50", "-€5", "$5-10", "US$2 million", "$3bn", "5 USD", "$2/kg"."""
    text = re.sub(r"([$€£])\.(\d\d)\b", r"\g<1>0.\2", text)
    text = re.sub(  # as the continent of Europe writes it
        r"(€ ?)(\d{1,3}(?:\.\d{3})+),(\d\d)\b", lambda m: m[1] + m[2].replace(".", "") + "." + m[3],
        text,
    )  # fmt: skip
    text = re.sub(rf"(?<![\w.])[-−](?={_SIGN} ?\d)", "minus ", text)
    text = re.sub(rf"{_SIGN} ?{_RANGE}{_SCALE}", _sum, text)
    text = re.sub(rf"({NUMBER}) ?([€£])", lambda m: _told(m[2], m[1]), text)
    text = re.sub(rf"({NUMBER}) ?¢", lambda m: f"{number(m[1])} cent{'s' * (m[1] != '1')}", text)
    codes = "|".join(CODES)
    text = re.sub(rf"\b({codes}) ?({NUMBER})", r"\2 \1", text)
    text = re.sub(rf"({NUMBER}){_SCALE} ?({codes})\b", _coded, text)
    per = "|".join(sorted(PER, key=len, reverse=True))
    paid = "|".join(unit for units in MONEY.values() for one in units if one
                    for unit in (one, plural(one)))  # fmt: skip
    return re.sub(rf"\b({paid})/({per}){_END}", lambda m: f"{m[1]} per {PER[m[2]]}", text)


def _sum(found: re.Match[str]) -> str:
    dollar, sign, amount, to, scale, short = found.groups()
    scale = scale or _SCALES.get(short or "", "")
    kind = _DOLLARS[dollar] if dollar and sign == "$" else dollar or ""
    if to or scale:
        words = number(amount) + (f" to {number(to)}" if to else "") + f" {scale}"
        return f"{words.strip()} {kind}{plural(MONEY[sign][0])}"
    return _told(sign, amount, kind)


def _told(sign: str, amount: str, kind: str = "") -> str:
    unit, part = MONEY[sign]
    whole, _, fraction = amount.partition(".")
    if fraction and (len(fraction) != 2 or not part):
        return f"{number(amount)} {kind}{plural(unit)}"
    words = f"{number(whole)} {kind}{unit if whole == '1' else plural(unit)}"
    if part and fraction and int(fraction):
        below = f"{cardinal(int(fraction))} {part if fraction == '01' else plural(part)}"
        return below if whole == "0" else f"{words} and {below}"
    return words


def _coded(found: re.Match[str]) -> str:
    amount, scale, short, code = found.groups()
    scale = scale or _SCALES.get(short or "", "")
    unit = CODES[code] if amount == "1" and not scale else plural(CODES[code])
    return " ".join(f"{number(amount)} {scale} {unit}".split())


def measures(text: str) -> str:
    """Write out lengths, weights and all else with a unit; feet and inches; sizes of surfaces."""
    text = text.replace("℃", "°C").replace("℉", "°F").replace("㎡", "m²").replace("㎏", "kg")
    text = re.sub(r"(?<![\w.])(\d+)['′] ?(\d+)(?:[\"″”]|'')", r"\1 ft \2 in", text)
    text = re.sub(r"(?<=\bft )(\d+) ?in\b", _inches, text)
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)[\"″](?=[\s.,;)]|$)", _inches, text)
    text = re.sub(
        rf"({NUMBER}) ?[xX×] ?(?={NUMBER})", lambda m: f"{number(m[1])} by ", text
    ) if re.search(rf"\d ?[xX] ?\d|\d ?× ?\d+ ?(?:{_UNIT}){_END}", text) else text  # fmt: skip
    text = re.sub(rf"({NUMBER}) ?[-–] ?(?={NUMBER} ?(?:{_UNIT}){_END})", r"\1 to ", text)
    text = re.sub(r"(?<!\d )(?<!\d)\bkm/h\b", "kilometers an hour", text)
    return re.sub(rf"(?<![\w.])([-−]?{NUMBER}) ?({_UNIT}){_END}(?:\.(?= [a-z]))?", _measure, text)


def _inches(found: re.Match[str]) -> str:
    return f"{number(found[1])} {'inch' if found[1] == '1' else 'inches'}"


def _measure(found: re.Match[str]) -> str:
    amount, unit = found[1], UNITS[found[2]]
    sign = "minus " * (amount[0] in "-−")
    amount = amount.lstrip("-−")
    if amount == "1":
        return f"{sign}one {unit}"
    words = unit.split(" ")
    place = next((n for n, word in enumerate(words) if word in ("a", "an")), len(words)) - 1
    if words[0] == "degree":
        place = 0
    words[place] = plural(words[place])
    return f"{sign}{number(amount)} {' '.join(words)}"


def fractions(text: str) -> str:
    """Write out fractions: "3/4", "1 1/2", "2½"."""
    text = re.sub(r"\b24/7\b", "twenty-four seven", text)
    text = re.sub(r"\b9/11\b", "nine eleven", text)
    text = re.sub(r"\b50/50\b", "fifty-fifty", text)
    text = re.sub(r"(\d)([½¼¾])", lambda m: f"{m[1]} and {_VULGAR[m[2]]}", text)
    text = re.sub(r"[½¼¾]", lambda m: _VULGAR[m[0]], text)
    return re.sub(
        r"(?<![\w./])(?:(\d+) )?(\d{1,2})/(\d{1,3})(?:rds|ths|nds)?(?![\w/]|\.\d)", _fraction, text
    )  # fmt: skip


_VULGAR = {"½": "a half", "¼": "a quarter", "¾": "three quarters"}


def _fraction(found: re.Match[str]) -> str:
    over, under = int(found[2]), int(found[3])
    if not over or under < 2:
        return found[0]
    part = {2: "half", 4: "quarter"}.get(under, ordinal(under))
    many = "halves" if under == 2 else plural(part)
    words = f"{cardinal(over)} {part if over == 1 else many}"
    if found[1]:
        return f"{number(found[1])} and {words.replace('one half', 'a half', 1)}"
    return words
