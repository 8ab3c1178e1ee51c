"""All commands but ``search``: what they print, what they exit with, what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sensorium
from sensorium import Collection
from sensorium.encoders import cost
from sensorium.tasks.yes_no import answer
from tests.bad_media import film
from tests.cli.conftest import COLORS, Run
from tests.media.small_pictures import encode, red_blue

COMMANDS = (
    "answer", "caption", "chat", "check", "classify", "detect", "duplicates", "evaluate", "explain",
    "export", "import", "index", "info", "mcp", "models", "optimize", "plan", "prune", "reembed",
    "search", "segment", "serve", "shard", "speak", "summarize", "transcribe", "translate",
    "versions",
)  # fmt: skip
COUNT = len(COLORS) + 1


@pytest.fixture
def pictures(folder: Path, tmp_path: Path) -> Path:
    """The folder again, to be changed."""
    return shutil.copytree(folder, tmp_path / "pictures")


# index


def test_indexing_twice(run: Run, pictures: Path, tiny: Path, tmp_path: Path) -> None:
    library = tmp_path / "new" / "c.sensorium"
    done = run("index", pictures, "-c", library, "--encoder", tiny)
    assert (done.code, done.err) == (0, "")  # a pipe gets no progress bar
    assert len(done.lines) == 1
    assert done.out.startswith(f"{COUNT} added in ")
    assert "(1 other file ignored: 1 .csv)" in done.out and done.out.endswith(f"holds {COUNT}\n")
    again = run("index", pictures, "-c", library)
    assert again.code == 0 and again.out.startswith(f"0 added, {COUNT} unchanged in ")
    (pictures / "red.png").rename(pictures / "rot.png")
    (pictures / "blue.png").write_bytes(encode(red_blue((50, 50)), "PNG"))
    (pictures / "broken.jpg").write_bytes(b"broken")
    third = run("index", pictures, "-c", library)
    assert third.code == 1
    expected = f"0 added, 1 updated, 1 moved, {COUNT - 2} unchanged, 1 skipped in "
    assert third.out.startswith(expected)
    assert third.err.startswith(f"skipped {pictures / 'broken.jpg'}: no picture")
    assert len(third.err.splitlines()) == 1  # not wrapped, however long


def test_indexing_as_json(run: Run, pictures: Path, tiny: Path, tmp_path: Path) -> None:
    (pictures / os.fsdecode(b"caf\xe9.png")).write_bytes(encode(red_blue(), "PNG"))
    done = run(
        "index", pictures, tmp_path / "gone", "-c", tmp_path / "c", "--encoder", tiny, "--json"
    )
    rows = [json.loads(line) for line in done.lines]
    assert (done.code, done.err) == (1, "")
    assert {row["skipped"] for row in rows[:-1]} == {
        str(tmp_path / "gone"), str(pictures / os.fsdecode(b"caf\xe9.png"))
    }  # fmt: skip
    assert rows[-1].pop("seconds") > 0
    assert rows[-1] == {
        "added": COUNT, "updated": 0, "moved": 0, "unchanged": 0, "embedded": COUNT, "compared": 0,
        "ignored": 1, "ignored_kinds": {".csv": 1}, "skipped": 2, "notes": 0, "items": COUNT,
        "stopped": False,
    }  # fmt: skip


def test_what_is_left_out_of_a_file_is_told(run: Run, tiny: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(film())
    films = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    done = run("index", *films, "-c", tmp_path / "c", "--encoder", tiny)
    assert done.code == 0 and done.out.startswith("2 added, 2 with notes in ")
    (line,) = done.err.splitlines()  # of one reason
    assert line.startswith(f"note on 2 ({films[0]}, {films[1]}): its audio is left out: the space")
    done = run("index", *films, "-c", tmp_path / "d", "--encoder", tiny, "--json")
    *rows, total = [json.loads(line) for line in done.lines]
    assert (done.code, done.err, total["notes"]) == (0, "", 2)
    assert {row["noted"] for row in rows} == {*map(str, films)}


def test_the_default_collection_lies_in_the_home(
    run: Run, pictures: Path, tiny: Path, tmp_path: Path
) -> None:
    home = {"SENSORIUM_HOME": str(tmp_path / "home")}
    assert run("info", env=home).code == 3
    assert run("index", pictures, "--encoder", tiny, env=home).code == 0
    assert (tmp_path / "home" / "library.sensorium").is_file()
    assert json.loads(run("info", "--json", env=home).out)["items"] == {"image": COUNT}
    named = home | {"SENSORIUM_COLLECTION": str(tmp_path / "named.sensorium")}
    assert run("index", pictures / "red.png", "--encoder", tiny, env=named).code == 0
    assert json.loads(run("info", "--json", env=named).out)["items"] == {"image": 1}


def test_names_are_relative_to_the_current_folder(
    run: Run, pictures: Path, tiny: Path, tmp_path: Path
) -> None:
    done = run("index", "pictures/r*.png", "-c", "c.sensorium", "--encoder", tiny, cwd=tmp_path)
    assert done.code == 0 and "c.sensorium holds 1" in done.out
    done = run("search", "pictures/red.png", "-c", "c.sensorium", "--paths", cwd=tmp_path)
    assert done.lines == [str(pictures / "red.png")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["index"], 2, "sources"),
        (["index", "x.png", "--encoder", "no-such"], 2, "there is no encoder 'no-such'"),
        (["no-such-command"], 2, "no-such-command"),
        (["classify"], 2, "--labels cat,dog"),
        (["classify", "--labels", " , "], 2, "--labels cat,dog"),
        (["classify", "x.png", "--labels", "a,b", "--where", "1"], 2, "name no files"),
        (["classify", "x.png", "--labels", "a,b", "--encoder", "no-such"], 2, "no-such"),
        (["reembed", "--encoder", "no-such", "-c", "missing"], 3, "missing"),
        (["info", "-c", "missing"], 3, "sensorium index"),
        (["prune", "-c", "missing"], 3, "sensorium index"),
    ],
)
def test_commands_that_cannot_be(
    run: Run, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert words in done.err.replace("SOURCES", "sources")
    assert not (tmp_path / "missing").exists()


def test_another_encoder_is_refused_with_the_command_that_changes_over(
    run: Run, pictures: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    library = tmp_path / "c.sensorium"
    assert run("index", pictures, "-c", library, "--encoder", tiny).code == 0
    refused = run("index", pictures, "-c", library, "--encoder", other_tiny)
    assert refused.code == 3 and "sensorium reembed" in refused.err
    done = run("reembed", "--encoder", other_tiny, "-c", library)
    assert (done.code, done.err) == (0, "")
    assert f"{COUNT} embedded, 0 skipped" in done.out and "now in other [" in done.out
    assert json.loads(run("info", "-c", library, "--json").out)["encoder"] == str(other_tiny)
    (pictures / "red.png").unlink()
    back = run("reembed", "--encoder", tiny, "-c", library)
    assert back.code == 1 and "red.png: no such file" in back.err
    assert "1 without vectors" in run("info", "-c", library).out


def test_prune_forgets_what_is_gone(run: Run, pictures: Path, tiny: Path, tmp_path: Path) -> None:
    library = tmp_path / "c.sensorium"
    with Collection(library, tiny) as collection:
        collection.add(pictures)
    (pictures / "red.png").unlink()
    dry = run("prune", "-c", library, "--dry-run")
    assert (dry.code, dry.out) == (0, f"{pictures / 'red.png'}\n")
    assert dry.err == "1 would be forgotten\n"
    done = run("prune", "-c", library)
    assert (done.code, done.out, done.err) == (0, dry.out, "1 forgotten\n")
    assert run("prune", "-c", library).err == "0 forgotten\n"


# classify


def test_classifying_a_collection(run: Run, folder: Path, library: Path) -> None:
    done = run("classify", "--labels", "red, blue ,a green square", "-c", library, "-k", "2")
    assert (done.code, done.err) == (0, "")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.lines}
    path, *labels = [str(folder / "red.png"), *rows[str(folder / "red.png")]]
    assert Path(path).is_file() and len(labels) == 4
    assert {labels[0], labels[2]} <= {"red", "blue", "a green square"}
    assert 1 >= float(labels[1]) >= float(labels[3]) >= 0


def test_classifying_files_as_json(run: Run, pictures: Path, tiny: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"broken")
    (pictures / os.fsdecode(b"caf\xe9.png")).write_bytes(encode(red_blue(), "PNG"))
    command = ("classify", pictures, "--labels", "red,blue", "--encoder", tiny)
    done = run(*command, "--json")
    rows = [json.loads(line) for line in done.lines]
    assert (done.code, done.err) == (1, "")
    assert len(rows) == COUNT + 2  # a classifier has nothing against names that are not UTF-8
    labelled = [row for row in rows if "labels" in row]
    assert len(labelled) == COUNT + 1
    for row in labelled:
        assert {*row["labels"]} == {"red", "blue"}
        assert sum(row["labels"].values()) == pytest.approx(1, abs=1e-5)
    assert rows[-1]["skipped"] == str(pictures / "broken.jpg")
    plain = run(*command)
    assert plain.code == 1 and "broken.jpg: no picture" in plain.err
    # The very bytes of the name, for whoever reads the pipe.
    assert any(line.startswith(str(pictures / os.fsdecode(b"caf\xe9.png"))) for line in plain.lines)


def test_one_label_is_a_question(run: Run, folder: Path, tiny: Path, library: Path) -> None:
    picture = folder / "red.png"
    command = ("classify", picture, "--labels", "red", "--encoder", tiny)
    (said,) = map(json.loads, run(*command, "--json").lines)
    (answered,) = said["answers"]
    assert said["labels"] == {"red": answered["probability"]}
    assert answered["label"] == "red" and answered["answer"] == answer(answered["probability"])
    heading, line = run(*command).lines
    assert heading == "path\tlabel\tprobability\tanswer"
    probability = f"{answered['probability']:.4f}"
    assert line == f"{picture}\tred\t{probability}\t{answered['answer']}"
    stored = run("classify", "--labels", "red", "-c", library).lines
    assert line in stored and len(stored) > COUNT


def test_each_label_by_itself(run: Run, folder: Path, tiny: Path) -> None:
    command = ("classify", folder / "red.png", "--labels", "red,a dog", "--encoder", tiny)
    done = run(*command, "--multi")
    heading, line = done.lines
    assert heading.split("\t")[1:4] == ["label 1", "probability 1", "answer 1"]
    assert {*line.split("\t")[1::3]} == {"red", "a dog"}
    refused = run("classify", folder / "red.png", "--labels", "not a dog", "--encoder", tiny)
    assert refused.code == 2 and "ask for 'dog'" in refused.err


# info, models, help


def test_info(run: Run, library: Path, tiny: Path) -> None:
    facts = json.loads(run("info", "-c", library, "--json").out)
    assert facts["path"] == str(library) and facts["items"] == {"image": COUNT}
    assert facts["encoder"] == str(tiny)
    assert {"caption", "number", "width", "height"} <= {*facts["fields"]}
    done = run("info", "-c", library)
    assert (done.code, done.err) == (0, "")
    for words in (str(library), f"{COUNT} image", "tiny [", "48 dimensions", "caption, "):
        assert words in done.out
    assert all(line.strip() and not line.startswith(" ") for line in done.lines)


def test_info_tells_of_indexes(run: Run, library: Path) -> None:
    assert json.loads(run("info", "-c", library, "--json").out)["indexes"] == {}
    assert run("optimize", "-c", library, "--hash", "16", "--method", "lsh").code == 0
    (told,) = json.loads(run("info", "-c", library, "--json").out)["indexes"].items()
    assert told[0] == "hash"
    assert (told[1]["kind"], told[1]["vectors"], told[1]["parameters"]["bits"]) == (
        "hash",
        COUNT,
        16,
    )
    assert told[1]["bytes"] > 0 and "recall" not in told[1]
    assert f"hash, 16 bits over {COUNT} vectors, " in run("info", "-c", library).out


def test_models(run: Run) -> None:
    done = run("models", "--json")
    assert (done.code, done.err) == (0, "")
    found = {row["name"]: row for row in map(json.loads, done.lines)}
    assert found["mini"]["default"] is True
    assert found["mini"]["modalities"] == ["image", "text"]
    assert found["mini"]["bytes"] < 60_000_000
    assert "zh" in found["mini"]["languages"] and "en" in found["mini"]["languages"]
    plain = run("models")
    assert plain.code == 0 and "mini (default)" in plain.out
    assert found["mini"]["fingerprint"] in plain.out


def test_models_measured_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "BATCH", 2)  # a window of sound takes a third of a second
    monkeypatch.setattr(cost, "ROUNDS", 1)
    rows = map(json.loads, run("models", "--measure", "--json").lines)
    mini = next(row for row in rows if row["name"] == "mini")
    assert {*mini["seconds"]} == {*mini["modalities"]}
    assert all(value > 0 for value in mini["seconds"].values()) and mini["load_seconds"] > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"sensorium {command}" in done.out and "--help" in done.out


def test_help_and_version(run: Run) -> None:
    for arguments in (["--help"], ["-h"]):
        done = run(*arguments)
        assert (done.code, done.err) == (0, "")
        assert all(command in done.out for command in COMMANDS)
    assert run("--version").out == f"{sensorium.__version__}\n"
    bare = run()
    assert bare.code == 2 and "Usage" in bare.out + bare.err and "index" in bare.out + bare.err


# What is loaded when


def loaded(code: str) -> set[str]:
    code += "; import sys; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {*done.stdout.splitlines()[-1].split()}


def test_importing_sensorium_loads_nothing_heavy() -> None:
    heavy = {"numpy", "PIL", "openvino", "onnxruntime", "tokenizers", "torch", "rich", "typer"}
    assert not loaded("import sensorium") & heavy
    assert "numpy" in loaded("import sensorium; sensorium.Image")  # or the test sees nothing


def test_describing_a_collection_loads_no_runtime(library: Path) -> None:
    code = f"import sensorium; sensorium.Collection({str(library)!r}).info()"
    assert not loaded(code) & {"openvino", "onnxruntime", "tokenizers", "torch", "pyarrow"}
