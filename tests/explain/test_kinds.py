"""Every kind of media and question: objects, pages, hits of a collection, scripts, any encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Collection, Image, Mesh, Text, load_encoder
from sensorium.encoders import Encoder
from sensorium.encoders.inputs import Input
from sensorium.encoders.preprocessing import placed_pixels
from sensorium.explain import explain
from sensorium.explain.pictures import CELLS, grid_over
from sensorium.explain.texts import kept_text, sentence_spans, word_spans
from tests.encoders import tiny_hub
from tests.explain.test_explaining import GREEN, RED, halves, share_on_the_right

CUBE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n" + "".join(
    f"f {face}\n" for face in ("4 3 2 1", "5 6 7 8", "1 2 6 5", "2 3 7 6", "3 4 8 7", "4 1 5 8")
)


def test_views_of_an_object_are_weighed(encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "cube.obj").write_text(CUBE)
    found = explain("a green square", Mesh(tmp_path / "cube.obj"), encoder, faithfulness=False)
    assert [place.details["view"] for place in found.places] == [*range(8)]
    best = max(found.places, key=lambda place: place.score)
    assert found.place.details == best.details
    assert found.place.score == pytest.approx(best.score, abs=1e-4)
    assert found.told().startswith(f"view {best.details['view']}: ")
    corners = np.array([part.box for part in found.hit.parts])[[0, 5, 30, 35], :2]
    assert len(corners) == 4 and (found.hit.weights[[0, 5, 30, 35]] == 0).all()  # empty ground


def test_the_segment_of_a_hit_is_explained(encoder: Encoder, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "cube.obj").write_text(CUBE)
    (tmp_path / "note.txt").write_text("The red dog. A green cat of the square.")
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "cube.obj", tmp_path / "note.txt")
        hits = library.search("a green cat", k=2)
        for hit in hits:
            found = explain("a green cat", hit, encoder, faithfulness=False)
            assert found.path == hit.path and found.place.details == hit.details
            if hit.text is not None:
                assert found.hit.text == hit.text
                pair = encoder.encode_queries(["a green cat"]), encoder.encode([Text(hit.text)])
                assert found.score == pytest.approx(float(np.vdot(*pair)), abs=1e-5)
            else:
                assert found.hit.shape is not None and len(hits) == 2


def test_what_an_encoder_does_not_say_is_covered_in_the_picture(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Image(np.full((64, 64, 3), RED, np.uint8))
    known = explain(query, halves(GREEN, RED), encoder, faithfulness=False)
    monkeypatch.setattr(encoder, "input_of", lambda media: None)
    found = explain(query, halves(GREEN, RED), encoder, faithfulness=False)
    assert share_on_the_right(found) > 0.9
    assert found.score == pytest.approx(known.score, abs=1e-4)


def test_models_of_a_hub_are_explained(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    clip = load_encoder(str(tiny_hub.clip(tmp_path / "clip")))
    found = explain("a red square", halves(GREEN, RED), clip)
    cosine = clip.encode_queries(["a red square"]) @ clip.encode([halves(GREEN, RED)]).T
    assert found.score == pytest.approx(float(cosine[0, 0]), abs=0.02)
    assert len(found.hit.parts) == 36 and found.hit.faithfulness is not None
    areas = found.hit.faithfulness
    assert areas.own.gain >= areas.random.gain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a dog's bark, twice!", ["a", "dog's", "bark", "twice"]),
        ("海边的狗 dog", ["海", "边", "的", "狗", "dog"]),
        ("собака и кошка", ["собака", "и", "кошка"]),
        ("!?", []),
    ],
)
def test_words_are_cut(text: str, words: list[str]) -> None:
    assert [text[a:b] for a, b in word_spans(text)] == words


def test_long_texts_have_no_more_parts_than_are_asked_for() -> None:
    text = " ".join(f"word{n}" for n in range(100))
    spans = word_spans(text)
    assert len(spans) == 24 and spans[0][0] == 0 and spans[-1][1] == len(text)


def test_sentences_are_cut() -> None:
    text = "One. Two?\n\nThree 3.5 o'clock"
    sentences = ["One.", "Two?", "Three 3.5 o'clock"]
    assert [text[a:b] for a, b in sentence_spans(text)] == sentences


def test_words_are_left_out() -> None:
    text = "a big dog"
    spans = word_spans(text)
    assert kept_text(text, spans, np.array([True, False, True])) == "a dog"
    assert kept_text(text, spans, np.zeros(3, bool)) == ""


def test_chinese_questions_have_characters(encoder: Encoder) -> None:
    mini = load_encoder("mini")
    found = explain("小猫", Text("a kitten"), mini, faithfulness=False)
    assert found.question is not None
    assert [part.text for part in found.question.parts] == ["小", "猫"]
    assert found.question.parts[1].weight > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2))
def test_pictures_of_any_shape_are_divided(width: int, height: int, kind: int) -> None:
    """Cells cover what is seen and nothing else, and there are never many more than wanted."""
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, 3), np.uint8)
    fit = ("crop", "pad", "stretch")[kind]
    seen = Input("pixels", *placed_pixels(Image(pixels), size=64, fit=fit))
    grid = grid_over(seen)
    assert 1 <= len(grid.boxes) == grid.rows * grid.columns <= 2 * CELLS
    left, upper, right, lower = seen.inside
    assert (grid.of[upper:lower, left:right] >= 0).all()
    assert {*np.unique(grid.of[grid.of >= 0])} == {*range(len(grid.boxes))}
    assert all(0 <= edge <= 1 + 1e-9 for box in grid.boxes for edge in box)
    assert sorted(grid.from_the_centre()) == [*range(len(grid.boxes))]
