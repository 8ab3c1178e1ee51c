"""Fusion models on disk: a folder with ``fusion.json`` and ``model.safetensors``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sensorium.evaluation.intervals import Interval
from sensorium.folders import write_tensors
from sensorium.tasks.formats import FUSION
from sensorium.tasks.fusion import WEIGHTS, read_fusion
from sensorium.training.fusion import Fusion, FusionClassifier, FusionRegressor
from sensorium.training.fusion_report import FusionReport
from sensorium.training.loop import Settings

_CLASSES: dict[str, type[Fusion]] = {
    "classifier": FusionClassifier,
    "regressor": FusionRegressor,
}


def save_fusion(model: Fusion, folder: Path) -> None:
    """Write a fitted model; the description last, so that a folder that has one is whole."""
    batches = model.batches
    task = next(name for name, kind in _CLASSES.items() if isinstance(model, kind))
    encoders = model.tables.encoder_names()
    description = {
        "task": task,
        "columns": [dataclasses.asdict(column) for column in model.tables.columns],
        "encoders": encoders,
        "spaces": model.tables.spaces,
        "crops": model.tables.crops,
        "targets": [dataclasses.asdict(target) for target in model.targets.values()],
        "features": batches.features.to_json(),
        "model": batches.model.architecture.to_json(),
        "class_weights": model.class_weights,
        "validation_share": model.validation_share,
        "test_share": model.test_share,
        "settings": dataclasses.asdict(model.settings),
        "scores": model.scores,
        "report": model.report,
    }
    FUSION.withdraw(folder)
    write_tensors(folder / WEIGHTS, model.model.state_dict())
    FUSION.write(folder, description)


def load_fusion(folder: Path) -> Fusion:
    """Read what `save_fusion` wrote.

    Raises
    ------
    UsageError
        When the folder holds no such model, one of another format, or it is damaged.
    """
    content = FUSION.read(folder)
    with FUSION.reading(folder):
        architecture = {
            name: value
            for name, value in content["model"].items()
            if name not in ("method", "modalities", "targets")
        }
        loaded = _CLASSES[content["task"]](
            content["model"]["method"],
            encoder=content["encoders"],
            crops=content["crops"],
            class_weights=content["class_weights"],
            validation_share=content["validation_share"],
            test_share=content.get("test_share", 0.0),
            settings=Settings(**content["settings"]),
            **architecture,
        )
        loaded.scores = {
            target: {name: Interval(**score) for name, score in scores.items()}
            for target, scores in content["scores"].items()
        }
        if content.get("report") is not None:
            loaded.report = FusionReport.from_json(content["report"])
    read = read_fusion(folder, content)
    loaded.tables, loaded.targets, loaded._batches = read.tables, read.targets, read.batches
    return loaded
