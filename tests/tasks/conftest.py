"""Servers that several tests of tasks ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tasks.servers import Scripted, llama_server, scripted_server


@pytest.fixture(scope="session")
def llama(weights_of: Callable[[str], Path]) -> Iterator[str]:
    """The address of a real server with a small model."""
    with llama_server(weights_of("smollm2") / "model.gguf") as address:
        yield address


@pytest.fixture(scope="session")
def seeing_llama(
    weights_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a real server whose model takes pictures, by a tower of random weights."""
    pytest.importorskip("gguf")
    from tests.tasks.tiny_eyes import llava_tower

    model = weights_of("smollm2") / "model.gguf"
    eyes = llava_tower(tmp_path_factory.mktemp("eyes") / "mmproj.gguf", model)
    with llama_server(model, eyes) as address:
        yield address


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A server that says what a test wants, with no pauses before it is asked again."""
    monkeypatch.setattr("sensorium.encoders.server.FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with scripted_server() as script:
        yield script
