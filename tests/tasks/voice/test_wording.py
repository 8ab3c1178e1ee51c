"""Texts as they are read aloud."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.tasks.voice.wording import (
    cardinal,
    chinese,
    english,
    number,
    ordinal,
    sentences,
    year,
)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It cost $3.50.", "It cost three dollars and fifty cents."),
        ("A coin of 1 euro (1 €).", "A coin of one euro (one euro)."),
        ("a dime ($.10)", "a dime (ten cents)"),
        ("$2 million", "two million dollars"),
        ("In 1905, 1999, 2024.", "In nineteen oh five, nineteen ninety-nine, twenty twenty-four."),
        ("the 1990s", "the nineteen nineties"),
        ("on 2024-05-01", "on May first, twenty twenty-four"),
        ("at 10:05 and 9:00", "at ten oh five and nine o'clock"),
        ("the 22nd of 3 cats", "the twenty-second of three cats"),
        ("1,234.50", "one thousand two hundred thirty-four point five zero"),
        ("or -5 °C", "or minus five degrees Celsius"),
        ("5 km/h, 1 kg", "five kilometers an hour, one kilogram"),
        ("35.5% of 1/2 & 3/4", "thirty-five point five percent of one half and three quarters"),
        ("Dr. Li vs. Mrs. Wu, e.g. No. 7", "doctor Li versus missus Wu, for example number seven"),
        ("A US dollar for us", "A U S dollar for us"),
        ("pages 3-4", "pages three to four"),
        ("agent 007", "agent zero zero seven"),
    ],
)  # fmt: skip
def test_what_english_reads_otherwise(written: str, spoken: str) -> None:
    assert english(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("2024年5月1日", "二零二四年五月一日"),
        ("1,200人", "一千二百人"),
        ("占35.5%", "占百分之三十五点五"),
        ("10005只", "一万零五只"),
        ("110个", "一百一十个"),
        ("12岁", "十二岁"),
        ("10:30", "十点三十分"),
        ("100000", "十万"),
        ("-5度", "负五度"),
    ],
)
def test_what_chinese_reads_otherwise(written: str, spoken: str) -> None:
    assert chinese(written) == spoken


def _value(words: str) -> int:
    """A whole number of its words, by another way than they were made."""
    small = {cardinal(n): n for n in range(100)}
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = group = 0
    for word in words.split():
        if word in scales:
            total, group = total + group * scales[word], 0
        elif word == "hundred":
            group *= 100
        else:
            group += small[word]
    return total + group


@given(st.integers(0, 10**15 - 1))
def test_numbers_are_told_in_full(value: int) -> None:
    assert _value(cardinal(value)) == value
    assert _value(number(f"{value:,}")) == value


@given(st.integers(1, 10**6))
def test_ordinals_end_as_such(value: int) -> None:
    assert re.search(r"(first|second|third|th)$", ordinal(value))


def test_years() -> None:
    told = [year(n) for n in (1066, 1900, 1907, 2000, 2004, 2010)]
    assert told == [
        "ten sixty-six", "nineteen hundred", "nineteen oh seven", "two thousand",
        "two thousand four", "twenty ten",
    ]  # fmt: skip


@given(st.text(st.sampled_from("ab .!?,。，\n9\"'"), max_size=400), st.integers(5, 60))
def test_sentences_are_the_text_in_short_pieces(text: str, longest: int) -> None:
    parts = list(sentences(text, longest))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and part == part.strip() and len(part) <= longest for part in parts)


def test_sentences_end_where_people_end_them() -> None:
    text = "Mr. Smith paid 3.5 euros. He left! 你好。我是他。"
    assert [*sentences(text)] == [
        "Mr. Smith paid 3.5 euros.", "He left!", "你好。", "我是他。",
    ]  # fmt: skip
