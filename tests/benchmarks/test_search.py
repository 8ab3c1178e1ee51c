import argparse
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import rivals, search, search_bytes, search_codes, search_data, search_timing
from benchmarks.rows import Row
from benchmarks.search_data import DRAW, TOPIC, Filter, Items, K
from benchmarks.search_growth import by_size, draw_growth, exponent, on_paper
from benchmarks.search_tables import show

COUNT, DIMENSION = 2000, 32


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors():
    """In clusters, as embeddings are, so that approximate indexes have something to go by."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, DIMENSION))
    return unit(centres[rng.integers(0, 40, COUNT + 120)] + rng.normal(size=(COUNT + 120, 32)))


@pytest.fixture(scope="module")
def items(vectors):
    stored = vectors[:COUNT]
    # Subjects: where a vector lies along one direction.
    topic = np.argsort(np.argsort(stored[:, 0])).astype(np.int64)
    draw = np.random.default_rng(2).permutation(COUNT).astype(np.int64)
    return Items(stored, {DRAW: draw, TOPIC: topic})


@pytest.fixture(scope="module")
def queries(vectors):
    return search_data.halves(vectors[COUNT:], 60)


def truth(vectors, query, mask=None):
    scores = vectors.astype(np.float64) @ query
    if mask is not None:
        scores[~mask] = -np.inf
    return set(np.argsort(-scores)[:K].tolist())


def plain_recall(vectors, queries, rows, mask=None):
    right = [
        len(truth(vectors, q, mask) & set(line.tolist()))
        for q, line in zip(queries, rows, strict=True)
    ]
    return sum(right) / (K * len(queries))


def opened(system, items, folder):
    if system.version() is None:
        pytest.skip(f"{system.package} is not installed")
    one = system()
    one.build(items, folder)
    one.open(folder)
    return one


@pytest.mark.parametrize("system", rivals.RIVALS, ids=lambda system: system.name)
def test_every_system_finds_neighbours_with_and_without_a_filter(system, items, queries, tmp_path):
    one = opened(system, items, tmp_path)
    search_timing.tune(one, items.vectors, [queries], 0.9)
    rows = one.search(queries.measured, K)
    assert (rows.shape, rows.dtype) == ((60, K), np.int64)
    assert plain_recall(items.vectors, queries.measured, rows) > 0.85
    single = one.search(queries.measured[:1], K)
    assert len(set(single[0]) & set(rows[0])) >= K - 1
    if one.filtered:
        below = COUNT // 2
        chosen = Filter("50% at random", DRAW, below, items.columns[DRAW] < below)
        for query in queries.measured[:5]:
            (found,) = one.search_filtered(query[None], K, chosen)
            assert chosen.mask[found[found >= 0]].all()
            assert len(truth(items.vectors, query, chosen.mask) & set(found.tolist())) >= 5
    one.close()


@pytest.mark.parametrize("system", [rivals.NumPyExact, rivals.FaissFlat])
def test_exact_systems_find_exactly_the_nearest_whatever_the_filter(
    system, items, queries, tmp_path
):
    one = opened(system, items, tmp_path)
    assert plain_recall(items.vectors, queries.measured, one.search(queries.measured, K)) == 1
    # Those of 0.1% leave two items, fewer than are asked for.
    for chosen in (f for f in search_data.filters(items.columns) if f.mask.sum() >= K):
        rows = one.search_filtered(queries.measured[:9], K, chosen)
        assert plain_recall(items.vectors, queries.measured[:9], rows, chosen.mask) == 1
    (few,) = one.search_filtered(queries.measured[:1], K, search_data.filters(items.columns)[0])
    assert (few >= 0).sum() == 2


def test_filters_leave_the_share_they_name_and_subjects_lie_together(items):
    chosen = search_data.filters(items.columns)
    assert [one.mask.mean() for one in chosen] == [0.001, 0.01, 0.1, 0.5] * 2
    assert chosen[0].label == "0.1% at random"
    spread = [items.vectors[one.mask].std(axis=0).sum() for one in (chosen[2], chosen[6])]
    assert spread[1] < spread[0]


def test_items_come_back_mapped_as_they_were_saved(items, tmp_path):
    items.save(tmp_path)
    again = Items.load(tmp_path)
    assert isinstance(again.vectors, np.memmap)
    assert np.array_equal(again.vectors, items.vectors)
    assert {n: v.tolist() for n, v in again.columns.items()} == {
        name: values.tolist() for name, values in items.columns.items()
    }


def test_recall_is_the_share_of_the_true_nearest(items, queries):
    mask = items.columns[TOPIC] < 300
    rng = np.random.default_rng(3)
    for given in (None, mask):
        (least,) = search_data.least_cosines(items.vectors, queries.measured, [given])
        rows = np.array([sorted(truth(items.vectors, q, given)) for q in queries.measured])
        assert search_data.recall(items.vectors, queries.measured, rows, least, given) == 1
        spoilt = np.where(rng.random(rows.shape) < 0.3, -1, rows)
        share = search_data.recall(items.vectors, queries.measured, spoilt, least, given)
        assert share == pytest.approx((spoilt >= 0).mean())
        named_again = np.repeat(rows[:, :1], K, axis=1)
        share = search_data.recall(items.vectors, queries.measured, named_again, least, given)
        assert share == pytest.approx(1 / K)
    # What a filter leaves out is no hit, however near it is.
    (least,) = search_data.least_cosines(items.vectors, queries.measured, [mask])
    rows = np.array([sorted(truth(items.vectors, q)) for q in queries.measured])
    expected = plain_recall(items.vectors, queries.measured, rows, mask)
    assert expected < 1
    found = search_data.recall(items.vectors, queries.measured, rows, least, mask)
    assert found == pytest.approx(expected)


def test_queries_to_measure_with_are_none_that_were_tuned_with(vectors):
    parts = search_data.halves(vectors[:101], 400)
    assert len(parts.tuning) == len(parts.measured) == 50
    assert not set(map(bytes, parts.tuning)) & set(map(bytes, parts.measured))


@pytest.mark.parametrize("wanted", [0.6, 0.9])
def test_tuning_stops_at_the_first_setting_that_finds_enough(wanted, items, queries, tmp_path):
    one = opened(rivals.FaissHNSW, items, tmp_path)
    setting = search_timing.tune(one, items.vectors, [queries], wanted)
    (ladder,) = one.ladders()
    place = ladder.index(setting)

    def found(setting):
        one.setting = setting
        return plain_recall(items.vectors, queries.tuning, one.search(queries.tuning, K))

    assert found(setting) >= wanted + search_timing.MARGIN
    assert place == 0 or found(ladder[place - 1]) < wanted + search_timing.MARGIN


def test_tuning_takes_the_best_there_is_where_nothing_finds_enough(items, queries, tmp_path):
    one = opened(rivals.FaissIVF, items, tmp_path)
    one.ladders = lambda: [[{"nprobe": 1, "k_factor": 5}, {"nprobe": 2, "k_factor": 5}]]
    assert search_timing.tune(one, items.vectors, [queries], 1.0)["nprobe"] == 2


def test_single_queries_are_asked_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_timing, "PAUSE", 0)
    asked = []
    searches = {
        name: lambda query, name=name: asked.append((name, float(query[0, 0]))) for name in "ab"
    }
    times = search_timing.single_queries(searches, np.arange(20.0)[:, None], warm_up=0)
    turns = [asked[number : number + 2] for number in range(0, 40, 2)]
    for number, turn in enumerate(turns):
        assert sorted(turn) == [("a", number), ("b", number)]
    assert {turn[0][0] for turn in turns} == {"a", "b"}  # another goes first now and then
    assert {name: len(values) for name, values in times.items()} == {"a": 20, "b": 20}


class Broken(rivals.NumPyExact):
    name = "broken"

    def build(self, items, folder):
        raise MemoryError("too much of it")


class Missing(rivals.NumPyExact):
    name = "missing"
    package = "no-such-package"


@pytest.mark.slow
def test_what_is_missing_or_fails_is_said_and_the_rest_is_measured(
    items, queries, tmp_path, monkeypatch
):
    monkeypatch.setattr(search, "SYSTEMS", (rivals.NumPyExact, Missing, Broken, rivals.FaissIVF))
    monkeypatch.setattr(search, "FILTERED_QUERIES", 5)
    console = Console(record=True, width=200)
    systems = search.installed(None, console)
    assert Missing not in systems
    data = tmp_path / "data"
    data.mkdir()
    items.save(data)
    rows = list(search.measure_size(systems, data, {"image": queries}, console))
    said = console.export_text()
    assert "skipped: missing: no-such-package is not installed" in said
    assert "failed: broken" in said
    assert "too much of it" in said

    figures = {(row.case, row.system, row.metric): row.value for row in rows}
    assert {row.system for row in rows} == {"NumPy", "FAISS IVF-PQ"}
    for system in ("NumPy", "FAISS IVF-PQ"):
        for metric in ("build", "disk", "cold open", "cores of a single query"):
            assert figures["2,000 items", system, metric] > 0
        case = "2,000 items, image queries"
        assert figures[case, system, "p50"] <= figures[case, system, "p99"]
        assert figures[case, system, "batched"] > 0
        assert figures[case, system, "recall@10"] > 0.9
    assert figures["2,000 items", "FAISS IVF-PQ", "set nprobe"] >= 1
    for chosen in search_data.filters(items.columns):
        case = f"2,000 items, image queries, {chosen.label}"
        assert figures[case, "NumPy", "recall@10"] == 1
    show(rows)


@pytest.mark.slow
def test_codes_are_searched_alike_by_all(vectors, queries):
    console = Console(record=True, width=200)
    found = list(search_codes.measure_codes(vectors[:COUNT], {"image": queries}, console))
    recalls = {r.system: r.value for r in found if r.metric == "Hamming recall@10"}
    assert recalls["FAISS IndexBinaryFlat"] == recalls["Sensorium"] == 1
    cosines = {r.system: r.value for r in found if r.metric == "float recall@10"}
    assert cosines[f"Sensorium, {search_codes.RERANK} re-ranked"] > cosines["Sensorium"]


def growth_rows():
    for size in (1000, 10_000, 100_000):
        for metric, value in (("build", size**1.5), ("disk", size), ("memory", 2 * size)):
            yield Row("search", f"{size:,} items", "a", metric, value, "")
        yield Row("search", f"{size:,} items, text queries", "a", "p50", size**0.5, "ms")
    yield Row("search", "1,000 items", "b", "build", 4.0, "s")


def test_growth_is_fitted_and_carried_on():
    rows = list(growth_rows())
    assert exponent(by_size(rows, "build", "items")["a"]) == pytest.approx(1.5)
    first, _, third, _ = on_paper(rows)
    assert (first.system, first.items) == ("a", 10_000_000)
    assert first.build == pytest.approx(1e7**1.5)
    assert first.p50 == pytest.approx(1e7**0.5 / 1e3)
    assert (first.disk, first.memory) == (pytest.approx(1e13), pytest.approx(2e13))
    assert (third.build, third.disk) == (None, None)  # one size has no slope


def test_growth_is_printed_and_drawn(tmp_path, capsys):
    show(list(growth_rows()))
    assert "not measured" in " ".join(capsys.readouterr().out.split())
    path = tmp_path / "growth.png"
    draw_growth(list(growth_rows()), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_command_takes_its_options():
    parser = argparse.ArgumentParser()
    search.add_arguments(parser)
    chosen = parser.parse_args(["--rows", "5", "6", "--plot", "x.svg", "--systems", "NumPy"])
    assert (chosen.rows, chosen.plot, chosen.systems) == ([5, 6], Path("x.svg"), ["NumPy"])


def test_more_bytes_find_more(items, vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_bytes, "TIMED", 2)
    groups = {"image": search_data.halves(vectors[COUNT:], 60)}
    rows = list(search_bytes.measure_bytes(items.vectors, groups, Console(quiet=True)))
    found = {(row.system, row.metric): row.value for row in rows}
    for name in ("4 bits a dimension", "RaBitQ, 4 bits"):
        assert found[name, "image: in 100"] > 0.97
        assert found[name, "image: in 10"] > found["RaBitQ, 1 bit", "image: in 10"]
    assert found["FAISS PQ, 2 bits", "bytes"] == DIMENSION / 4
    assert all(row.value > 0 for row in rows)
