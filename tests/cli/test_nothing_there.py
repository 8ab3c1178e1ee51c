"""What fails before anything could be stored leaves nothing; what is empty says so."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.errors import SensoriumError
from sensorium.home import short_path
from tests.cli.conftest import Run


@pytest.fixture
def lame(tiny: Path, tmp_path: Path) -> Path:
    """An encoder's folder whose tower for pictures is cut off in the middle."""
    folder = shutil.copytree(tiny, tmp_path / "lame")
    tower = folder / "image.onnx"
    tower.write_bytes(tower.read_bytes()[:100])
    return folder


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "openvino" not in path.parts}


@pytest.mark.parametrize(
    "line",
    [
        ["index", "PICTURES", "--encoder", "nosuch"],
        ["index", "PICTURES", "--encoder", "./nosuch"],
        ["index", "PICTURES", "--encoder", "mini+nosuch"],
        ["index", "PICTURES", "--encoder", "LAME"],
        ["index", "PICTURES", "--encoder", "http://127.0.0.1:9/v1#m"],
        ["index", "gone", "*.nothing", "https://example.org/a.png"],
        ["index", "EMPTY"],
        ["import", "gone"],
        ["import", "EMPTY"],
        ["import", "VECTORS"],
        ["import", "VECTORS", "--encoder", "nosuch"],
        ["import", "VECTORS", "--encoder", "TINY"],
        ["reembed", "--encoder", "TINY"],
        ["search", "dog"],
        ["evaluate", "PICTURES", "--encoder", "nosuch"],
        ["train", "classifier", "PICTURES", "--encoder", "nosuch"],
        ["train", "hash"],
    ],
    ids=" ".join,
)
def test_nothing_is_made_by_what_fails(
    run: Run, line: list[str], folder: Path, tiny: Path, lame: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("sensorium.encoders.server.FIRST_PAUSE", 0.001)
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "VECTORS").mkdir()
    (tmp_path / "VECTORS" / "items.jsonl").write_text('{"path": "a"}\n')
    (tmp_path / "VECTORS" / "vectors.npy").write_bytes(NPY)
    names = {"PICTURES": folder, "LAME": lame, "TINY": tiny}
    before = everything(tmp_path)
    done = run(
        *(names.get(word, word) for word in line),
        env={"SENSORIUM_COLLECTION": str(tmp_path / "new" / "library.sensorium")},
        cwd=tmp_path,
    )
    assert done.code != 0 and done.err
    assert everything(tmp_path) == before


NPY = (  # one vector of three numbers, of which no encoder here has so few
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".ljust(127)
    + b"\n"
    + bytes(8)
    + b"\x00\x00\x80?"
)


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="extra `train` is not installed"
)
def test_a_training_without_towers_leaves_nothing(run: Run, tmp_path: Path, folder: Path) -> None:
    table = tmp_path / "captions.csv"
    table.write_text(f"path,caption\n{folder / 'red.png'},red\n{folder / 'blue.png'},blue\n")
    towers = ("--image-tower", tmp_path / "no", "--text-tower", tmp_path / "no")
    done = run("train", "contrastive", table, "--out", tmp_path / "out", *towers)
    assert done.code == 3 and not (tmp_path / "out").exists()


def test_what_would_have_been_indexed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.xyz").write_text("no media")
    library = tmp_path / "c.sensorium"
    done = run("index", tmp_path / "notes", tmp_path / "gone", "-c", library)
    assert done.code == 1 and done.out == ""
    assert done.err.splitlines() == [
        f"skipped {tmp_path / 'gone'}: no such file or folder",
        f"no media there (1 other file ignored: 1 .xyz): {library} is not made",
    ]
    done = run("index", tmp_path / "notes", tmp_path / "gone", "-c", library, "--json")
    skipped, report = (json.loads(line) for line in done.lines)
    assert skipped == {"skipped": str(tmp_path / "gone"), "reason": "no such file or folder"}
    assert (report["added"], report["ignored"], report["skipped"], report["items"]) == (0, 1, 1, 0)


@pytest.mark.parametrize("given", ["nosuch", "LAME"])
def test_nothing_is_made_in_python(given: str, lame: Path, tmp_path: Path) -> None:
    with pytest.raises(SensoriumError):
        Collection(tmp_path / "new" / "c", lame if given == "LAME" else given)
    assert not (tmp_path / "new").exists()


def test_a_failure_does_not_bind_a_collection_to_its_encoder(
    tmp_path: Path, folder: Path, tiny: Path, other_tiny: Path
) -> None:
    """The first vectors do."""
    with Collection(tmp_path / "c") as made:
        assert made.info().space is None
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with Collection(tmp_path / "c", other_tiny) as library:
        assert len(library.add(broken).skipped) == 1
        assert library.info().space is None
    with Collection(tmp_path / "c", tiny) as library:
        assert library.add(folder / "red.png").added == 1
        assert library.info().encoder == str(tiny)


@pytest.mark.parametrize(
    "command",
    [["search", "dog"], ["classify", "--labels", "cat,dog"], ["duplicates"]],
    ids=lambda command: command[0],
)
def test_an_empty_collection_says_what_to_do(
    run: Run, command: list[str], tiny: Path, tmp_path: Path
) -> None:
    library = tmp_path / "my library"
    Collection(library, tiny).close()
    done = run(*command, env={"SENSORIUM_COLLECTION": str(library)})
    said = f"{library} holds nothing yet: `sensorium index FOLDER` adds media\n"
    assert (done.code, done.out, done.err) == (1, "", said)
    done = run(*command, "-c", library)
    assert f"`sensorium index FOLDER --collection '{library}'` adds media" in done.err
    done = run(*command, "-c", tmp_path / "gone")
    assert f"`sensorium index FOLDER --collection {tmp_path / 'gone'}` makes one" in done.err


@pytest.mark.skipif(os.name != "posix", reason="a folder that is in use cannot be removed")
def test_a_current_folder_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert short_path("/elsewhere/a.png") == "/elsewhere/a.png"
