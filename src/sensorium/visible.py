"""Text from files and servers as it may be shown: nothing in it is obeyed by a terminal."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1: escape sequences begin with one), what turns the direction of
# writing (a name that reads as another one), line separators, and bytes that are no text.
OBEYED = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_OBEYED = re.compile(f"[{OBEYED}\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Write out what a terminal would obey instead of showing it.

    Spaces of all widths and the joiners of Indic scripts, Persian and emoji stay as they are.

    Examples
    --------
    >>> visible("two\nlines\x1b[2J 图")
    'two\\nlines\\x1b[2J 图'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def sound(text: str) -> str:
    """Text without halves of surrogate pairs, which no file, font or tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
