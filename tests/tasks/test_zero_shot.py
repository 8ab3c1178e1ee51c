"""Zero-shot probabilities: they sum to one, follow their labels, and say what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.encoders import Encoder, load_encoder
from sensorium.errors import MediaError, UsageError
from sensorium.tasks.zero_shot import ZeroShotClassifier
from tests.agreement import assert_agree
from tests.media.small_pictures import red_blue
from tests.tiny_encoder import DIMENSION, WORDS, make_tiny_encoder


@pytest.fixture(scope="module")
def encoder(tiny: Path, full_precision: None) -> Encoder:
    return load_encoder(tiny)


def unit_vectors(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIMENSION)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


labels = st.lists(st.sampled_from(WORDS), min_size=2, max_size=len(WORDS), unique=True)


@settings(max_examples=30, deadline=None)
@given(labels=labels, seed=st.integers(0, 100))
def test_rows_sum_to_one(encoder: Encoder, labels: list[str], seed: int) -> None:
    rows = ZeroShotClassifier(encoder, labels).probabilities(unit_vectors(5, seed))
    assert rows.shape == (5, len(labels)) and rows.dtype == np.float32
    assert (rows >= 0).all()
    assert np.allclose(rows.sum(axis=1), 1, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), labels=labels, multi=st.booleans())
def test_labels_keep_their_probabilities_in_any_order(
    encoder: Encoder, data: st.DataObject, labels: list[str], multi: bool
) -> None:
    order = data.draw(st.permutations(range(len(labels))))
    vectors = unit_vectors(4)
    rows = ZeroShotClassifier(encoder, labels).probabilities(vectors, multi=multi)
    turned = ZeroShotClassifier(encoder, [labels[i] for i in order])
    assert np.allclose(turned.probabilities(vectors, multi=multi), rows[:, order], atol=1e-5)


def test_probabilities_are_the_softmax_of_cosines_over_the_temperature(
    encoder: Encoder, tmp_path: Path
) -> None:
    folder = make_tiny_encoder(tmp_path / "warm")
    config = json.loads((folder / "encoder.json").read_text())
    for temperature in (0.1, 1.0, 0.001):
        (folder / "encoder.json").write_text(json.dumps(config | {"temperature": temperature}))
        classifier = ZeroShotClassifier(load_encoder(folder), ["dog", "cat", "red"])
        vectors = unit_vectors(6)
        logits = (vectors.astype(float) @ classifier.vectors.T) / temperature
        expected = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected /= expected.sum(axis=1, keepdims=True)
        assert np.allclose(classifier.probabilities(vectors), expected, atol=1e-4)


def test_a_label_is_the_normalised_mean_of_its_prompts(encoder: Encoder) -> None:
    classifier = ZeroShotClassifier(encoder, ["dog", " cat "], ["{}", "a red {}"])
    assert classifier.labels == ["dog", "cat"]
    vectors = encoder.encode(["dog", "a red dog", "cat", "a red cat"]).reshape(2, 2, -1)
    mean = vectors.mean(axis=1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    assert_agree(classifier.vectors, mean)
    # A label with braces is no template.
    assert ZeroShotClassifier(encoder, ["{}", "{0}"], ["the {}"]).labels == ["{}", "{0}"]


def test_a_text_is_labelled_by_itself(encoder: Encoder) -> None:
    for items in (["dog"], "dog"):
        (best,) = ZeroShotClassifier(encoder, ["cat", "dog", "red"]).classify(items, k=2)
        assert best[0][0] == "dog"
        assert len(best) == 2 and best[0][1] > best[1][1]


def test_classify_takes_any_media_and_any_k(encoder: Encoder) -> None:
    classifier = ZeroShotClassifier(encoder, ["cat", "dog"])
    rows = classifier.classify([red_blue(), "cat", red_blue()], k=99)
    assert [len(row) for row in rows] == [2, 2, 2]
    assert [name for name, _ in rows[0]] == [name for name, _ in rows[2]]
    assert [p for _, p in rows[0]] == pytest.approx([p for _, p in rows[2]], abs=1e-5)
    assert all(isinstance(p, float) for row in rows for _, p in row)
    assert classifier.classify([]) == []
    with pytest.raises(UsageError, match="k is at least 1, got 0"):
        classifier.classify(["cat"], k=0)
    with pytest.raises(MediaError):
        classifier.classify([b"garbage"])


def test_equal_probabilities_keep_the_order_of_labels(encoder: Encoder) -> None:
    classifier = ZeroShotClassifier(encoder, ["xx", "yy", "zz"])  # all three are unknown words
    ((first, p), (second, q), _) = classifier.classify([red_blue()])[0]
    assert p == pytest.approx(1 / 3, abs=1e-5) == q
    assert (first, second) == ("xx", "yy")
    # What a product of matrices leaves of equality.
    nearly = np.array([[0.3, 0.35, np.nextafter(np.float32(0.35), 1)]], np.float32)
    assert [name for name, _ in classifier.top(nearly, 3)[0]] == ["yy", "zz", "xx"]


def test_other_labels_change_nothing_where_each_is_judged_by_itself(encoder: Encoder) -> None:
    vectors = unit_vectors(5)
    both = ZeroShotClassifier(encoder, ["dog", "cat"]).probabilities(vectors, multi=True)
    alone = ZeroShotClassifier(encoder, ["dog"])
    assert np.allclose(alone.probabilities(vectors, multi=True)[:, 0], both[:, 0], atol=1e-5)
    assert alone.probabilities(vectors).tolist() == (
        alone.probabilities(vectors, multi=True).tolist()  # one label is always a question
    )
    ((answered,),) = alone.classify([red_blue()])
    assert answered[0] == "dog" and 0 < answered[1] < 1


@pytest.mark.parametrize(
    ("labels", "prompts", "words"),
    [
        ([], None, "at least one label"),
        (["dog", ""], None, "no empty one"),
        (["dog", "  "], None, "no empty one"),
        (["dog", "cat", " dog"], None, "labels must differ, repeated: dog"),
        ("dog", None, "labels are a list of texts, got the one text 'dog'"),
        (["dog", "cat"], "a {}", "prompts are a list of texts"),
        (["dog", "cat"], [], "every prompt needs a {}"),
        (["dog", "cat"], ["{}", "a photo"], "every prompt needs a {}"),
    ],
)
def test_labels_and_prompts_that_cannot_be(
    encoder: Encoder, labels: list[str], prompts: list[str] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ZeroShotClassifier(encoder, labels, prompts)
