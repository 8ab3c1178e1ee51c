"""One HTTP request, bounded in time and size, and never led to an address that nobody named."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import ipaddress
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

BLOCK = 1 << 16

MOST_OF_AN_ERROR = 500
"""Bytes of the answer that are kept of one with a status of an error."""

LOCAL_ENDINGS = (".local", ".localhost", ".lan", ".home", ".internal", ".intranet", ".home.arpa")
"""Ends of names that only exist in a local network."""


class TooLargeError(OSError):
    """The answer is larger than what is taken."""


class LedAstrayError(OSError):
    """A redirect, or what a name resolves to, is an address that the user did not name."""


def fetch(
    request: urllib.request.Request,
    *,
    silence: float,
    seconds: float,
    most: int,
    redirects: bool,
    local: bool = False,
    public: bool = False,
) -> bytes:
    """Send a request and read the whole answer.

    A user and a password in the URL go to its host alone.

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
    local : bool
        Whether the name in the URL may stand for an address of a local network that it does not
        show, as ``https://models.example.org`` may within a company.
    public : bool
        Whether the URL comes from a stranger: no address of a local network is connected to,
        whatever its name shows, and no proxy is asked, which would look names up by itself.

    Raises
    ------
    TooLargeError, LedAstrayError, TimeoutError, OSError
        `urllib.error.HTTPError`, an OSError, for statuses from 300 on; with the beginning of what
        came. What breaks off is a ConnectionError.
    """
    with opened(
        request, silence=silence, seconds=seconds, redirects=redirects, local=local, public=public
    ) as response:
        return _read(response, most)


@contextlib.contextmanager
def opened(
    request: urllib.request.Request,
    *,
    silence: float,
    seconds: float,
    redirects: bool,
    local: bool = False,
    public: bool = False,
) -> Iterator[Any]:
    """Send a request, for an answer that is read as it comes; see `fetch`.

    Yields
    ------
    http.client.HTTPResponse
        What is read of it within the block is watched as `fetch` says, and ends with its errors.
    """
    request = _with_credentials_apart(request)
    host = urllib.parse.urlsplit(request.full_url).hostname or ""
    is_trusted = not public and (local or _shows_that_it_is_local(host))
    watch = _Watch(seconds, host, is_trusted=is_trusted)
    opener = urllib.request.OpenerDirector()  # no FTP, no files: nothing but what stands here
    handlers: list[Any] = [
        # What is on this machine is never asked of another one.
        urllib.request.ProxyHandler({} if public or _is_loopback(host) else None),
        _Plain(watch),
        _Secure(watch),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ]
    if redirects:
        handlers.append(_Redirects(watch))
    for handler in handlers:
        opener.add_handler(handler)
    try:
        with watch:
            try:
                with opener.open(request, timeout=silence) as response:
                    yield response
            except urllib.error.HTTPError as error:
                raise _read_error(error) from error
        if watch.is_over:  # where no length is said, an end that was made looks like any
            raise ConnectionError
    except (http.client.HTTPException, OSError) as error:
        if watch.is_over:
            raise TimeoutError(f"it took longer than {seconds:g} seconds") from error
        if isinstance(error, http.client.HTTPException):
            raise ConnectionError(f"the answer is broken ({error!r})") from error
        reason = getattr(error, "reason", None)
        if isinstance(reason, LedAstrayError):
            raise reason from error
        raise


def without_credentials(url: str) -> str:
    """A URL without its user and password, for messages."""
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}" if separator else url


def _with_credentials_apart(request: urllib.request.Request) -> urllib.request.Request:
    """Take user and password out of the URL, into a header that no redirect gets."""
    parts = urllib.parse.urlsplit(request.full_url)
    said, at, _ = parts.netloc.rpartition("@")
    if not at:
        return request
    bare = urllib.request.Request(
        without_credentials(request.full_url), request.data, request.headers
    )
    plain = urllib.parse.unquote_to_bytes(said)
    bare.add_unredirected_header(
        "Authorization", f"Basic {base64.b64encode(plain).decode('ascii')}"
    )
    return bare


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


def _read_error(error: urllib.error.HTTPError) -> urllib.error.HTTPError:
    """The same, with the beginning of the answer read while it is watched."""
    said = b""
    with contextlib.suppress(OSError, http.client.HTTPException), error:
        said = error.read(MOST_OF_AN_ERROR)
    # Without the URL, which errors show as a file's name: there may be a key in it.
    return urllib.error.HTTPError("", error.code, error.msg, error.headers, io.BytesIO(said))


class _Watch:
    """Connects to addresses that may be connected to, and ends connections after some seconds."""

    def __init__(self, seconds: float, named: str, *, is_trusted: bool) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._end_at = time.monotonic() + seconds
        self._connections: list[socket.socket] = []
        self._named = named.lower()
        self._is_trusted = is_trusted

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end_at

    def may_be_local(self, host: str) -> bool:
        """Whether a host may have an address of a local network: the one named so, no other."""
        return self._is_trusted and host.lower() == self._named

    def connect(
        self, place: tuple[str, int], timeout: float, source: object = None, *, by_proxy: bool
    ) -> socket.socket:
        """Connect to the first address of a host that may be connected to, and answers.

        A name may stand for another address each time that it is asked for, so that the address
        is looked at which is connected to.
        """
        host, port = place
        failure: OSError = ConnectionError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            numbers = str(address[0])
            if not by_proxy and _is_local(numbers) and not self.may_be_local(host):
                failure = LedAstrayError(
                    f"{host} leads to {numbers}, an address of a local network that was not named"
                )
                continue
            left = self._end_at - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(min(timeout, left))
                connection.connect(address)
                connection.settimeout(timeout)
                # Of its own: TLS takes the other one over.
                self._connections.append(connection.dup())
                return connection
            except OSError as error:
                connection.close()
                failure = error
        raise failure

    def _end(self) -> None:
        for connection in self._connections:
            with contextlib.suppress(OSError):  # it is closed
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for connection in self._connections:
            connection.close()


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _is_local(address: str) -> bool:
    """Whether an address is not one of the public network; those inside IPv6 are looked at, too."""
    number = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour
        if number in _NAT64:
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if inner is not None:
            return _is_local(str(inner))
    return not number.is_global or number.is_multicast


def _shows_that_it_is_local(host: str) -> bool:
    """Whether a host's name itself says that it is in the local network."""
    name = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        return _is_local(name)
    return "." not in name or name.endswith(LOCAL_ENDINGS)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    return host.lower() == "localhost" or host.lower().endswith(".localhost")


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
            by_proxy = request.has_proxy() or bool(self._tunnel_host)

            def connect(place: tuple[str, int], timeout: float, source: object) -> socket.socket:
                return watch.connect(place, timeout, source, by_proxy=by_proxy)

            self._create_connection = connect
            super().connect()

    return Watched


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTP; what a proxy connects to is only known by its name."""

    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        parts = urllib.parse.urlsplit(newurl)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            raise LedAstrayError(f"a redirect leads to {parts.scheme}:, which is not followed")
        if _shows_that_it_is_local(host) and not self._watch.may_be_local(host):
            raise LedAstrayError(f"a redirect leads to {host}, an address of a local network")
        return super().redirect_request(req, fp, code, msg, headers, without_credentials(newurl))
