"""Manifests: tables of paths and metadata, as people and programs write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.data.files import Candidate, find_files
from sensorium.media.skipped import Skipped
from tests.collection.pictures import names, write, write_many


def rows(manifest: Path) -> dict[str, dict[str, object]]:
    return {f.path.name: f.metadata for f in find_files([manifest]) if isinstance(f, Candidate)}


def reasons(manifest: Path) -> list[str]:
    return [f.reason for f in find_files([manifest]) if isinstance(f, Skipped)]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv(folder: Path, bom: str) -> None:
    table = folder / "m.csv"
    table.write_text(
        bom + 'path,caption,year\r\na.png,"two\nlines, ""quoted""",2001\r\nsub/b.png,,\r\n'
    )
    assert rows(table) == {"a.png": {"caption": 'two\nlines, "quoted"', "year": 2001}, "b.png": {}}
    paths = [f.path for f in find_files([table]) if isinstance(f, Candidate)]
    assert paths == [folder / "a.png", folder / "sub" / "b.png"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("0", 0), ("2.5", 2.5), ("12.50", 12.5), ("1e3", 1000.0),
        ("-0.25", -0.25), ("9007199254740993", 9007199254740993),
        ("007", "007"), ("1_000", "1_000"), (" 5", 5), ("+5", "+5"), ("nan", "nan"),
        ("inf", "inf"), ("1e999", "1e999"), ("0x10", "0x10"), ("1.", "1."), (".5", ".5"),
        ("٣", "٣"), ("9" * 5_000, "9" * 5_000), ("18446744073709551616", "18446744073709551616"),
        ("true", "true"), ("2024-01-01", "2024-01-01"),
    ],
)  # fmt: skip
def test_numbers_of_a_csv(folder: Path, text: str, value: object) -> None:
    table = folder / "m.csv"
    table.write_text(f"path,x\na.png,{text}\n")
    found = rows(table)["a.png"]["x"]
    assert found == value
    assert type(found) is type(value)


def test_a_column_of_numbers_is_compared_as_numbers(collection: Collection, folder: Path) -> None:
    prices = ["9.50", "10.25", "100", "1.00"]
    for seed, file in enumerate(write_many(folder, range(4))):
        with (folder / "m.csv").open("a") as table:
            if not seed:
                table.write("path,price\n")
            table.write(f"{file.name},{prices[seed]}\n")
    collection.add(folder / "m.csv")
    hits = collection.search("dog", where="price > 9.4 AND price < 11")
    assert sorted(hit.metadata["price"] for hit in hits) == [9.5, 10.25]


def test_a_column_without_a_name(folder: Path) -> None:
    """As pandas writes its index."""
    table = folder / "m.csv"
    table.write_text(",path,caption\n0,a.png,one\n1,b.png,two\n")
    assert rows(table) == {"a.png": {"caption": "one"}, "b.png": {"caption": "two"}}


def test_bad_rows_of_a_csv(folder: Path) -> None:
    table = folder / "m.csv"
    table.write_text(
        "path,a\n"
        "good.png,1\n"
        "long.png,1,2,3\n"
        ",1\n"
        "   ,1\n"
        "https://example.org/x.png,1\n"
        "photo.jxl,1\n"
        "\n"
        "short.png\n"
    )
    assert rows(table) == {"good.png": {"a": 1}, "short.png": {}}
    assert reasons(table) == [
        "row has more fields than the header: put texts with commas in quotes",
        "row has no 'path'",
        "row has no 'path'",
        "https://example.org/x.png: URLs are not indexed: download the file and name it",
        "JPEG XL pictures cannot be read: convert to JPEG, PNG or AVIF",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "manifest needs a 'path' column; it has nothing"),
        (b"name,year\na.png,1\n", "manifest needs a 'path' column; it has name, year"),
        ("path\nä.png\n".encode("latin-1"), "manifest cannot be read"),
        ("path,a\n".encode("utf-32"), "manifest cannot be read"),
    ],
)
def test_a_csv_that_is_none(folder: Path, content: bytes, reason: str) -> None:
    table = folder / "m.csv"
    table.write_bytes(content)
    assert rows(table) == {}
    (found,) = reasons(table)
    assert reason in found


def test_json_lines(collection: Collection, folder: Path) -> None:
    for seed, name in enumerate(["a.png", "b.png", "~$c.png"]):
        write(folder / name, seed)
    table = folder / "m.jsonl"
    lines = [
        json.dumps({"path": "a.png", "tags": ["x", {"y": 1}], "ok": True, "none": None}),
        "",
        json.dumps({"path": "b.png", "深さ": "😀", "big": 10**30}),
        json.dumps({"path": "~$c.png"}),
    ]
    table.write_text("\ufeff" + "\n".join(lines))
    report = collection.add(table)
    assert report.skipped == []
    assert names(collection) == ["a.png", "b.png", "~$c.png"]
    a, b = collection.get(folder / "a.png"), collection.get(folder / "b.png")
    assert a is not None
    assert b is not None
    assert a.metadata["tags"] == ["x", {"y": 1}]
    assert (a.metadata["ok"], a.metadata["none"]) == (True, None)
    assert (b.metadata["深さ"], b.metadata["big"]) == ("😀", 10**30)
    assert collection.add(table).unchanged == 3


BAD_LINES = [
    "{", "nonsense", "[1, 2]", '"a.png"', "7", "null", '{"path": 7}', '{"path": null}', "{}",
    '{"path": ""}', '{"path": "nul\\u0000byte.png"}', '{"path": "a.png", "x": NaN}',
    '{"path": "a.png", "x": -Infinity}', '{"path": "a.png", "x": 1e999}',
    '{"path": "a.png", "x": "\\ud800"}', '{"path": "a.png", "\\udfff": 1}',
    '{"path": "caf\\udce9.png"}', '{"path": "a.png", "x": ' + "[" * 100_000,
    '{"path": "a.png", "x": ' + "9" * 5_000 + "}",
]  # fmt: skip


def test_bad_lines_take_nothing_with_them(collection: Collection, folder: Path) -> None:
    files = write_many(folder, range(len(BAD_LINES) + 1))
    good = [json.dumps({"path": file.name, "n": n}) for n, file in enumerate(files)]
    mixed = [line for pair in zip(good, BAD_LINES, strict=False) for line in pair]
    (folder / "m.jsonl").write_text("\n".join([*mixed, good[-1]]))
    report = collection.add(folder / "m.jsonl")
    assert report.added == len(files)
    assert len(report.skipped) == len(BAD_LINES)
    assert [s.path for s in report.skipped] == [
        f"{folder / 'm.jsonl'}:{2 * n + 2}" for n in range(len(BAD_LINES))
    ]
    assert all(s.reason for s in report.skipped)


def test_a_manifest_names_files_relative_to_itself(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "sub" / "a.png", 1)
    write(folder / "b.png", 2)
    (folder / "sub" / "m.csv").write_text(f"path\na.png\n../b.png\n{folder}/sub/a.png\n")
    monkeypatch.chdir("/")
    assert collection.add(folder / "sub" / "m.csv").added == 2
    assert names(collection) == ["a.png", "b.png"]


def test_later_rows_of_a_file_add_up(collection: Collection, folder: Path) -> None:
    write(folder / "a.png", 1)
    (folder / "m.csv").write_text("path,caption,year\na.png,one,1\na.png,two,\n")
    assert collection.add(folder / "m.csv").added == 1
    item = collection.get(folder / "a.png")
    assert item is not None
    assert (item.metadata["caption"], item.metadata["year"]) == ("two", 1)


def test_the_sample_manifest(sample: Path) -> None:
    found = rows(sample / "images.csv")
    assert len(found) == 190
    assert reasons(sample / "images.csv") == []
    assert found["x_horse.jpg"]["caption_zh"] == "马"
