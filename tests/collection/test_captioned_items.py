"""A collection as training data: its pictures, with the captions of their metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.captioned_items import captioned_items, names_collection
from sensorium.errors import UsageError
from tests.collection.pictures import write_many


@pytest.mark.parametrize("kind", ["lance", "sqlite"])
def test_pictures_with_captions(kind: str, tmp_path: Path, tiny: Path) -> None:
    if kind == "lance":
        pytest.importorskip("lance", reason="needs the extra lance")
    first, second, third = write_many(tmp_path / "p", range(3))
    address = f"lance://{tmp_path}/c.lance" if kind == "lance" else str(tmp_path / "c.sensorium")
    with Collection(address, tiny) as library:
        library.add(first, metadata={"caption": "a red cat", "caption_zh": ["猫", "红猫"]})
        library.add(second, metadata={"title": "a blue dog"})
        library.add(third)
        library.add_vectors([[1.0] * 48], ["parquet:///t.parquet#1"], metadata={"caption": "far"})
    assert names_collection(address)
    found = captioned_items(address)
    assert found.names == [str(first), str(second)]
    assert found.texts == [["a red cat", "猫", "红猫"], ["a blue dog"]]
    assert found.sources[0].open().load().size == (8, 8)
    assert {one.path: one.reason for one in found.skipped} == {
        str(third): "no caption in its metadata",
        "parquet:///t.parquet#1": "lies in a table: train on that table",
    }


def test_what_is_none(tmp_path: Path, tiny: Path) -> None:
    for name in (tmp_path, tmp_path / "none.csv", tmp_path / "none.sensorium", 3):
        assert not names_collection(name)
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(write_many(tmp_path / "p", range(1))[0])
    with pytest.raises(UsageError, match="none of its pictures has a caption in its metadata"):
        captioned_items(tmp_path / "c.sensorium")
