"""Sounds whose words are known: captions spoken by two voices, and 30 minutes without speech."""

from __future__ import annotations

import csv
import hashlib
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import datasets
from benchmarks.sample import SAMPLE
from sensorium.errors import EncoderError, MediaError
from sensorium.home import sensorium_home
from sensorium.media import Audio
from sensorium.packages import Package, bring
from sensorium.tasks.voice.english import EnglishSounds
from sensorium.tasks.weights import folder_of

RATE = 16_000
SENTENCES = 200
TOGETHER = 10
"""Sentences of one recording: as a person speaks, not one by one."""

PAUSE = 0.8
FEWEST_WORDS = 4
CHINESE_SENTENCES = 40
CHINESE_SIGNS = (4, 24)

Samples = npt.NDArray[np.float32]

VOICED = re.compile(r"dreydl|apollo_lander")
"""Sound effects of the stamps in which somebody speaks."""


HELD_OUT = (
    Package(
        "debian",
        "frozen-bubble-data",
        "2.212-11",
        "39cdfd07d9532d1558762cf265a844d09015c4540568573c50f444cc084166e0",
    ),
    Package(
        "debian",
        "sound-theme-freedesktop",
        "0.8-2",
        "135cc4893ba590d428577bc3bf42df756a165c05a2a43f84311ad7db779a70ea",
    ),
)
"""Music and noises of a game, and of desktops: no rule was chosen on them."""

HELD_OUT_KIND = "sounds of a game, desktops and the sample"

SPOKEN = "audio-channel-"
"""Begins the names of those in which somebody says which loudspeaker it is."""


@dataclass(frozen=True)
class Recording:
    """Sentences behind one another."""

    name: str
    sentences: tuple[str, ...]
    samples: Samples


@dataclass(frozen=True)
class Wordless:
    """A sound in which nobody speaks."""

    name: str
    kind: str
    samples: Samples


def captions() -> list[str]:
    """English captions of the stamps that are sentences, in a fixed order."""
    found = {row["caption_en"].strip() for row in datasets.rows("stamps")}
    plain = sorted(
        text for text in found
        if len(text.split()) >= FEWEST_WORDS and text.isprintable() and len(text) < 200
    )  # fmt: skip
    random.Random(0).shuffle(plain)
    return plain[:SENTENCES]


def chinese_captions() -> list[str]:
    """Chinese captions of the stamps, in simplified script."""
    found = {
        row["caption_zh"].strip() for row in datasets.rows("stamps")
        if row["caption_zh_script"] == "hans"
    }  # fmt: skip
    low, high = CHINESE_SIGNS
    plain = sorted(text for text in found if low <= len(text) <= high and not text.isascii())
    random.Random(0).shuffle(plain)
    return plain[:CHINESE_SENTENCES]


OLDER = Package(
    "sdist",
    "pronouncing",
    "0.1.2",
    "9d55afd69f27e2220524af19c6dc0e781c4fccd70b2bdea510dd8551f1fe103c",
    ("pronouncing",),
)
"""Has CMU's dictionary as it was in 2015."""


def older_dictionary() -> tuple[EnglishSounds, dict[str, list[list[str]]]]:
    """How words sound without those that came to the dictionary since, and how these do."""
    older = set()
    file = bring(OLDER, datasets.home()) / "pronouncing" / "cmudict-0.7b"
    for line in file.read_text("latin-1").splitlines():
        if not line.startswith(";;;"):
            older.add(_READING.sub("", line.split()[0]).lower())
    dictionary = EnglishSounds(folder_of("english-sounds"))
    newer: dict[str, list[list[str]]] = {}
    for word, sounds in dictionary.words.items():
        plain = _READING.sub("", word)
        if plain.isascii() and plain.isalpha() and plain not in older:
            newer.setdefault(plain, []).append(sounds.split())
    for word in newer:
        dictionary.words.pop(word, None)
    return dictionary, newer


_READING = re.compile(r"\(\d\)$")


def spoken(voice: str, sentence: str) -> Samples:
    """A sentence by "espeak" (the system's, no model of ours) or by a voice of ours; kept."""
    digest = hashlib.sha256(f"{voice}\n{sentence}".encode()).hexdigest()[:24]
    file = sensorium_home() / "benchmarks" / "spoken" / f"{digest}.wav"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.wav")
        if voice == "espeak":
            if shutil.which("espeak-ng") is None:
                raise EncoderError("needs espeak-ng, a program of the system (apt-get install)")
            subprocess.run(["espeak-ng", "-s", "150", "-w", part, "--", sentence], check=True)
        else:
            from sensorium.tasks.speaking import load_speaker

            load_speaker(voice, text=sentence).save(sentence, part)
        part.replace(file)
    samples = Audio(file).load(RATE)
    return samples / np.float32(max(np.abs(samples).max(), 1e-9)) * np.float32(0.5)


def recordings(voice: str, sentences: Sequence[str]) -> Iterator[Recording]:
    """Recordings of `TOGETHER` sentences each, one made at a time."""
    pause = np.zeros(int(PAUSE * RATE), np.float32)
    for start in range(0, len(sentences), TOGETHER):
        some = tuple(sentences[start : start + TOGETHER])
        parts = [pause]
        for sentence in some:
            parts += [spoken(voice, sentence), pause]
        yield Recording(f"{voice}-{start // TOGETHER}", some, np.concatenate(parts))


def disturbed(recording: Recording, condition: str) -> Samples:
    """A recording with noise or music behind it: "quiet", "noise 10 dB", "music 5 dB"."""
    samples = recording.samples
    if condition == "quiet":
        return samples
    kind, decibels, _ = condition.split()
    seed = int(hashlib.sha256(recording.name.encode()).hexdigest()[:8], 16)
    seconds = len(samples) / RATE
    behind = noise(seconds, seed) if kind == "noise" else music(seconds + 1, seed)
    behind = behind[: len(samples)]
    loud = samples[np.abs(samples) > 0.01]
    power = float((loud**2).mean()) / 10 ** (float(decibels) / 10)
    mixed = samples + behind * np.float32(np.sqrt(power / float((behind**2).mean())))
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def noise(seconds: float, seed: int, pink: bool = False) -> Samples:
    """White noise, or pink."""
    random_numbers = np.random.default_rng(seed)
    white = random_numbers.normal(size=int(seconds * RATE))
    if pink:
        spectrum = np.fft.rfft(white)
        white = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(white))
    return (0.1 * white / white.std()).astype(np.float32)


def hum(seconds: float, seed: int) -> Samples:
    """Mains hum with its overtones, of a slowly changing loudness."""
    random_numbers = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    base = random_numbers.choice([50.0, 60.0])
    waves = sum(
        random_numbers.uniform(0.1, 1) / n * np.sin(2 * np.pi * base * n * time + n)
        for n in range(1, 13)
    )
    loudness = 0.05 + 0.05 * np.sin(2 * np.pi * 0.1 * time) ** 2
    return (waves * loudness).astype(np.float32)


SCALE = (0, 2, 4, 5, 7, 9, 11)


def music(seconds: float, seed: int) -> Samples:
    """Chords, a plucked melody, a bass and a drum, at a random speed and key."""
    random_numbers = np.random.default_rng(seed)
    beat = float(random_numbers.uniform(0.3, 0.6))
    key = float(random_numbers.uniform(180, 300))
    out = np.zeros(int((seconds + 4) * RATE), np.float32)

    def tone(frequency: float, length: float, fade: float, overtones: int) -> Samples:
        time = np.arange(int(length * RATE)) / RATE
        waves = sum(np.sin(2 * np.pi * frequency * n * time) / n for n in range(1, overtones))
        attack = np.minimum(1, time / 0.01)
        return (waves * attack * np.exp(-fade * time)).astype(np.float32)

    def lay(place: float, samples: Samples, loudness: float) -> None:
        start = int(place * RATE)
        part = samples[: len(out) - start]
        out[start : start + len(part)] += loudness * part

    for n in range(int(seconds / beat)):
        degree = (0, 5, 3, 4)[n // 4 % 4]
        if n % 4 == 0:
            for step in (0, 2, 4):
                note = SCALE[(degree + step) % 7] / 12
                lay(n * beat, tone(key * 2**note, 4 * beat, 0.4, 4), 0.1)
            lay(n * beat, tone(key / 2 * 2 ** (SCALE[degree] / 12), 4 * beat, 1.0, 3), 0.2)
        note = SCALE[int(random_numbers.integers(7))] / 12 + int(random_numbers.integers(1, 3))
        lay(n * beat, tone(key * 2**note, beat * 2, 5.0, 7), 0.2)
        hit = random_numbers.normal(size=int(0.08 * RATE)) * np.exp(
            -np.arange(int(0.08 * RATE)) / 200
        )
        lay(n * beat, hit.astype(np.float32), 0.08)
    return out[: int(seconds * RATE)]


def wordless(minutes: float) -> Iterator[Wordless]:
    """Sounds without a word: real ones first, then synthesised ones until there is enough."""
    total = 0.0
    for name, kind, path in _real():
        try:
            samples = Audio(path).clip(0, 60).load(RATE)
        except MediaError:
            continue
        total += len(samples) / RATE
        yield Wordless(name, kind, samples)
    makers = {
        "silence": lambda seconds, seed: np.zeros(int(seconds * RATE), np.float32),
        "hum": hum,
        "white noise": noise,
        "pink noise": lambda seconds, seed: noise(seconds, seed, pink=True),
        "synthesised music": music,
    }
    seed = 0
    while total < minutes * 60:
        for kind, make in makers.items():
            seconds = 60.0
            yield Wordless(f"{kind} {seed}", kind, make(seconds, seed))
            total += seconds
        seed += 1


def _real() -> Iterator[tuple[str, str, Path]]:
    for name in ("stamps", "gcompris"):
        for row in datasets.rows(name):
            voiced = VOICED.search(row["id"]) or row["audio_kind"] == "spoken_name"
            if row["audio"] and not voiced:
                kind = "Tux Paint's and GCompris' sounds (rules chosen on them)"
                yield row["id"], kind, Path(row["audio"])
    with (SAMPLE / "sounds.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if "gcompris" not in row["source"]:  # those are above
                yield row["path"], HELD_OUT_KIND, SAMPLE / row["path"]
    for package in HELD_OUT:
        folder = bring(package, datasets.home())
        for path in sorted(folder.rglob("*.og[ga]")):
            if not path.name.startswith(SPOKEN):
                yield f"{package.name}/{path.name}", HELD_OUT_KIND, path
