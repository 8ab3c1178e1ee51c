"""Classifiers that are one model of Transformers: BERT for texts, ViT for pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.sources import media_of
from sensorium.encoders.pretrained import load_pretrained
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Image, Modality, Text
from sensorium.media.progress import Progress
from sensorium.training.classifiers.heads import Labels
from sensorium.training.loop import Settings, train

try:
    import torch
    import transformers
    from torch import nn
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

MODEL = "model"
"""Folder of the model beside ``classifier.json``, in the format of Transformers."""

DEFAULTS = {
    "text": Settings(epochs=4, batch_size=16, learning_rate=5e-5, warmup=0.1),
    "image": Settings(epochs=8, batch_size=16, learning_rate=5e-5, warmup=0.1),
}
"""The middle of what BERT's authors searched (Devlin et al. 2019, A.3)."""

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

    def train(
        self,
        sources: Sequence[Any],
        labels: Labels,
        folder: Path,
        *,
        validation: tuple[Sequence[Any], Labels] = ((), np.empty(0, np.intp)),
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Train all weights; see `sensorium.training.loop.train` for `folder`.

        The weights of the epoch with the lowest loss on `validation` are kept, if there is any.
        """
        checked, right = validation

        def collate(batch: list[tuple[Any, int]]) -> dict[str, Any]:
            inputs = self.inputs([source for source, _ in batch])
            return {**inputs, "labels": torch.tensor([label for _, label in batch])}

        def validate(_: nn.Module) -> dict[str, float]:
            found = torch.from_numpy(self.logits(checked))
            target = torch.from_numpy(right)
            accuracy = (found.argmax(1) == target).double().mean()
            loss = nn.functional.cross_entropy(found, target)
            return {"loss": float(loss), "accuracy": float(accuracy)}

        train(
            self.model,
            list(zip(sources, labels.tolist(), strict=True)),
            collate,
            folder,
            settings or DEFAULTS[self.method],
            validate=validate if len(checked) else None,
            best=("loss", "min"),
            progress=progress,
        )
        self.model.eval()

    def save(self, folder: Path) -> None:
        """Write the model and its processor in the format of Transformers."""
        self.model.save_pretrained(folder, safe_serialization=True)
        self.processor.save_pretrained(folder)


def settings_for(defaults: Settings, overrides: Mapping[str, Any], seed: int) -> Settings:
    """A method's settings with some of them replaced.

    Raises
    ------
    UsageError
        For a setting that there is none of, or that cannot be.
    """
    known = Settings.__dataclass_fields__.keys()
    if unknown := overrides.keys() - known:
        raise UsageError(f"no setting {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return replace(defaults, seed=seed, **overrides)
