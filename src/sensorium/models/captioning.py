"""Captions from the features of a frozen encoder, with any seq2seq model of Transformers.

Only what Transformers lacks is here: features are brought to the width of the model's word
embeddings and stand before its encoder, where text would stand. Captions of similar pictures may
stand behind them, to be copied from (Ramos et al. 2023, "SmallCap").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorium.errors import MissingExtraError

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

IGNORED = -100
"""Label of a place that is padding; torch's cross-entropy passes over it."""


class FeatureCaptioner(nn.Module):  # type: ignore[misc]
    """A seq2seq model that reads features of pictures.

    Parameters
    ----------
    seq2seq : PreTrainedModel
        Any of `AutoModelForSeq2SeqLM` that takes ``inputs_embeds``: BART, T5, Marian ...
    sources : mapping of str to (int, int)
        Number of tokens and their width, for each source of features.
    dropout : float
        Of the features, and the share of whole sources that are left out in training, so that
        the decoder does not lean on one.
    label_smoothing : float
        Share of the target's probability that is spread over all words (Szegedy et al. 2016);
        in training alone.
    """

    def __init__(
        self,
        seq2seq: Any,
        sources: Mapping[str, tuple[int, int]],
        *,
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.seq2seq = seq2seq
        self.sources = dict(sources)
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        width = seq2seq.get_input_embeddings().weight.shape[1]
        self.norms = nn.ModuleDict({n: nn.LayerNorm(w) for n, (_, w) in sources.items()})
        self.projections = nn.ModuleDict({n: nn.Linear(w, width) for n, (_, w) in sources.items()})
        # Encoders of seq2seq models know places in one sequence; this tells the sources apart.
        self.places = nn.ParameterDict(
            {
                n: nn.Parameter(torch.randn(tokens, width) * 0.02)
                for n, (tokens, _) in sources.items()
            }
        )

    def forward(
        self,
        features: Mapping[str, torch.Tensor],
        labels: torch.Tensor,
        context: torch.Tensor | None = None,
        context_mask: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Teacher-forced cross-entropy.

        Parameters
        ----------
        features : mapping of str to tensor, shape (n, tokens, width)
            By source.
        labels : tensor of int64, shape (n, length)
            Word pieces of the captions; `IGNORED` where they are padded.
        context : tensor of int64, shape (n, length), optional
            Word pieces of other captions.
        context_mask : tensor of int64, shape (n, length), optional
            1 where `context` is no padding.

        Returns
        -------
        dict
            "loss", a scalar; "logits", shape (n, length, vocabulary).
        """
        inputs = self._inputs(features, context, context_mask)
        # What stands at ignored places is never looked back at; it must only be a word piece.
        pieces = labels.masked_fill(labels == IGNORED, self.seq2seq.config.pad_token_id)
        logits = self.seq2seq(**inputs, labels=pieces, use_cache=False).logits
        return {"loss": cross_entropy(logits, labels, self._smoothing()), "logits": logits}

    def generate(
        self,
        features: Mapping[str, torch.Tensor],
        context: torch.Tensor | None = None,
        context_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> Any:
        """Word pieces of captions; `options` as Transformers' ``generate`` takes them."""
        return self.seq2seq.generate(**self._inputs(features, context, context_mask), **options)

    def _inputs(
        self,
        features: Mapping[str, torch.Tensor],
        context: torch.Tensor | None,
        context_mask: torch.Tensor | None,
    ) -> dict[str, torch.Tensor]:
        parts, masks = [], []
        for name, projection in self.projections.items():
            seen = self.norms[name](features[name].to(projection.weight.dtype))
            seen = functional.dropout(seen, self.dropout, self.training)
            parts.append(projection(seen) + self.places[name])
            kept = torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device)
            if self.training and len(self.projections) > 1:
                kept *= (torch.rand(len(kept), 1, device=seen.device) >= self.dropout).long()
            masks.append(kept)
        # Nothing at all to attend to would be a softmax over nothing.
        masks[0] = torch.where(sum(mask.sum(1, keepdim=True) for mask in masks) > 0, masks[0], 1)
        if context is not None and context.shape[1]:
            parts.append(self.seq2seq.get_input_embeddings()(context))
            masks.append(torch.ones_like(context) if context_mask is None else context_mask)
        return {"inputs_embeds": torch.cat(parts, 1), "attention_mask": torch.cat(masks, 1)}

    def _smoothing(self) -> float:
        return self.label_smoothing if self.training else 0.0


def cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Mean cross-entropy over word pieces that are not `IGNORED`.

    Parameters
    ----------
    logits : tensor, shape (n, length, vocabulary)
    labels : tensor of int64, shape (n, length)
    label_smoothing : float
    """
    return functional.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED,
        label_smoothing=label_smoothing,
    )  # fmt: skip
