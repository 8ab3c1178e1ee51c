"""Two hours of sound and a 4K video: indexed in bounded memory, killed, and taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile

from sensorium import Collection, load_encoder
from tests.media.recordings import tone, write_video

HOURS = 2
LIMIT = 400e6
"""Bytes that indexing may take above a process that has indexed one picture."""

INDEXING = """
import json, resource, sys
from sensorium import Audio, Collection
from sensorium.collection import collection as module
from sensorium.encoders.reading import Extraction
from sensorium.media import Segment, Text


class Listener:
    "Hears every second of a recording; stands for a speech model, whose memory is its own."

    name = "listener"

    def segments(self, sound, journal=None):
        second = 0
        for block in sound.blocks(16000, 10.0):
            loud = float(abs(block).max())
            yield Segment(Text("a loud dog" if loud > 0.2 else "a cat"), (second, second + 10),
                          {"source": "speech"})
            second += 10


module.extraction_of = lambda *_: Extraction(speech=Listener())
path, encoder, picture, *media = sys.argv[1:]
with Collection(path, encoder) as collection:
    collection.add(picture)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("ready", flush=True)
    report = collection.add(*media, speech=True)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"grown": (after - before) * 1024, "added": report.added,
                      "skipped": [s.reason for s in report.skipped]}), flush=True)
"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours; the second hour begins with ten seconds that are loud."""
    path = tmp_path_factory.mktemp("long") / "two-hours.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for minute in range(60 * HOURS):
            samples = 0.1 * tone(60, 300 + minute, 16_000)
            if minute == 60:
                samples[: 10 * 16_000] *= 9
            file.write(samples)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4K video of 40 seconds with its keyframes far apart, so that every frame is decoded."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (4, 54, 96, 3), np.uint8)
    scenes = [PIL.Image.fromarray(pixels).resize((3840, 2160)) for pixels in noise]
    path = tmp_path_factory.mktemp("4k") / "film.mp4"
    return write_video(path, scenes, seconds=10, size=(3840, 2160), sound=tone(40))


def start(path: Path, tiny: Path, sample: Path, *media: Path) -> subprocess.Popen[str]:
    picture = sample / "images" / "x_dog.jpg"
    process = subprocess.Popen(
        [sys.executable, "-c", INDEXING, path, tiny, picture, *media],
        stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_two_hours_of_sound(tmp_path: Path, tiny: Path, sample: Path, recording: Path) -> None:
    path = tmp_path / "c.sensorium"
    process = start(path, tiny, sample, recording)
    time.sleep(1.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Collection(path, load_encoder(tiny)) as library:
        assert library.get(recording) is None
    done = json.loads(start(path, tiny, sample, recording).communicate()[0])
    assert (done["added"], done["skipped"]) == (1, [])
    assert done["grown"] < LIMIT
    with Collection(path) as library:
        hit = library.search("loud", mode="words")[0]
        assert (hit.span, hit.metadata["duration"]) == ((3600, 3610), 7200)


@pytest.mark.slow
def test_a_4k_video(tmp_path: Path, tiny: Path, sample: Path, film: Path) -> None:
    path = tmp_path / "c.sensorium"
    done = json.loads(start(path, tiny, sample, film).communicate()[0])
    assert (done["added"], done["skipped"]) == (1, [])
    assert done["grown"] < LIMIT
    with Collection(path) as library:
        assert library.info().items["video"] == 1
        spans = [part.span for part in library._store.texts(item=2).values()]
        assert spans[:4] == [(10.0 * n, 10.0 * n + 10) for n in range(4)]  # AAC pads the end


HEARING = """
import os, signal, sys
from pathlib import Path
from sensorium import Collection
from sensorium.collection import collection as module
from sensorium.encoders.reading import Extraction
from sensorium.tasks.transcription import Transcriber
from sensorium.media import Segment, Text

path, encoder, log, fatal, media = sys.argv[1:]
log = Path(log)


class Killed(Transcriber):
    "Hears one word a chunk, and is killed in the middle of one."

    def _transcribed(self, samples, start):
        with log.open("a") as file:
            file.write(f"{start:.0f}\\n")
        if len(log.read_text().split()) == int(fatal):
            os.kill(os.getpid(), signal.SIGKILL)
        return [Segment(Text("a dog"), (start, start + 1), {"source": "speech", "language": "en"})]


module.extraction_of = lambda *_: Extraction(speech=Killed())
with Collection(path, encoder) as collection:
    print(collection.add(media, speech=True).added)
"""


def test_what_was_heard_before_a_kill_is_not_heard_again(tmp_path: Path, tiny: Path) -> None:
    pytest.importorskip("faster_whisper")
    media, path, log = tmp_path / "ten.flac", tmp_path / "c.sensorium", tmp_path / "log"
    with soundfile.SoundFile(media, "w", 16_000, 1) as file:
        for minute in range(10):
            file.write(0.1 * tone(60, 300 + minute, 16_000))

    def add(fatal: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", HEARING, path, tiny, log, str(fatal), media]
        return subprocess.run(command, capture_output=True, text=True)

    assert add(fatal=4).returncode == -signal.SIGKILL
    before = log.read_text().split()
    assert len(before) == 4
    done = add(fatal=99)
    assert done.stdout == "1\n", done.stderr
    after = log.read_text().split()[4:]
    assert after[0] == before[-1] and not {*before[:-1]} & {*after}
    with Collection(path) as library:
        said = [part.span for part in library._store.texts(item=1).values()]
        assert sorted(round(span[0]) for span in said if span) == sorted(
            {*map(int, before), *map(int, after)}
        )
    assert not (tmp_path / "c.sensorium-index" / "transcripts").exists()
