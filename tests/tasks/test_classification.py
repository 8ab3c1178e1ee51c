from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sensorium import load_encoder
from sensorium.errors import MediaError, UsageError
from sensorium.tasks.classification import (
    VectorClassifier,
    class_shares,
    load_classifier,
    load_vector_classifier,
)


@pytest.fixture
def classifier(tiny: Path) -> VectorClassifier:
    encoder = load_encoder(tiny)
    keys = encoder.encode(["red", "blue", "a red cat"])
    return VectorClassifier(
        labels=["warm", "cold"],
        space=encoder.space,
        encoder=str(tiny),
        method="tip-adapter",
        modality="text",
        arrays={
            "weights": keys[:2] / np.float32(0.1),
            "bias": np.array([0.0, 0.1], np.float32),
            "keys": keys,
            "values": np.array([0, 1, 0], np.int32),
        },
        temperature=2.0,
        settings={"alpha": 1.5, "beta": 3.0},
        scores={"accuracy": 0.5},
    )


def test_saved_and_loaded_it_gives_the_same(classifier: VectorClassifier, tmp_path: Path) -> None:
    vectors = load_encoder(classifier.encoder).encode(["red", "a blue dog", "photo"])
    classifier.save(tmp_path)
    loaded = load_vector_classifier(tmp_path)
    np.testing.assert_array_equal(loaded.probabilities(vectors), classifier.probabilities(vectors))
    assert loaded.space == classifier.space and loaded.scores == {"accuracy": 0.5}
    np.testing.assert_allclose(loaded.probabilities(vectors).sum(axis=1), 1, atol=1e-6)
    assert loaded.probabilities(vectors[:0]).shape == (0, 2)
    whole = load_classifier(tmp_path)
    assert (whole.labels, whole.modality) == (["warm", "cold"], "text")
    np.testing.assert_allclose(
        whole.probabilities(["red", "a blue dog", "photo"]),
        loaded.probabilities(vectors),
        atol=1e-5,
    )
    assert whole.classify(["red"], k=1)[0][0][0] == "warm"
    with pytest.raises(MediaError, match=r"gone\.png"):
        whole.classify(["red", Path("gone.png")])


def test_logits_are_the_same_in_chunks(
    classifier: VectorClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, classifier.space.dimension)).astype(np.float32)
    whole = classifier.logits(vectors)
    monkeypatch.setattr("sensorium.tasks.classification.CHUNK", 7)
    np.testing.assert_allclose(classifier.logits(vectors), whole, rtol=1e-5)


def test_shares_are_one_hot_for_classes_of_one_size() -> None:
    np.testing.assert_array_equal(class_shares(np.array([0, 1, 1, 0]), 2), np.eye(2)[[0, 1, 1, 0]])
    uneven = class_shares(np.array([0, 0, 0, 1]), 2)
    np.testing.assert_allclose(uneven.sum(axis=0), [2, 2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "space"}, "describes no classifier"),
        ({"format": 99}, "reads format 1"),
        ({"labels": "warm"}, "labels are a list"),
        ({"labels": ["warm"]}, "damaged"),
        ({"temperature": 0}, "damaged"),
        ({"temperature": None}, "damaged"),
        ({"settings": {"beta": 1.0}}, "damaged"),
        ({"space": {}}, "damaged"),
        ({"fingerprint": "0"}, "not the one of its fingerprint"),
        ({"method": "text"}, "model of its own"),
        ({"modality": "smell"}, "damaged"),
    ],
)
def test_a_damaged_description_is_said(
    classifier: VectorClassifier, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    classifier.save(tmp_path)
    path = tmp_path / "classifier.json"
    edited = {**json.loads(path.read_text()), **change}
    del edited["checksum"]
    path.write_text(json.dumps(edited))
    with pytest.raises(UsageError, match=said):
        load_vector_classifier(tmp_path)


def test_damaged_weights_are_said(classifier: VectorClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    good = (tmp_path / "weights.npz").read_bytes()
    for content in (b"", b"PK nonsense", good[: len(good) // 2]):
        (tmp_path / "weights.npz").write_bytes(content)
        with pytest.raises(UsageError, match="damaged"):
            load_vector_classifier(tmp_path)
    path = tmp_path / "classifier.json"  # as an earlier version, or a stranger, wrote it
    kept = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("files", "checksum")}
    path.write_text(json.dumps(kept))
    for arrays in (
        {"weights": np.zeros((2, 3), np.float32)},
        {"weights": np.full((2, classifier.space.dimension), np.nan, np.float32)},
        {"weights": np.array([{"a": 1}], object)},  # a pickle, which is never read
        {"other": np.zeros(3)},
    ):
        with (tmp_path / "weights.npz").open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="damaged"):
            load_vector_classifier(tmp_path)
    with pytest.raises(UsageError, match="holds no"):
        load_vector_classifier(tmp_path / "nowhere")
