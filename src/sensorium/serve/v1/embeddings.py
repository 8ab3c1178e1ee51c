"""Vectors of texts and media, as OpenAI's clients ask for them."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

import anyio.to_thread
import numpy as np
import numpy.typing as npt
import pydantic_core
from fastapi import APIRouter, Request
from starlette.responses import Response

from sensorium.encoders import Encoder
from sensorium.encoders.base import Prepared, Role, encode_media
from sensorium.errors import MediaError, SensoriumError, UsageError
from sensorium.media import Image, Modality, Text
from sensorium.plain import as_json
from sensorium.serve.answers import Answer, JSONText, told
from sensorium.serve.batching import SHORT, SMALL, BatchedEncoder, BusyError
from sensorium.serve.http import declared
from sensorium.serve.http.depends import ServedState, needs, served_by
from sensorium.serve.served import Served
from sensorium.serve.v1.dialects import (
    Item,
    ItemError,
    cohere_items,
    items_of,
    role_of,
)
from sensorium.serve.v1.usage import Counting, known_tokens, tokens_of

router = APIRouter(tags=["OpenAI"])

Rows = npt.NDArray[np.float32]

INVALID = "invalid_request_error"


def _schema(required: str, properties: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": properties}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_TEXT_OR_PARTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}

EMBEDDINGS = _schema(
    "model",
    {
        "input": _TEXT_OR_PARTS,
        "messages": {"type": "array", "items": {"type": "object"}},
        "model": {"type": "string"},
        "encoding_format": {"type": "string", "enum": ["float", "base64"]},
        "dimensions": {"type": "integer", "minimum": 1},
        "modality": {"type": "string", "enum": ["text", "image", "audio", "video"]},
        "input_type": {"type": "string"},
    },
    {"model": "mini", "input": ["a castle on a hill"]},
)

COHERE = _schema(
    "model",
    {
        "model": {"type": "string"},
        "input_type": {"type": "string"},
        "embedding_types": {"type": "array", "items": {"type": "string"}},
        "texts": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"type": "string"}},
        "inputs": {"type": "array", "items": {"type": "object"}},
    },
    {"model": "mini", "texts": ["a castle on a hill"], "embedding_types": ["float"]},
)


@router.get(
    "/v1/models",
    summary="What is served",
    dependencies=[needs("read")],
    responses=declared.MODELS,
)
def models(served: ServedState) -> Answer:
    """Encoders, and collections, with which ``/v1/chat/completions`` talks.

    The first is the encoder that ``/v1/embeddings`` uses where none is named.
    """
    return Answer({"object": "list", "data": _models(served)})


@router.get(
    "/v1/models/{model:path}",
    summary="One of them",
    dependencies=[needs("read")],
    responses=declared.MODEL,
)
def model(served: ServedState, model: str) -> Answer:
    """404 where it is not served."""
    listed = {one["id"]: one for one in reversed(_models(served))}
    return Answer(listed[model]) if model in listed else unknown_model(model, [*listed])


def _models(served: Served) -> list[dict[str, Any]]:
    owners = dict.fromkeys(served.encoder_names(), "sensorium")
    owners |= {name: "collection" for name in served.settings.paths() if name not in owners}
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": owner}
        for name, owner in owners.items()
    ]


@router.post(
    "/v1/embeddings", summary="Vectors of texts and media", dependencies=[needs("read")],
    openapi_extra=EMBEDDINGS, responses=declared.EMBEDDINGS,
)  # fmt: skip
async def embeddings(request: Request) -> Response:
    """As OpenAI's; media in the dialects of Infinity, vLLM and Jina, and as parts in ``input``."""
    body = await body_of(request)
    if isinstance(body, Response):
        return body
    return await _embedded(served_by(request), body)


@router.post(
    "/v2/embed",
    summary="Vectors, as Cohere's",
    dependencies=[needs("read")],
    responses=declared.COHERE,
    openapi_extra=COHERE,
)
async def embed(request: Request) -> Response:
    """``texts``, ``images`` or ``inputs``, and Cohere's shape of an answer."""
    body = await body_of(request)
    if isinstance(body, Response):
        return body
    return await _embedded_for_cohere(served_by(request), body)


async def body_of(request: Request) -> dict[str, Any] | Response:
    """A request's JSON object, or the answer to what is none."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return told(400, "the body is no JSON", INVALID)
    if not isinstance(body, dict):
        return told(400, "the body is a JSON object", INVALID)
    return body


def unknown_model(name: Any, known: list[str]) -> Answer:
    """As OpenAI says it, with what there is."""
    message = f"no model {name!r:.80} is served; there are {', '.join(known)}"
    body = {"message": message, "type": INVALID, "param": "model", "code": "model_not_found"}
    return Answer({"error": body}, 404)


def encoded(encoder: Encoder, items: list[Item], role: Role) -> tuple[Rows, int]:
    """A vector for each item, and what is counted of them (`sensorium.serve.v1.usage`).

    Of an item with several parts the vector is the mean of theirs, of unit length.

    Raises
    ------
    ItemError
        Naming the index of an item that cannot be encoded.
    """
    parts = [part for item in items for part in item.parts]
    counting = Counting(encoder)
    try:
        rows = encode_media(counting, parts, role, 32)
    except BusyError:
        raise
    except SensoriumError as error:
        for index, item in enumerate(items):
            try:
                encoder.encode(item.parts, role=role)
            except BusyError:
                raise
            except SensoriumError as own:
                raise ItemError(f"input {index}: {own}") from own
        raise MediaError(str(error)) from error
    return _of_items(items, rows), counting.tokens


def _of_items(items: list[Item], rows: Rows) -> Rows:
    made = np.empty((len(items), rows.shape[1]), np.float32)
    start = 0
    for index, item in enumerate(items):
        theirs = rows[start : start + len(item.parts)]
        start += len(item.parts)
        if len(theirs) == 1:  # to the bit as the library has it
            made[index] = theirs[0]
            continue
        mean = theirs.mean(axis=0)
        made[index] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return made


async def _vectors(
    served: Served, encoder: BatchedEncoder, body: dict[str, Any], role: Role
) -> tuple[Rows, int]:
    """The vectors of a request's items, and how many tokens they have.

    Short texts are prepared here, which takes less time than a thread would; pictures in a thread,
    when it is their turn. No thread waits for either to be encoded. All else takes a turn as a
    whole.
    """
    items, prepared = None, None
    if _is_short(body):
        items = items_of(body, served.settings)
        prepared = _prepared(encoder, items, role)
    elif len(_listed(body)) <= SMALL:
        items, prepared = await anyio.to_thread.run_sync(_decoded, served, encoder, body, role)
    if items is None or prepared is None:
        return await anyio.to_thread.run_sync(_encoded, served, encoder, items or body, role)
    orders = [encoder.submit(modality, [one], role) for modality, one in prepared]
    try:
        rows = [await asyncio.wrap_future(order) for order in orders]
    except SensoriumError:  # whose fault it is takes longer to find out
        return await anyio.to_thread.run_sync(_encoded, served, encoder, items, role)
    parts = [part for item in items for part in item.parts]
    inputs = [one for _, one in prepared]
    count = known_tokens(encoder, parts, inputs)
    if count is None:  # cutting may wait for a batch that is computed
        count = await anyio.to_thread.run_sync(tokens_of, encoder, parts, inputs, role)
    return _of_items(items, np.concatenate(rows)), count


def _prepared(
    encoder: Encoder, items: list[Item], role: Role
) -> list[tuple[Modality, Prepared]] | None:
    """What the encoder takes of texts and pictures; None where there is anything else, or much."""
    parts = [part for item in items for part in item.parts]
    if len(parts) > SMALL or not all(isinstance(part, (Text, Image)) for part in parts):
        return None
    found = []
    for index, item in enumerate(items):
        try:
            found += [(part.modality, encoder.prepare(part, role)) for part in item.parts]
        except SensoriumError as error:
            raise ItemError(f"input {index}: {error}") from error
    return found


def _decoded(
    served: Served, encoder: Encoder, body: dict[str, Any], role: Role
) -> tuple[list[Item], list[tuple[Modality, Prepared]] | None]:
    with served.decoding:
        items = items_of(body, served.settings)
        return items, _prepared(encoder, items, role)


def _encoded(
    served: Served, encoder: Encoder, given: list[Item] | dict[str, Any], role: Role
) -> tuple[Rows, int]:
    with served.turns:
        items = items_of(given, served.settings) if isinstance(given, dict) else given
        return encoded(encoder, items, role)


def _listed(body: dict[str, Any]) -> list[Any]:
    """What is in ``input``; nothing where it is no list of items."""
    given = body.get("input")
    given = [given] if isinstance(given, (str, dict)) else given
    return given if isinstance(given, list) else []


def _is_short(body: dict[str, Any]) -> bool:
    """Whether it is a few short texts, which are read in no time."""
    listed = _listed(body)
    return (
        0 < len(listed) <= SMALL
        and "messages" not in body
        and body.get("modality", "text") == "text"
        and all(isinstance(one, str) for one in listed)
        and sum(map(len, listed)) <= SHORT
    )


async def _embedded(served: Served, body: dict[str, Any]) -> Response:
    name = body.get("model") or served.settings.encoder
    if (encoder := await _encoder(served, name)) is None:
        return unknown_model(name, served.encoder_names())
    kind = body.get("encoding_format") or "float"
    if kind not in ("float", "base64"):
        return told(400, f"encoding_format is float or base64, got {kind!r:.80}", INVALID)
    try:
        size = _size(body.get("dimensions"), encoder, name)
        rows, count = await _vectors(served, encoder, body, role_of(body))
    except (ItemError, UsageError, MediaError) as error:
        return told(400, str(error), INVALID)
    rows = _shortened(rows, size)
    usage = {"prompt_tokens": count, "total_tokens": count}
    data = [
        f'{{"object": "embedding", "index": {index}, "embedding": {_in_json(row, kind)}}}'
        for index, row in enumerate(rows)
    ]
    return JSONText(
        f'{{"object": "list", "data": [{", ".join(data)}], "model": {as_json(name)}, '
        f'"usage": {as_json(usage)}}}'
    )


async def _embedded_for_cohere(served: Served, body: dict[str, Any]) -> Response:
    name = body.get("model") or served.settings.encoder
    if (encoder := await _encoder(served, name)) is None:
        return unknown_model(name, served.encoder_names())
    kinds = body.get("embedding_types") or ["float"]
    if not isinstance(kinds, list) or not {*map(str, kinds)} <= {"float", "base64"}:
        return told(400, f"embedding_types are float and base64, got {kinds!r:.80}", INVALID)
    try:
        size = _size(body.get("output_dimension"), encoder, name)
        rows, count = await _vectors(served, encoder, cohere_items(body), role_of(body))
    except (ItemError, UsageError, MediaError) as error:
        return told(400, str(error), INVALID)
    rows = _shortened(rows, size)
    found = {kind: [_written(row, kind) for row in rows] for kind in kinds}
    texts = body.get("texts")
    answer = {
        "id": secrets.token_hex(16), "embeddings": found, "texts": texts or [],
        "response_type": "embeddings_by_type",
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": count}},
    }  # fmt: skip
    return Answer(answer)


def _size(asked: Any, encoder: Encoder, name: str) -> int:
    """How many numbers of a vector are told.

    Raises
    ------
    UsageError
        For fewer than the space has, where its model was not trained to be shortened.
    """
    full = encoder.space.dimension
    if asked is None or asked == full:
        return full
    if isinstance(asked, bool) or not isinstance(asked, int) or not 1 <= asked <= full:
        raise UsageError(f"dimensions is a number from 1 to {full}, got {asked!r:.40}")
    # Whoever names a model with ?dimension= says that it was trained so (Matryoshka).
    if encoder.space.preprocessing.get("dimension") is None:
        raise UsageError(
            f"vectors of {name} have {full} dimensions and lose their meaning when they are cut: "
            "leave out dimensions"
        )
    return asked


async def _encoder(served: Served, name: Any) -> BatchedEncoder | None:
    """An encoder that is served; None where it is not."""
    if isinstance(name, str) and (loaded := served.loaded(name)) is not None:
        return loaded
    return await anyio.to_thread.run_sync(_loaded, served, name)


def _loaded(served: Served, name: Any) -> BatchedEncoder | None:
    return served.encoder(name) if name in served.encoder_names() else None


def _shortened(rows: Rows, size: int) -> Rows:
    if size == rows.shape[1]:
        return rows
    rows = rows[:, :size]
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / lengths, np.float32)


def _in_json(row: Rows, kind: str) -> str:
    if kind == "base64":
        return f'"{_written(row, kind)}"'
    # Ten times as quick as Python's own writer, and its numbers are read as the same.
    return pydantic_core.to_json(row.tolist()).decode()


def _written(row: Rows, kind: str) -> Any:
    if kind == "base64":
        return base64.b64encode(np.ascontiguousarray(row, "<f4").tobytes()).decode("ascii")
    return row.tolist()
