"""Markdown becomes the words that a reader of the page sees."""

from __future__ import annotations

import re

_MARKDOWN = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # links and pictures: their words
    (re.compile(r"(?m)^[ \t]*(?:#{1,6}|[*+-]|>)[ \t]+"), ""),
    (re.compile(r"(\*\*|__|`+|~~)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)"), ""),
    (re.compile(r"\s*\|\s*(?::?-+:?\s*\|\s*)*"), " "),
)


def markdown_text(text: str) -> str:
    """The words of a piece of Markdown without its marks."""
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())
