"""Recognisers of Transformers other than Whisper: by CTC, or by a decoder that writes the words."""

from __future__ import annotations

from typing import Any

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.tasks.hearing.base import (
    RATE,
    SHORT_GAP,
    WINDOW_SECONDS,
    Samples,
    of_tokens,
    require_pretrained,
)
from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.hearing.transformers_whisper import token_texts
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained

WRITERS = ("moonshine", "moonshine_streaming", "speech-encoder-decoder", "speech_to_text",
           "speecht5")  # fmt: skip
"""Kinds with a decoder that are given sound alone; others are told by a prompt of their own."""

TOKENS_A_SECOND = 13
"""Most word pieces of a second of speech, twice what Moonshine's authors allow for English: without
a limit such models repeat themselves where they are lost."""

PLACES = ("max_position_embeddings", "max_target_positions", "max_text_positions")
"""What configurations call the number of word pieces that a decoder has places for."""


class TransformersSpeech:
    """A recogniser of Transformers: wav2vec 2.0, HuBERT, Parakeet (CTC), Moonshine, SpeechT5 ...

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
        """See `Recogniser`; the language is the one that the model was taught."""
        import torch

        seconds = len(samples) / RATE
        with self._using() as (model, features, tokenizer), torch.inference_mode():
            given = features(samples, sampling_rate=RATE, return_tensors="pt").to(model.device)
            known = ("input_values", "input_features", "attention_mask")
            given = {name: given[name] for name in known if name in given}
            if _is_ctc(model.config):
                tokens, logs, starts = _spelt(model, given, seconds)
            else:
                tokens, logs = _written(model, given, seconds)
                starts = None
            special = {*tokenizer.all_special_ids, model.config.pad_token_id}
            special.discard(getattr(tokenizer, "word_delimiter_token_id", None))
            kept = [n for n, token in enumerate(tokens) if token not in special]
            texts = _texts(tokenizer, [tokens[n] for n in kept])
        times = [starts[n] for n in kept] if starts is not None else None
        return of_tokens(texts, times, [logs[n] for n in kept], seconds, language or "")

    def require_here(self, *, ask: bool = True) -> None:
        """See `Recogniser`."""
        require_pretrained(self.name, ask=ask)

    _size = 600 << 20

    def _using(self) -> Any:
        return LOADED.using(("speech-hf", self.name), self._load, self._size)

    def _load(self) -> tuple[Any, Any, Any]:
        try:
            import torch
            import transformers

            from sensorium.encoders.pretrained import load_pretrained
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "hub") from error
        try:
            config = load_pretrained(transformers.AutoConfig, self.name)
            if not _is_ctc(config) and config.model_type not in WRITERS:
                raise EncoderError(
                    f"{self.name} is a {config.model_type}, which is not read: name a Whisper, one "
                    "with CTC (wav2vec 2.0, HuBERT, Parakeet), a Moonshine, or a server that has it"
                )
            kind: Any = transformers.AutoModelForSpeechSeq2Seq
            if _is_ctc(config):
                kind = transformers.AutoModelForCTC
            model = load_pretrained(kind, self.name, use_safetensors=True).eval()
            # One by one: as a processor, they would want a language model where there is one.
            features = load_pretrained(transformers.AutoFeatureExtractor, self.name)
            tokenizer = load_pretrained(transformers.AutoTokenizer, self.name)
        except EncoderError:
            raise
        except Exception as error:  # the library's errors share no base
            raise EncoderError(
                f"the speech model {self.name!r} cannot be loaded ({error}): name one of a hub or "
                "its folder, or take 'base'"
            ) from error
        return (model.to("cuda") if torch.cuda.is_available() else model), features, tokenizer


def _is_ctc(config: Any) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CTC_MAPPING

    return type(config) in MODEL_FOR_CTC_MAPPING


def _spelt(model: Any, given: Any, seconds: float) -> tuple[list[int], list[float], list[float]]:
    """Tokens by CTC (Graves et al. 2006): the best of each frame, repeated ones once.

    A token is as sure as its first frame, and begins there; what is blank is left to the caller.
    """
    logits = model(**given).logits[0].float()
    best = logits.argmax(dim=-1)  # a softmax may round two of them to one
    tokens = best.tolist()
    logs = logits.log_softmax(-1).gather(1, best[:, None])[:, 0].tolist()
    first = [n for n in range(len(tokens)) if n == 0 or tokens[n] != tokens[n - 1]]
    starts = [n / len(tokens) * seconds for n in first]
    return [tokens[n] for n in first], [logs[n] for n in first], starts


def _written(model: Any, given: Any, seconds: float) -> tuple[list[int], list[float]]:
    """Tokens that a decoder writes greedily, and their log-probabilities."""
    config = getattr(model.config, "decoder", None) or model.config
    places = [getattr(config, name) - 2 for name in PLACES if getattr(config, name, None)]
    found = model.generate(
        **given, max_new_tokens=max(1, min(1 + int(TOKENS_A_SECOND * seconds), *places, 1 << 20)),
        num_beams=1, do_sample=False, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    tokens = found.sequences[0][-len(found.scores) :].tolist()
    return tokens, [
        float(score[0].float().log_softmax(-1)[token])
        for score, token in zip(found.scores, tokens, strict=True)
    ]


def _texts(tokenizer: Any, tokens: list[int]) -> list[str]:
    """What each token adds to the text; a new word begins with a space."""
    between = getattr(tokenizer, "word_delimiter_token", None)
    if between is None:
        return token_texts(tokenizer, tokens)
    spelt = tokenizer.convert_ids_to_tokens(tokens)
    texts, before = [], between
    for letter in spelt:  # letters, with a sign between words
        texts.append("" if letter == between else (" " if before == between else "") + letter)
        before = letter
    return texts
