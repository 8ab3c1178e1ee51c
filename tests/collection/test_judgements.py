"""Judging hits: stored, kept, checked, and of use at once."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, Part, Question
from sensorium.collection.checking import check
from sensorium.collection.collection import store_of
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, SensoriumWarning, UsageError
from tests.collection.coloured import COLOURS, names


def damage(path: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(sql, values)
    db.commit()
    db.close()


def test_what_is_said_changes_the_answer_at_once(library: Collection, coloured: Path) -> None:
    hits = library.search("a photo", k=8)
    last = hits[-1]
    better = hits.judge(last)
    assert better.index(next(hit for hit in better if hit.id == last.id)) < 7
    assert {*names(better)} == {*COLOURS}
    assert better.judgements == {last.id: True}
    # A plain search is as it was.
    assert library.search("a photo", k=8) == hits
    assert library.search("a photo", k=8).improved() == better
    first = hits[0]
    worse = better.judge(first, relevant=False)
    assert first.id not in [hit.id for hit in worse]
    assert worse.judgements == {last.id: True, first.id: False}
    assert worse.forget(first) == better
    assert better.forget(last.id) == hits


def test_examples_pull_their_like(library: Collection, coloured: Path) -> None:
    hits = library.search("a photo", k=8)
    places = names(hits)
    better = hits.judge(coloured / "red.png")
    assert names(better).index("red") < places.index("red")
    assert names(better).index("orange") <= places.index("orange")
    worse = hits.forget(coloured / "red.png").judge(str(coloured / "lime.png"), relevant=False)
    assert "lime" not in names(worse)
    rest = [name for name in places if name != "lime"]
    assert names(worse).index("green") >= rest.index("green")


def test_other_questions_are_other_questions(library: Collection, coloured: Path) -> None:
    library.search("a cat").judge(1)
    assert library.search("a dog").judgements == {}
    assert library.search(Question(Part("a cat", 2))).judgements == {}
    assert library.search("a cat", mode="hybrid").judgements == {1: True}
    library.search(coloured / "red.png").judge(2, relevant=False)
    assert library.search(like=coloured / "red.png").judgements == {2: False}
    assert library.search(like=library.get(coloured / "red.png")).judgements == {2: False}
    vector = np.ones(library.encoder.space.dimension, np.float32)
    library.search(vector).judge(3)
    assert library.search(vector * 2).judgements == {3: True}
    both = Question("a cat", like=coloured / "red.png")
    assert library.search(both).judge(1, 2).judgements == {1: True, 2: True}


@pytest.mark.parametrize("mode", ["vector", "words", "hybrid", "hash"])
def test_every_mode_and_page(library: Collection, coloured: Path, mode: str) -> None:
    for name in COLOURS:
        library.add(coloured / f"{name}.png", metadata={"caption": f"a {name} photo"})
    whole = library.search("photo", k=8, mode=mode)
    refused = whole[2].id
    better = whole.judge(refused, relevant=False)
    assert refused not in [hit.id for hit in better]
    found = better[3].id  # however near it is to what is not wanted
    better = better.judge(found)
    assert [hit.id for hit in better].index(found) == 0 and refused not in [h.id for h in better]
    page = library.search("photo", k=3, offset=2, mode=mode).improved()
    assert [hit.id for hit in page] == [hit.id for hit in better[2:5]]
    kept = library.search("photo", k=8, mode=mode, where="path LIKE '%e.png'").improved()
    assert {*names(kept)} <= {name for name in COLOURS if name.endswith("e")}


def test_what_cannot_be_judged(library: Collection) -> None:
    hits = library.search("a cat")
    for item in (999, "no.png", True, None, 1.5):
        with pytest.raises(UsageError, match="has no item"):
            hits.judge(item)
    with pytest.raises(UsageError, match="relevant is True or False"):
        hits.judge(1, relevant="yes")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"only what Collection\.search gives"):
        type(hits)(hits).judge(1)
    for same in (copy.copy(hits), pickle.loads(pickle.dumps(hits))):
        assert same == hits
        with pytest.raises(UsageError, match="only what"):
            same.judge(1)


def test_it_stays_with_the_collection(
    library: Collection,
    coloured: Path,
    encoder: Encoder,
    tmp_path: Path,
) -> None:
    library.search("a cat").judge(1, 2).judge(3, relevant=False)
    with Collection(library.path, encoder) as again:
        assert again.search("a cat").judgements == {1: True, 2: True, 3: False}
    library.delete(1)
    assert library.search("a cat").judgements == {2: True, 3: False}
    two, three = (library.get(n) for n in (2, 3))
    assert two is not None and three is not None
    Path(two.path).rename(coloured / "moved.png")  # the same item
    PIL.Image.new("RGB", (40, 30), (1, 2, 3)).save(three.path)  # something else now
    library.add(coloured)
    assert library.get(2).path == str(coloured / "moved.png")  # type: ignore[union-attr]
    assert library.search("a cat").judgements == {2: True}


def test_another_space_keeps_it(library: Collection, tmp_path: Path) -> None:
    from tests.tiny_encoder import make_tiny_encoder

    library.search("a cat").judge(1)
    before = store_of(library).judgements()
    library.reembed(make_tiny_encoder(tmp_path / "other", seed=3))
    assert store_of(library).judgements() == before
    assert library.search("a cat").judgements == {1: True}
    assert library.search("a cat").improved()[0].id == 1


@pytest.mark.parametrize("layout", ["numpy", "clip-retrieval", "parquet", "lance"])
def test_exports_keep_it(
    library: Collection,
    coloured: Path,
    encoder: Encoder,
    tmp_path: Path,
    layout: str,
) -> None:
    if layout != "numpy":
        pytest.importorskip("lance" if layout == "lance" else "pyarrow")
    library.search("一只猫").judge(1).judge(3, relevant=False)
    library.search(coloured / "red.png").judge(2)
    suffix = {"parquet": ".parquet", "lance": ".lance"}.get(layout, "")
    export_collection(library, tmp_path / f"out{suffix}", layout)
    with Collection(tmp_path / "other.sensorium", encoder) as other:
        other.add(coloured / "white.png")  # ids differ
        import_collection(other, tmp_path / f"out{suffix}", layout, encoder=encoder)
        path = {item.id: item.path for item in library.items()}
        found = {other.get(n).path: said  # type: ignore[union-attr]
                 for n, said in other.search("一只猫").judgements.items()}  # fmt: skip
        assert found == {path[1]: True, path[3]: False}
        assert len(store_of(other).judgements()) == 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE judgements SET relevant = 1 - relevant WHERE id = 1",
        "UPDATE judgements SET relevant = 7 WHERE id = 1",
        "UPDATE judgements SET question = '{}' WHERE id = 1",
        "UPDATE judgements SET question = CAST(x'ff00' AS TEXT) WHERE id = 1",
        "UPDATE judgements SET found = CAST(x'ff' AS TEXT) WHERE id = 1",
        "UPDATE judgements SET found = '[1]' WHERE id = 1",
        "UPDATE judgements SET judged = 'x' WHERE id = 1",
        "UPDATE judgements SET checksum = checksum + 1 WHERE id = 1",
        "UPDATE judgements SET item_id = 4 WHERE id = 1",
    ],
)
def test_damage_is_left_out_and_named(
    library: Collection,
    encoder: Encoder,
    change: str,
) -> None:
    library.search("a cat").judge(1).judge(3, relevant=False)
    library.close()
    damage(library.path, change)
    with Collection(library.path, encoder) as again:
        with pytest.warns(SensoriumWarning, match="1 judgements are damaged and left out"):
            assert again.search("a cat").judgements == {3: False}
        (found,) = check(again).damages
        assert "judgement is damaged" in found.what and "--repair" in found.mend
        assert check(again, repair=True).repaired
        assert check(again).damages == []
        assert again.search("a cat").judgements == {3: False}


def test_a_file_without_the_table_is_no_collection_of_this_version(library: Collection) -> None:
    library.close()
    damage(library.path, "DROP TABLE judgements")
    with pytest.raises(CollectionError, match="its table 'judgements' is lacking"):
        Collection(library.path)


def test_a_file_of_the_version_before_gets_the_table(
    library: Collection,
    encoder: Encoder,
) -> None:
    library.close()
    damage(library.path, "DROP TABLE judgements")
    damage(library.path, "PRAGMA user_version = 5")
    with Collection(library.path, encoder) as again:
        assert again.search("a cat").judge(2).judgements == {2: True}


def test_qrels_are_what_evaluate_reads(library: Collection, coloured: Path, tmp_path: Path) -> None:
    from sensorium.collection.qrels import export_judgements
    from sensorium.data.questions import read_queries
    from sensorium.evaluation.collection_retrieval import evaluate_retrieval

    hits = library.search("a cat", k=8)
    hits.judge(hits[0], hits[2]).judge(hits[1], relevant=False)
    library.search("a dog", k=8).judge(1)
    library.search(coloured / "red.png", k=8).judge(coloured / "orange.png")
    several = Question(
        Part("3:10 to Yuma", 0.5), Part("16:9"), like=coloured / "red.png",
        unlike=Part(coloured / "blue.png", 2), without="a barn",
    )  # fmt: skip
    library.search(several, k=8).judge(1)
    library.search(library.encoder.encode(["a cat"])[0]).judge(1)
    report = export_judgements(library, tmp_path / "judged")
    assert (report.queries, report.judgements, len(report.skipped)) == (4, 6, 1)
    assert "by vectors" in report.skipped[0].reason
    lines = (tmp_path / "judged" / "qrels.txt").read_text("utf-8").splitlines()
    assert lines[0] == f"q1 0 {hits[0].path} 1" and lines[2] == f"q1 0 {hits[1].path} 0"
    queries = (tmp_path / "judged" / "queries.jsonl").read_text("utf-8").splitlines()
    assert json.loads(queries[2]) == {"_id": "q3", "image": str(coloured / "red.png")}
    assert json.loads(queries[3]) == {
        "_id": "q4", "text": ["0.5:3:10 to Yuma", "1:16:9"], "like": [str(coloured / "red.png")],
        "unlike": [f"2:{coloured / 'blue.png'}"], "without": ["a barn"],
    }  # fmt: skip
    read, _ = read_queries(tmp_path / "judged" / "queries.jsonl")
    assert [(part.what, part.weight) for part in read["q4"].parts][:2] == [
        ("3:10 to Yuma", 0.5), ("16:9", 1),
    ]  # fmt: skip
    found = evaluate_retrieval(
        library, tmp_path / "judged" / "queries.jsonl", tmp_path / "judged" / "qrels.txt"
    )
    ndcg = found.measurements["retrieval"].scores
    assert found.data["counts"]["queries"] == 4 and ndcg
    with pytest.raises(UsageError, match="exists"):
        export_judgements(library, tmp_path / "judged")


def test_qrels_of_paths_that_fit_no_line(
    library: Collection, coloured: Path, tmp_path: Path
) -> None:
    from sensorium.collection.qrels import export_judgements

    with pytest.raises(CollectionError, match="no judgement"):
        export_judgements(library, tmp_path / "none")
    PIL.Image.new("RGB", (40, 30), (9, 9, 99)).save(coloured / "two\nlines.png")
    library.add(coloured)
    item = library.get(coloured / "two\nlines.png")
    assert item is not None
    library.search("a cat").judge(item, 1)
    export_judgements(library, tmp_path / "judged")
    lines = (tmp_path / "judged" / "qrels.txt").read_text("utf-8").splitlines()
    assert lines == [f"q1 0 {item.id} 1", "q1 0 1 1"]


def test_probabilities_come_nearer_to_what_was_said(tmp_path: Path, encoder: Encoder) -> None:
    """The order stays, and what is learned from is what was stated before anything was said."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, encoder.space.dimension))
    with Collection(tmp_path / "c.sensorium", encoder) as library:
        library.add_vectors(vectors, [f"{n}.jpg" for n in range(60)])
        before = library.search("a cat", k=60)
        stated = {hit.id: hit.probability for hit in before}
        assert all(chance is not None for chance in stated.values())
        before.judge(*before[:10], relevant=False)
        after = library.search("a cat", k=60)
        assert [hit.id for hit in after] == [hit.id for hit in before]
        assert all(hit.probability < stated[hit.id] for hit in after[:10])  # type: ignore[operator]
        chances = [hit.probability for hit in after]
        assert chances == sorted(chances, reverse=True)  # type: ignore[type-var]
        after.judge(*after[10:20], relevant=False)
        for one in store_of(library).judgements():
            assert one.found.probability == pytest.approx(stated[one.item], rel=1e-6)
        # Of improved results nothing is learned but that they are relevant.
        after.improved().judge(after[30])
        (last,) = [j for j in store_of(library).judgements() if j.item == after[30].id]
        assert last.found.probability is None and last.found.mode == "improved"
    with Collection(tmp_path / "c.sensorium", encoder) as again:
        lower = again.search("a cat", k=60)
        assert lower[0].probability < after[0].probability  # type: ignore[operator]
        again.search("a cat", k=60).forget(*(hit.id for hit in lower))
        assert again.search("a cat", k=60) == before


def test_what_was_said_is_looked_up_without_encoding(
    library: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of words: pages ask for it with every search. Whatever is asked, it is what was said."""
    questions: list[Any] = ["a red cat", Question("a red cat", without="a blue one")]
    judged = [library.search(one).judge(1, relevant=False) for one in questions]
    found = [library.search(one) for one in questions]
    assert [one.judgements for one in judged] == [{1: False}, {1: False}]
    monkeypatch.setattr(type(library.encoder), "encode_prepared", None)
    assert [one.judgements for one in found] == [{1: False}, {1: False}]
