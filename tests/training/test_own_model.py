from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from sensorium.errors import EncoderError, UsageError
from sensorium.training import Classifier, load_classifier
from tests.encoders import tiny_hub
from tests.training.pictures import write_classes

FAST = {"epochs": 8, "batch_size": 8, "learning_rate": 3e-3}


def _rows(count: int) -> list[tuple[str, str]]:
    subjects = {"cat": "red", "dog": "blue"}
    frames = [
        "a {} {}",
        "the {} {}",
        "photo of {} {}",
        "{} {} of the photo",
        "a photo of the {} {}",
    ]
    return [
        (frames[n % len(frames)].format(colour, animal), animal)
        for animal, colour in subjects.items()
        for n in range(count)
    ]


def test_bert_learns_texts_from_a_table(tmp_path: Path, tiny: Path) -> None:
    rows = _rows(10)
    table = tmp_path / "texts.csv"
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    model = tiny_hub.bert(tmp_path / "bert")
    fitted = Classifier("text", tiny, model=model, settings=FAST, folder=tmp_path / "training").fit(
        table
    )
    losses = json.loads((tmp_path / "training" / "history.json").read_text())["losses"]
    assert np.mean(losses[-2:]) < np.mean(losses[:2])
    report = fitted.evaluate()
    assert report.accuracy is not None and report.accuracy.estimate == 1
    assert report.zero_shot is not None  # of the encoder beside it
    texts = [text for text, _ in rows]
    expected = fitted.predict_proba(texts)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    fitted.save(tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved")
    np.testing.assert_allclose(loaded.predict_proba(texts), expected, atol=1e-5)
    assert loaded.labels == ["cat", "dog"]
    with pytest.raises(UsageError, match="model of its own"):
        _ = loaded.head
    with pytest.raises(UsageError, match="takes texts"):
        loaded.predict([np.zeros((8, 8, 3), np.uint8)])


def test_vit_learns_pictures(tmp_path: Path, tiny: Path) -> None:
    folder = write_classes(tmp_path / "classes", ("red", "blue"), 8)
    model = tiny_hub.vit(tmp_path / "vit")
    fitted = Classifier("image", tiny, model=model, settings=FAST).fit(folder)
    pictures = sorted(folder.glob("*/*.png"))
    right = [path.parent.name for path in pictures]
    predicted = fitted.predict(pictures)
    assert np.mean([a == b for a, b in zip(predicted, right, strict=True)]) > 0.8
    fitted.save(tmp_path / "saved")
    loaded = load_classifier(tmp_path / "saved")
    np.testing.assert_allclose(
        loaded.predict_proba(pictures), fitted.predict_proba(pictures), atol=1e-5
    )
    report = loaded.evaluate(folder, others=write_classes(tmp_path / "o", ("cat", "dog"), 2))
    assert report.forgetting is not None and report.forgetting.others_tested == 4


def test_what_does_not_fit_is_said(tmp_path: Path, tiny: Path) -> None:
    folder = write_classes(tmp_path / "classes", ("red", "blue"), 2)
    with pytest.raises(UsageError, match="takes text, the examples are image"):
        Classifier("text", tiny, model=tiny_hub.bert(tmp_path / "bert")).fit(folder)
    with pytest.raises(EncoderError, match="cannot be loaded"):
        Classifier("image", tiny, model=tmp_path / "nothing").fit(folder)
    with pytest.raises(UsageError, match="name it with model"):
        Classifier("image", tiny)
    with pytest.raises(UsageError, match="goes with method text or image"):
        Classifier("linear-probe", tiny, model="x")
