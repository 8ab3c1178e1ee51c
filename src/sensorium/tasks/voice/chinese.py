"""How Chinese sounds, as Kokoro's voices were taught it: syllables in IPA with an arrow a tone.

A syllable is an initial, a final and a tone; the arrow stands behind the vowel that carries it.
Which reading a character has in its word is told by pypinyin's dictionary of phrases. As in what
the voices were taught (misaki's front end), there is a space between words, and the tones are those
of the dictionary: how they change where they meet, the model has learnt itself.
"""

from __future__ import annotations

import re

from sensorium.errors import MissingExtraError
from sensorium.tasks.voice.chinese_wording import chinese

try:
    import rjieba
    from pypinyin import Style, lazy_pinyin
    from pypinyin.contrib.tone_convert import to_finals, to_initials
except ImportError as error:
    raise MissingExtraError(error.name or "pypinyin", "speak") from error

TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}

INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k",
    "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ",
    "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip

FINALS = {
    "a": "a0", "o": "wo0", "e": "ɤ0", "ê": "ɛ0", "ai": "ai0", "ei": "ei0", "ao": "au0", "ou": "ou0",
    "an": "a0n", "en": "ə0n", "ang": "a0ŋ", "eng": "ə0ŋ", "er": "ɚ0", "ong": "ʊ0ŋ",
    "i": "i0", "ia": "ja0", "ie": "je0", "iao": "jau0", "iou": "jou0", "ian": "jɛ0n", "in": "i0n",
    "iang": "ja0ŋ", "ing": "i0ŋ", "iong": "jʊ0ŋ", "io": "jɔ0",
    "u": "u0", "ua": "wa0", "uo": "wo0", "uai": "wai0", "uei": "wei0", "uan": "wa0n",
    "uen": "wə0n", "uang": "wa0ŋ", "ueng": "wə0ŋ",
    "v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n", "m": "m0", "n": "n0", "ng": "ŋ0",
}  # fmt: skip
"""0 is where the tone stands."""

HISSING = {"zh", "ch", "sh", "r", "z", "c", "s"}
"""Initials after which "i" is no [i] but a hum at the same place."""

SIGNS = {
    "，": ",", "、": ",", "。": ".", "．": ".", "！": "!", "？": "?", "；": ";", "：": ":",
    "（": "(", "）": ")", "《": "“", "》": "”", "「": "“", "」": "”", "【": "“", "】": "”",
    "－": "—",
}  # fmt: skip
PAUSES = ",.!?;:—…()“”"
"""Signs that the voices were taught."""

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_RUNS = re.compile(rf"[{HAN}]+|[^{HAN}]+")
_IS_HAN = re.compile(f"[{HAN}]")


def runs(text: str) -> list[tuple[bool, str]]:
    """Pieces of a text that are Chinese characters, and pieces that are not, in order."""
    return [(bool(_IS_HAN.match(run)), run) for run in _RUNS.findall(text)]


def phonemes(characters: str) -> str:
    """Sounds of Chinese characters, word by word.

    Examples
    --------
    >>> phonemes("你好世界")
    'ni↓xau↓ ʂɨ↘ʨje↘'
    """
    return " ".join(filter(None, map(_word, rjieba.cut(characters))))


def _word(characters: str) -> str:
    syllables = lazy_pinyin(
        characters, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore"
    )
    return "".join(map(syllable, syllables))


def has_reading(letter: str) -> bool:
    """Whether a character, number or sign is read in Chinese."""
    if _IS_HAN.match(letter):
        return bool(phonemes(letter))
    return letter not in chinese(f"{letter}1")


def syllable(pinyin: str) -> str:
    """Sounds of one syllable in pinyin with its tone as a digit; "" for what is none."""
    if not pinyin or pinyin[-1] not in TONES:
        return ""
    plain, tone = pinyin[:-1], TONES[pinyin[-1]]
    if plain in ("o", "yo"):  # 哦, 唷: by themselves they have no [w]
        return f"{'j' * (plain == 'yo')}ɔ{tone}"
    initial = to_initials(plain, strict=True)
    final = to_finals(plain, strict=True, v_to_u=False)
    vowel = "ɨ0" if final == "i" and initial in HISSING else FINALS.get(final, "")
    return INITIALS.get(initial, "") + vowel.replace("0", tone)
