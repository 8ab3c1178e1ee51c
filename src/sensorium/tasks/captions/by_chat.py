"""Captions by models that one talks to: on a server, or of a hub with a chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import PIL.Image

from sensorium.tasks.chat import ServedModel
from sensorium.tasks.origin import Origin

if TYPE_CHECKING:
    from sensorium.tasks.hub_chat import HubChat

REQUEST = "Describe this picture in one short sentence, without any introduction."

MOST_TOKENS = 100

LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "de": "German", "en": "English",
    "es": "Spanish", "fr": "French", "hi": "Hindi", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""What models are told for two letters; another language is told as it was given."""


def request(language: str | None) -> str:
    """What a model is asked."""
    if language is None:
        return REQUEST
    return f"{REQUEST} Write it in {LANGUAGES.get(language.casefold(), language)}."


class ServedCaptioner:
    """A model on a server.

    Raises
    ------
    EncoderError
        When the server does not answer.
    """

    languages = True
    min_side = 1024

    def __init__(self, url: str) -> None:
        self._model = ServedModel(url)
        self.origin = self._model.origin

    def write(
        self, picture: PIL.Image.Image, language: str | None = None
    ) -> list[tuple[str, float]]:
        """One caption, without a probability: servers tell none."""
        text = self._model.write([request(language), picture], most_tokens=MOST_TOKENS)
        return [(" ".join(text.split()), 0.0)]


class ChatCaptioner:
    """A model of Transformers with a chat template: LLaVA, Qwen-VL, SmolVLM and their relatives.

    Parameters
    ----------
    model : HubChat
    """

    languages = True
    min_side = 1024

    def __init__(self, model: HubChat) -> None:
        self._model = model

    @property
    def origin(self) -> Origin:
        """The model."""
        return self._model.origin

    def write(
        self, picture: PIL.Image.Image, language: str | None = None
    ) -> list[tuple[str, float]]:
        """One caption and the mean log-probability of its word pieces."""
        text, score = self._model.scored([picture, request(language)], most_tokens=MOST_TOKENS)
        return [(" ".join(text.split()), score)]
