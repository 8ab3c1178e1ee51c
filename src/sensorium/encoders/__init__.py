"""Encoders: media of one modality become unit vectors of one `Space`."""

from sensorium.encoders.base import Encoder, Prepared, encode_queries
from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.registry import DEFAULT_ENCODER, load_encoder, shipped_encoders
from sensorium.encoders.space import Space
from sensorium.encoders.yes_no import answer
from sensorium.encoders.zero_shot import ZeroShotClassifier

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
