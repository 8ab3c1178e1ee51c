"""What every recogniser of speech is, and words with times of what it writes."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.hub_cache import split_revision
from sensorium.tasks.hearing.transcripts import Said, Word, is_unspaced, joined
from sensorium.tasks.origin import Origin

Samples = npt.NDArray[np.float32]

RATE = 16_000
"""Samples a second that all recognisers take."""

WINDOW_SECONDS = 28.0
"""What a model hears at once that takes 30 s; the rest is room for where it is cut."""

SHORT_GAP = 0.8
"""Seconds of silence at which a piece ends for models that tell no times, or rough ones."""

UNSURE = -1.0
NOTHING_SAID = 0.6
REPEATED = 2.4
"""A passage that is nothing said with this probability, and whose mean log-probability is below
`UNSURE`, or whose text can be compressed so much, is none (Radford et al. 2022, section 4.5)."""


class Recogniser(Protocol):
    """What hears words.

    Attributes
    ----------
    most_seconds : float
        What it hears at once.
    gap : float
        Seconds of silence at which a piece for it ends: short where it tells no times.
    origin : Origin
    """

    most_seconds: float
    gap: float

    @property
    def origin(self) -> Origin: ...

    def hear(self, samples: Samples, language: str | None) -> list[Said]:
        """What is said in samples at `RATE`, with seconds from their beginning."""
        ...

    def require_here(self, *, ask: bool = True) -> None:
        """Raise NotAtHandError unless it is on this machine.

        Unless `ask`, no hub is asked for its size, and nothing is fetched even where that is
        allowed.
        """
        ...


def is_invented(mean_log: float, nothing_said: float, compression: float = 0.0) -> bool:
    """Whether Whisper's own figures say that a passage was not said.

    A low log-probability alone does not: in loud noise it is that of every window.
    """
    return (nothing_said > NOTHING_SAID and mean_log < UNSURE) or compression > REPEATED


def require_pretrained(name: str, *, ask: bool) -> None:
    """`Recogniser.require_here` of a model of Transformers: a folder, or a hub id."""
    if Path(name).expanduser().is_dir():
        return
    from sensorium.encoders.fetching import require_at_hand

    require_at_hand(*split_revision(name), ask=ask)


def of_tokens(
    tokens: Sequence[str],
    starts: Sequence[float] | None,
    logs: Sequence[float],
    seconds: float,
    language: str,
) -> list[Said]:
    """Words of tokens: one begins with a space, or is a Chinese sign."""
    texts: list[str] = []
    begins: list[float] = []
    sure: list[list[float]] = []
    for n, token in enumerate(tokens):
        plain = token.replace("\u2581", " ")
        new = not texts or plain.startswith(" ") or is_unspaced(plain[:1])
        if new and plain.strip():
            texts.append(plain.strip())
            begins.append(float(starts[n]) if starts is not None else 0.0)
            sure.append([float(logs[n])])
        elif texts:
            texts[-1] += plain.strip()
            sure[-1].append(float(logs[n]))
    if not texts:  # nothing but spaces
        return []
    confidences = [min(1.0, math.exp(float(np.mean(one)))) for one in sure]
    if starts is None:
        words = _spread_words(texts, confidences, seconds)
    else:
        stops = [
            min(begin + 1.0, stop)
            for begin, stop in zip(begins, [*begins[1:], seconds], strict=True)
        ]
        words = [
            (f" {text}", begin, stop, confidence)
            for text, begin, stop, confidence in zip(texts, begins, stops, confidences, strict=True)
        ]
    whole = joined([Word(text, 0, 0) for text in texts])
    return [said_of(whole, words[0][1], words[-1][2], words, language)]


def spread(text: str, seconds: float, language: str) -> list[Said]:
    """A text without times: its words take as much of its seconds as they have letters."""
    words = text.split()
    spread = _spread_words(words, [0.0] * len(words), seconds)
    return [said_of(text, 0.0, seconds, spread, language)] if words else []


def _spread_words(
    texts: Sequence[str], confidences: Sequence[float], seconds: float
) -> list[tuple[str, float, float, float]]:
    lengths = np.array([len(text) + 1 for text in texts], float)
    edges = np.concatenate([[0.0], np.cumsum(lengths)]) / max(lengths.sum(), 1) * seconds
    return [
        (f" {text}", float(start), float(stop), confidence)
        for text, start, stop, confidence in zip(
            texts, edges[:-1], edges[1:], confidences, strict=True
        )
    ]


def said_of(
    text: str,
    start: float,
    stop: float,
    words: Sequence[tuple[str, float, float, float]],
    language: str,
) -> Said:
    """What was said, its words within its times and in order."""
    own: list[Word] = []
    last = start = float(start)
    for word, begin, end, confidence in words:
        if not (plain := word.strip()):
            continue
        begin = max(last, float(begin))
        end = max(begin, float(end))
        if own and not word.startswith(" ") and not is_unspaced(plain[0]):  # ",000" of "5,000"
            before = own[-1]
            surer = min(before.confidence, float(confidence))
            own[-1] = Word(before.text + plain, before.start, max(end, before.stop), surer)
            continue
        own.append(Word(plain, begin, end, round(float(confidence), 4)))
        last = begin
    stop = max([float(stop), *(word.stop for word in own)])
    return Said(text.strip(), start, stop, _mean(own), language, tuple(own))


def _mean(words: Sequence[Word]) -> float:
    sure = [max(word.confidence, 1e-6) for word in words]
    return math.exp(float(np.mean(np.log(sure)))) if sure and max(sure) > 1e-6 else 0.0


def shifted(said: Said, seconds: float) -> Said:
    """The same so much later."""
    words = tuple(
        Word(w.text, w.start + seconds, w.stop + seconds, w.confidence) for w in said.words
    )
    return Said(
        said.text, said.start + seconds, said.stop + seconds, said.confidence, said.language, words
    )


def wav(samples: Samples, rate: int) -> bytes:
    """A WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
