"""What each part of a question adds to the score of any vector: for explanations of hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.collection.asking_parts import DEPTHS, measured, scales_of
from sensorium.collection.question import Asked, Question, asked_with
from sensorium.collection.snapshots import Snapshot
from sensorium.collection.store import Store
from sensorium.encoders import Encoder
from sensorium.encoders.background import background
from sensorium.errors import UsageError
from sensorium.index.base import Vectors
from sensorium.ranking.parts import Usual, contributions, of_items, standing_out, usual_of
from sensorium.ranking.scale import VIEWS, Samples, Scale


@dataclass(frozen=True)
class PartScores:
    """The parts of a question, and how they are weighed beside each other.

    Attributes
    ----------
    question : Question
    asked : sequence of Asked
    scales : sequence of sequence of Scale
        Of each vector of each part.
    usual : Usual or None
        What is usual of the unwanted parts in what is found.
    """

    question: Question
    asked: Sequence[Asked]
    scales: Sequence[Sequence[Scale]]
    usual: Usual | None

    def evidence(self, vectors: Vectors, kind: str) -> npt.NDArray[np.float64]:
        """Standard deviations by which segments stand out for each part.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        kind : str
            Their modality, or `sensorium.ranking.scale.VIEWS`.

        Returns
        -------
        ndarray of float64, shape (n, parts)
            NaN where a part has nothing to do with what holds such segments.

        Raises
        ------
        UsageError
            Where nothing tells what cosines to segments of this kind are by chance.
        """
        return _evidence(self.asked, self.scales, vectors, kind)

    def contributions(self, vectors: Vectors, kind: str) -> npt.NDArray[np.float64]:
        """What each part adds to the score of segments, shape (n, parts); see `evidence`."""
        weights = [part.weight for part in self.asked]
        return contributions(self.evidence(vectors, kind), weights, self.usual)


def scores_in(
    question: Question, encoder: Encoder, store: Store, snapshot: Snapshot, samples: Samples
) -> PartScores:
    """Weigh parts as a search of a collection does, so that scores are those of its hits.

    Raises
    ------
    MediaError
        When a part cannot be read.
    """
    asked = asked_with(question, lambda: encoder, store, vectors=True, words=False)
    usual = None
    if any(part.weight < 0 for part in asked):
        found = measured(
            store, snapshot, samples, asked, DEPTHS[0], None, set(), with_modality=False
        )
        usual = usual_of(found.evidence, [part.weight for part in asked])
    return PartScores(question, asked, scales_of(samples, asked), usual)


def scores_by_chance(question: Question, encoder: Encoder, modality: str) -> PartScores:
    """Weigh parts without a collection, by ordinary media that the encoder knows of.

    Parameters
    ----------
    question : Question
        Its examples are files: without a collection there are no items.
    encoder : Encoder
    modality : str
        What is compared: unwanted parts are beside ordinary media of it.

    Raises
    ------
    MediaError
        When a part cannot be read.
    UsageError
        As `PartScores.evidence`.
    """
    asked = asked_with(question, lambda: encoder, None, vectors=True, words=False)
    ordinary = background(encoder)
    if modality not in ordinary:
        raise _unknown(modality)
    scales = scales_of(Samples.of(dict(ordinary), {}), asked)
    weights = [part.weight for part in asked]
    usual = usual_of(_evidence(asked, scales, ordinary[modality], modality), weights)
    return PartScores(question, asked, scales, usual)


def _evidence(
    asked: Sequence[Asked], scales: Sequence[Sequence[Scale]], vectors: Vectors, kind: str
) -> npt.NDArray[np.float64]:
    known = scales[0][0].spreads
    if kind == VIEWS and VIEWS not in known:
        kind = "image"
    if kind not in known:
        raise _unknown(kind)
    alone = np.arange(len(vectors))
    columns = [
        of_items(standing_out(vectors @ part.vectors.T, None, (kind,), own), alone)
        for part, own in zip(asked, scales, strict=True)
    ]
    return np.stack(columns, axis=1)


def _unknown(kind: str) -> UsageError:
    return UsageError(
        f"several parts are weighed by what is usual of {kind}, which this encoder does not say: "
        "name a collection that holds some (collection=, in a shell -c)"
    )
