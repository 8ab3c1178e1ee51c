"""Two results side by side: identical, better, worse, and not comparable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.errors import UsageError
from sensorium.evaluation import (
    Result,
    compare_results,
    evaluate_folder,
    evaluate_pairs,
    evaluate_retrieval,
)


def perfect(result: Result) -> Result:
    """The result of an encoder that is never wrong."""
    found = result.measurements["classification"]
    samples = [{**s, "predicted": s["label"], "probability": 1.0, "rank": 1} for s in found.samples]
    better = dataclasses.replace(found, samples=samples, values={"top-1": [1.0] * len(samples)})
    return dataclasses.replace(result, measurements={"classification": better})


def test_a_result_is_not_compared_with_itself(pairs: Path, classes: Path, tiny: Path) -> None:
    for result in (evaluate_pairs(pairs, tiny), evaluate_folder(classes, tiny)):
        again = dataclasses.replace(result, seed=5, versions={})
        for other in (result, again):
            compared = compare_results(result, other)
            assert compared.scores == []
            (note,) = compared.notes
            assert note.startswith("both are one evaluation")
        # Of another encoder that does as well there is something to say.
        rival = dataclasses.replace(result, encoder={**result.encoder, "fingerprint": "another"})
        compared = compare_results(result, rival)
        assert compared.notes == []
        for row in compared.scores:
            assert row.ours == row.theirs
            assert row.ours == pytest.approx(result.scores[row.measurement][row.score].estimate)
            assert (row.difference, row.low, row.high, row.p, row.p_holm) == (0, 0, 0, 1, 1)


def test_a_better_result_is_better(classes: Path, tiny: Path) -> None:
    result = evaluate_folder(classes, tiny)
    rows = {row.score: row for row in compare_results(perfect(result), result).scores}
    assert rows.keys() == {"top-1", "macro_precision", "macro_recall", "macro_f1", "ece"}
    for row in rows.values():
        assert row.difference == pytest.approx(row.ours - row.theirs)
        assert row.low <= row.difference <= row.high and row.p <= row.p_holm
    assert rows["top-1"].low > 0 and rows["macro_f1"].low > 0
    assert rows["macro_f1"].p < 0.05
    back = {row.score: row for row in compare_results(result, perfect(result)).scores}
    assert back["top-1"].difference == -rows["top-1"].difference
    assert back["macro_f1"].p == rows["macro_f1"].p


def test_two_encoders(pairs: Path, tiny: Path, other_tiny: Path) -> None:
    ours, theirs = evaluate_pairs(pairs, tiny), evaluate_pairs(pairs, other_tiny)
    rows = compare_results(ours, theirs).scores
    for row in rows:
        values = [r.measurements[row.measurement].values[row.score] for r in (ours, theirs)]
        if row.score != "median_rank":
            assert row.difference == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    assert compare_results(ours, theirs, seed=0).scores == rows
    assert {row.measurement for row in rows} == {"text_to_image", "image_to_text"}


def test_other_data_are_refused_with_the_number_of_shared_samples(
    pairs: Path, classes: Path, tiny: Path
) -> None:
    before = evaluate_pairs(pairs, tiny), evaluate_folder(classes, tiny)
    pairs.write_text("\n".join(pairs.read_text().splitlines()[:-1]))
    with pytest.raises(
        UsageError, match=r"the pictures and the captions differ \(text_to_image: 13 of 14 and 15"
    ):
        compare_results(evaluate_pairs(pairs, tiny), before[0])
    with pytest.raises(UsageError, match="a result of folder cannot be compared with one of pairs"):
        compare_results(before[1], before[0])


def test_what_is_shared_is_compared_with_a_note(
    classes: Path, library: Path, beir: Path, tiny: Path
) -> None:
    before = evaluate_folder(classes, tiny)
    (classes / "the_red" / "red3.png").unlink()
    compared = compare_results(evaluate_folder(classes, tiny), before)
    assert len(compared.notes) == 1
    assert "classification: 11 of 11 and 12 samples are shared" in compared.notes[0]
    qrels = beir / "qrels" / "test.tsv"
    asked = evaluate_retrieval(library, beir / "queries.jsonl", qrels)
    qrels.write_text(qrels.read_text().replace("q-red\tred0.png\t2", "q-red\tred0.png\t1"))
    compared = compare_results(evaluate_retrieval(library, beir / "queries.jsonl", qrels), asked)
    assert "retrieval: 3 of 4 and 4 samples are shared" in compared.notes[0]
    with Collection(library) as collection:
        collection.delete(where="path LIKE '%green3%'")
    with pytest.raises(UsageError, match="the items differ"):
        compare_results(evaluate_retrieval(library, beir / "queries.jsonl", qrels), asked)
    qrels.write_text("q-red\tgreen0.png\t1\nq-blue\tgreen1.png\t1\n")
    with pytest.raises(UsageError, match="differ"):
        compare_results(evaluate_retrieval(library, beir / "queries.jsonl", qrels), asked)
