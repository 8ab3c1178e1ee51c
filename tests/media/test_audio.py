"""Sound of every format: length, pitch, channels, windows, blocks of bounded size, broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Audio
from sensorium.errors import MediaError
from sensorium.media import Modality, as_media
from sensorium.media.audio import windows
from tests.media.recordings import RATE, encode_sound, tone

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a")


def pitch(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone that rises after 20 seconds, in every format."""
    folder = tmp_path_factory.mktemp("sounds")
    samples = np.concatenate([tone(20, 440), tone(13, 880)])
    for suffix in FORMATS:
        (folder / f"tone.{suffix}").write_bytes(encode_sound(samples, suffix))
    return folder


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats(folder: Path, suffix: str) -> None:
    sound = as_media(folder / f"tone.{suffix}")
    assert isinstance(sound, Audio) and sound.modality == Modality.AUDIO
    facts = sound.metadata()
    assert facts["duration"] == pytest.approx(33, abs=0.1)
    assert facts["sample_rate"] == RATE
    samples = sound.load(16_000)
    assert samples.dtype == np.float32 and samples.shape == (pytest.approx(33 * 16_000, abs=1600),)
    assert pitch(samples[16_000 : 19 * 16_000], 16_000) == pytest.approx(440, abs=2)
    segments = list(sound.segments())
    assert [segment.span for segment in segments][:2] == [(0, 10), (10, 20)]
    assert len(segments) == 3 and segments[-1].span[1] == pytest.approx(33, abs=0.1)
    last = segments[-1].media
    assert isinstance(last, Audio)
    heard = last.load(48_000)
    assert len(heard) == pytest.approx(13 * 48_000, abs=4800)
    assert pitch(heard[4800:-4800], 48_000) == pytest.approx(880, abs=2)
    assert np.concatenate(list(sound.blocks(16_000, 1.0))) == pytest.approx(samples)
    assert {len(block) for block in list(sound.blocks(16_000, 1.0))[:-1]} == {16_000}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_clip_is_the_same_sound(folder: Path, suffix: str) -> None:
    sound = Audio((folder / f"tone.{suffix}").read_bytes())
    whole, part = sound.load(RATE), sound.clip(5, 8).load(RATE)
    assert len(part) == pytest.approx(3 * RATE, abs=2)
    # Encoders that lose something lean on frames before; a sample off would be 0.04.
    np.testing.assert_allclose(
        part[RATE:-RATE], whole[6 * RATE : 7 * RATE][: len(part) - 2 * RATE], atol=0.02
    )
    assert sound.clip(5, 8).clip(1, 2).span == (6, 7)


def test_channels_are_averaged() -> None:
    left, right = tone(1, 440), tone(1, 880)
    stereo = np.stack([left, right], axis=1)
    for sound in (Audio(stereo, RATE), Audio(encode_sound(stereo, "flac"))):
        np.testing.assert_allclose(sound.load(RATE), (left + right) / 2, atol=1e-4)
    assert Audio((left * 32767).astype(np.int16), RATE).load(RATE) == pytest.approx(left, abs=1e-4)


def test_resampling_keeps_what_is_heard() -> None:
    fine = Audio(tone(2, 1000, 48_000), 48_000).load(16_000)
    np.testing.assert_allclose(fine[1000:-1000], tone(2, 1000, 16_000)[1000:-1000], atol=2e-3)


def test_windows() -> None:
    assert windows(0.3) == [(0.0, 0.3)]
    assert windows(10) == [(0.0, 10)]
    assert windows(14.9) == [(0.0, 14.9)]
    assert windows(15.1) == [(0.0, 10.0), (10.0, 15.1)]
    assert len(windows(7200)) == 720


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(10), None, "samples need their rate"),
        (np.zeros((2, 10)), 8000, "shape"),
        (np.zeros(0), 8000, "shape"),
        (np.zeros(10, np.uint8), 8000, "float, int16 or int32"),
        (np.full(10, np.nan), 8000, "NaN"),
        (5, None, "Audio takes a path, URL, bytes or array, got int"),
    ],
)
def test_bad_samples(samples: object, rate: int | None, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        Audio(samples, rate)  # type: ignore[arg-type]


def test_broken_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        Audio(tmp_path / "none.mp3").load(16_000)
    for content, reason in (
        (b"", r"the file is empty \(0 bytes\)"),
        (b"no sound at all" * 100, r"no sound or video that can be read \(Invalid data"),
    ):
        (tmp_path / "bad.wav").write_bytes(content)
        with pytest.raises(MediaError, match=rf"bad\.wav: {reason}"):
            Audio(tmp_path / "bad.wav").metadata()
    for suffix in FORMATS:  # cut in the middle: what is there is read, or an error says so
        content = (folder / f"tone.{suffix}").read_bytes()
        try:
            samples = Audio(content[: len(content) // 2]).load(16_000)
        except MediaError:
            assert suffix == "m4a"  # its index stands at the end
        else:
            assert 10 * 16_000 <= len(samples) <= 34 * 16_000


def test_silence_of_no_length() -> None:
    with pytest.raises(MediaError, match="empty"):
        Audio(tone(1), RATE).clip(5, 6).load(16_000)
