from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sacrebleu")
pytest.importorskip("scipy")

import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from sensorium.evaluation import resampling
from sensorium.evaluation.text_generation import SCORES, cider_d, score_texts

HYPOTHESES = [
    "A red bird on a branch.",
    "two dogs play in the snow",
    "a man riding a wave on top of a surfboard",
    "the the the the cat",
    "woman running",
]
REFERENCES = [
    [
        "a red bird sits on a branch",
        "a bird on a branch of a tree",
        "red cardinal perched in winter",
    ],
    ["two dogs running in snow", "dogs playing in deep snow"],
    ["a man riding a wave on a surfboard", "a surfer rides a large wave", "the man is surfing"],
    ["the cat sat on the mat", "a cat on a mat"],
    ["man running", "a woman runs"],
]
# From the published code (cider_scorer.py of pycocoevalcap 1.2), given the same words.
CIDER = [3.19369086, 1.90981986, 2.31812211, 1.05772393, 1.19122179]


def test_cider_gives_the_published_code_s_scores() -> None:
    assert cider_d(HYPOTHESES, REFERENCES) == pytest.approx(CIDER, abs=1e-7)


def test_cider_looks_past_case_and_punctuation() -> None:
    shouted = [f"{text.upper()}!" for text in HYPOTHESES]
    assert cider_d(shouted, REFERENCES) == pytest.approx(CIDER, abs=1e-7)


def test_cider_of_a_right_long_text_is_ten_and_of_a_strange_one_zero() -> None:
    right = [["a red bird sits there"], ["two dogs in deep snow"]]
    found = cider_d(["a red bird sits there", "un chat dort"], right)
    assert found == pytest.approx([10, 0])


def test_cider_penalises_repetition_and_length() -> None:
    right = [["a red bird sits there"], ["two dogs in deep snow"]]
    plain, longer = cider_d(["a red bird", "x"], right)[0], cider_d(["a red bird " * 4, "x"], right)
    assert longer[0] < plain


def test_chinese_is_counted_by_the_character() -> None:
    right = [["红色的鸟在树上"], ["雪地里的狗"]]
    assert cider_d(["红色的鸟在树上", "猫"], right) == pytest.approx([10, 0])
    scores = score_texts(["红色的鸟", "雪地里的狗"], right, language="zh-hant")
    assert scores.lengths.tolist() == [[4, 7], [5, 5]]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("lowercase", [True, False])
def test_bleu_is_sacrebleu_s_of_the_corpus(order: int, lowercase: bool) -> None:
    most = max(map(len, REFERENCES))
    columns = [[r[n] if n < len(r) else None for r in REFERENCES] for n in range(most)]
    expected = BLEU(max_ngram_order=order, lowercase=lowercase).corpus_score(HYPOTHESES, columns)
    scores = score_texts(HYPOTHESES, REFERENCES, lowercase=lowercase).estimates()
    assert scores[f"bleu-{order}"] == pytest.approx(expected.score)


def test_chrf_is_the_mean_of_sacrebleu_s() -> None:
    expected = [
        sacrebleu.sentence_chrf(text, right).score
        for text, right in zip(HYPOTHESES, REFERENCES, strict=True)
    ]
    scores = score_texts(HYPOTHESES, REFERENCES)
    assert scores.chrf == pytest.approx(expected)
    assert scores.estimates()["chrf"] == pytest.approx(np.mean(expected))


def test_right_texts_score_the_most() -> None:
    right = [["a red bird sits there"], ["two dogs in deep snow"]]
    scores = score_texts([texts[0] for texts in right], right).estimates()
    assert scores == pytest.approx(
        {f"bleu-{n}": 100 for n in range(1, 5)} | {"chrf": 100, "cider-d": 10, "exact": 1}
    )


def test_an_empty_text_is_a_wrong_one() -> None:
    scores = score_texts(["", "two dogs"], [["a bird"], ["two dogs"]])
    assert (scores.chrf[0], scores.cider[0], scores.exact[0]) == (0, 0, 0)


def test_intervals_hold_their_estimates_and_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    scores = score_texts(HYPOTHESES, REFERENCES)
    found = scores.intervals(seed=3)
    assert set(found) == set(SCORES)
    for name, interval in found.items():
        assert interval.low <= interval.estimate <= interval.high, name
        assert interval.estimate == pytest.approx(scores.estimates()[name])
    assert found == scores.intervals(seed=3)


def test_examples_of_one_group_widen_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    texts = ["a red bird", "two dogs", "a cat on a mat", "some snow"] * 10
    right = [["a red bird"], ["three cats"], ["a cat on the mat"], ["a lot of snow"]] * 10
    scores = score_texts(texts, right)
    groups = np.tile(np.arange(4), 10)
    alone, grouped = (scores.intervals(groups=g)["chrf"] for g in (None, groups))
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_a_system_is_compared_with_itself_and_with_a_worse_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    texts, right = HYPOTHESES * 6, REFERENCES * 6
    good, bad = score_texts(texts, right), score_texts(["a thing"] * len(texts), right)
    for name, found in good.compare(good).items():
        assert (found.difference, found.p) == (0, 1), name
    better, worse = good.compare(bad), bad.compare(good)
    for name in ("bleu-1", "chrf", "cider-d"):
        assert better[name].difference > 0 and better[name].low > 0 and better[name].p < 0.01
        assert worse[name].difference == pytest.approx(-better[name].difference)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="2 texts and right texts for 1"):
        score_texts(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="no texts"):
        score_texts([], [])
    with pytest.raises(ValueError, match="example 1 needs a list"):
        cider_d(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="example 0 needs a list"):
        cider_d(["a"], ["a"])  # a text for a list of texts
    with pytest.raises(ValueError, match="same examples, got 2 and 1"):
        score_texts(["a", "b"], [["a"], ["b"]]).compare(score_texts(["a"], [["a"]]))


WORDS = st.lists(st.sampled_from(["a", "red", "bird", "dog", "snow"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_cider_stays_within_its_bounds(pairs: list[tuple[str, list[str]]]) -> None:
    texts, right = zip(*pairs, strict=True)
    found = cider_d(texts, right)
    assert ((found >= 0) & (found <= 10 + 1e-9)).all()
    assert cider_d(texts, [one[::-1] for one in right]) == pytest.approx(found)
