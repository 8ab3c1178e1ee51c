"""Earlier versions of collections in Lance: listed, opened to be read, named, forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.exchange import export_collection
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, UsageError
from tests.collection.test_bulk import some


@pytest.fixture
def place(tmp_path: Path, encoder: Encoder) -> Path:
    """A collection of three items, of which one was there before; the state before has a name."""
    place = tmp_path / "c.lance"
    with Collection(f"lance://{place}", encoder) as library:
        library.add_vectors(some(2), ["a", "b"], metadata={"caption": "a dog"})
        library.keep_version("before")
        library.delete("a")
        library.add_vectors(some(2, 1), ["c", "d"], metadata={"caption": "a cat"})
    return place


def test_an_earlier_version_is_read(place: Path, encoder: Encoder, tmp_path: Path) -> None:
    with Collection(place) as library:
        known = library.versions()
        assert [one.number for one in known] == [*range(1, known[-1].number + 1)]
        assert library.info().version == known[-1].number
        assert timedelta(0) <= datetime.now(UTC) - known[-1].written < timedelta(hours=1)
        (named,) = [one for one in known if one.names]
        assert named.names == ["before"]
    before = {
        named.number: Collection(place, version=named.number),
        "before": Collection(f"lance://{place}", version="before"),
        "address": Collection(f"lance://{place}?version=before", encoder),
        "path": Collection(Path(f"lance://{place}?version={named.number}")),
        "folder": Collection(f"{place}?version=before"),
    }
    for older in before.values():
        with older:
            assert [item.path for item in older.items()] == ["a", "b"]
            (hit,) = older.search("dog", mode="words", where="path = 'a'")
            assert (hit.path, older.info().version) == ("a", named.number)
            (hits,) = older.search_vectors(some(2), k=1)[:1]
            assert (hits[0].path, hits[0].score) == ("a", pytest.approx(1, abs=1e-5))
    with Collection(place, version="before") as older:
        for change in (
            lambda: older.delete("a"),
            lambda: older.add_vectors(some(1), ["e"]),
            older.optimize,
        ):
            with pytest.raises(CollectionError, match="cannot be changed: open it without a"):
                change()
        # What opens a collection by its path finds the same version.
        assert export_collection(older, tmp_path / "out").items == 2
    with Collection(place) as library:
        assert [item.path for item in library.items()] == ["b", "c", "d"]


def test_what_is_forgotten(place: Path) -> None:
    with Collection(place) as library:
        for name in ("", "12", "a b", "../x", ".x"):
            with pytest.raises(UsageError, match="name of a version is of letters"):
                library.keep_version(name)
        with pytest.raises(UsageError, match="days are a number"):
            library.forget_versions(-1)
        newest = library.versions()[-1].number
        assert library.forget_versions(1) == 0 and len(library.versions()) == newest
        assert library.forget_versions(0) > 0
        left = library.versions()
        assert [one.names for one in left] == [["before"], []] and left[-1].number == newest
        library.optimize()  # does not mind old ones with a name
        library.keep_version("before")
        assert [one.names for one in library.versions()][-1] == ["before"]
        assert len(library.search_vectors(some(1), k=9)[0]) == 3


def test_versions_that_are_not_there(place: Path, tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(CollectionError, match=r"no version 99: there are .* of names before"):
        Collection(place, version=99)
    with pytest.raises(CollectionError, match=f"no version {10**30}: there are"):
        Collection(place, encoder, version=10**30)
    for wrong in ("", "../..", " 2", "before?version=1", "2&a=1"):
        with pytest.raises(UsageError, match="a version is a number or a name, got"):
            Collection(f"lance://{place}?version={wrong}", encoder)
    with pytest.raises(CollectionError, match="no version 'after'"):
        Collection(place, version="after")
    with pytest.raises(CollectionError, match="no such collection in Lance"):
        Collection(f"lance://{tmp_path}/none.lance", version=1)
    for version in ("a b", "", "1?version=2"):
        with pytest.raises(UsageError, match="a version is a number or a name"):
            Collection(place, version=version)


def test_sqlite_keeps_none(collection: Collection) -> None:
    told = "is a file of SQLite, which keeps no earlier versions"
    for asked in (
        collection.versions,
        lambda: collection.keep_version("a"),
        collection.forget_versions,
        lambda: Collection(collection.path, version=1),
    ):
        with pytest.raises(UsageError, match=told):
            asked()
    assert collection.info().version is None


def test_a_cache_folder_that_cannot_be_written(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "file"))
    with pytest.raises(CollectionError, match=r"file/lance/.*: cannot be written \(Not a dir"):
        Collection(place, version="before")
