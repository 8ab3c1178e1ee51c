"""Parquet parts that a cluster writes of a collection in Lance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from sensorium import Collection
from sensorium.collection.exchange import SPACE_FILE, export_collection, import_collection
from sensorium.encoders import FolderEncoder
from sensorium.errors import CollectionError, UsageError
from tests.collection.test_bulk import some

ray = pytest.importorskip("ray", reason="needs the extra scale")

from sensorium import scale  # noqa: E402
from sensorium.scale import cluster as connecting  # noqa: E402
from sensorium.scale import exporting  # noqa: E402


@pytest.fixture(scope="module")
def cluster(sensorium_home: Path) -> Iterator[None]:
    """One machine, for all tests of this file."""
    with connecting.connected("local"):
        yield


@pytest.fixture
def library(tmp_path: Path, encoder: FolderEncoder) -> Iterator[Collection]:
    """Items of one vector and of several."""
    with Collection(f"lance://{tmp_path}/c.lance", encoder) as opened:
        opened.add_vectors(some(7), [f"/{n}" for n in range(7)], metadata={"caption": "a dog 狗"})
        spans = [(float(n), n + 1.0) for n in range(4)]
        opened.add_vectors(some(4, 1), ["clip"] * 4, modality="video", spans=spans)
        opened.add_vectors(some(2, 2), ["x", "y"], metadata={"year": 1999})
        yield opened


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    table = pyarrow.parquet.read_table(sorted(folder.glob("*.parquet")))
    assert table.schema.field("vector").type == pyarrow.list_(pyarrow.float32(), 48)
    columns = ("path", "start", "metadata", "modality")
    values = [table[name].to_pylist() for name in columns]
    vectors = [np.float32(v).tobytes() for v in table["vector"].to_pylist()]
    return [*zip(*values, vectors, strict=True)]


@pytest.mark.slow
def test_what_a_cluster_writes_is_what_is_written_here(
    cluster: None, library: Collection, tmp_path: Path, encoder: FolderEncoder
) -> None:
    out, seen = tmp_path / "out", []
    report = scale.export(library, out, rows=3, progress=lambda *done: seen.append(done))
    assert (report.items, report.rows, report.layout) == (10, 13, "parquet")
    assert sorted(p.name for p in out.iterdir()) == [
        *(f"part-{n:05}.parquet" for n in range(4)), exporting.PLAN, SPACE_FILE,
    ]  # fmt: skip
    assert seen[-1] == (13, 13)
    export_collection(library, tmp_path / "here", "parquet")
    assert rows_of(out) == rows_of(tmp_path / "here")
    with Collection(tmp_path / "back.sensorium", encoder) as back:
        assert import_collection(back, out).added == 10
        assert len(back.search("dog", mode="words")) == 7
    # A second run has nothing to do; a kill leaves whole files, and the rest is written.
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    assert scale.export(library, out).rows == 13
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before
    (out / SPACE_FILE).unlink()
    (out / "part-00001.parquet").unlink()
    (out / exporting.UNFINISHED).mkdir()
    (out / exporting.UNFINISHED / "half.parquet").write_bytes(b"PAR1")
    library.delete("x")  # what is gone on with is of the moment that it was begun at
    scale.export(library, out)
    assert rows_of(out) == rows_of(tmp_path / "here") and not (out / exporting.UNFINISHED).exists()
    assert (out / "part-00000.parquet").stat().st_mtime_ns == before["part-00000.parquet"]
    with pytest.raises(UsageError, match=r"holds the version \d+ of .*, which is now at \d+"):
        scale.export(library, out)


def test_what_is_not_written(library: Collection, tmp_path: Path, encoder: FolderEncoder) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no parts"):
        scale.export(library, other)
    for far in ("s3://bucket/out", Path("s3://bucket/out")):
        with pytest.raises(UsageError, match="not to an address"):
            scale.export(library, far)
    wrong: list[Any] = [0, "x", 1.5, True]
    for rows in wrong:
        with pytest.raises(UsageError, match="rows of a part are a whole number of 1 or more"):
            scale.export(library, tmp_path / "out", rows=rows)
    insensible: list[dict[str, Any]] = [
        {"workers": 0}, {"workers": "a"}, {"workers": 1.5}, {"cpus": 0}, {"cpus": float("nan")},
        {"cpus": float("inf")}, {"memory": -1}, {"memory": 0},
    ]  # fmt: skip
    for numbers in insensible:
        with pytest.raises(UsageError, match="are whole numbers of 1 or more, cpus more"):
            scale.export(library, tmp_path / "out", **numbers)
    with (
        Collection(tmp_path / "c.sensorium", encoder) as plain,
        pytest.raises(UsageError, match="is a file of SQLite, which other machines do not read"),
    ):
        scale.export(plain, tmp_path / "out")
    with (
        Collection(f"lance://{tmp_path}/empty.lance", encoder) as empty,
        pytest.raises(CollectionError, match="holds no vectors to export"),
    ):
        scale.export(empty, tmp_path / "out")
    (other / exporting.PLAN).write_text(json.dumps({"uri": "/x", "version": 1, "parts": []}))
    with pytest.raises(UsageError, match="holds parts of /x"):
        scale.export(library, other)
    place = {"first": 1, "last": 2, "rows": 2}
    parts = [{"name": "../mine.txt", **place}, {"name": "x", **place}]
    (other / exporting.PLAN).write_text(json.dumps({"uri": "/x", "version": 1, "parts": parts}))
    found = exporting._read_plan(other / exporting.PLAN)
    assert [part.name for part in found.parts] == ["part-00000.parquet", "part-00001.parquet"]
    for text in ("{", '{"uri": "x", "version": 1e400, "parts": []}', "[" * 100_000):
        (other / exporting.PLAN).write_text(text)
        with pytest.raises(UsageError, match="cannot be read"):
            scale.export(library, other)
    # What a disk that was full left is no hindrance; what somebody else put there is.
    begun = tmp_path / "begun" / exporting.UNFINISHED
    begun.mkdir(parents=True)
    assert exporting._is_unused(begun.parent)
    (begun / "mine.txt").write_text("mine")
    assert not exporting._is_unused(begun.parent)


def test_an_item_is_in_one_part() -> None:
    found = [*exporting._parts(iter([(1, 2), (4, 5), (5, 1), (9, 1), (12, 1)]), 3)]
    assert [(f.first, f.last, f.rows) for f in found] == [(1, 4, 7), (5, 12, 3)]
    assert [f.name for f in found] == ["part-00000.parquet", "part-00001.parquet"]
    assert not [*exporting._parts(iter([]), 3)]
