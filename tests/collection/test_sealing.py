"""Index files that came with somebody's collection are not opened; searches compare everything."""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
import zlib
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection import sealing
from sensorium.collection.checking import check
from sensorium.collection.derived import describe_index, folder_of
from sensorium.encoders import Encoder
from sensorium.errors import SensoriumWarning
from tests.collection.test_derived import Vectors, exact, found, has_index, some_vectors, unit

ROWS = 1500


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A collection with an index of each slot, made in this session's home."""
    path = tmp_path_factory.mktemp("made") / "a.sensorium"
    with Collection(path, encoder, auto_optimize=False) as library:
        vectors = some_vectors(ROWS, encoder.space.dimension)
        library.add_vectors(vectors, [f"/{n}.jpg" for n in range(ROWS)])
        library.optimize(recall=0.2, kind="hnsw")
        library.search("a dog", 1, mode="hash")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy, with another time, in another folder: the same user's all the same."""
    shutil.copy(made, tmp_path / "b.sensorium")
    shutil.copytree(folder_of(made), folder_of(tmp_path / "b.sensorium"))
    return tmp_path / "b.sensorium"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another user's home."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def queries(encoder: Encoder) -> Vectors:
    return some_vectors(20, encoder.space.dimension, seed=3)


def never(*_: Any) -> Any:
    raise AssertionError("FAISS was given a stranger's file")


def test_what_this_user_built_is_used_wherever_it_lies(
    path: Path, encoder: Encoder, queries: Vectors
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SensoriumWarning)
        with Collection(path, encoder, auto_optimize=False) as library:
            assert len(found(library, queries)) == 20 and has_index(library)
    told = describe_index(path, "vectors")
    assert told is not None and "foreign" not in told


def test_what_came_from_elsewhere_is_not_opened_until_it_is_built_here(
    path: Path,
    encoder: Encoder,
    queries: Vectors,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        for name in ("read_index", "read_index_binary"):
            patched.setattr(faiss, name, never)
        with Collection(path, encoder, auto_optimize=False) as library:
            with pytest.warns(SensoriumWarning, match=r"built elsewhere.*`sensorium optimize`"):
                assert found(library, queries) == exact(library, queries)
            assert not has_index(library)
            with warnings.catch_warnings():
                warnings.simplefilter("error", SensoriumWarning)
                found(library, queries)  # said once
            report = check(library)
            assert report.damages == [] and len(report.notes) == 2
            assert "sensorium optimize" in report.notes[0]
        told = describe_index(path, "vectors")
        assert told is not None and told["foreign"] is True
        assert not elsewhere.exists()  # a search makes no key
    with Collection(path, encoder, auto_optimize=False) as library:
        assert library.search("a dog", 3, mode="hash")  # codes are made anew by themselves
        library.optimize(recall=0.2, kind="hnsw")
        assert has_index(library)
    key = elsewhere / sealing.FILE
    assert len(key.read_text().strip()) == 64
    if os.name == "posix":
        assert key.stat().st_mode & 0o777 == 0o600
    with Collection(path, encoder, auto_optimize=False) as library:
        assert has_index(library)
    key.write_text("")  # an empty one is none
    with Collection(path, encoder, auto_optimize=False) as library:
        with pytest.warns(SensoriumWarning, match="built elsewhere"):
            assert not has_index(library)
        library.optimize(recall=0.2, kind="hnsw")
        assert has_index(library)


@pytest.mark.filterwarnings("ignore::sensorium.errors.SensoriumWarning")
@pytest.mark.parametrize("harm", ["seal", "no seal", "facts", "fifo", "endless", "folder", "large"])
def test_forged_and_endless_descriptions(
    path: Path, encoder: Encoder, queries: Vectors, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = folder_of(path) / "vectors.json"
    outer = json.loads(pointer.read_text())
    facts = json.loads(outer["facts"])
    if harm == "seal":
        outer["seal"] = "0" * 64
    elif harm == "no seal":  # as versions before this wrote it
        del outer["seal"]
    elif harm == "facts":  # with its checksum made right again
        outer["facts"] = json.dumps({**facts, "generation": "../../elsewhere", "kind": "hash"})
        outer["checksum"] = zlib.crc32(outer["facts"].encode())
    pointer.write_text(json.dumps(outer))
    if harm in ("fifo", "endless", "folder"):
        pointer.unlink()
    if harm == "fifo":
        os.mkfifo(pointer)
    elif harm == "endless":
        pointer.symlink_to("/dev/zero")
    elif harm == "folder":
        pointer.mkdir()
    elif harm == "large":
        os.truncate(pointer, 1 << 40)
    for name in ("read_index", "read_index_binary"):
        monkeypatch.setattr(faiss, name, never)
    with Collection(path, encoder, auto_optimize=False) as library:
        assert found(library, queries) == exact(library, queries)
        assert not has_index(library)
        library.info()


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": 3, "vectors": 1, "parameters": {}, "files": {}},
        {"kind": "ivf", "vectors": "many", "parameters": {}, "files": {}},
        {"kind": "ivf", "vectors": 1, "parameters": [], "files": {"a": 3}},
        {"kind": "ivf", "vectors": 1, "recall": "x", "parameters": {}, "files": {}},
    ],
)
def test_descriptions_of_wrong_types_are_none(path: Path, facts: dict[str, Any]) -> None:
    body = json.dumps(facts)
    outer = {"facts": body, "checksum": zlib.crc32(body.encode())}
    (folder_of(path) / "vectors.json").write_text(json.dumps(outer))
    assert describe_index(path, "vectors") is None


def test_an_index_of_another_collection_of_mine(
    path: Path, encoder: Encoder, queries: Vectors
) -> None:
    other = path.with_name("other.sensorium")
    with Collection(other, encoder, auto_optimize=False) as library:
        rng = np.random.default_rng(9)
        vectors = unit(rng.normal(size=(ROWS, encoder.space.dimension)))
        library.add_vectors(vectors, [f"/other/{n}.jpg" for n in range(ROWS)])
    for file in (path, *path.parent.glob("b.sensorium-*al"), *path.parent.glob("b.sensorium-shm")):
        file.unlink(missing_ok=True)
    other.rename(path)
    with Collection(path, encoder, auto_optimize=False) as library:
        assert found(library, queries) == exact(library, queries)
        assert "another collection" in (library._asking._vectors.problem or "")


def test_a_home_that_cannot_be_written(
    path: Path,
    encoder: Encoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "file" / "home"))
    with Collection(path, encoder, auto_optimize=False) as library:
        with pytest.warns(SensoriumWarning, match="this process alone"):
            library.optimize(recall=0.2, kind="hnsw")
        assert has_index(library)
    sealing._of_process.cache_clear()  # as another process
    with (
        Collection(path, encoder, auto_optimize=False) as library,
        pytest.warns(SensoriumWarning, match="built elsewhere"),
    ):
        assert not has_index(library)


def test_a_key_is_made_once(elsewhere: Path) -> None:
    first = sealing.seal("a")
    assert sealing.is_sealed("a", first) and not sealing.is_sealed("b", first)
    assert not any(sealing.is_sealed("a", other) for other in (None, "", 3, "é" * 64))
    assert sealing.seal("a") == first
    assert [file.name for file in elsewhere.iterdir()] == [sealing.FILE]


def test_what_a_removal_that_failed_left_goes_with_the_next_seal(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("error", SensoriumWarning)
        patched.setattr(Path, "unlink", fails)
        first = sealing.seal("a")
    assert len([*elsewhere.iterdir()]) == 2  # the key was made, and is used
    sealing._of_process.cache_clear()  # as another process
    assert sealing.is_sealed("a", first) and sealing.seal("a") == first
    assert [file.name for file in elsewhere.iterdir()] == [sealing.FILE]


def test_two_that_make_the_key_end_with_one(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes, and cleans up, between this one's writing and its linking."""
    link, others = os.link, list[str]()

    def late(*names: Any) -> None:
        if not others:
            others.append("")  # its own linking is not late
            others.append(sealing.seal("a"))
            others.append(sealing.seal("a"))  # removes all unfinished ones
        link(*names)

    monkeypatch.setattr(os, "link", late)
    mine = sealing.seal("a")
    assert others == ["", mine, mine] and sealing.seal("a") == mine
    assert [file.name for file in elsewhere.iterdir()] == [sealing.FILE]


def test_blocks_are_digested_in_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BLOCK", 1 << 16)
    sizes = (0, 1, (1 << 16) - 1, 1 << 16, (1 << 17) + 5)
    paths = [tmp_path / str(size) for size in sizes]
    for path in paths:
        path.write_bytes(bytes(int(path.name)))
    before = sealing.digest_blocks(paths)
    assert len({*before.values()}) == len(sizes)
    paths[-1].write_bytes(bytes(sizes[-1] - 1) + b"\x01")
    assert sealing.digest_blocks(paths)[paths[-1].name] != before[paths[-1].name]
