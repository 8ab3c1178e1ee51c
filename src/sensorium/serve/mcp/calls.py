"""Calls of the protocol that are refused before anybody looks at them: which they are.

A status that says so, with which servers answer else, ends a client of the SDK's first versions
(1.x) with all that it had begun. An error of the protocol, which names the call, is that call's
alone; what asks for no answer (a notification) is taken, and dropped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
from starlette.types import Receive, Scope

PATH = "/mcp"
"""Where the tools are."""

READ_BYTES, READ_SECONDS = 64 << 20, 30.0
"""Of a message that is refused: a client listens when it has sent all of it."""

ENDS = 4096
"""Bytes that are kept of a message's beginning and end, where the number of a call stands."""

_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(-?\d{1,18}|"[^"\\]*")')
_LAST = re.compile(
    rb',\s*"id"\s*:\s*(-?\d{1,18}|"[^"\\]*")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)


def is_message(scope: Scope) -> bool:
    """Whether a request is a message to the tools."""
    return scope["type"] == "http" and (scope["path"], scope["method"]) == (PATH, "POST")


def error_of(number: Any, code: int, message: str, **data: Any) -> dict[str, Any]:
    """What answers a call that failed."""
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return {"jsonrpc": "2.0", "id": number, "error": error}


async def read_away(receive: Receive, most: int = READ_BYTES) -> tuple[Any, bool]:
    """Read a message to its end, and tell its number.

    Returns
    -------
    str, int or None, bool
        The number of a call; None where it is not found, or there is none. Whether the message is
        known to ask for no answer.
    """
    first, last = await _ends(receive, most)
    if len(first) < ENDS:  # it is all of it
        try:
            message = json.loads(first)
        except ValueError:
            return None, False
        if not isinstance(message, dict):
            return None, False
        number = message.get("id")
        is_number = isinstance(number, str | int) and not isinstance(number, bool)
        return (number, False) if is_number else (None, "id" not in message)
    # What stands in the midst may be the words of somebody who is asked about.
    found = _FIRST.match(first) or _LAST.search(last)
    try:
        return (None if found is None else json.loads(found[1])), False
    except ValueError:  # letters that are none
        return None, False


async def _ends(receive: Receive, most: int) -> tuple[bytes, bytes]:
    """The first and last bytes of what a client sends; nothing of what does not come to its end."""
    first = last = b""
    taken = 0
    with anyio.move_on_after(READ_SECONDS):
        while taken < most:
            message = await receive()
            body = message.get("body", b"")
            taken += len(body)
            first = first if len(first) >= ENDS else (first + body[:ENDS])[:ENDS]
            last = (last + body[-ENDS:])[-ENDS:]
            if not message.get("more_body", False):
                return first, last
    return b"", b""
