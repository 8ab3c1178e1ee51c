"""How wrong words are counted, and sounds of known content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.speech import errors, simplified, words
from benchmarks.speech_sounds import RATE, Recording, disturbed, hum, music, noise

word = st.sampled_from("abcd")
sentence = st.lists(word, min_size=1, max_size=5)


def distance(one: list[str], other: list[str]) -> int:
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return distance(one[1:], other[1:])
    return 1 + min(distance(one[1:], other), distance(one, other[1:]), distance(one[1:], other[1:]))


@given(st.lists(sentence, min_size=1, max_size=2), st.lists(word, max_size=6))
def test_errors_of_sentences_are_those_of_the_whole(
    reference: list[list[str]], heard: list[str]
) -> None:
    counted = errors(reference, heard)
    assert len(counted) == len(reference) and min(counted) >= 0
    assert sum(counted) == distance([w for part in reference for w in part], heard)


def test_chinese_is_compared_in_simplified_characters() -> None:
    pytest.importorskip("opencc")
    assert simplified("一隻貓，2只？") == simplified("一只猫 两只")
    assert simplified("A４纸") == ["a", "四", "纸"]


def test_errors_count_where_they_are() -> None:
    reference = [["a", "cat"], ["the", "dog"], ["runs"]]
    assert errors(reference, ["a", "cat", "the", "dog", "runs"]) == [0, 0, 0]
    assert errors(reference, ["a", "bat", "the", "the", "dog"]) == [1, 1, 1]


def test_words_are_compared_by_what_they_say() -> None:
    assert words("5,000 cats—it's $3.50!") == words(
        "Five thousand cats, it’s three dollars and fifty cents"
    )


@pytest.mark.parametrize("condition", ["noise 10 dB", "noise 0 dB", "music 5 dB"])
def test_what_is_behind_is_as_loud_as_said(condition: str) -> None:
    voice = np.sin(np.arange(3 * RATE) / 9).astype(np.float32) * 0.3
    mixed = disturbed(Recording("a", (), voice), condition)
    scale = float(mixed @ voice / (voice @ voice))
    rest = mixed / scale - voice
    decibels = 10 * np.log10((voice**2).mean() / (rest**2).mean())
    assert decibels == pytest.approx(float(condition.split()[1]), abs=0.6)
    np.testing.assert_array_equal(disturbed(Recording("a", (), voice), "quiet"), voice)


@pytest.mark.parametrize("make", [hum, noise, music])
def test_sounds_are_as_long_as_asked_and_the_same_again(make: object) -> None:
    made = make(2.0, 3)  # type: ignore[operator]
    assert made.shape == (2 * RATE,) and made.dtype == np.float32 and np.isfinite(made).all()
    assert 0.01 < np.abs(made).max() < 2
    np.testing.assert_array_equal(made, make(2.0, 3))  # type: ignore[operator]
