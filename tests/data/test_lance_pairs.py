"""Captioned pictures out of Lance tables: what is read when, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

lance = pytest.importorskip("lance", reason="needs the extra lance")

import pyarrow  # noqa: E402

from sensorium.data.captioned import read_captioned  # noqa: E402
from sensorium.data.lance_pairs import lance_uri  # noqa: E402
from sensorium.data.sources import open_all  # noqa: E402
from sensorium.errors import MediaError, UsageError  # noqa: E402

COLORS = ("red", "green", "blue", "white")


def png(color: str) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (20, 10), color).save(file, "png")
    return file.getvalue()


def write(path: Path, columns: dict[str, Sequence[Any]], **options: Any) -> Path:
    lance.write_dataset(pyarrow.table(columns), str(path), **options)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four pictures in two fragments, one of them without a caption, one of an empty cell."""
    columns = {
        "key": ["r", "g", "b", "w", "n"],
        "image": [*map(png, COLORS), None],
        "caption": ["a red one", "a green one", "a blue one", "", "nothing"],
        "caption_more": [["red", "red"], [], ["blue"], [], []],
    }
    return write(tmp_path / "pairs.lance", columns, max_rows_per_file=3)


def colors(pictures: Sequence[Any]) -> list[tuple[int, ...]]:
    return [picture.load().getpixel((0, 0)) for picture in pictures]


@pytest.mark.parametrize("name", ["{}", "lance://{}", "lance:/{}"])
def test_names_of_tables(name: str, table: Path, tmp_path: Path) -> None:
    assert lance_uri(name.format(table)) == str(table)
    assert lance_uri("s3:/bucket/name") == lance_uri("s3://bucket/name") == "s3://bucket/name"
    assert lance_uri(str(tmp_path)) is None and lance_uri("org/name") is None


def test_pictures_in_rows(table: Path) -> None:
    found = read_captioned(f"lance://{table}")
    assert found.names == ["r", "g", "b", "n"]
    assert found.texts[0] == ["a red one", "red"] and found.texts[2] == ["a blue one", "blue"]
    assert [(one.path, one.reason) for one in found.skipped] == [
        ("pairs.lance:3", "row has no caption")
    ]
    sources = found.sources
    # In the order in which they are asked for, from both fragments, one of them twice.
    assert colors(open_all([sources[2], sources[0], sources[2]])) == [
        (0, 0, 255), (255, 0, 0), (0, 0, 255)
    ]  # fmt: skip
    assert colors([sources[1].open()]) == [(0, 128, 0)]
    with pytest.raises(MediaError, match="the row holds no picture"):
        sources[3].open()


def test_rows_are_counted_without_those_that_were_deleted(table: Path) -> None:
    before = read_captioned(table).sources
    lance.dataset(str(table)).delete("key = 'r'")
    found = read_captioned(table)
    assert found.names == ["g", "b", "n"]
    assert colors(open_all(found.sources[:2])) == [(0, 128, 0), (0, 0, 255)]
    assert found.sources[0].stamp != before[1].stamp  # of another version
    assert colors([before[0].open()]) == [(255, 0, 0)]  # who has opened it reads on


def test_pictures_are_read_when_asked_for_alone(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[list[int]] = []
    scanned: list[list[str]] = []
    take, scan = lance.LanceDataset.take, lance.LanceDataset.to_batches

    def counted(self: Any, rows: list[int], *args: Any, **options: Any) -> Any:
        taken.append(rows)
        return take(self, rows, *args, **options)

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        scanned.append(options["columns"])
        return scan(self, *args, **options)

    monkeypatch.setattr(lance.LanceDataset, "take", counted)
    monkeypatch.setattr(lance.LanceDataset, "to_batches", watched)
    sources = read_captioned(table).sources
    assert taken == [] and scanned == [["caption", "caption_more", "key"]]
    open_all(sources[:2])
    assert taken == [[0, 1]]


def test_paths_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png("red"))
    columns = {
        "path": ["red.png", "red.png", "https://example.org/a.png", "red.png"],
        "text": ["a red one", "rot", "far", "rot"],
    }
    found = read_captioned(write(tmp_path / "p.lance", columns))
    assert (found.names, found.texts) == (["red.png"], [["a red one", "rot"]])
    assert colors(open_all(found.sources)) == [(255, 0, 0)]
    assert "URLs are not fetched" in found.skipped[0].reason


@pytest.mark.parametrize(
    "columns", [{"image": [b"x"]}, {"caption": ["a"]}, {"image": [b"x"], "caption": [1]}]
)
def test_a_lacking_column_is_named(columns: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs a column of pictures .* it has .*(image|caption)"):
        read_captioned(write(tmp_path / "t.lance", columns))


def test_no_table_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a Lance table"):
        read_captioned(f"lance://{tmp_path}/none.lance")
