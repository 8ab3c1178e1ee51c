"""Who somebody is to the server: a browser keeps its token in a cookie that no program reads."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from sensorium.serve.access import COOKIE, Refused
from sensorium.serve.answers import Answer
from sensorium.serve.http import declared
from sensorium.serve.http.depends import ServedState
from sensorium.serve.served import Served
from sensorium.serve.settings import Scope

router = APIRouter(prefix="/api/session", tags=["session"])

KEPT = 30 * 24 * 3600
"""Seconds that a browser keeps a token."""


@router.get("", summary="What you may do", responses=declared.SESSION)
def session(served: ServedState, request: Request) -> Answer:
    """Your scopes, and whether a token is needed."""
    return Answer(_told(served, request.state.scopes))


@router.post("", summary="Keep a token in a cookie", responses=declared.SESSION)
def begin(
    served: ServedState,
    request: Request,
    token: Annotated[str, Body(embed=True, max_length=4096, examples=["the-token-of-the-server"])],
) -> Response:
    """For browsers: pictures and players send no headers of their own.

    The cookie goes to this server alone, with requests of its own pages alone, and over an
    encrypted connection alone where it came by one.
    """
    scopes = served.settings.scopes_of(token.strip())
    if not scopes:
        raise Refused(401, "this is no token of this server")
    answer = Answer(_told(served, scopes))
    answer.set_cookie(
        COOKIE, token.strip(), max_age=KEPT, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.delete("", summary="Forget the cookie", responses=declared.SESSION)
def end(served: ServedState) -> Response:
    """Gives what may be done without it."""
    open_scopes: Any = served.settings.open_scopes
    answer = Answer(_told(served, frozenset() if served.settings.tokens else open_scopes))
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _told(served: Served, scopes: frozenset[Scope]) -> dict[str, Any]:
    return {
        "scopes": [one for one in get_args(Scope) if one in scopes],
        "token_needed": bool(served.settings.tokens),
    }
