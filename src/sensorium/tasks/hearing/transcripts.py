"""What was said, and when: sentences and words with their times, as subtitles, text and JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.errors import UsageError
from sensorium.plain import as_utf8
from sensorium.tasks.origin import Origin

CUE_CHARACTERS = 84
CUE_SECONDS = 7.0
"""Longest subtitle: two lines of 42 letters, which a person reads in that time (BBC, Netflix)."""

LINE_CHARACTERS = 42

UNSPACED = (("\u0e00", "\u0eff"), ("\u3000", "\u9fff"), ("\uff00", "\uffef"))
"""Thai and Lao, Chinese and Japanese with their signs, full-width letters."""

FORMATS = (".srt", ".vtt", ".json", ".txt")


@dataclass(frozen=True)
class Word:
    """One word.

    Attributes
    ----------
    text : str
        With the signs that belong to it.
    start, stop : float
        Seconds.
    confidence : float
        0 to 1, by the model; 0 where it does not tell.
    """

    text: str
    start: float
    stop: float
    confidence: float = 0.0


@dataclass(frozen=True)
class Said:
    """What was said in one go.

    Attributes
    ----------
    text : str
    start, stop : float
        Seconds; those of its words lie within.
    confidence : float
        0 to 1: the geometric mean of its words'.
    language : str
        Two letters; empty where the model does not tell.
    words : tuple of Word
        In order, each beginning no earlier than the one before it.
    """

    text: str
    start: float
    stop: float
    confidence: float = 0.0
    language: str = ""
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """What is said in a recording or film.

    Attributes
    ----------
    path : str
        As it was given.
    language : str
        In which most of it is said; empty where nothing is.
    duration : float
        Seconds that were listened to.
    segments : tuple of Said
        In order.
    origin : Origin
    notes : tuple of str
        What could not be heard.
    """

    path: str
    language: str
    duration: float
    segments: tuple[Said, ...]
    origin: Origin
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that is said, a line for each segment."""
        return "\n".join(said.text for said in self.segments)

    def written(self, suffix: str) -> str:
        """The transcript as a file.

        Parameters
        ----------
        suffix : {".srt", ".vtt", ".json", ".txt"}

        Raises
        ------
        UsageError
            For another suffix.
        """
        if suffix == ".srt":
            return srt(self.segments)
        if suffix == ".vtt":
            return vtt(self.segments)
        if suffix == ".json":
            return as_utf8(self.said(), indent=1) + "\n"
        if suffix == ".txt":
            return self.text + "\n" * bool(self.segments)
        raise UsageError(f"a transcript is written as {', '.join(FORMATS)}, not {suffix!r}")

    def said(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Cue:
    """One subtitle: what is shown from one second to another."""

    start: float
    stop: float
    text: str


def srt(segments: Sequence[Said]) -> str:
    """Subtitles in SubRip's format."""
    return "\n".join(
        f"{n}\n{_time(cue.start, ',')} --> {_time(cue.stop, ',')}\n{_lines(cue.text)}\n"
        for n, cue in enumerate(cues(segments), 1)
    )


def vtt(segments: Sequence[Said]) -> str:
    """Subtitles in WebVTT (W3C), which escapes three signs."""
    told = ["WEBVTT\n"]
    for cue in cues(segments):
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        told.append(f"{_time(cue.start, '.')} --> {_time(cue.stop, '.')}\n{_lines(text)}\n")
    return "\n".join(told)


def cues(segments: Sequence[Said]) -> Iterator[Cue]:
    """Cut what was said into subtitles that a person can read, at ends of sentences if possible.

    Yields
    ------
    Cue
        None overlaps the one before it.
    """
    last = 0.0
    for said in segments:
        for start, stop, text in _pieces(said):
            start = max(start, last)
            last = max(stop, start + 0.001)
            yield Cue(start, last, text)


def _pieces(said: Said) -> Iterator[tuple[float, float, str]]:
    short = len(said.text) <= CUE_CHARACTERS and said.stop - said.start <= CUE_SECONDS
    if short or len(said.words) < 2:
        yield said.start, said.stop, said.text
        return
    held: list[Word] = []
    for word in said.words:
        longer = joined([*held, word])
        if held and (len(longer) > CUE_CHARACTERS or word.stop - held[0].start > CUE_SECONDS):
            yield held[0].start, held[-1].stop, joined(held)
            held = []
        held.append(word)
        if re.search(r"[.!?。！？]$", word.text) and len(joined(held)) > LINE_CHARACTERS:
            yield held[0].start, held[-1].stop, joined(held)
            held = []
    if held:
        yield held[0].start, held[-1].stop, joined(held)


def joined(words: Sequence[Word]) -> str:
    """Words as a text: with spaces, but between Chinese, Japanese and Thai signs."""
    text = ""
    for word in words:
        tight = not text or (is_unspaced(text[-1]) and is_unspaced(word.text[:1]))
        text += word.text if tight else f" {word.text}"
    return text


def is_unspaced(letter: str) -> bool:
    """Whether a letter is of a script that writes no spaces between words."""
    return bool(letter) and any(first <= letter <= last for first, last in UNSPACED)


def _lines(text: str) -> str:
    """Two lines of about the same length, where one would be too long."""
    if len(text) <= LINE_CHARACTERS or " " not in text:
        return text
    middle = min(
        (n for n, letter in enumerate(text) if letter == " "), key=lambda n: abs(n - len(text) / 2)
    )
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _time(seconds: float, sign: str) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{sign}{rest % 1000:03}"
