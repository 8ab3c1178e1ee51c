"""The score of a question of several parts, and what each of them adds."""

from __future__ import annotations

import numpy as np

from sensorium.collection import Collection, Hit, Question
from sensorium.collection.collection import part_scores_of
from sensorium.collection.labelling import VECTOR_MODALITIES
from sensorium.collection.part_scores import PartScores, scores_by_chance
from sensorium.collection.question import told_part
from sensorium.encoders.base import Encoder
from sensorium.explain.explanation import Contribution
from sensorium.explain.values import Value, Vectors, value_of_vectors
from sensorium.explain.worth import Values
from sensorium.media import Media, Modality
from sensorium.ranking.scale import VIEWS, VIEWS_OF

NAME = "standard deviations"


def scores_for(
    question: Question, media: Media | Hit, encoder: Encoder, collection: Collection | None
) -> PartScores:
    """How parts are weighed where they were asked: in a collection, or nowhere.

    Raises
    ------
    MediaError, UsageError
        See `sensorium.collection.part_scores`.
    """
    if collection is not None:
        return part_scores_of(collection, question)
    kind = str(media.modality)
    if isinstance(media, Hit) and media.text is not None:
        kind = Modality.TEXT.value
    return scores_by_chance(question, encoder, VECTOR_MODALITIES.get(kind, kind))


def score_of(scores: PartScores, encoder: Encoder, media: Media | Hit) -> Value:
    """The score of all parts together, as a function of what is explained."""

    def of_vectors(vectors: Vectors, modality: str) -> Values:
        added = scores.contributions(vectors, kind_of(media, modality))
        return np.asarray(added.sum(axis=1))

    return value_of_vectors(NAME, encoder, of_vectors)


def contributions_of(scores: PartScores, vector: Vectors, kind: str) -> list[Contribution]:
    """What each part adds to the score of one segment.

    Parameters
    ----------
    scores : PartScores
    vector : ndarray of float32, shape (1, d)
    kind : str
        See `kind_of`.
    """
    standing = scores.evidence(vector, kind)[0]
    added = scores.contributions(vector, kind)[0]
    return [
        Contribution(told_part(part.what), part.weight, 0.0 if here != here else here, adds)
        for part, here, adds in zip(
            scores.question.parts, map(float, standing), map(float, added), strict=True
        )
    ]


def kind_of(media: Media | Hit, modality: str) -> str:
    """The kind of a segment: its modality, and of 3-D objects that they are views."""
    return VIEWS if media.modality == Modality.MESH and modality == VIEWS_OF else modality
