"""Evaluations of small data: every right answer counts, and nothing depends on chunks or names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection, Image, ZeroShotClassifier, load_encoder
from sensorium.errors import EncoderError, UsageError
from sensorium.evaluation import (
    evaluate_folder,
    evaluate_pairs,
    evaluate_retrieval,
    measuring,
    write_evaluation,
)
from sensorium.evaluation.classification import (
    expected_calibration_error,
    precision_recall_f1,
)
from tests.evaluation.conftest import COLORS, EACH

PICTURES = len(COLORS) * EACH

# Ranks are worked out by hand from vectors of other batches.
pytestmark = pytest.mark.usefixtures("full_precision")


def test_pairs_in_both_directions(pairs: Path, tiny: Path) -> None:
    result = evaluate_pairs(pairs, tiny)
    to_image, to_text = (result.measurements[n] for n in ("text_to_image", "image_to_text"))
    captions = PICTURES + len(COLORS)
    assert [len(to_image.samples), len(to_text.samples)] == [captions, PICTURES]
    assert result.data["counts"] == {"pictures": PICTURES, "captions": captions}
    answers = {sample["text"]: sample["answers"] for sample in to_image.samples}
    assert answers["the red square"] == EACH and answers["a red photo of cat"] == 1
    assert {sample["answers"] for sample in to_text.samples} == {2}
    # Against ranks worked out by hand.
    encoder = load_encoder(tiny)
    names = [sample["picture"] for sample in to_text.samples]
    pictures = encoder.encode([Image(pairs.parent / name) for name in names])
    for row, sample in enumerate(to_image.samples):
        (vector,) = encoder.encode([sample["text"]])
        order = [names[i] for i in np.argsort(-(pictures @ vector), kind="stable")]
        color = sample["text"].split()[1]
        right = [n for n in order if color in n]
        if sample["answers"] == 1:
            number = ("cat", "dog", "a cat", "the dog").index(sample["text"].split("of ")[1])
            right = [f"classes/the_{color}/{color}{number}.png"]
        assert sample["rank"] == 1 + min(map(order.index, right))
        found = len({*order[:5]} & {*right}) / len(right)
        assert to_image.values["recall@5"][row] == pytest.approx(found)
    for found in result.measurements.values():
        for name, score in found.scores.items():
            assert score.low <= score.estimate <= score.high, name
        mean = np.mean(found.values["mrr"])
        assert found.scores["mrr"].estimate == pytest.approx(mean)


def test_one_picture_under_two_names_is_one_picture(pairs: Path, tiny: Path) -> None:
    before = evaluate_pairs(pairs, tiny)
    folder = pairs.parent / "classes" / "the_red"
    shutil.copy(folder / "red0.png", folder / "copy.png")
    with pairs.open("a") as file:
        file.write("classes/the_red/copy.png,one more,the red square\n")
    result = evaluate_pairs(pairs, tiny)
    assert result.data["counts"]["pictures"] == PICTURES
    (sample,) = (s for s in result.measurements["image_to_text"].samples if s["answers"] == 3)
    assert sample["picture"] == "classes/the_red/red0.png"
    shared = result.measurements["text_to_image"].samples
    assert {s["text"]: s["answers"] for s in shared}["the red square"] == EACH
    assert result.fingerprint != before.fingerprint


def test_broken_and_missing_pictures_cost_only_themselves(pairs: Path, tiny: Path) -> None:
    with pairs.open("a") as file:
        file.write("gone.png,a gone picture,\nclasses/the_red/broken.png,the red square,\n")
    result = evaluate_pairs(pairs, tiny)
    assert {item.path: item.reason[:12] for item in result.skipped} == {
        "gone.png": "no such file", "classes/the_red/broken.png": "no picture, "
    }  # fmt: skip
    asked = {sample["text"] for sample in result.measurements["text_to_image"].samples}
    assert "a gone picture" not in asked and "the red square" in asked


def test_a_folder_per_class(classes: Path, tiny: Path) -> None:
    result = evaluate_folder(classes, tiny)
    found = result.measurements["classification"]
    assert [item.path for item in result.skipped] == ["the_red/broken.png"]
    assert len(found.samples) == PICTURES and "top-5" not in found.scores
    encoder = load_encoder(tiny)
    names = [sample["picture"] for sample in found.samples]
    classifier = ZeroShotClassifier(encoder, ["the blue", "the green", "the red"])
    expected = classifier.probabilities(encoder.encode([Image(classes / name) for name in names]))
    labels = np.array([sorted(f"the_{c}" for c in COLORS).index(n.split("/")[0]) for n in names])
    assert found.confusion is not None
    assert [s["predicted"] for s in found.samples] == [
        found.confusion["classes"][i] for i in expected.argmax(axis=1)
    ]
    precision, recall, f1 = precision_recall_f1(found.confusion["counts"])
    assert found.scores["macro_precision"].estimate == pytest.approx(precision.mean())
    assert found.scores["macro_recall"].estimate == pytest.approx(recall.mean())
    assert found.scores["macro_f1"].estimate == pytest.approx(f1.mean())
    ece = expected_calibration_error(expected, labels)
    assert found.scores["ece"].estimate == pytest.approx(ece, abs=1e-6)
    assert found.scores["top-1"].estimate == np.mean([s["rank"] == 1 for s in found.samples])
    assert all(found.samples[w["sample"]]["rank"] > 1 for w in found.worst)


def test_a_report_among_the_classes_is_no_class(classes: Path, tiny: Path) -> None:
    before = evaluate_folder(classes, tiny)
    write_evaluation(before, classes / "evaluation-classes")
    assert evaluate_folder(classes, tiny) == before


def test_a_class_has_the_probability_of_its_best_label(
    classes: Path, tiny: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("folder,label\nthe_red,red,dog\nthe_blue,blue\nthe_green,green\n")
    result = evaluate_folder(classes, tiny, labels=labels)
    encoder = load_encoder(tiny)
    vectors = encoder.encode([Image(classes / "the_red" / "red0.png")])
    classifier = ZeroShotClassifier(encoder, ["blue", "green", "red", "dog"])
    (rows,) = classifier.probabilities(vectors)
    best = np.array([rows[0], rows[1], max(rows[2], rows[3])])
    samples = result.measurements["classification"].samples
    (sample,) = (s for s in samples if s["picture"] == "the_red/red0.png")
    assert sample["right_probability"] == pytest.approx(best[2] / best.sum(), abs=1e-3)
    assert result.arguments["labels"] == str(labels)
    assert result.fingerprint == evaluate_folder(classes, tiny).fingerprint  # data, not labels


def test_the_vectors_of_a_collection_are_ranked(library: Path, beir: Path, tiny: Path) -> None:
    result = evaluate_retrieval(library, beir / "queries.jsonl", beir / "qrels" / "test.tsv")
    found = result.measurements["retrieval"]
    assert result.skipped == []
    assert result.data["counts"] == {
        "items": PICTURES, "queries": len(COLORS) + 1, "queries_without_judgements": 0
    }  # fmt: skip
    with Collection(library) as collection:
        for sample in found.samples[:-1]:
            hits = collection.search(sample["text"], k=PICTURES)
            color = sample["id"].removeprefix("q-")
            first = next(n for n, hit in enumerate(hits, 1) if color in Path(hit.path).name)
            assert (sample["rank"], sample["answers"]) == (first, EACH)
        # The picture that asks is the best hit of a search, and no answer to itself here.
        hits = collection.search(Image(beir.parent / "classes" / "the_red" / "red0.png"), k=99)
        paths = [Path(hit.path).name for hit in hits]
        assert paths[0] == "red0.png"
        assert found.samples[-1]["rank"] == paths.index("red1.png")
    assert (
        evaluate_retrieval(library, beir / "queries.jsonl", beir / "qrels" / "test.tsv") == result
    )
    with Collection(library) as collection:
        again = evaluate_retrieval(collection, beir / "queries.jsonl", beir / "qrels" / "test.tsv")
    assert again == result
    assert result.arguments["encoder"] == str(tiny)


def test_what_judgements_name_and_nobody_has(library: Path, beir: Path) -> None:
    qrels = beir / "qrels" / "test.tsv"
    with qrels.open("a") as file:
        file.write("q-red\tunknown.png\t1\nlost\tred0.png\t1\nonly-unknown\tnever.png\t1\n")
    with (beir / "queries.jsonl").open("a") as file:
        file.write('{"_id": "only-unknown", "text": "a cat"}\n{"_id": "unjudged", "text": "x"}\n')
        file.write('{"_id": "unread", "image": "gone.png"}\n')
    qrels.write_text(qrels.read_text() + "unread\tred0.png\t1\n")
    result = evaluate_retrieval(library, beir / "queries.jsonl", qrels)
    assert {item.path: item.reason[:20] for item in result.skipped} == {
        "unknown.png": "no item of the colle", "never.png": "no item of the colle",
        "lost": "is judged in test.ts", "only-unknown": "query has no right a",
        "unread (gone.png)": "no such file",
    }  # fmt: skip
    assert result.data["counts"]["queries"] == len(COLORS) + 1
    assert result.data["counts"]["queries_without_judgements"] == 1


def test_chunks_change_nothing(
    pairs: Path, library: Path, beir: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate() -> list[object]:
        qrels = beir / "qrels" / "test.tsv"
        asked = evaluate_retrieval(library, beir / "queries.jsonl", qrels)
        return [evaluate_pairs(pairs, tiny).measurements, asked.measurements]

    whole = evaluate()
    monkeypatch.setattr(measuring, "MAX_CELLS", 2 * PICTURES)
    assert evaluate() == whole


def test_what_cannot_be_evaluated(pairs: Path, classes: Path, tiny: Path, tmp_path: Path) -> None:
    text_only = shutil.copytree(tiny, tmp_path / "text-only")
    config = json.loads((text_only / "encoder.json").read_text())
    del config["image"]
    (text_only / "encoder.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match="tiny encodes text; this needs image, too"):
        evaluate_pairs(pairs, text_only)
    pairs.write_text("path,caption\nclasses/the_red/broken.png,x\nclasses/the_red/red0.png,y\n")
    with pytest.raises(UsageError, match=r"pairs.csv: 1 pictures.*skipped: classes/the_red/broken"):
        evaluate_pairs(pairs, tiny)
    pairs.write_text("path,caption\nclasses/the_red/red0.png,y\n")  # and nothing was skipped
    with pytest.raises(UsageError, match=r"pairs.csv: 1 pictures.*at least two are needed$"):
        evaluate_pairs(pairs, tiny)
    for color in ("red", "green"):
        for file in (classes / f"the_{color}").iterdir():
            file.write_bytes(b"")
    for n in range(1, EACH):
        (classes / "the_blue" / f"blue{n}.png").unlink()
    with pytest.raises(UsageError, match=r"1 pictures can be used, at least two are needed"):
        evaluate_folder(classes, tiny)


def test_mini_on_the_sample(sample: Path, tmp_path: Path) -> None:
    lines = (sample / "images.csv").read_text("utf-8").splitlines()
    rows = [f"{sample}/{line}" for line in lines[1:25]]
    (tmp_path / "few.csv").write_text("\n".join([lines[0], *rows]), "utf-8")
    result = evaluate_pairs(tmp_path / "few.csv")
    assert result.scores["text_to_image"]["success@5"].estimate > 0.7
    assert result.scores["image_to_text"]["success@5"].estimate > 0.7
