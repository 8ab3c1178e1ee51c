"""``import``, ``export`` and ``duplicates``: what they print and exit with, and what they leave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.cli import bulk
from sensorium.cli.app import app
from sensorium.cli.group_sheet import write_group_sheets
from sensorium.collection import Item
from sensorium.collection.duplicates.finding import Duplicates
from sensorium.visible import visible
from tests.cli.conftest import COLORS, Run
from tests.collection.test_bulk import some
from tests.tiny_encoder import DIMENSION

COUNT = len(COLORS) + 1

if bulk.export not in [command.callback for command in app.registered_commands]:
    app.command("import")(bulk.import_)
    app.command()(bulk.export)
    app.command()(bulk.duplicates)


@pytest.mark.parametrize("name", ["out", "out.parquet", "out.lance"])
def test_out_and_in(run: Run, library: Path, tmp_path: Path, name: str) -> None:
    done = run("export", tmp_path / name, "-c", library)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{COUNT} vectors of {COUNT} items in ")
    done = run("import", tmp_path / name, "-c", tmp_path / "new.sensorium")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{COUNT} added in ")
    assert done.out.endswith(f"new.sensorium holds {COUNT}\n")
    one, other = (run("search", "red", "-c", c) for c in (library, tmp_path / "new.sensorium"))
    assert one.out == other.out
    again = run("import", tmp_path / name, "-c", tmp_path / "new.sensorium", "--json")
    assert again.code == 0
    report = json.loads(again.out)
    assert report.pop("seconds") > 0
    assert report == {
        "added": 0, "updated": COUNT, "normalized": 0, "skipped": 0, "notes": 0, "items": COUNT
    }  # fmt: skip


def test_export_respects_what_is_there(run: Run, library: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert json.loads(run("export", out, "-c", library, "--json").out)["layout"] == "numpy"
    done = run("export", out, "-c", library)
    assert done.code == 2 and done.err.startswith(f"sensorium: {out} exists")
    done = run("export", out, "-c", library, "--overwrite", "--layout", "clip-retrieval")
    assert done.code == 0 and (out / "img_emb" / "img_emb_0.npy").is_file()
    assert run("export", tmp_path / "x", "-c", library, "--layout", "csv").code == 2
    done = run("export", tmp_path / "x", "-c", tmp_path / "gone")
    assert done.code == 3 and not (tmp_path / "gone").exists()


def test_export_for_litert(
    run: Run, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    for arguments, said in (
        (["mini", new, "--format", "tflite"], "--format tflite: encoders are written as onnx and"),
        (["mini", new, "--batch", "2"], "--batch goes with --format litert"),
        ([new, "--format", "litert", "-c", library], "--format goes with an encoder: export MODEL"),
        (["mini", new, "--format", "onnx"], "mini is exported already; with --int8"),
        (["mini", new, "--format", "litert", "--batch", "0"], "be greater than or equal to 1"),
    ):
        done = run("export", *arguments)
        assert done.code == 2 and said in " ".join(done.err.split()), done.err
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    monkeypatch.delitem(sys.modules, "sensorium.encoders.export.litert", raising=False)
    done = run("export", "mini", new, "--format", "litert", "--images", tmp_path)
    assert done.code != 0 and not new.exists()
    pytest.importorskip("torch", reason="needs the extra hub: make hub")
    PIL.Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    done = run("export", "mini", new, "--format", "litert", "--images", tmp_path / "red.png")
    assert done.code != 0 and "litert_torch (which needs an environment of its own" in done.err
    assert "[export-litert]" in done.err and not new.exists()


@pytest.mark.filterwarnings("ignore:.* layers run in 8 bits")
def test_an_encoder_in_8_bits(run: Run, tmp_path: Path) -> None:
    from tests.encoders.test_int8 import convolutional, pictures  # skips where onnxscript is not

    encoder, out = convolutional(tmp_path / "float").folder, tmp_path / "out"
    images = pictures(tmp_path / "pictures")
    table = tmp_path / "captions.csv"
    rows = [f"{path},a red cat {number}" for number, path in enumerate(images)]
    table.write_text("\n".join(["path,caption", *rows]))
    given = ["export", encoder, out, "--int8", "--images", tmp_path / "pictures"]
    found = json.loads(run(*given, "--captions", table, "--json").out)
    assert found["losses"][0]["layers"] == 3 and found["captions"] == 24
    assert {"encoder.json", "image.onnx", "text.onnx"} < {path.name for path in out.iterdir()}
    assert run("index", images[0], "--encoder", out, "-c", tmp_path / "small").code == 0

    done = run(*given)
    assert done.code == 2 and "is not empty: name a new folder" in done.err
    done = run("export", encoder, tmp_path / "new")
    assert done.code == 2 and "is exported already; with --int8" in done.err
    done = run("export", encoder, tmp_path / "new", "--captions", table)
    assert done.code == 2 and "--captions goes with --int8" in done.err
    done = run("export", out, "--int8")
    assert done.code == 2 and "--int8 goes with an encoder" in done.err


def test_import_of_others(run: Run, tiny: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.concatenate([some(2), np.zeros((1, DIMENSION))]) * 2)
    (tmp_path / "items.csv").write_text("path,caption\nhttp://a,x\nhttp://b,y\nhttp://c,z\n")
    library = tmp_path / "c.sensorium"
    done = run("import", tmp_path, "-c", library)
    assert done.code == 2 and "--encoder" in done.err
    done = run("import", tmp_path, "-c", library, "--encoder", tiny)
    assert done.code == 1
    assert done.err == "skipped http://c: the vector has length zero\n"
    assert done.out.startswith("2 added, 1 skipped in ")
    assert "(2 brought to unit length)" in done.out
    rows = [json.loads(line) for line in run("import", tmp_path, "-c", library, "--encoder", tiny,
                                             "--json").lines]  # fmt: skip
    assert rows[0] == {"skipped": "http://c", "reason": "the vector has length zero"}
    assert (rows[1]["updated"], rows[1]["skipped"], rows[1]["items"]) == (2, 1, 2)
    with Collection(library) as collection:  # by a name it can be opened with again
        assert collection.info().encoder == str(tiny)


@pytest.fixture
def twice(folder: Path, tiny: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A collection in which one picture is there twice, and the copy."""
    pictures = shutil.copytree(folder, tmp_path / "pictures")
    copy = pictures / "two\nlines again.png"
    shutil.copy(pictures / "two\nlines 图.png", copy)
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(pictures)
    return tmp_path / "c.sensorium", copy


def test_duplicates(run: Run, twice: tuple[Path, Path]) -> None:
    library, copy = twice
    original = copy.with_name("two\nlines 图.png")
    kept, removed = sorted([original, copy])
    done = run("duplicates", "-c", library)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "group\tscore\tpath\tkind"
    shown = [visible(str(path)) for path in (kept, removed)]
    rows = "".join(f"1\t1.0000\t{path}\tcopies\n" for path in shown)
    assert done.out.endswith(rows) and len(done.out) == len(done.lines[0]) + 1 + len(rows)
    (group,) = [json.loads(line) for line in run("duplicates", "-c", library, "--json").lines]
    assert [item["path"] for item in group["items"]] == [str(kept), str(removed)]
    assert group["kind"] == "copies"
    assert run("duplicates", "-c", library, "--paths").out == f"{removed}\n"
    assert run("duplicates", "-c", library, "-0").out == f"{removed}\0"
    assert run("duplicates", "-c", library, "--json", "-0").code == 2
    assert run("duplicates", "-c", library, "--threshold", "2").code == 2


def test_what_was_altered_is_never_named_for_deletion(
    run: Run, tiny: Path, sample: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    photo = pictures / "photo.jpg"
    shutil.copy(sample / "images" / "x_panda.jpg", photo)
    shutil.copy(photo, pictures / "same.jpg")
    with PIL.Image.open(photo) as picture:
        picture.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT).save(pictures / "mirrored.png")
        # Another picture, though of one layout.
        levels = np.array(picture.convert("RGB"))
        levels[100:160, 100:160] = (250, 20, 20)
        PIL.Image.fromarray(levels).save(pictures / "other.png")
    library, sheet = tmp_path / "c.sensorium", tmp_path / "sheets" / "groups.png"
    with Collection(library, tiny) as collection:
        collection.add(pictures)
    copies = "group\tscore\tpath\tkind\n" + "".join(
        f"1\t1.0000\t{pictures / name}\tcopies\n" for name in ("photo.jpg", "same.jpg")
    )
    done = run("duplicates", "-c", library, "--copies", "--sheet", sheet)
    assert (done.code, done.out, done.err) == (0, copies, "")
    with PIL.Image.open(sheet) as drawn:
        small = drawn.size
    done = run("duplicates", "-c", library, "--sheet", sheet)
    assert done.out.startswith(copies)
    altered = [line.split("\t") for line in done.lines[3:]]
    assert {(group, Path(path).name, kind) for group, _, path, kind in altered} == {
        ("2", "photo.jpg", "altered"), ("2", "mirrored.png", "altered")
    }  # fmt: skip
    with PIL.Image.open(sheet) as drawn:  # a line of pictures more
        assert drawn.width == small[0] and drawn.height > 1.8 * small[1]
    groups = [json.loads(line) for line in run("duplicates", "-c", library, "--json").lines]
    assert [group["kind"] for group in groups] == ["copies", "altered"]
    assert run("duplicates", "-c", library, "--paths").out == f"{pictures / 'same.jpg'}\n"
    done = run("duplicates", "-c", library, "--sheet", tmp_path / "groups.jpg")
    assert done.code == 2 and ".png" in done.err


def test_sheets_of_groups(tmp_path: Path) -> None:
    """White shapes are seen, what is gone is grey and named, and many groups are several sheets."""
    shape = PIL.Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    shape.paste((255, 255, 255, 255), (20, 20, 80, 80))
    shape.save(tmp_path / "white.png")
    items = [
        Item(n, str(tmp_path / name), "image", {"width": 100, "height": 100})
        for n, name in enumerate(("white.png", "gone.png"))
    ]
    groups = [Duplicates("copies", items, [1.0, 1.0])] * 42
    sheets, unreadable = write_group_sheets(tmp_path / "g.png", groups)
    assert [sheet.name for sheet in sheets] == ["g.png", "g-2.png"]
    assert {Path(one.path).name for one in unreadable} == {"gone.png"}
    with PIL.Image.open(sheets[1]) as sheet:
        colors = {color for _, color in sheet.convert("RGB").getcolors(10**6)}
    # The ground of what is transparent, and the tile of the missing one.
    assert {(192, 192, 192), (105, 105, 105), (211, 211, 211)} <= colors


def test_no_duplicates(run: Run, library: Path, tmp_path: Path) -> None:
    # The tiny encoder tells even colours apart by their direction from grey.
    done = run("duplicates", "-c", library)
    assert (done.code, done.out, done.err) == (1, "", "nothing found\n")
    assert run("duplicates", "-c", tmp_path / "gone").code == 3


def test_removing_duplicates(run: Run, twice: tuple[Path, Path]) -> None:
    library, copy = twice
    listed = run("duplicates", "-c", library, "-0").out
    subprocess.run(["xargs", "-0", "rm"], input=os.fsencode(listed), check=True)
    assert run("prune", "-c", library).err == "1 forgotten\n"
    assert len([*copy.parent.glob("*.png")]) == COUNT
    assert run("duplicates", "-c", library).code == 1
