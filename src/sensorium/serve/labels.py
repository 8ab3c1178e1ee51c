"""What classifiers say of a collection's items, kept: only items that are new are asked about."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection
from sensorium.collection.collection import store_of
from sensorium.collection.labelling import probabilities_by_classifier
from sensorium.collection.results import Segments
from sensorium.serve import classes
from sensorium.serve.maps import grouped
from sensorium.tasks.classification import vector_classifier_of
from sensorium.tasks.zero_shot import most_probable

KEPT = 8
"""Classifiers whose answers are kept: of 100,000 items and 10 labels they take 6 MB."""

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """Probabilities of labels of items.

    Attributes
    ----------
    labels : list of str
    items : ndarray of int64, shape (n,)
    probabilities : ndarray of float32, shape (n, labels)
    """

    labels: list[str]
    items: Ids
    probabilities: npt.NDArray[np.float32]

    @property
    def _first(self) -> npt.NDArray[np.intp]:
        return np.asarray(self.probabilities.argmax(axis=1))

    def among(self, items: Ids) -> Labels:
        """Of some items alone."""
        return self._rows(np.flatnonzero(np.isin(self.items, items)))

    def of_label(self, label: str, *, unsure: bool) -> Labels:
        """Items whose first label this is, the most probable first, or the least."""
        rows = np.zeros(0, np.intp)
        if label in self.labels:
            rows = np.flatnonzero(self._first == self.labels.index(label))
            certain = self.probabilities[rows].max(axis=1)
            rows = rows[np.argsort(certain if unsure else -certain, kind="stable")]
        return self._rows(rows)

    def counts(self) -> dict[str, int]:
        """How many items have which label first; the most frequent label first."""
        counted = np.bincount(self._first, minlength=len(self.labels)).tolist()
        found = [(label, n) for label, n in zip(self.labels, counted, strict=True) if n]
        return dict(sorted(found, key=lambda one: -one[1]))

    def page(self, start: int, stop: int, k: int) -> Iterator[tuple[int, list[tuple[str, float]]]]:
        """Items from one place to another, with their `k` most probable labels."""
        said = most_probable(self.labels, self.probabilities[start:stop], k)
        return zip(self.items[start:stop].tolist(), said, strict=True)

    def _rows(self, rows: npt.NDArray[np.intp]) -> Labels:
        return replace(self, items=self.items[rows], probabilities=self.probabilities[rows])


@dataclass(frozen=True)
class _Kept:
    """Of one classifier: what was asked, by the newest segment of each item, and the answers."""

    taught: object
    items: Ids
    newest: Ids
    labels: Labels


class KeptLabels:
    """Answers of the classifiers that were asked last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, str], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, collection: Collection, name: str) -> Labels:
        """What a classifier says of all items that it can label, in ascending order of their ids.

        Raises
        ------
        UnknownClassesError, SpaceMismatchError, UsageError
        """
        folder = classes.known(collection, name)
        taught = collection, _version(folder)
        key = collection.path, name
        segments = collection.segments()
        with self._lock:  # what two ask for at once is computed once
            held = self._kept.get(key)
            if held is not None and held.taught != taught:
                held = None
            self._kept[key] = held = _followed(collection, folder, taught, segments, held)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return held.labels


def _version(folder: Path) -> object:
    """Another one once it was taught again."""
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return [(name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in stats]


def _followed(
    collection: Collection, folder: Path, taught: object, segments: Segments, held: _Kept | None
) -> _Kept:
    order, starts, items = grouped(segments.item_ids)
    newest = np.maximum.reduceat(segments.ids[order], starts) if len(items) else items
    is_held = np.zeros(len(items), bool)
    if held is not None and len(held.items):
        rows = np.minimum(np.searchsorted(held.items, items), len(held.items) - 1)
        is_held = (held.items[rows] == items) & (held.newest[rows] == newest)
        if is_held.all() and len(items) == len(held.items):
            return held
    fresh = np.isin(segments.item_ids, items[~is_held])
    asked = Segments(
        segments.ids[fresh], segments.item_ids[fresh], segments.modalities[fresh],
        segments.vectors[fresh],
    )  # fmt: skip
    trained = vector_classifier_of(folder)
    ids, said = probabilities_by_classifier(
        store_of(collection), collection.encoder, asked, trained, classes.modalities_of(folder)
    )
    if held is not None:
        kept = held.labels.among(items[is_held])
        ids, said = np.concatenate([kept.items, ids]), np.concatenate([kept.probabilities, said])
        rows = np.argsort(ids)
        ids, said = ids[rows], said[rows]
    return _Kept(taught, items, newest, Labels([*trained.labels], ids, said))
