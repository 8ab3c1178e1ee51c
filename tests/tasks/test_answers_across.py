"""Questions in another script than the texts': the sentence, its words, and how likely it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.language_cases import IN_CHINESE, QUESTIONS
from sensorium.tasks.answering import load_answerer
from sensorium.tasks.answers.across import (
    as_english,
    chances,
    is_across,
    script_of,
    translated_shares,
    words_of_kind,
)

BRIDGE = "The bridge was built by Anna Keller in 1932. It is 410 meters long and crosses the Elbe."
CATS = "Cats purr to communicate various emotions. A cat weighs about 4 kg and sleeps a lot."


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Who is it?", "LATIN"), ("这座桥有多长？", "CJK"),
        ("橋はどこですか", "CJK"), ("Кто это?", "CYRILLIC"), ("1932: 4%", ""), ("", ""),
    ],
)  # fmt: skip
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script
    assert not is_across(text, text)


@pytest.mark.parametrize(
    ("question", "words", "sentence"),
    [
        ("谁建造了这座桥？", "Anna Keller", "1932"),
        ("桥有多长？", "410 meters long", "Elbe"),
        ("猫有多重？", "about 4 kg", "kg"),
        ("猫为什么发出呼噜声？", "to communicate various emotions", "purr"),
    ],
)
def test_a_chinese_question_of_english_texts(question: str, words: str, sentence: str) -> None:
    (found,) = load_answerer().answer(question, [CATS, BRIDGE])
    assert found.text == words and sentence in found.passage
    assert found.span is not None and found.passage[slice(*found.span)] == words
    assert found.probability is not None and 0.5 <= found.probability <= 1


def test_the_words_are_told_where_less_is_asked_for() -> None:
    question = "这座桥是什么时候建造的？"
    (found,) = load_answerer(threshold=0.1).answer(question, [CATS, BRIDGE])
    assert found.text == "in 1932"


def test_what_the_texts_do_not_say_is_refused_in_chinese_too() -> None:
    (found,) = load_answerer().answer("奶酪是谁发明的？", [CATS, BRIDGE])
    assert not found.is_found and found.probability is not None and found.probability < 0.5


def test_other_scripts_have_sentences() -> None:
    (found,) = load_answerer().answer(
        "How many hours does a cat sleep?", "猫一天睡十六个小时。桥很长。"
    )
    assert found.text in ("猫一天睡十六个小时。", "")
    assert found.passage.startswith("猫一天睡十六个小时")


def test_words_in_common_still_count() -> None:
    """What is in the question's script goes as ever, whatever else there is."""
    alone = load_answerer().answer("Who built the bridge?", [BRIDGE])
    beside = load_answerer().answer("Who built the bridge?", [BRIDGE, "猫一天睡十六个小时。"])
    assert (alone[0].text, beside[0].text) == ("Anna Keller", "Anna Keller")


@given(
    st.lists(
        st.tuples(st.floats(-5, 30), st.integers(0, 3), st.sampled_from([-1.0, 0.0, 1.0])),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_chances(rows: list[tuple[float, int, float]]) -> None:
    cosines, of, fits = (np.array(column) for column in zip(*rows, strict=True))
    found = chances(cosines, of, fits)
    assert (found >= 0).all() and found.sum() <= 1 + 1e-9
    more = chances(np.append(cosines, cosines[0]), np.append(of, 9), np.append(fits, 0.0))
    assert more[: len(found)].max() <= found.max() + 1e-12  # others could have been it, too


def test_words_count_as_the_lexicon_has_them() -> None:
    shares = translated_shares(
        "暖气什么时候开？", ["The heating is switched on in October.", "The pool is closed."]
    )
    assert shares is not None and shares[0] > shares[1] == 0
    assert translated_shares("When is it on?", ["The heating is on."]) is None
    assert translated_shares("暖气什么时候开？", ["暖气十月开。"]) is None


def test_kinds_are_told_by_rules_that_are_english() -> None:
    fits, words = words_of_kind("桥有多长？", ["It is 410 meters long.", "It is old.", "桥很长。"])
    assert fits.tolist() == [1, -1, 0] and words[1:] == [None, None]
    assert as_english("猫追捕什么？") == ""
    fits, words = words_of_kind("Кто построил мост?", ["It is 410 meters long."])
    assert fits.tolist() == [0] and words == [None]


def test_the_benchmark_asks_the_same_in_both_languages() -> None:
    english, chinese = (
        [line.split("|")[:2] for line in path.read_text("utf-8").splitlines() if line[0] != "#"]
        for path in (QUESTIONS, IN_CHINESE)
    )
    assert [name.strip() for name, _ in english] == [name.strip() for name, _ in chinese]
    assert all(script_of(question) == "CJK" for _, question in chinese)
