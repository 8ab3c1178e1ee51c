"""An empty collection, and one of pictures of one colour each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest

from sensorium import Collection
from sensorium.encoders import Encoder
from tests.collection.coloured import COLOURS


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(tmp_path / "test.sensorium", encoder) as opened:
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
