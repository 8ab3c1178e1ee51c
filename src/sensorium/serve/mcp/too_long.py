"""Messages that are too long, answered so that only their own call fails (`calls`)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sensorium.serve.answers import Answer
from sensorium.serve.mcp.calls import error_of, is_message, read_away

SDK_BYTES = 4 << 20
"""Of one message that the SDK takes."""

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
        said = Headers(scope=scope).get("content-length", "") if is_message(scope) else ""
        # What says no length is counted, and answered as all else: known clients say it.
        if not said.isdecimal() or int(said) <= self._most:
            await self._app(scope, receive, send)
            return
        number, _ = await read_away(receive)
        reason = f"a message has {said} bytes, and at most {self._most}: ask with fewer words"
        body = error_of(number, INVALID_REQUEST, reason)
        await Answer(body, 413 if number is None else 200)(scope, receive, send)
