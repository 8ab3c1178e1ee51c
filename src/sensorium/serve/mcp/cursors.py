"""Where the next page of a search begins: clients of today have no session that could hold it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from sensorium.errors import UsageError


def cursor_of(arguments: dict[str, Any]) -> str:
    """What a client sends back to see more."""
    return (
        base64.urlsafe_b64encode(
            json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace")
        )
        .decode()
        .rstrip("=")
    )


def arguments_of(cursor: str, types: dict[str, type]) -> dict[str, Any]:
    """The arguments of a cursor.

    Parameters
    ----------
    cursor : str
        As `cursor_of` gave it; clients may send anything.
    types : dict of str to type
        What there has to be.

    Raises
    ------
    UsageError
    """
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded))
        if {name: type(value) for name, value in found.items()} != types:
            raise ValueError("other arguments")
    except (binascii.Error, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"cursor is what next_cursor of an earlier result was, got {cursor[:60]!r}"
        ) from error
    arguments: dict[str, Any] = found
    return arguments
