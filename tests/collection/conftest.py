"""An empty collection, and one of pictures of one colour each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from sensorium import Collection
from sensorium.encoders import Encoder
from tests.collection.coloured import COLOURS
from tests.collection.stores import path_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the tests of a module that has ``ON_BOTH_STORES`` run over each."""
    if "store_kind" in metafunc.fixturenames and hasattr(metafunc.module, "ON_BOTH_STORES"):
        kinds = ["sqlite", pytest.param("lance", marks=pytest.mark.slow)]
        metafunc.parametrize("store_kind", kinds, indirect=True)


@pytest.fixture
def store_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder, store_kind: str) -> Iterator[Collection]:
    with Collection(path_of(store_kind, tmp_path), encoder) as opened:
        yield opened


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        PIL.Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def library(coloured: Path, tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(tmp_path / "q.sensorium", encoder) as opened:
        opened.add(coloured)
        yield opened
