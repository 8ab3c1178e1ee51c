"""One channel of several: the same from every reader, with nothing cancelled out."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from sensorium import Audio
from sensorium.media.tracks import soundtracks
from sensorium.media.tracks.mixing import SHARES, USUAL_CHANNELS, mixed, resampled, shares
from tests.media.made_tracks import RATE, Sound, encoded, noise, tone


def _level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples[2000:-2000]).mean()))


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("channel", ["FL", "FC", "LFE", "BR"])
def test_a_loudspeaker_is_equally_loud_from_every_reader(channel: str) -> None:
    samples = np.zeros((RATE, 6), np.float32)
    samples[:, USUAL_CHANNELS[6].index(channel)] = tone(1, 100)
    wanted = _level(tone(1, 100)) * shares(6, USUAL_CHANNELS[6])[USUAL_CHANNELS[6].index(channel)]
    track = {"layout": "5.1", "bit_rate": 448_000}
    for sound in (
        Audio(samples, RATE),
        Audio(_wav(samples)),
        Audio(encoded(Sound([(0, samples)], "pcm_s16le", "5.1"), form="wav")),
        Audio(encoded(Sound([(0, samples)], "flac", "5.1"), form="matroska")),
        Audio(encoded(Sound([(0, samples)], "aac", **track), form="ipod")),
        Audio(encoded(Sound([(0, samples)], "ac3", **track), form="ac3")),
    ):
        assert _level(sound.load(RATE)) == pytest.approx(wanted, abs=0.004)


def test_no_more_planes_are_read_than_there_are_channels() -> None:
    planes = [np.full(4, number / 8, "<f4") for number in range(8)]
    frame = SimpleNamespace(
        layout=SimpleNamespace(nb_channels=8), format=SimpleNamespace(name="fltp", is_planar=True),
        samples=4, planes=[*planes, "what lies behind", "in memory"],
    )  # fmt: skip
    assert np.array_equal(soundtracks._values(frame), np.stack(planes, axis=1))


def test_seven_and_one_channels() -> None:
    samples = np.zeros((RATE, 8), np.float32)
    samples[:, USUAL_CHANNELS[8].index("FC")] = tone(1)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="FLAC")
    wanted = _level(tone(1)) * shares(8, USUAL_CHANNELS[8]).max()
    for content in (file.getvalue(), _wav(samples)):
        assert _level(Audio(content).load(RATE)) == pytest.approx(wanted, abs=0.004)


def test_stereo_is_equally_loud_from_every_reader() -> None:
    both = np.stack([tone(1)] * 2, 1)
    for sound in (
        Audio(both, RATE),
        Audio(_wav(both)),
        Audio(encoded(Sound([(0, both)], "aac", "stereo"), form="adts")),
        Audio(encoded(Sound([(0, both)], "libmp3lame", "stereo"), form="mp3")),
    ):
        assert _level(sound.load(RATE)) == pytest.approx(_level(tone(1)), rel=0.06)


@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_channels_in_opposite_phase_are_heard(gain: float) -> None:
    left = tone(3)
    both = np.stack([left, -gain * left], 1)
    wanted = _level(left) * (1 + gain) / 2
    for sound in (
        Audio(both, RATE),
        Audio(_wav(both)),
        Audio(encoded(Sound([(0, both)], "flac", "stereo"), form="flac")),
        Audio(encoded(Sound([(0, both)], "aac", "stereo"), form="mp4")),
    ):
        assert _level(sound.load(RATE)) == pytest.approx(wanted, abs=0.004)
        assert _level(sound.clip(1.23, 2.1).load(RATE)) == pytest.approx(wanted, abs=0.004)


def test_what_has_nothing_in_common_is_averaged() -> None:
    both = np.stack([noise(2), np.roll(noise(2), 999)], 1)
    np.testing.assert_allclose(mixed(both, RATE), both.mean(axis=1), atol=1e-6)
    alone = np.stack([noise(2), np.zeros(2 * RATE, np.float32)], 1)
    np.testing.assert_allclose(mixed(alone, RATE), alone[:, 0] / 2, atol=1e-6)


def test_shares() -> None:
    assert shares(1).tolist() == [1] and shares(2).tolist() == [0.5, 0.5]
    assert shares(4).tolist() == [0.25] * 4  # as many microphones as anything
    assert shares(3, ("FL", "FR", "LFE")).tolist() == [0.5, 0.5, 0]
    assert shares(1, ("LFE",)).tolist() == [1]  # better rumble than nothing
    surround = dict(zip(USUAL_CHANNELS[6], shares(6), strict=True))
    assert surround["FC"] / surround["FL"] == pytest.approx(2**0.5, abs=1e-3)
    assert surround["BL"] / surround["FL"] == pytest.approx(0.5**0.5, abs=1e-3)
    assert set(USUAL_CHANNELS[8]) <= set(SHARES)


def test_what_is_no_number() -> None:
    block = np.array([[np.nan, 0.5], [np.inf, 1.0]], np.float32)
    np.testing.assert_allclose(mixed(block, RATE), [0.25, 1.0])


def test_parts_of_several_rates() -> None:
    parts = [(tone(1, 440, rate), rate) for rate in (RATE, 16_000, 22_050, RATE)]
    (whole,) = [np.concatenate(list(resampled(parts, RATE)))]
    assert len(whole) == pytest.approx(4 * RATE, abs=10)
    assert _level(whole) == pytest.approx(_level(tone(4)), abs=0.003)
