"""Sentences are whole, and windows of them cover a text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.tasks.sentences import sentences, windows


def parts(text: str) -> list[str]:
    return [text[start:stop] for start, stop in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith came in 1886. He met J. S. Bach.", 2),
        ("It cost 3.5 m. Then e.g. this. Nothing etc. And so on... maybe.", 4),
        ('"Why?" he asked. "Because."', 2),
        ("Am 3. Mai 1990 war es. Z. B. heute.", 2),
        ("1. First item.", 1),
        ("Title\n\nA text\nwith lines. More.", 3),
        ("猫会呼噜。它们捉老鼠！真的吗？", 3),
        ("यह एक वाक्य है। यह दूसरा है।", 2),
        ("no mark at all", 1),
        (" \n ", 0),
    ],
)
def test_where_sentences_end(text: str, expected: int) -> None:
    assert len(parts(text)) == expected, parts(text)


def test_thai_is_parted_at_spaces() -> None:
    first = "แมวเป็นสัตว์เลี้ยงที่คนนิยมเลี้ยงกันมากที่สุดในโลกชนิดหนึ่งซึ่งจับหนู"
    second = "สุนัขเป็นสัตว์เลี้ยงลูกด้วยนมที่อยู่กับมนุษย์มานานมากที่สุดชนิดหนึ่ง"
    assert parts(f"{first} {second}") == [first, second]
    assert len(parts("แมว สุนัข ม้า")) == 1, "words of a list are no sentences"


TEXTS = st.text(st.sampled_from("abc .!?。，\n\tDr1ก ข"), max_size=300)


@given(TEXTS)
@settings(deadline=None)
def test_only_white_space_is_between(text: str) -> None:
    found = sentences(text)
    ends = [0, *(place for span in found for place in span), len(text)]
    assert ends == sorted(ends)
    assert all(not text[a:b].strip() for a, b in zip(ends[::2], ends[1::2], strict=True))
    assert all(text[start:stop].strip() == text[start:stop] for start, stop in found)


@given(TEXTS, st.integers(1, 40))
@settings(deadline=None)
def test_windows_hold_everything_and_fit(text: str, most: int) -> None:
    found = windows(text, len, most)
    assert all(0 < stop - start <= most for start, stop in found)
    assert "".join("".join(text[a:b].split()) for a, b in found) == "".join(text.split())


def test_windows_are_as_few_as_can_be() -> None:
    text = "One two. Three four. Five six seven eight. Nine."
    assert [text[a:b] for a, b in windows(text, lambda t: len(t.split()), 4)] == [
        "One two. Three four.", "Five six seven eight.", "Nine."
    ]  # fmt: skip


@pytest.mark.parametrize("piece", ["a", ". ", ".", "\n ", "a.\n", "Dr. ", "1. ", "ก "])
def test_time_grows_with_length_alone(piece: str) -> None:
    began = time.process_time()
    sentences(piece * 20_000)
    assert time.process_time() - began < 3
