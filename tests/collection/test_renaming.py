"""Files that changed names: vectors and what is said follow the content, whatever the order."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Collection
from sensorium.encoders import Encoder
from tests.collection.pictures import check_vectors, names, png, write

ON_BOTH_STORES = True


def captioned(collection: Collection, folder: Path, count: int) -> list[Path]:
    files = [write(folder / f"{n}.png", n, mtime=1_000 + n) for n in range(count)]
    (folder / "m.csv").write_text(
        "path,caption\n" + "".join(f"{n}.png,c{n}\n" for n in range(count))
    )
    collection.add(folder / "m.csv")
    return files


def rename(folder: Path, to: dict[int, int]) -> None:
    """Rename files by number, all at once."""
    for old in to:
        (folder / f"{old}.png").rename(folder / f"{old}.aside")
    for old, new in to.items():
        (folder / f"{old}.aside").rename(folder / f"{new}.png")


def said(collection: Collection, folder: Path) -> dict[str, object]:
    return {
        file.name: item.metadata.get("caption")
        for file in sorted(folder.glob("*.png"))
        if (item := collection.get(file))
    }


def check(collection: Collection, folder: Path, encoder: Encoder) -> None:
    """Every file has the vector of its content and the caption that content had."""
    files = [file for file in folder.glob("*.png") if collection.get(file)]
    known = {png(n): f"c{n}" for n in range(20)}
    assert said(collection, folder) == {f.name: known[f.read_bytes()] for f in sorted(files)}
    collection.prune()
    check_vectors(collection, encoder, {str(file): file.read_bytes() for file in files})


def test_swapped(collection: Collection, folder: Path, encoder: Encoder) -> None:
    files = captioned(collection, folder, 2)
    ids = {n: collection.get(file).id for n, file in enumerate(files)}  # type: ignore[union-attr]
    rename(folder, {0: 1, 1: 0})
    report = collection.add(folder)
    assert (report.updated, report.embedded) == (2, 0)
    assert said(collection, folder) == {"0.png": "c1", "1.png": "c0"}
    assert collection.get(files[0]).id == ids[1]  # type: ignore[union-attr]
    assert [Path(hit.path).name for hit in collection.search("c1", mode="words")] == ["0.png"]
    check(collection, folder, encoder)


def test_a_chain(collection: Collection, folder: Path, encoder: Encoder) -> None:
    captioned(collection, folder, 3)
    rename(folder, {0: 1, 1: 2, 2: 3})
    report = collection.add(folder, batch_size=1)
    assert (report.added, report.embedded) == (0, 0)
    assert said(collection, folder) == {"1.png": "c0", "2.png": "c1", "3.png": "c2"}
    assert names(collection) == ["1.png", "2.png", "3.png"]
    check(collection, folder, encoder)


def test_a_chain_whose_last_is_overwritten(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    captioned(collection, folder, 3)
    (folder / "2.png").unlink()
    rename(folder, {0: 1, 1: 2})
    assert collection.add(folder, batch_size=1).embedded == 0
    check(collection, folder, encoder)
    assert said(collection, folder) == {"1.png": "c0", "2.png": "c1"}


def test_moved_over_another(collection: Collection, folder: Path, encoder: Encoder) -> None:
    captioned(collection, folder, 2)
    (folder / "0.png").replace(folder / "1.png")
    assert collection.add(folder).embedded == 0
    assert said(collection, folder) == {"1.png": "c0"}
    check(collection, folder, encoder)


def test_a_new_file_takes_the_first_name(collection: Collection, folder: Path) -> None:
    """As logs rotate: what was said of the old content goes with it."""
    captioned(collection, folder, 2)
    rename(folder, {0: 1, 1: 2})
    write(folder / "0.png", 100)
    collection.add(folder)
    assert said(collection, folder) == {"0.png": None, "1.png": "c0", "2.png": "c1"}


def test_edited_after_a_backup(collection: Collection, folder: Path) -> None:
    (file,) = captioned(collection, folder, 1)
    shutil.copy(file, folder / "backup.png")
    write(file, 100)
    collection.add(folder)
    assert said(collection, folder) == {"0.png": "c0", "backup.png": None}


def test_exchanged_by_copying(collection: Collection, folder: Path, encoder: Encoder) -> None:
    """With new times, as a download or a version control system writes them."""
    captioned(collection, folder, 2)
    write(folder / "0.png", 1, mtime=5_000)
    write(folder / "1.png", 0, mtime=5_001)
    collection.add(folder)
    assert said(collection, folder) == {"0.png": "c1", "1.png": "c0"}
    check(collection, folder, encoder)


def test_a_manifest_goes_by_path(collection: Collection, folder: Path) -> None:
    captioned(collection, folder, 2)
    rename(folder, {0: 1, 1: 0})
    (folder / "m.csv").write_text("path,caption,year\n0.png,new,\n1.png,,2001\n")
    collection.add(folder / "m.csv")
    zero, one = collection.get(folder / "0.png"), collection.get(folder / "1.png")
    assert zero is not None and one is not None
    assert zero.metadata.get("caption") == "new" and "year" not in zero.metadata
    assert "caption" not in one.metadata and one.metadata["year"] == 2001


def test_half_of_an_exchange(collection: Collection, folder: Path, encoder: Encoder) -> None:
    """Only one of two files is named: the other is still as it was stored."""
    captioned(collection, folder, 2)
    rename(folder, {0: 1, 1: 0})
    collection.add(folder / "0.png")
    collection.add(folder / "1.png")
    stored = {str(f): f.read_bytes() for f in folder.glob("*.png")}
    check_vectors(collection, encoder, stored)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), batch_size=st.sampled_from([1, 2, 32]))
def test_any_renaming(encoder: Encoder, data: st.DataObject, batch_size: int) -> None:
    count = data.draw(st.integers(1, 6))
    olds = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    places = [n for n in range(count + 3) if n >= count or n in olds]  # no file is overwritten
    news = data.draw(st.permutations(places))[: len(olds)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "files"
        with Collection(Path(scratch) / "c.sensorium", encoder) as collection:
            captioned(collection, folder, count)
            rename(folder, dict(zip(olds, news, strict=True)))
            if data.draw(st.booleans()):
                for file in folder.glob("*.png"):
                    os.utime(file, (9_000, 9_000))
            report = collection.add(folder, batch_size=batch_size)
            assert report.embedded == 0
            check(collection, folder, encoder)


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_an_emptied_cell_clears(collection: Collection, folder: Path, suffix: str) -> None:
    write(folder / "a.png", 1)
    table = folder / f"m.{suffix}"
    lines = ["path,caption,year,label", "a.png,seaside,2001,x"]
    table.write_text("\n".join(lines).replace(",", "\t" if suffix == "tsv" else ","))
    collection.add(table)
    lines = ["path,caption,label", "a.png,,"]  # no column "year": nothing is said of it
    table.write_text("\n".join(lines).replace(",", "\t" if suffix == "tsv" else ","))
    collection.add(table)
    item = collection.get(folder / "a.png")
    assert item is not None
    assert item.metadata == {"width": 8, "height": 8, "year": 2001}
    assert collection.search("seaside", mode="words") == []
    changes = collection._store.state().changes
    assert collection.add(table).unchanged == 1  # nothing is left to clear
    assert collection._store.state().changes == changes


def test_what_is_no_emptied_cell(collection: Collection, folder: Path) -> None:
    write(folder / "a.png", 1)
    table = folder / "m.csv"
    table.write_text("path,caption,year\na.png,seaside,2001\n")
    collection.add(table)
    table.write_text("path,caption,year\na.png\n")  # a row that ends early
    collection.add(table)
    collection.add([{"path": str(folder / "a.png")}])
    item = collection.get(folder / "a.png")
    assert item is not None
    assert (item.metadata["caption"], item.metadata["year"]) == ("seaside", 2001)
    collection.add([{"path": str(folder / "a.png"), "caption": None}])
    item = collection.get(folder / "a.png")
    assert item is not None and "caption" not in item.metadata
    (folder / "m.jsonl").write_text('{"path": "a.png", "year": null}\n')  # a value like others
    collection.add(folder / "m.jsonl")
    item = collection.get(folder / "a.png")
    assert item is not None and item.metadata["year"] is None


def test_emptied_and_changed_at_once(collection: Collection, folder: Path) -> None:
    file = write(folder / "a.png", 1)
    (folder / "m.csv").write_text("path,caption\na.png,seaside\n")
    collection.add(folder / "m.csv")
    write(file, 2)
    (folder / "m.csv").write_text("path,caption\na.png,\n")
    collection.add(folder, folder / "m.csv")
    item = collection.get(file)
    assert item is not None and "caption" not in item.metadata
