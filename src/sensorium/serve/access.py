"""Who may ask, how often and how much: everything that is decided before a request is looked at.

The server listens on the machine's own address unless told otherwise, but pages of other sites run
in the same browser: a request that names another host (DNS rebinding) or comes from another origin
is refused, whatever it asks for.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sensorium.serve.faults import FAULT, LOG
from sensorium.serve.mcp.calls import error_of, is_message, read_away
from sensorium.serve.pace import TOO_SLOW, Pace, TooSlowError
from sensorium.serve.settings import Settings, digest_of

COOKIE = "sensorium_token"
"""Holds the token of who looks at the page: pictures and players send no headers of their own."""

HEALTH = "/health"
"""Whoever watches the server asks often, and is told so nevertheless."""

OPEN_PATHS = ("/", HEALTH, "/api/session")
OPEN_FOLDERS = ("/page/",)
"""What needs no token: the page itself, which holds nothing of anybody, and how it asks for one."""

UNCOUNTED = (HEALTH, "/events")
"""Ends of what is answered however busy the server is, and of what stays open and does little."""

READ_AWAY_BYTES, READ_AWAY_SECONDS = 1 << 20, 10.0
"""Of a request that is refused. Who sends more, or more slowly, may miss the reason."""

LATER = (429, 503)
"""Status of what may be asked again."""

ASK_AGAIN = -32000
"""The same of a call of a tool: the first of the protocol's numbers for servers' own errors."""

MOST_CLIENTS = 10_000
"""Clients whose requests are counted; those that were quiet the longest are forgotten."""

SECURITY = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; worker-src 'self' blob:",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
    "x-frame-options": "DENY",
}
"""Headers of every answer. Markup in what is stored is text; were some shown as a page all the
same, its programs would not run."""


TOO_LARGE = "the request has more bytes than the server takes (docs/serve/http.md, Limits)"
"""Instead of FastAPI's own words, which are no JSON."""


class Refused(Exception):  # noqa: N818 - an answer, no fault
    """A request that is answered at once."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Guard:
    """ASGI middleware in front of all that the server does.

    What a request may do stands in ``scope["state"]["scopes"]`` behind it. Errors that nobody
    foresaw are logged here, with where they come from; a client is told that there was one.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._rates = _Rates(settings.limits.requests_per_minute)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False
        instead: bytes | None = None
        pace = Pace(receive, send)

        async def safely(message: Message) -> None:
            nonlocal begun, ended, instead
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                if message["status"] == 413 and "json" not in headers.get("content-type", ""):
                    instead = _told(Refused(413, TOO_LARGE))
                    headers.update(_headers_of(instead))
            elif instead is not None:
                message = {**message, "body": instead}
            await pace.send(message)

        refused: Refused | None = None

        async def of_app(message: Message) -> None:
            if begun or not pace.is_too_slow:  # else it is said to somebody who has left
                await safely(message)

        counted = not scope["path"].endswith(UNCOUNTED)
        self._running += counted
        try:
            self._admit(scope)
            await self._app(scope, pace.receive, of_app)
        except Refused as reason:
            if begun:
                raise
            refused = reason
        except (ClientDisconnect, TooSlowError):
            pass
        except Exception:
            if begun and not ended:
                raise  # the connection is closed, which tells that there is more
            if not pace.is_too_slow:
                LOG.exception("%s %s", scope["method"], scope["path"])
                refused = Refused(500, FAULT)
        finally:
            self._running -= counted
        if begun:
            return
        if pace.is_too_slow:
            await _answer(safely, Refused(408, TOO_SLOW, connection="close"))
        elif refused is not None:
            # Who is refused takes nobody's place meanwhile.
            if refused.status in LATER and is_message(scope):
                await _answer_call(receive, safely, refused)
                return
            if not pace.is_whole:
                await _read_away(receive)
            await _answer(safely, refused)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._running > self._settings.limits.requests and not scope["path"].endswith(UNCOUNTED):
            raise Refused(503, "too many requests at once: ask again in 1 s", retry_after="1")
        self._require_own_host(headers)
        _require_own_origin(headers, scope)
        scopes, client = self._scopes(scope, headers)
        path = scope["path"]
        if path != HEALTH and (wait := self._rates.wait(client)):
            raise Refused(
                429, f"more than {self._rates.per_minute} requests a minute", retry_after=str(wait)
            )
        if not scopes and path not in OPEN_PATHS and not path.startswith(OPEN_FOLDERS):
            raise Refused(
                401, "a token is needed: send it as Authorization: Bearer TOKEN",
                www_authenticate='Bearer realm="sensorium"',
            )  # fmt: skip
        scope.setdefault("state", {}).update(scopes=scopes, client=client)

    def _require_own_host(self, headers: Headers) -> None:
        host = _split(f"//{headers.get('host', '')}").hostname or ""
        names = self._settings.names
        if host not in names and not ({"0.0.0.0", "::"} & names and not self._settings.hosts):
            raise Refused(
                421, f"this server is not called {host[:80]!r}: name it with --allow-host"
            )

    def _scopes(self, scope: Scope, headers: Headers) -> tuple[frozenset[Any], str]:
        address = (scope.get("client") or ("",))[0]
        if not self._settings.tokens:
            return frozenset(self._settings.open_scopes), address
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            token = headers.get("x-api-key", "") or _cookie(headers)
        scopes = self._settings.scopes_of(token.strip()) if token else frozenset()
        # Wrong tokens count for the address that tries them.
        return scopes, f"token {digest_of(token.strip())}" if scopes else address


class _Rates:
    """Requests of each client: as many as fit into a minute, some of them at once."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> int:
        """Seconds that a client has to wait; 0 where it may go on, which is counted."""
        if not self.per_minute:
            return 0
        now = time.monotonic()
        left, then = self._left.pop(client, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - then) * self.per_minute / 60)
        wait = 0 if left >= 1 else max(1, round((1 - left) * 60 / self.per_minute))
        self._left[client] = (left - 1 if not wait else left), now
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return wait


def _require_own_origin(headers: Headers, scope: Scope) -> None:
    """Refuse what a page of another site sends: it could not read the answer, but it was done."""
    origin = headers.get("origin")
    foreign = origin is not None and _split(origin).netloc != headers.get("host", "")
    site = headers.get("sec-fetch-site")
    led = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
    if foreign or (site in ("cross-site", "same-site") and not led):
        raise Refused(403, "the request comes from a page of another site")


def _split(url: str) -> SplitResult:
    """The parts of a URL; none of what is none, such as ``http://[``."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _read_away(receive: Receive) -> None:
    """Read what a client is still sending: it looks for an answer when it has sent all."""
    taken = 0
    with anyio.move_on_after(READ_AWAY_SECONDS):
        while taken < READ_AWAY_BYTES:
            message = await receive()
            taken += len(message.get("body", b""))
            if not message.get("more_body", False):
                return


async def _answer_call(receive: Receive, send: Send, refused: Refused) -> None:
    """Answer a call of a tool so that it fails alone, see `sensorium.serve.mcp.calls`."""
    number, is_notice = await read_away(receive, READ_AWAY_BYTES)
    if number is None and not is_notice:
        await _answer(send, refused)
        return
    seconds = int(refused.headers.get("retry-after", "1"))
    body = b""
    if number is not None:
        body = json.dumps(error_of(number, ASK_AGAIN, refused.reason, retry_after=seconds)).encode()
    await _send(send, 202 if is_notice else 200, body, refused.headers)


def _told(refused: Refused) -> bytes:
    kind = "server_error" if refused.status == 500 else "refused"
    fault = {"message": refused.reason, "type": kind, "param": None, "code": None}
    return json.dumps({"error": fault}).encode()


def _headers_of(body: bytes) -> dict[str, str]:
    return {"content-type": "application/json", "content-length": str(len(body))}


async def _answer(send: Send, refused: Refused) -> None:
    await _send(send, refused.status, _told(refused), refused.headers)


async def _send(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    named = {**_headers_of(body), **headers}
    listed = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
