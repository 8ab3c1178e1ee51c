"""Vectors of locked towers stay in a file, and those of a batch are read alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

import torch

from sensorium.data import encoding
from sensorium.data.sources import Picture
from sensorium.encoders import FolderEncoder
from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.models.towers import FolderTower
from sensorium.training.tower_features import Features, tower_features
from tests.collection.pictures import write_many


@pytest.fixture
def tower(tiny: Path) -> FolderTower:
    return FolderTower(FolderEncoder(tiny), "tiny", Modality.IMAGE)


def test_features_are_those_of_the_tower(
    tower: FolderTower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BLOCK", 4)
    paths = write_many(tmp_path / "p", range(10))
    paths[3].write_bytes(b"no picture")
    pictures = [Picture.of_file(path) for path in paths]
    found, failed = tower_features(tower, pictures, tmp_path / "kept")
    assert len(found) == 10 and [*failed] == [3]
    whole = tower.encode([pictures[n].open() for n in (9, 0, 9)])
    np.testing.assert_allclose(found[[9, 0, 9]].numpy(), whole, atol=1e-5)
    assert not found[[3]].any()
    some = found.take([9, 2, 0])
    torch.testing.assert_close(some[range(1, 3)], found[[2, 0]])
    # Nothing is computed, and nothing but what is asked for is read, the next time.
    monkeypatch.setattr(encoding, "_encoded", None)
    again, lost = tower_features(tower, pictures, tmp_path / "kept")
    torch.testing.assert_close(again[range(10)], found[range(10)])
    assert lost == failed and isinstance(again._vectors, np.memmap)


def test_damage_is_named(tower: FolderTower, tmp_path: Path) -> None:
    pictures = [Picture.of_file(path) for path in write_many(tmp_path / "p", range(3))]
    tower_features(tower, pictures, tmp_path / "kept")
    (path,) = (tmp_path / "kept").rglob("vectors.npy")
    for content in (path.read_bytes()[:-4], b"", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"vectors\.npy: is damaged .*delete it"):
            tower_features(tower, pictures, tmp_path / "kept")
    path.unlink()
    tower_features(tower, pictures, tmp_path / "kept")


def test_a_batch_is_a_copy() -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    batch = Features(vectors)[[1]]
    batch += 1
    assert vectors[1].tolist() == [2, 3]
