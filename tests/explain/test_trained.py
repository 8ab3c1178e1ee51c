"""Why trained classifiers and fusion models say what they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Image, Text, load_encoder
from sensorium.explain import explain_class
from sensorium.tasks.classification import VectorClassifier, load_classifier

KEPT = Path(__file__).parents[1] / "kept"
RED, BLUE = (230, 20, 20), (20, 20, 230)


def colours(tiny: Path, folder: Path, modality: str, examples: list[object]) -> Path:
    """A classifier of two classes, each as one example is."""
    encoder = load_encoder(tiny)
    weights = encoder.encode(examples) / np.float32(0.1)
    arrays = {"weights": weights, "bias": np.zeros(2, np.float32)}
    head = VectorClassifier(
        ["red", "blue"], encoder.space, str(tiny), "linear-probe", modality, arrays
    )
    return head.save(folder)


def test_pixels_carry_a_class(tiny: Path, tmp_path: Path) -> None:
    examples = [Image(np.full((32, 32, 3), colour, np.uint8)) for colour in (RED, BLUE)]
    folder = colours(tiny, tmp_path / "colours", "image", examples)
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[16:48, 38:60] = BLUE
    classifier = load_classifier(folder)
    found = explain_class(classifier, Image(pixels), name=str(folder))
    (label, probability), *_ = classifier.classify([Image(pixels)])[0]
    assert found.query == label == "blue" and found.question is None
    assert found.probability == pytest.approx(probability, abs=1e-4)
    places = np.array([part.box for part in found.hit.parts])[:, 0]
    right = places > 0.5
    assert found.hit.weights[right].sum() > abs(found.hit.weights[~right]).sum()
    assert found.told().startswith("right middle")
    against = explain_class(classifier, Image(pixels), "red", faithfulness=False)
    assert against.hit.weights[right].sum() < 0
    areas = found.hit.faithfulness
    assert areas is not None and areas.own.gain > max(areas.random.gain, areas.centre.gain)


def test_words_carry_a_class(tiny: Path, tmp_path: Path) -> None:
    folder = colours(tiny, tmp_path / "words", "text", ["red", "blue"])
    found = explain_class(load_classifier(folder), Text("the red photo of a dog"), "red")
    assert [part.text for part in found.hit.parts] == ["the", "red", "photo", "of", "a", "dog"]
    assert found.hit.parts[found.hit.order[0]].text == "red"
    assert found.told().startswith("word: red")


def test_a_row_says_which_modality_and_which_part() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from sensorium.explain.rows import explain_row
    from sensorium.tasks.fusion import load_fusion
    from tests.kept.answers import ROWS

    predictor = load_fusion(KEPT / "fusion-early")
    found = explain_row(predictor, ROWS[0], faithfulness=False)
    assert {*found.contributions} == {*predictor.modalities}
    total = found.baseline + sum(found.contributions.values())
    assert total == pytest.approx(found.probability, abs=1e-6)
    assert found.label == predictor.predict([ROWS[0]])["kind"][0]
    for column, cell in found.cells.items():
        assert column in ROWS[0] and cell.probability == pytest.approx(found.probability, abs=0.02)
    assert found.told()
