"""English sounds in the letters that each voice was taught: ARPAbet to two ways of writing IPA."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sensorium.tasks.voice.english import Sounds, sounds_of
from sensorium.tasks.voice.wording import english

_SAME = {
    "AE": "æ", "B": "b", "D": "d", "DH": "ð", "EH": "ɛ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ",
    "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip

BROAD = _SAME | {
    "AA": "ɑː", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "CH": "tʃ", "ER": "ɜː", "EY": "eɪ",
    "IY": "iː", "JH": "dʒ", "OW": "oʊ", "OY": "ɔɪ", "UW": "uː", "AH0": "ə", "ER0": "ɚ", "IY0": "i",
    "T~": "ɾ", "^AH0": "ɐ",
}  # fmt: skip
"""As voices of Piper were taught American English."""

KOKORO = _SAME | {
    "AA": "ɑ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "CH": "ʧ", "ER": "ɜɹ", "EY": "A",
    "IY": "i", "JH": "ʤ", "OW": "O", "OY": "Y", "UW": "u", "AH0": "ə", "ER0": "əɹ", "T~": "T",
    "^AH0": "ə",
}  # fmt: skip
"""As Kokoro was taught it: diphthongs are one letter each."""

WEAK = {
    "a": "AH0", "an": "AH0 N", "and": "AE0 N D", "as": "AE0 Z", "at": "AE0 T", "for": "F AO0 R",
    "from": "F R AH0 M", "in": "IH0 N", "is": "IH0 Z", "it": "IH0 T", "of": "AH0 V",
    "on": "AO0 N", "or": "AO0 R", "that": "DH AE0 T", "the": "DH AH0", "to": "T AH0",
    "was": "W AA0 Z", "with": "W IH0 DH", "are": "AA0 R", "be": "B IY0", "his": "HH IH0 Z",
    "he": "HH IY0", "has": "HH AE0 Z", "its": "IH0 T S",
}  # fmt: skip
"""Small words, which have no stress within a sentence."""

SPOKEN_SIGNS = ",.;:!?"
_PARTS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[,.;:!?—…()]")
_PAUSES = {"—": ",", "…": ".", "(": ",", ")": ","}
_VOWEL = re.compile(r"[AEIOU]")


def english_ipa(sentence: str, alphabet: Mapping[str, str]) -> str:
    """A sentence in IPA.

    Parameters
    ----------
    sentence : str
        As it is written; numbers and signs become words.
    alphabet : mapping of str to str
        `BROAD` or `KOKORO`: letters of a sound of ARPAbet. One with its stress comes first
        ("AH0"); "T~" is a "t" between vowels, "^AH0" a vowel without stress that begins a word.

    Returns
    -------
    str
        Stress stands right before its vowel.

    Raises
    ------
    EncoderError
        When the dictionary of sounds was not fetched.
    """
    parts = _PARTS.findall(english(sentence))
    is_word = [part[0].isalpha() for part in parts]
    known = iter(sounds_of([part for part, word in zip(parts, is_word, strict=True) if word]))
    sounds: list[Sounds] = [next(known) if word else () for word in is_word]
    text = ""
    for n, (part, word) in enumerate(zip(parts, is_word, strict=True)):
        if not word:
            text = text.rstrip()
            if text and text[-1] not in SPOKEN_SIGNS:
                text += _PAUSES.get(part, part)
            elif part in ".!?":  # what ends a sentence stands for a pause before it
                text = text[:-1] + part
            text += " "
            continue
        low = part.lower()
        own: Sequence[str] = tuple(WEAK[low].split()) if low in WEAK else sounds[n]
        following = sounds[n + 1] if n + 1 < len(parts) else ()
        if low == "the" and following and _VOWEL.match(following[0]):
            own = ("DH", "IY0")
        elif low == "a" and (not following or _is_a_name(parts, n)):
            own = ("EY1",)
        text += _written(own, alphabet) + " "
    return text.strip()


def _is_a_name(parts: Sequence[str], n: int) -> bool:
    """Whether an "a" is the letter: behind other letters ("U S A"), or large after a small word."""
    before = parts[n - 1] if n else ""
    if before == "letter":
        return True
    is_letter = len(before) == 1 and before.isupper() and before != "I"
    return parts[n] == "A" and (is_letter or before.islower() or parts[n + 1 : n + 2] == ["I"])


def _written(sounds: Sequence[str], alphabet: Mapping[str, str]) -> str:
    text = ""
    for n, sound in enumerate(sounds):
        stress = sound[-1] if sound[-1].isdigit() else ""
        if _is_tapped(sounds, n):
            sound = "T~"
        elif sound == "AH0" and n == 0:
            sound = "^AH0"
        text += {"1": "ˈ", "2": "ˌ"}.get(stress, "")
        text += alphabet.get(sound) or alphabet[sound.rstrip("012")]
    return text


def _is_tapped(sounds: Sequence[str], n: int) -> bool:
    """Whether American English makes a tap of a "t": between vowels, before an unstressed one."""
    before, after = sounds[n - 1 : n], sounds[n + 1 : n + 2]
    return bool(
        sounds[n] == "T"
        and before
        and after
        and (_VOWEL.match(before[0]) or before[0] == "R")
        and _VOWEL.match(after[0])
        and after[0].endswith("0")
    )
