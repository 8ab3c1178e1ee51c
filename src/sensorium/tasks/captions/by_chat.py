"""Captions by models that one talks to: on a server, or of a hub with a chat template."""

from __future__ import annotations

import os
from functools import cached_property
from threading import Lock
from typing import Any

import PIL.Image

from sensorium.errors import EncoderError
from sensorium.tasks.chat import ServedModel
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained

REQUEST = "Describe this picture in one short sentence, without any introduction."

MOST_TOKENS = 100

LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "de": "German", "en": "English",
    "es": "Spanish", "fr": "French", "hi": "Hindi", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""What models are told for two letters; another language is told as it was given."""

_COMPUTING = Lock()


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
    """A model of Transformers with a chat template: LLaVA, Idefics, Gemma and their relatives."""

    languages = True
    min_side = 1024

    def __init__(self, name: str | os.PathLike[str], processor: Any) -> None:
        self.name = os.fspath(name)
        self._processor = processor

    @cached_property
    def origin(self) -> Origin:
        """The model; it is loaded for that, once."""
        with self._using() as model:
            return origin_of_pretrained(self.name, model)

    def write(
        self, picture: PIL.Image.Image, language: str | None = None
    ) -> list[tuple[str, float]]:
        """One caption and the mean log-probability of its word pieces."""
        import torch

        asked = [{"type": "image", "image": picture}, {"type": "text", "text": request(language)}]
        with self._using() as model, _COMPUTING, torch.inference_mode():
            try:
                inputs = self._processor.apply_chat_template(
                    [{"role": "user", "content": asked}], tokenize=True, return_dict=True,
                    add_generation_prompt=True, return_tensors="pt",
                ).to(model.device)  # fmt: skip
            except Exception as error:  # templates are programs of their own
                raise EncoderError(
                    f"{self.name}: its chat template takes no picture ({error!s:.200})"
                ) from error
            found = model.generate(
                **inputs, max_new_tokens=MOST_TOKENS, do_sample=False,
                return_dict_in_generate=True, output_scores=True,
            )  # fmt: skip
            written = found.sequences[:, inputs["input_ids"].shape[1] :]
            chances = model.compute_transition_scores(
                found.sequences, found.scores, normalize_logits=True
            )[0]
        text = self._processor.batch_decode(written, skip_special_tokens=True)[0]
        return [(" ".join(text.split()), float(chances.mean()) if len(chances) else 0.0)]

    def _using(self) -> Any:
        return LOADED.using(("captioner", self.name), self._load, 4 << 30)

    def _load(self) -> Any:
        from sensorium.encoders.hub_loading import choose_device
        from sensorium.tasks.captions.by_pixels import pretrained_captioner

        model = pretrained_captioner(self.name).eval()
        return model.to(choose_device(None)[0])


def chat_processor(name: str | os.PathLike[str]) -> Any | None:
    """The processor of a model that one talks to; None of any other."""
    import transformers

    from sensorium.encoders.pretrained import load_pretrained

    try:
        processor = load_pretrained(transformers.AutoProcessor, name)
    except EncoderError:
        raise
    except Exception:  # Transformers raises nearly any; what is wrong shows when it is loaded whole
        return None
    talks = hasattr(processor, "tokenizer") and getattr(processor, "chat_template", None)
    return processor if talks else None
