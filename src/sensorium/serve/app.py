"""The application: what stands behind each address."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sensorium import __version__
from sensorium.errors import MissingExtraError

try:
    import anyio.to_thread
    from fastapi import FastAPI
    from starlette.responses import FileResponse
    from starlette.routing import Route
    from starlette.staticfiles import StaticFiles
    from starlette.types import ASGIApp
    from threadpoolctl import threadpool_limits
except ImportError as error:
    raise MissingExtraError(error.name or "fastapi", "serve") from error

from sensorium.serve.access import Guard
from sensorium.serve.answers import PROBLEMS, answer_errors
from sensorium.serve.http import (
    adding,
    classes,
    collections,
    health,
    jobs,
    media,
    overview,
    search,
    session,
    tasks,
)
from sensorium.serve.mcp.calls import PATH as MCP
from sensorium.serve.mcp.http import Readers
from sensorium.serve.mcp.http import make_app as make_mcp_app
from sensorium.serve.mcp.server import make_server
from sensorium.serve.mcp.too_long import TooLong
from sensorium.serve.metrics import Counted
from sensorium.serve.served import Served
from sensorium.serve.settings import Settings
from sensorium.serve.v1 import audio, chat, embeddings

SETTINGS = "SENSORIUM_SERVE"
"""Variable of the environment that brings settings to processes of their own."""

THREADS = 64
"""Requests that are worked on at once in threads: most of their time they wait to be encoded."""

PAGE = Path(__file__).parent / "page"


def create_app(settings: Settings) -> ASGIApp:
    """The server as an ASGI application, which any ASGI server runs.

    Parameters
    ----------
    settings : Settings
    """
    served = Served(settings)
    writes = "judge" in settings.open_scopes if not settings.tokens else True
    tools = make_server(served, write=writes)

    @asynccontextmanager
    async def open_until_the_end(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        _stop_jobs_at_once(served)
        # Threads of one product wait for each other busily, and other requests have use for the
        # processors: a search of 10,000 vectors takes a third of the time in one.
        with threadpool_limits(1, user_api="blas"):
            async with tools.session_manager.run():
                yield
        await anyio.to_thread.run_sync(served.close)

    app = FastAPI(
        title="Sensorium", version=__version__, lifespan=open_until_the_end,
        description="Search your own media by meaning, and teach it.",
        docs_url=None, redoc_url=None,  # their pages load programs from other servers
        telemetry={"auto_configure": False},  # else a variable makes it report to one
        max_body_size=settings.limits.body_bytes,
        responses=PROBLEMS, redirect_slashes=False,
    )  # fmt: skip
    app.state.served = served
    served.metrics.watch(served)
    answer_errors(app, served)
    # One after the other is looked at for each request: first what is asked most often.
    for large in (embeddings, search, adding, tasks, audio, chat):  # what brings media
        app.include_router(large.router, max_body_size=settings.limits.upload_bytes)
    for light in (media, health, session, collections, classes, jobs, overview):
        app.include_router(light.router)

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    # Of its own path alone: what is mounted answers for every path that is nobody's.
    app.router.routes.append(Route(MCP, Readers(make_mcp_app(tools, settings))))
    bounded = TooLong(app, settings.limits.body_bytes)
    return Guard(Counted(bounded, served.metrics), settings)


def _stop_jobs_at_once(served: Served) -> None:
    """Let jobs and streams of events end with the signal that ends the server.

    The server tells the application of its end only when all requests are answered, and who watches
    a job is answered when that ends.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def stop(number: int, frame: Any, before: Any = before) -> None:
            served.jobs.stop()
            if callable(before):
                before(number, frame)

        if callable(before):  # else nobody ends it in an orderly way
            signal.signal(number, stop)


def app_from_environment() -> ASGIApp:
    """`create_app` for a process that ``uvicorn`` starts."""
    return create_app(Settings.from_json(os.environ[SETTINGS]))
