"""Films that are one, saved again, and such as are nearly one and are not."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks.doubles import WORDS
from benchmarks.sample import SAMPLE
from benchmarks.sound_doubles import RATE, Samples, ffmpeg, recordings

Frames = list[PIL.Image.Image]

FPS, SIZE, SECONDS = 10, (240, 160), 8

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
