"""Zero-shot classification: labels are texts, and the nearest text wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, encode_queries
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Text


class ZeroShotClassifier:
    """Classify by text labels alone (Radford et al. 2021, section 3.1).

    Every label is put into the prompts, and its vector is the normalised mean of theirs (prompt
    ensembling, section 3.1.4).

    Parameters
    ----------
    encoder : Encoder
    labels : sequence of str
        Two or more different labels (one is enough for independent labels).
    prompts : sequence of str, optional
        Templates holding one ``{}``. None takes the space's own.

    Raises
    ------
    UsageError
        For no labels, an empty or repeated label, or a template without ``{}``.
    """

    def __init__(
        self, encoder: Encoder, labels: Sequence[str], prompts: Sequence[str] | None = None
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
        self._encoder = encoder
        filled = [Text(p.replace("{}", label)) for label in self.labels for p in prompts]
        asked = encode_queries(encoder, filled)  # labels are what is sought among stored vectors
        vectors = asked.reshape(len(self.labels), len(prompts), -1).mean(axis=1)
        self.vectors: npt.NDArray[np.float32] = vectors / np.linalg.norm(
            vectors, axis=1, keepdims=True
        )

    def probabilities(
        self, vectors: npt.NDArray[np.float32], *, multi: bool = False
    ) -> npt.NDArray[np.float32]:
        """Probability of every label for every vector.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            Unit vectors of the classifier's space.
        multi : bool
            False: exactly one label holds; softmax over cosines divided by the space's
            temperature, so rows sum to one. True: labels hold or not on their own; the space's
            sigmoid of each cosine, which assumes even odds before looking.

        Returns
        -------
        ndarray of float32, shape (n, len(labels))

        Raises
        ------
        UsageError
            For a single label without `multi`: its probability would always be one.
        EncoderError
            For `multi` in a space without a fitted sigmoid.
        """
        cosines = vectors @ self.vectors.T
        if multi:
            if self._encoder.sigmoid is None:
                raise EncoderError(
                    f"{self._encoder.space.name} has no fitted sigmoid for independent labels; "
                    "classify with two or more labels that exclude each other instead"
                )
            scale, bias = self._encoder.sigmoid
            # The sigmoid as tanh, which does not overflow.
            return np.asarray(0.5 + 0.5 * np.tanh((scale * cosines + bias) / 2), dtype=np.float32)
        if len(self.labels) < 2:
            raise UsageError(
                f"with one label ({self.labels[0]!r}) its probability is always 1: "
                "give two or more, or ask for independent labels (multi)"
            )
        return softmax(cosines / self._encoder.temperature).astype(np.float32)

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
            For each item the `k` most probable labels, most probable first.
        """
        return self.top(self.probabilities(self._encoder.encode(items), multi=multi), k)

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
