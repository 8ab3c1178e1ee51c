"""3-D files are read in processes of their own: once each, a few at a time, one lost at a time."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from sensorium import Collection, Mesh
from sensorium.encoders import Encoder
from sensorium.errors import MediaError
from sensorium.media import isolation
from sensorium.media.objects import views
from tests.media import isolated

BOX = trimesh.creation.box((1, 2, 3)).export(file_type="stl")


def children() -> set[int]:
    """Processes that this one has begun."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


def pixels(mesh: Mesh, azimuth: float = 0) -> np.ndarray:
    return np.asarray(mesh.view(azimuth, 20))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_process_costs_its_file_alone() -> None:
    isolation._pool.end()
    before = children()
    first, second = Mesh(BOX, "stl"), Mesh(BOX, "stl")
    wanted = pixels(first)
    (process,) = children() - before
    assert (pixels(second) == wanted).all()
    os.kill(process, signal.SIGKILL)
    with pytest.raises(MediaError, match="the system ended the process that read it"):
        list(first.segments())
    assert (pixels(second) == wanted).all()
    assert (pixels(first) == wanted).all()  # a new process reads it anew


def test_in_a_folder_too(tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "looked_at", isolated.looked_at_but_of_the_deadly)
    for number, kind in enumerate(("stl", "ply", "glb")):
        box = trimesh.creation.box((1, 2, 3 + number)).export(file_type=kind)
        content = box.encode() if isinstance(box, str) else box
        for name in (kind, *(["deadly"] if kind == "ply" else [])):
            (tmp_path / f"{name}.{kind}").write_bytes(content)
    with Collection(tmp_path / "c.sensorium", encoder=encoder) as collection:
        report = collection.add(tmp_path)
        assert report.added == 3
        (skipped,) = report.skipped
        assert skipped.path == str(tmp_path / "deadly.ply")
        assert skipped.reason.startswith("the system ended the process that read it")
        monkeypatch.undo()
        again = collection.add(tmp_path)  # and it is read the next time
        assert (again.added, again.unchanged, again.skipped) == (1, 3, [])


def test_facts_and_views_are_of_one_reading(tmp_path: Path) -> None:
    path = tmp_path / "box.stl"
    path.write_bytes(BOX)
    mesh = Mesh(path)
    assert mesh.metadata()["faces"] == 12
    path.unlink()  # it has been read
    assert len(list(mesh.segments())) == 8
    with pytest.raises(MediaError, match="no such file"):
        mesh.view(0, 0)  # and is let go of after the last view


def test_few_files_are_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_OPEN", 2)
    meshes = [Mesh(BOX, "stl") for _ in range(4)]
    wanted = [pixels(mesh, 30.0 * number) for number, mesh in enumerate(meshes)]
    kept = [mesh._reading for mesh in meshes]
    is_open = [one is not None and one._items is not None for one in kept]
    assert is_open == [False, False, True, True]
    for number, mesh in enumerate(meshes):
        assert (pixels(mesh, 30.0 * number) == wanted[number]).all()


def test_the_same_picture_without_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = pixels(Mesh(BOX, "stl"), 75)
    monkeypatch.setenv(isolation.WITHOUT, "0")
    assert (pixels(Mesh(BOX, "stl"), 75) == wanted).all()
