"""Encoders: media of one modality become unit vectors of one `Space`."""

from __future__ import annotations

from sensorium.encoders.base import Encoder, Prepared, encode_queries
from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.registry import DEFAULT_ENCODER, load_encoder, shipped_encoders
from sensorium.encoders.space import Space
from sensorium.lazy import lazily

__all__ = [
    "DEFAULT_ENCODER",
    "Encoder",
    "FolderEncoder",
    "Prepared",
    "Space",
    "ZeroShotClassifier",
    "answer",
    "encode_queries",
    "load_encoder",
    "shipped_encoders",
]

# Public names that were here before tasks had a place of their own.
_MOVED = {"ZeroShotClassifier": "sensorium.tasks.zero_shot", "answer": "sensorium.tasks.yes_no"}

__getattr__, __dir__ = lazily(__name__, _MOVED)
