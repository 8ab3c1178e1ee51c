"""Writing onto pictures in whatever script: contact sheets, plots, labels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import PIL.ImageDraw
import PIL.ImageFont

Font = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip

FONT_NAMES = (
    "NotoSansCJK-Regular*", "NotoSansSC-Regular*", "SourceHanSans*Regular*", "PingFang*", "msyh*",
    "wqy-microhei*", "wqy-zenhei*", "DroidSansFallback*", "Hiragino Sans GB*", "Arial Unicode*",
    "NotoSans-Regular*", "DejaVuSans.ttf", "Arial.ttf",
)  # fmt: skip
"""Fonts that cover many scripts, in the order they are tried."""


def write_line(
    draw: PIL.ImageDraw.ImageDraw,
    where: tuple[int, int],
    text: str,
    size: int,
    width: int,
    color: str,
) -> None:
    """Write one line in a font that has its characters, cut to `width` pixels."""
    # Cut to what could fit first: a long data URL would be measured character by character.
    text = " ".join(text.split())[:width]
    font = font_for(text, size)
    if font is None:
        # Better a question mark than boxes: no installed font has these characters.
        text = text.encode("ascii", "replace").decode()
        font = PIL.ImageFont.load_default(size)
    if font.getlength(text) > width:
        while text and font.getlength(text + "...") > width:
            text = text[:-1]
        text += "..."
    draw.text(where, text, fill=color, font=font)


def font_for(text: str, size: int) -> Font | None:
    """Find a font that has all characters of a text; None where none is installed."""
    default = PIL.ImageFont.load_default(size)
    if text.isascii():
        return default
    for font in (default, *_installed_fonts(size)):
        missing = bytes(font.getmask("\U0010ffff"))  # a character that no font has
        if all(c.isspace() or bytes(font.getmask(c)) != missing for c in set(text)):
            return font
    return None


@cache
def _installed_fonts(size: int) -> list[Font]:
    files = [
        file
        for folder in FONT_FOLDERS
        if (expanded := Path(folder).expanduser()).is_dir()
        for file in sorted(expanded.rglob("*"))
        if file.suffix.lower() in (".ttf", ".ttc", ".otf")
    ]
    fonts: list[Font] = []
    for pattern in FONT_NAMES:
        for file in files:
            if file.match(pattern):
                try:
                    fonts.append(PIL.ImageFont.truetype(str(file), size))
                except OSError:
                    continue  # a damaged font file; another may do
    return fonts
