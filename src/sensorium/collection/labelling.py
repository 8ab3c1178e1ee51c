"""Labels of items, from what a classifier says of their segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.collection.hits import item_fields
from sensorium.collection.results import Labelled
from sensorium.collection.store import SQLiteStore
from sensorium.encoders.yes_no import answer, odds
from sensorium.encoders.zero_shot import most_probable

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Probabilities = Callable[[Vectors, str], npt.NDArray[np.float32]]
"""Takes vectors, shape (n, d), and the modality they are of; gives shape (n, labels)."""


def label_items(
    store: SQLiteStore,
    segments: tuple[Ids, Ids, Vectors],
    probabilities: Probabilities,
    labels: Sequence[str],
    k: int,
    *,
    kinds: Sequence[str] | None = None,
    judged: bool = False,
) -> list[Labelled]:
    """Label items.

    Parameters
    ----------
    store : SQLiteStore
    segments : tuple of ndarray
        Ids of segments and of their items, shape (n,), and their vectors, shape (n, d).
    probabilities : callable
    labels : sequence of str
    k : int
        Labels to give each item.
    kinds : sequence of str, optional
        Modalities of segments, the one that counts before the others first: an item is labelled by
        its segments of the first one that it has, and left out when it has none. None: by all.
    judged : bool
        Whether each label is judged by itself.

    Returns
    -------
    list of Labelled
        In the order of adding. Each has the mean of its segments' probabilities. Where labels are
        judged by themselves it is the mean of their odds: what is asked is whether a label fits any
        part of an item, and a part that it fits ten times better than chance makes it five times
        likelier beside one that tells nothing.
    """
    segment_ids, item_ids, vectors = segments
    modalities = store.modalities(segment_ids) if len(segment_ids) else np.array([], str)
    if kinds is not None:
        rank = {kind: place for place, kind in enumerate(kinds)}
        places = np.array([rank.get(kind, len(kinds)) for kind in modalities.tolist()], int)
        ids, rows = np.unique(item_ids, return_inverse=True)
        best = np.full(len(ids), len(kinds))
        np.minimum.at(best, rows, places)
        mask = (places == best[rows]) & (places < len(kinds))
        item_ids, vectors, modalities = item_ids[mask], vectors[mask], modalities[mask]
    ids, rows = np.unique(item_ids, return_inverse=True)
    by_segment = np.zeros((len(item_ids), len(labels)))
    for kind in {*modalities.tolist()}:
        found = probabilities(vectors[modalities == kind], kind)
        by_segment[modalities == kind] = odds(found) if judged else found
    means = np.zeros((len(ids), len(labels)))
    np.add.at(means, rows, by_segment)
    means /= np.bincount(rows, minlength=len(ids))[:, None]
    if judged:
        means = means / (1 + means)
    top = most_probable(labels, means.astype(np.float32), k)
    items = store.items(ids.tolist())
    return [
        Labelled(
            **item_fields(items[i]),
            labels=best_labels,
            answers={label: answer(p) for label, p in best_labels} if judged else {},
        )
        for i, best_labels in zip(ids.tolist(), top, strict=True)
        if i in items
    ]
