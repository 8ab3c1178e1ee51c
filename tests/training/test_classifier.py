from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, Text, load_encoder
from sensorium.errors import EncoderError, MediaError, SpaceMismatchError, UsageError
from sensorium.training import Classifier, load_classifier
from tests.training.pictures import write_classes
from tests.training.vectors import blobs

FROZEN = ("zero-shot", "nearest-mean", "tip-adapter", "linear-probe")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("red", "green", "blue", "cat", "dog")
    return write_classes(tmp_path_factory.mktemp("classes"), names, count=8)


@pytest.mark.parametrize("method", FROZEN)
def test_estimator_contract(method: str, folder: Path, tiny: Path, tmp_path: Path) -> None:
    classifier = Classifier(method, tiny).fit(folder)
    assert classifier.labels == ["blue", "cat", "dog", "green", "red"]
    pictures = sorted(folder.glob("*/[0-3].png"))
    probabilities = classifier.predict_proba(pictures)
    assert probabilities.shape == (20, 5) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    predicted = classifier.predict(pictures)
    assert predicted == [classifier.labels[n] for n in probabilities.argmax(axis=1)]
    if method != "zero-shot":  # the tiny encoder's words know nothing of its pictures
        right = [path.parent.name for path in pictures]
        assert np.mean([a == b for a, b in zip(predicted, right, strict=True)]) > 0.9
    best = classifier.classify(pictures, k=2)
    assert [labels[0][0] for labels in best] == predicted and len(best[0]) == 2
    vectors = load_encoder(tiny).encode(pictures)
    np.testing.assert_allclose(classifier.predict_proba(vectors), probabilities, atol=1e-5)
    classifier.save(tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved")
    np.testing.assert_allclose(loaded.predict_proba(pictures), probabilities, atol=1e-6)
    assert loaded.predictor.method == method


def test_equal_data_in_every_form_gives_the_same(folder: Path, tiny: Path, tmp_path: Path) -> None:
    paths = sorted(folder.glob("*/*.png"))
    labels = [path.parent.name for path in paths]
    table = tmp_path / "table.csv"
    table.write_text("path,label\n" + "".join(f"{path},{path.parent.name}\n" for path in paths))
    lines = tmp_path / "table.jsonl"
    lines.write_text(
        "\n".join(json.dumps({"image": str(p), "class": p.parent.name}) for p in paths)
    )
    encoder = load_encoder(tiny)
    queries = encoder.encode(paths[::7])
    expected = Classifier("linear-probe", encoder).fit(folder).predict_proba(queries)
    for fitted in (
        Classifier("linear-probe", tiny).fit(table),
        Classifier("linear-probe", tiny).fit(lines),
        Classifier("linear-probe", tiny).fit(paths, labels),
        Classifier("linear-probe", tiny).fit(encoder.encode(paths), labels),
    ):
        np.testing.assert_allclose(fitted.predict_proba(queries), expected, atol=1e-4)


def test_report_beside_zero_shot(folder: Path, tiny: Path, tmp_path: Path) -> None:
    classifier = Classifier(encoder=tiny).fit(folder)
    report = classifier.evaluate()
    assert report.tested == 40 and "5-fold" in report.how and report.reason
    assert report.accuracy is not None and report.zero_shot is not None
    assert report.accuracy.estimate > report.zero_shot.estimate
    assert report.accuracy.low <= report.accuracy.estimate <= report.accuracy.high  # type: ignore[operator]
    assert report.difference is not None and report.difference.p < 0.05
    gained = report.accuracy.estimate - report.zero_shot.estimate
    assert report.difference.estimate == pytest.approx(gained)
    assert [one.label for one in report.classes] == classifier.labels
    recalls = [one.recall for one in report.classes]
    assert np.mean(recalls) == pytest.approx(report.accuracy.estimate)  # classes of one size
    assert 0 <= (report.calibration_error or 0) <= 1
    assert report.forgetting is not None and "half" in report.forgetting.how
    folder_of_it = classifier.save(tmp_path / "saved")
    stored = json.loads((folder_of_it / "report.json").read_text())
    assert stored["accuracy"]["estimate"] == report.accuracy.estimate
    scores = json.loads((folder_of_it / "classifier.json").read_text())["scores"]
    assert scores["zero_shot"] == report.zero_shot.estimate


def test_zero_shot_is_not_compared_with_itself(
    folder: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sensorium.cli.output import print_report

    report = Classifier("zero-shot", tiny).fit(folder).evaluate()
    assert report.is_zero_shot and report.accuracy is not None
    assert report.zero_shot is report.difference is report.forgetting is None
    assert all(one.zero_shot_recall is None for one in report.classes)
    print_report(report.as_report(tmp_path), False)
    printed = capsys.readouterr().out
    assert "what was tested is the zero-shot baseline itself" in printed
    assert "forgotten: nothing: the classifier is zero-shot as it was" in printed
    assert "p = " not in printed and "difference" not in printed
    other = Classifier("nearest-mean", tiny).fit(folder).evaluate()
    assert not other.is_zero_shot and other.zero_shot is not None
    print_report(other.as_report(tmp_path), False)
    assert "p = " in capsys.readouterr().out


def test_a_cache_without_weight_is_zero_shot(tiny: Path) -> None:
    """Names help and neighbours mislead: Tip-Adapter's alpha is 0, and so it is the baseline."""
    rng = np.random.default_rng(0)
    names = ["red", "green", "blue", "cat"]
    encoder = load_encoder(tiny)
    words = encoder.encode([prompt.replace("{}", n) for n in names for prompt in encoder.prompts])
    texts = words.reshape(4, len(encoder.prompts), -1).mean(axis=1)
    labels = [name for name in names for _ in range(6)]
    apart = rng.normal(size=(2, 6, texts.shape[1]))  # each in an example of one and another class
    vectors = np.repeat(texts, 6, axis=0) + np.repeat(apart, 2, axis=0).reshape(24, -1)
    classifier = Classifier("tip-adapter", tiny).fit(vectors.astype(np.float32), labels)
    assert classifier.predictor.settings["alpha"] == 0
    given = classifier.evaluate(vectors.astype(np.float32), labels)
    assert given.is_zero_shot and given.zero_shot is given.difference is None
    near = np.repeat(rng.normal(size=(4, texts.shape[1])), 6, axis=0)
    voting = Classifier("tip-adapter", tiny).fit(near.astype(np.float32), labels)
    assert voting.predictor.settings["alpha"] > 0
    report = voting.evaluate(near.astype(np.float32), labels)
    assert not report.is_zero_shot and report.difference is not None


def test_forgetting_is_what_its_definition_says(folder: Path, tiny: Path, tmp_path: Path) -> None:
    encoder = load_encoder(tiny)
    own = write_classes(tmp_path / "own", ("red", "green"), 6)
    others = write_classes(tmp_path / "others", ("cat", "dog"), 5, seed=3)
    test = write_classes(tmp_path / "test", ("red", "green"), 4, seed=4)
    classifier = Classifier("linear-probe", encoder).fit(own)
    found = classifier.evaluate(test, others=others).forgetting
    assert found is not None and found.own_tested == 8 and found.others_tested == 10
    labels = ["green", "red", "cat", "dog"]
    from sensorium import ZeroShotClassifier

    names = ZeroShotClassifier(encoder, labels)
    for root, classes, before, after in (
        (test, ("green", "red"), found.own_before, found.own_after),
        (others, ("cat", "dog"), found.others_before, found.others_after),
    ):
        paths = [path for name in classes for path in sorted((root / name).glob("*.png"))]
        vectors = encoder.encode(paths)
        known = names.probabilities(vectors).astype(float)
        mass = known[:, :2].sum(axis=1, keepdims=True)
        joint = np.hstack([mass * classifier.predict_proba(vectors), known[:, 2:]])
        right = [labels.index(path.parent.name) for path in paths]
        assert before == pytest.approx(np.mean(known.argmax(axis=1) == right))
        assert after == pytest.approx(np.mean(joint.argmax(axis=1) == right))
    assert found.zero_shot_before == found.zero_shot_after  # the encoder was left alone


def test_test_examples_are_never_used_to_choose(folder: Path, tiny: Path, tmp_path: Path) -> None:
    classifier = Classifier("tip-adapter", tiny).fit(folder)
    settings = dict(classifier.predictor.settings)
    pictures = sorted(folder.glob("*/*.png"))[:4]
    before = classifier.predict_proba(pictures)
    classifier.evaluate(write_classes(tmp_path / "test", ("red", "blue"), 3, seed=9))
    assert dict(classifier.predictor.settings) == settings
    np.testing.assert_array_equal(classifier.predict_proba(pictures), before)


def test_copies_are_not_tested_with_what_they_were_trained_on(tiny: Path, tmp_path: Path) -> None:
    # Noise: nothing but a copy of itself could tell the class.
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "noise" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            for copy in ("a", "b"):
                PIL.Image.fromarray(pixels).save(tmp_path / "noise" / name / f"{number}{copy}.png")
    report = Classifier("nearest-mean", tiny).fit(tmp_path / "noise").evaluate()
    assert report.accuracy is not None and report.accuracy.estimate < 0.8
    given = Classifier("nearest-mean", tiny).fit(tmp_path / "noise").evaluate(tmp_path / "noise")
    assert any("also trained on" in note for note in given.notes)


def test_bad_examples(folder: Path, tiny: Path, other_tiny: Path, tmp_path: Path) -> None:
    few = write_classes(tmp_path / "few", ("red", "green", "blue"), 4)
    (few / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing")
    (few / "red" / "readme.txt").write_text("about red")
    for path in sorted((few / "blue").glob("*.png"))[1:]:
        path.unlink()
    classifier = Classifier("linear-probe", tiny).fit(few)
    report = classifier.evaluate()
    reasons = {Path(item.path).name: item.reason for item in report.skipped}
    assert {*reasons} == {"broken.png", "readme.txt"}
    assert "text among examples of image" in reasons["readme.txt"]
    assert any("one example" in note and "blue" in note for note in report.notes)
    assert {one.label: one.tested for one in report.classes} == {"blue": 0, "green": 4, "red": 4}
    assert report.forgetting is None and "fewer than 4" in report.forgetting_note

    single = write_classes(tmp_path / "single", ("red", "green"), 1)
    alone = Classifier(encoder=tiny).fit(single)
    assert alone.evaluate().accuracy is None and "one example" in alone.evaluate().how
    with pytest.raises(UsageError, match="two or more class folders"):
        Classifier(encoder=tiny).fit(write_classes(tmp_path / "one", ("red",), 3))
    for path in (single / "red").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"usable are those of green; the first that was skipped"):
        Classifier(encoder=tiny).fit(single)
    with pytest.raises(MediaError):
        classifier.predict([few / "red" / "broken.png"])

    classifier.save(tmp_path / "saved")
    other = load_encoder(other_tiny)
    loaded = load_classifier(tmp_path / "saved")
    with pytest.raises(SpaceMismatchError, match="train it again"):
        loaded.head.require_space(other.space)
    with pytest.raises(UsageError, match="shape"):
        loaded.predict_proba(np.zeros((2, 7), np.float32))
    with pytest.raises(UsageError, match="no examples"):
        loaded.evaluate()
    with pytest.raises(UsageError, match="not fitted"):
        Classifier(encoder=tiny).predict(["red"])
    with pytest.raises(UsageError, match="among the trained"):
        classifier.evaluate(few, others=few)
    with pytest.raises(UsageError, match="none of the test examples"):
        classifier.evaluate(write_classes(tmp_path / "strange", ("cat", "dog"), 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "magic"}, "method is one of"),
        ({"solver": "magic"}, "solver is one of"),
        ({"holdout": 1.0}, "holdout"),
        ({"alpha": 2}, "alpha"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Classifier(**arguments)  # type: ignore[arg-type]


def test_inputs_that_cannot_be(tiny: Path, tmp_path: Path, folder: Path) -> None:
    new = Classifier(encoder=tiny)
    with pytest.raises(UsageError, match="there is no such file"):
        new.fit(tmp_path / "nothing")
    with pytest.raises(UsageError, match="one label for each example, got 1 for 2"):
        new.fit(["a", "b"], ["x"])
    with pytest.raises(UsageError, match="without y"):
        new.fit(["a", "b"])
    with pytest.raises(UsageError, match="give no y"):
        new.fit(folder, ["x"])
    with pytest.raises(UsageError, match="no direction"):
        new.fit(np.zeros((2, 48), np.float32), ["x", "y"])
    with pytest.raises(UsageError, match="dimensions"):
        new.fit(np.ones((2, 5), np.float32), ["x", "y"])
    table = tmp_path / "table.csv"
    table.write_text("path,colour\na.png,red\n")
    with pytest.raises(UsageError, match=r"needs a column with the class .* it has path, colour"):
        new.fit(table)
    with pytest.raises(UsageError, match="modality is one of"):
        new.fit(folder, modality="smell")


def test_texts_and_their_labels(tiny: Path, tmp_path: Path) -> None:
    table = tmp_path / "texts.tsv"
    cats = ["a red cat\tcat", "the cat\tcat", "red cat of the photo\tcat"]
    dogs = ["a blue dog\tdog", "the dog\tdog", "blue dog of the photo\tdog"]
    rows = [*cats, *dogs, "\tdog", "cat\t"]
    table.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    classifier = Classifier("linear-probe", tiny).fit(table)
    assert classifier.predict([Text("red cat"), "blue dog"]) == ["cat", "dog"]
    report = classifier.evaluate()
    assert report.modality == "text" and report.tested == 6
    assert [item.path for item in report.skipped] == ["texts.tsv:8", "texts.tsv:9"]


def test_documents_have_the_mean_of_their_passages(tiny: Path, tmp_path: Path) -> None:
    for name, colour in (("cat", "red"), ("dog", "blue")):
        (tmp_path / "texts" / name).mkdir(parents=True)
        for number in range(3):
            passages = [f"the {colour} {name} of a photo"] * (200 * number + 1)
            (tmp_path / "texts" / name / f"{number}.txt").write_text("\n\n".join(passages))
    classifier = Classifier("linear-probe", tiny).fit(tmp_path / "texts")
    paths = sorted((tmp_path / "texts").glob("*/*.txt"))
    assert classifier.predict(paths) == [path.parent.name for path in paths]
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "texts")
        labelled = library.label(classifier)
    assert [item.labels[0][0] for item in labelled] == [
        Path(item.path).parent.name for item in labelled
    ]


def test_sounds_need_a_space_that_holds_them(tiny: Path, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "a.wav", np.zeros(800), 8000)
    with pytest.raises(EncoderError, match="the examples are audio: choose another encoder"):
        Classifier(encoder=tiny).fit(tmp_path)


def test_sounds_by_an_encoder_of_sounds(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    soundfile = pytest.importorskip("soundfile")
    from tests.encoders import tiny_hub

    time = np.arange(24_000) / 48_000
    for name, pitch in (("cat", 200), ("dog", 3000)):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for number in range(2):
            wave = np.sin(2 * np.pi * pitch * (1 + 0.05 * number) * time) * 0.5
            soundfile.write(tmp_path / "sounds" / name / f"{number}.wav", wave, 48_000)
    clap = tiny_hub.clap(tmp_path / "clap")
    classifier = Classifier("linear-probe", clap).fit(tmp_path / "sounds")
    report = classifier.evaluate()
    assert report.modality == "audio" and report.tested == 4
    assert report.zero_shot is not None
    probabilities = classifier.predict_proba(sorted((tmp_path / "sounds").glob("cat/*.wav")))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_without_texts_there_is_no_baseline(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.encoders import tiny_hub

    vit = tiny_hub.vit(tmp_path / "vit")
    folder = write_classes(tmp_path / "classes", ("red", "green", "blue", "cat"), 3)
    classifier = Classifier(encoder=vit).fit(folder)
    report = classifier.evaluate()
    assert report.zero_shot is None and "holds no text" in report.forgetting_note
    with pytest.raises(UsageError, match="needs the class names"):
        Classifier("tip-adapter", vit).fit(folder)


def test_vectors_of_many_classes_calibrate(tiny: Path) -> None:
    vectors, numbers = blobs(classes=20, count=16, dimension=48, noise=1.5)
    labels = [f"class {n}" for n in numbers]
    report = Classifier("linear-probe", tiny).fit(vectors, labels).evaluate()
    assert report.accuracy is not None and report.accuracy.estimate > 0.5
    assert report.calibration_error is not None and report.calibration_error < 0.12


def test_everything_up_to_the_linear_probe_is_free_of_torch_and_scipy(
    folder: Path, tiny: Path, tmp_path: Path
) -> None:
    code = f"""
import sys
for name in ("torch", "transformers", "sentence_transformers", "scipy", "peft", "sklearn"):
    sys.modules[name] = None
from sensorium import Collection
from sensorium.training import Classifier, load_classifier
for method in ("zero-shot", "nearest-mean", "tip-adapter", "linear-probe", "auto"):
    fitted = Classifier(method, {str(tiny)!r}).fit({str(folder)!r})
    report = fitted.evaluate()
    assert report.accuracy.low is None and "evaluate" in report.notes[-1], report.notes
    fitted.save({str(tmp_path)!r} + "/" + method)
    loaded = load_classifier({str(tmp_path)!r} + "/" + method)
    assert loaded.predict([{str(folder / "red" / "0.png")!r}])
with Collection({str(tmp_path / "c.sensorium")!r}, {str(tiny)!r}) as library:
    library.add({str(folder)!r})
    assert len(library.label({str(tmp_path)!r} + "/auto")) == 40
for method in ("lora", "full"):
    try:
        Classifier(method, {str(tiny)!r}).fit({str(folder)!r})
    except ImportError as error:
        assert "is not installed; run: pip install " in str(error)
    else:
        raise AssertionError("trained without torch")
"""
    source = Path(__file__).parent.parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
