"""A loaded tiny encoder and an empty collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder


@pytest.fixture(scope="session")
def encoder(tiny: Path) -> Encoder:
    return load_encoder(tiny)


@pytest.fixture(scope="session")
def other_encoder(other_tiny: Path) -> Encoder:
    return load_encoder(other_tiny)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(tmp_path / "test.sensorium", encoder) as opened:
        yield opened
