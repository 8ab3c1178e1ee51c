"""Fusion models on disk: a folder with ``fusion.json`` and ``model.safetensors``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.evaluation.intervals import Interval

try:
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file
except ImportError as error:
    raise MissingExtraError(error.name or "safetensors", "train") from error

from sensorium.models.fusion import FusionModel
from sensorium.models.fusion_config import FusionConfig
from sensorium.training.fusion.batches import Batches
from sensorium.training.fusion.estimators import Fusion, FusionClassifier, FusionRegressor
from sensorium.training.fusion.features import Features, Target
from sensorium.training.fusion.report import FusionReport
from sensorium.training.fusion.tables import Column
from sensorium.training.loop import Settings

FILE = "fusion.json"
WEIGHTS = "model.safetensors"
KIND = "fusion"
FORMAT = 2
"""The second may be linear and have a report; the first is read as well."""

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
        "kind": KIND,
        "format": FORMAT,
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
        "scores": {
            target: {name: dataclasses.asdict(score) for name, score in scores.items()}
            for target, scores in model.scores.items()
        },
        "report": None if model.report is None else model.report.to_json(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    weights = {name: t.detach().cpu().contiguous() for name, t in model.model.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps(description, ensure_ascii=False, indent=1) + "\n", "utf-8")
    part.replace(folder / FILE)


def load_fusion(folder: Path) -> Fusion:
    """Read what `save_fusion` wrote.

    Raises
    ------
    UsageError
        When the folder holds no such model, one of another format, or it is damaged.
    """
    content = _read(folder / FILE)
    try:
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
        loaded.tables.columns = tuple(Column(**column) for column in content["columns"])
        loaded.tables.spaces = content["spaces"]
        loaded.tables.recorded_in = folder / FILE
        targets = [{**one, "labels": tuple(one["labels"])} for one in content["targets"]]
        loaded.targets = {one["name"]: Target(**one) for one in targets}
        loaded.scores = {
            target: {name: Interval(**score) for name, score in scores.items()}
            for target, scores in content["scores"].items()
        }
        if content.get("report") is not None:
            loaded.report = FusionReport.from_json(content["report"])
        features = Features.from_json(content["features"])
        model = FusionModel(FusionConfig.from_json(content["model"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder / FILE}: is damaged or was edited ({error!r})") from error
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{folder / WEIGHTS}: does not fit {FILE} ({reason})") from error
    loaded._batches = Batches(model.eval(), features, loaded.targets)
    return loaded


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path.parent} holds no {FILE}: it is no fusion model") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise UsageError(f"{path}: is not the description of a fusion model")
    if content.get("format") not in range(1, FORMAT + 1):
        raise UsageError(
            f"{path}: format {content.get('format')!r}; this version reads formats 1 to {FORMAT}"
        )
    return content
