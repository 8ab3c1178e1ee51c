"""Talk with a collection as OpenAI's clients talk with a model: its name is the model's."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from sensorium.dialogue import Reply
from sensorium.errors import MediaError, SensoriumError, UsageError
from sensorium.plain import as_json
from sensorium.serve.answers import Answer, told
from sensorium.serve.http import declared
from sensorium.serve.http.depends import CollectionName, ServedState, needs, served_by
from sensorium.serve.v1.embeddings import INVALID, body_of, unknown_model
from sensorium.serve.v1.usage import usage_of

router = APIRouter(tags=["OpenAI"])

CHAT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["model", "messages"],
                    "properties": {
                        "model": {"type": "string"},
                        "messages": {"type": "array", "items": {"type": "object"}},
                        "stream": {"type": "boolean"},
                        "stream_options": {
                            "type": "object",
                            "properties": {"include_usage": {"type": "boolean"}},
                        },
                    },
                },
                "example": {
                    "model": "photos",
                    "messages": [{"role": "user", "content": "how many castles are there?"}],
                },
            }
        },
    }
}


@router.post(
    "/v1/chat/completions", summary="Talk with a collection", dependencies=[needs("read")],
    openapi_extra=CHAT, response_class=Response, responses=declared.CHAT,
)  # fmt: skip
async def completions(request: Request) -> Response:
    """As OpenAI's, with a collection as ``model``; the whole reply stands in ``sensorium``."""
    body = await body_of(request)
    if isinstance(body, Response):
        return body
    served, name = served_by(request), body.get("model")
    if not isinstance(name, str) or served.settings.path_of(name) is None:
        return unknown_model(name, [*served.settings.paths()])
    may_judge = "judge" in request.state.scopes
    messages = body.get("messages") or []
    pieces = served.talks.reply(served, name, messages, may_judge=may_judge)
    try:
        # What is wrong with a request shows before the first piece, while there is a status.
        first = await anyio.to_thread.run_sync(next, pieces)
        if body.get("stream"):
            counted = messages if _wants_usage(body) else None
            return StreamingResponse(
                _events(first, pieces, name, counted), media_type="text/event-stream",
                headers={"cache-control": "no-store", "x-accel-buffering": "no"},
            )  # fmt: skip
        reply = await anyio.to_thread.run_sync(_last, first, pieces)
    except (UsageError, MediaError) as error:
        return told(400, str(error), INVALID)
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = usage_of(messages, reply.text)
    return Answer({**_head(name, ""), "choices": [choice], "usage": usage, "sensorium": reply})


class Said(BaseModel):
    """A conversation, as ``/v1/chat/completions`` takes it, to its last reply."""

    messages: list[dict[str, Any]]


@router.post(
    "/api/collections/{collection}/conversation", summary="A conversation as Markdown, zipped",
    dependencies=[needs("read")], response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)  # fmt: skip
def conversation(served: ServedState, collection: CollectionName, said: Said) -> Response:
    """``conversation.md``, and pictures of what was shown beside it, in one ZIP file."""
    packed = served.talks.exported(served, collection, said.messages)
    return Response(packed, media_type="application/zip", headers={"cache-control": "no-store"})


def _wants_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _last(first: str | Reply, pieces: Iterator[str | Reply]) -> Reply:
    *_, reply = first, *pieces
    assert isinstance(reply, Reply)
    return reply


async def _events(
    first: str | Reply, pieces: Iterator[str | Reply], name: str,
    counted: list[dict[str, Any]] | None,
) -> AsyncIterator[str]:  # fmt: skip
    head = _head(name, ".chunk")
    with closing(pieces):  # type: ignore[type-var]  # also where the client has left
        piece: str | Reply | None = first
        while piece is not None:
            is_end = isinstance(piece, Reply)
            delta = {} if is_end else {"role": "assistant", "content": piece}
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if is_end else None}
            whole = {"sensorium": piece} if is_end else {}
            yield f"data: {as_json({**head, 'choices': [choice], **whole})}\n\n"
            if isinstance(piece, Reply) and counted is not None:  # as OpenAI's: a part of its own
                usage = usage_of(counted, piece.text)
                yield f"data: {as_json({**head, 'choices': [], 'usage': usage})}\n\n"
            try:
                piece = await anyio.to_thread.run_sync(next, pieces, None)
            except SensoriumError as error:  # the status is said already
                yield f"data: {as_json({'error': {'message': str(error), 'type': INVALID}})}\n\n"
                return
    yield "data: [DONE]\n\n"


def _head(name: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}", "object": f"chat.completion{kind}",
        "created": int(time.time()), "model": name,
    }  # fmt: skip
