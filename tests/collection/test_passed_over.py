"""What is passed over is counted and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection import Skipped
from sensorium.data.files import NO_SUFFIX, select_files, told_ignored
from sensorium.media.skipped import group_skipped
from tests.cli.conftest import Run, run  # noqa: F401
from tests.collection.pictures import png
from tests.media.pdfs import text_pdf
from tests.media.recordings import encode_sound, tone


@pytest.fixture
def mixed(folder: Path) -> Path:
    """Pictures, one of which is none, others not read; a sound, a document, and no media."""
    for n in range(3):
        (folder / f"{n}.png").write_bytes(png(n))
    (folder / "broken.png").write_bytes(b"nothing")
    (folder / "a.wav").write_bytes(encode_sound(tone(1), "wav"))
    (folder / "b.pdf").write_bytes(text_pdf("A red square."))
    for n in range(35):
        (folder / f"{n:02}.jxl").write_bytes(b"")
    for name in ("a.json", "b.JSON", "c.py", "Makefile", "archive.tar.gz"):
        (folder / name).write_text("x")
    return folder


UNREAD = "JPEG XL pictures cannot be read: convert to JPEG, PNG or AVIF"


def test_reasons_are_told_once_and_counted() -> None:
    skipped = [Skipped(f"{n}.jxl", "JPEG XL") for n in range(35)]
    skipped[7:7] = [Skipped("a.png", "broken"), Skipped("b.png", "gone"), Skipped("c.png", "gone")]
    assert group_skipped(skipped) == [
        "35 (0.jxl, 1.jxl, 2.jxl and 32 more): JPEG XL",
        "a.png: broken",
        "2 (b.png, c.png): gone",
    ]
    assert group_skipped([]) == []


def test_kinds_are_told_commonest_first() -> None:
    assert told_ignored({".py": 1}) == "1 other file ignored: 1 .py"
    kinds = {f".{letter}": n for n, letter in enumerate("abcdefgh", 1)}
    assert told_ignored({**kinds, NO_SUFFIX: 1200}) == (
        "1,236 other files ignored: 1,200 no suffix, 8 .h, 7 .g, 6 .f, 5 .e, 4 .d, "
        "6 of 3 other kinds"
    )


def test_a_report_counts_kinds(collection: Collection, mixed: Path) -> None:
    report = collection.add(mixed)
    assert report.ignored == 5
    assert report.ignored_kinds == {".json": 2, ".py": 1, NO_SUFFIX: 1, ".gz": 1}
    assert sum(item.reason == UNREAD for item in report.skipped) == 35


def test_indexing_tells_once(run: Run, mixed: Path, tiny: Path, tmp_path: Path) -> None:  # noqa: F811
    done = run("index", mixed, "-c", tmp_path / "c", "--encoder", tiny)
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == 3  # pictures in a format that is not read, the broken one, and the sound
    (phone,) = [line for line in lines if UNREAD in line]
    assert phone.startswith("skipped 35 (") and phone.endswith(f"02.jxl and 32 more): {UNREAD}")
    assert "(5 other files ignored: 2 .json, 1 .gz, 1 .py, 1 no suffix)" in done.out
    rows = [json.loads(line) for line in run("index", mixed, "-c", tmp_path / "c", "--json").lines]
    assert sum(row.get("reason") == UNREAD for row in rows) == 35
    assert rows[-1]["ignored_kinds"] == {".json": 2, ".py": 1, NO_SUFFIX: 1, ".gz": 1}


def test_what_is_named_and_cannot_be_used_is_told(mixed: Path) -> None:
    chosen = select_files([mixed / "0.png", mixed / "a.wav"], "image", "only pictures are taken")
    assert [path.name for path in chosen.paths] == ["0.png"]
    assert chosen.skipped == [Skipped(str(mixed / "a.wav"), "is audio: only pictures are taken")]
    assert chosen.ignored == {}
    chosen = select_files([mixed], "image", "only pictures are taken")
    assert [path.name for path in chosen.paths] == ["0.png", "1.png", "2.png", "broken.png"]
    assert {item.reason for item in chosen.skipped} == {UNREAD}
    kinds = {".wav": 1, ".pdf": 1, ".json": 2, ".py": 1, NO_SUFFIX: 1, ".gz": 1}
    assert chosen.ignored == kinds
    table = mixed / "table.csv"
    table.write_text("path\n0.png\nb.pdf\n")
    chosen = select_files([table], "image", "only pictures are taken")
    assert [item.reason for item in chosen.skipped] == ["is text: only pictures are taken"]


def test_labelling_files_names_what_it_cannot_use(run: Run, mixed: Path, tiny: Path) -> None:  # noqa: F811
    command = ("classify", "--labels", "red,blue", "--encoder", tiny)
    done = run(*command, mixed / "0.png", mixed / "a.wav", mixed / "b.pdf", mixed / "c.py")
    assert done.code == 1 and str(mixed / "0.png") in done.out
    assert f"skipped {mixed / 'a.wav'}: is audio: only pictures are labelled by names" in done.err
    assert f"skipped {mixed / 'b.pdf'}: is text: only pictures are labelled by names" in done.err
    assert f"skipped {mixed / 'c.py'}: no picture, or one that is broken" in done.err
    alone = run(*command, mixed / "a.wav")
    assert alone.code == 1 and "a.wav: is audio" in alone.err
    rows = [json.loads(line) for line in run(*command, mixed / "a.wav", "--json").lines]
    assert rows == [
        {"skipped": str(mixed / "a.wav"), "reason": "is audio: only pictures are labelled by names"}
    ]
    everything = run(*command, mixed)
    assert "7 other files ignored: 2 .json, 1 .gz, 1 .pdf, 1 .py, 1 .wav, 1 no suffix" in (
        everything.err
    )
