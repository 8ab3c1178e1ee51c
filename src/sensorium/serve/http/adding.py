"""Bringing media into a collection: files that are sent, and files of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from sensorium.collection import Collection
from sensorium.collection.collection import store_of
from sensorium.errors import UsageError, WriteError
from sensorium.serve.adding import require_inside
from sensorium.serve.answers import Answer, told
from sensorium.serve.http import declared
from sensorium.serve.http.depends import CollectionName, ServedState, needs
from sensorium.serve.served import Served
from sensorium.serve.uploads import Received, Receiving, place

router = APIRouter(prefix="/api/collections/{collection}", tags=["adding"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array", "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            }
        },
    }
}  # fmt: skip


class Paths(BaseModel):
    """Files and folders of the server, and what is read out of them."""

    model_config = ConfigDict(extra="forbid")

    paths: list[Annotated[str, Field(min_length=1, max_length=4096)]] = Field(
        min_length=1, max_length=1000, examples=[["/srv/photos"]]
    )
    speech: bool = Field(False, description="Whether what is said is transcribed.")
    ocr: bool = Field(False, description="Whether what is written in pictures is read.")
    detect: bool = Field(False, description="Whether things in pictures are found.")


@router.post(
    "/items", summary="Send media", dependencies=[needs("add")], status_code=202,
    openapi_extra=FORM,
    responses={200: {"description": "Nothing of it is new, or can be taken.",
                     "model": declared.SENT},
               202: {"description": "It is on disk, and a job adds it.", "model": declared.SENT}},
)  # fmt: skip
async def upload(
    served: ServedState,
    collection: CollectionName,
    request: Request,
    speech: Annotated[bool, Query(description="Whether what is said is transcribed.")] = False,
    ocr: Annotated[bool, Query(description="Whether what is written in pictures is read.")] = False,
    detect: Annotated[bool, Query(description="Whether things in pictures are found.")] = False,
) -> Answer:
    """Files of a form, which are on the server's disk when this answers; a job adds them.

    Each has its name there, or why it was not taken. One whose content the collection holds
    already is that item. Nothing is written over: of other content it gets a name of its own.
    """
    in_thread = anyio.to_thread.run_sync
    opened = await in_thread(served.collection, collection)
    folder = served.settings.uploads_of(collection)
    await in_thread(served.jobs.require_room)  # before gigabytes come for nothing
    kind = request.headers.get("content-type", "")
    receiving = await in_thread(_receiving, folder, kind)
    try:
        async for block in request.stream():
            if block:
                await in_thread(receiving.write, block)
        await in_thread(receiving.finish)
        if not receiving.files:
            raise UsageError("the form has no files: send each with a filename")

        def take() -> Answer:
            files = [_taken(opened, one, folder) for one in receiving.files]
            read = {"speech": speech, "ocr": ocr, "detect": detect}
            return _job(served, collection, files, read)

        return await in_thread(take)
    except ClientDisconnect:
        return told(400, "the request broke off", "invalid_request_error")  # nobody reads it
    finally:
        # Without a thread: the client may be gone, and nothing is waited for then.
        receiving.__exit__()


@router.post(
    "/index",
    summary="Add files of the server",
    dependencies=[needs("add")],
    responses=declared.STARTED,
    status_code=202,
)
def index(
    served: ServedState, collection: CollectionName, asked: Annotated[Paths, Body()]
) -> Answer:
    """Files and folders below those that the server was started with as --root; a job adds them."""
    served.collection(collection)
    require_inside(asked.paths, served.settings.roots)
    facts = asked.model_dump()
    job = served.jobs.submit(collection, kind="index", uploaded=False, **facts)
    return Answer({"job": job}, 202)


def _receiving(folder: Path, kind: str) -> Receiving:
    try:
        return Receiving(folder, kind)
    except OSError as error:
        raise WriteError(f"uploads cannot be stored ({error.strerror})") from error


def _taken(collection: Collection, one: Received, folder: Path) -> dict[str, Any]:
    """What became of a file that was sent."""
    fate: dict[str, Any] = {"name": one.name, "stored": None, "item": None, "reason": one.reason}
    if one.reason:
        return fate
    known = [item for item, _ in store_of(collection).paths(one.digest)]
    for item in collection.items(ids=known):
        if not item.state:  # its file still is what was indexed
            return fate | {"item": item.id}
    try:
        return fate | {"stored": place(one, folder).name}
    except OSError as error:
        return fate | {"reason": f"cannot be stored ({error.strerror})"}


def _job(
    served: Served, collection: str, files: list[dict[str, Any]], read: dict[str, bool]
) -> Answer:
    folder = served.settings.uploads_of(collection).absolute()
    paths = list(dict.fromkeys(str(folder / f["stored"]) for f in files if f["stored"]))
    job = None
    if paths:
        job = served.jobs.submit(
            collection, kind="upload", uploaded=True, paths=paths, files=files, **read
        )
    return Answer({"files": files, "job": job}, 202 if job else 200)
