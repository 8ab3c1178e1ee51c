"""How slowly a client may send or take: whoever keeps a place for nothing gives it back."""

from __future__ import annotations

import math
import time

import anyio
from starlette.types import Message, Receive, Send

GRACE_SECONDS = 20.0
"""That a body may keep the server waiting, whatever it brings."""

LEAST_BYTES = 4096
"""That it brings in each further second: the slowest of mobile networks does so."""

UNREAD_SECONDS = 120.0
"""Without a byte of an answer being taken. Players that stand still ask for the rest again."""

TOO_SLOW = f"the request came too slowly: at least {LEAST_BYTES} bytes a second are awaited"


class TooSlowError(Exception):
    """A client takes nothing of its answer: the connection is closed."""


class Pace:
    """One request's ``receive`` and ``send``, which end when its client is too slow.

    To the application such a client has left. Only waiting counts: what the server itself takes to
    store is nobody's fault.

    Parameters
    ----------
    receive, send : callable
        See the ASGI specification.

    Attributes
    ----------
    is_whole : bool
        Whether all of the body has come.
    is_too_slow : bool
        Whether it did not come in time.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._left, self.is_whole = GRACE_SECONDS, False
        self.is_too_slow = False

    async def receive(self) -> Message:
        """Give the next message; that the client has left, once it is too slow."""
        if self.is_too_slow:
            return {"type": "http.disconnect"}
        began = time.monotonic()
        message: Message | None = None
        with anyio.move_on_after(math.inf if self.is_whole else max(0.0, self._left)):
            message = await self._receive()
        if message is None:
            self.is_too_slow = True
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._left += len(message.get("body", b"")) / LEAST_BYTES - (time.monotonic() - began)
            self.is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises
        ------
        TooSlowError
            When the client takes nothing of what was sent before.
        """
        with anyio.move_on_after(UNREAD_SECONDS):
            await self._send(message)
            return
        raise TooSlowError
