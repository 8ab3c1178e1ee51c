"""Files that a 3-D file names pass one door: in its folder, of known kinds, and not too many."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Mesh
from sensorium.errors import MediaError
from sensorium.media.objects.geometry import beside as door
from sensorium.media.objects.geometry.beside import Beside
from tests.media.made_objects import FOUR, Gltf, obj, png

FACE = ["v 0 0 0", "v 1 0 0", "v 0 1 0", "vt 0 0", "vt 1 0", "vt 0 1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of all kinds, and something beside it that is none of its business."""
    own = tmp_path / "own"
    (own / "maps").mkdir(parents=True)
    (own / "maps" / "four.png").write_bytes(png(FOUR))
    (own / "a.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (own / "notes.txt").write_text("nobody's business")
    (own / "b.bin").write_bytes(bytes(36))
    (tmp_path / "other.png").write_bytes(png(FOUR))
    (tmp_path / "other.mtl").write_text("newmtl a\nKd 1 0 0\n")
    return own


def test_what_lies_in_the_folder_is_read(folder: Path) -> None:
    found = Beside(folder / "x.obj")
    four = png(FOUR)
    for link in ("maps/four.png", "maps\\four.png", "./maps/four.png", "maps/../maps/four.png",
                 "maps/four%2Epng"):  # fmt: skip
        assert found.read(link, "texture") == four, link
    assert found.read("A.MTL", "library") == (folder / "a.mtl").read_bytes()
    assert found.read("b.bin", "buffer") == bytes(36)
    # The last part of a name is what is left of another machine.
    for link in ("C:\\art\\a.mtl", "/home/somebody/a.mtl", "../../art/a.mtl", "//host/art/a.mtl"):
        assert found.read(link, "library").startswith(b"newmtl"), link


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("../other.png", "not in the folder of the 3-D file"),
        ("maps/../../other.png", "not in the folder of the 3-D file"),
        ("..\\other.png", "not in the folder of the 3-D file"),
        ("%2e%2e/other.png", "missing|other.png"),
        ("http://localhost:1/a.png", "is a URL"),
        ("file:///etc/hostname", "is a URL"),
        ("ftp://localhost:1/a.png", "is a URL"),
        ("notes.txt", "is no picture"),
        ("b.bin", "is no picture"),
        ("", "missing|"),
        ("a\0b.png", "missing|"),
        ("x" * 100_000, "missing|"),
    ],
)
def test_what_is_no_business_of_the_file(folder: Path, link: str, said: str) -> None:
    with pytest.raises((MediaError, FileNotFoundError), match=said) as raised:
        Beside(folder / "x.obj").read(link, "texture")
    assert len(str(raised.value)) < 300


def test_absolute_names_and_other_kinds(folder: Path, tmp_path: Path) -> None:
    found = Beside(folder / "x.obj")
    with pytest.raises((MediaError, FileNotFoundError)):
        found.read(str(tmp_path / "other.png"), "texture")
    for link, kind in (("notes.txt", "library"), ("notes.txt", "buffer"), ("a.mtl", "buffer")):
        with pytest.raises(MediaError, match="does not end in"):
            found.read(link, kind)  # type: ignore[arg-type]


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_links_pipes_sockets_and_devices(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe.mtl")
    (folder / "away.mtl").symlink_to(tmp_path / "other.mtl")
    (folder / "zero.mtl").symlink_to("/dev/zero")
    (folder / "here.mtl").symlink_to(folder / "a.mtl")
    (folder / "out").symlink_to(tmp_path)
    (folder / "round.mtl").symlink_to(folder / "round.mtl")
    with socket.socket(socket.AF_UNIX) as ear:
        monkeypatch.chdir(folder)  # names of sockets are short
        ear.bind("ear.mtl")
        found = Beside(folder / "x.obj")
        for link in ("pipe.mtl", "away.mtl", "zero.mtl", "out/other.mtl", "round.mtl", "ear.mtl"):
            with pytest.raises((MediaError, FileNotFoundError)):
                found.read(link, "library")
        assert found.read("here.mtl", "library").startswith(b"newmtl")


def test_nothing_outside_is_even_looked_at(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "up").symlink_to("..")
    (folder / "far").symlink_to("/net/host/share")
    (folder / "far.png").symlink_to("/net/host/share/a.png")
    (folder / "in").symlink_to(folder / "maps")
    (folder / "round").symlink_to("round")
    looked: list[str] = []

    def heard(name: str) -> None:
        usual = getattr(os, name)

        def listens(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            looked.append(os.fsdecode(path) if not isinstance(path, int) else "")
            return usual(path, *args, **kwargs)

        monkeypatch.setattr(os, name, listens)

    found = Beside(folder / "x.obj")
    for name in ("stat", "lstat", "readlink", "open", "listdir", "scandir"):
        heard(name)
    for link in ("/net/host/a.png", "//net/host/a.png", "\\\\host\\share\\a.png", "C:\\a.png",
                 "C:a.png", "/etc/a.png", "c:/art/a.png"):  # fmt: skip
        with pytest.raises(MediaError, match="and only there is it looked for"):
            found.read(link, "texture")
    for link in ("../a.png", "maps/../../other.png", "..\\a.png"):
        with pytest.raises(MediaError, match="not in the folder of the 3-D file"):
            found.read(link, "texture")
    for link in ("up/other.png", "far/a.png", "far.png", "FAR.png"):
        with pytest.raises(MediaError, match="not in the folder of the 3-D file"):
            found.read(link, "texture")
    with pytest.raises(MediaError, match="leads round"):
        found.read("round/a.png", "texture")
    assert found.read("in/four.png", "texture") == found.read("up/own/maps/four.png", "texture")
    above = {str(parent) for parent in folder.parents}
    outside = {path for path in looked if not path.startswith(str(folder))} - above
    assert looked and outside <= {""}


def test_a_store_of_content_with_links(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for name in ("x.obj", "a.mtl"):
        (store / f"{name}.content").write_bytes(b"newmtl a\n")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(store / f"{name}.content")
    assert Beside(folder / "x.obj").read("a.mtl", "library") == b"newmtl a\n"


def test_too_many_and_too_much(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_FILES", 3)
    found = Beside(folder / "x.obj")
    for _ in range(3):
        found.read("a.mtl", "library")
    with pytest.raises(MediaError, match="only the first 3 are read"):
        found.read("a.mtl", "library")
    monkeypatch.setattr(door, "MOST", {**door.MOST, "buffer": 50})
    found = Beside(folder / "x.obj")
    found.read("b.bin", "buffer")
    with pytest.raises(MediaError, match="36 bytes; of what a 3-D file names as buffer, 50 bytes"):
        found.read("b.bin", "buffer")


def test_notes_say_what_was_not_read(folder: Path) -> None:
    (folder / "all.mtl").write_text("newmtl a\nKd 1 0 0\nmap_Kd ../other.png\nmap_d notes.txt\n")
    lines = ["mtllib ../other.mtl", "mtllib all.mtl", *FACE, "usemtl a", "f 1/1 2/2 3/3"]
    (folder / "x.obj").write_bytes(obj(lines))
    mesh = Mesh(folder / "x.obj")
    mesh.view(0, 0, 32)
    assert mesh.notes == [
        "the materials in '../other.mtl' cannot be read (it is not in the folder of the 3-D file)",
        "the texture '../other.png' cannot be used (it is not in the folder of the 3-D file)",
        "the texture 'notes.txt' cannot be used (it is no picture)",
    ]


def test_many_notes_and_long_names_are_cut(folder: Path) -> None:
    lines = [*FACE, "mtllib a.mtl"]
    for number in range(70):
        lines += [f"usemtl {number}{'x' * 5000}", "f 1 2 3"]
    (folder / "x.obj").write_bytes(obj(lines))
    mesh = Mesh(folder / "x.obj")
    mesh.view(0, 0, 32)
    assert len(mesh.notes) == 51 and mesh.notes[-1] == "and 20 more"
    assert max(map(len, mesh.notes)) < 200


def test_buffers_elsewhere(folder: Path, tmp_path: Path) -> None:
    made = Gltf().primitive()
    (tmp_path / "b2.bin").write_bytes(made.binary)
    (folder / "b3.bin").write_bytes(made.binary)

    def with_buffer(link: Any) -> Mesh:
        buffers = [{"byteLength": len(made.binary), "uri": link}]
        (folder / "x.gltf").write_text(json.dumps({**made.document, "buffers": buffers}))
        return Mesh(folder / "x.gltf")

    assert np.asarray(with_buffer("b3.bin").view(0, 0, 32)).min() < 250
    for link, said in (
        ("../b2.bin", "it is not in the folder"),
        ("notes.txt", "does not end in .bin or"),
        ("https://localhost:1/b.bin", "it is a URL"),
        ("gone.bin", "no such file: gone.bin"),
        (7, "its parts do not fit together"),
    ):
        with pytest.raises(MediaError, match=said):
            with_buffer(link).view(0, 0, 32)
