"""Voices: a sentence in, samples out. VITS and Kokoro on ONNX Runtime, models of a hub, servers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.naming import require_known
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained
from sensorium.tasks.voice.unsaid import mute_runs
from sensorium.tasks.weights import WEIGHTS, folder_of

Samples = npt.NDArray[np.float32]

MOST_TOKENS = 500
"""Letters of IPA that Kokoro speaks at once; its voices have a row for each number up to 510."""

JOE_RATE, KOKORO_RATE = 22_050, 24_000

STYLES = (510, 1, 256)
"""Shape of a voice of Kokoro: a row for each number of letters."""

KOKORO_VOICES = {"en": "af_heart", "zh": "zf_xiaobei"}
"""Of each language, the voice that is taken where none is named."""

MOST_SECONDS = 120.0
"""Of one sentence; a model that says more has lost its way."""

SILENT = 10 ** (-50 / 20)
"""Of the loudest: what is quieter at both ends of a sentence is cut off, as pauses are our own."""


class Voice(Protocol):
    """What says a sentence.

    Attributes
    ----------
    name : str
    rate : int
        Samples a second.
    languages : tuple of str
        Two letters; empty where the voice does not tell.
    origin : Origin
    """

    name: str

    @property
    def rate(self) -> int: ...

    @property
    def languages(self) -> Sequence[str]: ...

    @property
    def origin(self) -> Origin: ...

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """Samples of one sentence, shape (n,), in -1 to 1."""
        ...

    def unsaid(self, text: str) -> list[str]:
        """Words and signs of a text that it has no sounds for, each once."""
        ...


class JoeVoice:
    """American English: VITS (Kim et al. 2021) as Piper exports it, its IPA letter by letter."""

    rate = JOE_RATE
    languages = ("en",)
    name = "joe"

    def __init__(self) -> None:
        self.weights = WEIGHTS["voice-joe"]
        self.folder = folder_of("voice-joe")

    @property
    def origin(self) -> Origin:
        """See `Voice`."""
        return self.weights.origin

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """See `Voice`."""
        from sensorium.tasks.voice.ipa import BROAD, english_ipa

        ids = self._settings["phoneme_id_map"]
        sounds = english_ipa(sentence, BROAD)
        if not _has_sound(sounds):
            return np.zeros(0, np.float32)
        tokens = [*ids["^"], *ids["_"]]
        for letter in sounds:
            if letter in ids:
                tokens += [*ids[letter], *ids["_"]]
        tokens += ids["$"]
        style = self._settings["inference"]
        given: dict[str, npt.NDArray[Any]] = {
            "input": np.array([tokens], np.int64),
            "input_lengths": np.array([len(tokens)], np.int64),
            "scales": np.array(
                [style["noise_scale"], style["length_scale"] / speed, style["noise_w"]], np.float32
            ),
        }
        return _run(self.folder / "voice.onnx", given)

    def unsaid(self, text: str) -> list[str]:
        """See `Voice`."""
        from sensorium.tasks.voice.english import has_sound

        return mute_runs(text, has_sound)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads((self.folder / "voice.json").read_text("utf-8"))
        return settings


class KokoroVoice:
    """English and Chinese: Kokoro-82M (a StyleTTS 2, Li et al. 2023) with one of its voices.

    Parameters
    ----------
    name : str
        A voice: "zf_" and "zm_" are Chinese women and men, "af_" and "am_" American ones, "jf_"
        and "jm_" Japanese ones.
    """

    rate = KOKORO_RATE
    languages = ("en", "zh")

    def __init__(self, name: str) -> None:
        self.weights = WEIGHTS["voice-kokoro"]
        self.folder = folder_of("voice-kokoro")
        own = folder_of("kokoro-voices") / f"{name}.bin"
        with np.load(self.folder / "voices.npz", allow_pickle=False) as voices:
            names = sorted([*voices, *(path.stem for path in own.parent.glob("*.bin"))])
            if name not in names:
                raise UsageError(f"there is no voice {name!r}; there are {', '.join(names)}")
            self._style: npt.NDArray[np.float32] = (
                voices[name] if name in voices else np.fromfile(own, "<f4").reshape(STYLES)
            )
        self.name = f"kokoro:{name}"

    @property
    def origin(self) -> Origin:
        """See `Voice`."""
        return self.weights.origin

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """See `Voice`."""
        letters = self._vocabulary
        sounds = kokoro_ipa(sentence, language)
        tokens = [letters[letter] for letter in sounds if letter in letters]
        if not _has_sound(sounds):
            return np.zeros(0, np.float32)
        parts = []
        for start in range(0, len(tokens), MOST_TOKENS):
            some = tokens[start : start + MOST_TOKENS]
            given: dict[str, npt.NDArray[Any]] = {
                "tokens": np.array([[0, *some, 0]], np.int64),
                "style": self._style[len(some)],
                "speed": np.array([speed], np.float32),
            }
            parts.append(_run(self.folder / "kokoro.onnx", given))
        return np.concatenate(parts)

    def unsaid(self, text: str) -> list[str]:
        """See `Voice`."""
        from sensorium.tasks.voice.chinese import has_reading
        from sensorium.tasks.voice.english import has_sound

        return mute_runs(text, lambda letter: has_sound(letter) or has_reading(letter))

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        vocabulary: dict[str, int] = json.loads((self.folder / "vocab.json").read_text("utf-8"))[
            "vocab"
        ]
        return vocabulary


def _has_sound(ipa: str) -> bool:
    """Whether more than pauses is left: letters of other scripts have no sound in English."""
    return any(letter.isalpha() for letter in ipa)


def kokoro_ipa(sentence: str, language: str = "") -> str:
    """A sentence of Chinese and English as Kokoro reads it.

    Parameters
    ----------
    sentence : str
    language : str
        Of the text around it, which decides how numbers by themselves are read.
    """
    from sensorium.tasks.voice.chinese import SIGNS, phonemes, runs
    from sensorium.tasks.voice.chinese_wording import chinese
    from sensorium.tasks.voice.ipa import KOKORO, english_ipa

    pieces = runs(sentence)
    only_numbers = language == "zh" and not re.search("[A-Za-z]", sentence)
    if not only_numbers and not any(is_chinese for is_chinese, _ in pieces):
        return english_ipa("".join(SIGNS.get(letter, letter) for letter in sentence), KOKORO)
    pieces = runs(chinese(sentence))  # numbers are read in the language around them
    text = ""
    for is_chinese, run in pieces:
        if is_chinese:
            text += phonemes(run)
            continue
        plain = "".join(SIGNS.get(letter, letter) for letter in run)
        before, core, after = _EDGES.fullmatch(plain).groups()  # type: ignore[union-attr]
        text += _pauses(before)
        if core:
            text = f"{text} {english_ipa(core, KOKORO)}{_pauses(after)}".rstrip() + " "
    return re.sub(r" (?=[,.!?;:)”])|(?<=[(“]) ", "", " ".join(text.split()))


def _pauses(signs: str) -> str:
    from sensorium.tasks.voice.chinese import PAUSES

    signs = signs.replace("-", "—")
    return "".join(f" {sign}" if sign in "(“" else f"{sign} " for sign in signs if sign in PAUSES)


_EDGES = re.compile(r"([^\w$€£¥]*)(.*?)([^\w%+]*)", re.DOTALL)
"""Signs before the first word, and behind the last one."""


class HubVoice:
    """A voice of a hub or folder in the format of Transformers: VITS, as MMS has it.

    Parameters
    ----------
    name : str
        A hub id or a folder.
    """

    languages = ()

    def __init__(self, name: str) -> None:
        self.name = name
        self._rate = 0
        self._origin: Origin | None = None

    @property
    def rate(self) -> int:
        """See `Voice`."""
        with LOADED.using(("voice", self.name), self._load, self._size) as (model, _):
            return int(model.config.sampling_rate)

    @property
    def origin(self) -> Origin:
        """See `Voice`."""
        if self._origin is None:
            with LOADED.using(("voice", self.name), self._load, self._size):
                self._origin = origin_of_pretrained(self.name)
        return self._origin

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """See `Voice`."""
        import torch

        with LOADED.using(("voice", self.name), self._load, self._size) as (model, tokenizer):
            given = tokenizer(sentence, return_tensors="pt").to(model.device)
            if not given["input_ids"].shape[-1]:
                return np.zeros(0, np.float32)
            model.speaking_rate = speed
            # It draws noise: the same text is to sound the same.
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(0)
                said = model(**given).waveform[0]
            samples: Samples = said.float().cpu().numpy()
            return samples

    def unsaid(self, text: str) -> list[str]:
        """See `Voice`."""
        with LOADED.using(("voice", self.name), self._load, self._size) as (_, tokenizer):
            known = set(tokenizer.get_vocab())
        return mute_runs(text, lambda letter: not {letter, letter.lower()}.isdisjoint(known))

    _size = 400 << 20

    def _load(self) -> tuple[Any, Any]:
        try:
            import torch
            from transformers import AutoTokenizer, VitsModel

            from sensorium.encoders.pretrained import load_pretrained
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "hub") from error
        try:
            model = load_pretrained(VitsModel, self.name, use_safetensors=True).eval()
            tokenizer = load_pretrained(AutoTokenizer, self.name)
        except EncoderError:
            raise
        except Exception as error:  # the library's errors share no base
            raise EncoderError(
                f"{self.name} cannot be loaded as a voice ({error}): name a VITS model of a hub, "
                "its folder, or one of joe, kokoro"
            ) from error
        return (model.to("cuda") if torch.cuda.is_available() else model), tokenizer


class ServedVoice:
    """A voice on a server with OpenAI's interface.

    Parameters
    ----------
    url : str
        Up to ``/v1``, with ``#MODEL``, and ``#MODEL@VOICE`` for one of its voices.
    """

    languages = ()
    DEFAULT = "alloy"

    def __init__(self, url: str) -> None:
        from sensorium.tasks.chat import ServedModel

        address, _, model = url.partition("#")
        model, _, self._voice = model.partition("@")
        self._served = ServedModel(f"{address}#{model}" if model else address)
        self.name = f"{self._served.name}@{self._voice or self.DEFAULT}"
        self.rate = KOKORO_RATE

    @property
    def origin(self) -> Origin:
        """See `Voice`."""
        return self._served.origin

    def unsaid(self, text: str) -> list[str]:
        """See `Voice`: a server does not tell."""
        return []

    def say(self, sentence: str, language: str, speed: float) -> Samples:
        """See `Voice`."""
        from sensorium.media import Audio

        wav = self._served.speak(sentence, voice=self._voice or self.DEFAULT, speed=speed)
        return Audio(wav).load(self.rate)


def find_voice(name: str, language: str = "en") -> Voice:
    """A voice by its name.

    Parameters
    ----------
    name : str
        "joe", "kokoro", "kokoro:NAME", an address of a server, a hub id or a folder; of a SpeechT5
        with ``@FILE.npy``, whose voice it has.
    language : str
        Of which "kokoro" without a name is a voice; two letters.

    Raises
    ------
    EncoderError
        When its weights are not on this machine; it says how they are fetched.
    UsageError
        When Kokoro has no such voice.
    UnknownModelError
        When there is none of that name; it lists those that there are.
    """
    from sensorium.tasks.chat import is_served

    if name == JoeVoice.name:
        return JoeVoice()
    kind, _, voice = name.partition(":")
    if kind == "kokoro":
        return KokoroVoice(voice or KOKORO_VOICES.get(language, KOKORO_VOICES["en"]))
    if is_served(name):
        return ServedVoice(name)
    model, _, speaker = name.partition("@")
    require_known(model, [JoeVoice.name, "kokoro"], "voice")
    from sensorium.tasks.voice.speecht5 import SpeechT5Voice, is_speecht5

    return SpeechT5Voice(model, speaker) if is_speecht5(model) else HubVoice(name)


def _run(model: Path, given: dict[str, npt.NDArray[Any]]) -> Samples:
    """What an ONNX model makes of one sentence, without silence at its ends."""
    with LOADED.using(model, lambda: _session(model), 2 * model.stat().st_size) as session:
        names = {one.name for one in session.get_inputs()}
        said: Samples = session.run(None, {n: v for n, v in given.items() if n in names})[0].ravel()
    return trimmed(said)


def _session(model: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "speak") from error
    onnxruntime.set_seed(0)  # the same texts, in the same order, sound the same
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # of what it may optimize
    options.enable_cpu_mem_arena = False  # sentences differ in length: an arena only grows
    return onnxruntime.InferenceSession(
        str(model), options, providers=onnxruntime.get_available_providers()
    )


def trimmed(samples: Samples) -> Samples:
    """Samples without what is silent before and after them."""
    loud = np.flatnonzero(
        np.abs(samples) > SILENT * max(float(np.abs(samples).max(initial=0)), 1e-9)
    )
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]
