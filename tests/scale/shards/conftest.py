"""A collection of all that a search tells apart, and shards of it in threads of this process."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection.collection import store_of
from sensorium.collection.opening import open_store
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.encoders import FolderEncoder
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

uvicorn = pytest.importorskip("uvicorn", reason="extra `serve` is not installed")

from sensorium.scale.shards.server import shard_app  # noqa: E402
from sensorium.scale.shards.shard import Shard  # noqa: E402
from sensorium.scale.shards.shards import Shards  # noqa: E402
from tests.tiny_encoder import DIMENSION, WORDS  # noqa: E402

TOKEN = "a-token-of-these-tests"


class Replica:
    """A shard that is served from a thread, and can be ended as if its process were killed."""

    def __init__(self, path: Path, part: tuple[int, int], port: int = 0) -> None:
        self.shard = Shard(path, part)
        app = shard_app(self.shard, TOKEN)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            self.thread.join(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join()


Divide = Callable[..., tuple[Shards, list[list[Replica]]]]


@pytest.fixture
def divide() -> Iterator[Divide]:
    """Hold a collection in some shards; gives what asks them, and their replicas."""
    started: list[Replica] = []

    def start(path: Path, shards: int, replicas: int = 1) -> tuple[Shards, list[list[Replica]]]:
        held = [[Replica(path, (n, shards)) for _ in range(replicas)] for n in range(shards)]
        started.extend(one for some in held for one in some)
        return Shards([[one.address for one in some] for some in held], TOKEN), held

    yield start
    for one in started:
        if one.thread.is_alive():
            one.end()


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.standard_normal((*shape, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def written(rng: np.random.Generator, *, first: int, count: int, segments: int, modality: str,
            name: str) -> list[EmbeddedFile]:  # fmt: skip
    """Items of some segments, with captions of words that the encoder knows."""
    vectors, items = unit(rng, count, segments), []
    for number in range(count):
        path = f"/{name}/{first + number}"
        caption = " ".join(rng.choice(WORDS[2:], 3))
        kind = "text" if modality == "text" else "image"
        parts = [
            SegmentRecord((float(n), n + 1.0) if segments > 1 else None, kind)
            for n in range(segments)
        ]
        items.append(
            EmbeddedFile(
                FileState(path, 1, 0, path.encode()), Modality(modality),
                {"width": int(rng.integers(1, 100))}, {"caption": caption}, parts,
                vectors[number],
            )
        )  # fmt: skip
    return items


def fill(path: Path, encoder: FolderEncoder, *, pictures: int = 700, seed: int = 0) -> None:
    """Pictures, many of them the same, films, texts and objects, in runs that shards part."""
    rng = np.random.default_rng(seed)
    items = written(
        rng, first=0, count=pictures, segments=1, modality="image", name="picture"
    )  # fmt: skip
    for place in range(0, pictures, 9):  # ties, in all shards
        items[place].vectors[:] = items[3 + place % 4].vectors
    items += written(rng, first=0, count=40, segments=7, modality="video", name="film")
    items += written(rng, first=0, count=150, segments=1, modality="text", name="text")
    items += written(rng, first=0, count=140, segments=3, modality="mesh", name="object")
    with Collection(path, encoder) as library:
        store_of(library).write(encoder.space, encoder=str(encoder.folder), embedded=items)


@pytest.fixture(scope="session")
def tiny_folder(tiny: Path) -> FolderEncoder:
    return FolderEncoder(tiny)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, tiny_folder: FolderEncoder) -> Path:
    path = tmp_path_factory.mktemp("filled") / "library.sensorium"
    fill(path, tiny_folder)
    return path


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Path:
    """A collection of one's own, to be changed."""
    return Path(shutil.copy(filled, tmp_path))


def add(path: Path, encoder: FolderEncoder, *, first: int, count: int, name: str = "new") -> None:
    """Write further items, or again such of a name, from another connection."""
    rng = np.random.default_rng(first)
    items = written(rng, first=first, count=count, segments=2, modality="video", name=name)
    store = open_store(path)
    store.write(encoder.space, embedded=items)
    store.close()
