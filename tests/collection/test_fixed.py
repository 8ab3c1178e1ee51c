"""A complete collection where nothing can be written is searched, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection import sqlite
from sensorium.collection.checking import check
from sensorium.errors import CollectionError
from tests.collection.pictures import png

COUNT = 5


@pytest.fixture
def fixed(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A collection in a folder that cannot be written to; for root, on a disk of its own."""
    folder = tmp_path / "disk 图"
    folder.mkdir()
    mounted = False
    if os.geteuid() == 0:  # whom no permission keeps away
        if not shutil.which("mount"):
            pytest.skip("no disk can be mounted here")
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("no disk can be mounted here")
        mounted = True
    for number in range(COUNT):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    with Collection(folder / "c.sensorium", tiny) as library:
        library.add(*tmp_path.glob("*.png"), metadata={"title": "a picture"})
        library.hash(16)
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro", "none", folder], check=True)
    else:
        folder.chmod(0o555)
    yield folder / "c.sensorium"
    if mounted:
        subprocess.run(["umount", "-l", folder], check=True)
    else:
        folder.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="permissions are others")
def test_it_is_searched(fixed: Path) -> None:
    assert sqlite.is_fixed(fixed)
    with Collection(fixed) as library:
        assert len(library) == COUNT
        assert len(library.search("a red square", COUNT)) == COUNT
        assert len(library.search("picture", COUNT, mode="words")) == COUNT
        assert len(library.search("red", COUNT, mode="hash")) == COUNT
        assert len(library.search("red", COUNT, where="title = 'a picture'")) == COUNT
        assert check(library).damages == []
        with pytest.raises(CollectionError, match="cannot be written"):
            library.delete(1)
    assert [path.name for path in fixed.parent.iterdir() if path.is_file()] == [fixed.name]


def test_a_folder_that_can_be_written_to_is_not_fixed(tmp_path: Path, tiny: Path) -> None:
    with Collection(tmp_path / "c.sensorium", tiny):
        assert not sqlite.is_fixed(tmp_path / "c.sensorium")
    assert not sqlite.is_fixed(tmp_path / "c.sensorium")
    assert not sqlite.is_fixed(tmp_path / "none")
