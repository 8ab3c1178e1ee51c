"""Zero-shot classification: labels are texts, and the nearest text wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder
from sensorium.encoders.ordinary import JUDGED, label_vectors
from sensorium.errors import UsageError
from sensorium.media import as_media
from sensorium.media.given import items_of
from sensorium.tasks.yes_no import NONE, independent, require_judgeable, rest, shares


class ZeroShotClassifier:
    """Classify by text labels alone (Radford et al. 2021, section 3.1).

    Every label is put into the prompts, and its vector is the normalised mean of theirs (prompt
    ensembling, section 3.1.4).

    Parameters
    ----------
    encoder : Encoder
    labels : sequence of str
        Labels that differ. One alone is a question: does it hold, or not?
    prompts : sequence of str, optional
        Templates holding one ``{}``. None takes the space's own.
    abstain : bool
        Whether "none of these" is an answer, too: the last of the labels.

    Raises
    ------
    UsageError
        For no labels, an empty or repeated label, or a template without ``{}``; for `abstain` with
        one label, or one that says the same.
    """

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        prompts: Sequence[str] | None = None,
        *,
        abstain: bool = False,
    ) -> None:
        for name, texts in (("labels", labels), ("prompts", prompts)):
            if isinstance(texts, str):
                raise UsageError(f"{name} are a list of texts, got the one text {texts!r}")
        self.labels = [label.strip() for label in labels]
        prompts = encoder.prompts if prompts is None else prompts
        if not self.labels or not all(self.labels):
            raise UsageError(f"give at least one label and no empty one, got {list(labels)!r}")
        if repeated := {x for x in self.labels if self.labels.count(x) > 1}:
            raise UsageError(f"labels must differ, repeated: {', '.join(sorted(repeated))}")
        if not prompts or not all("{}" in prompt for prompt in prompts):
            raise UsageError(f"every prompt needs a {{}} for the label, got {list(prompts)!r}")
        self.abstains = abstain
        if abstain and len(self.labels) == 1:
            raise UsageError("one label is answered by yes, no or cannot tell: it needs no 'none'")
        if abstain and (said := rest(self.labels)) is not None:
            raise UsageError(f"the label {self.labels[said]!r} says already that none fits")
        self.labels += [NONE] * abstain
        self._encoder, self._prompts = encoder, list(prompts)
        self.vectors = label_vectors(encoder, self.labels, prompts)

    def judges(self, *, multi: bool = False) -> bool:
        """Whether each label is judged by itself, with an `answer`: one label alone always is."""
        return multi or len(self.labels) == 1

    def probabilities(
        self, vectors: npt.NDArray[np.float32], *, multi: bool = False, modality: str = "image"
    ) -> npt.NDArray[np.float32]:
        """Probability of every label for every vector.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            Unit vectors of the classifier's space.
        multi : bool
            False: exactly one label holds; softmax over cosines divided by the space's
            temperature, so rows sum to one. "Something else", or "not a cat" beside "a cat", is
            what the others leave over. True, or a single label: each holds or not by itself, at
            even odds before looking (`sensorium.tasks.yes_no`).
        modality : str
            What the vectors are of.

        Returns
        -------
        ndarray of float32, shape (n, len(labels))

        Raises
        ------
        UsageError
            For labels judged by themselves, or `abstain`, of anything but pictures and texts; a
            label that says what something is not.
        """
        if multi and self.abstains:
            raise UsageError(
                "labels that are judged by themselves may all be 'no': leave out abstain"
            )
        if self.judges(multi=multi):
            require_judgeable(self.labels)
            return self._independent(vectors, modality)
        left_over = rest(self.labels)
        if left_over is not None and (modality in JUDGED or self.abstains):
            return shares(self._independent(vectors, modality), left_over)
        return softmax(vectors @ self.vectors.T / self._encoder.temperature).astype(np.float32)

    def _independent(
        self, vectors: npt.NDArray[np.float32], modality: str
    ) -> npt.NDArray[np.float32]:
        return independent(self._encoder, self._prompts, self.vectors, vectors, modality)

    def classify(
        self, items: Iterable[Any], *, k: int = 5, multi: bool = False
    ) -> list[list[tuple[str, float]]]:
        """Label media.

        Parameters
        ----------
        items : iterable
            Anything `Encoder.encode` takes.
        k : int
            Labels to give for each item.
        multi : bool
            See `probabilities`.

        Returns
        -------
        list of list of (label, probability)
            For each item the `k` most probable labels, most probable first. Where labels are
            judged by themselves, `sensorium.encoders.answer` says what a probability means.
        """
        media = [as_media(item) for item in items_of(items)]
        vectors = self._encoder.encode(media)
        probabilities = np.empty((len(media), len(self.labels)), np.float32)
        for modality in {item.modality for item in media}:
            rows = [i for i, item in enumerate(media) if item.modality == modality]
            probabilities[rows] = self.probabilities(vectors[rows], multi=multi, modality=modality)
        return self.top(probabilities, k)

    def top(self, probabilities: npt.NDArray[np.float32], k: int) -> list[list[tuple[str, float]]]:
        """The `k` most probable labels of each row, most probable first."""
        return most_probable(self.labels, probabilities, k)


def most_probable(
    labels: Sequence[str], probabilities: npt.NDArray[np.float32], k: int
) -> list[list[tuple[str, float]]]:
    """The `k` most probable labels of each row of `probabilities`, most probable first.

    Raises
    ------
    UsageError
        For k under 1.
    """
    if k < 1:
        raise UsageError(f"k is at least 1, got {k}")
    # Rounded: a matrix product gives equal columns values that differ in the last bit.
    order = np.argsort(-np.round(probabilities, 6), axis=1, kind="stable")[:, :k]
    return [
        [(labels[i], float(row[i])) for i in ranked]
        for row, ranked in zip(probabilities, order, strict=True)
    ]


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Probabilities from logits, shape (n, c), in their precision; every row sums to one."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
