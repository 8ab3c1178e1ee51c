"""Recognisers on servers with OpenAI's interface."""

from __future__ import annotations

import math

from sensorium.errors import EncoderError
from sensorium.tasks.chat import ServedModel
from sensorium.tasks.hearing.base import RATE, Samples, is_invented, shifted, spread, wav
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.origin import Origin
from sensorium.visible import sound

SERVED_SECONDS = 110.0
"""Of sound that is sent at once; 3.5 MB."""


class Served:
    """A model on a server with OpenAI's interface.

    Parameters
    ----------
    url : str
        Up to ``/v1``, with ``#MODEL`` where it serves several.
    """

    most_seconds = SERVED_SECONDS
    gap = math.inf

    def __init__(self, url: str) -> None:
        self._model = ServedModel(url)

    @property
    def origin(self) -> Origin:
        """See `Recogniser`."""
        return self._model.origin

    def hear(self, samples: Samples, language: str | None) -> list[Said]:
        """See `Recogniser`."""
        answer = self._model.hear(wav(samples, RATE), language=language)
        seconds = len(samples) / RATE
        spoken = sound(str(answer.get("language") or language or ""))
        told = answer.get("segments")
        if not isinstance(told, list) or not told:
            return spread(answer["text"], seconds, spoken)
        found: list[Said] = []
        for one in told:
            try:
                start, stop = float(one["start"]), float(one["end"])
                text = sound(str(one["text"])).strip()
                mean = float(one.get("avg_logprob") or 0.0)
                nothing = float(one.get("no_speech_prob") or 0.0)
            except (KeyError, TypeError, ValueError):
                raise EncoderError(
                    f"{self.origin.model} answered with a segment without times: {one!r:.80}"
                ) from None
            if text and 0 <= start <= stop and not is_invented(mean, nothing):
                part = spread(text, min(stop, seconds) - min(start, seconds), spoken)
                found += [shifted(said, min(start, seconds)) for said in part]
        return found

    def require_here(self, *, ask: bool = True) -> None:
        """See `Recogniser`: it is where it is."""
