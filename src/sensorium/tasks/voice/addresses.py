"""Web and e-mail addresses, telephone numbers, versions: read bit by bit, in English and Chinese.

A scheme ("https://") is not read: who hears an address does not need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_ENDINGS = "com|org|net|edu|gov|int|info|io|dev|app|ai|co|me|tv|eu|uk|us|ca|au|de|fr|jp|cn|hk|tw|in"
_HOST = rf"(?:[A-Za-z0-9-]+\.)+(?:{_ENDINGS})\b"
_TAIL = r"[\w./?=&%#:~+-]*[\w/]"  # what ends a sentence is no part of it

MAIL = re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}", re.ASCII)
WEB = re.compile(
    rf"\b(?:(?:https?|ftp)://|(?=www\.))({_TAIL})|(?<![\w.@-])({_HOST}(?:/{_TAIL})?)", re.ASCII
)
FOUR_PARTS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{2,5})?(?![\w]|\.\d)")
VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?!\d)")

ABROAD = re.compile(r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\d)")
PHONE = re.compile(
    r"(?<![\w.,-])(?:(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[.-]\d{4}|[2-9]\d\d-\d{3}[1-9])"
    r"(?![\w-]|[.,]\d)"
)
"""As North America writes them; three digits and four that end in 0 are more likely a range."""

ENGLISH_SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark", "=": "equals",
    "&": "and", "%": "percent", "#": "hash", ":": "colon", "~": "tilde", "+": "plus", "@": "at",
}  # fmt: skip
CHINESE_SIGNS = {
    ".": "点", "/": "斜杠", "-": "杠", "_": "下划线", "?": "问号", "=": "等于", "&": "和",
    "%": "百分号", "#": "井号", ":": "冒号", "~": "波浪号", "+": "加", "@": "艾特",
}  # fmt: skip


def addresses(text: str, signs: Mapping[str, str], digits: Callable[[str], str]) -> str:
    """Write out addresses of the web and of e-mail, and those of machines.

    Parameters
    ----------
    text : str
    signs : mapping of str to str
        `ENGLISH_SIGNS` or `CHINESE_SIGNS`.
    digits : callable
        Reads digits one by one.
    """

    def spelt(found: re.Match[str]) -> str:
        address = next((group for group in found.groups() if group), found[0])
        parts = re.findall(r"[A-Za-z]+|\d+|[^\w\s]|_", address)
        words = [digits(p) if p[0].isdigit() else signs.get(p, p) for p in parts]
        return " ".join(["w w w" if word == "www" else word for word in words])

    for pattern in (MAIL, WEB, FOUR_PARTS):
        text = pattern.sub(spelt, text)
    return text


def groups(written: str) -> list[str]:
    """Digits of a telephone number as they stand together."""
    return re.findall(r"\d+", written)
