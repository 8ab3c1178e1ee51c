"""Folders that say what they are: claimed, written whole, read, and refused where not ours."""

from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.errors import EncoderError, UsageError
from sensorium.folders import (
    Format,
    apart,
    faults_of_disk,
    local_path,
    make_folder,
    read_arrays,
    read_tensors,
    require_same,
    whole,
    write_arrays,
    write_json,
    write_tensors,
)

ORCHARD = Format("orchard.json", "orchard", "plant one", kind="orchard", formats=(1, 2))

NAMELESS = Format("grove.json", "grove", "it is no grove", error=EncoderError)


def test_names_are_kept_apart() -> None:
    """Those that are numbered already, too, and whatever letters are capitals."""
    names = ["a", "b", "a", "A", "a-2", "b"]
    assert apart(names) == ["a", "b", "a-2", "A-3", "a-2-2", "b-2"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert not ORCHARD.is_in(tmp_path)
    ORCHARD.write(tmp_path, {"trees": 3, "where": tmp_path})
    assert ORCHARD.is_in(tmp_path)
    where = str(tmp_path)
    assert ORCHARD.read(tmp_path) == {"kind": "orchard", "format": 2, "trees": 3, "where": where}
    NAMELESS.write(tmp_path, {"trees": 4})
    assert NAMELESS.read(tmp_path) == {"format": 1, "trees": 4}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grove.json", "orchard.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"kind": "meadow", "format": 2}', "describes no orchard"),
        ('{"format": 2}', "describes no orchard"),
        ("[]", "describes no orchard"),
        ('{"kind": "orchard", "format": 3}', "format 3; this version reads formats 1 and 2"),
        ('{"kind": "orchard"}', "format None"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_another_kind_or_format_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "orchard.json").write_text(content)
    with pytest.raises(UsageError, match=said):
        ORCHARD.read(tmp_path)


def test_earlier_formats_are_read(tmp_path: Path) -> None:
    (tmp_path / "orchard.json").write_text('{"kind": "orchard", "format": 1}')
    assert ORCHARD.read(tmp_path)["format"] == 1


def test_where_there_is_none_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no orchard\.json: plant one"):
        ORCHARD.read(tmp_path)
    with pytest.raises(UsageError, match="is no folder and holds no"):
        ORCHARD.read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match=r"is no folder and holds no.*: it is no grove"):
        NAMELESS.read(tmp_path / "file")
    (tmp_path / "grove.json").write_text('{"kind": "orchard", "format": 1}')
    with pytest.raises(EncoderError, match="describes no grove"):
        NAMELESS.read(tmp_path)


def test_a_claimed_folder_is_free_or_goes_on(tmp_path: Path) -> None:
    ORCHARD.claim(tmp_path / "new", "checkpoints")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "new" / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        ORCHARD.claim(tmp_path / "new", "checkpoints")
    (tmp_path / "new" / "checkpoints").mkdir()
    ORCHARD.claim(tmp_path / "new", "checkpoints")  # a training that was killed
    ORCHARD.write(tmp_path / "new", {})
    with pytest.raises(UsageError, match="holds a trained model"):
        ORCHARD.claim(tmp_path / "new", "checkpoints")
    assert not (tmp_path / "new" / "checkpoints").exists()  # it was killed on its last step
    with pytest.raises(UsageError, match="is a file"):
        ORCHARD.claim(tmp_path / "new" / "note.txt", "checkpoints")
    ORCHARD.withdraw(tmp_path / "new")
    ORCHARD.withdraw(tmp_path / "other")
    assert not ORCHARD.is_in(tmp_path / "new") and (tmp_path / "other").is_dir()


def test_addresses_are_no_folders(tmp_path: Path) -> None:
    """Else a folder called `s3:` would be made."""
    for address in ("s3://bucket/out", Path("gs://bucket/out"), "https://a.org/b", "lance:///x"):
        with pytest.raises(UsageError, match="not to an address"):
            local_path(address)
        with pytest.raises(UsageError, match="not an address"):
            make_folder(tmp_path / address)
    assert not [*tmp_path.iterdir()]
    assert local_path("a:b/c") == Path("a:b/c").absolute()
    make_folder(tmp_path / "a:" / "b")


@pytest.mark.parametrize("name", ["file/model", "n" * 300, "a\0b"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="the folder cannot be made"):
        make_folder(tmp_path / name)


def test_damage_is_said_and_own_errors_pass(tmp_path: Path) -> None:
    for error in (KeyError("trees"), ValueError("no number"), RuntimeError("size mismatch")):
        with (
            pytest.raises(UsageError, match=f"the orchard is damaged.*{error.args[0]}"),
            ORCHARD.reading(tmp_path),
        ):
            raise error
    with pytest.raises(EncoderError, match="of its own"), ORCHARD.reading(tmp_path):
        raise EncoderError("of its own")
    with pytest.raises(KeyboardInterrupt), ORCHARD.reading(tmp_path):
        raise KeyboardInterrupt


def test_another_training_is_refused(tmp_path: Path) -> None:
    note, mine = tmp_path / "note.json", {"epochs": 3, "tune": ("image",), "data": "é"}
    assert not require_same(note, mine, tmp_path, tmp_path / "x")
    write_json(note, mine, shared=True)
    assert require_same(note, mine, tmp_path, tmp_path / "x")
    for other, said in (
        ({**mine, "epochs": 4}, "epochs was 3, now 4"),
        ({**mine, "seed": 1}, "seed was None, now 1"),
        ({"epochs": 3, "tune": ["image"]}, "data was é, now None"),
    ):
        with pytest.raises(UsageError, match=f"holds another training.*{said}.*delete"):
            require_same(note, other, tmp_path, tmp_path / "x")
    note.write_text("{")  # of a process that was killed
    assert not require_same(note, mine, tmp_path, tmp_path / "x")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), whole(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    with whole(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after" and list(tmp_path.iterdir()) == [path]
    with whole(path, shared=True) as one, whole(path, shared=True) as another:
        assert one != another
        one.write_text("1")
        another.write_text("2")
    assert path.read_text() == "1"  # of the one that ended last


def test_json_knows_dataclasses_and_paths_and_nothing_else(tmp_path: Path) -> None:
    @dataclasses.dataclass
    class Tree:
        kind: str

    write_json(tmp_path / "x.json", {"tree": Tree("梨"), "path": tmp_path})
    read = json.loads((tmp_path / "x.json").read_text("utf-8"))
    assert read == {"tree": {"kind": "梨"}, "path": str(tmp_path)}
    with pytest.raises(TypeError, match="set is no JSON"):
        write_json(tmp_path / "x.json", {1, 2})
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == read


def test_arrays_are_read_without_pickles(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    arrays: dict[str, Any] = {"a": np.arange(3, dtype=np.float32), "b": np.array("text")}
    write_arrays(path, arrays)
    read = read_arrays(path)
    assert read.keys() == arrays.keys() and read["a"].dtype == np.float32
    np.testing.assert_array_equal(read["a"], arrays["a"])
    content = path.read_bytes()
    for damaged in (b"", b"PK nonsense", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises((ValueError, OSError)):
            read_arrays(path)
    np.savez(path, a=np.array([{"a": 1}], object))  # a pickle
    with pytest.raises(ValueError, match="pickle"):
        read_arrays(path)
    with pytest.raises(ValueError, match=r"pickle|Object"):
        write_arrays(path, {"a": np.array([{"a": 1}], object)})
    with pytest.raises(OSError):
        read_arrays(tmp_path / "nowhere.npz")


def test_tensors_are_safetensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    path = tmp_path / "model.safetensors"
    turned = torch.arange(6.0).reshape(2, 3).T  # not contiguous
    write_tensors(path, {"turned": turned, "learnt": torch.nn.Parameter(torch.ones(2))})
    read = read_tensors(path)
    assert torch.equal(read["turned"], turned) and not read["learnt"].requires_grad
    path.write_bytes(b"\x08" * 20)
    with pytest.raises(ValueError):
        read_tensors(path)
    with pytest.raises(OSError):
        read_tensors(tmp_path / "nowhere.safetensors")


def test_a_trained_model_that_lost_its_description(tmp_path: Path) -> None:
    ORCHARD.require_finished(tmp_path)  # of somebody else
    (tmp_path / "history.json").touch()
    with pytest.raises(UsageError, match="its training did not end"):
        ORCHARD.require_finished(tmp_path)
    ORCHARD.write(tmp_path, {})
    ORCHARD.require_finished(tmp_path)


def test_what_libraries_say_of_a_full_disk_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as told, faults_of_disk(tmp_path / "model"):
        raise Exception("I/O error: No space left on device (os error 28)")
    assert told.value.errno == errno.ENOSPC and told.value.filename == str(tmp_path / "model")
    with pytest.raises(ValueError, match="another"), faults_of_disk(tmp_path):
        raise ValueError("another")
