"""An empty collection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.encoders import Encoder


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(tmp_path / "test.sensorium", encoder) as opened:
        yield opened
