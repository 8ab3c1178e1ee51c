"""What columns of a table hold, and reading them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Image
from sensorium.data.columns import (
    Column,
    category_of,
    detect_columns,
    detect_kind,
    is_missing,
    number_of,
    resolve_paths,
)
from sensorium.data.tables import read_good_rows
from sensorium.errors import UsageError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a.jpg", "b.PNG", None], "image"),
        (["a.jpg", "b.jpg", "c.jpg", "d.jpg", "what?"], "image"),
        (["https://x.org/a.jpg", "https://x.org/b.jpg"], "text"),  # which is not fetched
        (["a.wav", "b.mp3"], "audio"),
        (["a.mp4", "b.webm"], "video"),
        (["a.obj", "b.glb"], "mesh"),
        (["a.pdf", "b.txt"], "document"),
        (["1", "2.5", "-3e2", ""], "number"),
        ([1, 2.5, None], "number"),
        (["007", "008"] * 5, "category"),
        (["red", "blue"] * 5, "category"),
        ([True, False] * 5, "category"),
        (["a dog runs", "a cat sleeps", "red"], "text"),
        (["x" * 100, "y" * 100] * 5, "text"),
        ([[1.0, 2.0], [3.0, 4.0]], "vectors"),
        ([np.zeros(3), np.ones((2, 3)), None], "vectors"),
        (["one"] * 9, None),
        ([None, "", float("nan")], None),
        ([1.5, 2.5, 1e400, -1e400], "number"),
        ([3.0, 1e400, 3.0], None),
        ([Image(np.zeros((4, 4, 3), np.uint8))], "image"),
    ],
)
def test_kinds(values: list[Any], kind: str | None) -> None:
    assert detect_kind(values) == kind


def test_cells() -> None:
    assert [is_missing(v) for v in (None, " ", float("nan"), 0, "0", False)] == [
        True, True, True, False, False, False
    ]  # fmt: skip
    assert all(is_missing(json.loads(v)) for v in ("NaN", "1e400", "-1e400", "Infinity"))
    assert is_missing(np.float32("nan")) and is_missing(np.float32("inf"))
    assert not is_missing(np.zeros(2)) and not is_missing(np.float32(0))
    texts = ("1.5", " 2 ", "007", "0.5", "1e999", "nan", "inf", "1_000", True, 10**400)
    assert [number_of(v) for v in texts] == [
        1.5, 2.0, None, 0.5, None, None, None, None, None, None
    ]  # fmt: skip
    assert [category_of(v) for v in (3.0, 3, "3", " a ", "", True)] == [
        "3", "3", "3", "a", None, "True"
    ]  # fmt: skip


def test_modalities() -> None:
    kinds = {"a": "image", "b": "document", "c": "text", "d": "number", "e": "category"}
    columns = [Column(name, kind) for name, kind in kinds.items()]  # type: ignore[arg-type]
    assert [c.modality for c in columns] == ["image", "text", "text", "tabular", "tabular"]
    assert Column("clip", "vectors").modality == "clip"


def test_columns_of_a_table() -> None:
    rows = [{"photo": f"{i}.jpg", "size": i, "kind": "ab"[i % 2], "same": 1} for i in range(12)]
    found = detect_columns(rows, leave_out=["kind"])
    assert found == [Column("photo", "image"), Column("size", "number")]
    assert detect_columns(rows, {"size": "category"}) == [Column("size", "category")]


@pytest.mark.parametrize(
    ("columns", "leave_out", "message"),
    [
        ({"photo": "picture"}, [], "no kind 'picture'; there are image, audio"),
        ({"foto": "image"}, [], "no column 'foto'; it has photo, size"),
        ({"size": "number"}, ["size"], "'size' is a target"),
        (None, ["photo", "size"], "no column is left to learn from; the table has photo, size"),
    ],
)
def test_what_does_not_fit(columns: Any, leave_out: list[str], message: str) -> None:
    rows = [{"photo": f"{i}.jpg", "size": i} for i in range(12)]
    with pytest.raises(UsageError, match=message):
        detect_columns(rows, columns, leave_out=leave_out)


def test_reading(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("photo,note\nred.png,one\ngone.png,a,b\nhttps://x.org/y.jpg,two\n,three\n")
    rows, skipped = read_good_rows(Path(table))
    assert [row["note"] for row in rows] == ["one", "two", "three"]
    assert [item.path for item in skipped] == ["t.csv:3"]
    assert "more fields than the header" in skipped[0].reason
    resolved = resolve_paths(rows, [Column("photo", "image")], table)
    assert [row["photo"] for row in resolved] == [
        str(tmp_path / "red.png"), "https://x.org/y.jpg", ""
    ]  # fmt: skip
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"v": [1, 2], "n": 3}\nno json\n')
    rows, skipped = read_good_rows(lines)
    assert rows == [{"v": [1, 2], "n": 3}] and "not JSON" in skipped[0].reason
    lines.write_text("")
    with pytest.raises(UsageError, match="holds no row"):
        read_good_rows(lines)
