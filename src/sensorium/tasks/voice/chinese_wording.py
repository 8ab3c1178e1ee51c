"""Chinese as it is read aloud: its numbers, dates, addresses and signs as characters."""

from __future__ import annotations

import re

from sensorium.tasks.voice.addresses import CHINESE_SIGNS, VERSION, addresses
from sensorium.tasks.voice.numbers import NUMBER
from sensorium.tasks.voice.wording import plain_sign

CHINESE_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_MYRIADS = ("", "万", "亿", "万亿")

_UNITS = {
    "km/h": "公里每小时", "m/s": "米每秒", "km²": "平方公里", "m²": "平方米", "cm²": "平方厘米",
    "m³": "立方米", "km": "公里", "cm": "厘米", "mm": "毫米", "nm": "纳米", "m": "米",
    "kg": "公斤", "mg": "毫克", "g": "克", "t": "吨", "ml": "毫升", "mL": "毫升", "L": "升",
    "l": "升", "kWh": "千瓦时", "kW": "千瓦", "W": "瓦", "kV": "千伏", "V": "伏", "mAh": "毫安时",
    "mA": "毫安", "GHz": "吉赫", "MHz": "兆赫", "kHz": "千赫", "Hz": "赫兹", "dB": "分贝",
    "Pa": "帕", "hPa": "百帕", "kPa": "千帕", "kcal": "千卡", "ms": "毫秒", "s": "秒",
    "min": "分钟", "h": "小时", "ft": "英尺", "lb": "磅", "°C": "摄氏度", "°F": "华氏度", "°": "度",
}  # fmt: skip
_MONEY = {
    "US$": ("美元", "美分"), "HK$": ("港元", "港分"), "A$": ("澳元", "澳分"),
    "C$": ("加元", "加分"), "NT$": ("新台币", ""), "$": ("美元", "美分"), "€": ("欧元", "欧分"),
    "£": ("英镑", "便士"), "¥": ("元", "分"), "￥": ("元", "分"), "₩": ("韩元", ""),
    "₹": ("卢比", ""),
}  # fmt: skip
_SIGNS = {
    "+": "加", "=": "等于", "×": "乘", "÷": "除以", "≈": "约等于", "≥": "大于等于",
    "≤": "小于等于", "≠": "不等于", "±": "正负", ">": "大于", "<": "小于", "&": "和", "@": "艾特",
    "°": "度", "²": "的平方", "³": "的立方", "~": "约", "～": "约", "/": "或",
}  # fmt: skip
_COUNTED = (
    "个只条张本把件头匹位名辆座棵朵颗粒块片杯碗瓶盘种次天周岁人倍米里公厘吨升元美欧小分钟秒句首幅双对套间家"
    "所架艘台部篇步口根支枝群组批份册段顿场千万亿平立摄毫度斤年"
)
"""What is counted with 两, not 二."""


def chinese(text: str) -> str:
    """Write out numbers, dates, money, units and signs as Chinese reads them.

    Examples
    --------
    >>> chinese("2024年5月1日有1,200人，占35.5%")
    '二零二四年五月一日有一千二百人，占百分之三十五点五'
    """
    text = re.sub(
        r"[^\W_]|[％＋＝＠＃＄＆]|(?<=\d)[：－／．～](?=\d)", lambda m: plain_sign(m[0]), text
    )
    text = text.replace("〇", "零")
    text = addresses(text, CHINESE_SIGNS, _digits)
    text = _phones(text)
    text = _times(_dates(text))
    text = VERSION.sub(lambda m: "点".join(map(_chinese_number, m[0].split("."))), text)
    text = re.sub(
        r"(?<![\w.%])[-−](?=\d)|[-−](?=\d+(?:\.\d+)? ?[°℃度%])(?<![A-Za-z\d.%].)", "负", text
    )
    text = _measures(_money(text))
    text = re.sub(r"(?<![\d/])(\d+)/(\d+)(?![\d/])", _fraction, text)
    text = re.sub(r"\b[Nn][Oo]\. ?(?=\d)", "第", text)
    text = re.sub(r"#(\d+)", r"\1号", text)
    text = re.sub(r"(?<!\d)(\d{3,4})(?=室|房间|号房)", lambda m: _digits(m[1]), text)
    text = re.sub(r"(?<=比分)(\d+) ?[-–:] ?(?=\d)", r"\1比", text)
    text = re.sub(r"(?<=[A-Za-z])-?(\d{3,}|0\d+)(?![\d.])", lambda m: _digits(m[1]), text)
    text = re.sub(r"(?<=[^\W\d_])-(?=\d)", "", text)  # "COVID-19", "航海者-2"
    text = re.sub(r"(?<=\d) ?[-−] ?(?=\d+ ?=)", "减", text)
    text = re.sub(r"(?<=\d) ?[-–—~～] ?(?=\d)", "到", text)
    text = re.sub(r"(?<=\d):(?=\d)", "比", text)
    text = re.sub(rf"(?<![\d.,])2(?=[{_COUNTED}]|点(?!\d))(?!年级)(?<!第2)", "两", text)
    text = re.sub(NUMBER, lambda m: _chinese_number(m[0]), text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return text


def _phones(text: str) -> str:
    """Telephone numbers are read digit by digit, their ones as 幺."""

    def told(found: re.Match[str]) -> str:
        words = "，".join(_digits(group) for group in re.findall(r"\d+", found[0]))
        return ("加" if found[0].startswith("+") else "") + words.replace("一", "幺")

    for pattern in (
        r"(?<![\d.])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d.])",
        r"(?<![\d.-])0\d{2,3}[- ]\d{7,8}(?![\d.-])",
        r"(?<![\d.-])[48]00-?\d{3}-?\d{4}(?![\d.-])",
        r"(?<=拨打)\d{3,}|(?<=[打拨呼])\d{3,6}(?=[，。！？急电求报]|$)|(?<=电话)[：:]?\d{3,}"
        r"|(?<=热线)[：:]?\d{3,}",
    ):
        text = re.sub(pattern, told, text)
    return text


def _dates(text: str) -> str:
    text = re.sub(
        r"(?<![\d.-])(\d{4})([-/.])(\d\d?)\2(\d\d?)(?:T(?=\d))?(?![\d-]|[./]\d)",
        lambda m: _date(m[0], m[1], m[3], m[4]), text,
    )  # fmt: skip
    text = re.sub(
        r"(?<![\d/])(\d\d?)/(\d\d?)/(\d{4})(?![\d/])",
        lambda m: _date(m[0], m[3], *((m[2], m[1]) if int(m[1]) > 12 else (m[1], m[2]))), text,
    )  # fmt: skip
    century = r"((?:1[5-9]|20)\d\d)"
    text = re.sub(
        rf"(?<![\d.]){century} ?年? ?[-–—~～到至] ?{century}(?![\d.])",
        lambda m: f"{_digits(m[1])}到{_digits(m[2])}", text,
    )  # fmt: skip
    return re.sub(r"(\d{4})(?=年)(?!年前|年后|年来)", lambda m: _digits(m[1]), text)


def _date(written: str, year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return written
    return f"{_digits(year)}年{_whole(month)}月{_whole(day)}日"


def _times(text: str) -> str:
    clock = r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?Z?(?![\d:])"
    text = re.sub(rf"({clock}) ?[-–—~～至] ?(?={clock})", r"\1到", text)
    return re.sub(rf"{clock}(?: ?([AaPp])\.?[Mm]\b\.?)?", _time, text)


def _time(found: re.Match[str]) -> str:
    hour, minute, second, half = found.groups()
    words = {"": "", "A": "上午", "P": "下午"}[(half or "").upper()]
    words += ("两" if int(hour) == 2 else _whole(hour)) + "点"
    if int(minute) or int(second or 0):
        words += ("零" if int(minute) < 10 and int(minute) else "") + _whole(minute) + "分"
    return words + (_whole(second) + "秒" if int(second or 0) else "")


def _money(text: str) -> str:
    signs = "|".join(sorted(map(re.escape, _MONEY), key=len, reverse=True))
    text = re.sub(rf"(?<![\w.])[-−](?=(?:{signs}) ?\d)", "负", text)
    return re.sub(
        rf"({signs}) ?({NUMBER})(?: ?[-–~～] ?(?:{signs})?({NUMBER}))?([百千]?[万亿]+)?", _sum, text
    )


def _sum(found: re.Match[str]) -> str:
    sign, amount, to, scale = found.groups()
    unit, part = _MONEY[sign]
    if to or scale:
        end = f"到{_counted(to)}" if to else ""
        return f"{_counted(amount)}{end}{scale or ''}{unit}"
    whole, _, fraction = amount.partition(".")
    if not part or len(fraction) != 2:
        return _counted(amount) + unit
    words = _counted(whole) + unit if int(whole.replace(",", "")) or not int(fraction) else ""
    if sign in "¥￥":
        tens, ones = fraction[0], fraction[1]
        middle = f"{_whole(tens)}角" if int(tens) else "零" * bool(words and int(ones))
        return words + middle + (f"{_whole(ones)}分" if int(ones) else "")
    return words + (f"{_counted(fraction.lstrip('0'))}{part}" if int(fraction) else "")


def _counted(written: str) -> str:
    return "两" if written == "2" else _chinese_number(written)


def _measures(text: str) -> str:
    text = text.replace("℃", "°C").replace("℉", "°F").replace("㎡", "m²").replace("㎏", "kg")
    text = re.sub(rf"({NUMBER})([%‰])? ?[-–~～] ?({NUMBER})([%‰])", _percents, text)
    text = re.sub(rf"({NUMBER}) ?%", lambda m: f"百分之{_chinese_number(m[1])}", text)
    text = re.sub(rf"({NUMBER}) ?‰", lambda m: f"千分之{_chinese_number(m[1])}", text)
    units = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
    return re.sub(
        rf"(?<=\d) ?({units})(?![A-Za-z²³/])", lambda m: _UNITS[m[1]], text
    )  # fmt: skip


def _percents(found: re.Match[str]) -> str:
    of = {"%": "百分之", "‰": "千分之"}[found[4]]
    return f"{of}{_chinese_number(found[1])}到{of}{_chinese_number(found[3])}"


def _fraction(found: re.Match[str]) -> str:
    over, under = found.groups()
    if not int(under):
        return found[0]
    return f"{_whole(under)}分之{_whole(over)}"


def _digits(written: str) -> str:
    return "".join(CHINESE_DIGITS[int(digit)] for digit in written)


def _chinese_number(written: str) -> str:
    whole, _, fraction = written.replace(",", "").partition(".")
    by_digit = len(whole) > 16 or (len(whole) > 1 and whole[0] == "0")
    words = _digits(whole) if by_digit else _whole(whole)
    return f"{words}点{_digits(fraction)}" if fraction else words


def _whole(written: str) -> str:
    value = int(written)
    if not value:
        return "零"
    parts: list[str] = []
    for myriad in _MYRIADS:
        value, below = divmod(value, 10_000)
        if below:
            words = "两" if below == 2 and myriad else _below_myriad(below)
            parts.append(("零" if below < 1000 and value else "") + words + myriad)
    whole = "".join(reversed(parts))
    return whole.removeprefix("一") if whole.startswith("一十") else whole


def _below_myriad(value: int) -> str:
    words, gap = "", False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            spoken = "两" if digit == 2 and place == 3 else CHINESE_DIGITS[digit]
            words += ("零" if gap and words else "") + spoken + _PLACES[place]
            gap = False
        else:
            gap = True
    return words
