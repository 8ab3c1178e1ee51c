"""Sounds that the program ffmpeg writes, read by Sensorium and by ffmpeg, must be the same.

Every file holds the same pattern: two tones, the second louder, and silence around them. What is
compared is how long it is, when each tone begins and ends, and how loud it is in one channel.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from sensorium import Audio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg"),
]

LENGTH = 4.0
TONES = ((0.6, 1.5, 0.2), (2.4, 3.2, 0.5))
"""From when to when in seconds, and how loud."""

HEARD = 16_000
STEP = 0.02
"""Seconds of which a level is measured."""

LENGTHS_DIFFER = 0.12
"""Seconds: frames of up to 2,304 samples at 22,050 Hz stand at the end of files that do not say how
much of the last one is padding."""
TIMES_DIFFER = 0.06
LEVELS_DIFFER = 0.06
"""Share of the level."""

SHARES = {
    "mono": (1,),
    "stereo": (1, 1),
    "5.1": (0.7071, 0.7071, 1, 0, 0.5, 0.5),
    "5.1(side)": (0.7071, 0.7071, 1, 0, 0.5, 0.5),
}
"""Rec. ITU-R BS.775-3, annex 4, for one channel."""

THOROUGHLY = ("-analyzeduration", "60M", "-probesize", "50M")
"""Else ffmpeg does not find sound that begins late in a broadcast."""

EXPLAINED: dict[str, str] = {}
"""Which files are not read as ffmpeg reads them, by a part of their name, and why not."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class File:
    """What ffmpeg is told to write."""

    suffix: str
    codec: str
    channels: int = 1
    rate: int = 48_000
    late: float = 0.0
    gap: bool = False
    picture: str = ""
    pipe: bool = False
    more: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        marks = f"{self.picture}-" * bool(self.picture) + self.codec
        marks += f"-{self.channels}ch-{self.rate}" + f"-late{self.late}" * bool(self.late)
        marks += "-gap" * self.gap + "-pipe" * self.pipe + "".join(self.more)
        return f"{marks.replace('/', '_')}.{self.suffix}"


def files() -> Iterator[File]:
    """All of them."""
    pcm = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
    for codec, channels in itertools.product(pcm, (1, 2, 6)):
        yield File("wav", codec, channels)
    for codec in ("pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "libmp3lame"):
        yield File("wav", codec, 2, 22_050)
    yield from (File("wav", "pcm_s16le", 6, more=("-rf64", "always")), File("w64", "pcm_s16le", 2))
    for codec in ("pcm_s16be", "pcm_s24be", "pcm_f32be"):
        yield from (File("aiff", codec, 2, 44_100), File("au", codec, 1, 44_100))
    yield from (File("caf", codec, 2) for codec in ("pcm_s16le", "alac"))
    for suffix, codec, *channels in (
        ("flac", "flac", 1, 2, 6), ("ogg", "libvorbis", 1, 2, 6), ("oga", "flac", 2, 6),
        ("opus", "libopus", 1, 2, 6), ("mp3", "libmp3lame", 1, 2), ("aac", "aac", 1, 2, 6),
        ("m4a", "aac", 1, 2, 6), ("m4a", "alac", 1, 2), ("ac3", "ac3", 1, 2, 6),
        ("eac3", "eac3", 2, 6), ("mp2", "mp2", 1, 2), ("wma", "wmav2", 1, 2), ("tta", "tta", 2),
        ("wv", "wavpack", 2, 6), ("mka", "libvorbis", 2), ("mka", "flac", 6), ("mka", "aac", 6),
        ("webm", "libopus", 2), ("ts", "mp2", 2), ("ts", "aac", 6), ("3gp", "aac", 1),
    ):  # fmt: skip
        for count in channels:
            yield File(suffix, codec, int(count))
    for suffix, codec, rate in itertools.product(
        ("mp3", "aac", "m4a", "flac", "ogg", "wav", "mka"), ("",), (8000, 22_050, 44_100)
    ):
        usual = {"mp3": "libmp3lame", "m4a": "aac", "ogg": "libvorbis", "wav": "pcm_s16le"}
        yield File(
            suffix, codec or usual.get(suffix, "aac" if suffix == "mka" else suffix), 2, rate
        )
    for suffix, codec in (
        ("wav", "pcm_s16le"), ("flac", "flac"), ("aiff", "pcm_s16be"), ("au", "pcm_s16be"),
        ("w64", "pcm_s16le"), ("ogg", "libvorbis"), ("webm", "libopus"), ("mka", "aac"),
        ("mp3", "libmp3lame"), ("aac", "aac"), ("ts", "aac"),
    ):  # fmt: skip
        yield File(suffix, codec, 2, pipe=True)
    yield File("wav", "pcm_s16le", 2, pipe=True, more=("-rf64", "always"))
    yield File("mp3", "libmp3lame", 2, more=("-write_xing", "0", "-q:a", "2"))
    yield File("mp4", "aac", 2, pipe=True, more=("-movflags", "frag_keyframe+empty_moov"))
    for suffix, picture, codec in (
        ("mp4", "libx264", "aac"), ("mp4", "mpeg4", "ac3"), ("mov", "mjpeg", "pcm_s16le"),
        ("mkv", "libx264", "aac"), ("mkv", "mpeg4", "flac"), ("mkv", "mpeg4", "libmp3lame"),
        ("mkv", "mpeg4", "pcm_s16le"), ("webm", "libvpx", "libopus"),
        ("webm", "libvpx", "libvorbis"), ("ts", "mpeg2video", "mp2"), ("ts", "libx264", "aac"),
        ("ts", "mpeg2video", "ac3"), ("mpg", "mpeg2video", "mp2"), ("flv", "flv", "libmp3lame"),
        ("flv", "libx264", "aac"), ("avi", "mpeg4", "libmp3lame"), ("wmv", "wmv2", "wmav2"),
        ("ogv", "libtheora", "libvorbis"), ("nut", "mpeg4", "aac"), ("3gp", "mpeg4", "aac"),
    ):  # fmt: skip
        for late in (0.0, 1.7, 7.3):
            rate = 44_100 if suffix == "flv" else 48_000
            yield File(suffix, codec, 2, rate, late, picture=picture)
        if suffix in ("mp4", "mkv", "ts", "nut"):
            yield File(suffix, codec, 2, picture=picture, gap=True)


def pattern(path: Path, channels: int, rate: int) -> Path:
    """The tones, in each channel at its own level, as a WAV file."""
    times = np.arange(round(LENGTH * rate)) / rate
    levels = sum(level * ((times >= begin) & (times < end)) for begin, end, level in TONES)
    tone = levels * np.sin(2 * np.pi * 500 * times)
    gains = np.linspace(1, 0.4, channels)
    soundfile.write(path, tone[:, None] * gains, rate, subtype="FLOAT")
    return path


def written(folder: Path, file: File) -> Path:
    """Have ffmpeg write a file."""
    source = pattern(folder / "pattern.wav", file.channels, file.rate)
    command = ["ffmpeg", "-v", "error", "-y", "-nostdin"]
    if file.picture:
        seconds = LENGTH + file.late + 1
        command += ["-f", "lavfi", "-i", f"testsrc=s=96x80:r=25:d={seconds}"]
        command += ["-itsoffset", str(file.late)]
    command += ["-i", str(source)]
    if file.picture:
        command += ["-map", "0:v", "-map", "1:a", "-c:v", file.picture]
        command += ["-b:v", "200k", "-bf", "0"]
    if file.gap:
        command += ["-af", "aselect='lt(t,1.8)+gte(t,2.2)'"]
    elif file.channels == 6 and file.codec in ("libvorbis", "libopus", "flac", "aac"):
        command += ["-af", "aformat=channel_layouts=5.1"]
    command += ["-c:a", file.codec, "-ar", str(file.rate), *file.more]
    if file.codec in ("aac", "ac3", "eac3", "mp2", "libvorbis", "libopus", "wmav2"):
        rate = 448 if file.channels > 2 else 32 if file.rate < 16_000 else 128
        command += ["-b:a", f"{rate}k"]
    path = folder / file.name
    if file.pipe:
        form = {"mka": "matroska", "aac": "adts", "ts": "mpegts"}.get(file.suffix, file.suffix)
        piped = subprocess.run([*command, "-f", form, "pipe:1"], capture_output=True, check=True)
        path.write_bytes(piped.stdout)
    else:
        subprocess.run([*command, str(path)], capture_output=True, check=True)
    return path


def by_ffmpeg(path: Path) -> Samples:
    """What ffmpeg hears from the beginning of the file on, in one channel."""
    probe = ["ffprobe", "-v", "error", *THOROUGHLY, "-select_streams", "a:0"]
    probe += ["-show_entries", "stream=channels,channel_layout", "-of", "csv=p=0", str(path)]
    found = subprocess.run(probe, capture_output=True, check=True, text=True).stdout.split()[0]
    channels, _, layout = found.partition(",")
    silence = "aresample=async=1:min_hard_comp=0.05:first_pts=0"
    decode = ["ffmpeg", "-v", "error", "-nostdin", *THOROUGHLY, "-i", str(path)]
    decode += ["-map", "0:a:0", "-af", f"{silence},aresample={HEARD}", "-f", "f32le", "pipe:1"]
    # Of a broadcast, ffmpeg counts from the first of those tracks that it is to write.
    decode += ["-map", "0:v?", "-map", "0:a:0", "-c", "copy", "-f", "null", "-"]
    raw = subprocess.run(decode, capture_output=True, check=True).stdout
    samples = np.frombuffer(raw, np.float32).reshape(-1, int(channels))
    usual = {1: "mono", 2: "stereo", 6: "5.1"}[int(channels)]
    shares = np.array(SHARES.get(layout, SHARES[usual]), np.float32)
    return np.asarray(samples @ (shares / shares.sum()), np.float32)


def tones(samples: Samples) -> list[tuple[float, float, float]]:
    """When sounds begin and end, in seconds, and their levels."""
    size = round(STEP * HEARD)
    blocks = np.square(samples[: len(samples) // size * size]).reshape(-1, size).mean(axis=1) ** 0.5
    edges = np.flatnonzero(np.diff(np.r_[0, blocks > 0.02, 0])).reshape(-1, 2)
    return [
        (begin * STEP, end * STEP, float(np.median(blocks[begin:end])))
        for begin, end in edges.tolist()
        if end - begin > 5
    ]


def difference(path: Path) -> str:
    """How what Sensorium hears differs from what ffmpeg hears; empty where it does not."""
    try:
        theirs = by_ffmpeg(path)
    except subprocess.CalledProcessError:
        theirs = np.empty(0, np.float32)
    if not len(theirs):  # it does not read all that it writes: AIFF, W64 and RF64 by a pipe
        theirs = by_ffmpeg(path.with_name("pattern.wav"))
    sound = Audio(path)
    ours = sound.load(HEARD)
    if abs(sound.duration - len(ours) / HEARD) > LENGTHS_DIFFER:
        return f"{sound.duration:.3f} s, of which {len(ours) / HEARD:.3f} are heard"
    if abs(len(ours) - len(theirs)) > LENGTHS_DIFFER * HEARD:
        return f"{len(ours) / HEARD:.3f} s long, by ffmpeg {len(theirs) / HEARD:.3f}"
    if sound.notes:
        return f"a note: {sound.notes}"
    found, wanted = tones(ours), tones(theirs)
    if len(found) != len(wanted) or len(found) < len(TONES):
        return f"{len(found)} tones, by ffmpeg {len(wanted)}: {found}, {wanted}"
    for (begin, end, level), (their_begin, their_end, their_level) in zip(
        found, wanted, strict=True
    ):
        if max(abs(begin - their_begin), abs(end - their_end)) > TIMES_DIFFER:
            return f"from {begin:.2f} to {end:.2f}, by ffmpeg {their_begin:.2f} to {their_end:.2f}"
        if abs(level - their_level) > LEVELS_DIFFER * their_level:
            return f"level {level:.3f}, by ffmpeg {their_level:.3f}"
    return ""


def test_sounds_are_what_ffmpeg_hears(tmp_path: Path) -> None:
    compared, unexplained, unwritten = 0, [], []
    explained = dict.fromkeys(EXPLAINED, 0)
    for file in files():
        try:
            path = written(tmp_path, file)
        except subprocess.CalledProcessError as error:
            unwritten.append(f"{file.name}: {error.stderr.decode()[-200:]}")
            continue
        compared += 1
        problem = difference(path)
        reasons = [part for part in EXPLAINED if part in file.name]
        if problem and reasons:
            explained[reasons[0]] += 1
        elif problem:
            unexplained.append(f"{file.name}: {problem}")
        path.unlink()
    print(f"{compared} files compared, {sum(explained.values())} differences explained")
    print("not written by this ffmpeg:", *unwritten, sep="\n  ")
    assert not unexplained, "\n".join(unexplained)
    assert all(explained.values()), f"no longer different: {explained}"
    assert compared >= 100 and len(unwritten) < 10
