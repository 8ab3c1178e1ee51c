"""Trained classifiers: `load_classifier` reads one of any kind, and it labels media.

Most are a few arrays over the vectors of a space (`VectorClassifier`), which need NumPy alone, so
that a collection labels what it has stored without the packages that trained the classifier; the
others are a model of their own (`sensorium.tasks.single_tower`). Training is
`sensorium.training.classifiers`.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.data.encoding import encode_examples
from sensorium.encoders.base import Encoder
from sensorium.encoders.registry import load_recorded
from sensorium.encoders.space import Space
from sensorium.errors import MediaError, SpaceMismatchError, UsageError
from sensorium.folders import read_arrays, write_arrays
from sensorium.media import Modality
from sensorium.media.given import items_of
from sensorium.tasks.formats import CLASSIFIER
from sensorium.tasks.zero_shot import most_probable, softmax

WEIGHTS = "weights.npz"
ENCODER = "encoder"
"""Folder of a tuned encoder, beside the head that stands on it."""

FROZEN_METHODS = ("zero-shot", "nearest-mean", "tip-adapter", "linear-probe")
"""Methods whose classifier stands on vectors of an encoder as it is."""

TUNED_METHODS = ("lora", "full")
"""Methods whose classifier stands on vectors of an encoder that was tuned with it."""

OWN_MODEL_METHODS = ("text", "image")
"""Methods whose classifier is a model of its own, and takes media alone."""

VECTOR_METHODS = FROZEN_METHODS + TUNED_METHODS

MODEL = "model"
"""Folder of a model of its own beside ``classifier.json``, in the format of Transformers."""

CHUNK = 4096  # rows at a time: a cache of 10,000 keys takes 160 MB for them

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VectorClassifier:
    """A trained classifier over unit vectors.

    Its logits are the sum of what it has: ``weights`` (c, d) and ``bias`` (c) of a linear layer,
    with ``centre`` (d) over ``(v - centre) / |v - centre|``; and a cache of ``keys`` (n, d) and
    their classes ``values`` (n), which adds ``alpha * sum of shares * exp(-beta * (1 - v @ key))``
    (Tip-Adapter, Zhang et al. 2022, equation 5). Probabilities are the softmax of the logits
    divided by `temperature`.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    space : Space
        Of the vectors.
    encoder : str
        What `sensorium.load_encoder` loads the space's encoder by; ``encoder/`` is the folder
        beside the classifier.
    method : str
    modality : str
        Of the media it was trained on.
    arrays : mapping of str to ndarray
        As above.
    temperature : float
    settings : mapping
        ``alpha`` and ``beta`` of a cache, and what else was chosen in training, as JSON values.
    scores : mapping
        What was measured in training, as JSON values.
    """

    labels: Sequence[str]
    space: Space
    encoder: str
    method: str
    modality: str
    arrays: Mapping[str, npt.NDArray[Any]]
    temperature: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    def logits(self, vectors: Vectors) -> npt.NDArray[np.float64]:
        """Logits before the temperature, shape (n, c).

        Raises
        ------
        UsageError
            For vectors of another shape than (n, d).
        """
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.space.dimension:
            raise UsageError(
                f"vectors of {self.space} have the shape (n, {self.space.dimension}), "
                f"got {vectors.shape}"
            )
        parts = [
            compute_logits(self.arrays, self.settings, vectors[start : start + CHUNK], self.classes)
            for start in range(0, len(vectors), CHUNK)
        ]
        return np.concatenate([np.empty((0, self.classes)), *parts])

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.labels)

    def probabilities(self, vectors: Vectors) -> Vectors:
        """Probability of every label for every vector; rows sum to one.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            Unit vectors of the classifier's space.

        Returns
        -------
        ndarray of float32, shape (n, len(labels))
        """
        return softmax(self.logits(vectors) / self.temperature).astype(np.float32)

    def top(self, probabilities: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """The `k` most probable labels of each row, most probable first."""
        return most_probable(self.labels, probabilities, k)

    def require_space(self, space: Space) -> None:
        """Refuse vectors of another space.

        Raises
        ------
        SpaceMismatchError
            Naming both spaces and the mend.
        """
        if space.fingerprint == self.space.fingerprint:
            return
        mend = (
            f"re-embed what it is to label: sensorium reembed --encoder {shlex.quote(self.encoder)}"
            if self.method in TUNED_METHODS
            else "train it again with the encoder of what it is to label"
        )
        raise SpaceMismatchError(
            f"the classifier was trained on vectors of {self.space}, these are of {space}; {mend}"
        )

    def load_encoder(self) -> Encoder:
        """Load the encoder of the classifier's space.

        Raises
        ------
        EncoderError
            When it cannot be loaded.
        SpaceMismatchError
            When the encoder of that name has changed since the training.
        """
        encoder = load_recorded(self.encoder, "the classifier")
        self.require_space(encoder.space)
        return encoder

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``classifier.json`` and ``weights.npz`` into a folder, which is made.

        Both are written whole, the JSON last.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        described = {
            "method": self.method,
            "labels": list(self.labels),
            "modality": self.modality,
            "encoder": ENCODER if self.encoder == str(folder / ENCODER) else self.encoder,
            "fingerprint": self.space.fingerprint,
            "space": json.loads(self.space.to_json()),
            "temperature": self.temperature,
            "settings": dict(self.settings),
            "scores": dict(self.scores),
        }
        write_arrays(folder / WEIGHTS, self.arrays)
        CLASSIFIER.write(folder, described)
        return folder


class TrainedClassifier(Protocol):
    """What has a classifier over vectors: `sensorium.training.Classifier` does."""

    @property
    def head(self) -> VectorClassifier:
        """The classifier over vectors."""
        ...


def vector_classifier_of(
    classifier: str | os.PathLike[str] | VectorClassifier | TrainedClassifier,
) -> VectorClassifier:
    """A classifier over vectors: itself, that of an estimator, or loaded from a folder.

    Raises
    ------
    UsageError
        When it is none, or has a model of its own.
    """
    if isinstance(classifier, (str, os.PathLike)):
        return load_vector_classifier(Path(os.path.expanduser(classifier)))  # noqa: PTH111
    if isinstance(classifier, VectorClassifier):
        return classifier
    head = getattr(classifier, "head", None)
    if isinstance(head, VectorClassifier):
        return head
    raise UsageError(
        "a trained classifier is a folder, a Classifier or a VectorClassifier, got "
        f"{classifier!r:.80}"
    )


def compute_logits(
    arrays: Mapping[str, npt.NDArray[Any]],
    settings: Mapping[str, Any],
    vectors: Vectors,
    classes: int,
) -> npt.NDArray[np.float64]:
    """Logits as `VectorClassifier` defines them, shape (n, classes)."""
    logits = np.zeros((len(vectors), classes))
    if "weights" in arrays:
        taken = vectors
        if "centre" in arrays:
            taken = centred(vectors, arrays["centre"])
        logits += taken @ arrays["weights"].T
    if "bias" in arrays:
        logits += arrays["bias"]
    if "keys" in arrays:
        affinities = np.exp(-settings["beta"] * (1 - vectors @ arrays["keys"].T))
        shares = class_shares(arrays["values"], classes)
        logits += settings["alpha"] * (affinities @ shares)
    return logits


def centred(vectors: npt.NDArray[Any], centre: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Vectors less a centre, brought to unit length (CL2N, Wang et al. 2019, section 3)."""
    moved = vectors - centre
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-12))


def class_shares(values: npt.NDArray[Any], classes: int) -> npt.NDArray[np.float64]:
    """One-hot rows of a cache's classes, shape (n, classes), each class of the same weight.

    With equally many keys for every class, as in the paper, the entries are ones.
    """
    counts = np.bincount(values, minlength=classes)
    shares = np.zeros((len(values), classes))
    present = counts[counts > 0]
    shares[np.arange(len(values)), values] = present.mean() / counts[values]
    return shares


class MediaClassifier:
    """A trained classifier of any method, which labels media.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    modality : str
        Of the media it was trained on.
    probabilities : callable
        Gives the probabilities for media, shape (n, c); raises `MediaError` for what cannot be
        read.
    """

    def __init__(
        self,
        labels: Sequence[str],
        modality: str,
        probabilities: Callable[[Sequence[Any]], npt.NDArray[Any]],
    ) -> None:
        self.labels, self.modality = list(labels), modality
        self._probabilities = probabilities

    def probabilities(self, items: Iterable[Any]) -> Vectors:
        """Probability of every label for every item, anything that `Encoder.encode` takes."""
        return np.asarray(self._probabilities(items_of(items)), np.float32)

    def classify(self, items: Iterable[Any], *, k: int = 5) -> list[list[tuple[str, float]]]:
        """The `k` most probable labels of each item with their probability, best first.

        Raises
        ------
        MediaError
            When one cannot be read; nothing is skipped silently here.
        """
        return most_probable(self.labels, self.probabilities(items), k)


def load_classifier(folder: str | os.PathLike[str]) -> MediaClassifier:
    """Load a saved classifier of any method; its encoder is loaded when it is first needed.

    Raises
    ------
    UsageError
        When there is none, or it is damaged.
    """
    folder = Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111
    config = read_config(folder)
    labels, modality, method = config["labels"], str(config.get("modality")), config.get("method")
    if method in OWN_MODEL_METHODS:
        from sensorium.tasks.single_tower import SingleTower

        with CLASSIFIER.reading(folder):
            temperature = float(config["temperature"])
        tower = SingleTower(method, folder / MODEL, labels)
        return MediaClassifier(
            labels, modality, lambda items: softmax(tower.logits(items) / temperature)
        )
    head = load_vector_classifier(folder)
    encoder: list[Encoder] = []

    def of_vectors(items: Sequence[Any]) -> Vectors:
        if not encoder:
            loaded = load_recorded(head.encoder, folder)
            head.require_space(loaded.space)
            encoder.append(loaded)
        return head.probabilities(media_vectors(encoder[0], items))

    return MediaClassifier(labels, modality, of_vectors)


def media_vectors(
    encoder: Encoder, items: Sequence[Any], names: Sequence[str] | None = None
) -> Vectors:
    """One vector for each item, shape (n, d): of several segments, such as pages, their mean.

    Errors call items by their `names`, or as they are given.

    Raises
    ------
    MediaError
        When one cannot be read.
    """
    names = [str(item)[:200] for item in items] if names is None else names
    encoded = encode_examples(encoder, items, names)
    if encoded.skipped:
        first = encoded.skipped[0]
        raise MediaError(first.reason, first.path)
    return encoded.vectors


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``classifier.json`` of a saved classifier of any method.

    Raises
    ------
    UsageError
        When the folder holds none, or one that this version cannot read.
    """
    config = CLASSIFIER.read(Path(folder))
    labels = config.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise UsageError(
            f"{Path(folder) / CLASSIFIER.file}: labels are a list of texts, got {labels!r:.80}"
        )
    return config


def load_vector_classifier(folder: str | os.PathLike[str]) -> VectorClassifier:
    """Load a saved classifier that takes vectors; nothing in it is executed or unpickled.

    Raises
    ------
    UsageError
        When there is none, it is damaged, or it is a classifier with a model of its own
        (`sensorium.training.load_classifier` loads those).
    """
    folder = Path(folder)
    config = read_config(folder)
    if (method := config.get("method")) not in VECTOR_METHODS:
        raise UsageError(
            f"{folder}: a {method!r} classifier has a model of its own and takes media, not "
            "vectors: load it with sensorium.training.load_classifier"
        )
    with CLASSIFIER.reading(folder):
        space = Space.from_json(json.dumps(config["space"]))
        name = config["encoder"]
        classifier = VectorClassifier(
            labels=config["labels"],
            space=space,
            encoder=str(folder / ENCODER) if name == ENCODER else name,
            method=config["method"],
            modality=str(Modality(config["modality"])),
            arrays=read_arrays(folder / WEIGHTS),
            temperature=float(config["temperature"]),
            settings=config.get("settings", {}),
            scores=config.get("scores", {}),
        )
        _require_sound(classifier)
    if config.get("fingerprint") != space.fingerprint:
        raise UsageError(f"{folder}: the classifier's space is not the one of its fingerprint")
    return classifier


def _require_sound(classifier: VectorClassifier) -> None:
    """Check shapes and values: a damaged file must not become wrong labels."""
    c, d = classifier.classes, classifier.space.dimension
    expected: dict[str, tuple[int, ...]] = {"weights": (c, d), "bias": (c,), "centre": (d,)}
    arrays = classifier.arrays
    if "weights" not in arrays and "keys" not in arrays:
        raise ValueError("neither weights nor keys")
    if "keys" in arrays:
        n = len(arrays["keys"])
        expected |= {"keys": (n, d), "values": (n,)}
        values = arrays["values"]
        if values.dtype.kind not in "iu" or (values.size and not 0 <= values.max() < c):
            raise ValueError("values are no class numbers")
        float(classifier.settings["alpha"]), float(classifier.settings["beta"])
    for name, array in arrays.items():
        if name not in expected or array.shape != expected[name]:
            raise ValueError(f"{name} has the shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are no numbers")
    if not (classifier.temperature > 0 and np.isfinite(classifier.temperature)):
        raise ValueError(f"temperature {classifier.temperature}")
