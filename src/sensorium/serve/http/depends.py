"""What routes need: the server's state, and that a client may do what it asks for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BeforeValidator, Field

from sensorium.collection import Collection
from sensorium.serve.access import Refused
from sensorium.serve.served import Served
from sensorium.serve.settings import Scope


def served_by(request: Request) -> Served:
    """What the server holds."""
    served: Served = request.app.state.served
    return served


async def _served(request: Request) -> Served:
    # A coroutine, as all that waits for nothing: FastAPI calls plain functions in threads.
    return served_by(request)


def needs(scope: Scope) -> Any:
    """Let only those through who may do this."""

    async def check(request: Request) -> None:
        if scope not in request.state.scopes:
            raise Refused(403, f"this needs the scope {scope!r}, which your token has not")

    return Depends(check)


ServedState = Annotated[Served, Depends(_served)]
CollectionName = Annotated[
    str, Path(description="A collection's name, as /api/collections lists it.")
]


def _no_truth(value: Any) -> Any:
    """Refuse true, which would be the item 1."""
    if isinstance(value, bool):
        raise ValueError("an item's id is a number")
    return value


Id = Annotated[
    int,
    BeforeValidator(_no_truth, json_schema_input_type=int),
    Field(ge=0, lt=1 << 63, description="An item's id, as hits have it."),
]


def _collection(served: ServedState, collection: CollectionName) -> Collection:
    return served.collection(collection)


OpenCollection = Annotated[Collection, Depends(_collection)]
