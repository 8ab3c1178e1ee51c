"""Sounds and films that are one, saved again, and such as are nearly one and are not."""

import functools
import hashlib
import math
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks import datasets
from benchmarks.doubles import WORDS
from benchmarks.sample import SAMPLE

RATE = 24000
Samples = npt.NDArray[np.float32]
Frames = list[PIL.Image.Image]

FPS, SIZE, SECONDS = 10, (240, 160), 8

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

FILMS_SAVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "in another container": (".mkv", ("-c", "copy")),
    "H.264, CRF 32": (".mp4", ("-c:v", "libx264", "-crf", "32", "-c:a", "aac", "-b:a", "64k")),
    "half the size": (".mp4", ("-vf", "scale=120:80", "-c:v", "libx264", "-c:a", "aac")),
    "MPEG-4 and MP3": (".avi", ("-c:v", "mpeg4", "-q:v", "5", "-c:a", "libmp3lame")),
    "VP9 and Opus": (".webm", ("-c:v", "libvpx-vp9", "-b:v", "300k", "-c:a", "libopus")),
    "twice the pictures a second": (".mp4", ("-r", "20", "-c:v", "libx264", "-c:a", "aac")),
    "6 dB softer": (".mp4", ("-c:v", "copy", "-filter:a", "volume=-6dB", "-c:a", "aac")),
    "a second cut off": (".mp4", ("-t", str(SECONDS - 1), "-c:v", "libx264", "-c:a", "aac")),
}


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


def _pan(picture: PIL.Image.Image, count: int, way: float) -> Frames:
    """A slow move over a picture."""
    width, height = picture.size
    w, h = width * 0.7, height * 0.7
    frames = []
    for n in range(count):
        left, upper = (width - w) * n / count, (height - h) * (0.5 + way * (n / count - 0.5))
        box = (left, upper, left + w, upper + h)
        frames.append(picture.resize(SIZE, PIL.Image.Resampling.BICUBIC, box))
    return frames


def _film(c: random.Random, pictures: Sequence[PIL.Image.Image], shots: int = 3) -> Frames:
    count = FPS * SECONDS
    frames: Frames = []
    for picture in c.sample(pictures, shots):
        frames += _pan(picture, -(-count // shots), c.choice((-0.9, 0.0, 0.9)))
    return frames[:count]


def write_film(path: Path, frames: Frames, sound: Samples | None) -> None:
    """H.264 and AAC."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "18", "threads": "1"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=RATE)
            audio.layout, audio.bit_rate = "mono", 96000
        for n, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture).reformat(*SIZE, "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            piece = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            piece.sample_rate = RATE
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE, frame_size=1024)
            for part in [*resampler.resample(piece), *resampler.resample(None)]:
                container.mux(audio.encode(part))
            container.mux(audio.encode(None))


def _sound_for(c: random.Random, sounds: Sequence[Samples]) -> Samples:
    return np.resize(c.choice(sounds), SECONDS * RATE).astype(np.float32)


def pictures_for_films() -> list[PIL.Image.Image]:
    """Photos of the sample collection."""
    return [PIL.Image.open(p).convert("RGB") for p in sorted((SAMPLE / "images").glob("*.jpg"))]


def saved_films(folder: Path, count: int) -> Iterator[tuple[Path, str, str]]:
    """As `saved_sounds`, of films."""
    pictures, sounds = pictures_for_films(), [samples for _, samples in recordings(40)]
    for number in range(count):
        c = random.Random(f"film {number}")
        first = folder / f"{number:03} 00.mp4"
        write_film(first, _film(c, pictures, c.choice((1, 3, 5))), _sound_for(c, sounds))
        yield first, str(number), ""
        for place, (name, (suffix, told)) in enumerate(FILMS_SAVED.items(), 1):
            path = folder / f"{number:03} {place:02}{suffix}"
            ffmpeg("-i", str(first), *told, str(path))
            yield path, str(number), name


Film = tuple[Frames, Samples | None]


@dataclass(frozen=True)
class Given:
    """What pairs of films are made of: one film, and what others are made of."""

    c: random.Random
    frames: Frames
    sound: Samples
    pictures: Sequence[PIL.Image.Image]
    sounds: Sequence[Samples]


def _card(words: str, ground: str = "black") -> PIL.Image.Image:
    page = PIL.Image.new("RGB", SIZE, ground)
    PIL.ImageDraw.Draw(page).text(
        (14, 60), words, "white" if ground == "black" else "black", PIL.ImageFont.load_default(22)
    )
    return page


def different_films(folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """As `different_sounds`, of films."""
    pictures, sounds = pictures_for_films(), [samples for _, samples in recordings(40)]
    for kind, pair in FILM_PAIRS.items():
        for number in range(count):
            c = random.Random(f"{kind} {number}")
            frames, sound = _film(c, pictures), _sound_for(c, sounds)
            given = Given(c, frames, sound, pictures, sounds)
            for place, film in enumerate(pair(given)):
                first = folder.parent / "first.mp4"
                write_film(first, *film)
                suffix, told = c.choice([*FILMS_SAVED.values()][:5])
                path = folder / f"{kind} {number:03} {place}{suffix}"
                ffmpeg("-i", str(first), *told, str(path))
                yield kind, path


def _starts(g: Given, start: PIL.Image.Image, share: float) -> Iterator[Film]:
    head = round(share * len(g.frames))
    quiet = g.sound.copy()
    quiet[: round(share * len(g.sound))] = 0
    for one in (g.frames, _film(g.c, g.pictures)):
        yield [start] * head + one[head:], quiet


def _black_start(g: Given) -> Iterator[Film]:
    yield from _starts(g, PIL.Image.new("RGB", SIZE), 0.5)


def _one_title(g: Given) -> Iterator[Film]:
    card = _card(" ".join(g.c.sample(WORDS, 2)).title())
    yield from _starts(g, card, 0.6)


def _two_titles(g: Given) -> Iterator[Film]:
    for _ in range(2):
        yield [_card(" ".join(g.c.sample(WORDS, 2)).title())] * 25 + g.frames[25:], g.sound


def _other_sound(g: Given) -> Iterator[Film]:
    yield g.frames, g.sound
    others = [s for s in g.sounds if not np.array_equal(s[:RATE], g.sound[:RATE])]
    yield g.frames, _sound_for(g.c, others)


def _no_sound(g: Given) -> Iterator[Film]:
    yield g.frames, g.sound
    yield g.frames, None


def _other_shot(g: Given) -> Iterator[Film]:
    yield g.frames, g.sound
    at, long = g.c.randrange(10, 50), g.c.choice((8, 15))
    yield [*g.frames[:at], *_film(g.c, g.pictures)[at : at + long], *g.frames[at + long :]], g.sound


def _passes(g: Given) -> Iterator[Film]:
    yield g.frames, g.sound
    changed, radius = [frame.copy() for frame in g.frames], g.c.choice((7, 12))
    ink = tuple(g.c.randrange(256) for _ in range(3))
    for n in range(20, 60):
        x, y = 5 * (n - 20) + 10, 80
        PIL.ImageDraw.Draw(changed[n]).ellipse(
            (x - radius, y - radius, x + radius, y + radius), ink
        )
    yield changed, g.sound


def _subtitles(g: Given) -> Iterator[Film]:
    for _ in range(2):
        changed = [frame.copy() for frame in g.frames]
        words = " ".join(g.c.sample(WORDS, 3))
        for frame in changed[20:60]:
            PIL.ImageDraw.Draw(frame).text(
                (12, 132), words, "white", PIL.ImageFont.load_default(16), stroke_width=1,
                stroke_fill="black",
            )  # fmt: skip
        yield changed, g.sound


def _order(g: Given) -> Iterator[Film]:
    yield g.frames, g.sound
    third = len(g.frames) // 3
    yield [*g.frames[third : 2 * third], *g.frames[:third], *g.frames[2 * third :]], g.sound


def _slides(g: Given) -> Iterator[Film]:
    """Talks with one template: other words on each slide."""
    for _ in range(2):
        shown = [_card("- " + " ".join(g.c.sample(WORDS, 2)), "white") for _ in range(4)]
        yield [shown[n // 20] for n in range(80)], g.sound


def _digits(c: random.Random) -> tuple[str, str]:
    """Two figures that differ in one digit."""
    digits = [c.choice("123456789") for _ in range(4)]
    other, which = list(digits), c.randrange(4)
    other[which] = c.choice([digit for digit in "0123456789" if digit != digits[which]])
    return "".join(digits), "".join(other)


def _page(c: random.Random, figure: str) -> PIL.Image.Image:
    page = PIL.Image.new("RGB", SIZE, "white")
    for line in range(7):
        words = " ".join(c.sample(WORDS, 3)) if line != 3 else f"total: {figure} items"
        PIL.ImageDraw.Draw(page).text(
            (10, 8 + 20 * line), words, "black", PIL.ImageFont.load_default(14)
        )
    return page


def _another_figure(g: Given) -> Iterator[Film]:
    """A screen with seven lines of words, of which a figure is another one for 2 s."""
    at = g.c.randrange(4)
    for figure in _digits(g.c):
        c = random.Random(str(g.frames[0].tobytes()[:99]))
        shown = [_page(c, figure if n == at else "4711") for n in range(4)]
        yield [shown[n // 20] for n in range(80)], g.sound


def _time_stamps(g: Given) -> Iterator[Film]:
    """A camera that sees the same on two days, and writes the date into its pictures."""
    ground = g.frames[0]
    for figure in _digits(g.c):
        frames = []
        for n in range(len(g.frames)):
            frame = ground.copy()
            said = f"{figure}-08-1{n // 10}"
            PIL.ImageDraw.Draw(frame).text(
                (150, 4), said, "white", PIL.ImageFont.load_default(14), stroke_width=1,
                stroke_fill="black",
            )  # fmt: skip
            frames.append(frame)
        yield frames, g.sound


def _captions(g: Given) -> Iterator[Film]:
    """Photos under which another year stands."""
    for figure in _digits(g.c):
        frames = []
        for frame in g.frames:
            bar = PIL.Image.new("RGB", SIZE, "white")
            bar.paste(frame.resize((SIZE[0], SIZE[1] - 24)))
            PIL.ImageDraw.Draw(bar).text(
                (10, SIZE[1] - 21), f"Summer {figure}", "black", PIL.ImageFont.load_default(16)
            )
            frames.append(bar)
        yield frames, g.sound


def _bird(g: Given) -> Iterator[Film]:
    """Something small is there for two seconds, and lies still."""
    yield g.frames, g.sound
    changed = [frame.copy() for frame in g.frames]
    x, y, begin = g.c.randrange(20, 220), g.c.randrange(12, 60), g.c.randrange(10, 50)
    ink = g.c.choice(("black", "white", "red"))
    for frame in changed[begin : begin + 20]:
        PIL.ImageDraw.Draw(frame).ellipse((x - 4, y - 4, x + 4, y + 4), ink)
    yield changed, g.sound


FILM_PAIRS: dict[str, Callable[[Given], Iterator[Film]]] = {
    "one black start": _black_start, "one title card": _one_title, "two titles": _two_titles,
    "another sound": _other_sound, "without its sound": _no_sound, "another shot": _other_shot,
    "something passes": _passes, "other subtitles": _subtitles, "another order": _order,
    "other slides": _slides, "another figure": _another_figure, "time stamps": _time_stamps,
    "another year under it": _captions, "something small": _bird,
}  # fmt: skip
