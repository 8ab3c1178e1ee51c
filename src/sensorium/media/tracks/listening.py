"""What sounds and the sound of films are asked for; a process of their own reads them.

Values go there and come back as plain ones; see `sensorium.media.messages`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.media.audio import MAX_SECONDS, UNREADABLE
from sensorium.media.decoding import decoding
from sensorium.media.isolation import isolated
from sensorium.media.tracks import soundfiles, soundtracks
from sensorium.media.tracks.counting import Counted
from sensorium.media.tracks.soundtracks import BROKEN, Part, Surveyed
from sensorium.media.tracks.stretches import Stretch

PIECE_SECONDS = 10.0
"""How much sound is handed over at a time: a window. Handing over is what reading in a process of
its own costs."""

Samples = npt.NDArray[np.float32]
Plain = tuple[Any, ...]


def surveyed(
    source: Path | bytes, name: str, counted: Counted | None
) -> tuple[dict[str, Any], Surveyed | None]:
    """Length, rate, channels and tags of a sound; and where its parts are, if FFmpeg reads it.

    Parameters
    ----------
    source : Path or bytes
    name : str
        What errors call it.
    counted : Counted, optional
        Where the file has been counted before.

    Raises
    ------
    MediaError
        When it cannot be read, or has no sound.
    """
    facts, plain = _surveyed(source, name, None if counted is None else counted.plain())
    return facts, None if plain is None else _from_plain(plain, source)


@isolated
def _surveyed(
    source: Path | bytes, name: str, counted: Plain | None
) -> tuple[dict[str, Any], Plain | None]:
    with decoding(name, UNREADABLE):
        facts = soundfiles.facts(source)
        if facts is not None:
            return facts, None
        known = None if counted is None else Counted.of_plain(counted)
        found = soundtracks.surveyed(source, name, MAX_SECONDS, known)
        return found.facts, _plain(found)


def samples(
    source: Path | bytes,
    name: str,
    rate: int,
    span: tuple[float, float],
    survey: Surveyed | None,
    notes: list[str],
) -> Generator[Samples, None, Surveyed | None]:
    """Decode the sound between two times, as one channel, at a rate.

    Parameters
    ----------
    source : Path or bytes
    name : str
        What errors call it.
    rate : int
        Samples a second that are wanted.
    span : (float, float)
        Seconds.
    survey : Surveyed, optional
        Of `surveyed`.
    notes : list of str
        What is broken is appended.

    Yields
    ------
    ndarray of float32, shape (n,)
        Of about `PIECE_SECONDS`.

    Returns
    -------
    Surveyed or None
        Where libsndfile could not go on, what FFmpeg found.

    Raises
    ------
    MediaError
        When nothing of it can be decoded.
    """
    plain = None if survey is None else _plain(soundtracks.between(survey, *span))
    made: Plain | None = None
    for part, new, last in _samples(source, name, rate, span, plain, notes):
        made = last
        notes.extend(note for note in new if note not in notes)
        if len(part):
            yield part
    return None if made is None else _from_plain(made, source)


@isolated
def _samples(
    source: Path | bytes,
    name: str,
    rate: int,
    span: tuple[float, float],
    plain: Plain | None,
    known: Sequence[str],
) -> Iterator[tuple[Samples, list[str], Plain | None]]:
    """Samples, new notes, and a survey where one was made; the last may be but notes."""
    notes = list(known)
    told = len(notes)
    found: list[Surveyed] = []
    survey = None if plain is None else _from_plain(plain, source)
    waiting: list[Samples] = []
    held = 0
    with decoding(name, UNREADABLE):
        for part in _decoded(source, name, rate, span, survey, notes, found):
            waiting.append(part)
            held += len(part)
            if held >= PIECE_SECONDS * rate:
                yield np.concatenate(waiting), notes[told:], None
                waiting, held, told = [], 0, len(notes)
    yield np.concatenate(waiting or [_NONE]), notes[told:], _plain(found[0]) if found else None


def _decoded(
    source: Path | bytes,
    name: str,
    rate: int,
    span: tuple[float, float],
    survey: Surveyed | None,
    notes: list[str],
    found: list[Surveyed],
) -> Iterator[Samples]:
    start, stop = span
    if survey is None:
        broken = yield from soundfiles.samples(source, rate, start, stop)
        if broken is None:
            return
        survey = soundtracks.surveyed(source, name, MAX_SECONDS)
        if BROKEN not in notes:
            notes.append(BROKEN)
        found.append(survey)
        start = broken
    yield from soundtracks.samples(survey, name, rate, start, stop, notes)


def _plain(survey: Surveyed) -> Plain:
    parts = [
        (
            part.start, part.stop,
            part.source.plain() if isinstance(part.source, Stretch) else None,
            list(part.points), part.form,
        )
        for part in survey.parts
    ]  # fmt: skip
    return survey.facts, parts, list(survey.notes)


def _from_plain(plain: Plain, source: Path | bytes) -> Surveyed:
    facts, parts, notes = plain
    made = [
        Part(start, stop, source if held is None else Stretch(source, *held), points, form)
        for start, stop, held, points, form in parts
    ]
    return Surveyed(facts, made, notes)


_NONE = np.empty(0, np.float32)
