"""When what is heard in a file is heard: late tracks, gaps, overlaps, files joined to one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Audio, Video
from sensorium.media.audio import windows
from tests.media.made_tracks import Pictures, Sound, encoded, noise, tone, write

HEARD = 16_000


def loud(sound: Audio, seconds: float = 0.05) -> list[tuple[float, float]]:
    """From when to when a sound is louder than a hundredth of full scale, in seconds."""
    samples = sound.load(HEARD)
    size = round(seconds * HEARD)
    levels = np.abs(samples[: len(samples) // size * size]).reshape(-1, size).max(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[0, levels > 0.01, 0]))
    return [(begin * seconds, end * seconds) for begin, end in edges.reshape(-1, 2).tolist()]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "nut"])
@pytest.mark.parametrize("start", [20.0, 4.95])
def test_sound_that_begins_after_the_picture(tmp_path: Path, suffix: str, start: float) -> None:
    file = write(tmp_path / f"a.{suffix}", Pictures(24), Sound([(start, tone(3))]))
    sound = Video(file).sound
    assert sound is not None
    (heard,) = loud(sound)
    assert heard == pytest.approx((start, start + 3), abs=0.1)
    assert sound.duration == pytest.approx(start + 3, abs=0.1)
    windows_of_it = list(sound.segments())
    assert [one.span for one in windows_of_it] == windows(sound.duration)
    for one in windows_of_it:  # also those in which nothing is
        assert isinstance(one.media, Audio) and one.span is not None
        samples = one.media.load(HEARD)
        assert len(samples) == pytest.approx((one.span[1] - one.span[0]) * HEARD, abs=0.05 * HEARD)
        assert bool(np.abs(samples).max() > 0.01) == (one.span[1] > start)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_pictures_that_begin_after_the_sound(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"a.{suffix}", Pictures(5, start=5), Sound([(0, tone(3))]))
    sound = Video(file).sound
    assert sound is not None and loud(sound) == [pytest.approx((0, 3), abs=0.1)]


@pytest.mark.parametrize("form", ["matroska", "mpegts", "mp4"])
@pytest.mark.parametrize("with_pictures", [True, False])
def test_a_clock_that_does_not_begin_at_zero(form: str, with_pictures: bool) -> None:
    pictures = [Pictures(5, start=1000)] * with_pictures
    sound = Audio(encoded(*pictures, Sound([(1001 if pictures else 1000, tone(3))]), form=form))
    begin = 1.0 if pictures else 0.0
    assert loud(sound) == [pytest.approx((begin, begin + 3), abs=0.1)]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mkv", "pcm_s16le"), ("mkv", "aac"), ("mp4", "aac"), ("webm", "libopus"), ("nut", "aac")],
)
def test_a_gap_keeps_the_time_of_what_follows(tmp_path: Path, suffix: str, codec: str) -> None:
    pieces = [(0.0, tone(2)), (8.0, tone(2))]
    sound = Audio(write(tmp_path / f"a.{suffix}", Sound(pieces, codec)))
    first, second = loud(sound)
    assert first == pytest.approx((0, 2), abs=0.1) and second == pytest.approx((8, 10), abs=0.1)
    assert sound.duration == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_window_in_a_gap_is_silence(tmp_path: Path, suffix: str) -> None:
    pieces = [(0.0, tone(4)), (33.0, tone(4))]
    file = write(tmp_path / f"a.{suffix}", Pictures(40), Sound(pieces))
    sound = Video(file).sound
    assert sound is not None
    spans = [one.span for one in sound.segments()]
    assert spans[:3] == [(0, 10), (10, 20), (20, 30)] and len(spans) == 4
    quiet = sound.clip(10, 20).load(HEARD)
    assert len(quiet) == 10 * HEARD and not quiet.any()
    assert loud(sound.clip(30, 36)) == [pytest.approx((3, 6), abs=0.1)]


def test_a_broadcast_whose_sound_alone_pauses_keeps_its_time() -> None:
    pieces = [(0.0, tone(2)), (15.0, tone(2))]
    sound = Audio(encoded(Pictures(20), Sound(pieces), form="mpegts"))
    assert [begin for begin, _ in loud(sound)] == pytest.approx([0, 15], abs=0.1)


def test_small_gaps_add_up_to_the_time_they_took() -> None:
    """As of a phone that sends nothing while nobody speaks."""
    pieces = [(n * 0.26, tone(0.2)) for n in range(50)] + [(15.0, tone(1, 880))]
    sound = Audio(encoded(Sound(pieces, "pcm_s16le"), form="matroska"))
    heard = sound.clip(15, 16).load(HEARD)
    assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(880, abs=20)


def test_tracks_that_overlap_themselves_keep_the_time_of_the_file() -> None:
    pieces = [(0.0, tone(3)), (2.5, tone(3, 880))]
    sound = Audio(encoded(Sound(pieces, "pcm_s16le"), form="nut"))
    assert sound.duration == pytest.approx(5.5, abs=0.1)
    heard = sound.load(HEARD)
    assert np.abs(np.fft.rfft(heard[3 * HEARD + 800 : 4 * HEARD + 800])).argmax() == 880


@pytest.mark.parametrize("form", ["mpegts", "mpeg"])
def test_recordings_joined_to_one_are_heard_one_after_the_other(form: str) -> None:
    codec = "aac" if form == "mpegts" else "mp2"
    video = "mpeg2video"

    def recording(seconds: float, hertz: float, start: float) -> bytes:
        tracks = Pictures(seconds, start, video), Sound([(start, tone(seconds, hertz))], codec)
        return encoded(*tracks, form=form)

    joined = recording(12, 440, 0) + recording(3, 880, 500) + recording(12, 1760, 7)
    sound = Audio(joined)
    assert sound.duration == pytest.approx(27, abs=0.3)
    for time, hertz in ((1, 440), (9, 440), (13, 880), (16, 1760), (25, 1760)):
        heard = sound.clip(time, time + 1).load(HEARD)
        assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(hertz, abs=20), time
    whole = sound.load(HEARD)
    assert len(whole) == pytest.approx(27 * HEARD, abs=0.3 * HEARD)
    assert loud(sound)[-1][1] == pytest.approx(27, abs=0.3)


@pytest.mark.parametrize(
    ("form", "codec", "told"),
    [
        ("flac", "flac", True),
        ("ogg", "flac", False),
        ("ogg", "libopus", False),
        ("ipod", "aac", True),
        ("matroska", "ac3", False),
        ("mpegts", "aac", False),
    ],
)
def test_a_hole_of_broken_bytes_is_silence(form: str, codec: str, told: bool) -> None:
    """It is told where there were packets that could not be decoded; others are a gap."""
    content = bytearray(encoded(Sound([(0, noise(20))], codec), form=form))
    third = len(content) // 3
    hole = np.random.default_rng(0).integers(0, 256, third, np.uint8)
    content[third : 2 * third] = hole.tobytes()
    sound = Audio(bytes(content))
    assert sound.duration == pytest.approx(20, abs=0.2)
    samples = sound.load(HEARD)
    assert len(samples) == pytest.approx(20 * HEARD, abs=0.2 * HEARD)
    whole = [np.abs(samples[n * HEARD : (n + 1) * HEARD]).mean() for n in (2, 10, 17)]
    parts = [np.abs(sound.clip(n, n + 1).load(HEARD)).mean() for n in (2, 10, 17)]
    for levels in (whole, parts):
        assert levels[0] > 0.05 and levels[1] < 0.04 and levels[2] > 0.05
    assert ("some of its sound is broken, and silence here" in sound.notes) == told


def test_what_is_missing_in_the_middle_of_an_ogg_file_is_silence() -> None:
    content = encoded(Sound([(0, noise(30))], "libopus"), form="ogg")
    third = len(content) // 3
    sound = Audio(content[:third] + content[2 * third :])
    assert sound.duration == pytest.approx(30, abs=0.1)
    levels = [np.abs(sound.clip(n, n + 1).load(HEARD)).mean() for n in (8, 15, 28)]
    assert levels[0] > 0.05 and levels[1] < 0.001 and levels[2] > 0.05
