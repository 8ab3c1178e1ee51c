"""Broken sounds, videos, documents and 3-D objects through the commands that read files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium import Collection
from tests.bad_files import tiff
from tests.bad_media import bad_media, film, gltf, odd_media
from tests.cli.conftest import Run
from tests.media.pdfs import text_pdf
from tests.media.small_pictures import encode, red_blue

MINUTES = 3  # after which a run counts as hanging
UNUSUAL = tiff((256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 7), (262, 3, 1, 99))
"""A TIFF with seven bits a sample and photometric interpretation 99, which nobody has defined."""


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_every_bad_file_is_named_and_every_good_one_stored(tmp_path: Path, tiny: Path) -> None:
    bad, odd = bad_media(), odd_media()
    folder = write(tmp_path / "media", {**{n: content for n, (content, _) in bad.items()}, **odd})
    path = tmp_path / "c.sensorium"
    command = [sys.executable, "-m", "sensorium", "index", folder, "-c", path, "--encoder", tiny]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=MINUTES * 60, check=False
    )
    clock = ("indexing", "sensorium index, ")  # what is said every ten seconds
    said = [line for line in done.stderr.splitlines() if not line.startswith(clock)]
    assert (done.returncode, said) == (1, [])  # and no library wrote anything
    *rows, total = [json.loads(line) for line in done.stdout.splitlines()]
    reasons = {Path(row["skipped"]).name: row["reason"] for row in rows if "skipped" in row}
    assert {*reasons} == {*bad}
    notes = {Path(row["noted"]).name: row["reason"] for row in rows if "noted" in row}
    assert "its audio is left out" in notes["cut.mkv"]
    for name, (_, pattern) in bad.items():
        assert re.search(pattern, reasons[name]), (name, reasons[name])
        assert reasons[name].isprintable() and len(reasons[name]) < 300
    assert total["added"] == total["items"] == len(odd)
    with Collection(path, tiny) as library:
        endless = library.get(folder / "endless.obj")
        assert endless is not None and endless.metadata["extents"] == [None, 2.0, 1.0]
        for name, word in (("report.txt", "name"), ("deep.html", "bottom"),
                           ("one-page-gone.pdf", "two"), ("conditions.html", "there")):  # fmt: skip
            assert [Path(hit.path).name for hit in library.search(word, mode="words")] == [name]


def test_reembedding_and_contact_sheets(
    run: Run, tmp_path: Path, tiny: Path, other_tiny: Path
) -> None:
    good = {"a.png": encode(red_blue(), "PNG"), "b.mp4": film(), "c.gltf": gltf(0, 1, 2),
            "d.pdf": text_pdf("one"), "e.png": encode(red_blue((50, 40)), "PNG")}  # fmt: skip
    folder, path = write(tmp_path / "media", good), tmp_path / "c.sensorium"
    assert run("index", folder, "-c", path, "--encoder", tiny).code == 0
    write(folder, {"a.png": UNUSUAL, "b.mp4": bad_media()["unknown-codec.mp4"][0],
                   "c.gltf": gltf(0, 1, 99), "d.pdf": b"%PDF-1.7\n"})  # fmt: skip
    reasons = {
        "a.png": "kind of TIFF",
        "b.mp4": "codec",
        "c.gltf": "index 99",
        "d.pdf": "PDF",
    }
    sheet = tmp_path / "sheet.png"
    drawn = run("search", "red", "-c", path, "--sheet", sheet)
    assert drawn.code == 0 and sheet.exists()
    for name in ("a.png", "b.mp4", "c.gltf"):  # of a document, the passage is drawn
        assert re.search(f"{name}: .*{reasons[name]}", drawn.err), drawn.err
    done = run("reembed", "--encoder", other_tiny, "-c", path)
    assert done.code == 1 and "1 embedded, 4 skipped" in done.out
    for name, reason in reasons.items():
        assert re.search(f"{name}: .*{reason}", done.err), done.err


@pytest.mark.parametrize(
    "name", ["unknown-codec.mp4", "no-such-point.gltf", "deep.gltf", "cut.pdf", "head.flac"]
)
def test_a_question_that_cannot_be_read(run: Run, tmp_path: Path, tiny: Path, name: str) -> None:
    folder = write(tmp_path / "media", {"a.png": encode(red_blue(), "PNG")})
    path = tmp_path / "c.sensorium"
    content, reason = bad_media()[name]
    query = write(tmp_path / "asked", {name: content}) / name
    with Collection(path, tiny) as library:
        library.add(folder)
    done = run("search", query, "-c", path)
    assert done.code == 3 and done.out == ""
    assert re.search(f"{name}: .*{reason}", " ".join(done.err.split()))


def test_labels_of_files(run: Run, tmp_path: Path, tiny: Path) -> None:
    folder = write(tmp_path / "media", {"a.png": encode(red_blue(), "PNG"), "b.tif": UNUSUAL})
    done = run("classify", folder, "--labels", "red,blue", "--encoder", tiny)
    assert done.code == 1 and str(folder / "a.png") in done.out
    assert re.search(r"b\.tif: .*kind of TIFF that cannot be read \(", done.err)


def test_examples_of_a_classifier_and_of_an_evaluation(
    run: Run, tmp_path: Path, tiny: Path
) -> None:
    for label, picture in (("red", 0), ("blue", 1)):
        pictures = {f"{n}.png": encode(red_blue((20 + n, 30 + picture)), "PNG") for n in range(3)}
        write(tmp_path / "classes" / label, {**pictures, "z.tif": UNUSUAL})
    trained = run("train", "classifier", tmp_path / "classes", "--encoder", tiny,
                  "--out", tmp_path / "out")  # fmt: skip
    measured = run("evaluate", tmp_path / "classes", "--encoder", tiny, "--out", tmp_path / "e")
    for done in (trained, measured):
        assert len(re.findall(r"kind of TIFF that cannot be read", done.err)) >= 1, done
        assert done.code in (0, 1)


def test_a_document_with_an_unreadable_part_of_a_classifier(
    run: Run, tmp_path: Path, tiny: Path
) -> None:
    for label, word in (("cats", "cat"), ("dogs", "dog")):
        texts = {f"{n}.txt": f"a {word} {n}".encode() for n in range(3)}
        write(tmp_path / "texts" / label, {**texts, "broken.pdf": b"%PDF-1.7\n"})
    done = run("train", "classifier", tmp_path / "texts", "--encoder", tiny,
               "--out", tmp_path / "out")  # fmt: skip
    assert done.code in (0, 1)
    assert (tmp_path / "out").is_dir()
    assert "broken PDF (Failed to load document" in done.err
