"""Sound to words and words to sound in the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sensorium.media import Audio
from sensorium.tasks.hearing.base import wav
from tests.cli.conftest import Run
from tests.media.recordings import RATE as VIDEO_RATE
from tests.media.recordings import write_video
from tests.media.test_video import scenes

pytest.importorskip("faster_whisper")
pytest.importorskip("onnxruntime")

Weights = Callable[[str], Path]


@pytest.fixture(scope="module", autouse=True)
def fetched(weights_of: Weights) -> None:
    for name in ("voice-joe", "whisper-base"):
        weights_of(name)


@pytest.mark.slow
def test_what_is_spoken_is_written_down(run: Run, tmp_path: Path) -> None:
    talk = tmp_path / "talk.wav"
    text = tmp_path / "text.md"
    text.write_text("# Castles\n\nThe castle stands on a hill.\n")
    done = run("speak", text, "--out", talk)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{talk}: ") and done.out.endswith("spoken by joe in en\n")
    written = run("transcribe", talk)
    assert written.code == 0 and "hill" in written.out.lower()
    when, *_ = written.lines[0].split("\t")
    assert when.startswith("0:0")
    (tmp_path / "silent.wav").write_bytes(wav(np.zeros(16_000, np.float32), 16_000))
    film = tmp_path / "film.mp4"
    write_video(film, scenes(), sound=Audio(talk).load(VIDEO_RATE))
    folder = tmp_path / "out"
    (tmp_path / "broken.wav").write_bytes(b"RIFFbroken")
    (tmp_path / "other").mkdir()  # of the same name: both are kept
    (tmp_path / "other" / "silent.wav").write_bytes((tmp_path / "silent.wav").read_bytes())
    several = run("transcribe", tmp_path, "--out", folder, "--format", "vtt")
    assert several.code == 1 and "broken.wav" in several.err
    assert "silent.wav: nobody speaks there" in several.err
    assert sorted(path.name for path in folder.iterdir()) == [
        "film.mp4.vtt", "silent.wav-2.vtt", "silent.wav.vtt", "talk.wav.vtt",
    ]  # fmt: skip
    assert "hill" in (folder / "film.mp4.vtt").read_text().lower()
    assert (folder / "silent.wav.vtt").read_text() == "WEBVTT\n"


def test_transcripts_as_json_and_subtitles(run: Run, tmp_path: Path) -> None:
    talk = tmp_path / "talk.flac"
    spoken = json.loads(run("speak", "A cat sits on the roof.", "--out", talk, "--json").out)
    assert spoken["sentences"][0]["text"] == "A cat sits on the roof."
    assert spoken["origin"]["model"] == "voice-joe" and "samples" not in spoken
    target = tmp_path / "talk.srt"
    found = json.loads(run("transcribe", talk, "--json", "--out", target, "--lang", "en").out)
    assert found["segments"][0]["words"] and found["origin"]["model"] == "whisper-base"
    assert target.read_text().startswith("1\n00:00:0") and spoken["unsaid"] == []
    assert " --> " in target.read_text() and "roof" in target.read_text()


def test_words_without_sounds_are_told(run: Run, tmp_path: Path) -> None:
    talk = tmp_path / "talk.wav"
    done = run("speak", "I said Привет, мир, and ♥.", "--out", talk)
    assert done.code == 0 and talk.is_file() and "spoken by joe" in done.out
    assert "left out, as joe has no sounds for it: Привет, мир, ♥" in done.err


def test_wrong_requests(run: Run, tmp_path: Path, sample: Path) -> None:
    sounds = sorted((sample / "audio").iterdir())[:2]
    for arguments, said in (
        (("speak", "hello"), "name the file that is written"),
        (("speak", "hello", "--out", tmp_path / "a.mp3"), "not '.mp3'"),
        (("transcribe", *sounds, "--out", tmp_path / "a.srt"), "name a folder"),
        (("transcribe", sounds[0], "--out", tmp_path / "a.doc"), "not '.doc'"),
        (("transcribe", sounds[0], "--model", "nonesuch"), "no speech model 'nonesuch'"),
    ):
        done = run(*arguments)
        assert done.code in (2, 3) and said in done.err, done
    assert [*tmp_path.iterdir()] == []
    picture = run("transcribe", sample / "images" / "x_cat.jpg")
    assert picture.code == 1 and "only sounds and films are transcribed" in picture.err
