import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.card import END, START, markdown, write_table
from benchmarks.quality import Retrieval, captioned, mean, measure, parts_of, unit
from benchmarks.retrieval import best_ranks, recall_at
from benchmarks.rows import Row, write_json
from benchmarks.sample import sample_rows


def ranks(scores, relevant):
    return best_ranks(np.array(scores, float), np.array(relevant, bool)).tolist()


def test_rank_is_the_position_of_the_first_relevant_item():
    assert ranks([[0.9, 0.5, 0.1]], [[1, 0, 0]]) == [1]
    assert ranks([[0.9, 0.5, 0.1]], [[0, 1, 0]]) == [2]
    assert ranks([[0.9, 0.5, 0.1]], [[0, 0, 1]]) == [3]


def test_of_several_relevant_items_the_best_counts_and_none_is_ahead_of_it():
    assert ranks([[0.9, 0.8, 0.7, 0.6]], [[0, 1, 0, 1]]) == [2]
    assert ranks([[0.5, 0.5, 0.5]], [[1, 1, 1]]) == [1]


def test_tied_wrong_items_are_ahead():
    assert ranks([[0.5, 0.5, 0.1]], [[1, 0, 0]]) == [2]
    assert ranks([[0.5, 0.5, 0.1]], [[0, 1, 0]]) == [2]


def test_a_system_that_scores_everything_alike_is_last():
    items = np.eye(20, dtype=bool)
    assert set(best_ranks(np.zeros((20, 20)), items)) == {20}
    assert set(best_ranks(np.full((20, 20), np.nan), items)) == {20}


def test_nan_for_the_right_item_is_last():
    assert ranks([[np.nan, 0.1, -0.9]], [[1, 0, 0]]) == [3]


@pytest.mark.parametrize(("k", "expected"), [(1, 0.25), (2, 0.5), (3, 0.75), (9, 0.75), (10, 1.0)])
def test_recall_counts_rank_k_and_not_rank_k_plus_one(k, expected):
    assert recall_at(np.array([1, 2, 3, 10]), k) == expected


def test_recall_refuses_k_below_one():
    with pytest.raises(ValueError, match="counts from 1"):
        recall_at(np.array([1]), 0)


def test_a_query_without_a_right_answer_is_an_error():
    with pytest.raises(ValueError, match=r"\[1\] have no relevant item"):
        ranks([[1, 0], [1, 0]], [[1, 0], [0, 0]])


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_agrees_with_sorting_wrong_items_first_among_ties(queries, items, seed):
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (queries, items)).astype(float)  # few values: many ties
    relevant = random.random((queries, items)) < 0.3
    relevant[np.arange(queries), random.integers(0, items, queries)] = True
    expected = [
        1 + [hit for _score, hit in sorted(zip(-row, hits, strict=True))].index(True)
        for row, hits in zip(scores, relevant, strict=True)
    ]
    assert best_ranks(scores, relevant).tolist() == expected


class Fixed:
    """Stands for an `Embedder` whose vectors are given."""

    def __init__(self, vectors):
        self.vectors = {item: np.array(vector, np.float32) for item, vector in vectors.items()}

    def __call__(self, items):
        return np.stack([self.vectors[item] for item in items])


def pets(**wrong):
    pictures = [
        {"image": "/cat1.jpg", "caption_en": "cat", "caption_zh": "猫"},
        {"image": "/cat2.jpg", "caption_en": "cat", "caption_zh": ""},
        {"image": "/dog.jpg", "caption_en": "dog", "caption_zh": "狗"},
    ]
    return captioned("pets", pictures, **wrong)


def test_captions_ask_once_and_every_picture_of_theirs_is_right():
    case = pets()
    assert [caption for caption, _key in case.queries] == ["cat", "dog"]
    assert len(case.items) == 3
    assert str(case) == "pets (2 captions × 3 pictures)"
    assert len(pets(column="caption_zh").items) == 2  # a picture without caption takes no part


def test_measure_both_directions():
    case = pets()
    paths = [item for item, _key in case.items]
    right = {
        "cat": [1, 0],
        "dog": [0, 1],
        **dict(zip(paths, [[1, 0], [9, 1], [0, 1]], strict=True)),
    }
    assert set(measure(case, Fixed(right), slice(None)).values()) == {1.0}
    # the second cat looks like a dog: texts still find a cat first, one picture of three is wrong
    mixed = right | {paths[1]: [0, 1]}
    metrics = measure(case, Fixed(mixed), slice(None))
    assert metrics["text to image R@1"] == 0.5  # the dog is tied with the wrong cat
    assert metrics["text to image R@5"] == 1.0
    assert metrics["image to text R@1"] == pytest.approx(2 / 3)


def test_image_to_image_has_one_direction():
    case = Retrieval("styles", [("a", "1")], [("b", "1")], kind="image to image")
    metrics = measure(case, Fixed({"a": [1, 0], "b": [1, 0]}), slice(None))
    assert list(metrics) == ["image to image R@1", "image to image R@5", "image to image R@10"]


def test_a_part_is_cut_out_and_brought_back_to_unit_length():
    vectors = np.array([[0.6, 0, 0.8, 0], [0, 0, 0, 1]], np.float32)
    assert unit(vectors, slice(0, 2)).tolist() == [[1, 0], [0, 0]]
    assert np.allclose(unit(vectors, slice(None)), vectors)


def test_conse_is_a_system_where_the_encoder_names_it():
    class Encoder:
        def __init__(self, config):
            self.config = config

    named = dict(parts_of("mini", Encoder({"parts": {"conse": [0, 384]}})))
    assert named == {"mini": slice(None), "mini, first part alone": slice(0, 384)}
    assert list(parts_of("other", Encoder({}))) == [("other", slice(None))]
    assert list(parts_of("endpoint", object())) == [("endpoint", slice(None))]


def test_mean_over_cases():
    assert mean([{"R@1": 0.0}, {"R@1": 0.5}]) == {"R@1": 0.25}


ROWS = [
    Row("quality", "pets", "mini", "text to image R@1", 0.5),
    Row("quality", "pets", "mini", "text to image R@10", 1.0),
    Row("quality", "pets", "floor", "text to image R@10", 0.25),
    Row("quality", "kinds", "mini", "top-1 accuracy", 0.75),
]


def test_card_table_keeps_what_stands_around_it(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_table(ROWS, card)
    once = card.read_text()
    assert once == f"before\n{START}\n{markdown(ROWS)}\n{END}\nafter\n"
    assert "| pets | text to image R@1/10 | 0.500 / 1.000 | – / 0.250 |" in once
    assert "| kinds | top-1 accuracy | 0.750 |  |" in once
    write_table(ROWS, card)
    assert card.read_text() == once


def test_card_without_marks_is_an_error(tmp_path):
    card = tmp_path / "README.md"
    card.write_text("no table here")
    with pytest.raises(ValueError, match="needs one block"):
        write_table(ROWS, card)


def test_json_rows_have_the_agreed_keys(tmp_path):
    write_json(ROWS, tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert list(rows[0]) == ["benchmark", "case", "system", "metric", "value", "unit"]
    assert len(rows) == len(ROWS)


def test_every_photo_of_the_sample_is_there_and_captioned_twice():
    rows = sample_rows()
    assert len(rows) == 190
    assert all(Path(row["image"]).is_file() for row in rows)
    assert all(row["caption_en"] and row["caption_zh"] for row in rows)
