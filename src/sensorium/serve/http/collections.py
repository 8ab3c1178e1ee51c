"""Collections and their items."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from sensorium.collection import Item
from sensorium.collection.staleness import states_of
from sensorium.errors import SensoriumError
from sensorium.plain import UNTOLD, plain_fields
from sensorium.serve import created
from sensorium.serve.access import Refused
from sensorium.serve.answers import Answer
from sensorium.serve.http import declared
from sensorium.serve.http.depends import CollectionName, Id, OpenCollection, ServedState, needs
from sensorium.serve.overview import Order
from sensorium.serve.settings import LONGEST_NAME

router = APIRouter(prefix="/api/collections", tags=["collections"])

Where = Annotated[
    str | None,
    Query(description="A SQL condition over metadata.", examples=["taken >= '2024'"]),
]


class New(BaseModel):
    """A collection that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_NAME, examples=["holidays"])
    encoder: str | None = Field(
        None, max_length=1000, examples=["mini"],
        description="One that the server has, as /v1/models lists them; else the usual one.",
    )  # fmt: skip


@router.get(
    "",
    summary="Which collections are served",
    dependencies=[needs("read")],
    responses=declared.COLLECTIONS,
)
def list_collections(served: ServedState) -> Answer:
    """Names, and how many items of which modality they hold; why one cannot be opened.

    `created` says of one whether it was made while a server ran, and can be deleted so; `creates`
    whether more can be made.
    """
    listed: list[dict[str, Any]] = []
    for name in served.settings.paths():
        try:
            info = served.collection(name).info()
        except SensoriumError as error:  # all others are there
            listed.append({"name": name, "items": {}, "encoder": None, "error": str(error)})
        else:
            listed.append({"name": name, "items": info.items, "encoder": info.encoder})
        listed[-1]["created"] = name not in served.settings.collections
    return Answer({"collections": listed, "creates": served.settings.create_in is not None})


@router.post(
    "",
    summary="Make a collection",
    dependencies=[needs("add")],
    status_code=201,
    responses={**declared.CREATED, 409: declared.TAKEN},
)
def create(served: ServedState, asked: Annotated[New, Body()]) -> Answer:
    """An empty one, in the folder of --create-in; every address knows it at once."""
    created.create(served, asked.name, asked.encoder)
    info = served.collection(asked.name).info()
    told = {"name": asked.name, "items": info.items, "encoder": info.encoder, "created": True}
    return Answer(told, 201)


@router.delete(
    "/{collection}",
    summary="Delete a collection",
    dependencies=[needs("delete")],
    responses={**declared.DELETED_COLLECTION, 409: declared.TAKEN},
)
def delete_collection(
    served: ServedState,
    collection: CollectionName,
    files: Annotated[
        bool, Query(description="Whether files that were sent to it are deleted, too.")
    ] = False,
) -> Answer:
    """One that was made so, with what was taught and judged in it; files added by path stay."""
    return Answer({"deleted": collection, "files": created.delete(served, collection, files=files)})


@router.get(
    "/{collection}",
    summary="Facts about one",
    dependencies=[needs("read")],
    responses=declared.INFO,
)
def info(collection: OpenCollection) -> Answer:
    """As ``sensorium info --json``."""
    return Answer(plain_fields(collection.info()))


@router.get(
    "/{collection}/items",
    summary="Its items",
    dependencies=[needs("read")],
    responses=declared.ITEMS,
)
def items(
    served: ServedState,
    collection: CollectionName,
    where: Where = None,
    order: Annotated[
        Order, Query(description="By when they were added or taken; with - the latest first.")
    ] = "added",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """A page of them, and how many there are in all."""
    opened = served.collection(collection)
    ids = opened.ids(where)
    if order == "-added":
        ids = ids[::-1]
    elif order != "added":
        ids = served.overview(collection).ordered(order, None if where is None else ids)
    page = ids[offset : offset + limit].tolist()
    found = list(opened.items(ids=page)) if page else []
    return Answer({"items": with_states(found), "total": len(ids)})


@router.get(
    "/{collection}/items/{item}",
    summary="One item",
    dependencies=[needs("read")],
    responses=declared.ITEM_ANSWER,
)
def item(collection: OpenCollection, item: Id) -> Answer:
    """What is known of it."""
    return Answer(with_states([item_of(collection, item)])[0])


@router.delete(
    "/{collection}/items",
    summary="Forget items",
    dependencies=[needs("delete")],
    responses=declared.DELETED,
)
def delete(
    served: ServedState,
    collection: CollectionName,
    ids: Annotated[list[Id], Body(embed=True, examples=[[1, 2]], max_length=10_000)],
    files: Annotated[
        bool, Query(description="Whether files that were uploaded are deleted, too.")
    ] = False,
) -> Answer:
    """Files that were not uploaded are left alone, whatever is asked."""
    opened = served.collection(collection)
    uploads = served.settings.uploads_of(collection).resolve()
    paths = [Path(one.path) for one in opened.items(ids=ids)] if files else []
    deleted, removed = opened.delete(*ids), 0
    for path in paths:
        if path.parent.resolve() == uploads:  # nothing else is anybody's here to delete
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed += 1
    return Answer({"deleted": deleted, "files": removed})


def item_of(collection: Any, number: int) -> Item:
    """An item by its number.

    Raises
    ------
    Refused
        404 where there is none.
    """
    found: Item | None = collection.get(number)
    if found is None:
        raise Refused(404, f"there is no item {number}")
    return found


def with_states(found: list[Any]) -> list[dict[str, Any]]:
    """Items or hits as JSON, each with whether its file is as it was."""
    states = states_of(found)
    # As `plain_fields`, without copies of what is in them: these are written and forgotten.
    return [
        {**{name: held for name, held in vars(one).items() if name != UNTOLD}, "state": state}
        for one, state in zip(found, states, strict=True)
    ]
