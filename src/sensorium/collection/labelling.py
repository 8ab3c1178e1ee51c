"""Labels of items, from what a classifier says of their segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.collection.hits import item_fields
from sensorium.collection.results import Labelled
from sensorium.collection.store import SQLiteStore
from sensorium.ranking.labels import counting_segments, of_items
from sensorium.tasks.yes_no import answer
from sensorium.tasks.zero_shot import most_probable

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
        In the order of adding; see `sensorium.ranking.labels.of_items`.
    """
    segment_ids, item_ids, vectors = segments
    modalities = store.modalities(segment_ids) if len(segment_ids) else np.array([], str)
    if kinds is not None:
        counting = counting_segments(item_ids, modalities, kinds)
        item_ids, vectors, modalities = item_ids[counting], vectors[counting], modalities[counting]
    by_segment = np.zeros((len(item_ids), len(labels)))
    for kind in {*modalities.tolist()}:
        by_segment[modalities == kind] = probabilities(vectors[modalities == kind], kind)
    ids, by_item = of_items(item_ids, by_segment, judged=judged)
    items = store.items(ids.tolist())
    return [
        Labelled(
            **item_fields(items[i]),
            labels=best_labels,
            answers={label: answer(p) for label, p in best_labels} if judged else {},
        )
        for i, best_labels in zip(ids.tolist(), most_probable(labels, by_item, k), strict=True)
        if i in items
    ]
