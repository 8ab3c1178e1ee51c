"""Asking one process over HTTP, on connections that stay open."""

from __future__ import annotations

import http.client
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from sensorium.errors import UsageError
from sensorium.scale.shards.wire import Array, unpack

CONNECT_SECONDS = 2.0

MOST_IDLE = 16
"""Connections that are kept open for the next questions."""


class LinkError(Exception):
    """Why a process did not answer."""


def address_of(written: str) -> tuple[str, int]:
    """A host and a port, written as ``host:port`` or ``[address]:port``.

    Raises
    ------
    UsageError
    """
    host, colon, port = written.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise UsageError(f"a shard is at HOST:PORT, such as 10.0.0.7:8200; got {written!r:.80}")
    return host.strip("[]"), int(port)


class Link:
    """One process, asked from any thread.

    Parameters
    ----------
    address : str
        ``host:port``.
    token : str
    """

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._host, self._port = address_of(address)
        self._headers = {"authorization": f"Bearer {token}"}
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=MOST_IDLE)

    def ask(
        self, path: str, message: bytes | None = None, *, seconds: float
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Send a message (none: look), and give the answer.

        Parameters
        ----------
        path : str
        message : bytes, optional
        seconds : float
            After so long without a byte of it no answer is expected any more.

        Raises
        ------
        LinkError
            When there is none.
        """
        while True:
            connection, is_used = self._connection()
            try:
                status, body = self._asked(connection, path, message, seconds)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_used and not isinstance(error, TimeoutError):
                    continue  # it was closed while nobody used it
                raise LinkError(_reason(error, seconds)) from error
            self._idle.append(connection)
            if status != http.client.OK:
                raise LinkError(f"it answered {status}: {_told(body)}")
            try:
                return unpack(body)
            except ValueError as error:
                raise LinkError(str(error)) from error

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            fresh = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
            return fresh, False

    def _asked(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        message: bytes | None,
        seconds: float,
    ) -> tuple[int, bytes]:
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(seconds)
        connection.request("GET" if message is None else "POST", path, message, self._headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)


def _told(body: bytes) -> str:
    try:
        found: Mapping[str, Any] = json.loads(body)
        return str(found["error"]["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
