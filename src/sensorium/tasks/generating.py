"""What captioning and translation share: word pieces of texts, a model that writes, beam search."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.errors import (
    EncoderError,
    MissingExtraError,
    NotAtHandError,
    UnknownModelError,
    UsageError,
)

try:
    import torch
    import transformers
    from torch import nn

    from sensorium.models.captioning import IGNORED, cross_entropy
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


MOST_BEAMS, MOST_PIECES, MOST_PENALTY = 1000, 100_000, 100
"""Above what any search gains from; a model's folder says them, and memory grows with them."""


@dataclass(frozen=True)
class Search:
    """How a text is searched for.

    Parameters
    ----------
    beams : int
        Hypotheses that beam search keeps; 1 is greedy.
    max_length : int
        Word pieces of a text, at most.
    length_penalty : float
        Power of the length that a hypothesis' log-probability is divided by: 0 prefers short
        texts, 1 takes the mean over word pieces.
    """

    beams: int = 5
    max_length: int = 32
    length_penalty: float = 1.0

    def __post_init__(self) -> None:
        for name, most in (("beams", MOST_BEAMS), ("max_length", MOST_PIECES)):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise UsageError(
                    f"{name} is {value!r:.40}; it must be at least 1, and at most {most:,}"
                )
        penalty = self.length_penalty
        if not isinstance(penalty, (int, float)) or not abs(penalty) <= MOST_PENALTY:
            raise UsageError(f"length_penalty is {penalty!r:.40}; it is a number such as 1.0")

    def options(self, candidates: int = 1) -> dict[str, Any]:
        """Arguments of Transformers' ``generate``."""
        options: dict[str, Any] = {
            "num_beams": self.beams,
            "max_new_tokens": self.max_length,
            "do_sample": False,
            "num_return_sequences": candidates,
            "return_dict_in_generate": True,
            "output_scores": True,
        }
        if self.beams > 1:
            options |= {"length_penalty": self.length_penalty, "early_stopping": True}
        return options


def search_of(description: Mapping[str, Any], usual: Search) -> Search:
    """How a model's folder says that its texts are searched for.

    Raises
    ------
    UsageError
        When it is damaged.
    """
    if "search" not in description:
        return usual
    try:
        return Search(**description["search"])
    except TypeError as error:
        raise UsageError(f"the model's search is damaged ({error!s:.100})") from error


class TextGenerator(nn.Module):  # type: ignore[misc]
    """A model of Transformers that gives logits, with our loss.

    Parameters
    ----------
    model : PreTrainedModel
        An encoder-decoder, or a decoder that reads pictures and its own words.
    label_smoothing : float
        In training alone, of encoder-decoders; a decoder computes its own loss.
    """

    def __init__(self, model: Any, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing

    def forward(self, **batch: Any) -> dict[str, torch.Tensor]:
        """Teacher-forced cross-entropy of the batch's ``labels``."""
        found = self.model(**batch)
        if not self.model.config.is_encoder_decoder:
            return {"loss": found.loss}
        smoothing = self.label_smoothing if self.training else 0.0
        return {"loss": cross_entropy(found.logits, batch["labels"], smoothing)}


def label_pieces(tokenizer: Any, texts: Sequence[str], model: Any, max_length: int) -> torch.Tensor:
    """Word pieces of target texts, shape (n, length), `IGNORED` where they are padded.

    A begin that the model's decoder is given anyway is left out.
    """
    encoded = tokenizer(text_target=list(texts), truncation=True, max_length=max_length)
    rows = [list(ids) for ids in encoded["input_ids"]]
    if model.config.is_encoder_decoder:
        start = decoder_start(model)
        rows = [ids[1:] if len(ids) > 1 and ids[0] == start else ids for ids in rows]
    longest = max(map(len, rows))
    padded = [ids + [IGNORED] * (longest - len(ids)) for ids in rows]
    return torch.tensor(padded, dtype=torch.long)


def text_pieces(
    tokenizer: Any, texts: Sequence[str], max_length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Word pieces of source texts and their mask, each of shape (n, length)."""
    encoded = tokenizer(
        list(texts), truncation=True, max_length=max_length, padding=True, return_tensors="pt"
    )
    return encoded["input_ids"], encoded["attention_mask"]


def decoder_start(model: Any) -> int | None:
    """The word piece that a model's decoder begins with."""
    start = getattr(model.config, "decoder_start_token_id", None)
    generation = getattr(model, "generation_config", None)
    if start is None and generation is not None:
        start = generation.decoder_start_token_id
    return start


def decoded(tokenizer: Any, found: Any, candidates: int = 1) -> list[list[tuple[str, float]]]:
    """Texts of generated word pieces with their scores, best first, `candidates` an input.

    A score is the length-normalised log-probability by which beam search ranks; greedy search
    gives none, and it is 0.
    """
    texts = tokenizer.batch_decode(found.sequences, skip_special_tokens=True)
    scores = getattr(found, "sequences_scores", None)
    values = [0.0] * len(texts) if scores is None else scores.float().tolist()
    pairs = [(" ".join(text.split()), value) for text, value in zip(texts, values, strict=True)]
    return [pairs[start : start + candidates] for start in range(0, len(pairs), candidates)]


def cannot_be_loaded(name: str | os.PathLike[str], how: str, error: Exception) -> EncoderError:
    """What is said when a model cannot be loaded, with the first line of Transformers' error.

    Of one that is not on this machine, or that there is not, the error itself says what helps.
    """
    if isinstance(error, (NotAtHandError, UnknownModelError)):
        return type(error)(str(error))
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return EncoderError(f"{name} cannot be loaded {how}: {reason}")


transformers.utils.logging.disable_progress_bar()
