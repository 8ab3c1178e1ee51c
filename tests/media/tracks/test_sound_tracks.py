"""Which of several sound tracks is heard, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av.stream import Disposition

from sensorium import Audio, Video
from sensorium.errors import MediaError
from sensorium.media.isolation import WITHOUT
from tests.media.made_tracks import Pictures, Sound, encoded, tone, write

HEARD = 8000


def pitch(sound: Audio) -> float:
    samples = sound.load(HEARD)
    return float(np.abs(np.fft.rfft(samples)).argmax()) * HEARD / len(samples)


@pytest.mark.parametrize(
    ("dispositions", "heard"),
    [((0, 0, 0), 0), ((0, 1, 0), 1), ((1, 1, 0), 0), ((0, 0, 1), 2)],
)
def test_the_default_track_is_heard(
    tmp_path: Path, dispositions: tuple[int, ...], heard: int
) -> None:
    pitches = (440, 1000, 1760)
    tracks = [
        Sound([(0, tone(3, hertz))], disposition=default * Disposition.default, language=language)
        for hertz, default, language in zip(
            pitches, dispositions, ("eng", "deu", "fra"), strict=True
        )
    ]
    video = Video(write(tmp_path / "a.mkv", Pictures(3), *tracks, default_mode="passthrough"))
    assert video.sound is not None
    assert pitch(video.sound) == pytest.approx(pitches[heard], abs=5)
    list(video.segments())
    rest = ", ".join(x for n, x in enumerate(("eng", "deu", "fra")) if n != heard)
    assert set(video.notes) == {
        f"of 3 sound tracks the default one is heard, not the other 2 ({rest})"
    }


def test_an_ordinary_film_gets_no_note(tmp_path: Path) -> None:
    video = Video(write(tmp_path / "a.mp4", Pictures(3), Sound([(0, tone(3))])))
    list(video.segments())
    assert video.notes == []


def _in_an_unknown_codec(content: bytes, codec: bytes = b"A_AC3") -> bytes:
    return content.replace(codec, b"A_XY9")


def test_a_track_that_cannot_be_decoded() -> None:
    tracks = Sound([(0, tone(3))], "ac3"), Sound([(0, tone(3, 1000))], "flac")
    sound = Audio(_in_an_unknown_codec(encoded(*tracks, form="matroska")))
    assert pitch(sound) == pytest.approx(1000, abs=5)
    assert sound.notes == ["1 of 2 sound tracks are in a codec that FFmpeg cannot decode here"]
    alone = _in_an_unknown_codec(encoded(tracks[0], form="matroska"))
    with pytest.raises(MediaError, match="its sound is in a codec that FFmpeg cannot decode here"):
        Audio(alone).metadata()


def test_a_film_without_sound() -> None:
    with pytest.raises(MediaError, match="the file holds no sound"):
        Audio(encoded(Pictures(1), form="matroska")).metadata()


def test_a_film_whose_sound_cannot_be_decoded() -> None:
    content = encoded(Pictures(3), Sound([(0, tone(3))], "ac3"), form="matroska")
    video = Video(_in_an_unknown_codec(content))
    assert len(list(video.segments())) == 1 and video.sound is None
    assert video.notes == ["its sound is in a codec that FFmpeg cannot decode here"]


def test_a_film_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensorium.media.tracks import ffmpeg, soundtracks

    monkeypatch.setenv(WITHOUT, "0")
    opened = []
    for module in (ffmpeg, soundtracks):
        count = module.counted
        monkeypatch.setattr(
            module, "counted", lambda *a, count=count: opened.append(a) or count(*a)
        )
    video = Video(encoded(Pictures(3), Sound([(0, tone(3))]), form="matroska"))
    assert video.metadata()["has_sound"] and len(list(video.segments())) == 2
    assert video.sound is not None and video.sound.duration == pytest.approx(3, abs=0.1)
    assert len(opened) == 1
