"""A trained classifier for phones: its encoder's tower and itself in LiteRT's format.

`classifier.tflite` takes the tower's vectors and gives probabilities; it is what
`sensorium.tasks.classification.VectorClassifier` computes. The folder is a classifier here, too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.encoders import FolderEncoder
from sensorium.encoders.export.checks import ExportReport, size_of
from sensorium.encoders.litert_runtime import SUFFIX, LiteRTRuntime
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Image, Media, Modality, Text
from sensorium.tasks.classification import (
    ENCODER,
    VectorClassifier,
    class_shares,
    load_vector_classifier,
)

try:
    import torch

    from sensorium.encoders.background import PASSAGES
    from sensorium.encoders.export.litert import BATCHES, convert, export_litert, sizes_of
    from sensorium.encoders.hub import HubEncoder
except MissingExtraError:
    raise
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "export-litert") from error

MOST_MOVED = 0.05
"""What a probability may differ by from the classifier's own, above which nothing is written."""

MODEL = f"classifier{SUFFIX}"


@dataclass(frozen=True)
class ClassifierExport:
    """What `export_classifier` wrote.

    Attributes
    ----------
    folder : Path
    encoder : ExportReport
        Of the tower.
    moved : float
        The largest difference of a probability to the classifier's own.
    same : int
        Inputs whose most probable label is the same.
    inputs : int
    bytes : int
    """

    folder: Path
    encoder: ExportReport
    moved: float
    same: int
    inputs: int
    bytes: int


def export_classifier(
    classifier: str | os.PathLike[str],
    folder: Path,
    *,
    images: Sequence[Path] = (),
    texts: Sequence[str] = (),
    batches: Sequence[int] = BATCHES,
) -> ClassifierExport:
    """Write a trained classifier and its encoder's tower for LiteRT.

    Parameters
    ----------
    classifier : path
        A folder that `sensorium train classifier` wrote, of any method over vectors.
    folder : Path
        New, or empty. Gets ``encoder``, ``classifier.tflite``, and what makes it a classifier here.
    images, texts, batches
        As `sensorium.encoders.export.litert.export_litert` takes them.

    Raises
    ------
    UsageError
        When the classifier is a model of its own, or of sounds; or as `export_litert`.
    EncoderError
        When tower or classifier cannot be converted, or give other results. Nothing is left then.
    """
    head = load_vector_classifier(Path(os.path.expanduser(classifier)))  # noqa: PTH111
    modality = Modality(head.modality)
    if modality not in (Modality.IMAGE, Modality.TEXT):
        raise UsageError(
            f"{classifier} labels media of the kind {modality}; for LiteRT there are those of "
            "images and of texts"
        )
    encoder = head.load_encoder()
    if not isinstance(encoder, (FolderEncoder, HubEncoder)):
        raise UsageError(f"{head.encoder} has no towers on this machine to be converted")
    sizes = sizes_of(batches)
    require_new(folder)
    given: list[Media] = [Image(path) for path in images]
    if modality == Modality.TEXT:
        given = [Text(text) for text in (texts or PASSAGES)]
    with placed(folder) as target:
        report = export_litert(
            encoder, target / ENCODER, images=images, texts=texts, batches=sizes, only=modality
        )
        samples = {
            f"batch_{size}": {"vectors": torch.zeros((size, encoder.space.dimension))}
            for size in sizes
        }
        convert(_Head(head).eval(), samples, target / MODEL, str(classifier))
        made = FolderEncoder(target / ENCODER)
        found = LiteRTRuntime(target / MODEL).run({"vectors": made.encode(given)})
        wanted = head.probabilities(encoder.encode(given))
        moved = np.abs(found - wanted).max(axis=1)
        if (largest := float(moved.max())) > MOST_MOVED:
            raise EncoderError(
                f"{classifier}: a probability of {given[int(moved.argmax())]!r:.100} moves by "
                f"{largest:.3f} in LiteRT, at most {MOST_MOVED} is allowed; nothing was written"
            )
        replace(head, space=made.space, encoder=str(target / ENCODER)).save(target)
    same = int((found.argmax(axis=1) == wanted.argmax(axis=1)).sum())
    size = size_of(folder) + size_of(folder / ENCODER)
    return ClassifierExport(
        folder, replace(report, folder=folder / ENCODER), largest, same, len(given), size
    )


class _Head(torch.nn.Module):  # type: ignore[misc]
    """Unit vectors (n, d) to probabilities (n, c); see `VectorClassifier`."""

    def __init__(self, head: VectorClassifier) -> None:
        super().__init__()
        arrays: dict[str, Any] = {**head.arrays}
        if "keys" in arrays:
            arrays["values"] = class_shares(arrays["values"], head.classes)
        for name in ("weights", "bias", "centre", "keys", "values"):
            if name in arrays:
                self.register_buffer(name, torch.from_numpy(np.array(arrays[name], np.float32)))
            else:  # no buffer that is None: torch.export counts those
                setattr(self, name, None)
        self.temperature = head.temperature
        self.alpha = float(head.settings.get("alpha") or 0)
        self.beta = float(head.settings.get("beta") or 0)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(())
        if self.weights is not None:
            taken = vectors
            if self.centre is not None:
                taken = torch.nn.functional.normalize(vectors - self.centre, dim=-1)
            logits = logits + taken @ self.weights.T
        if self.bias is not None:
            logits = logits + self.bias
        if self.keys is not None:
            affinities = torch.exp(-self.beta * (1 - vectors @ self.keys.T))
            logits = logits + self.alpha * (affinities @ self.values)
        return torch.softmax(logits / self.temperature, dim=-1)
