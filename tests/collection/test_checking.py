"""Damages to a stored collection: each is found, named, and mended by `repair` and `add`."""

from __future__ import annotations

import json
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection.checking import AGAIN, check
from sensorium.errors import CollectionError, SensoriumWarning
from tests.cli.conftest import Run, run  # noqa: F401
from tests.collection.pictures import png

COUNT = 6


@pytest.fixture
def path(tmp_path: Path, tiny: Path) -> Path:
    for number in range(COUNT):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path, metadata={"title": "a picture"})
    return tmp_path / "c.sensorium"


def damage(path: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(sql, values)
    db.commit()
    db.close()


def stored(path: Path, number: int) -> np.ndarray:
    db = sqlite3.connect(path)
    ((blob,),) = db.execute("SELECT vector FROM segments WHERE id = ?", (number,))
    db.close()
    return np.frombuffer(blob, "<f4").copy()


def test_a_sound_collection(path: Path) -> None:
    with Collection(path) as library:
        report = check(library)
    assert (report.items, report.vectors, report.without_checksum) == (COUNT, COUNT, 0)
    assert report.damages == [] and not report.repaired


@pytest.mark.parametrize("value", [1e4, np.nan, np.inf])
def test_one_number_of_a_vector_puts_no_item_first(path: Path, value: float) -> None:
    with Collection(path) as library:
        before = [(hit.path, hit.score) for hit in library.search("a red square", COUNT)]
    vector = stored(path, 3)
    vector[0] = value
    damage(path, "UPDATE segments SET vector = ? WHERE id = 3", vector.tobytes())
    damaged = str(path.parent / "2.png")
    with Collection(path) as library:
        with pytest.warns(SensoriumWarning, match="1 vectors are damaged and left out"):
            after = library.search("a red square", COUNT)
        assert [(hit.path, hit.score) for hit in after] == [
            hit for hit in before if hit[0] != damaged
        ]
        (found,) = check(library).damages
        assert (found.path, found.mend) == (damaged, AGAIN) and "length" in found.what
        assert check(library, repair=True).repaired
        assert check(library).damages == []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = library.add(path.parent)
            assert (report.updated, report.unchanged, report.embedded) == (1, COUNT - 1, 1)
            mended = library.search("a red square", COUNT)
    assert {hit.path for hit in mended} == {name for name, _ in before}
    assert mended[0].metadata["title"] == "a picture"


def test_a_flipped_sign_is_found_by_its_checksum(path: Path) -> None:
    vector = stored(path, 3)
    vector[np.abs(vector).argmax()] *= -1
    damage(path, "UPDATE segments SET vector = ? WHERE id = 3", vector.tobytes())
    with Collection(path) as library:
        (found,) = check(library).damages
    assert found.path.endswith("2.png") and "checksum" in found.what


@pytest.mark.parametrize("column", ["properties", "metadata"])
def test_damaged_json_is_an_error_with_a_name(path: Path, column: str) -> None:
    damage(path, f"UPDATE items SET {column} = '{{\"a' WHERE id = 2")
    with Collection(path) as library:
        with pytest.raises(CollectionError, match=r"no JSON object.*`sensorium check`"):
            library.search("a red square", COUNT)
        assert [found.path for found in check(library, repair=True).damages] == [
            str(path.parent / "1.png")
        ]
        assert len(library.search("a red square", COUNT)) == COUNT - 1
        assert library.add(path.parent).updated == 1
        assert len(library.search("a red square", COUNT)) == COUNT


def test_a_damaged_space_is_an_error_with_a_name(path: Path) -> None:
    damage(path, "UPDATE meta SET value = '{\"name\": 1}' WHERE key = 'space'")
    with (
        pytest.raises(CollectionError, match="description of its space is damaged"),
        Collection(path) as library,
    ):
        library.search("red")


def test_a_damaged_index_and_damaged_words(path: Path) -> None:
    with Collection(path) as library:
        library.hash(16)
    codes = next(path.with_name(path.name + "-index").glob("hash-*/*.npy"))
    codes.write_bytes(codes.read_bytes()[:-1] + b"?")
    damage(path, "UPDATE words_docsize SET sz = x'05' WHERE id = 1")
    with Collection(path) as library:
        assert {found.mend.split(" makes")[0] for found in check(library, repair=True).damages} == {
            "sensorium check --repair", "sensorium optimize --hash BITS",
        }  # fmt: skip
        assert check(library).damages == []
        assert len(library.search("picture", COUNT, mode="words")) == COUNT


def test_the_command(run: Run, path: Path) -> None:  # noqa: F811
    sound = run("check", "-c", path)
    assert sound.code == 0 and "6 items, 6 vectors: all is as it was written" in sound.out
    damage(path, "UPDATE segments SET vector = x'00' WHERE id < 3")
    found = run("check", "-c", path)
    assert found.code == 1 and "2 damaged" in found.out
    assert f"{path.parent / '0.png'}" in found.out and "index it again" in found.out
    rows = json.loads(run("check", "-c", path, "--json").out)
    assert [row["path"] for row in rows["damages"]] == [
        str(path.parent / name) for name in ("0.png", "1.png")
    ]
    repaired = run("check", "-c", path, "--repair")
    assert repaired.code == 0 and "forgotten: index the files again" in repaired.out
    assert run("check", "-c", path).code == 0
