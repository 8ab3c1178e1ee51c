"""The value that is explained: a function of media, whose model is asked and not looked into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.explain.worth import Values
from sensorium.media import Media, Modality
from sensorium.tasks.classification import MediaClassifier
from sensorium.tasks.origin import Origin
from sensorium.tasks.zero_shot import ZeroShotClassifier

BATCH = 32
"""Variants that the model sees at once."""

LEAST = 1e-6
"""Probabilities nearer to 0 or 1 count as this near, so that log odds are finite."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Value:
    """What is explained.

    Attributes
    ----------
    name : {"cosine", "log odds"}
    of_media : callable
        From media of one modality to their values, shape (k,).
    encoder : Encoder or None
        What makes vectors of media, where the value is one of vectors.
    of_vectors : callable or None
        From vectors, shape (k, d), and their modality to values, shape (k,).
    role : {"query", "document"}
        Which side of a pair the media are.
    origin : Origin
    """

    name: str
    of_media: Callable[[Sequence[Media]], Values]
    origin: Origin
    encoder: Encoder | None = None
    of_vectors: Callable[[Vectors, str], Values] | None = None
    role: Role = "document"

    def of_prepared(self, modality: Modality, prepared: Sequence[Prepared]) -> Values:
        """Values of what an encoder has prepared, in batches."""
        assert self.encoder is not None and self.of_vectors is not None
        vectors = [
            self.encoder.encode_prepared(modality, prepared[start : start + BATCH], self.role)
            for start in range(0, len(prepared), BATCH)
        ]
        return self.of_vectors(np.concatenate(vectors), str(modality))


def value_of_vectors(
    name: str,
    encoder: Encoder,
    of_vectors: Callable[[Vectors, str], Values],
    origin: Origin | None = None,
    role: Role = "document",
) -> Value:
    """A value that media have by their vectors."""

    def of_media(media: Sequence[Media]) -> Values:
        vectors = encoder.encode(media, role=role, batch_size=BATCH)
        return of_vectors(vectors, str(media[0].modality))

    origin = origin or Origin(encoder.name, encoder.space.fingerprint, "encoder")
    return Value(name, of_media, origin, encoder, of_vectors, role)


def cosine_to(encoder: Encoder, vectors: Vectors, role: Role = "document") -> Value:
    """The cosine to the nearest of some vectors, shape (m, d): those of the pair's other side."""

    def of_vectors(found: Vectors, modality: str) -> Values:
        return np.asarray((found @ vectors.T).max(axis=1), np.float64)

    return value_of_vectors("cosine", encoder, of_vectors, role=role)


def log_odds_of(
    classifier: ZeroShotClassifier, encoder: Encoder, label: int, *, multi: bool = False
) -> Value:
    """The log odds of one of a zero-shot classifier's labels."""

    def of_vectors(found: Vectors, modality: str) -> Values:
        probabilities = classifier.probabilities(found, multi=multi, modality=modality)
        return log_odds(probabilities[:, label])

    return value_of_vectors("log odds", encoder, of_vectors)


def log_odds_by(classifier: MediaClassifier, label: int, name: str) -> Value:
    """The log odds of one class of a trained classifier, whatever it is built of."""

    def of_media(media: Sequence[Media]) -> Values:
        return log_odds(classifier.probabilities(media)[:, label])

    return Value("log odds", of_media, Origin(name, "", "folder"))


def log_odds(probabilities: npt.NDArray[np.floating]) -> Values:
    """Log odds of probabilities, finite for 0 and 1, too."""
    kept = np.clip(probabilities.astype(np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
