"""Training on your own data: encoders, classifiers, fusion, hash codes, text from pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensorium.training.classifiers.classifier import Classifier as Classifier
    from sensorium.training.classifiers.classifier import load_classifier as load_classifier
    from sensorium.training.fusion.estimators import FusionClassifier as FusionClassifier
    from sensorium.training.fusion.estimators import FusionRegressor as FusionRegressor

# Imported when first used: parts need torch, and no part needs another's.
_HOMES = {
    "Classifier": "classifiers.classifier",
    "FusionClassifier": "fusion.estimators",
    "FusionRegressor": "fusion.estimators",
    "load_classifier": "classifiers.classifier",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sensorium.training' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
