"""From what a classifier says of segments to probabilities of the items that they are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.tasks.yes_no import odds

Ids = npt.NDArray[np.int64]


def counting_segments(
    item_ids: Ids, modalities: npt.NDArray[np.str_], kinds: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Which segments an item is labelled by: those of the first of some modalities that it has.

    Parameters
    ----------
    item_ids : ndarray of int64, shape (n,)
        Items of the segments.
    modalities : ndarray of str, shape (n,)
        Of the segments.
    kinds : sequence of str
        The modality that counts before the others first.
    """
    rank = {kind: place for place, kind in enumerate(kinds)}
    places = np.array([rank.get(kind, len(kinds)) for kind in modalities.tolist()], int)
    ids, rows = np.unique(item_ids, return_inverse=True)
    best = np.full(len(ids), len(kinds))
    np.minimum.at(best, rows, places)
    counting: npt.NDArray[np.bool_] = (places == best[rows]) & (places < len(kinds))
    return counting


def of_items(
    item_ids: Ids, probabilities: npt.NDArray[np.float64], *, judged: bool
) -> tuple[Ids, npt.NDArray[np.float32]]:
    """Probabilities of items.

    Parameters
    ----------
    item_ids : ndarray of int64, shape (n,)
        Items of the segments.
    probabilities : ndarray of float64, shape (n, labels)
        Of the segments.
    judged : bool
        Whether each label is judged by itself.

    Returns
    -------
    ids : ndarray of int64, shape (m,)
        In ascending order.
    probabilities : ndarray of float32, shape (m, labels)
        The mean of an item's segments'. Where labels are judged by themselves it is the mean of
        their odds: what is asked is whether a label fits any part of an item, and a part that it
        fits ten times better than chance makes it five times likelier beside one that tells
        nothing.
    """
    ids, rows = np.unique(item_ids, return_inverse=True)
    means = np.zeros((len(ids), probabilities.shape[1]))
    np.add.at(means, rows, odds(probabilities) if judged else probabilities)
    means /= np.bincount(rows, minlength=len(ids))[:, None]
    if judged:
        means = means / (1 + means)
    return ids, means.astype(np.float32)
