"""Out and in again, equal to the bit; other tools' files; exports that are whole or not there."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from sensorium import Collection
from sensorium.collection import tables
from sensorium.collection.exchange import Columns, export_collection, import_collection
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, SpaceMismatchError, UsageError
from tests.collection.pictures import start, write_many
from tests.collection.test_bulk import some
from tests.tiny_encoder import DIMENSION

TARGETS = [
    ("numpy", "out"), ("clip-retrieval", "out"), ("parquet", "out.parquet"), ("parquet", "out"),
    ("lance", "out.lance"),
]  # fmt: skip


@pytest.fixture
def filled(collection: Collection, folder: Path) -> Collection:
    """Files, URLs, segments, nested metadata."""
    write_many(folder, range(4))
    collection.add(folder, metadata={"caption": "a 图", "nested": {"a": [1, 2.5, None, "x"]}})
    collection.add_vectors(some(3), ["https://a/b.jpg", "00012", "x/y"], metadata={"year": 1999})
    spans = [(n / 3, n / 3 + 1) for n in range(4)]
    collection.add_vectors(some(4, 1), ["clip"] * 4, modality="video", spans=spans)
    return collection


def rows(collection: Collection) -> list[Any]:
    """Everything that is exchanged."""
    return collection._store.read(
        "SELECT path, size, mtime_ns, content_hash, items.modality, metadata, properties, ordinal, "
        "start, stop, vector FROM items JOIN segments ON item_id = items.id "
        "ORDER BY items.id, ordinal"
    )


@pytest.mark.parametrize(("layout", "name"), TARGETS)
@pytest.mark.parametrize("batch_size", [2, 4096])
def test_round_trip(
    filled: Collection, tmp_path: Path, layout: str, name: str, batch_size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(tables, "PART_ROWS", 4)  # several parts, a clip across two of them
    report = export_collection(filled, tmp_path / name, layout)
    assert (report.items, report.rows, report.layout) == (8, 11, layout)
    with Collection(tmp_path / "new.sensorium") as new:  # learns the space from the export
        added = import_collection(new, tmp_path / name, batch_size=batch_size)
        assert (added.added, added.normalized, added.skipped) == (8, 0, [])
        assert rows(new) == rows(filled)
        assert new.encoder.space == filled.encoder.space
        again = import_collection(new, tmp_path / name)
        assert (again.added, again.updated) == (0, 8)
        assert rows(new) == rows(filled)
        # Sizes, times and content hashes came along: nothing is read again.
        assert new.add(tmp_path / "pictures").unchanged == 4


def test_vectors_alone_are_left_in(filled: Collection, tmp_path: Path) -> None:
    """What other tools get to see."""
    export_collection(filled, tmp_path / "out")
    vectors = np.load(tmp_path / "out" / "vectors.npy")
    lines = (tmp_path / "out" / "items.jsonl").read_text("utf-8").splitlines()
    assert vectors.shape == (11, DIMENSION) and vectors.dtype == np.float32
    assert [json.loads(line)["path"] for line in lines] == [row[0] for row in rows(filled)]
    space = json.loads((tmp_path / "out" / "space.json").read_text("utf-8"))
    assert space["fingerprint"] == filled.encoder.space.fingerprint
    assert (space["dimension"], space["rows"]) == (DIMENSION, 11)


def test_the_target_is_respected(filled: Collection, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter.txt").write_text("x")
    with pytest.raises(UsageError, match="exists"):
        export_collection(filled, precious)
    with pytest.raises(UsageError, match="no export"):
        export_collection(filled, precious, overwrite=True)
    assert (precious / "letter.txt").read_text() == "x"
    for layout, name in TARGETS:
        export_collection(filled, tmp_path / layout / name, layout)
        with pytest.raises(UsageError, match="exists"):
            export_collection(filled, tmp_path / layout / name, layout)
        export_collection(filled, tmp_path / layout / name, layout, overwrite=True)
        assert [file.name for file in (tmp_path / layout).iterdir()] == [name]
        if layout == "parquet":
            break
    with pytest.raises(UsageError, match="not to an address"):
        export_collection(filled, Path("s3://bucket/out"))
    with pytest.raises(UsageError, match="unknown layout 'csv'; known: numpy"):
        export_collection(filled, tmp_path / "new", "csv")


def test_nothing_to_export(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no vectors"):
        export_collection(collection, tmp_path / "out")
    assert not (tmp_path / "out").exists()


PROGRAM = """
import os, signal, sys
from sensorium import Collection
from sensorium.collection import exchange
exchange.BULK_BATCH = 2
def kill(done, total):
    if done >= 4:
        {end}
exchange.export_collection(Collection(sys.argv[1]), sys.argv[2], sys.argv[3], progress=kill)
"""


@pytest.mark.parametrize(("layout", "name"), [TARGETS[0], TARGETS[2]])
def test_killed_half_way(filled: Collection, tmp_path: Path, layout: str, name: str) -> None:
    target = tmp_path / "exports" / name
    kill = PROGRAM.format(end="os.kill(os.getpid(), signal.SIGKILL)")
    process = start(kill, filled.path, target, layout)
    assert process.wait(60) == -signal.SIGKILL
    (left,) = target.parent.iterdir()
    assert left.name.startswith(f".{name}.") and left.name.endswith(".partial")
    process = start(PROGRAM.format(end="raise OSError('no space')"), filled.path, target, layout)
    _, err = process.communicate(timeout=60)
    assert "cannot be written (no space)" in err
    assert [*target.parent.iterdir()] == []  # and what the killed one left is gone
    export_collection(filled, target, layout)
    assert [*target.parent.iterdir()] == [target]


def test_adding_during_an_export_does_not_enter_it(filled: Collection, tmp_path: Path) -> None:
    def add(done: int, total: int) -> None:
        filled.add_vectors(some(1, 9), ["late"])

    assert export_collection(filled, tmp_path / "out", progress=add).rows == 11
    assert filled._store.items(["late"]).get("late") is not None
    assert len(np.load(tmp_path / "out" / "vectors.npy")) == 11


def clip_retrieval(folder: Path, counts: tuple[int, ...], kind: str = "img") -> np.ndarray:
    """What clip-retrieval's inference writes: float16 parts, and a table of the same rows."""
    (folder / f"{kind}_emb").mkdir(parents=True)
    (folder / "metadata").mkdir(exist_ok=True)
    vectors = some(sum(counts)).astype(np.float16)
    begin = 0
    for part, count in enumerate(counts):
        np.save(folder / f"{kind}_emb" / f"{kind}_emb_{part:02}.npy", vectors[begin:][:count])
        numbers = range(begin, begin + count)
        table = pyarrow.table(
            {
                "image_path": [f"{n:09}" for n in numbers],
                "caption": [f"caption {n}" if n % 3 else None for n in numbers],
                "similarity": [0.25 if n % 2 else float("nan") for n in numbers],
                "width": pyarrow.array(list(numbers), pyarrow.int32()),
            }
        )
        pyarrow.parquet.write_table(table, folder / "metadata" / f"metadata_{part:02}.parquet")
        begin += count
    return vectors


def test_two_shards_of_clip_retrieval(
    collection: Collection, encoder: Encoder, tmp_path: Path
) -> None:
    vectors = clip_retrieval(tmp_path / "emb", (7, 4))
    with pytest.raises(UsageError, match="does not say which encoder"):
        import_collection(collection, tmp_path / "emb")
    report = import_collection(collection, tmp_path / "emb", encoder=encoder, batch_size=3)
    assert report.added == 11
    found = rows(collection)
    assert [row[0] for row in found] == [f"{n:09}" for n in range(11)]
    stored = np.stack([np.frombuffer(row[-1], "<f4") for row in found])
    np.testing.assert_allclose(stored, vectors, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-5)
    seventh = collection._store.items(["000000007"]).get("000000007")
    assert seventh is not None
    assert seventh.metadata == {"caption": "caption 7", "similarity": 0.25, "width": 7}
    sixth = collection._store.items(["000000006"]).get("000000006")
    assert sixth is not None and sixth.metadata == {"width": 6}


def test_captions_of_clip_retrieval(
    collection: Collection, encoder: Encoder, tmp_path: Path
) -> None:
    clip_retrieval(tmp_path / "emb", (3,))
    clip_retrieval(tmp_path / "emb", (3,), "text")
    import_collection(collection, tmp_path / "emb", encoder=encoder)
    columns = Columns(modality="text")
    import_collection(collection, tmp_path / "emb", encoder=encoder, columns=columns)
    assert collection.info().items == {"image": 3, "text": 3}
    assert collection._store.items(["000000001#caption"]).get("000000001#caption") is not None


def test_shards_that_do_not_fit(collection: Collection, encoder: Encoder, tmp_path: Path) -> None:
    clip_retrieval(tmp_path / "emb", (3, 4))
    np.save(tmp_path / "emb" / "img_emb" / "img_emb_01.npy", some(5))
    with pytest.raises(UsageError, match=r"has 5 rows, .* has 4"):
        import_collection(collection, tmp_path / "emb", encoder=encoder)
    (tmp_path / "emb" / "img_emb" / "img_emb_01.npy").unlink()
    with pytest.raises(UsageError, match="found 1 and 2"):
        import_collection(collection, tmp_path / "emb", encoder=encoder)
    assert len(collection) == 0


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("beside", [False, True])
def test_numpy_of_others(
    collection: Collection, encoder: Encoder, tmp_path: Path, suffix: str, beside: bool
) -> None:
    stem = ("mine", "mine") if beside else ("vectors", "items")
    np.save(tmp_path / f"{stem[0]}.npy", some(3))
    lines = {
        ".csv": "path,caption,year\nhttp://x/0,a cat,1999\n1,a dog,2000\n,no path,2001\n",
        ".jsonl": '{"path": "http://x/0", "caption": "a cat", "year": 1999}\n'
        '\n{"path": "1", "caption": "a dog", "year": 2000}\nno json\n',
    }
    (tmp_path / f"{stem[1]}{suffix}").write_text(lines[suffix])
    source = tmp_path / "mine.npy" if beside else tmp_path
    report = import_collection(collection, source, encoder=encoder)
    assert (report.added, len(report.skipped)) == (2, 1)
    item = collection._store.items(["1"]).get("1")
    assert item is not None and item.metadata == {"caption": "a dog", "year": 2000}
    np.save(tmp_path / f"{stem[0]}.npy", some(4))
    with pytest.raises(UsageError, match=r"has 3 rows, .* has 4"):
        import_collection(collection, source, encoder=encoder)


def test_cells_and_columns_of_parquet_have_limits(
    collection: Collection, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_FIELD", 1000)
    vectors = [*some(5).astype(np.float64).tolist(), [1.0] * 100_000]
    table = pyarrow.table(
        {
            "path": ["a", "b", "c", "d", None, "f"],
            "text": ["x", "y" * 2000, None, "z", "", ""],
            "tags": [["t"], [], ["t"] * 2000, None, [], []],
            "thumb": [b"", b"", b"", b"1" * 2000, b"", None],
            "emb": pyarrow.array(vectors, pyarrow.list_(pyarrow.float64())),
        }
    )
    source = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(table, source, row_group_size=2)
    report = import_collection(
        collection, source, encoder=encoder, columns=Columns(vector="emb"), batch_size=2
    )
    assert report.added == 2
    skipped = {item.path: item.reason for item in report.skipped}
    assert skipped[f"{source}: row 2"] == "column text holds more than 1,000 bytes or values"
    assert skipped[f"{source}: row 3"] == "column tags holds more than 1,000 bytes or values"
    assert "is no array of" in skipped["f"]
    assert len(skipped) == 4
    monkeypatch.setattr(tables, "MAX_COLUMNS", 3)
    with pytest.raises(UsageError, match="has 5 columns; a table has at most 3"):
        import_collection(collection, source, encoder=encoder)


@pytest.mark.parametrize("kind", ["parquet", "folder", "lance"])
def test_tables_of_others(
    collection: Collection, encoder: Encoder, tmp_path: Path, kind: str
) -> None:
    vectors = [*some(4).astype(np.float64).tolist(), None, [1.0] * 7]
    table = pyarrow.table(
        {
            "url": [f"https://x/{n}" for n in range(6)],
            "taken": pyarrow.array([0] * 6, pyarrow.timestamp("s")),
            "tags": [["a", "b"]] * 6,
            "thumb": [b"\0"] * 6,
            "emb": pyarrow.array(vectors, pyarrow.list_(pyarrow.float64())),
        }
    )
    source = tmp_path / {"parquet": "t.parquet", "folder": "t", "lance": "t.lance"}[kind]
    if kind == "lance":
        lance.write_dataset(table, str(source))
    elif kind == "parquet":
        pyarrow.parquet.write_table(table, source, row_group_size=2)
    else:
        source.mkdir()
        pyarrow.parquet.write_table(table[:3], source / "1.parquet")
        pyarrow.parquet.write_table(table[3:], source / "2.parquet")
    report = import_collection(collection, source, encoder=encoder)
    assert (report.added, [item.path for item in report.skipped]) == (
        4, ["https://x/4", "https://x/5"]
    )  # fmt: skip
    item = collection._store.items(["https://x/2"]).get("https://x/2")
    assert item is not None
    assert item.metadata == {"taken": "1970-01-01T00:00:00", "tags": ["a", "b"]}
    with pytest.raises(UsageError, match="no column nothing for the path; it has url, taken"):
        import_collection(collection, source, encoder=encoder, columns=Columns(path="nothing"))
    with pytest.raises(UsageError, match="lists of numbers: emb"):
        import_collection(collection, source, encoder=encoder, columns=Columns(vector="tags"))


def test_another_space(
    filled: Collection, encoder: Encoder, other_encoder: Encoder, tmp_path: Path
) -> None:
    for layout, name in TARGETS[:3]:
        target = tmp_path / layout / name
        export_collection(filled, target, layout)
        with pytest.raises(SpaceMismatchError, match="not other"):
            import_collection(filled, target, encoder=other_encoder)
        with Collection(tmp_path / f"{layout}.sensorium", other_encoder) as other:
            other.add_vectors(some(1), ["a"])
            with pytest.raises(SpaceMismatchError):
                import_collection(other, target)
            assert len(other) == 1


def test_another_dimension(collection: Collection, encoder: Encoder, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", np.ones((2, 7)))
    (tmp_path / "items.csv").write_text("path\na\nb\n")
    with pytest.raises(UsageError, match=f"of 7 dimensions, tiny .* has {DIMENSION}"):
        import_collection(collection, tmp_path, encoder=encoder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone", None, "no such file"),
        ("a.npy", b"x", "needs a row"),
        ("a.parquet", b"x", "no Parquet"),
        ("a.lance", b"x", "no Lance"),
        ("a.txt", b"x", "nothing that can be imported"),
        ("vectors.npy", b"x", "no array"),
    ],
)
def test_not_importable(
    collection: Collection, encoder: Encoder, tmp_path: Path,
    name: str, content: bytes | None, message: str,
) -> None:  # fmt: skip
    (tmp_path / "vectors.csv").write_text("path\na\n")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        import_collection(collection, tmp_path / name, encoder=encoder)


def test_a_damaged_space(filled: Collection, tmp_path: Path) -> None:
    export_collection(filled, tmp_path / "out")
    (tmp_path / "out" / "space.json").write_text("{}")
    with pytest.raises(CollectionError, match="space is not readable"):
        import_collection(filled, tmp_path / "out")
    (tmp_path / "out" / "space.json").write_text('{"format": 3}')
    with pytest.raises(CollectionError, match="upgrade"):
        import_collection(filled, tmp_path / "out")


def test_rows_that_lance_keeps_elsewhere(tmp_path: Path, encoder: Encoder) -> None:
    """A dataset may name servers for its rows, and the library would ask them."""
    vectors = pyarrow.FixedSizeListArray.from_arrays(
        np.eye(2, DIMENSION, dtype=np.float32).ravel(), DIMENSION
    )
    table = pyarrow.table({"path": ["a", "b"], "vector": vectors})
    whole = lance.write_dataset(table, str(tmp_path / "whole.lance"))
    whole.tags.create("now", 1)
    whole.shallow_clone(str(tmp_path / "clone.lance"), reference="now")
    with Collection(tmp_path / "c", encoder) as library:
        with pytest.raises(UsageError, match=r"keeps rows in other places \('.*whole\.lance'\)"):
            import_collection(library, tmp_path / "clone.lance", encoder=encoder)
        assert import_collection(library, tmp_path / "whole.lance", encoder=encoder).added == 2
