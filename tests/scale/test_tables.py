"""Tables that hold encoded files: which rows they have, what they are called, and what is wrong."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import lance
import pyarrow
import pyarrow.parquet
import pytest

from sensorium.errors import UsageError
from sensorium.scale.rows import Task, tasks_of
from sensorium.scale.tables import ReadParts, Tables, parts_table, table_kind, tables_of
from tests.collection.pictures import png


def write_parquet(path: Path, rows: list[dict[str, Any]], group: int = 3) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=group)
    return path


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


def read(tables: Tables, stored: dict[str, bytes] | None = None) -> list[Task]:
    reading = ReadParts({"source": "test"}, stored or {})
    blocks = [block for part in parts_table(tables.parts) for block in reading(part)]
    return [task for block in blocks for task in tasks_of(block)]


def test_parquet_with_keys_and_what_rows_say(tmp_path: Path) -> None:
    rows = [
        {"id": n, "image": png(n), "caption": f"picture {n}", "score": n / 2, "extra": [1.0]}
        for n in range(7)
    ]
    path = write_parquet(tmp_path / "a.parquet", rows)
    tables = tables_of([path])
    assert (len(tables.parts), tables.rows) == (3, 7)
    tasks = read(tables, {f"parquet://{path}#2": b"known"})
    assert [task.work.file.path for task in tasks] == [f"parquet://{path}#{n}" for n in range(7)]
    assert [task.content for task in tasks] == [png(n) for n in range(7)]
    assert tasks[3].work.candidate.metadata == {
        "source": "test", "caption": "picture 3", "score": 1.5
    }  # fmt: skip
    assert [task.work.is_known for task in tasks] == [n == 2 for n in range(7)]
    assert tasks[2].work.file.content_hash == b"known"
    assert len({task.number for task in tasks}) == 7
    assert [task.number for task in read(tables)] == [task.number for task in tasks]


def test_hugging_face_pictures_and_rows_without_a_key(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"image": {"bytes": png(n), "path": f"p{n}.png" if n % 2 else None}} for n in range(4)
    ]
    rows.append({"image": {"bytes": None, "path": "gone.png"}})
    path = write_parquet(tmp_path / "a.parquet", rows, group=2)
    tasks = read(tables_of([str(path)]))
    names = [task.work.file.path.partition("#")[2] for task in tasks]
    assert names == ["0", "p1.png", "2", "p3.png", "gone.png"]
    assert tasks[4].work.change == "skip"
    assert tasks[4].work.reason == "the row holds no encoded file"


def test_lance_by_fragments(tmp_path: Path) -> None:
    schema = pyarrow.schema({"key": pyarrow.string(), "image": pyarrow.large_binary()})
    rows = [{"key": f"k{n}", "image": png(n)} for n in range(5)]
    path = tmp_path / "a.lance"
    lance.write_dataset(
        pyarrow.Table.from_pylist(rows, schema=schema), str(path), max_rows_per_file=2
    )
    tables = tables_of([path])
    assert (len(tables.parts), tables.rows) == (3, 5)
    assert {task.work.file.path: task.content for task in read(tables)} == {
        f"lance://{path}#k{n}": png(n) for n in range(5)
    }


def test_tars_of_webdataset(tmp_path: Path) -> None:
    for shard in range(2):
        write_tar(
            tmp_path / f"{shard:04}.tar",
            {
                f"{shard}a.jpg": png(shard), f"{shard}a.txt": b"a caption\n",
                f"{shard}b.json": json.dumps({"year": 1999, "deep": {}}).encode(),
                f"{shard}b.png": png(shard + 10), f"{shard}c.txt": b"alone",
            },
        )  # fmt: skip
    tables = tables_of([f"{tmp_path}/{{0000..0001}}.tar"])
    assert [Path(part.uri).name for part in tables.parts] == ["0000.tar", "0001.tar"]
    tasks = read(tables)
    assert [task.work.file.path.partition("#")[2] for task in tasks] == [
        "0a", "0b", "0c", "1a", "1b", "1c"
    ]  # fmt: skip
    assert [task.content for task in tasks] == [png(0), png(10), None, png(1), png(11), None]
    said = [task.work.candidate.metadata for task in tasks[:2]]
    assert said == [{"source": "test", "caption": "a caption"}, {"source": "test", "year": 1999}]
    assert tasks[2].work.change == "skip"


def test_what_is_broken_in_a_table_costs_what_lies_behind_it(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {f"{n}.png": png(n) for n in range(4)})
    tar.write_bytes(tar.read_bytes()[:1800])
    tasks = read(tables_of([tar]))
    good = [task for task in tasks if not task.work.change]
    assert [task.content for task in good] == [png(0)]
    assert tasks[-1].work.change == "skip" and "from here on" in tasks[-1].work.reason


def test_what_is_no_table_of_files_is_refused(tmp_path: Path) -> None:
    paths = write_parquet(tmp_path / "paths.parquet", [{"path": "a.png", "n": 1}])
    with pytest.raises(UsageError, match="needs a column of encoded files"):
        tables_of([paths])
    (tmp_path / "b.parquet").write_bytes(b"no table")
    with pytest.raises(UsageError, match="cannot be read as a parquet table"):
        tables_of([tmp_path / "b.parquet"])
    with pytest.raises(UsageError, match="cannot be read as a lance table"):
        tables_of([tmp_path / "gone.lance"])
    kinds = {"a.png": None, "photos": None, "a.csv": None, "x.TAR": "webdataset"}
    assert {name: table_kind(name) for name in kinds} == kinds
    assert table_kind({"path": "a.tar"}) is None
    assert table_kind("s3://bucket/a.lance/") == "lance"
