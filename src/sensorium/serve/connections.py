"""Connections whose requests have a beginning of bounded size, which comes in time.

The guard looks at a request once its line and headers are there; until then only this does. uvicorn
reads them for as long as they come, and waits for them as long as it takes.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Of a request's line and headers: four times what browsers and proxies send at most."""

HEAD_SECONDS = 20.0
"""Until they are there, from the connection or the first byte after an answer on."""

_REASONS = {408: "Request Timeout", 431: "Request Header Fields Too Large"}


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's own, which ends where the beginning of a request is too long or too late."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._taken, self._is_reading_head = 0, True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._is_reading_head:
            self._taken += len(data)
            if self._taken > HEAD_BYTES and b"\r\n\r\n" not in data:
                self._refuse(431, f"the headers are longer than {HEAD_BYTES:,} bytes")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._taken, self._is_reading_head = 0, True
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._is_reading_head = False
        self._forget_deadline()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end_late)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_late(self) -> None:
        self._deadline = None
        self._refuse(408, f"the request's headers did not come within {HEAD_SECONDS:g} s")

    def _refuse(self, status: int, reason: str) -> None:
        self._forget_deadline()
        if self.transport is None or self.transport.is_closing():
            return
        body = json.dumps({"error": {"message": reason, "type": "refused"}})
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}", "content-type: application/json",
            f"content-length: {len(body)}", "connection: close", "", "",
        )  # fmt: skip
        self.transport.write(("\r\n".join(head) + body).encode())
        self.transport.close()
