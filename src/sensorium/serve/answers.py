"""Answers of the server: JSON in the library's shapes, and errors in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount

from sensorium.errors import (
    CollectionError,
    EncoderError,
    MediaError,
    MissingExtraError,
    NotAtHandError,
    SensoriumError,
    SpaceMismatchError,
    UsageError,
)
from sensorium.plain import as_json
from sensorium.scale.shards.shards import ShardError
from sensorium.serve.access import Refused
from sensorium.serve.batching import BusyError
from sensorium.serve.classes import UnknownClassesError
from sensorium.serve.faults import FAULT
from sensorium.serve.jobs import UnknownJobError
from sensorium.serve.metrics import METHODS
from sensorium.serve.served import Served, UnknownCollectionError

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnknownCollectionError, 404),
    (UnknownJobError, 404),
    (UnknownClassesError, 404),
    (BusyError, 503),
    (ShardError, 503),
    (MediaError, 422),
    (UsageError, 400),
    (SpaceMismatchError, 503),
    (MissingExtraError, 501),
    (NotAtHandError, 501),
    (CollectionError, 500),
    (EncoderError, 500),
    (SensoriumError, 500),
)
"""Status of each error; the first that fits."""


class Fault(BaseModel):
    """What went wrong."""

    message: str = Field(examples=["there is no item 99"])
    type: str = Field(examples=["refused"])
    param: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """An answer to what cannot be done, in the shape of OpenAI's."""

    error: Fault


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "It cannot be: an unknown name, a malformed filter."},
    401: {"model": Problem, "description": "A token is needed."},
    403: {"model": Problem, "description": "The token, or the server, does not allow it."},
    404: {"model": Problem, "description": "There is no such thing."},
    405: {"model": Problem, "description": "This address has no such method."},
    408: {"model": Problem, "description": "The request came too slowly."},
    413: {"model": Problem, "description": "More bytes than one request may have."},
    421: {"model": Problem, "description": "The server is not called so."},
    422: {"model": Problem, "description": "Values that are none, media that cannot be read."},
    429: {"model": Problem, "description": "Too often: Retry-After says when to ask again."},
    500: {"model": Problem, "description": "A fault of the server, or of a collection."},
    501: {"model": Problem, "description": "A model or a package is not on the server."},
    503: {"model": Problem, "description": "Busy: Retry-After says when to ask again."},
}
"""Answers of every address beside those that are wanted."""


class Answer(JSONResponse):
    """JSON in the shape that the shell's ``--json`` has."""

    def render(self, content: Any) -> bytes:
        """See Starlette.

        Raises
        ------
        ValueError
            For numbers that are none.
        """
        return as_json(content).encode()


class JSONText(Response):
    """JSON that is written already."""

    media_type = "application/json"


def told(status: int, message: str, kind: str, **headers: str) -> Answer:
    """An error, in the shape of OpenAI's, which clients read."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def answer_errors(app: FastAPI, served: Served) -> None:
    """Let an application answer with what went wrong, whatever it was."""

    @app.exception_handler(SensoriumError)
    async def of_sensorium(request: Request, error: SensoriumError) -> Response:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        if isinstance(error, SpaceMismatchError):
            served.forget(request.path_params.get("collection", ""))
        headers = {"retry_after": str(getattr(error, "seconds", 1))} if status == 503 else {}
        return told(status, str(error), type(error).__name__, **headers)

    @app.exception_handler(Refused)
    async def of_guard(request: Request, error: Refused) -> Response:
        return told(error.status, error.reason, "refused", **error.headers)

    @app.exception_handler(RequestValidationError)
    async def of_request(request: Request, error: RequestValidationError) -> Response:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'][1:])) or fault['loc'][0]}: {_said(fault)}"
            for fault in error.errors()
        )
        status = 400 if request.url.path.startswith("/v1/") else 422
        return told(status, faults[:1000], "invalid_request_error")

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        said = error.headers or {}
        headers = {name.replace("-", "_").lower(): value for name, value in said.items()}
        if error.status_code == 405:
            headers["allow"] = ", ".join(_methods_of(app, request))
        return told(error.status_code, str(error.detail), "http_error", **headers)

    @app.exception_handler(Exception)
    async def of_nobody(request: Request, error: Exception) -> Response:
        return told(500, FAULT, "server_error")  # Starlette raises it on, and `Guard` logs it


def _said(fault: Mapping[str, Any]) -> str:
    """What is wrong with a value, as somebody who wrote the request would say it."""
    if fault["type"] == "extra_forbidden":
        return "nothing is called so here; /openapi.json has the names that are taken"
    return str(fault["msg"])


def _methods_of(app: FastAPI, request: Request) -> list[str]:
    """All methods of an address; of those at the same path a router tells the first one's alone."""
    found = set[str]()
    own = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "root_path": own}  # which what is mounted has changed
    for route in app.router.routes:
        # Files take any method, and refuse most of them later.
        asked = frozenset({"GET", "HEAD"}) if isinstance(route, Mount) else METHODS
        for method in asked:
            if route.matches({**scope, "method": method})[0] is Match.FULL:
                found.add(method)
    return sorted(found)
