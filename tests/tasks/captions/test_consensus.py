from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sacrebleu")

import sacrebleu

from sensorium.tasks.captions.consensus import consensus
from sensorium.tasks.captions.memory import Memory, centres_of, keys

NEAR = [("flag of ecuador", 0.9), ("flag of peru", 0.9), ("water balloon", 0.9)]


def test_retrieved_texts_alone_give_the_one_they_agree_on() -> None:
    ranked = consensus([("a dog", -0.1)], NEAR, trust=1.0)
    assert ranked[0][0].startswith("flag of") and ranked[-1][0] == "water balloon"
    assert {text for text, _ in ranked} == {text for text, _ in NEAR}


def test_a_generated_text_wins_where_it_is_trusted_or_central() -> None:
    assert consensus([("a dog", -0.1)], NEAR, trust=0.0) == [("a dog", pytest.approx(100))]
    assert consensus([("a dog", -0.1)], NEAR, trust=0.1)[0][0] == "a dog"
    assert consensus([("flag of", -0.1)], NEAR, trust=0.5)[0][0] == "flag of"


def test_the_value_is_the_expected_chrf() -> None:
    ranked = dict(consensus([("a dog", -1.0), ("a cat", -1.0)], NEAR[:1], trust=0.5))
    expected = sum(
        weight * sacrebleu.sentence_chrf("a cat", [text]).score
        for text, weight in (("a dog", 0.25), ("a cat", 0.25), ("flag of ecuador", 0.5))
    )
    assert ranked["a cat"] == pytest.approx(expected)


def test_a_nearer_neighbour_counts_more() -> None:
    ranked = consensus([], [("a red dog", 0.9), ("a blue sky", 0.4)], trust=0.5)
    assert ranked[0][0] == "a red dog"


def test_empty_texts_are_no_candidates() -> None:
    assert consensus([("", -0.1), (" ", -0.2)], [], trust=0.5) == []
    assert consensus([("", -0.1)], NEAR[:1], trust=0.5)[0][0] == "flag of ecuador"


def test_keys_give_every_source_the_same_weight() -> None:
    random = np.random.default_rng(0)
    tokens = {
        "vector": random.normal(size=(20, 1, 8)).astype(np.float16),
        "map": (100 + 50 * random.random(size=(20, 4, 6))).astype(np.float16),
    }
    centres = centres_of(tokens)
    found = keys(tokens, centres)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found[:, :8], axis=1) ** 2 == pytest.approx(0.5, abs=1e-5)
    pooled = tokens["map"].astype(np.float32).mean(1)
    assert centres["map"] == pytest.approx(pooled.mean(0), rel=1e-4)
    assert np.abs((found @ found.T)[~np.eye(20, dtype=bool)]).mean() < 0.5  # uncentred: near 1


def test_centres_come_back_from_a_file(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "m.npz"
    centres = {"vector": np.ones(3, np.float32), "map": np.zeros(2, np.float32)}
    Memory(np.eye(2, 3, dtype=np.float16), ["a", "b"], ["x", "y"], centres).save(path)
    again = Memory.load(path).centres
    assert {name: value.tolist() for name, value in again.items()} == {
        "vector": [1, 1, 1], "map": [0, 0],
    }  # fmt: skip
