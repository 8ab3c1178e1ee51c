"""Classifiers without training: class names, class means, and a cache of examples.

All of them are fitted in closed form; the few settings they have are chosen by leaving out one
example at a time, never on what they are tested with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder
from sensorium.tasks.classification import centred, class_shares
from sensorium.tasks.zero_shot import ZeroShotClassifier
from sensorium.training.calibration import fit_temperature
from sensorium.training.heads import (
    UNTUNED,
    Fitted,
    Labels,
    Vectors,
    calibrated,
    rows_left_out,
)

NEAREST_MEAN_TEMPERATURE = 0.2
"""Softmax temperature over centred cosines with one example a class, where none can be fitted:
about what leaving out one of two gave on validation pictures (docs/training/classifier.md)."""

BETAS = (0.5, 1.0, 2.0, 4.0, 5.5, 8.0, 16.0, 32.0)
"""How fast a cached example's say falls with distance; 5.5 is the paper's."""

ALPHAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""Weight of the cache against the class names; 0 is zero-shot, 1 the paper's default."""

DEFAULT_ALPHA, DEFAULT_BETA = 1.0, 5.5  # Zhang et al. 2022, section 4.1


def text_vectors(
    encoder: Encoder, classes: Sequence[Sequence[str]], prompts: Sequence[str] | None = None
) -> Vectors:
    """A unit vector for every class: the mean of all its labels in all prompts.

    Parameters
    ----------
    encoder : Encoder
        Whose space holds texts.
    classes : sequence of sequence of str
        Labels of every class, all different.
    prompts : sequence of str, optional
        Templates holding ``{}``; None takes the space's own.

    Returns
    -------
    ndarray of float32, shape (len(classes), d)
    """
    labels = [label for of_class in classes for label in of_class]
    vectors = ZeroShotClassifier(encoder, labels, prompts).vectors
    starts = np.cumsum([0, *(len(of_class) for of_class in classes[:-1])])
    sums = np.add.reduceat(vectors, starts, axis=0)
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), np.float32)


def fit_zero_shot(vectors: Vectors, labels: Labels, texts: Vectors, temperature: float) -> Fitted:
    """Class names as weights (Radford et al. 2021, section 3.1); only the temperature is fitted.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        0 to c - 1.
    texts : ndarray of float32, shape (c, d)
        From `text_vectors`.
    temperature : float
        The space's own; by it the logits are scaled.
    """
    weights = texts / np.float32(temperature)
    # Nothing was fitted on these items, so that none has to be left out.
    own, loss = calibrated(vectors @ weights.T, labels, 1.0)
    return Fitted({"weights": weights}, {}, own, loss)


def fit_nearest_mean(vectors: Vectors, labels: Labels, classes: int, *, seed: int = 0) -> Fitted:
    """The class whose mean is nearest, over centred vectors (SimpleShot, Wang et al. 2019).

    The mean of all examples is subtracted first (CL2N, section 3): vectors of one modality lie in
    a cone, and what they have in common tells no classes apart. The mean is that of the class
    means, so that frequent classes do not move it.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        0 to classes - 1, each at least once.
    classes : int
    seed : int
        Of the sample that is left out where there are very many.
    """
    counts = np.bincount(labels, minlength=classes)
    sums = np.zeros((classes, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    means = sums / counts[:, None]
    rows = rows_left_out(labels, seed)
    left_out = np.empty((len(rows), classes))
    for place, row in enumerate(rows):
        own = labels[row]
        without = means.copy()
        without[own] = (sums[own] - vectors[row]) / (counts[own] - 1)
        centre = without.mean(axis=0)
        left_out[place] = centred(without, centre) @ centred(vectors[row], centre)
    temperature, loss = calibrated(left_out, labels[rows], NEAREST_MEAN_TEMPERATURE)
    centre = means.mean(axis=0)
    arrays = {
        "weights": centred(means, centre).astype(np.float32),
        "centre": centre.astype(np.float32),
    }
    return Fitted(arrays, {}, temperature, loss, "" if len(rows) else UNTUNED)


def fit_tip_adapter(
    vectors: Vectors,
    labels: Labels,
    texts: Vectors,
    temperature: float,
    *,
    seed: int = 0,
) -> Fitted:
    """Class names, and a cache of the examples that votes beside them (Zhang et al. 2022).

    ``logits = v @ texts / temperature + alpha * exp(-beta * (1 - v @ keys)) @ one_hot``, equation
    5. The paper searches alpha and beta on validation pictures; here each example is left out of
    the cache in turn and must be recognised by the others, which takes no further pictures.

    Parameters
    ----------
    vectors, labels, texts, temperature
        As for `fit_zero_shot`.
    seed : int
        Of the sample that is left out where there are very many.
    """
    classes = len(texts)
    weights = texts / np.float32(temperature)
    arrays = {"weights": weights, "keys": vectors, "values": labels.astype(np.int32)}
    rows = rows_left_out(labels, seed)
    if not len(rows):
        settings = {"alpha": DEFAULT_ALPHA, "beta": DEFAULT_BETA}
        # Class names were not fitted to the examples, so that these tell the temperature.
        return Fitted(
            arrays, settings, fit_temperature(vectors @ weights.T, labels)[0], note=UNTUNED
        )
    known = vectors[rows] @ weights.T
    distances = 1 - vectors[rows] @ vectors.T
    # exp(-beta * infinity) is 0: an example has no say about itself.
    distances[np.arange(len(rows)), rows] = np.inf
    shares = class_shares(labels, classes)
    best: tuple[float, float, float, float] | None = None
    for beta in BETAS:
        votes = _left_out_votes(np.exp(-beta * distances), shares, labels, rows)
        for alpha in ALPHAS:
            own, loss = calibrated(known + alpha * votes, labels[rows], 1.0)
            if best is None or loss < best[0]:
                best = (loss, alpha, beta, own)
    assert best is not None
    loss, alpha, beta, own = best
    return Fitted(arrays, {"alpha": alpha, "beta": beta}, own, loss)


def _left_out_votes(
    affinities: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float64],
    labels: Labels,
    rows: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Votes of a cache without the row itself, whose class keeps its weight by the others."""
    votes = np.asarray(affinities @ shares, np.float64)
    counts = np.bincount(labels)[labels[rows]]
    votes[np.arange(len(rows)), labels[rows]] *= counts / (counts - 1)
    return votes
