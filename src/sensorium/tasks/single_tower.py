"""Classifiers that are one model of Transformers: BERT for texts, ViT for pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.sources import media_of
from sensorium.encoders.pretrained import load_pretrained
from sensorium.errors import (
    EncoderError,
    MissingExtraError,
    NotAtHandError,
    UnknownModelError,
    UsageError,
)
from sensorium.folders import faults_of_disk
from sensorium.media import Image, Modality, Text

try:
    import torch
    import transformers
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

MODALITIES = {"text": Modality.TEXT, "image": Modality.IMAGE}

MAX_TOKENS = 512
BATCH_SIZE = 32


class SingleTower:
    """A model with a classification head, and what prepares its inputs.

    Parameters
    ----------
    method : {"text", "image"}
        ``AutoModelForSequenceClassification`` or ``AutoModelForImageClassification``.
    name : str or Path
        A hub id or folder. A head for another number of classes is replaced.
    labels : sequence of str

    Raises
    ------
    EncoderError
        When it cannot be loaded as such a model.
    """

    def __init__(self, method: str, name: str | os.PathLike[str], labels: Sequence[str]) -> None:
        self.method, self.name, self.labels = method, os.fspath(name), list(labels)
        of_text = method == "text"
        head: Any = (
            transformers.AutoModelForSequenceClassification
            if of_text
            else transformers.AutoModelForImageClassification
        )
        processor: Any = transformers.AutoTokenizer if of_text else transformers.AutoImageProcessor
        try:
            self.processor = load_pretrained(processor, self.name)
            self.model: Any = load_pretrained(
                head,
                self.name,
                num_labels=len(self.labels),
                id2label=dict(enumerate(self.labels)),
                label2id={label: number for number, label in enumerate(self.labels)},
                ignore_mismatched_sizes=True,
                use_safetensors=True,
            )
        except (NotAtHandError, UnknownModelError):
            raise
        except Exception as error:  # the libraries below raise nearly any exception
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = lines[0] if lines else repr(error)
            raise EncoderError(
                f"{self.name} cannot be loaded as a model for {method} classification: {reason}"
            ) from error
        self.model.eval()

    def inputs(self, sources: Sequence[Any]) -> dict[str, torch.Tensor]:
        """What the model takes of media.

        Raises
        ------
        MediaError
            When one cannot be read.
        UsageError
            For media of another modality.
        """
        media = [media_of(source) for source in sources]
        if self.method == "text":
            texts = [self._text(item) for item in media]
            limit = min(MAX_TOKENS, self.processor.model_max_length)
            found = self.processor(
                texts, padding=True, truncation=True, max_length=limit, return_tensors="pt"
            )
        else:
            pictures = [self._picture(item) for item in media]
            found = self.processor(images=pictures, return_tensors="pt")
        return dict(found)

    def _text(self, media: Any) -> str:
        if isinstance(media, Text):
            return media.text
        if media.modality == Modality.TEXT:  # a document: its passages, in order
            passages = (segment.media for segment in media.segments())
            return "\n".join(one.text for one in passages if isinstance(one, Text))
        raise UsageError(f"a text classifier takes texts, got {media!r:.80}")

    def _picture(self, media: Any) -> npt.NDArray[np.uint8]:
        if not isinstance(media, Image):
            raise UsageError(f"an image classifier takes pictures, got {media!r:.80}")
        return np.asarray(media.load())

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def logits(self, sources: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Logits before the temperature, shape (n, c)."""
        self.model.eval()
        device = next(self.model.parameters()).device
        parts = [np.empty((0, len(self.labels)))]
        for start in range(0, len(sources), BATCH_SIZE):
            inputs = self.inputs(sources[start : start + BATCH_SIZE])
            moved = {name: value.to(device) for name, value in inputs.items()}
            parts.append(self.model(**moved).logits.double().cpu().numpy())
        return np.concatenate(parts)

    def save(self, folder: Path) -> None:
        """Write the model and its processor in the format of Transformers."""
        with faults_of_disk(folder):
            self.model.save_pretrained(folder, safe_serialization=True)
            self.processor.save_pretrained(folder)
