"""Bytes of a text become characters: by their mark, by what the text says of itself, by guess."""

from __future__ import annotations

import codecs
import re

from sensorium.errors import MediaError

SAMPLE = 65_536
"""Bytes that a guess looks at."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Where Python and the Encoding Standard of browsers mean other characters by a name.
_BROWSERS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
    "euc_kr": "cp949", "big5": "big5hkscs", "utf-16": "utf-8", "utf-16-le": "utf-8",
    "utf-16-be": "utf-8", "utf-32": "utf-8",
}  # fmt: skip

_DECLARED = re.compile(
    rb"<meta\b[^>]*?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)|^\s*<\?xml\b[^>]*?\bencoding\s*=\s*"
    rb"[\"']([\w.:-]+)",
    re.IGNORECASE,
)
_COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.DOTALL)
DECLARED_WITHIN = 1024
"""Bytes at the start of a page in which browsers look for its encoding."""

_HIGH_PAIRS = re.compile(rb"[\x81-\xfe][\xa1-\xfe]")
_HIGH = re.compile(rb"[\x80-\xff]")
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_WIDE = re.compile("[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff5e]")
_HIRAGANA = re.compile("[\u3041-\u3093]")


def decoded(content: bytes, name: str, page: bool = False) -> str:
    """Read bytes as the text they are, lines ended by line feeds.

    A byte order mark goes first, then what a web page says of itself, UTF-8 where the bytes are
    that, UTF-16 where every other byte tells of it, then a guess: Shift-JIS or EUC-JP, Windows'
    Cyrillic or KOI8-R, GB18030, else Windows' Western characters.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for errors.
    page : bool
        Whether it is HTML, which may name its encoding.

    Raises
    ------
    MediaError
        When the bytes are no text.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _lines(content[len(mark) :].decode(encoding, "replace"))
    if page and (encoding := _declared(content)):
        return _lines(content.decode(encoding, "replace").replace("\0", ""))
    if encoding := _wide(content[:4096]):
        return _lines(content.decode(encoding, "replace"))
    if b"\0" in content[:4096]:
        raise MediaError(f"no text (it holds NUL characters; begins with {content[:8]!r})", name)
    if encoding := _wide_without_nuls(content):
        return _lines(content.decode(encoding, "replace"))
    for encoding in ("utf-8", *_guessed(content[:SAMPLE])):
        try:
            return _lines(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return _lines(content.decode("latin-1"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _declared(content: bytes) -> str:
    """The encoding that a page names in its first bytes; "" for none that is known."""
    found = _DECLARED.search(_COMMENT.sub(b"", content[:DECLARED_WITHIN]))
    if found is None:
        return ""
    try:
        encoding = codecs.lookup((found[1] or found[2]).decode("ascii")).name
        content[:0].decode(encoding)  # not all of Python's codecs are of characters
    except (LookupError, UnicodeError):
        return ""
    encoding = _BROWSERS.get(encoding, encoding)
    if encoding == "utf-8":  # often said of pages that are not
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            return ""
    return encoding


def _wide(start: bytes) -> str:
    """UTF-16 without its mark: white space and Latin letters put a NUL into every other byte."""
    pairs = len(start) // 2
    first, second = start[: 2 * pairs : 2], start[1 : 2 * pairs : 2]
    for nul, other, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if nul.count(0) * 20 < pairs or other.count(0) >= nul.count(0):
            continue
        try:
            text = start[: 2 * pairs].decode(encoding, "ignore")
        except UnicodeDecodeError:
            continue
        if pairs > 1 and all(character.isprintable() or character.isspace() for character in text):
            return encoding
    return ""


def _wide_without_nuls(content: bytes) -> str:
    """UTF-16 of Chinese or Japanese alone, without a line's end.

    Some of its bytes are control characters, which stand in no text of another encoding, and the
    characters are all of these scripts, as which two bytes of others are rarely read.
    """
    sample = content[:SAMPLE]
    if len(content) % 2 or _CONTROLS.search(sample) is None:
        return ""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = sample.decode(encoding, "replace")
        if len(_WIDE.findall(text)) > 0.95 * len(text):
            return encoding
    return ""


def _guessed(sample: bytes) -> tuple[str, ...]:
    """Encodings that bytes may have, the likeliest first.

    European letters stand alone between those of ASCII; bytes of Chinese and Japanese stand in
    pairs, of Cyrillic in a row. Japanese has Hiragana; of Cyrillic, small letters, which are most,
    lie in the upper half of Windows' table and the lower one of KOI8.
    """
    high = _HIGH.findall(sample)
    for encoding in ("cp932", "euc_jp"):
        text = sample.decode(encoding, "ignore")
        if len(_HIRAGANA.findall(text)) > 0.1 * len(high):  # of two bytes each
            return encoding, "cp1252"
    letters = [byte[0] for byte in high if byte[0] >= 0xC0]
    if len(high) > 0.5 * len(sample) and len(letters) > 0.9 * len(high):
        small = sum(byte >= 0xE0 for byte in letters)
        return ("cp1251" if 2 * small > len(letters) else "koi8_r"), "cp1252"
    in_pairs = 2 * len(_HIGH_PAIRS.findall(sample)) > 0.7 * len(high)
    return ("gb18030", "cp1252") if in_pairs else ("cp1252",)
