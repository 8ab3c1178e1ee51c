"""Pictures to index, an encoder of a few kilobytes, and what the local path makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.encoders import FolderEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures are written."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture(scope="session")
def encoder(tiny: Path) -> FolderEncoder:
    return FolderEncoder(tiny)
