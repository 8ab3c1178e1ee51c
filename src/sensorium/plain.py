"""Results as JSON values: the one shape that the shell, HTTP and tools of language models give."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

UNTOLD = "indexed"
"""Field of items that JSON goes without: `Item.state` says what comes of it."""


def plain_fields(value: Any) -> dict[str, Any]:
    """What is told of a dataclass, and of those in it."""

    def told(fields: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: held for name, held in fields if name != UNTOLD}

    return dataclasses.asdict(value, dict_factory=told)


def plain(value: Any) -> Any:
    """What `json` makes of what it does not know: objects of dataclasses, words of the rest."""
    is_made = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return plain_fields(value) if is_made else str(value)


def as_utf8(value: Any, indent: int | None = None, *, allow_nan: bool = True) -> str:
    """Write a result as JSON for a file in UTF-8.

    A file name that is no UTF-8 has no letters: JSON's escapes stand for its bytes, and Python
    reads the same name from them.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=plain, allow_nan=allow_nan)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, default=plain, allow_nan=allow_nan)
    return text


def as_json(value: Any) -> str:
    """Write a result as JSON that is sent in UTF-8, as `as_utf8` does.

    Raises
    ------
    ValueError
        For a number that is none (NaN) or is infinite: JSON has no word for it, and what readers
        make of one differs.
    """
    return as_utf8(value, allow_nan=False)
