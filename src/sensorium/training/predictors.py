"""One interface to a fitted classifier of any method: examples in, probabilities out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.data.encoding import encode_examples, require_modality
from sensorium.data.examples import Examples
from sensorium.data.splits import class_numbers, held_out
from sensorium.encoders import Encoder, load_encoder
from sensorium.errors import UsageError
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.tasks.classification import (
    OWN_MODEL_METHODS,
    TUNED_METHODS,
    VectorClassifier,
    media_vectors,
)
from sensorium.tasks.zero_shot import softmax
from sensorium.training.calibration import fit_temperature
from sensorium.training.classifier_report import Interpolation
from sensorium.training.few_shot import fit_nearest_mean
from sensorium.training.fitting import Words, fit_head
from sensorium.training.heads import Vectors

if TYPE_CHECKING:
    from sensorium.tasks.single_tower import SingleTower

VALIDATION = 0.2
"""Share of each class's training examples that choose the epoch and WiSE-FT's alpha."""

UNVALIDATED = (
    "a class has fewer than three examples: none were taken to choose the epoch and the share of "
    "tuned weights by, and probabilities are not calibrated"
)

WITHOUT_WORDS_TEMPERATURE = 0.05  # of an encoder without texts: logits between -20 and 20


@dataclass(frozen=True)
class Data(Examples):
    """Examples with their vectors in the space of the zero-shot baseline.

    Attributes
    ----------
    sources : list
        What was encoded; empty where vectors were given.
    groups : list of str
        Digests of the content: copies are in one group.
    vectors : ndarray of float32, shape (n, d)
    """

    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def take(self, rows: Iterable[int], skipped: Sequence[Skipped] = ()) -> Self:
        """Some of the examples; the classes stay that still have one."""
        rows = np.asarray([*rows], np.intp)
        return replace(super().take(rows, skipped), vectors=self.vectors[rows])

    def require_media(self, why: str) -> None:
        """Refuse what was given as vectors.

        Raises
        ------
        UsageError
            That says `why`.
        """
        if len(self.sources) < len(self):
            raise UsageError(why)


def encode(encoder: Encoder, examples: Examples, progress: Progress | None = None) -> Data:
    """Read and encode examples; broken ones are skipped and named."""
    require_modality(encoder, examples.modality)
    encoded = encode_examples(encoder, examples.sources, examples.names, progress=progress)
    kept = examples.take(encoded.rows, encoded.skipped)
    fields = {**vars(kept), "groups": [encoded.digests[row] for row in encoded.rows]}
    return Data(**fields, vectors=encoded.vectors)


@dataclass
class HeadPredictor:
    """A head on vectors: of the encoder as it was, or of a tuned one."""

    head: VectorClassifier
    reason: str = ""
    note: str = ""
    interpolation: Interpolation | None = None
    encoder: Encoder | None = None
    """The tuned encoder; None where data has the vectors already."""

    working: TemporaryDirectory[str] | None = field(default=None, repr=False)
    """Where the tuned encoder lies until it is saved; goes with the predictor."""

    @property
    def labels(self) -> Sequence[str]:
        return self.head.labels

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.head.settings

    def vectors(self, data: Data) -> Vectors:
        """The examples' vectors in the head's space."""
        if self.encoder is None:
            return data.vectors
        return vectors_of(self.encoder, data)

    def probabilities(self, data: Data) -> npt.NDArray[Any]:
        return self.head.probabilities(self.vectors(data))


@dataclass
class ModelPredictor:
    """A model of its own, with a head: BERT, ViT."""

    model: SingleTower
    temperature: float
    settings: Mapping[str, Any]
    reason: str = ""
    note: str = ""
    interpolation: Interpolation | None = None

    @property
    def labels(self) -> Sequence[str]:
        return self.model.labels

    @property
    def method(self) -> str:
        return self.model.method

    def probabilities(self, data: Data) -> npt.NDArray[Any]:
        data.require_media(f"a {self.method} classifier takes media, not vectors")
        return softmax(self.model.logits(data.sources) / self.temperature)


Predictor = HeadPredictor | ModelPredictor
"""A fitted classifier: `labels`, `method`, why it was chosen (`reason`), what to say of
the fit (`note`), the chosen `settings`, and `probabilities` of examples, shape (n, c)."""


def vectors_of(encoder: Encoder, data: Data) -> Vectors:
    """Vectors of examples that were readable before.

    Raises
    ------
    MediaError
        When one no longer is.
    """
    data.require_media("a tuned encoder takes media: vectors are of the encoder as it was")
    return media_vectors(encoder, data.sources, data.names)


@dataclass(frozen=True)
class Recipe:
    """How predictors are fitted.

    Attributes
    ----------
    method : str
    encoder : Encoder
        Of the vectors.
    name : str
        What it, or for "text" and "image" the model, is loaded by.
    solver : str
    seed : int
    settings : mapping
        Overrides of `sensorium.training.loop.Settings`.
    alpha : float or None
        Fixes WiSE-FT's.
    rank : int or None
        Of LoRA.
    """

    method: str
    encoder: Encoder
    name: str
    solver: str = "closed-form"
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    alpha: float | None = None
    rank: int | None = None


def fit_predictor(
    recipe: Recipe,
    data: Data,
    labels: Sequence[str],
    words: Words | None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Predictor:
    """Fit a classifier of any method.

    Parameters
    ----------
    recipe : Recipe
    data : Data
        Training examples, at least one of each label.
    labels : sequence of str
    words : Words or None
        Of the labels, in their order.
    folder : Path, optional
        Where what trains in torch keeps its checkpoints and model; None: a temporary one.
    progress : callable, optional
        See `sensorium.training.loop.train`.
    """
    numbers = class_numbers(data.labels, labels)
    if recipe.method in TUNED_METHODS + OWN_MODEL_METHODS:
        working = TemporaryDirectory(prefix="sensorium-") if folder is None else None
        place = Path(working.name) if working is not None else folder
        assert place is not None
        if recipe.method in OWN_MODEL_METHODS:
            return _fit_model(recipe, data, labels, place, progress)
        tuned = _fit_tuned(recipe, data, labels, words, place, progress)
        return replace(tuned, working=working)
    method, fitted, reason = fit_head(
        recipe.method, data.vectors, numbers, len(labels), words,
        solver=recipe.solver, seed=recipe.seed,
    )  # fmt: skip
    head = VectorClassifier(
        labels=list(labels),
        space=recipe.encoder.space,
        encoder=recipe.name,
        method=method,
        modality=str(data.modality),
        arrays=fitted.arrays,
        temperature=fitted.temperature,
        settings=fitted.settings,
    )
    return HeadPredictor(head, reason, fitted.note)


def _split(data: Data, labels: Sequence[str], seed: int) -> tuple[Data, Data]:
    """What is trained on and what validates; none of the latter where a class is too small."""
    numbers = class_numbers(data.labels, labels)
    if np.bincount(numbers).min() < 3:
        return data, data.take([])
    marked = held_out(numbers, VALIDATION, groups=data.groups, seed=seed)
    return data.take(np.flatnonzero(~marked)), data.take(np.flatnonzero(marked))


def _fit_tuned(
    recipe: Recipe,
    data: Data,
    labels: Sequence[str],
    words: Words | None,
    folder: Path,
    progress: Progress | None,
) -> HeadPredictor:
    from sensorium.training.fine_tuning import DEFAULTS, RANK, tune
    from sensorium.training.own_model import settings_for

    data.require_media(f"{recipe.method} trains the encoder: give media, not vectors")
    trained, validated = _split(data, labels, recipe.seed)
    if words is None:
        numbers = class_numbers(trained.labels, labels)
        directions = fit_nearest_mean(trained.vectors, numbers, len(labels)).arrays["weights"]
        temperature = WITHOUT_WORDS_TEMPERATURE
    else:
        directions, temperature = words.vectors, words.temperature
    tuned = tune(
        recipe.method, recipe.name, trained, labels, directions, temperature, folder,
        validation=validated, alpha=recipe.alpha, rank=recipe.rank or RANK,
        settings=settings_for(DEFAULTS[recipe.method], recipe.settings, recipe.seed),
        progress=progress,
    )  # fmt: skip
    encoder = load_encoder(tuned.folder)
    head = VectorClassifier(
        labels=list(labels),
        space=encoder.space,
        encoder=str(tuned.folder),
        method=recipe.method,
        modality=str(data.modality),
        arrays={"weights": tuned.weights, "bias": tuned.bias},
        settings={
            "base": recipe.name,
            "base_fingerprint": recipe.encoder.space.fingerprint,
            "alpha": tuned.alpha,
            "trained_parameters": tuned.trained,
            **dict(recipe.settings),
        },
    )
    predictor = HeadPredictor(head, encoder=encoder, note="" if len(validated) else UNVALIDATED)
    if len(validated):
        predictor.interpolation = Interpolation(tuned.alpha, tuned.curve)
        logits = head.logits(vectors_of(encoder, validated))
        temperature, _ = fit_temperature(logits, class_numbers(validated.labels, labels))
        predictor.head = replace(head, temperature=temperature)
    return predictor


def _fit_model(
    recipe: Recipe,
    data: Data,
    labels: Sequence[str],
    folder: Path,
    progress: Progress | None,
) -> ModelPredictor:
    from sensorium.tasks.single_tower import MODALITIES, SingleTower
    from sensorium.training.own_model import DEFAULTS, settings_for, train_tower

    data.require_media(f"{recipe.method} trains a model of its own: give media, not vectors")
    if data.modality != MODALITIES[recipe.method]:
        raise UsageError(
            f"method {recipe.method} takes {MODALITIES[recipe.method]}, the examples are "
            f"{data.modality}"
        )
    settings = settings_for(DEFAULTS[recipe.method], recipe.settings, recipe.seed)
    model = SingleTower(recipe.method, recipe.name, labels)
    trained, validated = _split(data, labels, recipe.seed)
    train_tower(
        model, trained, folder, validation=validated, settings=settings, progress=progress
    )  # fmt: skip
    temperature = 1.0
    if len(validated):
        right = class_numbers(validated.labels, labels)
        temperature, _ = fit_temperature(model.logits(validated.sources), right)
    return ModelPredictor(
        model,
        temperature,
        {"base": recipe.name, **dict(recipe.settings)},
        note="" if len(validated) else UNVALIDATED,
    )
