"""The process of a shard: what is asked of it over HTTP."""

from __future__ import annotations

import hmac
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

from sensorium.errors import MissingExtraError, SensoriumError

try:
    import anyio.to_thread
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
    from threadpoolctl import threadpool_limits
except ImportError as error:
    raise MissingExtraError(error.name or "starlette", "serve") from error

from sensorium.collection.question import Asked
from sensorium.index.base import Mask
from sensorium.ranking.scale import Scale, Spread
from sensorium.scale.shards.shard import MovedError, Shard
from sensorium.scale.shards.wire import Array, pack, unpack

MOVED = 409
"""Status of what asks for rows that are not held any more: who asked looks what is."""

MOST_BYTES = 1 << 30
"""Of a request: a bit for each row, and the vectors that are asked with."""

Facts = dict[str, Any]
Arrays = dict[str, Array]


def shard_app(shard: Shard, token: str) -> Starlette:
    """A shard as an ASGI application, which reads its part of the collection when it starts.

    Parameters
    ----------
    shard : Shard
    token : str
        Whoever asks sends it as ``Authorization: Bearer``.
    """
    answers: dict[str, Callable[[Facts, Arrays], bytes]] = {
        "/state": lambda facts, arrays: pack(shard.state()),
        "/rows": partial(_rows, shard),
        "/follow": partial(_follow, shard),
        "/search": partial(_search, shard),
        "/measure": partial(_measure, shard),
    }

    async def answer(request: Request) -> Response:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.encode(), token.encode()):
            return _refused(401, "a shard is asked with the token that it was started with")
        if int(request.headers.get("content-length", "0")) > MOST_BYTES:
            return _too_long()
        try:
            body = await _body(request)
        except ClientDisconnect:  # whoever asked was killed, or has given up
            return Response(status_code=400)
        if body is None:
            return _too_long()
        asked = answers[request.url.path]
        return await anyio.to_thread.run_sync(_answered, asked, body)

    @asynccontextmanager
    async def loading(app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=_load, args=(shard,), daemon=True).start()
        with threadpool_limits(1, user_api="blas"):  # a question has one thread in each shard
            yield

    routes = [Route(path, answer, methods=["GET", "POST"]) for path in answers]
    return Starlette(routes=routes, lifespan=loading)


async def _body(request: Request) -> bytes | None:
    """What was sent; None where it is longer than it said, or did not say."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _answered(asked: Callable[[Facts, Arrays], bytes], body: bytes) -> Response:
    try:
        return Response(asked(*(unpack(body) if body else ({}, {}))))
    except MovedError as error:
        return _refused(MOVED, str(error))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return _refused(400, f"{type(error).__name__}: {error}")
    except (SensoriumError, OSError, MemoryError) as error:
        return _refused(500, str(error) or type(error).__name__)


def _too_long() -> Response:
    return _refused(413, f"a question has at most {MOST_BYTES:,} bytes")


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": "refused"}}, status)


def _load(shard: Shard) -> None:
    # Its state has the reason, and whoever asks next has it tried again.
    with suppress(SensoriumError, OSError, MemoryError):
        shard.follow()


def _rows(shard: Shard, facts: Facts, arrays: Arrays) -> bytes:
    found, told = shard.rows()
    return pack(found, **told)


def _follow(shard: Shard, facts: Facts, arrays: Arrays) -> bytes:
    shard.follow(anew=bool(facts.get("anew")))
    return pack(shard.state())


def _search(shard: Shard, facts: Facts, arrays: Arrays) -> bytes:
    found = shard.search(
        facts["instance"], arrays["queries"], int(facts["k"]), _mask(facts, arrays)
    )
    return pack({}, rows=found.rows, scores=found.scores)


def _measure(shard: Shard, facts: Facts, arrays: Arrays) -> bytes:
    asked, scales, start = [], [], 0
    for weight, told in facts["parts"]:
        vectors = arrays["vectors"][start : start + len(told)]
        start += len(told)
        asked.append(Asked(float(weight), vectors, None, ""))
        scales.append([_scale(*one) for one in told])
    found = shard.measure(
        facts["instance"], asked, scales, facts["names"], _mask(facts, arrays), arrays["likely"],
        int(facts["depth"]),
    )  # fmt: skip
    told_of = found._asdict()
    bound = told_of.pop("bound")
    told_of["gone"] = found.gone.view(np.uint8)
    return pack({"bound": bound if np.isfinite(bound) else None}, **told_of)


def _scale(spreads: dict[str, Any], modalities: list[str], rarity: dict[str, float]) -> Scale:
    return Scale({name: Spread(*one) for name, one in spreads.items()}, modalities, rarity)


def _mask(facts: Facts, arrays: Arrays) -> Mask | None:
    """Which rows may be found: a bit for each; all where nothing is said."""
    if "allowed" not in arrays:
        return None
    bits, rows = arrays["allowed"], int(facts["rows"])
    if not 0 <= rows <= 8 * bits.size:
        raise ValueError(f"{bits.size} bytes do not say which of {rows} rows may be found")
    return np.unpackbits(bits, count=rows).astype(bool)
