"""3-D objects of every format, seen from around: outline, colour, which way is up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from sensorium import Image, Mesh
from sensorium.errors import MediaError
from sensorium.media import as_media
from sensorium.media.mesh import VIEWS


def tower() -> trimesh.Trimesh:
    """Three times as high as it is wide; upright along Z."""
    return trimesh.creation.box((1, 1, 3))


def outline(mesh: Mesh, azimuth: float = 0, elevation: float = 0) -> tuple[int, int]:
    """Width and height of what is not white."""
    pixels = np.asarray(mesh.view(azimuth, elevation, 120))
    rows, columns = np.nonzero((pixels < 250).any(axis=2))
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


@pytest.mark.parametrize("suffix", ["stl", "ply", "off"])
def test_upright_along_z(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tower.{suffix}"
    tower().export(path)
    mesh = as_media(path)
    assert isinstance(mesh, Mesh)
    width, height = outline(mesh)
    assert height == pytest.approx(3 * width, abs=4)
    assert mesh.metadata()["faces"] == 12
    assert mesh.metadata()["extents"] == [1, 1, 3]


@pytest.mark.parametrize("suffix", ["glb", "obj"])
def test_upright_along_y(tmp_path: Path, suffix: str) -> None:
    box = trimesh.creation.box((1, 3, 1))
    box.export(tmp_path / f"tower.{suffix}")
    width, height = outline(Mesh(tmp_path / f"tower.{suffix}"))
    assert height == pytest.approx(3 * width, abs=4)


def test_from_above_and_from_the_side() -> None:
    slab = trimesh.creation.box((4, 1, 1))
    mesh = Mesh(slab.export(file_type="stl"), "stl")
    assert outline(mesh)[0] == pytest.approx(4 * outline(mesh)[1], abs=4)
    assert outline(mesh, 90)[0] == pytest.approx(outline(mesh, 90)[1], abs=2)
    assert outline(mesh, 0, 90)[0] == pytest.approx(4 * outline(mesh, 0, 90)[1], abs=4)


def test_colours_and_several_objects(tmp_path: Path) -> None:
    red, blue = trimesh.creation.box(), trimesh.creation.box()
    red.visual.face_colors = [255, 0, 0, 255]
    blue.visual.face_colors = [0, 0, 255, 255]
    blue.apply_translation([3, 0, 0])
    path = tmp_path / "two.glb"
    trimesh.Scene([red, blue]).export(path)
    pixels = np.asarray(Mesh(path).view(0, 0, 120), int)
    left, right = pixels[60, 20], pixels[60, 100]
    assert left[0] > 90 > left[2] and right[2] > 90 > right[0]


def test_segments() -> None:
    segments = list(Mesh(tower().export(file_type="stl"), "stl").segments())
    assert [segment.details for segment in segments] == [{"view": n} for n in range(len(VIEWS))]
    assert all(isinstance(segment.media, Image) for segment in segments)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"nonsense", "glb", r"no 3-D object that can be read \(it begins neither"),
        (b"", "stl", r"the file is empty \(0 bytes\)"),
        (b"v 0 0 0\n", "obj", "no faces|no 3-D object"),
        (b"x", None, "bytes of a 3-D object need their format"),
    ],
)
def test_bad_objects(content: bytes, kind: str | None, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        Mesh(content, kind).view(0, 0)
