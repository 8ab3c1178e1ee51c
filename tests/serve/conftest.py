"""A collection of real photos, and a server over it, asked over a real connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from sensorium import Collection

uvicorn = pytest.importorskip("uvicorn", reason="extra `serve` is not installed")

from sensorium.serve.app import create_app  # noqa: E402
from sensorium.serve.settings import Settings  # noqa: E402

SAMPLE = Path(__file__).parents[2] / "sample" / "images"

Serve = Callable[..., httpx.Client]


class Live:
    """A server on a free port of this machine, in a thread."""

    def __init__(self, settings: Settings) -> None:
        config = uvicorn.Config(
            create_app(settings), host="127.0.0.1", port=0, log_level="warning", lifespan="on",
            server_header=False, http="sensorium.serve.connections:BoundedConnection",
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            self.thread.join(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of a dozen photos of the sample, encoded by `mini`; to be read alone."""
    path = tmp_path_factory.mktemp("served") / "photos.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:12])
    return path


@pytest.fixture(scope="session")
def url(photos: Path) -> Iterator[str]:
    """A server over `photos` that lets everybody read."""
    with Live(Settings({"photos": photos}, open_scopes=("read",))) as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    """Asks `url`."""
    with httpx.Client(base_url=url, timeout=60) as asking:
        yield asking


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with settings of one's own; gives a client of it."""
    with ExitStack() as stack:

        def start(collection: Path, **settings: object) -> httpx.Client:
            live = Live(Settings({"library": collection}, **settings))  # type: ignore[arg-type]
            address = stack.enter_context(live)
            return stack.enter_context(httpx.Client(base_url=address, timeout=60))

        yield start
