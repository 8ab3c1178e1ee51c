"""Explanations are where they should be: on the right half, in the right second, on the noun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Audio, Document, Image, Text, Video, ZeroShotClassifier, load_encoder
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.explain import Explanation, explain, explain_label
from sensorium.explain.dividing import divide
from sensorium.explain.pictures import cover_of, covering, grid_over, unchanged
from sensorium.explain.values import cosine_to
from tests.bad_media import film
from tests.explain.conftest import side_by_side

RED, GREEN, BLUE = (230, 20, 20), (20, 200, 20), (20, 20, 230)


def middles(explanation: Explanation) -> np.ndarray:
    boxes = np.array([part.box for part in explanation.hit.parts])
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def share_on_the_right(explanation: Explanation) -> float:
    positive = np.maximum(explanation.hit.weights, 0)
    return float(positive[middles(explanation)[:, 0] > 0.5].sum() / positive.sum())


def halves(left: tuple[int, ...], right: tuple[int, ...]) -> Image:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32], pixels[:, 32:] = left, right
    return Image(pixels)


@pytest.mark.parametrize("asked_left", [pytest.param(True, marks=pytest.mark.slow), False])
def test_heat_lies_on_the_half_that_is_asked_for(
    mini: Encoder, sample: Path, asked_left: bool
) -> None:
    picture = side_by_side(sample / "images/x_dog.jpg", sample / "images/x_eiffelTower.jpg")
    found = explain("a dog" if asked_left else "Eiffel Tower", picture, mini)
    share = share_on_the_right(found)
    assert (1 - share if asked_left else share) > 0.75
    side = "left" if asked_left else "right"
    assert side in found.told() or "middle" in found.told()
    areas = found.hit.faithfulness
    assert areas is not None and areas.own.gain > areas.random.gain


def test_the_noun_weighs_more_than_the_article(mini: Encoder, sample: Path) -> None:
    found = explain("a kitten", sample / "images/e_kitten.jpg", mini, faithfulness=False)
    assert found.question is not None
    article, noun = found.question.parts
    assert (article.text, noun.text) == ("a", "kitten")
    assert noun.weight > abs(article.weight) and found.told().endswith("word: kitten")


def test_the_score_is_the_cosine_of_the_pair(encoder: Encoder) -> None:
    picture = halves(RED, BLUE)
    found = explain("a red square", picture, encoder)
    cosine = float(
        (encoder.encode(["a red square"], role="query") @ encoder.encode([picture]).T)[0, 0]
    )
    assert found.score == pytest.approx(cosine, abs=1e-5)
    assert found.question is not None and found.question.score == pytest.approx(cosine, abs=1e-5)
    assert found.value == "cosine" and found.origin.revision == encoder.space.fingerprint


def test_a_picture_explains_which_part_is_alike(encoder: Encoder) -> None:
    """The tiny encoder sees colours: what has the colour of the question is the reason."""
    for reds_right in (False, True):
        picture = halves(GREEN, RED) if reds_right else halves(RED, GREEN)
        found = explain(Image(np.full((64, 64, 3), RED, np.uint8)), picture, encoder)
        share = share_on_the_right(found)
        assert (share if reds_right else 1 - share) > 0.9
        assert found.question is None


def test_it_is_the_same_every_time(encoder: Encoder) -> None:
    first, again = (explain("a red cat", halves(RED, BLUE), encoder) for _ in range(2))
    assert first.hit == again.hit and first.question == again.question


def test_an_empty_region_weighs_nothing(encoder: Encoder) -> None:
    pixels = np.full((60, 60, 3), 255, np.uint8)
    pixels[5:25, 5:25] = RED
    found = explain("a red square", Image(pixels), encoder)
    empty = (middles(found) > 0.55).any(axis=1)
    assert empty.sum() > 10
    assert (found.hit.weights[empty] == 0).all() and np.abs(found.hit.weights).max() > 0


def test_what_is_constant_has_no_reason(encoder: Encoder) -> None:
    found = explain("a red square", Image(np.full((48, 48, 3), 128, np.uint8)), encoder)
    assert (found.hit.weights == 0).all() and found.hit.told() == ""
    assert found.told().startswith("nothing in particular")


def test_cells_cover_the_picture_and_nothing_else(encoder: Encoder) -> None:
    """Whatever its shape: cropped, padded and stretched."""
    mini = load_encoder("mini")
    noise = np.random.default_rng(0).integers(0, 255, (90, 200, 3), np.uint8)
    framed = np.full((90, 200, 3), 255, np.uint8)
    framed[30:60, 60:140] = noise[30:60, 60:140]
    for which, pixels, shown in (
        (mini, noise, (55 / 200, 0, 145 / 200, 1)),  # a photo: its middle
        (mini, framed, (0, 0, 1, 1)),  # on a plain ground: all of it
        (encoder, noise, (0, 0, 1, 1)),
    ):
        seen = which.input_of(Image(pixels))
        assert seen is not None
        grid = grid_over(seen)
        assert grid.boxes[0][:2] == pytest.approx(shown[:2], abs=1e-6)
        assert grid.boxes[-1][2:] == pytest.approx(shown[2:], abs=1e-6)
        left, upper, right, lower = seen.inside
        assert (grid.of[upper:lower, left:right] >= 0).all()
        assert (grid.of >= 0).sum() == (lower - upper) * (right - left)
        cover = cover_of(seen.values)
        covered = covering(seen.values, cover, grid)
        everything = np.ones(len(grid.boxes), bool)
        assert (covered(everything) == seen.values).all()
        idle = unchanged(seen.values, cover, grid)
        assert (np.abs(covered(~idle).astype(int) - seen.values) <= 2).all()


@pytest.mark.slow
def test_seconds_are_those_of_the_sound_that_asks(sample: Path) -> None:
    """Two recordings in one: each is found where it is."""
    ear = load_encoder("ear")
    first, second = (
        Audio(sample / "audio" / name).load(44_100)[:50_000]
        for name in ("a_complete.ogg", "x_africa.ogg")
    )
    both = Audio(np.concatenate([first, second]), 44_100)
    border = len(first) / 44_100
    for query, is_first in ((first, True), (second, False)):
        found = explain(Audio(query, 44_100), both, ear, faithfulness=False)
        spans = np.array([part.span for part in found.hit.parts]).mean(axis=1)
        before, after = (found.hit.weights[side].sum() for side in (spans < border, spans > border))
        assert (before > after) == is_first
        assert found.told().startswith("seconds ")


def test_the_sentence_is_found_in_the_text(mini: Encoder, tmp_path: Path) -> None:
    sentences = ["The harbour was quiet.", "A big dog barked at a cat.", "Rain fell on the roofs."]
    (tmp_path / "story.txt").write_text(" ".join(sentences))
    found = explain("a dog", Document(tmp_path / "story.txt"), mini)
    assert [part.text for part in found.hit.parts] == sentences
    assert found.hit.order[0] == 1 and found.told().startswith("sentence: A big dog")
    start, stop = map(int, found.hit.parts[1].span or ())
    assert " ".join(sentences)[start:stop] == sentences[1]


def test_frames_of_a_film_are_weighed(encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(film())
    found = explain("a red cat", Video(tmp_path / "a.mp4"), encoder, faithfulness=False)
    assert found.hit.modality == "image" and found.place.span is not None
    if found.places:
        assert found.place.score == pytest.approx(max(one.score for one in found.places), abs=1e-5)


def test_composed_encoders_are_explained_as_their_parts(encoder: Encoder, sample: Path) -> None:
    """Pictures by the one that sees: its own explanation, to the digit."""
    mini, both = load_encoder("mini"), load_encoder("mini+ear")
    picture = Image(sample / "images/e_kitten.jpg")
    seen, own = both.input_of(picture), mini.input_of(picture)
    assert seen is not None and own is not None
    assert (seen.values == own.values).all() and seen.shown == own.shown
    value = cosine_to(both, both.encode(["a kitten"], role="query"))
    alone = cosine_to(mini, mini.encode(["a kitten"], role="query"))
    masks = np.random.default_rng(0).random((3, 36)) > 0.5
    ours, theirs = (divide(picture, one).worth(masks) for one in (value, alone))
    assert ours == pytest.approx(theirs, abs=2e-3)


def test_one_label_has_a_probability_and_a_reason(encoder: Encoder) -> None:
    classifier = ZeroShotClassifier(encoder, ["red"])
    picture = halves(RED, GREEN)
    found = explain_label(classifier, encoder, "red", picture)
    expected = classifier.classify([picture])[0][0][1]
    assert found.value == "log odds" and found.probability == pytest.approx(expected, abs=1e-4)
    with pytest.raises(UsageError, match="there is no label 'blue'; there are red"):
        explain_label(classifier, encoder, "blue", picture)


def test_what_cannot_be_read_is_named(encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    for name, reason in (("broken.jpg", "no picture"), ("gone.jpg", "no such file")):
        with pytest.raises(MediaError, match=f"(?i){name}.*{reason}"):
            explain("a cat", str(tmp_path / name), encoder)
    with pytest.raises(MediaError, match=r"space holds \(image and text\)"):
        explain("a cat", Audio(np.zeros(8000, np.float32), 8000), encoder)


def test_heat_is_drawn(encoder: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "halves.png"
    halves(RED, GREEN).load().save(file)
    found = explain(Image(np.full((64, 64, 3), RED, np.uint8)), file, encoder, faithfulness=False)
    found.draw(tmp_path / "heat.png")
    drawn = np.asarray(PIL.Image.open(tmp_path / "heat.png").convert("RGB")).astype(int)
    body = drawn[-64:-12]  # the picture is below the question
    assert body.shape[1] > 64
    with pytest.raises(UsageError, match="does not end in"):
        found.draw(tmp_path / "heat.jpg")


def test_texts_are_explained_by_texts(encoder: Encoder) -> None:
    found = explain("a red cat", Text("the dog. red cat"), encoder)
    assert found.hit.text == "the dog. red cat" and found.hit.modality == "text"
