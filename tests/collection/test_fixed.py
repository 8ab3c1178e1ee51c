"""A collection where nothing can be written is searched; one on a full disk says that it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection import sqlite
from sensorium.collection.checking import check
from sensorium.errors import CollectionError
from tests.cli.conftest import Run, run  # noqa: F401
from tests.collection.disks import disk, make_read_only
from tests.collection.pictures import png

COUNT = 5


@pytest.fixture
def library(tmp_path: Path, tiny: Path) -> Iterator[Path]:
    """A collection on a disk of 2 MB."""
    for number in range(COUNT):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    with disk(tmp_path / "disk 图", 2048):
        with Collection(tmp_path / "disk 图" / "c.sensorium", tiny) as collection:
            collection.add(*tmp_path.glob("*.png"), metadata={"title": "a picture"})
            collection.hash(16)
        yield tmp_path / "disk 图" / "c.sensorium"


def test_a_complete_collection_is_searched(library: Path) -> None:
    make_read_only(library.parent)
    assert sqlite.is_fixed(library)
    with Collection(library) as fixed:
        assert len(fixed) == COUNT
        assert len(fixed.search("a red square", COUNT)) == COUNT
        assert len(fixed.search("picture", COUNT, mode="words")) == COUNT
        assert len(fixed.search("red", COUNT, mode="hash")) == COUNT
        assert len(fixed.search("red", COUNT, where="title = 'a picture'")) == COUNT
        assert check(fixed).damages == []
        with pytest.raises(CollectionError, match="cannot be written"):
            fixed.delete(1)
        with pytest.raises(CollectionError, match=r"cannot be written.*what was there before"):
            fixed.hash(32)
    assert [path.name for path in library.parent.iterdir() if path.is_file()] == [library.name]


def test_a_folder_that_can_be_written_to_is_not_fixed(tmp_path: Path, tiny: Path) -> None:
    with Collection(tmp_path / "c.sensorium", tiny):
        assert not sqlite.is_fixed(tmp_path / "c.sensorium")
    assert not sqlite.is_fixed(tmp_path / "c.sensorium")
    assert not sqlite.is_fixed(tmp_path / "none")


def fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_ends_an_index_with_a_sentence(run: Run, library: Path) -> None:  # noqa: F811
    filler = library.parent / "filler"
    with Collection(library) as collection:
        before = {path for path in library.parent.rglob("*") if path.is_file()}
        fill(filler)
        for build in (lambda: collection.hash(32), lambda: collection.optimize(kind="hnsw")):
            with pytest.raises(CollectionError, match=r"cannot be written \(.*before stays"):
                build()
        assert len(collection.search("red", COUNT, mode="hash")) == COUNT
        after = {path for path in library.parent.rglob("*") if path.is_file()}
        assert after - before == {filler}
    fill(filler)  # what was freed by closing
    done = run("optimize", "--hash", "32", "-c", library)
    assert done.code == 3 and len(done.err.splitlines()) == 1
    filler.unlink()
    assert run("optimize", "--hash", "32", "-c", library).code == 0
