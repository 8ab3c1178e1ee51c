"""One scale for modalities whose vectors lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.ranking.scale import (
    COSINES,
    FEW,
    HIGHEST,
    SAMPLE,
    Samples,
    Scale,
    Spread,
    drawn,
)


def cone(rng: np.random.Generator, axis: int, rows: int, width: float) -> np.ndarray:
    vectors = rng.normal(size=(rows, 64)) * width
    vectors[:, axis] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_gap_is_bridged() -> None:
    """A query in the texts' cone is nearer to every text than to the picture it is about."""
    rng = np.random.default_rng(0)
    texts, pictures = cone(rng, 0, 200, 0.08), cone(rng, 1, 200, 0.08)
    query = texts[7] + 0.5 * (pictures[3] - pictures.mean(axis=0))
    query /= np.linalg.norm(query)
    assert (texts @ query).min() > (pictures @ query).max()
    scale = Samples.of({"text": texts[20:], "image": pictures[20:]}, {}).scale(query)
    assert list(scale.modalities) == ["text", "image"]
    seen = scale.score(float(pictures[3] @ query), "image")
    others = np.delete(texts, 7, axis=0) @ query
    assert seen > np.quantile(others, 0.95)
    unrelated = [scale.score(float(picture @ query), "image") for picture in pictures[20:]]
    assert np.mean(unrelated) == pytest.approx(scale.spreads["text"].mean, abs=1e-3)
    assert np.std(unrelated) == pytest.approx(scale.spreads["text"].deviation, abs=1e-3)


def test_the_first_modality_keeps_its_cosines() -> None:
    scale = Scale({"text": Spread(0.2, 0.05), "image": Spread(0.1, 0.02)}, ("text", "image"))
    assert scale.score(0.43, "text") == 0.43
    assert scale.score(0.12, "image") == pytest.approx(0.25)
    assert scale.score(1.0, "image") == HIGHEST  # 1 is only what is equal
    assert scale.score(0.3, "audio") == 0.3  # nothing is known of it
    assert COSINES.score(0.43, "image") == 0.43


def test_equal_vectors_have_a_spread() -> None:
    vectors = np.ones((FEW, 4), np.float32) / 2
    assert Samples.of({"text": vectors}, {}).scale(vectors[0]).spreads["text"] == Spread(1.0, 1e-3)


def test_few_segments_are_taken_for_like_others_of_their_space() -> None:
    """Three pictures tell nothing of pictures; sounds of another encoder tell nothing of them."""
    rng = np.random.default_rng(1)
    texts, pictures, sounds = cone(rng, 0, 50, 0.1), cone(rng, 1, 3, 0.1), cone(rng, 2, 50, 0.1)
    texts[:, 32:], pictures[:, 32:], sounds[:, :32] = 0, 0, 0
    stored = {"text": texts, "audio": sounds, "image": pictures}
    alone = Samples.of(stored, {})
    assert len(alone.vectors["image"]) == 3 + FEW
    rows = {row.tobytes() for row in texts}
    assert len(rows & {row.tobytes() for row in alone.vectors["image"][3:]}) == FEW
    known = Samples.of(stored, {"image": cone(rng, 1, 40, 0.1)})
    assert len(known.vectors["image"]) == 43
    query = texts[0] / np.linalg.norm(texts[0])
    assert list(alone.scale(query).modalities) == ["text", "image"]  # it has no part in sounds


def test_the_scale_of_a_few_is_the_same_in_whatever_order_the_others_were_added() -> None:
    rng = np.random.default_rng(3)
    texts, pictures = cone(rng, 0, 50, 0.1), cone(rng, 1, 3, 0.1)
    wanted = Samples.of({"text": texts, "image": pictures}, {}).scale(texts[0])
    turned = Samples.of({"text": texts[::-1], "image": pictures[::-1]}, {}).scale(texts[0])
    assert turned.modalities == wanted.modalities
    assert turned.spreads["image"] == pytest.approx(wanted.spreads["image"], abs=1e-5)


def test_what_is_drawn_of_many_follows_from_them_alone() -> None:
    rng = np.random.default_rng(2)
    many = rng.normal(size=(5 * SAMPLE, 12)).astype(np.float32)
    one, other = drawn(many), drawn(rng.permutation(many))
    assert len(one) == SAMPLE
    assert {row.tobytes() for row in one} == {row.tobytes() for row in other}
    assert np.abs(one.mean(axis=0)).max() < 0.15  # and is like all of them


def test_what_is_stored_again_and_again_says_once_what_chance_is() -> None:
    """A detector gives things in every second picture one name."""
    rng = np.random.default_rng(4)
    texts, pictures = cone(rng, 0, 30, 0.3), cone(rng, 1, 100, 0.08)
    plain = Samples.of({"image": pictures, "text": texts}, {}).scale(texts[0])
    often = np.concatenate([texts, np.repeat(texts[:1], 60, axis=0)])
    scale = Samples.of({"image": pictures, "text": often}, {}).scale(texts[0])
    assert scale.spreads["text"] == pytest.approx(plain.spreads["text"])
    assert scale.score(0.9, "text") == pytest.approx(plain.score(0.9, "text"))


@pytest.mark.parametrize("different", [SAMPLE // 4, 3 * SAMPLE])
def test_of_what_is_stored_again_and_again_one_is_drawn(different: int) -> None:
    rng = np.random.default_rng(5)
    many = rng.normal(size=(different, 12)).astype(np.float32)
    chosen = drawn(np.concatenate([many, np.repeat(many[:2], 2 * SAMPLE, axis=0)]))
    assert len({row.tobytes() for row in chosen}) == len(chosen) == min(different, SAMPLE)


def test_vectors_of_mostly_zeros_are_not_taken_for_one() -> None:
    many = np.eye(SAMPLE + 200, dtype=np.float32)
    assert len({row.tobytes() for row in drawn(many)}) == SAMPLE
