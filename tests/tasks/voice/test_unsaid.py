"""What a voice cannot say is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.tasks.voice.english import has_sound
from sensorium.tasks.voice.unsaid import mute_runs


@pytest.mark.parametrize(
    ("text", "mute"),
    [
        ("I said Привет, мир!", ["Привет", "мир"]),
        ("हिन्दी and 北京 and हिन्दी", ["हिन्दी", "北京"]),
        ("a ♥ and 👩\u200d🚀!", ["♥", "👩\u200d🚀"]),
        ("café, naïve, Łódź, Straße, e\u0301", []),
        ("€5, 25 ℃, ½, π, x², Ⅷ, ①, “q” … – 100 ‰", []),
        ("it's 3 < 4 ^ | ~ `", []),
        ("Приветworld", ["Привет"]),
    ],
)
def test_what_english_has_no_sounds_for(text: str, mute: list[str]) -> None:
    assert mute_runs(text, has_sound) == mute


@given(st.text(st.sampled_from("aЖ日 .'e\u0301♥5"), max_size=30))
def test_every_mute_letter_is_named_and_no_other(text: str) -> None:
    named = "".join(mute_runs(text, has_sound))
    assert {letter for letter in text if letter in "Ж日♥"} == set(named) - {"\u0301"}


def test_chinese_voices_read_characters_and_numbers() -> None:
    chinese = pytest.importorskip("sensorium.tasks.voice.chinese")

    def said(letter: str) -> bool:
        return has_sound(letter) or bool(chinese.has_reading(letter))

    assert mute_runs("世界，〇、１２℃和hello：こんにちは", said) == ["こんにちは"]
