"""Classifiers that somebody teaches by a few items of a collection, kept beside it."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.collection import Collection, Labelled
from sensorium.collection.labelling import VECTOR_MODALITIES
from sensorium.errors import SensoriumError, UsageError
from sensorium.replacing import unfinished
from sensorium.tasks.classification import read_config
from sensorium.tasks.formats import CLASSIFIER
from sensorium.training.classifier import Classifier

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

EXAMPLES = "examples.json"
"""File in a classifier's folder: ids of the items of each label, so that it can be taught on."""

_WRITING = threading.Lock()


class UnknownClassesError(SensoriumError):
    """No classifier of this name was taught."""


def folder_of(collection: Collection, name: str) -> Path:
    """Where a classifier is, or would be.

    Raises
    ------
    UsageError
        For what is no name: letters, digits and _, as metadata has them.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r:.80} is no name: letters, digits and _, a letter first")
    return collection.path.with_name(f"{collection.path.stem}-classes") / name


def teach(
    collection: Collection, name: str, examples: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """Train a classifier by a few items of each label, in a moment.

    The method is the one of those without training (class names, means, a cache of examples) and
    the linear probe that recognises left-out examples best; see `sensorium.training.Classifier`.

    Parameters
    ----------
    collection : Collection
    name : str
        One that is there is replaced.
    examples : mapping of str to sequence of int
        Ids of items by label; two labels at least.

    Raises
    ------
    UsageError
        For an item that is not there, stands under two labels, or is of another modality.
    """
    folder = folder_of(collection, name)
    label_of: dict[int, str] = {}
    for label, ids in examples.items():
        if not label.strip():
            raise UsageError("a label is a word, and one is empty")
        for item in ids:
            if label_of.setdefault(item, label) != label:
                raise UsageError(f"item {item} is an example of {label_of[item]} and of {label}")
    items = {item.id: item for item in collection.items(ids=list(label_of))}
    if missing := sorted(set(label_of) - set(items)):
        raise UsageError(f"there is no item {missing[0]}")
    kinds = {VECTOR_MODALITIES.get(item.modality, item.modality) for item in items.values()}
    if len(kinds) > 1:
        raise UsageError(f"examples are of one kind, not {' and '.join(sorted(kinds))}")
    (kind,) = kinds or {"image"}
    vectors, labels = _examples(collection, label_of, kind)
    trained = Classifier("auto", collection.encoder).fit(vectors, labels, modality=kind)
    with _WRITING, unfinished(folder) as new:
        trained.save(new)
        (new / EXAMPLES).write_text(json.dumps({k: list(v) for k, v in examples.items()}), "utf-8")
    return told(folder)


def listed(collection: Collection) -> list[dict[str, Any]]:
    """All classifiers of a collection."""
    place = collection.path.with_name(f"{collection.path.stem}-classes")
    folders = sorted(place.iterdir()) if place.is_dir() else []
    return [told(one) for one in folders if _NAME.fullmatch(one.name) and CLASSIFIER.is_in(one)]


def told(folder: Path) -> dict[str, Any]:
    """What a classifier is."""
    config = read_config(folder)
    settings = config.get("settings", {})
    return {
        "name": folder.name,
        "labels": config["labels"],
        "examples": settings.get("trained", {}),
        "method": config["method"],
        "modality": config["modality"],
    }


def examples_of(collection: Collection, name: str) -> dict[str, list[int]]:
    """Ids of the items of each label that a classifier was taught by, without forgotten ones."""
    said: dict[str, list[int]] = json.loads((known(collection, name) / EXAMPLES).read_text("utf-8"))
    there = {item.id for item in collection.items(ids=[i for ids in said.values() for i in ids])}
    return {label: [i for i in ids if i in there] for label, ids in said.items()}


def label(collection: Collection, name: str, where: str | None) -> list[Labelled]:
    """Store what a classifier says of items as their metadata; see `Collection.classify`."""
    return collection.classify(known(collection, name), k=1, where=where, save=name)


def forget(collection: Collection, name: str) -> None:
    """Delete a classifier; what was labelled by it stays."""
    folder = known(collection, name)
    with _WRITING:
        CLASSIFIER.withdraw(folder)
        shutil.rmtree(folder, ignore_errors=True)


def known(collection: Collection, name: str) -> Path:
    """The folder of a classifier that was taught.

    Raises
    ------
    UnknownClassesError, UsageError
    """
    folder = folder_of(collection, name)
    if not CLASSIFIER.is_in(folder):
        known = ", ".join(one["name"] for one in listed(collection)) or "none"
        raise UnknownClassesError(f"no classes {name!r} were taught; there are {known}")
    return folder


def _examples(
    collection: Collection, label_of: Mapping[int, str], kind: str
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]:
    """A vector for each item: the mean of what is of its kind."""
    where = f"id IN ({','.join(map(str, label_of))})" if label_of else "0"
    found = collection.segments(where)
    chosen = found.modalities == kind
    ids, rows = np.unique(found.item_ids[chosen], return_inverse=True)
    means = np.zeros((len(ids), found.vectors.shape[1]), np.float32)
    np.add.at(means, rows, found.vectors[chosen])
    return means, [label_of[item] for item in ids.tolist()]
