"""Detectors of a hub, or in a folder: with words for what is sought, or with labels of their own.

OWL-ViT, OWLv2, Grounding DINO and MM-Grounding-DINO find what is named to them; DETR and its
relatives what they were trained on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import PIL.Image

from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.tasks.boxes.found import Found, one_of_each
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin, origin_of_pretrained

try:
    import torch
    import transformers

    from sensorium.encoders.hub_loading import choose_device
    from sensorium.encoders.pretrained import load_pretrained
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

SAME = 0.7
"""Intersection over union from which on two boxes of one label are one: OWL has many of each."""

MOST_LABELS = 1000
"""Of one call: each costs time, or a part of a text."""

NAMELESS = ("N/A", "no-object")
"""Labels of DETR's that were never annotated."""

_COMPUTING = Lock()


class HubDetector:
    """A detector of Transformers.

    Parameters
    ----------
    name : str or Path
        A hub id, or a folder.

    Raises
    ------
    EncoderError
        When it is no detector, or cannot be loaded.
    """

    min_side = 1000
    least = 0.25  # what models with words give to what is clearly there; those without, 0.5

    def __init__(self, name: str | os.PathLike[str]) -> None:
        self.name = os.fspath(name)
        config = _loaded(transformers.AutoConfig, self.name)
        self.by_words = type(config) in (
            transformers.models.auto.modeling_auto.MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING
        )
        kinds = transformers.models.auto.modeling_auto.MODEL_FOR_OBJECT_DETECTION_MAPPING
        if not self.by_words and type(config) not in kinds:
            raise EncoderError(
                f"{self.name} is a {config.model_type}, which finds no boxes: name a detector "
                "(OWLv2, Grounding DINO, DETR)"
            )
        if not self.by_words:
            self.least = 0.5
        self.labels = [] if self.by_words else _own_labels(config)
        self._origin: Origin | None = None

    @property
    def origin(self) -> Origin:
        """See `Finder`."""
        if self._origin is None:
            self._origin = origin_of_pretrained(self.name)
        return self._origin

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """See `Finder`."""
        if self.by_words:
            return []
        known = {label.casefold() for label in self.labels}
        return [label for label in labels if label.casefold() not in known]

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float
    ) -> list[Found]:
        """See `Finder`.

        Raises
        ------
        UsageError
            When a model that is told what to look for is not.
        """
        if self.by_words and not labels:
            raise UsageError(f"{self.name} finds what is named to it: give it labels")
        if labels is not None and len(labels) > MOST_LABELS:
            raise UsageError(f"{len(labels)} labels are too many at once: {MOST_LABELS} at most")
        with self._using() as (model, processor), _COMPUTING, torch.inference_mode():
            if not self.by_words:
                rows = _with_own_labels(model, processor, picture, least)
            elif "owl" in model.config.model_type:
                rows = _one_text_each(model, processor, picture, list(labels or ()), least)
            else:
                rows = _in_one_text(model, processor, picture, list(labels or ()), least)
        wanted = None if labels is None else {label.casefold(): label for label in labels}
        found = []
        for label, probability, box in rows:
            shown = label if wanted is None else wanted.get(label.casefold())
            left, upper, right, lower = np.clip(box, 0, 1).tolist()
            if shown is not None and right > left and lower > upper:
                place = (left, upper, right, lower)
                found.append(Found(shown, probability, place, self.origin))
        return one_of_each(found, SAME)

    def _using(self) -> Any:
        return LOADED.using(("detector", self.name), self._load, 1 << 30)

    def _load(self) -> tuple[Any, Any]:
        kind = (
            transformers.AutoModelForZeroShotObjectDetection
            if self.by_words
            else transformers.AutoModelForObjectDetection
        )
        model = _loaded(kind, self.name, use_safetensors=True).eval()
        reader = transformers.AutoProcessor if self.by_words else transformers.AutoImageProcessor
        processor = _loaded(reader, self.name)
        return model.to(choose_device(None)[0]), processor


Rows = list[tuple[str, float, Any]]
"""Label, probability, and a box in shares."""


def _with_own_labels(model: Any, processor: Any, picture: PIL.Image.Image, least: float) -> Rows:
    inputs = processor(images=picture, return_tensors="pt").to(model.device)
    found = processor.post_process_object_detection(
        model(**inputs), threshold=least, target_sizes=[(1, 1)]
    )[0]
    names = model.config.id2label
    return [
        (names[int(label)], float(score), box.cpu().numpy())
        for label, score, box in zip(found["labels"], found["scores"], found["boxes"], strict=True)
        if names[int(label)] not in NAMELESS
    ]


def _one_text_each(
    model: Any, processor: Any, picture: PIL.Image.Image, labels: list[str], least: float
) -> Rows:
    """OWL: each label is a text, a square around the picture is what it sees."""
    texts = [f"a photo of a {label}" for label in labels]  # as it was trained and evaluated
    inputs = processor(text=[texts], images=picture, return_tensors="pt", truncation=True)
    found = processor.post_process_grounded_object_detection(
        model(**inputs.to(model.device)), threshold=least, target_sizes=[picture.size[::-1]]
    )[0]
    boxes = found["boxes"].cpu().numpy() / np.array([*picture.size, *picture.size])
    return [
        (labels[int(label)], float(score), box)
        for label, score, box in zip(found["labels"], found["scores"], boxes, strict=True)
    ]


def _in_one_text(
    model: Any, processor: Any, picture: PIL.Image.Image, labels: list[str], least: float
) -> Rows:
    """Grounding DINO: all labels are one text, "cat. dog.".

    A box is as near to a label as to the nearest piece of its part of the text.
    """
    plain = [" ".join(label.casefold().replace(".", " ").split()) for label in labels]
    text = " ".join(f"{label}." for label in plain)
    pieces = processor.tokenizer(text)["input_ids"]
    if len(pieces) > model.config.max_text_len and len(labels) > 1:
        half = len(labels) // 2
        return [
            *_in_one_text(model, processor, picture, labels[:half], least),
            *_in_one_text(model, processor, picture, labels[half:], least),
        ]
    full_stop = processor.tokenizer.convert_tokens_to_ids(".")
    special = {*processor.tokenizer.all_special_ids} - {processor.tokenizer.unk_token_id}
    parts: list[list[int]] = [[]]
    for place, piece in enumerate(pieces):
        if piece == full_stop:
            parts.append([])
        elif piece not in special:
            parts[-1].append(place)
    parts = parts[:-1] if len(parts) > len(plain) else parts
    if len(pieces) > model.config.max_text_len or len(parts) != len(plain) or not all(parts):
        raise UsageError(
            f"{', '.join(labels):.200}: no words that the model can read (of {len(pieces)} pieces, "
            f"at most {model.config.max_text_len})"
        )
    inputs = processor(images=picture, text=text, return_tensors="pt").to(model.device)
    outputs = model(**inputs)
    near = outputs.logits[0].sigmoid()
    middle, size = outputs.pred_boxes[0].split(2, dim=-1)
    boxes = torch.cat([middle - size / 2, middle + size / 2], dim=-1).cpu().numpy()
    rows: Rows = []
    for label, places in zip(labels, parts, strict=True):
        scores = near[:, places].max(dim=1).values.tolist()
        rows += [
            (label, score, box) for score, box in zip(scores, boxes, strict=True) if score >= least
        ]
    return rows


def _own_labels(config: Any) -> list[str]:
    return [name for name in config.id2label.values() if name not in NAMELESS]


def _loaded(kind: Any, name: str, **options: Any) -> Any:
    try:
        return load_pretrained(kind, name, **options)
    except EncoderError:
        raise
    except Exception as error:  # Transformers raises nearly any exception here
        place = "in this folder" if Path(name).is_dir() else "of the hub"
        raise EncoderError(
            f"{name} {place} cannot be loaded for detection: {str(error).splitlines()[0]:.300}"
        ) from error
