"""Sounds that are one, saved again, and such as are nearly one and are not."""

import functools
import hashlib
import math
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import datasets
from benchmarks.sample import SAMPLE

RATE = 24000
Samples = npt.NDArray[np.float32]

SOUNDS_SAVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "FLAC": (".flac", ()),
    "MP3, 96 kbit/s": (".mp3", ("-b:a", "96k")),
    "MP3, 48 kbit/s": (".mp3", ("-b:a", "48k")),
    "Vorbis, 64 kbit/s": (".ogg", ("-c:a", "libvorbis", "-b:a", "64k")),
    "AAC, 64 kbit/s": (".m4a", ("-c:a", "aac", "-b:a", "64k")),
    "Opus, 32 kbit/s": (".opus", ("-b:a", "32k")),
    "MP3 of an AAC": (".mp3", ("-b:a", "80k")),
    "16 kHz": (".wav", ("-ar", "16000")),
    "8 dB softer, Vorbis": (".ogg", ("-filter:a", "volume=-8dB", "-c:a", "libvorbis")),
    "a second cut off": (".flac", ()),
    "a second of silence after it": (".flac", ("-filter:a", "apad=pad_dur=1")),
}
"""How a recording is saved again: suffix, and what ffmpeg is told."""


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg quietly, on one core."""
    subprocess.run(
        ["ffmpeg", "-y", "-loglevel", "error", "-threads", "1", *arguments],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@functools.cache
def recordings(count: int) -> list[tuple[str, Samples]]:
    """Sounds of at least a second, each once: names and samples."""
    paths = sorted((SAMPLE / "audio").glob("*.ogg"))
    for name in ("gcompris", "stamps"):
        rows = [r for r in datasets.rows(name) if r["audio"] and r["audio_kind"] != "spoken_name"]
        paths += [Path(row["audio"]) for row in rows]
    found: dict[str, tuple[str, Samples]] = {}
    for path in paths:
        samples = _heard(path)
        if RATE < len(samples) < 30 * RATE and np.abs(samples).max() > 0.02:
            key = hashlib.sha256(samples.tobytes()).hexdigest()
            found.setdefault(key, (path.stem, samples))
    chosen = list(found.values())
    return chosen[:: max(1, len(chosen) // count)][:count]


@functools.cache
def spoken(count: int) -> list[Samples]:
    """Words said by people, each of another letter, at least 0.5 s."""
    rows = [row for row in datasets.rows("stamps") if row["audio_kind"] == "spoken_name"]
    found = {row["concept"]: _heard(Path(row["audio"])) for row in rows}
    return [samples for samples in found.values() if len(samples) > RATE // 2][:count]


def _heard(path: Path) -> Samples:
    import soundfile
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    common = math.gcd(rate, RATE)
    mono = resample_poly(samples.mean(axis=1), RATE // common, rate // common)
    return np.asarray(mono, np.float32)


def write_sound(path: Path, samples: Samples) -> None:
    """Without loss, as a file of 16 bits."""
    import soundfile

    soundfile.write(path, np.clip(samples, -1, 1), RATE, subtype="PCM_16")


def saved_sounds(folder: Path, count: int) -> Iterator[tuple[Path, str, str]]:
    """Files of recordings and of their copies: path, which recording, how it was saved."""
    for number, (_, samples) in enumerate(recordings(count)):
        first = folder / f"{number:03} 00.wav"
        write_sound(first, samples)
        yield first, str(number), ""
        for place, (name, (suffix, told)) in enumerate(SOUNDS_SAVED.items(), 1):
            path = folder / f"{number:03} {place:02}{suffix}"
            before = first
            if name == "MP3 of an AAC":
                before = folder.parent / "before.m4a"
                ffmpeg("-i", str(first), "-c:a", "aac", "-b:a", "64k", str(before))
            elif name == "a second cut off":
                if len(samples) < 3 * RATE:
                    continue
                told = ("-t", f"{len(samples) / RATE - 1:.3f}")
            ffmpeg("-i", str(before), *told, str(path))
            yield path, str(number), name


Pair = tuple[Samples, Samples]


def _tune(notes: Sequence[float], hollow: float, beat: float = 0.25) -> Samples:
    time = np.arange(int(RATE * beat)) / RATE
    shape = np.hanning(len(time)) ** 0.3
    parts = []
    for note in notes:
        pitch = 220 * 2 ** (note / 12)
        tones = [np.sin(2 * np.pi * pitch * n * time) * hollow ** (n - 1) for n in range(1, 6)]
        parts.append(0.2 * sum(tones) * shape)
    return np.concatenate(parts).astype(np.float32)


def _tunes(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    notes = [c.randrange(15) for _ in range(12)]
    other, which = list(notes), c.randrange(12)
    other[which] += c.choice((-2, -1, 1, 2))
    hollow = c.choice((0.2, 0.5))
    return _tune(notes, hollow), _tune(other, hollow)


def _tone(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    note, hollow = c.randrange(18), c.choice((0.2, 0.6))
    return _tune([note], hollow, 1.5), _tune([note + c.choice((1, 2))], hollow, 1.5)


def _ending(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """The last 15% are another recording's."""
    one, other = c.sample([s for s in sounds if len(s) > 2 * RATE], 2)
    last = min(len(one), len(other)) * 15 // 100
    return one, np.concatenate([one[:-last], _as_loud(other[:last], one)])


def _as_loud(samples: Samples, as_: Samples) -> Samples:
    ratio = np.abs(as_).max() / max(float(np.abs(samples).max()), 1e-3)
    return np.asarray(samples * np.float32(ratio), np.float32)


def _silenced(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """A word is cut out of a sentence, and silence is there instead."""
    said = c.sample(words, 4)
    where = c.randrange(4)
    without = [word * (n != where) for n, word in enumerate(said)]
    return np.concatenate(said), np.concatenate(without)


def _said(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """Another word of the same length in a sentence."""
    said = c.sample(words, 5)
    length, where = len(said[0]), c.randrange(4)
    new = np.zeros(length, np.float32)
    new[: min(length, len(said[4]))] = said[4][:length]
    other = [*said[1:4]]
    other.insert(where, new)
    first = [*said[1:4]]
    first.insert(where, said[0])
    return np.concatenate(first), np.concatenate(other)


def _over_music(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """Two words are said over the same music."""
    music = c.choice([s for s in sounds if len(s) > 3 * RATE])
    found = []
    for word in c.sample(words, 2):
        mixed = 0.5 * music
        mixed[RATE : RATE + len(word)] += 0.5 * _as_loud(word, music)[: len(mixed) - RATE]
        found.append(mixed)
    return found[0], found[1]


def _noise(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """Rain, wind: noise of the same colour."""
    smooth = c.choice((1, 3, 12))
    found = []
    for _ in range(2):
        grain = np.random.default_rng(c.randrange(2**30)).normal(0, 0.2, 4 * RATE)
        found.append(np.convolve(grain, np.ones(smooth) / smooth, "same").astype(np.float32))
    return found[0], found[1]


def _words(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """Two letters, said by one person."""
    one, other = c.sample(words, 2)
    length = min(len(one), len(other))
    return one[:length], other[:length]


def _recordings(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """Two recordings, cut to one length."""
    one, other = c.sample(sounds, 2)
    length = min(len(one), len(other))
    return one[:length], other[:length]


def _faster(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """A tune a semitone higher, as fast, and as long."""
    notes = [c.randrange(15) for _ in range(8)]
    return _tune(notes, 0.4), _tune([note + 1 for note in notes], 0.4)


def _word_more(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """A sentence, and the same with another word after it."""
    said = c.sample(words, 5)
    return np.concatenate(said[:4]), np.concatenate(said)


def _pause(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """A sentence, and the same with a second of silence in it, not at an end."""
    said = c.sample(words, 4)
    pause = np.zeros(RATE, np.float32)
    return np.concatenate(said), np.concatenate([*said[:2], pause, *said[2:]])


def _first_or_last(c: random.Random, sounds: Sequence[Samples], words: Sequence[Samples]) -> Pair:
    """A word before a second of silence and some others, or after them."""
    said = c.sample(words, 4)
    pause = np.zeros(RATE, np.float32)
    return np.concatenate([said[0], pause, *said[1:]]), np.concatenate([*said[1:], pause, said[0]])


SOUND_PAIRS: dict[str, Callable[..., Pair]] = {
    "a note of a tune": _tunes, "two notes": _tone, "another end": _ending,
    "a word cut out": _silenced, "another word": _said, "words over music": _over_music,
    "noise": _noise, "two letters": _words, "two recordings": _recordings,
    "a semitone higher": _faster, "a word more": _word_more, "a pause": _pause,
    "first or last": _first_or_last,
}  # fmt: skip


def different_sounds(folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Files of pairs that are nearly one, each saved in some way: kind and path."""
    sounds = [samples[: 12 * RATE] for _, samples in recordings(40)]
    words = spoken(40)
    for kind, pair in SOUND_PAIRS.items():
        for number in range(count):
            c = random.Random(f"{kind} {number}")
            for place, samples in enumerate(pair(c, sounds, words)):
                first = folder.parent / "first.wav"
                write_sound(first, samples)
                suffix, told = c.choice([*SOUNDS_SAVED.values()][:6])
                path = folder / f"{kind} {number:03} {place}{suffix}"
                ffmpeg("-i", str(first), *told, str(path))
                yield kind, path
