"""Lance's own index: chosen by measuring, kept in the table, asked by every machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection import four_bits, lance_index, lance_indexed, lance_optimizing
from sensorium.collection.checking import check
from sensorium.collection.lance_optimizing import lists_for, types_for
from sensorium.collection.lance_store import LanceStore
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, UsageError
from tests.collection.test_bulk import some

ROWS = 1200


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, few_questions: None) -> Path:
    """A collection with an index; equal vectors, and a gap in the ids."""
    place = tmp_path_factory.mktemp("made") / "c.lance"
    rows = some(ROWS)
    rows[700:704] = rows[3]
    with Collection(f"lance://{place}", encoder) as library:
        names = [f"{n:04}" for n in range(ROWS)]
        half = [{"odd": n % 2, "few": int(n % 100 == 0)} for n in range(ROWS)]
        library.add_vectors(rows, names, metadata=half)
        library.delete("0001")
        report = library.optimize(kind="lance", recall=0.9)
    assert report.kind == "lance" and report.chosen.recall >= 0.9
    assert {point.parameters.get("type") for point in report.curve} == {None, "IVF_RQ"}
    return place


@pytest.fixture(scope="module", autouse=True)
def few_questions() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lance_optimizing, "QUERIES", 12)
        yield


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, on a machine that has never seen it, where little is compared in full."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(lance_index, "FEW", 8)
    shutil.copytree(made, tmp_path / "c.lance")
    return tmp_path / "c.lance"


@pytest.fixture
def library(place: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(place, encoder) as opened:
        yield opened


def index_of(library: Collection) -> Any:
    snapshot = library._asking.snapshot("vector")
    return None if snapshot.index is None else snapshot.index.index


def found(library: Collection, query: Any, k: int = 5, **options: Any) -> list[Any]:
    (hits,) = library.search_vectors(query[None], k=k, **options)
    return [(hit.path, hit.score) for hit in hits]


def exactly(library: Collection, queries: Any, k: int, **options: Any) -> list[list[Any]]:
    """What comparing everything finds."""
    four_bits.compare_everything(library.path, True)
    with Collection(library.path, library.encoder) as other:
        assert index_of(other) is None
        hits = [found(other, query, k, **options) for query in queries]
    four_bits.compare_everything(library.path, False)
    return hits


def test_another_machine_asks_it(library: Collection) -> None:
    """Nothing is built there, and no vectors but those of candidates are in memory."""
    told = library.info().index_asked
    assert told is not None and told["kind"] == "lance" and told["vectors"] == ROWS - 1
    assert index_of(library).kind == "lance"
    assert not len(library._asking.snapshot("vector").vectors)
    rows = some(ROWS)
    queries = rows[10:60] + 0.5 * rows[11:61]
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    agreed = firsts = 0
    for query, theirs in zip(queries, exactly(library, queries, 5), strict=True):
        ours = found(library, query)
        firsts += ours[0] == theirs[0]  # to the bit
        agreed += len({*ours} & {*theirs})
        both = dict(ours).keys() & dict(theirs)
        assert all(dict(ours)[path] == dict(theirs)[path] for path in both)
    assert min(firsts / 50, agreed / 250) >= 0.75  # 0.9 was promised, by other questions


def test_equal_vectors_come_in_the_order_of_adding(library: Collection) -> None:
    hits = found(library, some(ROWS)[3], 6)
    assert [path for path, _ in hits[:5]] == ["0003", "0700", "0701", "0702", "0703"]
    assert len({score for _, score in hits[:5]}) == 1


@pytest.mark.parametrize(("where", "count"), [("odd = 1", 599), ("few = 1", 12), ("odd = 2", 0)])
@pytest.mark.parametrize("listed", [20_000, 1])
def test_filters_leave_as_many_as_are_wanted(
    library: Collection, where: str, count: int, listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that Lance is told of, and those that what it finds is sifted by."""
    monkeypatch.setattr(lance_index, "LISTED", listed)
    query = some(ROWS)[9 if "odd" in where else 100]  # one of those that may be found
    for k in (3, 10, 700):
        hits = found(library, query, k, where=where)
        assert len(hits) == min(k, count)
        if hits:
            assert hits[0] == exactly(library, [query], 1, where=where)[0][0]


def test_what_comes_and_goes_counts_at_once(library: Collection, place: Path) -> None:
    new = some(1, 77)
    library.add_vectors(new, ["new"])
    library.delete("0008")
    assert found(library, new[0], 1) == [("new", pytest.approx(1, abs=1e-5))]
    rows = some(ROWS)
    assert found(library, rows[8], 1)[0][0] != "0008"
    with Collection(place, library.encoder) as again:  # whose index is opened only now
        assert index_of(again).kind == "lance"
        assert found(again, new[0], 1)[0][0] == "new"
        assert len(found(again, rows[8], 3000)) == ROWS - 1
        again._store.tidy()  # fragments are put together, and the index follows
        assert found(again, rows[20], 1)[0][0] == "0020"


def test_a_vector_without_direction_is_no_less_there(tmp_path: Path) -> None:
    """Lance leaves it out of searches by cosine; by dot products it is nowhere near, and there."""
    rows = np.concatenate([some(600), np.zeros((1, some(1).shape[1]), np.float32)])
    table = lance_optimizing._table_of(np.arange(601), rows, str(tmp_path / "t.lance"))
    parameters = {"type": "IVF_PQ", "sub_vectors": 2, "partitions": 2, "probes": 2, "depth": 600}
    index, _ = lance_optimizing._index(table, "a", parameters, np.arange(601))
    index.exact = lambda numbers: (numbers, rows[numbers])
    hits = index.search(some(1, 5), 601)
    assert {*hits.rows[0].tolist()} == {*range(601)}
    ids, _ = index._nearest(some(1, 5)[0], 601, 2, None)
    assert 600 in ids


def test_what_cannot_be_used_is_not(
    library: Collection, place: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = some(ROWS)[8]
    (before,) = exactly(library, [query], 5)
    for spoil in ("lost", "other"):
        if spoil == "lost":
            with monkeypatch.context() as patch:  # files that give nothing
                patch.setattr(lance_indexed, "LEAST_LIKE", 1.1)
                with Collection(place, encoder) as other:
                    assert found(other, query) == before and index_of(other) is None
                    assert "is damaged" in str(other._asking._vectors.problem)
        else:
            for index in lance.dataset(str(place)).describe_indices():
                lance.dataset(str(place)).drop_index(index.name)
            with Collection(place, encoder) as other:
                assert found(other, query) == before and index_of(other) is None
                assert "has lost its index" in str(other._asking._vectors.problem)
    (damage,) = check(library).damages
    assert "has lost its index" in damage.what and "--kind lance makes it" in damage.mend
    assert check(library, repair=True).repaired and not check(library).damages


def test_whoever_wants_none_has_none(library: Collection, place: Path) -> None:
    library.optimize(kind="exact")
    assert index_of(library) is None and library.info().index_asked is None
    assert not lance.dataset(str(place)).describe_indices()


def test_who_may_have_one(
    collection: Collection, place: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanceStore, "is_far", True)
    with pytest.raises(UsageError, match="is a file of SQLite"):
        collection.optimize(kind="lance")
    with (
        Collection(f"lance://{place.with_name('few.lance')}", encoder) as few,
        pytest.raises(UsageError, match="comparing all is as quick"),
    ):
        few.add_vectors(some(3), ["a", "b", "c"])
        assert not few._store.keeps_index(encoder.space)  # wherever it is
        few.optimize(kind="lance")


def test_where_vectors_stay_where_they_are(
    library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a kind, Lance's own is taken where copies would fill this machine's memory."""
    assert not library._store.keeps_index(library.encoder.space)
    monkeypatch.setattr(lance_indexed, "SHARE_OF_MEMORY", 1e-9)
    assert library._store.keeps_index(library.encoder.space)
    seen: list[str] = []
    assert library.optimize(recall=0.8, tell=seen.append).kind == "lance"
    assert seen[0].startswith("measuring IVF_")


def test_vectors_that_cannot_be_read(place: Path, encoder: Encoder) -> None:
    lance.dataset(str(place)).update({"checksum": "1"}, where="kind = 'segments'")
    with (
        Collection(place, encoder) as library,
        pytest.raises(CollectionError, match=r"of 1,199 vectors 0 can be read: .*check"),
    ):
        library.optimize(kind="lance")


def test_what_is_gone_while_it_is_asked(library: Collection, place: Path) -> None:
    found(library, some(1)[0])
    shutil.rmtree(place / "_indices")
    with pytest.raises(CollectionError, match="`sensorium optimize` builds that anew"):
        found(library, some(1)[0])


def test_lists_and_types() -> None:
    assert [lists_for(n) for n in (0, 1000, 10_000, 100_000, 10**6)] == [1, 3, 32, 64, 256]
    assert [kind["type"] for kind in types_for(640)] == ["IVF_RQ", "IVF_PQ", "IVF_HNSW_SQ"]
    assert types_for(7) == [{"type": "IVF_PQ", "sub_vectors": 1}, {"type": "IVF_HNSW_SQ"}]


def test_the_next_type_where_one_finds_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be built is said, and what finds too little is not all that is measured."""
    monkeypatch.setattr(
        lance_optimizing, "types_for",
        lambda _: [
            {"type": "IVF_PQ", "sub_vectors": 7},
            {"type": "IVF_PQ", "sub_vectors": 1},
            {"type": "IVF_RQ", "bits": 5},
        ],
    )  # fmt: skip
    rows, told = some(1500), []
    asked = [rows[:9] * np.float32(0.8) + rows[9:18] * np.float32(0.6)]
    points = lance_optimizing._compared(rows, asked, 0.95, (None,), told.append)
    assert "IVF_PQ cannot be built" in told[1]
    best = {point.parameters.get("type"): point.recall for point in points}
    assert [*best] == [None, "IVF_PQ", "IVF_RQ"]
    assert best["IVF_PQ"] < 0.95 <= best["IVF_RQ"]
