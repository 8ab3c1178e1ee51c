"""A trained classifier as a folder: what is written, and reading it back."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sensorium.encoders.space import Space
from sensorium.errors import UsageError
from sensorium.folders import make_folder, write_json
from sensorium.tasks.classification import (
    ENCODER,
    MODEL,
    OWN_MODEL_METHODS,
    TUNED_METHODS,
    VECTOR_METHODS,
    load_vector_classifier,
    read_config,
)
from sensorium.tasks.formats import CLASSIFIER
from sensorium.training.classifier_report import ClassifierReport
from sensorium.training.fitting import METHODS
from sensorium.training.predictors import HeadPredictor, ModelPredictor, Predictor

REPORT = "report.json"
ADAPTER = "adapter"


@dataclass(frozen=True)
class Stored:
    """What a folder holds of a classifier.

    Attributes
    ----------
    predictor : Predictor
    texts : dict of str to list of str
        The classes and the words that stand for them.
    trained : dict of str to int
        Examples of each class.
    prompts : list of str or None
    encoder : str
        What the encoder as it was before the training is loaded by.
    """

    predictor: Predictor
    texts: dict[str, list[str]]
    trained: dict[str, int]
    prompts: list[str] | None
    encoder: str


def write_classifier(
    folder: Path, stored: Stored, space: Space, report: ClassifierReport | None
) -> Path:
    """Write a classifier; `space` is that of the encoder before the training.

    Weights and models come first and ``classifier.json`` last, so that what was interrupted is
    no classifier.
    """
    predictor = stored.predictor
    make_folder(folder)
    _clear(folder, predictor)
    extra = {
        "texts": stored.texts,
        "trained": stored.trained,
        "prompts": stored.prompts,
        "reason": predictor.reason,
    }
    if report is not None:
        write_json(folder / REPORT, report.to_json())
    else:
        (folder / REPORT).unlink(missing_ok=True)  # of a classifier that was here before
    scores = _summary(report)
    if isinstance(predictor, ModelPredictor):
        predictor.model.save(folder / MODEL)
        described = {
            "method": predictor.method,
            "labels": list(stored.texts),
            "modality": predictor.method,
            "encoder": stored.encoder,
            "fingerprint": space.fingerprint,
            "temperature": predictor.temperature,
            "settings": {**predictor.settings, **extra},
            "scores": scores,
        }
        CLASSIFIER.write(folder, described)
        return folder
    head = predictor.head
    head = replace(head, settings={**head.settings, **extra}, scores=scores)
    if predictor.encoder is not None:
        source = Path(head.encoder).parent
        for name in (ENCODER, ADAPTER):
            _copy(source / name, folder / name)
        head = replace(head, encoder=str(folder / ENCODER))
    return head.save(folder)


def read_classifier(folder: str | os.PathLike[str]) -> Stored:
    """Read what `write_classifier` wrote.

    Raises
    ------
    UsageError
        When there is no classifier, or it is damaged.
    """
    folder = Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111
    config = read_config(folder)
    method = config.get("method")
    settings = config.get("settings", {})
    with CLASSIFIER.reading(folder):
        texts = {str(k): [str(text) for text in v] for k, v in settings["texts"].items()}
        counts = {str(label): int(count) for label, count in settings["trained"].items()}
        prompts = settings["prompts"]
        if list(texts) != config["labels"]:
            raise ValueError("texts are not those of the labels")
        base = str(settings["base"] if method in TUNED_METHODS else config["encoder"])
        if base == ENCODER:  # beside it, as of a classifier that was exported
            base = str(folder / ENCODER)
        temperature = float(config["temperature"])
    predictor: Predictor
    if method in VECTOR_METHODS:
        head = load_vector_classifier(folder)
        encoder = head.load_encoder() if method in TUNED_METHODS else None
        predictor = HeadPredictor(head, str(settings.get("reason", "")), encoder=encoder)
    elif method in OWN_MODEL_METHODS:
        from sensorium.tasks.single_tower import SingleTower

        model = SingleTower(method, folder / MODEL, list(texts))
        predictor = ModelPredictor(model, temperature, settings)
    else:
        raise UsageError(f"{folder}: unknown method {method!r}; known: {', '.join(METHODS)}")
    return Stored(predictor, texts, counts, prompts, base)


def _clear(folder: Path, predictor: Predictor) -> None:
    """Remove the encoder or model of another classifier that this one takes the place of."""
    if not CLASSIFIER.is_in(folder):
        return
    if isinstance(predictor, ModelPredictor):
        own = {MODEL}
    else:
        own = {ENCODER, ADAPTER} if predictor.encoder is not None else set()
    for name in {ENCODER, ADAPTER, MODEL} - own:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)


def _copy(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        return
    if target.exists():
        shutil.rmtree(target)
    if source.is_dir():
        shutil.copytree(source, target)


def _summary(report: ClassifierReport | None) -> dict[str, Any]:
    """The scores that a saved classifier carries."""
    if report is None or report.accuracy is None:
        return {}
    found: dict[str, Any] = {
        "accuracy": report.accuracy.estimate,
        "tested": report.tested,
        "how": report.how,
    }
    if report.zero_shot is not None:
        found["zero_shot"] = report.zero_shot.estimate
    return found
