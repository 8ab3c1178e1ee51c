"""Videos as the programs ffmpeg and ffprobe write and read them, and as Sensorium does.

Walks the product of containers, codecs, key-frame spacings, offsets, shapes, turns and colours.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Video

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="the program ffmpeg writes the films"),
]

_EMPTY = "ffprobe passes over the empty packets that say that the last picture stays"

EXPLAINED = {"ogv libtheora 33": _EMPTY, "ogv libtheora 250": _EMPTY}
"""What differs and stays, by the film, with the reason."""

SIZE = (96, 64)
RATE = 10

SCENES = (("red", 3.3), ("blue", 2.1), ("lime", 4.2), ("white", 2.4))

Levels = npt.NDArray[np.float64]

CODECS = {
    "mp4": ("libx264", "libx265", "mpeg4", "libvpx-vp9", "mjpeg"),
    "mov": ("libx264", "prores_ks", "mjpeg", "png"),
    "mkv": ("libx264", "libx265", "libvpx", "libvpx-vp9", "mpeg2video", "ffv1", "libtheora"),
    "webm": ("libvpx", "libvpx-vp9"),
    "avi": ("libx264", "mpeg4", "mjpeg", "msmpeg4", "ffv1"),
    "flv": ("libx264", "flv"),
    "ts": ("libx264", "libx265", "mpeg2video"),
    "mpg": ("mpeg1video", "mpeg2video"),
    "ogv": ("libtheora",),
    "wmv": ("wmv2", "msmpeg4"),
    "3gp": ("mpeg4", "h263"),
    "m2ts": ("libx264",),
}
GROUPS = (7, 33, 250)
"""Frames between key frames, which are as many tenths of a second."""

PIXELS = ("16/15", "64/45", "8/9", "4/3", "1/2")

FORMATS = (
    ("libx264", "yuv420p10le"), ("libx264", "yuv422p"), ("libx264", "yuv444p"),
    ("libx264", "gray"), ("libx264", "nv12"), ("libx264rgb", "rgb24"), ("mjpeg", "yuvj420p"),
    ("ffv1", "gray16le"), ("ffv1", "gbrp"), ("ffv1", "yuv411p"), ("ffv1", "yuv410p"),
    ("ffv1", "yuv444p16le"), ("ffv1", "bgr0"), ("prores_ks", "yuv422p10le"), ("qtrle", "rgb24"),
    ("huffyuv", "yuv422p"), ("libvpx-vp9", "yuv440p"), ("libx265", "yuv444p12le"),
    ("rawvideo", "uyvy422"), ("rawvideo", "rgb565le"), ("png", "rgb48be"), ("png", "monob"),
)  # fmt: skip

MATRICES = ("bt709", "smpte170m", "bt2020nc")
RANGES = ("tv", "pc")


@dataclass(frozen=True)
class Film:
    """A film that was written."""

    name: str
    path: Path


def run(*arguments: object) -> bytes:
    done = subprocess.run([str(a) for a in arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return done.stdout


def ffmpeg(*arguments: object) -> bytes:
    return run("ffmpeg", "-v", "error", "-y", "-nostdin", *arguments)


def colours(size: tuple[int, int] = SIZE) -> list[str]:
    inputs = []
    for colour, seconds in SCENES:
        source = f"color={colour}:s={size[0]}x{size[1]}:r={RATE}:d={seconds}"
        inputs += ["-f", "lavfi", "-i", source]
    join = "".join(f"[{n}]" for n in range(len(SCENES))) + f"concat=n={len(SCENES)}[v]"
    return [*inputs, "-filter_complex", join, "-map", "[v]"]


def encoding(codec: str, group: int) -> list[str]:
    form = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
    options = ["-c:v", codec, "-pix_fmt", form, "-g", str(group)]
    if codec == "libx264":
        options += ["-x264-params", "scenecut=0", "-preset", "ultrafast", "-bf", "2"]
    if codec == "libx265":
        options += ["-x265-params", "log-level=none:scenecut=0", "-preset", "ultrafast"]
    if codec.startswith("libvpx"):
        options += ["-deadline", "realtime", "-cpu-used", "8"]
    if codec == "h263":
        options += ["-s", "176x144"]
    if codec in ("mpeg1video", "mpeg2video"):
        options += ["-r", "25"]
    return options


def probe(path: Path, entries: str, *arguments: str) -> Any:
    found = run("ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, *arguments, path)
    return json.loads(found)


def length(path: Path) -> float:
    """Seconds from the first packet of pictures or sound to the end of the last."""
    packets = probe(path, "packet=pts_time,dts_time,duration_time,flags")["packets"]
    times = []
    for packet in packets:
        stamp = packet.get("pts_time", packet.get("dts_time"))  # AVI has no times of showing
        if stamp is not None and "D" not in packet.get("flags", ""):
            times.append((float(stamp), float(stamp) + float(packet.get("duration_time", 0))))
    return max(stop for _, stop in times) - min(start for start, _ in times)


def played(path: Path) -> tuple[list[float], Levels]:
    """Times and mean colours, shape (n, 3), of all frames that ffmpeg plays."""
    stamps = probe(path, "frame=best_effort_timestamp_time", "-select_streams", "v:0")["frames"]
    start = float(probe(path, "format=start_time")["format"].get("start_time", 0))
    times = [float(one["best_effort_timestamp_time"]) - start for one in stamps
             if "best_effort_timestamp_time" in one]  # fmt: skip
    raw = ffmpeg("-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-f", "rawvideo",
                 "-pix_fmt", "rgb24", "-s", "4x4", "-")  # fmt: skip
    frames = np.frombuffer(raw, np.uint8).reshape(-1, 16, 3).mean(axis=1)
    count = min(len(times), len(frames))
    return times[:count], frames[:count]


def compare_scenes(film: Film) -> Iterator[str]:
    """Every picture shows what ffmpeg plays then, and every scene of 2 s has one."""
    video = Video(film.path)
    spans = [s.span for s in video.segments() if s.modality == "image"]
    found = [
        (time, np.asarray(picture, float).mean(axis=(0, 1))) for time, picture in video.frames()
    ]
    times, frames = played(film.path)
    for time, colour in found:
        near = [n for n, at in enumerate(times) if abs(at - time) <= 0.31]
        if not near or min(np.abs(frames[n] - colour).max() for n in near) > 12:
            yield f"{film.name}: another picture at {time:.2f} s"
    begin = 0
    for n in range(1, len(times) + 1):
        changes = n == len(times) or np.abs(frames[n] - frames[begin]).max() > 40
        if not changes:
            continue
        end = times[n] if n < len(times) else times[-1] + 1 / RATE
        seen = [c for t, c in found if times[begin] - 0.31 <= t < end
                and np.abs(c - frames[begin]).max() < 20]  # fmt: skip
        if end - times[begin] >= 2 and not seen:
            yield f"{film.name}: nothing of {times[begin]:.2f} to {end:.2f} s"
        begin = n
    long = length(film.path)
    if abs(spans[-1][1] - long) > 0.35:
        yield f"{film.name}: pictures end at {spans[-1][1]:.2f} s, not {long:.2f}"
    if abs(video.metadata()["duration"] - long) > 0.35:
        yield f"{film.name}: {video.metadata()['duration']:.2f} s long, not {long:.2f}"
    if video.notes:
        yield f"{film.name}: notes {video.notes}"


def compare_first_frame(film: Film, levels: float) -> Iterator[str]:
    """Displayed shape, turn and colours of the first frame."""
    video = Video(film.path)
    _, picture = next(iter(video.frames()))
    (stream,) = probe(film.path, "stream=width,height,sample_aspect_ratio", "-select_streams",
                      "v:0")["streams"]  # fmt: skip
    across, down = map(int, stream.get("sample_aspect_ratio", "1:1").split(":"))
    ratio = across / down if across and down else 1.0
    size = (round(stream["width"] * ratio), stream["height"])
    # What ffmpeg plays is turned already.
    png = film.path.with_suffix(".ppm")
    ffmpeg("-i", film.path, "-map", "0:v:0", "-frames:v", "1", png)
    turned = [int(n) for n in png.read_bytes().split(maxsplit=3)[1:3]] != [
        stream["width"], stream["height"],
    ]  # fmt: skip
    wanted = size[::-1] if turned else size
    facts = video.metadata()
    if (facts["width"], facts["height"]) != wanted:
        yield f"{film.name}: {facts['width']} x {facts['height']}, not {wanted[0]} x {wanted[1]}"
    if abs(picture.width / picture.height - wanted[0] / wanted[1]) > 0.03:
        yield f"{film.name}: the picture has {picture.size}, not the shape of {wanted}"
    raw = ffmpeg("-i", film.path, "-map", "0:v:0", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt",
                 "rgb24", "-s", "32x32", "-")  # fmt: skip
    theirs = np.frombuffer(raw, np.uint8).reshape(32, 32, 3).astype(float)
    ours = np.asarray(picture.resize((32, 32)), float)
    # Not along the edges, where scaling differs.
    places = np.ix_((4, 12, 20, 28), (4, 12, 20, 28))
    off = np.abs(ours[places] - theirs[places]).max()
    if off > levels:
        yield f"{film.name}: colours differ by {off:.0f} levels"


def scene_films(folder: Path) -> Iterator[Film]:
    for suffix, codecs in CODECS.items():
        for codec, group in product(codecs, GROUPS):
            path = folder / f"{codec}-{group}.{suffix}"
            ffmpeg(*colours(), *encoding(codec, group), path)
            yield Film(f"{suffix} {codec} {group}", path)
            if group == 33 and codec in ("libx264", "libvpx", "mpeg2video"):
                yield from moved_films(path, suffix, codec)


def moved_films(path: Path, suffix: str, codec: str) -> Iterator[Film]:
    """With sound that begins before or after the pictures, and cut without encoding anew."""
    sound = path.with_name(f"sound-{path.name}")
    audio = ["-c:a", {"webm": "libopus", "mpg": "mp2"}.get(suffix, "aac")]
    tone = ["-f", "lavfi", "-i", "sine=d=9"]
    for pictures, sounds in ((0, 1.5), (1.5, 0)):
        target = path.with_name(f"{pictures}-{sounds}-{path.name}")
        ffmpeg("-itsoffset", pictures, "-i", path, "-itsoffset", sounds, *tone, "-map", "0:v",
               "-map", "1:a", "-c:v", "copy", *audio, target)  # fmt: skip
        yield Film(f"{suffix} {codec} pictures {pictures} sound {sounds}", target)
    ffmpeg("-i", path, *tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy", *audio, sound)
    target = path.with_name(f"cut-{path.name}")
    ffmpeg("-ss", "1.2", "-i", sound, "-c", "copy", target)
    yield Film(f"{suffix} {codec} cut", target)


QUARTERS = (
    "color=red:s=80x48:r=5:d=0.4[a];color=lime:s=80x48:r=5:d=0.4[b];"
    "color=blue:s=80x48:r=5:d=0.4[c];color=white:s=80x48:r=5:d=0.4[d];"
    "[a][b]hstack[e];[c][d]hstack[f];[e][f]vstack"
)


def shaped_films(folder: Path) -> Iterator[Film]:
    for suffix, pixel in product(("mp4", "mov", "mkv", "avi", "ts", "mpg"), PIXELS):
        codec = {"avi": "mpeg4", "mpg": "mpeg2video"}.get(suffix, "libx264")
        path = folder / f"{pixel.replace('/', '-')}.{suffix}"
        ffmpeg("-f", "lavfi", "-i", f"{QUARTERS},setsar={pixel}", *encoding(codec, 12), path)
        yield Film(f"{suffix} pixels {pixel}", path)
    one = 1 << 16
    for suffix, codec in (("mp4", "libx264"), ("mov", "mjpeg"), ("3gp", "mpeg4")):
        for number, (a, b, c, d) in enumerate(
            [(s, 0, 0, t) for s in (1, -1) for t in (1, -1)]
            + [(0, s, t, 0) for s in (1, -1) for t in (1, -1)]
        ):
            path = folder / f"turn{number}.{suffix}"
            ffmpeg("-f", "lavfi", "-i", QUARTERS, *encoding(codec, 12), path)
            content = bytearray(path.read_bytes())
            place = content.find(b"tkhd") + 44
            content[place : place + 36] = struct.pack(
                ">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30
            )
            path.write_bytes(content)
            yield Film(f"{suffix} matrix {a} {b} {c} {d}", path)


def coloured_films(folder: Path) -> Iterator[Film]:
    for codec, form in FORMATS:
        suffix = "mov" if codec in ("prores_ks", "qtrle", "png") else "mkv"
        if codec == "rawvideo":
            suffix = "avi"
        path = folder / f"{codec}-{form}.{suffix}"
        ffmpeg("-f", "lavfi", "-i", QUARTERS, "-c:v", codec, "-pix_fmt", form, path)
        yield Film(f"format {codec} {form}", path)
    for matrix, scale in product(MATRICES, RANGES):
        path = folder / f"{matrix}-{scale}.mkv"
        converted = (
            f"{QUARTERS},scale=out_color_matrix={matrix.removesuffix('nc')}:out_range={scale}"
        )
        ffmpeg("-f", "lavfi", "-i", converted, "-c:v", "libx264", "-pix_fmt", "yuv420p",
               "-colorspace", matrix, "-color_range", scale, path)  # fmt: skip
        yield Film(f"colours {matrix} {scale}", path)


def test_as_ffmpeg_plays_them(tmp_path: Path) -> None:
    count, differences = 0, []
    for film in (*shaped_films(tmp_path), *coloured_films(tmp_path)):
        count += 1
        differences += compare_first_frame(film, 14)
    for film in scene_films(tmp_path):
        count += 1
        differences += compare_scenes(film)
    print(f"{count} films compared")
    assert count >= 100
    new = [text for text in differences if not any(text.startswith(key) for key in EXPLAINED)]
    gone = [key for key in EXPLAINED if not any(text.startswith(key) for text in differences)]
    assert not new, "\n".join(new)
    assert not gone, f"these no longer differ: {gone}"
