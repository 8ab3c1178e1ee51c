"""A client that calls tools, by whichever version of the SDK runs it, and prints what it got.

    python client.py WAY WHERE CALLS [TIMES]

WAY is "pipes" with the server's command as JSON for WHERE, or "http" with its address. CALLS is a
JSON list of [tool, arguments]; ``"$cursor"`` stands for what the result before said. With TIMES it
begins the first of them so often at once, and calls it once more when all are answered. It imports
nothing of this project, as others' programs do not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

LARGE = "a" * (5 << 20)
"""A question of 5 MiB, of which servers take 4."""

PATIENCE = 600
"""Seconds that a call may take: far more than any does, for what is wrong never to answer. An
explanation takes seconds of a processor, and many programs may share it."""


@asynccontextmanager
async def connected(way: str, where: str) -> AsyncIterator[tuple[ClientSession, Any]]:
    if way == "pipes":
        command, *arguments = json.loads(where)
        server = StdioServerParameters(command=command, args=arguments, env={**os.environ})
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            yield session, None
    else:
        async with (
            streamable_http_client(where) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            # Of the SDK's first versions alone: the id that a server gave to the session.
            yield session, streams[2]() if len(streams) > 2 else None


async def called(session: ClientSession, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        with anyio.fail_after(PATIENCE):
            found = await session.call_tool(name, arguments)
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    return found.model_dump(mode="json", by_alias=True)


async def main(way: str, where: str, calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    async with connected(way, where) as (session, number):
        await session.initialize()
        listed = await session.list_tools()
        results: list[dict[str, Any]] = []
        for name, arguments in calls:
            if arguments.get("cursor") == "$cursor":
                arguments["cursor"] = results[-1]["structuredContent"]["next_cursor"]
            results.append(await called(session, name, arguments))
        order: list[str] = []

        async def noted(name: str, **arguments: Any) -> None:
            await called(session, name, arguments)
            order.append(name)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: noted("explain", query="a dog in the grass", item=1))
            await anyio.sleep(0.2)
            tasks.start_soon(lambda: noted("collections"))
        large = await called(session, "search", {"query": LARGE})
        after = await called(session, "collections", {})
        return {
            "tools": [one.model_dump(mode="json", by_alias=True) for one in listed.tools],
            "results": results, "order": order, "session": number, "large": large, "after": after,
        }  # fmt: skip


async def hurried(
    way: str, where: str, calls: list[tuple[str, dict[str, Any]]], times: int
) -> dict[str, Any]:
    async with connected(way, where) as (session, _):
        await session.initialize()
        # As hosts do. The SDK asks for it by itself behind the first result that it gets otherwise:
        # where no request is left for that, a call that was answered fails.
        await session.list_tools()
        results: list[dict[str, Any]] = []

        async def noted() -> None:
            results.append(await called(session, *calls[0]))

        async with anyio.create_task_group() as tasks:
            for _ in range(times):
                tasks.start_soon(noted)
        again = {"raised": "never"}
        for _ in range(60):
            if "raised" in again:  # as it was told to
                await anyio.sleep(1)
                again = await called(session, *calls[0])
        return {"results": results, "again": again}


if __name__ == "__main__":
    way, where, calls = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    if len(sys.argv) > 4:
        found = anyio.run(hurried, way, where, calls, int(sys.argv[4]))
    else:
        found = anyio.run(main, way, where, calls)
    print(json.dumps(found))
