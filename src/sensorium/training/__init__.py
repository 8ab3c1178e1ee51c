"""Training on your own data: encoders, classifiers, fusion, hash codes, text from pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.training.classifier import Classifier as Classifier
    from sensorium.training.classifier import load_classifier as load_classifier
    from sensorium.training.collection_hash import hash_collection as hash_collection
    from sensorium.training.collection_hash import read_collection as read_collection
    from sensorium.training.fusion import FusionClassifier as FusionClassifier
    from sensorium.training.fusion import FusionRegressor as FusionRegressor
    from sensorium.training.hash import HashingSettings as HashingSettings

# Imported when first used: parts need torch, and no part needs another's.
_HOMES = {
    "Classifier": "classifier",
    "FusionClassifier": "fusion",
    "FusionRegressor": "fusion",
    "HashingSettings": "hash",
    "hash_collection": "collection_hash",
    "load_classifier": "classifier",
    "read_collection": "collection_hash",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
