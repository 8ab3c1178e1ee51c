"""Whisper by Transformers: any of a hub, or of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.tasks.hearing.base import (
    RATE,
    SHORT_GAP,
    WINDOW_SECONDS,
    Samples,
    is_invented,
    of_tokens,
    require_pretrained,
)
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained


class TransformersWhisper:
    """Whisper by Transformers.

    Parameters
    ----------
    name : str
        A hub id or a folder.
    """

    most_seconds = WINDOW_SECONDS
    gap = SHORT_GAP

    def __init__(self, name: str) -> None:
        self.name = name
        self._origin: Origin | None = None

    @property
    def origin(self) -> Origin:
        """See `Recogniser`."""
        if self._origin is None:
            self.require_here()
            self._origin = origin_of_pretrained(self.name)
        return self._origin

    def hear(self, samples: Samples, language: str | None) -> list[Said]:
        """See `Recogniser`."""
        import torch

        with LOADED.using(("whisper-hf", self.name), self._load, self._size) as (model, processor):
            given = processor(
                samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True
            ).to(model.device)
            settings = model.generation_config
            options: dict[str, Any] = {}
            languages = getattr(settings, "lang_to_id", None)
            if languages:
                if language is None:
                    with torch.inference_mode():
                        found = model.detect_language(given["input_features"])
                    known = {number: name for name, number in languages.items()}
                    language = known[int(found[0])].strip("<|>")
                options |= {"language": language, "task": "transcribe"}
            with torch.inference_mode():
                out = model.generate(
                    given["input_features"], attention_mask=given["attention_mask"],
                    return_dict_in_generate=True, output_scores=True, num_beams=1,
                    return_token_timestamps=bool(getattr(settings, "alignment_heads", None)),
                    **options,
                )  # fmt: skip
            tokens = out["sequences"][0]
            chosen = tokens[len(tokens) - len(out["scores"]) :]
            sure = [
                float(torch.log_softmax(score[0].float(), -1)[token])
                for score, token in zip(out["scores"], chosen, strict=True)
            ]
            times = out.get("token_timestamps")
            ends = times[0][-len(chosen) :].tolist() if times is not None else None
            special = {*processor.tokenizer.all_special_ids}
            kept = [n for n, token in enumerate(chosen.tolist()) if token not in special]
            texts = token_texts(processor.tokenizer, [int(chosen[n]) for n in kept])
            starts = [ends[n] for n in kept] if ends is not None else None
            mean = float(np.mean(sure)) if sure else 0.0
        if not kept or is_invented(mean, 0.0):
            return []
        return of_tokens(
            texts, starts, [sure[n] for n in kept], len(samples) / RATE, language or ""
        )

    def require_here(self, *, ask: bool = True) -> None:
        """See `Recogniser`."""
        require_pretrained(self.name, ask=ask)

    _size = 600 << 20

    def _load(self) -> tuple[Any, Any]:
        try:
            import torch
            from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

            from sensorium.encoders.pretrained import load_pretrained
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "hub") from error
        try:
            model = load_pretrained(
                AutoModelForSpeechSeq2Seq, self.name, use_safetensors=True
            ).eval()
            processor = load_pretrained(AutoProcessor, self.name)
        except EncoderError:
            raise
        except Exception as error:  # the library's errors share no base
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded ({error}): name a Whisper of a "
                "hub or its folder, or take 'base'"
            ) from error
        return (model.to("cuda") if torch.cuda.is_available() else model), processor


def token_texts(tokenizer: Any, tokens: Sequence[int]) -> list[str]:
    """What each token adds to the text: letters that several tokens make stand with the last."""
    texts, before = [], ""
    for n in range(1, len(tokens) + 1):
        whole = tokenizer.decode(tokens[:n], clean_up_tokenization_spaces=False)
        if whole.endswith("\ufffd"):
            texts.append("")
            continue
        texts.append(whole[len(before) :])
        before = whole
    return texts
