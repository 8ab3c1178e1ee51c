"""How words sound: by the dictionary, by the network, in the alphabets of the voices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.tasks.voice.english import EnglishSounds
from sensorium.tasks.voice.ipa import BROAD, KOKORO, english_ipa

Weights = Callable[[str], Path]


@pytest.fixture(scope="module")
def english(weights_of: Weights) -> EnglishSounds:
    return EnglishSounds(weights_of("english-sounds"))


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("castle", "K AE1 S AH0 L"),
        ("cat's", "K AE1 T S"),
        ("dromedary’s", "D R AA1 M AH0 D EH2 R IY0 Z"),
        ("finch’s", "F IH1 N CH IH0 Z"),
        ("Café", "K AH0 F EY1"),
        ("XQJ", "EH1 K S K Y UW1 JH EY1"),
        ("hmpf", "EY1 CH EH1 M P IY1 EH1 F"),
        ("birdbath", "B ER1 D B AE2 TH"),
        ("", ""),
        ("'", ""),
    ],
)
def test_words(english: EnglishSounds, word: str, sounds: str) -> None:
    assert english.of(word) == tuple(sounds.split())


def test_unknown_words_are_not_spelt(english: EnglishSounds) -> None:
    """Of words that are left out of the dictionary, most sounds are those that it has."""
    wrong = total = 0
    for word in ("pelican", "umbrella", "magnet", "tractor", "gallop", "whistle", "pumpkin"):
        right = english.of(word)
        guessed = english._guessed(word)
        plain, own = ([s.rstrip("012") for s in sounds] for sounds in (right, guessed))
        wrong += len({*enumerate(plain)} - {*enumerate(own)})
        total += len(right)
    assert wrong / total < 0.25


def test_the_networks_sounds_are_arpabet(english: EnglishSounds) -> None:
    for word in ("sensorium", "qwxyzk" * 20, "aaaaaa"):
        assert all(BROAD.get(s) or BROAD[s.rstrip("012")] for s in english.of(word))


def test_sentences_in_both_alphabets(weights_of: Weights) -> None:
    weights_of("english-sounds")
    text = "The water is about 5 °C, the eagle said!"
    assert english_ipa(text, BROAD) == (
        "ðə wˈɔːɾɚ ɪz ɐbˈaʊt fˈaɪv dɪɡɹˈiːz sˈɛlsiəs, ði ˈiːɡəl sˈɛd!"
    )
    assert english_ipa(text, KOKORO) == "ðə wˈɔTəɹ ɪz əbˈWt fˈIv dɪɡɹˈiz sˈɛlsiəs, ði ˈiɡəl sˈɛd!"


def test_pauses_and_names_of_letters(weights_of: Weights) -> None:
    weights_of("english-sounds")
    assert english_ipa("The letter a (a vowel).", BROAD) == "ðə lˈɛɾɚ ˈeɪ, ɐ vˈaʊəl."
    assert english_ipa("A cat—a cat; (a).", BROAD) == "ɐ kˈæt, ɐ kˈæt; ˈeɪ."


def test_chinese_syllables() -> None:
    chinese = pytest.importorskip("sensorium.tasks.voice.chinese")
    assert chinese.phonemes("你好") == "ni↗xau↓"  # two third tones in a row
    assert chinese.phonemes("银行") == "i↗nxa↗ŋ" and chinese.phonemes("行走")[:2] == "ɕi"
    assert chinese.phonemes("四川") == "sɨ↘ꭧʰwa→n"
    assert chinese.phonemes("女儿的月亮") == "ny↓ɚ↗tɤɥe↘lja↘ŋ"
    assert chinese.phonemes("abc") == "" and chinese.syllable("xyz") == ""


def test_every_syllable_of_pinyin_has_sounds() -> None:
    chinese = pytest.importorskip("sensorium.tasks.voice.chinese")
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_tone3

    heard = set()
    for readings in PINYIN_DICT.values():
        for reading in readings.split(","):
            heard.add(to_tone3(reading, neutral_tone_with_five=True))
    assert len(heard) > 1000
    mute = {one for one in heard if not chinese.syllable(one)}
    # What is no syllable of Mandarin: single consonants, and "ê" with an accent.
    assert all(len(one) <= 4 for one in mute) and len(mute) < 20, mute
