"""Classifiers that somebody teaches by a few items of a collection, kept beside it."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
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

KINDS = "modalities.json"
"""File in a classifier's folder: kinds of media that it was taught by, the most frequent first."""

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
        For an item that is not there, or stands under two labels; and where examples are of several
        kinds of media, which not every label has.
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
    kind_of = {number: _kind(item.modality) for number, item in items.items()}
    counts = Counter(kind_of.values()).most_common()
    kinds = [kind for kind, _ in counts] or ["image"]
    _require_all_kinds({label: {kind_of[i] for i in ids} for label, ids in examples.items()}, kinds)
    vectors, labels = _examples(collection, label_of, kind_of)
    trained = Classifier("auto", collection.encoder).fit(vectors, labels, modality=kinds[0])
    with _WRITING, unfinished(folder) as new:
        trained.save(new)
        (new / EXAMPLES).write_text(json.dumps({k: list(v) for k, v in examples.items()}), "utf-8")
        (new / KINDS).write_text(json.dumps(kinds), "utf-8")
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
        "modalities": modalities_of(folder),
    }


def modalities_of(folder: Path) -> list[str]:
    """What vectors a classifier was taught by are of, the most frequent first."""
    try:
        kinds: list[str] = json.loads((folder / KINDS).read_text("utf-8"))
    except FileNotFoundError:  # taught by an earlier version, which knew one kind
        return [_kind(read_config(folder)["modality"])]
    return kinds


def examples_of(collection: Collection, name: str) -> dict[str, list[int]]:
    """Ids of the items of each label that a classifier was taught by, without forgotten ones."""
    said: dict[str, list[int]] = json.loads((known(collection, name) / EXAMPLES).read_text("utf-8"))
    there = {item.id for item in collection.items(ids=[i for ids in said.values() for i in ids])}
    return {label: [i for i in ids if i in there] for label, ids in said.items()}


def label(collection: Collection, name: str, where: str | None) -> list[Labelled]:
    """Store what a classifier says of items as their metadata; see `Collection.classify`."""
    folder = known(collection, name)
    return collection.classify(
        folder, k=1, where=where, save=name, modalities=modalities_of(folder)
    )


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


def _kind(modality: str) -> str:
    """What the vectors of an item are of."""
    return VECTOR_MODALITIES.get(modality, modality)


def _require_all_kinds(kinds_of: Mapping[str, set[str]], kinds: Sequence[str]) -> None:
    """Refuse labels that differ in what kind of media they are.

    Vectors of texts and of pictures lie apart, whatever they are about. Where one label has photos
    and another has texts, that is what would be learned (`python -m benchmarks mixed_classes`).

    Raises
    ------
    UsageError
    """
    for label, there in kinds_of.items():
        if there and (missing := [kind for kind in kinds if kind not in there]):
            raise UsageError(
                f"{label!r} has no example of the kind {missing[0]}, which others have: give each "
                "label examples of the same kinds, as else the kinds would be told apart instead "
                "of the labels"
            )


def _examples(
    collection: Collection, label_of: Mapping[int, str], kind_of: Mapping[int, str]
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]:
    """A vector for each item: the mean of what is of its kind."""
    where = f"id IN ({','.join(map(str, label_of))})" if label_of else "0"
    found = collection.segments(where)
    wanted = np.array([kind_of[item] for item in found.item_ids.tolist()], found.modalities.dtype)
    chosen = found.modalities == wanted
    ids, rows = np.unique(found.item_ids[chosen], return_inverse=True)
    means = np.zeros((len(ids), found.vectors.shape[1]), np.float32)
    np.add.at(means, rows, found.vectors[chosen])
    return means, [label_of[item] for item in ids.tolist()]
