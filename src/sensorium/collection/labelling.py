"""Labels of items, from what a classifier says of their segments."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.collection.filters import COLUMNS
from sensorium.collection.hits import item_fields
from sensorium.collection.results import Labelled, Segments
from sensorium.collection.store import Store, tiles_among
from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import JUDGED
from sensorium.errors import UsageError
from sensorium.ranking.labels import counting_segments, of_items
from sensorium.tasks.classification import (
    TrainedClassifier,
    VectorClassifier,
    vector_classifier_of,
)
from sensorium.tasks.yes_no import answer
from sensorium.tasks.zero_shot import ZeroShotClassifier, most_probable

VECTOR_MODALITIES = {"video": "image", "mesh": "image"}
"""Modality of the segments of items that are encoded as frames or views."""

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Probabilities = Callable[[Vectors, str], npt.NDArray[np.float32]]
"""Takes vectors, shape (n, d), and the modality they are of; gives shape (n, labels)."""


def classify(
    store: Store,
    encoder: Encoder,
    segments: Callable[[], Segments],
    labels: Sequence[str] | str | os.PathLike[str] | VectorClassifier | TrainedClassifier,
    k: int,
    *,
    multi: bool,
    prompts: Sequence[str] | None,
    save: str | None,
    abstain: bool,
    modalities: Sequence[str] | None = None,
) -> list[Labelled]:
    """See `Collection.classify`."""
    if save is not None and (not save.isidentifier() or save in COLUMNS):
        raise UsageError(
            f"a label is saved under a name such as kind, not {', '.join(COLUMNS)}; got {save!r}"
        )
    if isinstance(labels, Sequence) and not isinstance(labels, str):
        if modalities is not None:
            raise UsageError("modalities go with a classifier: texts label all media")
        by_texts = ZeroShotClassifier(encoder, labels, prompts, abstain=abstain)
        judged = by_texts.judges(multi=multi)
        labelled = label_items(
            store, segments(),
            lambda vectors, kind: by_texts.probabilities(vectors, multi=multi, modality=kind),
            by_texts.labels, k, kinds=JUDGED if judged or abstain else None, judged=judged,
        )  # fmt: skip
    else:
        if isinstance(labels, str) and not os.path.isdir(labels):  # noqa: PTH112
            raise UsageError(
                f"labels are a list of texts, or the folder of a classifier: {labels!r:.80} is none"
            )
        if multi or abstain or prompts is not None:
            raise UsageError(
                "multi, prompts and abstain go with texts: a classifier has its own labels"
            )
        trained = vector_classifier_of(labels)
        trained.require_space(encoder.space)
        labelled = label_items(
            store, segments(), lambda vectors, _: trained.probabilities(vectors),
            trained.labels, k, kinds=_kinds(trained, modalities),
        )  # fmt: skip
    if save is not None:
        store.write(encoder.space, described=[(i.id, {save: i.labels[0][0]}) for i in labelled])
    return labelled


def label_items(
    store: Store,
    segments: Segments,
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
    store : Store
    segments : Segments
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
    ids, by_item = probabilities_of_items(
        store, segments, probabilities, len(labels), kinds=kinds, judged=judged
    )
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


def probabilities_by_classifier(
    store: Store,
    encoder: Encoder,
    segments: Segments,
    trained: VectorClassifier,
    modalities: Sequence[str] | None = None,
) -> tuple[Ids, Vectors]:
    """Probabilities of items by a classifier over vectors; see `Collection.classify`.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
        Of the items that have segments which it can label, in ascending order.
    probabilities : ndarray of float32, shape (m, labels)

    Raises
    ------
    SpaceMismatchError
        When it stands on vectors of another space.
    """
    trained.require_space(encoder.space)
    return probabilities_of_items(
        store, segments, lambda vectors, _: trained.probabilities(vectors), len(trained.labels),
        kinds=_kinds(trained, modalities),
    )  # fmt: skip


def _kinds(trained: VectorClassifier, modalities: Sequence[str] | None) -> list[str]:
    """Modalities of the segments that a classifier labels."""
    told = modalities or (trained.modality,)
    return list(dict.fromkeys(VECTOR_MODALITIES.get(one, one) for one in told))


def probabilities_of_items(
    store: Store,
    segments: Segments,
    probabilities: Probabilities,
    labels: int,
    *,
    kinds: Sequence[str] | None = None,
    judged: bool = False,
) -> tuple[Ids, Vectors]:
    """Ids of items, shape (m,), and their probabilities, shape (m, labels); see `label_items`."""
    item_ids, modalities, vectors = segments.item_ids, segments.modalities, segments.vectors
    # A picture is what it is as a whole, as when its file is classified.
    whole = ~tiles_among(store, segments.ids, item_ids, modalities)
    item_ids, vectors, modalities = item_ids[whole], vectors[whole], modalities[whole]
    if kinds is not None:
        counting = counting_segments(item_ids, modalities, kinds)
        item_ids, vectors, modalities = item_ids[counting], vectors[counting], modalities[counting]
    by_segment = np.zeros((len(item_ids), labels))
    for kind in {*modalities.tolist()}:
        by_segment[modalities == kind] = probabilities(vectors[modalities == kind], kind)
    return of_items(item_ids, by_segment, judged=judged)
