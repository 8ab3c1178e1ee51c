"""Encoders: media of one modality become unit vectors of one `Space`."""

from __future__ import annotations

from typing import Any

from sensorium.encoders.base import Encoder, Prepared, encode_queries
from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.registry import DEFAULT_ENCODER, load_encoder, shipped_encoders
from sensorium.encoders.space import Space

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


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        from importlib import import_module

        return getattr(import_module(_MOVED[name]), name)
    raise AttributeError(f"module 'sensorium.encoders' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MOVED])
