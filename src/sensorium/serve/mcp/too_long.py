"""Messages that are too long, answered so that only their own call fails.

Status 413, with which servers answer else, ends a client of the SDK's first versions (1.x) with all
that it had begun. An error of the protocol, which names the call, is that call's alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sensorium.serve.answers import Answer

PATH = "/mcp"

SDK_BYTES = 4 << 20
"""Of one message that the SDK takes."""

READ_BYTES, READ_SECONDS = 64 << 20, 30.0
"""Of a message that is too long: a client listens when it has sent all of it."""

ENDS = 4096
"""Bytes that are kept of a message's beginning and end, where the number of a call stands."""

_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(-?\d{1,18}|"[^"\\]*")')
_LAST = re.compile(
    rb',\s*"id"\s*:\s*(-?\d{1,18}|"[^"\\]*")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z'
)

INVALID_REQUEST = -32600


class TooLong:
    """ASGI application that answers what is too long, and hands on all else.

    Parameters
    ----------
    app : ASGI application
    most : int
        Bytes of a message.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, min(most, SDK_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        called = scope["type"] == "http" and (scope["path"], scope["method"]) == (PATH, "POST")
        said = Headers(scope=scope).get("content-length", "") if called else ""
        # What says no length is counted, and answered as all else: known clients say it.
        if not said.isdecimal() or int(said) <= self._most:
            await self._app(scope, receive, send)
            return
        number = _number_of(*await _ends(receive))
        reason = f"a message has {said} bytes, and at most {self._most}: ask with fewer words"
        error = {"code": INVALID_REQUEST, "message": reason}
        body = {"jsonrpc": "2.0", "id": number, "error": error}
        await Answer(body, 413 if number is None else 200)(scope, receive, send)


async def _ends(receive: Receive) -> tuple[bytes, bytes]:
    """The first and last bytes of what a client sends; nothing of what does not come to its end."""
    first = last = b""
    taken = 0
    with anyio.move_on_after(READ_SECONDS):
        while taken < READ_BYTES:
            message = await receive()
            body = message.get("body", b"")
            taken += len(body)
            first = first if len(first) >= ENDS else (first + body[:ENDS])[:ENDS]
            last = (last + body[-ENDS:])[-ENDS:]
            if not message.get("more_body", False):
                return first, last
    return b"", b""


def _number_of(first: bytes, last: bytes) -> Any:
    """The number of a call, which stands at one of the ends of its message; None where it is not.

    What stands in the midst may be the words of somebody who is asked about.
    """
    found = _FIRST.match(first) or _LAST.search(last)
    try:
        return None if found is None else json.loads(found[1])
    except ValueError:  # letters that are none
        return None
