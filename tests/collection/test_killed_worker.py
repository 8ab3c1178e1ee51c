"""A reading process that the system kills in the middle of a folder costs one named file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Audio, Collection
from sensorium.collection import collection as module
from sensorium.encoders.reading import Extraction
from sensorium.media import Segment, Text, isolation
from tests.collection.pictures import png
from tests.media.films import write_film
from tests.media.pdfs import text_pdf
from tests.media.recordings import encode_sound, tone

BUSY_SECONDS = 0.3

SHORT_FILES_SECONDS = 0.5
"""Processor time that a process does not come to by its start and all the short files; the long PDF
takes one second more."""


class Listener:
    """Hears that there is something; stands for a speech model."""

    name = "listener"

    def segments(self, sound: Audio, journal: object = None) -> Iterator[Segment]:
        for number, block in enumerate(sound.blocks(16_000, 10.0)):
            if np.abs(block).max() > 0.01:
                text = Text("a number of tones")
                yield Segment(text, (10.0 * number, 10.0 * number + 5), {"source": "speech"})


def _used(process: int) -> float:
    """Processor time of a process, in seconds."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children() -> set[int]:
    own = os.getpid()
    found: set[int] = set()
    for task in Path(f"/proc/{own}/task").iterdir():
        with suppress(OSError):  # a thread that has ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def _long_pdf(path: Path) -> None:
    path.write_bytes(text_pdf(*["A red square beside a blue one. " * 30] * 3000))


def _long_sound(path: Path) -> None:
    path.write_bytes(encode_sound(np.tile(tone(60, 440, 44_100), 60), "wav", 44_100))


def _long_film(path: Path) -> None:
    write_film(path, [("red", 20), ("blue", 40)], size=(1280, 720), keys=(0,))


def _folder(path: Path, count: int) -> int:
    """Pictures, PDFs, sounds and films, `count` of all; returns how many there are."""
    path.mkdir()
    made: tuple[tuple[str, Callable[[Path, int], Any]], ...] = (
        ("png", lambda file, n: file.write_bytes(png(n))),
        ("pdf", lambda file, n: file.write_bytes(text_pdf(f"A dog. Number {n}."))),
        ("wav", lambda file, n: file.write_bytes(encode_sound(tone(1, 200 + n), "wav"))),
        ("mp4", lambda file, n: write_film(file, [("red", 1), ("blue", 1)], sound=1)),
    )
    for number in range(count):
        suffix, make = made[number % 3 if number % 12 else 3]
        make(path / f"{number:03}.{suffix}", number)
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("count", "suffix", "make"),
    [
        (36, "pdf", _long_pdf),
        pytest.param(36, "wav", _long_sound, marks=pytest.mark.slow),
        pytest.param(36, "mp4", _long_film, marks=pytest.mark.slow),
        pytest.param(499, "mp4", _long_film, marks=pytest.mark.slow),
    ],
)
def test_a_real_kill(
    count: int, suffix: str, make: Callable[[Path], None],
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "extraction_of", lambda *_: Extraction(speech=Listener()))
    isolation._pool.end()
    folder = tmp_path / "media"
    others = _folder(folder, count)
    long = folder / f"{count // 2:03}-long.{suffix}"
    make(long)
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        """Kill the first process that is busy for long: the one that reads the long file."""
        reading = f"{long}"
        since: dict[int, float] = {}
        while not over.wait(0.02):
            for process in _children():
                used = _used(process)
                if not _has_open(process, reading) and suffix != "pdf":
                    since[process] = used
                elif used - since.setdefault(process, SHORT_FILES_SECONDS) > BUSY_SECONDS:
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    return

    killer = threading.Thread(target=kill)
    killer.start()
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        report = library.add(folder, speech=True)
        over.set()
        killer.join()
        assert len(killed) == 1
        (skipped,) = report.skipped
        assert skipped.path == str(long)
        assert skipped.reason.startswith("the system ended the process that read it")
        assert report.added == others
        assert library.search("number", mode="words")
        again = library.add(folder, speech=True)  # and it is read the next time
        assert (again.added, again.unchanged, again.skipped) == (1, others, [])


def _has_open(process: int, path: str) -> bool:
    try:
        opened = [os.readlink(one) for one in Path(f"/proc/{process}/fd").iterdir()]  # noqa: PTH115
    except OSError:
        return False
    return path in opened
