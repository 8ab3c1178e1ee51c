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
        ("tensors", "T EH1 N S ER0 Z"),
        ("photoshopped", "F OW2 T OW0 SH AA1 P T"),
        ("unmelted", "AH0 N M EH1 L T AH0 D"),
        ("straße", "S T R AE1 S"),
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


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("A US dollar.", "ɐ jˈuː ˈɛs dˈɑːlɚ."),
        ("The USA at 9 a.m.", "ðə jˌuːˌɛsˈeɪ æt nˈaɪn ˈeɪ ˈɛm."),
        ("vitamin A and U.S.A. men", "vˈaɪɾəmən ˈeɪ ænd jˈuː ˈɛs ˈeɪ mˈɛn"),
    ],
)
def test_the_letter_a_is_no_article(weights_of: Weights, text: str, sounds: str) -> None:
    weights_of("english-sounds")
    assert english_ipa(text, BROAD) == sounds


def test_pauses_within_chinese_are_kept(weights_of: Weights) -> None:
    pytest.importorskip("sensorium.tasks.voice.chinese")
    weights_of("english-sounds")
    from sensorium.tasks.voice.voices import kokoro_ipa

    assert kokoro_ipa("他说：“你好！”，对吗？") == "tʰa→ ʂwo→: “ni↓xau↓!”, twei↘ ma?"
    assert kokoro_ipa("你好，world（5km）。") == "ni↓xau↓, wˈɜɹld (u↓kʊ→ŋli↓)."
    assert kokoro_ipa("北京-上海") == "pei↓ʨi→ŋ— ʂa↘ŋxai↓"
    assert kokoro_ipa("10", "zh") == "ʂɨ↗" and kokoro_ipa("10", "en") == "tˈɛn"
    assert kokoro_ipa("A cat.", "zh") == "ə kˈæt."


def test_chinese_syllables() -> None:
    chinese = pytest.importorskip("sensorium.tasks.voice.chinese")
    assert chinese.phonemes("你好世界") == "ni↓xau↓ ʂɨ↘ʨje↘"  # a space between words
    assert chinese.phonemes("银行") == "i↗nxa↗ŋ" and chinese.phonemes("行走")[:2] == "ɕi"
    assert chinese.phonemes("四川") == "sɨ↘ꭧʰwa→n"
    assert chinese.phonemes("女儿的月亮") == "ny↓ɚ↗ tɤ ɥe↘lja↘ŋ"
    assert chinese.phonemes("波") == "pwo→" and chinese.phonemes("哦") == "ɔ↗"
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
