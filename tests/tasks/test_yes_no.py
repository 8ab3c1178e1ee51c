"""Yes, no or cannot tell: right for what the sample shows, and the same rule in every space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder, FolderEncoder, shipped_encoders
from sensorium.encoders.background import PASSAGES
from sensorium.encoders.composed import ComposedEncoder
from sensorium.encoders.ordinary import (
    WORDS,
    drawings,
    label_vectors,
    ordinary_media,
    ordinary_words,
)
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Image, Text
from sensorium.tasks.yes_no import (
    BEST,
    BIAS,
    LABEL,
    NO,
    NONE,
    YES,
    answer,
    judged,
    odds,
    rest,
    shares,
)
from sensorium.tasks.zero_shot import ZeroShotClassifier
from tests.media.small_pictures import red_blue
from tests.tiny_encoder import make_tiny_encoder

SAMPLE = Path(__file__).parents[2] / "sample" / "images"

RIGHT = {
    ("cat", "a cat", "Cat", "猫", "Katze"): (("e_kitten", "s_chelsea"), ("s_coffee", "c_fish1")),
    ("dog", "狗"): (("x_dog",), ("c_fish1", "s_coffee")),
    ("owl", "an owl"): ((), ("x_eiffelTower", "s_motorcycle_left")),
    ("horse", "一匹马"): (("e_horse",), ("x_eiffelTower", "x_africa")),
    ("a castle",): (("x_neuschwansteinCastle",), ("e_kitten", "x_dog", "s_flower")),
    ("fish",): (("c_fish1",), ("x_eiffelTower", "s_motorcycle_left")),
    ("hammer", "Hammer"): (("c_hammer1",), ("e_kitten", "x_panda", "c_fish1")),
}  # fmt: skip
"""Labels, with pictures of the sample that are such a thing, and pictures that are not."""


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def tiny_encoder(tiny: Path) -> Encoder:
    return load_encoder(tiny)


def pictures(*names: str) -> list[Image]:
    return [Image(SAMPLE / f"{name}.jpg") for name in names]


def test_the_sample_is_answered_right(mini: Encoder) -> None:
    names = sorted({name for sides in RIGHT.values() for side in sides for name in side})
    labels = [label for group in RIGHT for label in group]
    found = ZeroShotClassifier(mini, labels).probabilities(
        mini.encode(pictures(*names)), multi=True
    )
    wrong = []
    for group, (fits, fails) in RIGHT.items():
        for label in group:
            for expected, side in (("yes", fits), ("no", fails)):
                for name in side:
                    said = answer(float(found[names.index(name), labels.index(label)]))
                    wrong += [(label, name, said)] if said != expected else []
    assert wrong == []


def test_is_this_a_cat(mini: Encoder) -> None:
    """The question that the project begins with; what looks like a cat is no sure yes."""
    asked = ZeroShotClassifier(mini, ["cat"])
    found = asked.classify(pictures("e_kitten", "x_dog", "x_panda"))
    ((_, kitten),), ((_, dog),), ((_, panda),) = found
    assert answer(kitten) == "yes" and kitten > 0.9
    assert dog < 0.45 and answer(dog) != "yes"
    assert panda < kitten - 0.2
    words = ("cat", "not a cat")
    for labels in (words, words[::-1], ("a photo of a cat", "no cat"), ("cat", "something else")):
        sides = dict(ZeroShotClassifier(mini, labels).classify(pictures("x_dog"))[0])
        denied = next(label for label in labels if "cat" not in label or label.startswith("no"))
        assert sides[denied] > 0.5 and sum(sides.values()) == pytest.approx(1)
        if "cat" in sides:  # the very question that the label asks alone
            assert sides["cat"] == pytest.approx(dog, abs=5e-3)


def test_something_else_is_what_fits_no_label_better_than_chance(mini: Encoder) -> None:
    asked = ZeroShotClassifier(mini, ["cat", "hammer", "其他"])
    vectors = mini.encode(pictures("e_kitten", "c_hammer1", "s_coffee"))
    found = asked.probabilities(vectors)
    assert found.argmax(axis=1).tolist() == [0, 1, 2]
    alone = odds(ZeroShotClassifier(mini, ["cat", "hammer"]).probabilities(vectors, multi=True))
    shares = np.column_stack([alone / 2, np.ones(3)])  # half the chance, for each half of that
    np.testing.assert_allclose(found, shares / shares.sum(axis=1, keepdims=True), atol=5e-3)


def test_none_of_these_is_an_answer(mini: Encoder) -> None:
    asked = ZeroShotClassifier(mini, ["cat", "hammer"], abstain=True)
    assert asked.labels == ["cat", "hammer", NONE]
    found = asked.classify(pictures("e_kitten", "c_hammer1", "s_coffee"), k=1)
    assert [labels[0][0] for labels in found] == ["cat", "hammer", NONE]
    named = ZeroShotClassifier(mini, ["cat", "hammer", "something else"])
    vectors = mini.encode(pictures("e_kitten", "s_coffee"))
    np.testing.assert_array_equal(asked.probabilities(vectors), named.probabilities(vectors))


def test_twenty_labels_do_not_make_none_rare(mini: Encoder) -> None:
    """With the sum of odds in place of their mean, one of many labels fits by chance."""
    asked = ZeroShotClassifier(mini, WORDS[::12], abstain=True)
    assert len(asked.labels) > 20
    random = np.random.default_rng(0).normal(size=(50, mini.space.dimension)).astype(np.float32)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    none = asked.probabilities(random)[:, -1]
    assert 0.25 < none.mean() < 0.75


@pytest.mark.parametrize(
    ("labels", "multi", "words"),
    [
        (["cat"], False, "yes, no or cannot tell"), (["cat", "dog"], True, "judged by themselves"),
        (["cat", "dog", "other"], False, "'other' says already"),
        (["cat", "not a cat"], False, "'not a cat' says already"),
    ],
)  # fmt: skip
def test_abstaining_is_refused_where_it_says_nothing(
    tiny_encoder: Encoder, labels: list[str], multi: bool, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ZeroShotClassifier(tiny_encoder, labels, abstain=True).classify([red_blue()], multi=multi)


def test_shares_by_hand() -> None:
    """Odds of 3 and 1 of two labels weigh 1.5 and 0.5, beside 1 for none of them."""
    found = shares(np.array([[0.75, 0.5, 0.9]]), 2)
    np.testing.assert_allclose(found, [[0.5, 1 / 6, 1 / 3]], rtol=1e-6)


def test_a_text_is_judged_among_texts(mini: Encoder) -> None:
    asked = ZeroShotClassifier(mini, ["football", "cooking"])
    texts = [Text(PASSAGES[7]), Text(PASSAGES[1])]  # a match that was won; a dough
    found = [dict(labels) for labels in asked.classify(texts, multi=True)]
    assert [answer(labels["football"]) for labels in found] == ["yes", "no"]
    assert [answer(labels["cooking"]) for labels in found] == ["no", "yes"]


def test_what_comes_with_mini_is_what_it_would_encode(mini: Encoder) -> None:
    shipped = ordinary_words(mini, mini.prompts)
    chosen = np.arange(0, len(WORDS), 16)
    encoded = label_vectors(mini, [WORDS[n] for n in chosen], mini.prompts)
    assert ((shipped[chosen] * encoded).sum(axis=1) > 0.99).all()
    bare = ordinary_words(mini, ["{}"])  # other prompts: other vectors, made here
    assert bare.shape == shipped.shape and ((bare * shipped).sum(axis=1) < 0.999).any()


def test_the_drawings_for_encoders_that_bring_no_pictures_of_their_own(mini: Encoder) -> None:
    shown = drawings()
    assert len(shown) == 64
    labels = label_vectors(mini, ["cat", "hammer"], mini.prompts)
    vectors = mini.encode(pictures("e_kitten", "c_hammer1"))
    found = judged(labels, vectors, ordinary_words(mini, mini.prompts), mini.encode(shown))
    assert [[answer(float(p)) for p in row] for row in found] == [["yes", "no"], ["no", "yes"]]


# The rule


def test_the_rule(tiny_encoder: Encoder) -> None:
    asked = ZeroShotClassifier(tiny_encoder, ["dog", "red"])
    vectors = tiny_encoder.encode([red_blue(), red_blue().rotate(90)])
    words = label_vectors(tiny_encoder, WORDS, tiny_encoder.prompts).astype(float)
    ordinary = tiny_encoder.encode(drawings()).astype(float).mean(axis=0)
    rows = []
    for vector in vectors:
        scores = (words - words.mean(axis=0)) @ (vector - ordinary)
        own = (asked.vectors - words.mean(axis=0)) @ (vector - ordinary)
        logits = LABEL * own / scores.std() + BEST * scores.max() / scores.std() + BIAS
        rows.append(1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(asked.probabilities(vectors, multi=True), rows, atol=1e-4)


def test_the_scale_of_cosines_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels, vectors, words, media = (rng.normal(size=(n, 8)) for n in (3, 5, 40, 20))
    plain = judged(labels, vectors, words, media)
    np.testing.assert_allclose(judged(labels, vectors * 9, words, media * 9), plain, rtol=1e-5)
    # What all pictures, or all texts, have in common (the modality gap) does not matter either.
    shifted = judged(labels + 3, vectors - 2, words + 3, media - 2)
    np.testing.assert_allclose(shifted, plain, rtol=1e-4)


def test_what_all_words_are_equally_near_to_cannot_be_told() -> None:
    words = np.tile(np.eye(4)[:1], (6, 1))
    found = judged(np.eye(4)[:2], np.eye(4), words, np.eye(4))
    assert found.tolist() == [[0.5, 0.5]] * 4
    assert answer(float(found[0, 0])) == "cannot tell"
    far = judged(np.eye(4) * 1e6, np.eye(4) * 1e6, np.eye(4), np.zeros((1, 4)))
    assert np.isfinite(odds(far)).all() and ((far > 0) & (far < 1)).all()


def test_answers() -> None:
    said = [answer(p) for p in (0.0, NO, NO + 1e-6, 0.5, YES - 1e-6, YES, 1.0)]
    assert said == ["no", "no", *["cannot tell"] * 3, "yes", "yes"]


# Spaces of other kinds


def test_composed_encoders_answer_as_the_one_that_sees(mini: Encoder, tiny: Path) -> None:
    """Words and pictures of `mini` stand in its own dimensions beside an encoder that hears."""

    class Ear(FolderEncoder):
        pass

    ear = Ear(tiny)
    ear.space = type(ear.space)("ear", ear.space.dimension, ("audio",), {}, "0" * 64)  # type: ignore[arg-type]
    pair = ComposedEncoder([mini, ear])
    assert ordinary_words(pair, pair.prompts).shape == (len(WORDS), pair.space.dimension)
    picture = pictures("e_kitten")
    ((_, both),) = ZeroShotClassifier(pair, ["cat"]).classify(picture)[0]
    ((_, one),) = ZeroShotClassifier(mini, ["cat"]).classify(picture)[0]
    assert both == pytest.approx(one, abs=5e-3)
    vectors = np.eye(1, pair.space.dimension, dtype=np.float32)
    with pytest.raises(UsageError, match="not of audio"):
        ZeroShotClassifier(pair, ["cat"]).probabilities(vectors, modality="audio")
    shares = ZeroShotClassifier(pair, ["cat", "other"]).probabilities(vectors, modality="audio")
    assert shares.sum() == pytest.approx(1)  # compared as texts, as other labels are


def test_two_that_see_are_asked_about_the_drawings(tiny: Path, other_tiny: Path) -> None:
    pair = load_encoder(f"{tiny}+{other_tiny}")
    np.testing.assert_allclose(ordinary_media(pair, "image"), pair.encode(drawings()), atol=1e-6)
    assert 0 < ZeroShotClassifier(pair, ["dog"]).classify([red_blue()])[0][0][1] < 1


def test_words_that_do_not_fit_the_encoder_are_said(tmp_path: Path) -> None:
    folder = make_tiny_encoder(tmp_path / "worded", seed=11)
    config = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps(config | {"words": "words.npy"}))
    asked = ZeroShotClassifier(load_encoder(folder), ["dog"])
    with pytest.raises(EncoderError, match=r"words\.npy: cannot be read"):
        asked.classify([red_blue()])
    np.save(folder / "words.npy", np.ones((3, 48), np.float16))
    with pytest.raises(EncoderError, match=r"worded brings vectors of 3 ordinary words, not 248"):
        asked.classify([red_blue()])


def test_the_fingerprint_of_mini_is_that_of_collections_made_before(mini: Encoder) -> None:
    assert mini.space.fingerprint == "d93002817a33d21e"
    assert "words" in json.loads((shipped_encoders()["mini"] / "encoder.json").read_text())


# Negations


@pytest.mark.parametrize(
    "labels",
    [
        ["a photo of a cat", "not a cat"], ["cat", "Not a Cat"], ["cat", "no cat"],
        ["the cat", "without a cat"], ["a cat", "it is not a cat"], ["猫", "不是猫"],
        ["一只猫", "不是一只猫"], ["一张猫的照片", "没有猫"], ["Katze", "keine Katze"],
        ["eine Katze", "nicht eine Katze"], ["un chat", "pas un chat"], ["gato", "no es un gato"],
        ["cat", "something else"], ["cat", "Other"], ["猫", "其他"], ["Katze", "etwas anderes"],
        ["cat", "dog", "none of these"], ["smoking", "no smoking"],
    ],
)  # fmt: skip
def test_the_rest_is_recognised(labels: list[str]) -> None:
    assert rest(labels) == len(labels) - 1
    assert rest(labels[::-1]) == 0


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog"], ["no entry", "no smoking"], ["notebook", "note"], ["nothing", "thing"],
        ["不倒翁", "倒翁"], ["cat", "not a dog"], ["knot", "not"], ["other people", "people"],
        ["smoking", "no smoking", "pipe"], ["非洲", "洲"], ["norway", "way"],
    ],
)  # fmt: skip
def test_what_is_no_negation_of_another_label_is_a_label(labels: list[str]) -> None:
    assert rest(labels) is None


def test_labels_that_deny_are_refused_where_that_makes_no_sense(tiny_encoder: Encoder) -> None:
    def ask(*labels: str, multi: bool = False) -> None:
        ZeroShotClassifier(tiny_encoder, labels).classify([red_blue()], multi=multi)

    with pytest.raises(UsageError, match="'not a dog' and the other labels do not exclude"):
        ask("dog", "cat", "not a dog")
    with pytest.raises(UsageError, match="say the same"):
        ask("dog", "something else", "other")
    for label in ("not a dog", "isn't a dog"):
        with pytest.raises(UsageError, match="ask for 'dog'"):
            ask(label)
    with pytest.raises(UsageError, match="ask for '猫'"):
        ask("不是猫", "猫", multi=True)
    with pytest.raises(UsageError, match="by itself it says nothing"):
        ask("something else")
    ask("no smoking")  # a sign is a thing like others


# Items of several pieces


def test_a_collection_answers(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    red_blue().save(tmp_path / "a.png")
    (tmp_path / "dog.txt").write_text("a dog")
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add([tmp_path / "a.png", tmp_path / "dog.txt"])
        picture, text = library.classify(["dog", "red"], multi=True)
        for item in (picture, text):
            assert item.answers == {label: answer(p) for label, p in item.labels}
        asked = ZeroShotClassifier(library.encoder, ["dog", "red"])
        for item, media in ((picture, red_blue()), (text, "a dog")):
            expected = dict(asked.classify([media], multi=True)[0])
            assert dict(item.labels) == pytest.approx(expected, abs=5e-3)
        assert library.classify(["dog"])[0].answers.keys() == {"dog"}
        assert library.classify(["dog", "red"])[0].answers == {}
