"""The tools over HTTP, at ``/mcp`` of the server."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sensorium.serve.access import Refused
from sensorium.serve.mcp.calls import PATH
from sensorium.serve.settings import Settings


class Readers:
    """ASGI application that lets only those in who may read, and takes messages alone.

    A stream of what the server says by itself (GET) would stay open for ever and say nothing: there
    are no sessions. The protocol lets a server answer that with status 405.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "http" and "read" not in scope["state"]["scopes"]:
            raise Refused(403, "this needs the scope 'read', which your token has not")
        if scope["type"] == "http" and scope["method"] != "POST":
            raise Refused(405, "tools are called by POST; there are no sessions", allow="POST")
        await self._app(scope, receive, send)


def make_app(server: MCPServer[Any], settings: Settings) -> Starlette:
    """The server as an ASGI application; its one path is `PATH`.

    Without sessions, so that any of several processes answers. Which scopes a client has is decided
    before (`sensorium.serve.access`); the guard against DNS rebinding, which the SDK leaves off
    unless it is told to have it, is on.
    """
    names = settings.names
    ports = [f"{name}:*" if ":" not in name else f"[{name}]:*" for name in names]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*names, *ports],
        allowed_origins=[f"{scheme}://{host}" for scheme in ("http", "https") for host in ports],
    )
    return server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        transport_security=security,
    )
