"""One HTTP request, bounded in time and size, and never led to an address that nobody named."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any

BLOCK = 1 << 16


class TooLargeError(OSError):
    """The answer is larger than what is taken."""


class LedAstrayError(OSError):
    """A redirect leads to an address of the local network, which the user did not name."""


def fetch(
    request: urllib.request.Request, *, silence: float, seconds: float, most: int, redirects: bool
) -> bytes:
    """Send a request and read the whole answer.

    Parameters
    ----------
    request : Request
    silence : float
        Seconds without a byte after which it is given up.
    seconds : float
        The same for all of it: a server that sends a byte now and then is given up, too.
    most : int
        Bytes of the answer.
    redirects : bool
        Whether they are followed; else they are errors (`urllib.error.HTTPError`).

    Raises
    ------
    TooLargeError, LedAstrayError, TimeoutError, OSError
        `urllib.error.HTTPError`, an OSError, for statuses from 300 on. What breaks off is a
        ConnectionError.
    """
    watch = _Watch(seconds)
    handlers: list[Any] = [_Plain(watch), _Secure(watch)]
    if not redirects:
        handlers.append(_NoRedirects())
    opener = urllib.request.build_opener(*handlers)
    try:
        with watch, opener.open(request, timeout=silence) as response:
            answer = _read(response, most)
            if watch.is_over:  # where no length is said, an end that was made looks like any
                raise ConnectionError
            return answer
    except (http.client.HTTPException, OSError) as error:
        if watch.is_over:
            raise TimeoutError(f"it took longer than {seconds:g} seconds") from error
        if isinstance(error, http.client.HTTPException):
            raise ConnectionError(f"the answer is broken ({error!r})") from error
        reason = getattr(error, "reason", None)
        if isinstance(reason, LedAstrayError):
            raise reason from error
        raise


def _read(response: Any, most: int) -> bytes:
    wanted = response.length  # None where the server does not say it
    if wanted is not None and wanted > most:
        raise TooLargeError(f"{wanted:,} bytes; at most {most:,} are taken")
    blocks, held = [], 0
    while block := response.read1(BLOCK):
        blocks.append(block)
        held += len(block)
        if held > most:
            raise TooLargeError(f"more than {most:,} bytes")
    if wanted is not None and held < wanted:
        raise ConnectionError(f"the answer broke off after {held:,} of {wanted:,} bytes")
    return b"".join(blocks)


class _Watch:
    """Ends what is read from sockets after some seconds, wherever the reading is."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._end_at = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self.first_is_local: bool | None = None

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end_at

    def add(self, connected: socket.socket, *, by_proxy: bool) -> None:
        """Watch a connection; the first is to the host that was named, others are redirects'.

        The address is looked at when the connection stands: a name may resolve to another one
        each time that it is asked for.
        """
        self._sockets.append(connected)
        if by_proxy:
            return
        address = connected.getpeername()[0]
        is_local = _is_local(address)
        if self.first_is_local is None:
            self.first_is_local = is_local
        elif is_local and not self.first_is_local:
            raise LedAstrayError(f"a redirect leads to {address}, an address of a local network")

    def _end(self) -> None:
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # it is closed
                connected.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _is_local(address: str) -> bool:
    return not ipaddress.ip_address(address.partition("%")[0]).is_global


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPConnection, self._watch, request), request)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_watched(http.client.HTTPSConnection, self._watch, request), request)


def _watched(kind: Any, watch: _Watch, request: urllib.request.Request) -> Any:
    class Watched(kind):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            watch.add(self.sock, by_proxy=request.has_proxy() or bool(self._tunnel_host))

    return Watched


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the caller."""

    def redirect_request(self, *_: Any) -> None:
        return None
