"""What is heard and what is spoken: word error rates, invented words, speech read back.

    python -m benchmarks speech [--quick] [--part PART] [--ours] [--fresh] [--json FILE]

1. 200 captions, half spoken by espeak-ng (a program of the system, unlike every model here), half
   by the packaged voice, ten a recording: in quiet, noise and music. Beside plain faster-whisper
   with the same weights. Errors are counted by word and caption (Levenshtein); intervals are
   bootstraps over captions.
2. 30 minutes without speech: every word is an invented one.
3. Speech read back by Whisper: English by voice-joe (WER), Chinese by voice-kokoro (CER, with
   traditional characters as simplified ones; and of syllables without tones, as which of several
   characters of one sound is written is no fault of a voice).
4. How English words sound that CMU's dictionary has since 2015 alone, read without them: half of
   them, the other half is what rules were chosen on.

What was measured is kept, recording by recording: a run that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import speech_sounds as sounds
from benchmarks.rows import Row
from benchmarks.speech_sounds import RATE, Samples
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.home import sensorium_home
from sensorium.media import Audio
from sensorium.tasks.transcription import Transcriber
from sensorium.tasks.voice.voices import KOKORO_VOICES
from sensorium.tasks.voice.wording import english
from sensorium.tasks.weights import folder_of

CONDITIONS = ("quiet", "noise 10 dB", "music 5 dB", "noise 0 dB")
VOICES = ("espeak", "joe")
CHINESE_VOICE = f"kokoro:{KOKORO_VOICES['zh']}"
OURS, PLAIN = "sensorium", "faster-whisper"
VERSIONS = {OURS: "4", PLAIN: "1"}
"""Of what is kept; another one measures all anew."""

EACH = 100
"""Captions of each voice."""

MINUTES = 30.0

Recogniser = Callable[[Samples], str]


def words(text: str) -> list[str]:
    """Words as they are compared: numbers in words, without case and signs."""
    plain = english(text).lower().replace("’", "'").replace("-", " ")
    return re.sub(r"[^\w' ]+", " ", plain).split()


def errors(reference: Sequence[Sequence[str]], heard: Sequence[str]) -> list[int]:
    """Wrong, missing and additional words of each sentence; these stand behind one another.

    Words that are too many count for the sentence in which they stand.
    """
    flat = [(word, n) for n, sentence in enumerate(reference) for word in sentence]
    cost = np.zeros((len(flat) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(flat) + 1), np.arange(len(heard) + 1)
    for i, (word, _) in enumerate(flat, 1):
        for k, other in enumerate(heard, 1):
            same = cost[i - 1, k - 1] + (word != other)
            cost[i, k] = min(same, cost[i - 1, k] + 1, cost[i, k - 1] + 1)
    counts = [0] * len(reference)
    i, k = len(flat), len(heard)
    while i or k:
        owner = flat[max(i - 1, 0)][1]
        if i and k and cost[i, k] == cost[i - 1, k - 1] + (flat[i - 1][0] != heard[k - 1]):
            counts[owner] += flat[i - 1][0] != heard[k - 1]
            i, k = i - 1, k - 1
        elif i and cost[i, k] == cost[i - 1, k] + 1:
            counts[owner] += 1
            i -= 1
        else:
            counts[owner] += 1
            k -= 1
    return counts


def ours() -> Recogniser:
    """`sensorium transcribe` as it is."""
    transcriber = Transcriber("whisper-base")
    return lambda samples: transcriber.transcribe(Audio(samples, RATE)).text


def plain() -> Recogniser:
    """faster-whisper as it is, with the same weights and arithmetic."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder_of("whisper-base")), device="cpu", compute_type="int8")
    return lambda samples: " ".join(part.text for part in model.transcribe(samples)[0])


class Kept:
    """What was heard, by what and in what, on disk."""

    def __init__(self, fresh: bool) -> None:
        self.file = sensorium_home() / "benchmarks" / "speech.jsonl"
        self.known: dict[str, dict[str, Any]] = {}
        if fresh:
            self.file.unlink(missing_ok=True)
        if self.file.is_file():
            for line in self.file.read_text("utf-8").splitlines():
                found = json.loads(line)
                self.known[found["key"]] = found

    def heard(
        self, system: str, recognise: Recogniser, name: str, samples: Samples
    ) -> tuple[str, float]:
        """The text, and processor seconds for each second of sound."""
        digest = hashlib.sha256(samples.tobytes()).hexdigest()[:16]
        key = f"{VERSIONS[system]} {system} {name} {digest}"
        if key not in self.known:
            before = time.process_time()
            text = recognise(samples)
            cost = (time.process_time() - before) / (len(samples) / RATE)
            self.known[key] = {"key": key, "text": text, "cost": cost}
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(self.known[key], ensure_ascii=False) + "\n")
        return self.known[key]["text"], self.known[key]["cost"]


def transcription(
    kept: Kept, systems: dict[str, Recogniser], each: int, conditions: Sequence[str]
) -> list[Row]:
    """Word error rates of the first captions that each voice speaks."""
    captions = sounds.captions()
    half = len(captions) // 2
    parts = {"espeak": captions[:half][:each], "joe": captions[half:][:each]}
    rows = []
    for condition in conditions:
        rates: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        costs: dict[str, list[float]] = defaultdict(list)
        for voice in VOICES:
            for recording in sounds.recordings(voice, parts[voice]):
                samples = sounds.disturbed(recording, condition)
                right = [words(sentence) for sentence in recording.sentences]
                for system, recognise in systems.items():
                    name = f"{condition} {recording.name}"
                    text, cost = kept.heard(system, recognise, name, samples)
                    counted = errors(right, words(text))
                    rates[system, voice] += zip(counted, map(len, right), strict=True)
                    costs[system].append(cost)
        for system in systems:
            both = [one for voice in VOICES for one in rates[system, voice]]
            for case, counted in (
                (f"captions, {condition}", both),
                *((f"captions, {condition}, {voice}", rates[system, voice]) for voice in VOICES),
            ):
                rows += _rate(case, system, "WER", counted)
            cost = float(np.mean(costs[system]))
            rows.append(Row("speech", f"captions, {condition}", system, "CPU s / s", cost))
        if len(systems) > 1:
            own, other = ([one for v in VOICES for one in rates[s, v]] for s in systems)
            rows += _difference(f"captions, {condition}", own, other)
    return rows


def _difference(
    case: str, own: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]
) -> list[Row]:
    """How much more is wrong than by the rival, with an interval over the sentences of both."""
    (wrong, total), (wrong_there, _) = np.array(own).T, np.array(other).T
    interval = bootstrap_interval((wrong - wrong_there) / total.mean())
    return [
        Row("speech", case, f"{OURS} less {PLAIN}", metric, value)
        for metric, value in (
            ("WER", interval.estimate),
            ("WER low", interval.low),
            ("WER high", interval.high),
        )
    ]


def _rate(case: str, system: str, metric: str, counted: Sequence[tuple[int, int]]) -> list[Row]:
    """Errors over words, with an interval over sentences."""
    wrong, total = np.array(counted).T
    # A ratio of sums is the mean of the errors over the mean length: resampled as one value each.
    interval = bootstrap_interval(wrong / total.mean())
    return [
        Row("speech", case, system, metric, float(wrong.sum() / total.sum())),
        Row("speech", case, system, f"{metric} low", interval.low),
        Row("speech", case, system, f"{metric} high", interval.high),
    ]


def invented(kept: Kept, systems: dict[str, Recogniser], quick: bool) -> list[Row]:
    """Words that are written of sounds in which nobody speaks."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for one in sounds.wordless(MINUTES):
        if quick and hash_of(one.name) % 6:
            continue
        seconds[one.kind] += len(one.samples) / RATE
        for system, recognise in systems.items():
            text, _ = kept.heard(system, recognise, one.name, one.samples)
            counts[system, one.kind] += len(text.split())
            if text and system == OURS:
                print(f"  {one.name}: {text!r}")
    rows = []
    for kind, length in seconds.items():
        for system in systems:
            case = f"no speech: {kind}, {length / 60:.1f} min"
            rows.append(Row("speech", case, system, "words", counts[system, kind]))
    for system in systems:
        total = sum(count for (own, _), count in counts.items() if own == system)
        case = f"no speech, {sum(seconds.values()) / 60:.1f} min"
        rows.append(Row("speech", case, system, "words", total))
    return rows


def hash_of(name: str) -> int:
    """A number of a name, the same in every run."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def chinese(kept: Kept, recognise: Recogniser, quick: bool) -> list[Row]:
    """Character error rates of Chinese that the packaged voice spoke."""
    signs, syllables = [], []
    for sentence in sounds.chinese_captions()[: 10 if quick else None]:
        rest = np.zeros(RATE // 2, np.float32)
        samples = np.concatenate([rest, sounds.spoken(CHINESE_VOICE, sentence), rest])
        text, _ = kept.heard(OURS, recognise, f"zh {sentence}", samples)
        right, heard = simplified(sentence), simplified(text)
        signs.append((errors([right], heard)[0], len(right)))
        right, heard = _syllables(right), _syllables(heard)
        syllables.append((errors([right], heard)[0], len(right)))
    case = "read back, Chinese by kokoro"
    return _rate(case, OURS, "CER", signs) + _rate(case, OURS, "syllable errors", syllables)


def simplified(text: str) -> list[str]:
    """Characters as they are compared: numbers written out, simplified, without signs."""
    from opencc import OpenCC

    from sensorium.tasks.voice.chinese_wording import chinese as spelt

    written = OpenCC("t2s").convert(spelt(text)).lower()
    return [letter for letter in written if letter.isalnum()]


def _syllables(characters: Sequence[str]) -> list[str]:
    from pypinyin import Style, lazy_pinyin

    return [str(one) for one in lazy_pinyin("".join(characters), style=Style.NORMAL)]


def letters() -> list[Row]:
    """Sounds that are wrong of words that were left out of the dictionary."""
    counted = []
    dictionary, newer = sounds.older_dictionary()
    for word, readings in newer.items():
        if hash_of(word) % 2:
            told = _unstressed(dictionary.of(word))
            alike = [(errors([one], told)[0], len(one)) for one in map(_unstressed, readings)]
            counted.append(min(alike))
    exact = sum(not wrong for wrong, _ in counted) / len(counted)
    case = f"{len(counted)} words that the dictionary lacks"
    return [
        *_rate(case, OURS, "wrong sounds", counted),
        Row("speech", case, OURS, "all right", exact),
    ]


def _unstressed(sounds_of_word: Sequence[str]) -> list[str]:
    return [sound.rstrip("012") for sound in sounds_of_word]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say whether what is kept counts."""
    parser.add_argument("--fresh", action="store_true", help="measure all anew")
    parser.add_argument("--ours", action="store_true", help="without the rival")
    parser.add_argument(
        "--part", choices=("captions", "wordless", "chinese", "letters"), help="only this part"
    )
    parser.add_argument(
        "--captions", type=int, metavar="N", default=2 * EACH, help="captions, half a voice"
    )
    parser.add_argument(
        "--conditions", nargs="+", metavar="NAME", choices=CONDITIONS, default=CONDITIONS
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure."""
    kept = Kept(arguments.fresh)
    systems = {OURS: ours()} | ({} if arguments.ours else {PLAIN: plain()})
    rows: list[Row] = []
    if arguments.part in (None, "letters"):
        rows += letters()
    if arguments.part in (None, "captions"):
        each = 20 if arguments.quick else arguments.captions // 2
        rows += transcription(kept, systems, each, arguments.conditions)
    if arguments.part in (None, "wordless"):
        rows += invented(kept, systems, arguments.quick)
    if arguments.part in (None, "chinese"):
        transcriber = Transcriber("whisper-base", "zh")
        rows += chinese(
            kept, lambda s: transcriber.transcribe(Audio(s, RATE)).text, arguments.quick
        )
    return rows
