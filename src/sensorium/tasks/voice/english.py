"""How English words sound: CMU's dictionary, and a network of letters for all others.

Sounds are written in ARPAbet, with a stress behind each vowel (0 none, 1 main, 2 other). The
network is a GRU that reads a word's letters and writes its sounds (Park and Kim 2019, g2p_en; its
weights are under Apache-2.0, the code here is our own).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.tasks.loaded import LOADED
from sensorium.tasks.voice.wording import english
from sensorium.tasks.weights import folder_of

NAME = "english-sounds"
SIZE = 60 << 20
"""Bytes that the dictionary takes in memory, about."""

MOST_LETTERS = 40
MOST_SOUNDS = 30
"""Of one word that the network is asked for: what is longer is no word."""

_START, _END = 2, 3
_LETTERS = {letter: n + 3 for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
_UNKNOWN_LETTER, _LAST_LETTER = 1, 2

_IN_ORDER = (
    "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 "
    "B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG "
    "OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
)
_SOUNDS = _IN_ORDER.split()
"""In the order of the network's outputs."""

LETTER_NAMES = {
    "a": "EY1", "b": "B IY1", "c": "S IY1", "d": "D IY1", "e": "IY1", "f": "EH1 F", "g": "JH IY1",
    "h": "EY1 CH", "i": "AY1", "j": "JH EY1", "k": "K EY1", "l": "EH1 L", "m": "EH1 M",
    "n": "EH1 N", "o": "OW1", "p": "P IY1", "q": "K Y UW1", "r": "AA1 R", "s": "EH1 S",
    "t": "T IY1", "u": "Y UW1", "v": "V IY1", "w": "D AH1 B AH0 L Y UW0", "x": "EH1 K S",
    "y": "W AY1", "z": "Z IY1",
}  # fmt: skip

_UNVOICED = {"P", "T", "K", "F", "TH"}
_HISSING = {"S", "Z", "SH", "ZH", "CH", "JH"}

Sounds = tuple[str, ...]


_WITHOUT_PARTS = str.maketrans({
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "th", "Ð": "TH", "þ": "th", "Þ": "TH", "ı": "i",
})  # fmt: skip
"""Latin letters that are no letter with an accent, as English writes them."""


def plain_letters(word: str) -> str:
    """A word in the letters of English where they are Latin: "Łódź" is "Lodz"."""
    plain = unicodedata.normalize("NFKD", word.translate(_WITHOUT_PARTS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@cache
def has_sound(letter: str) -> bool:
    """Whether an English voice says a letter, digit or sign: one of another script it does not."""
    if letter.isascii() or re.search("[A-Za-z]", plain_letters(letter)):
        return True
    return letter not in english(f"{letter}1")  # before a number, as "€" stands


class EnglishSounds:
    """A dictionary of sounds.

    Parameters
    ----------
    folder : Path
        With ``cmudict.dict`` (a word and its sounds a line) and ``letters.npz``.

    Attributes
    ----------
    words : dict of str to str
        The dictionary; "word(2)" is another way to say a word.
    """

    def __init__(self, folder: Path) -> None:
        self.words: dict[str, str] = {}
        with (folder / "cmudict.dict").open(encoding="utf-8") as lines:
            for line in lines:
                word, _, sounds = line.partition("#")[0].strip().partition(" ")
                self.words[word] = sounds
        with np.load(folder / "letters.npz", allow_pickle=False) as arrays:
            self._weights: Mapping[str, npt.NDArray[np.float32]] = {
                name: arrays[name] for name in arrays
            }

    def __contains__(self, word: str) -> bool:
        return word.lower() in self.words

    def of(self, word: str) -> Sounds:
        """The sounds of one word.

        Parameters
        ----------
        word : str
            Letters, apostrophes; accents are taken off. In capitals that no dictionary has as a
            word, it is spelt letter by letter.
        """
        plain = plain_letters(word)
        low = plain.lower().replace("’", "'").strip("'")
        if low in self.words:
            return tuple(self.words[low].split())
        if low.endswith("'s") and len(low) > 2:
            stem = self.of(plain[: plain.lower().replace("’", "'").rindex("'s")])
            return (*stem, *_ending(stem))
        letters = re.sub(r"[^a-z]", "", low)[:MOST_LETTERS]
        if not letters:
            return ()
        if (plain.isupper() and len(letters) < 6) or not re.search(r"[aeiouy]", letters):
            return tuple(" ".join(LETTER_NAMES[letter] for letter in letters).split())
        return self._built(letters) or self._compound(letters) or self._guessed(letters)

    def _built(self, letters: str) -> Sounds:
        """A word of the dictionary with an ending or a beginning ("beaks", "scrolling")."""
        for ending, sounds in _ENDINGS.items():
            stem = letters.removesuffix(ending)
            if stem == letters or len(stem) < SHORTEST_STEM:
                continue
            doubled = stem[:-1] if stem[-1] == stem[-2] else ""
            spellings = [stem]
            if ending[0] in "aei":  # what begins with a vowel changes the letters before it
                spellings = [stem, f"{stem}e", doubled]
            elif stem[-1] == "i":  # "happily", "parties"
                spellings = [f"{stem[:-1]}y"]
            for one in spellings:
                if known := self.words.get(one):
                    own = tuple(known.split())
                    return (*own, *(sounds.split() or _inflection(ending, own)))
        for beginning, sounds in _BEGINNINGS.items():
            rest = letters.removeprefix(beginning)
            if rest != letters and len(rest) >= SHORTEST_STEM and rest in self.words:
                return (*sounds.split(), *self.words[rest].split())
        return ()

    def _compound(self, letters: str) -> Sounds:
        """Two words of the dictionary that a word is made of ("birdhouse"), the first longest."""
        for cut in range(len(letters) - 3, 3, -1):
            first, second = letters[:cut], letters[cut:]
            if first in self.words and second in self.words:
                weak = tuple(s.replace("1", "2") for s in self.words[second].split())
                return (*self.words[first].split(), *weak)
        return ()

    def _guessed(self, letters: str) -> Sounds:
        read = [_LETTERS.get(letter, _UNKNOWN_LETTER) for letter in letters] + [_LAST_LETTER]
        weights = self._weights
        state = np.zeros(weights["enc_w_hh"].shape[1], np.float32)
        for one in read:
            state = self._step("enc", weights["enc_emb"][one], state)
        sound, written = _START, []
        for _ in range(MOST_SOUNDS):
            state = self._step("dec", weights["dec_emb"][sound], state)
            sound = int((weights["fc_w"] @ state + weights["fc_b"]).argmax())
            if sound == _END:
                break
            if sound > _END:
                written.append(_SOUNDS[sound])
        return tuple(written)

    def _step(
        self, side: str, given: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """One step of a GRU (Cho et al. 2014), its gates in the order of PyTorch's weights."""
        weights = self._weights
        inner = weights[f"{side}_w_ih"] @ given + weights[f"{side}_b_ih"]
        outer = weights[f"{side}_w_hh"] @ state + weights[f"{side}_b_hh"]
        (reset_in, update_in, new_in), (reset_out, update_out, new_out) = (
            np.split(inner, 3),
            np.split(outer, 3),
        )
        reset = 1 / (1 + np.exp(-(reset_in + reset_out)))
        update = 1 / (1 + np.exp(-(update_in + update_out)))
        new = np.tanh(new_in + reset * new_out)
        moved: npt.NDArray[np.float32] = ((1 - update) * new + update * state).astype(np.float32)
        return moved


SHORTEST_STEM = 3
_ENDINGS = {
    "es": "", "s": "", "ed": "", "ing": "IH0 NG", "ers": "ER0 Z", "er": "ER0", "est": "AH0 S T",
    "ly": "L IY0", "ness": "N AH0 S", "less": "L AH0 S", "able": "AH0 B AH0 L", "ish": "IH0 SH",
    "ist": "AH0 S T", "ism": "IH2 Z AH0 M",
}  # fmt: skip
"""Their sounds; where they hang on what is before them, none."""
_BEGINNINGS = {
    "un": "AH0 N", "non": "N AA1 N", "re": "R IY0", "over": "OW2 V ER0", "anti": "AE2 N T IY0",
    "super": "S UW2 P ER0", "micro": "M AY2 K R OW0", "multi": "M AH2 L T IY0",
    "inter": "IH2 N T ER0", "pre": "P R IY0", "mis": "M IH0 S", "dis": "D IH0 S",
}  # fmt: skip


def _inflection(ending: str, stem: Sequence[str]) -> Sounds:
    """How "s" and "ed" sound behind a word."""
    if ending != "ed":
        return _ending(stem)
    last = stem[-1]
    if last in ("T", "D"):
        return ("AH0", "D")
    return ("T",) if last in _UNVOICED | _HISSING - {"Z", "ZH", "JH"} else ("D",)


def _ending(stem: Sequence[str]) -> Sounds:
    """How the "s" of a possessive or plural sounds."""
    last = stem[-1] if stem else ""
    if last in _HISSING:
        return ("IH0", "Z")
    return ("S",) if last in _UNVOICED else ("Z",)


def sounds_of(words: Sequence[str]) -> list[Sounds]:
    """The sounds of words.

    Raises
    ------
    EncoderError
        When the dictionary was not fetched.
    """
    folder = folder_of(NAME)
    with LOADED.using(NAME, lambda: EnglishSounds(folder), SIZE) as dictionary:
        return [dictionary.of(word) for word in words]
