"""What lies on another machine is not looked at because a stranger's file names it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.data.pairs import read_pairs
from sensorium.encoders import trust
from tests.cli.conftest import run as run  # a fixture
from tests.media.small_pictures import encode, red_blue

PATHS = ["//evil/share/a.png", r"\\evil\share\b.png", "/net/evil/c.png", r"\/evil/share/d.mp4"]


@pytest.fixture(autouse=True)
def looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Paths that were touched; nothing was named on this machine yet."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(trust, "_named", set())
    found: list[str] = []

    def watched(call: Any) -> Any:
        def touch(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, (str, os.PathLike)) and "evil" in os.fspath(path):
                found.append(os.fspath(path))
            return call(path, *arguments, **options)

        return touch

    for name in ("stat", "lstat", "open", "scandir"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return found


@pytest.fixture
def collection(tmp_path: Path, tiny: Path) -> Path:
    """A stranger's: its own file is a picture, and the others are paths elsewhere."""
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "a.png")
        keys = [f"/gone/{n}{Path(path).suffix}" for n, path in enumerate(PATHS)]
        library.add_vectors(np.eye(len(keys), 48) + 0.5, keys)
    with sqlite3.connect(tmp_path / "c.sensorium") as file:
        for key, path in zip(keys, PATHS, strict=True):
            file.execute("UPDATE items SET path = ? WHERE path = ?", (path, key))
    file.close()
    return tmp_path / "c.sensorium"


def test_paths_of_a_collection(
    run: Any, collection: Path, other_tiny: Path, tmp_path: Path, looked: list[str]
) -> None:
    done = run("search", "dog", "-c", collection, "--sheet", tmp_path / "s.png")
    assert done.code == 0 and "models --trust //evil/share" in done.err
    for command in ("duplicates", "prune", "info", "check"):
        assert run(command, "-c", collection).code in (0, 1), command
    assert run("duplicates", "-c", collection, "--sheet", tmp_path / "d.png").code in (0, 1)
    with Collection(collection) as library:
        assert len(library) == 5  # prune has kept what it could not see
        export_collection(library, tmp_path / "export")
    with Collection(tmp_path / "new.sensorium") as library:
        import_collection(library, tmp_path / "export")
    done = run("reembed", "--encoder", other_tiny, "-c", collection)
    assert done.code == 1 and "nobody has named here" in done.err
    assert looked == []


def test_paths_of_tables(run: Any, tiny: Path, tmp_path: Path, looked: list[str]) -> None:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    rows = "\n".join(f"{path},a cat" for path in ["a.png", *PATHS])
    (tmp_path / "m.csv").write_text(f"path,caption\n{rows}\n")
    done = run("index", tmp_path / "m.csv", "-c", tmp_path / "c", "--encoder", tiny)
    assert done.code == 1 and "1 added, 4 skipped" in done.out
    assert "models --trust /net/evil" in done.err
    found = read_pairs(tmp_path / "m.csv")
    assert len(found.sources) == 1 and len(found.skipped) == 4
    assert looked == []


def test_what_a_person_names_may_be_looked_at(tmp_path: Path, tiny: Path, run: Any) -> None:
    """``//folder`` is a local folder on POSIX, where it can be tried."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(encode(red_blue(), "PNG"))
    folder = f"/{tmp_path}/pictures"
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        assert library.add(folder).added == 1
    trust._named.clear()
    assert trust.may_look_at(f"{folder}/a.png") and not trust.may_look_at("//evil/share/a.png")
    assert run("models", "--trust", "//evil/share").code == 0
    trust._named.clear()
    assert trust.may_look_at(r"\\evil\share\x\y.png")
    assert not trust.may_look_at("//evil/other/y.png") and not trust.may_look_at("//evil")
