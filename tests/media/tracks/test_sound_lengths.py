"""How long sounds are whose headers do not say it, say it wrong, or belong to another file."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sensorium import Audio, Video
from sensorium.errors import MediaError
from sensorium.media.isolation import WITHOUT
from sensorium.media.tracks import counting, stretches
from tests.media.made_tracks import RATE, Pictures, Sound, encoded, noise, tone, write

HEARD = 16_000


def heard(sound: Audio, time: float) -> float:
    """The pitch between a time and half a second later, in Hz."""
    samples = sound.clip(time, time + 0.5).load(HEARD)
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax()) * 2


@pytest.mark.parametrize(
    ("codec", "form", "options"),
    [("aac", "adts", {}), ("libmp3lame", "mp3", {"write_xing": "0", "id3v2_version": "0"})],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_rate_that_changes(codec: str, form: str, options: dict[str, str], turned: bool) -> None:
    loud, quiet = noise(20), np.zeros(40 * RATE, np.float32)
    parts = [
        encoded(Sound([(0, samples)], codec, bit_rate=rate), form=form, **options)
        for samples, rate in ((loud, 256_000), (quiet, 32_000))
    ]
    sound = Audio(b"".join(reversed(parts) if turned else parts))
    assert sound.duration == pytest.approx(60, abs=0.2)
    spans = [(one.span, one.media) for one in sound.segments()]
    assert len(spans) == 6 and spans[-1][0] == (50, pytest.approx(60, abs=0.2))
    levels = [np.abs(media.load(HEARD)).mean() > 0.05 for _, media in spans]
    assert levels == ([False] * 4 + [True] * 2 if turned else [True] * 2 + [False] * 4)


def test_mp3_files_joined_to_one() -> None:
    """The header of the first says how long that one is."""
    parts = [
        encoded(Sound([(0, tone(seconds, hertz))], "libmp3lame"), form="mp3")
        for seconds, hertz in ((8, 440), (5, 880))
    ]
    sound = Audio(b"".join(parts))
    assert sound.duration == pytest.approx(13, abs=0.2)
    assert (heard(sound, 7), heard(sound, 9)) == pytest.approx((440, 880), abs=3)
    assert not sound.notes


@pytest.mark.parametrize(
    ("codec", "form"), [("aac", "adts"), ("libmp3lame", "mp3"), ("mp2", "mp2")]
)
def test_late_windows_do_not_read_what_is_before(
    codec: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg finds a time in such files by reading all before it."""
    content = encoded(Sound([(0, noise(70))], codec), form=form)
    sound = Audio(content)
    whole = sound.load(HEARD)
    begins: list[int] = []
    opened = stretches.Stretch.opened

    def noted(stretch: stretches.Stretch) -> Any:
        begins.append(stretch.begin)
        return opened(stretch)

    monkeypatch.setenv(WITHOUT, "0")  # to look into what is read
    monkeypatch.setattr(stretches.Stretch, "opened", noted)
    edge = HEARD // 10  # the resampler's
    for start, stop in ((5, 15), (20, 30), (41, 41.5), (60, sound.duration)):
        part = sound.clip(start, stop).load(HEARD)
        assert len(part) == pytest.approx((stop - start) * HEARD, abs=2)
        there = whole[round(start * HEARD) :]
        inside = slice(edge, min(len(part), len(there)) - edge)
        assert np.corrcoef(part[inside], there[inside])[0, 1] > 0.99
    assert len(begins) == 2  # the first two windows lie before the first place that is remembered
    assert begins == pytest.approx([40 / 70 * len(content)] * 2, rel=0.1)
    assert not sound.notes


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
@pytest.mark.parametrize("length", [0, 2**31 - 1, 2**32 - 1])
def test_a_length_that_a_pipe_left_open(suffix: str, length: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(3), RATE, format=suffix.upper())
    content = bytearray(file.getvalue())
    if suffix == "wav":
        place = content.index(b"data") + 4
        content[4:8] = content[place : place + 4] = length.to_bytes(4, "little")
    elif suffix == "aiff":
        place = content.index(b"SSND") + 4
        content[4:8] = content[place : place + 4] = length.to_bytes(4, "big")
        place = content.index(b"COMM") + 10
        content[place : place + 4] = length.to_bytes(4, "big")
    else:  # the lower 36 bits of 64 behind the sizes of blocks and frames (STREAMINFO)
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    sound = Audio(bytes(content))
    assert sound.duration == pytest.approx(3, abs=0.01)
    assert len(sound.load(HEARD)) == pytest.approx(3 * HEARD, abs=200)
    assert heard(sound, 2) == pytest.approx(440, abs=3)


def test_rf64_that_a_pipe_left_open() -> None:
    samples = (tone(3) * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    content = (
        b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + bytes(28)
        + b"fmt " + struct.pack("<I", 16) + form + b"data\xff\xff\xff\xff" + samples
    )  # fmt: skip
    sound = Audio(content)
    assert sound.duration == pytest.approx(3, abs=0.01)
    assert heard(sound, 2) == pytest.approx(440, abs=3)


def test_flac_that_was_cut_off() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([noise(10), noise(10)]), RATE, format="FLAC")
    sound = Audio(file.getvalue()[: len(file.getvalue()) // 2])
    assert sound.duration == pytest.approx(10, abs=0.5)
    assert len(list(sound.segments())) == 1


@pytest.mark.parametrize("codec", ["vorbis", "libopus", "flac"])
def test_every_link_of_a_chained_ogg_is_heard(codec: str) -> None:
    sound = Audio(b"".join(_link(codec, *one) for one in ((3, 440), (2, 880), (7, 1760))))
    assert sound.duration == pytest.approx(12, abs=0.1)
    found = [heard(sound, time) for time in (1, 2.4, 3.2, 4.4, 5.2, 11)]
    assert found == pytest.approx([440, 440, 880, 880, 1760, 1760], abs=4)
    samples = sound.load(HEARD)
    assert len(samples) == pytest.approx(12 * HEARD, abs=0.1 * HEARD)


def _link(codec: str, seconds: float, hertz: float, rate: int = RATE, channels: int = 1) -> bytes:
    samples = np.stack([tone(seconds, hertz, rate)] * channels, 1)
    if codec == "vorbis":
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format="OGG")
        return file.getvalue()
    layout = ("mono", "stereo")[channels - 1]
    return encoded(Sound([(0, samples)], codec, layout, rate), form="ogg")


def test_links_may_differ_in_everything() -> None:
    links = _link("vorbis", 3, 440), _link("libopus", 2, 880, channels=2)
    sound = Audio(b"".join([*links, _link("flac", 4, 660, 22_050)]))
    assert sound.duration == pytest.approx(9, abs=0.1)
    assert [heard(sound, time) for time in (1, 4, 8)] == pytest.approx([440, 880, 660], abs=4)


def test_an_ogg_file_cut_in_the_head_of_a_link_is_heard_up_to_there() -> None:
    sound = Audio(_link("vorbis", 3, 440) + _link("vorbis", 3, 880)[:100])
    assert sound.duration == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("form", ["webm", "matroska"])
def test_a_recording_of_a_browser(form: str) -> None:
    tracks = Pictures(7, codec="libvpx"), Sound([(0, tone(6.5))], "libopus")
    content = encoded(*tracks, form=form, pipe=True)
    video = Video(content)
    sound = video.sound
    assert sound is not None and sound.duration == pytest.approx(6.5, abs=0.1)
    assert counting.counted(content, "", 100).duration == pytest.approx(7, abs=0.1)
    alone = Audio(encoded(Sound([(0, tone(12))], "libopus"), form=form, pipe=True))
    assert alone.duration == pytest.approx(12, abs=0.1)
    assert heard(alone, 11) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_film_that_was_cut_off(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    file = write(tmp_path / f"a.{suffix}", Pictures(20), Sound([(0, noise(20))]), **options)
    content = file.read_bytes()[: file.stat().st_size // 2]
    assert counting.counted(content, "", 100).duration == pytest.approx(10, abs=1.5)
    sound = Video(content).sound
    assert sound is not None and sound.duration == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("form", ["matroska", "mov", "avi"])
def test_films_are_not_read_from_the_beginning(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four gigabytes would take a minute."""
    content = encoded(Pictures(90), Sound([(0, noise(90))], "pcm_s16le"), form=form)
    read = stretches.View.read
    sizes = []

    def watched(view: stretches.View, size: int = -1) -> bytes:
        found = read(view, size)
        sizes.append(len(found))
        return found

    monkeypatch.setenv(WITHOUT, "0")
    monkeypatch.setattr(stretches.View, "read", watched)
    found = counting.counted(stretches.Stretch(content, 0, len(content)), "", 1000)
    assert list(found.ends.values()) == pytest.approx([90, 90], abs=0.2)
    assert 0 < sum(sizes) < len(content) / 2


def test_longer_than_a_day_is_not_read() -> None:
    packets = [(0.0, tone(1)), (90_000.0, tone(1))]
    sound = Audio(encoded(Sound(packets, "pcm_s16le"), form="matroska"))
    with pytest.raises(MediaError, match=r"25\.0 hours long"):
        list(sound.segments())
