"""Vectors that were made elsewhere: what is taken, what is refused, what stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection
from sensorium.collection.bulk import BulkReport, add_vectors, unit_vectors
from sensorium.encoders import Encoder
from sensorium.errors import SpaceMismatchError, UsageError
from tests.agreement import assert_agree
from tests.collection.pictures import check_file, png, write
from tests.tiny_encoder import DIMENSION

ON_BOTH_STORES = True


def some(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Unit vectors."""
    given = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return np.asarray(given / np.linalg.norm(given, axis=1, keepdims=True), np.float32)


def counts(report: BulkReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.normalized, len(report.skipped)


def urls(count: int) -> list[str]:
    return [f"https://example.org/{n}.jpg" for n in range(count)]


@pytest.mark.parametrize("batch_size", [1, 3, 10, 1000])
def test_added_to_the_bit_and_found(collection: Collection, batch_size: int) -> None:
    vectors, seen = some(10), []
    report = add_vectors(
        collection._store, collection.encoder.space, vectors, urls(10), encoder_name="tiny",
        metadata=[{"n": n} for n in range(10)], batch_size=batch_size,
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    assert counts(report) == (10, 0, 0, 0)
    assert seen == [(min(n, 10), 10) for n in range(batch_size, 10 + batch_size, batch_size)]
    stored = check_file(collection.path)
    assert [*stored] == urls(10)
    assert np.array_equal(np.stack([*stored.values()]), vectors)
    (hit,) = collection.search("dog", where="n = 3")
    assert (hit.path, hit.modality, hit.metadata) == (urls(4)[3], "image", {"n": 3})


def test_again_replaces(collection: Collection) -> None:
    collection.add_vectors(some(5), urls(5), metadata={"a": 1, "b": 1})
    item = collection.get(1)
    again = collection.add_vectors(some(5, seed=1), urls(5), metadata={"b": 2})
    assert counts(again) == (0, 5, 0, 0)
    stored = check_file(collection.path)
    assert np.array_equal(np.stack([*stored.values()]), some(5, seed=1))
    after = collection.get(1)
    assert item is not None and after is not None
    assert (after.path, after.metadata) == (item.path, {"a": 1, "b": 2})


def test_a_key_twice_in_one_call_has_the_later_vector(collection: Collection) -> None:
    vectors = some(3)
    assert counts(collection.add_vectors(vectors, ["a", "b", "a"])) == (2, 1, 0, 0)
    assert np.array_equal(check_file(collection.path)["a"], vectors[2])


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int8])
def test_brought_to_unit_length(collection: Collection, kind: type) -> None:
    given = (some(20) * 100).astype(kind)
    before = given.copy()
    assert collection.add_vectors(given, urls(20)).normalized == 20
    assert np.array_equal(given, before)
    stored = np.stack([*check_file(collection.path).values()])
    wanted = given / np.linalg.norm(given.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(stored, wanted, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-6)


def test_what_has_unit_length_is_left_alone() -> None:
    vectors = some(1000)
    units, off, faults = unit_vectors(vectors, DIMENSION)
    assert np.array_equal(units, vectors) and not off.any() and not any(faults)


def test_bad_rows_stop_nothing(collection: Collection) -> None:
    vectors: list[object] = [*some(11)]
    vectors[1] = np.full(DIMENSION, np.nan, np.float32)
    vectors[2] = np.zeros(DIMENSION)
    vectors[3] = np.ones(DIMENSION + 1)
    vectors[4] = None
    vectors[5] = ["x"] * DIMENSION
    vectors[6] = np.full(DIMENSION, np.inf)
    keys: list[object] = urls(11)
    keys[7], keys[8], keys[9] = 7, "\udcff", " "
    metadata: list[object] = [{}] * 11
    metadata[10] = {"bad": float("nan")}
    report = collection.add_vectors(vectors, keys, metadata=metadata)  # type: ignore[arg-type]
    assert counts(report) == (1, 0, 0, 10)
    assert [*check_file(collection.path)] == urls(1)
    reasons = [item.reason for item in report.skipped]
    for part, reason in zip(
        ("NaN", "zero", "no array", "no array", "no array", "NaN or infinity",
         "a path is text", "UTF-8", "empty", "JSON"), reasons, strict=True,
    ):  # fmt: skip
        assert part in reason
    assert report.skipped[0].path == urls(2)[1]


def test_a_bad_row_leaves_what_is_stored(collection: Collection) -> None:
    collection.add_vectors(some(1), ["a"])
    collection.add_vectors(np.zeros((1, DIMENSION)), ["a"])
    assert np.array_equal(check_file(collection.path)["a"], some(1)[0])


def test_wrong_calls(collection: Collection) -> None:
    with pytest.raises(UsageError, match=r"shape \(n, 48\), got \(2, 49\)"):
        collection.add_vectors(np.ones((2, DIMENSION + 1)), urls(2))
    with pytest.raises(UsageError, match="as many paths, got 1"):
        collection.add_vectors(some(2), urls(1))
    with pytest.raises(UsageError, match="as many spans, got 1"):
        collection.add_vectors(some(2), urls(2), spans=[(0, 1)])
    with pytest.raises(UsageError, match="modality is one of"):
        collection.add_vectors(some(2), urls(2), modality="smell")
    with pytest.raises(UsageError, match="real numbers, got an array of complex"):
        collection.add_vectors(some(2).astype(np.complex64), urls(2))
    assert len(collection) == 0


def test_another_space_is_refused(collection: Collection, other_encoder: Encoder) -> None:
    collection.add_vectors(some(1), ["a"])
    with pytest.raises(SpaceMismatchError):
        add_vectors(collection._store, other_encoder.space, some(1), ["b"])


def test_segments(collection: Collection) -> None:
    """Rows of one path and with spans are one item, wherever batches are cut."""
    vectors = some(10)
    keys = ["a"] * 5 + ["b"] * 4 + ["c"]
    spans = [(float(n), float(n + 1)) for n in range(9)] + [None]
    report = add_vectors(
        collection._store, collection.encoder.space, vectors, keys,
        modality="video", spans=spans, batch_size=3,
    )  # fmt: skip
    assert counts(report) == (3, 0, 0, 0)
    sql = "SELECT item_id, ordinal, start FROM segments ORDER BY item_id, ordinal"
    assert collection._store.read(sql) == [
        *((1, n, n) for n in range(5)), *((2, n, n + 5) for n in range(4)), (3, 0, None)
    ]  # fmt: skip
    assert np.array_equal(collection._store.vectors(DIMENSION)[2], vectors)


def test_local_files(
    collection: Collection, folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(folder / "a.png", 1)
    monkeypatch.chdir(folder)
    collection.add_vectors(some(1), ["a.png"])
    item = collection.get(file)
    assert item is not None and item.path == str(file)
    (size, mtime, digest) = collection._store.read(
        "SELECT size, mtime_ns, content_hash FROM items"
    )[0]
    assert (size, mtime, digest) == (file.stat().st_size, file.stat().st_mtime_ns, b"")
    # Nobody knows whether the vector is that of the file's content: the next `add` reads it.
    report = collection.add(file)
    assert (report.updated, report.embedded) == (1, 1)
    stored = check_file(collection.path)
    assert_agree(stored[str(file)], encoder.encode([png(1)]))


def test_prune_forgets_only_files(collection: Collection, folder: Path) -> None:
    gone = str(folder / "gone.png")
    keys = ["https://example.org/a.jpg", "s3://bucket/a", "00000123", "relative/a.jpg", gone]
    collection.add_vectors(some(5), keys)
    assert collection.prune() == [gone]
    assert len(collection) == 4
