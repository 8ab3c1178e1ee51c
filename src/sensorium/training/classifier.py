"""Classifiers for a task of one's own: from class names alone to an encoder that is tuned.

One estimator for all methods::

    classifier = Classifier().fit("photos")          # a folder per class
    classifier.predict(["new.jpg"])
    print(classifier.evaluate().accuracy)
    classifier.save("my-classifier")
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.data.class_folders import words_of_labels
from sensorium.data.labelled import read_examples
from sensorium.data.sources import media_of
from sensorium.data.splits import held_out
from sensorium.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from sensorium.encoders.registry import encoder_name, load_recorded
from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.media.given import array_of, items_of, names_of
from sensorium.media.progress import Progress
from sensorium.media.skipped import first_of
from sensorium.tasks.classification import (
    OWN_MODEL_METHODS,
    TUNED_METHODS,
    VectorClassifier,
)
from sensorium.tasks.zero_shot import most_probable
from sensorium.training.classifier_folder import Stored, read_classifier, write_classifier
from sensorium.training.classifier_report import ClassifierReport
from sensorium.training.classifier_testing import evaluate_predictor, words_of
from sensorium.training.fitting import METHODS
from sensorium.training.linear_probe import require_solver
from sensorium.training.predictors import (
    Data,
    HeadPredictor,
    ModelPredictor,
    Predictor,
    Recipe,
    encode,
    fit_predictor,
)


class Classifier:
    """A classifier of media, trained on examples.

    Parameters
    ----------
    method : str
        - "zero-shot": class names alone.
        - "nearest-mean", "tip-adapter": training-free, by examples (and class names).
        - "linear-probe": a linear layer over frozen vectors.
        - "lora", "full": tunes the encoder, which must be one of a model hub; extra ``train``.
        - "text", "image": tunes a model with a head of its own, such as BERT or ViT.
        - "auto": the one of the first four with the lowest log loss of left-out examples.
    encoder : str, Path or Encoder, optional
        What `sensorium.load_encoder` takes, or a loaded encoder; None is ``"mini"``. For "text"
        and "image" it is only the zero-shot baseline in reports.
    model : str or Path, optional
        Hub id or folder of the model that "text" and "image" tune.
    solver : {"closed-form", "lbfgs"}
        Of the linear probe: ridge regression, or logistic regression (extra ``evaluate``).
    prompts : sequence of str, optional
        Templates with ``{}`` that class names are put into; None takes the space's own.
    seed : int
        Of splits, folds and training.
    holdout : float
        Share of the examples that methods which train in torch keep for `evaluate`; 0 for none.
        The others are evaluated by cross-validation.
    settings : mapping, optional
        Overrides of `sensorium.training.loop.Settings` for methods that train in torch.
    alpha : float, optional
        Fixes the share of tuned weights (WiSE-FT); None chooses it on validation examples.
    rank : int, optional
        Of LoRA.
    folder : str or Path, optional
        Where methods that train in torch keep checkpoints, so that a killed training goes on;
        None: a temporary one.

    Attributes
    ----------
    labels : list of str
        The classes, in the order of the columns of `predict_proba`.
    predictor : Predictor
        What was fitted, with the settings that were chosen.
    """

    def __init__(
        self,
        method: str = "auto",
        encoder: str | os.PathLike[str] | Encoder | None = None,
        *,
        model: str | os.PathLike[str] | None = None,
        solver: str = "closed-form",
        prompts: Sequence[str] | None = None,
        seed: int = 0,
        holdout: float = 0.2,
        settings: Mapping[str, Any] | None = None,
        alpha: float | None = None,
        rank: int | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if method not in METHODS:
            raise UsageError(f"method is one of {', '.join(METHODS)}, got {method!r}")
        if (model is not None) != (method in OWN_MODEL_METHODS):
            raise UsageError(
                f"method {method} trains a model of its own: name it with model"
                if model is None
                else f"model goes with method text or image, not with {method}"
            )
        require_solver(solver)
        if not 0 <= holdout < 1:
            raise UsageError(f"holdout is a share from 0 to below 1, got {holdout}")
        if alpha is not None and not 0 <= alpha <= 1:
            raise UsageError(f"alpha is a share from 0 to 1, got {alpha}")
        self.method, self.solver, self.seed, self.holdout = method, solver, seed, holdout
        self.prompts, self.settings = prompts, dict(settings or {})
        self.alpha, self.rank = alpha, rank
        self.folder = None if folder is None else Path(folder)
        self.model = None if model is None else os.fspath(model)
        self._given = DEFAULT_ENCODER if encoder is None else encoder
        self._recorded_in: str | os.PathLike[str] | None = None
        self._encoder: Encoder | None = None
        self._predictor: Predictor | None = None
        self._data: Data | None = None
        self._tested: Data | None = None
        self._trained_counts: dict[str, int] = {}
        self._report: ClassifierReport | None = None
        self.texts: dict[str, list[str]] = {}

    # Fitting

    def fit(
        self,
        x: Any,
        y: Sequence[str] | None = None,
        *,
        labels: str | os.PathLike[str] | None = None,
        modality: str | None = None,
        progress: Progress | None = None,
        steps: Progress | None = None,
        training: Progress | None = None,
    ) -> Self:
        """Train on examples.

        Parameters
        ----------
        x : str, Path, DataFrame, Dataset, sequence, ndarray or tensor
            A folder that holds a folder per class; a table (``.csv``, ``.tsv``, ``.jsonl``, or in
            memory: pandas, Polars, Arrow, Hugging Face) with the columns ``path`` or ``text`` and
            ``label``; with `y` a list of media, or vectors of the encoder's space, float of shape
            (n, d).
        y : sequence of str, optional
        labels : str or Path, optional
            CSV that says what class folders are called: ``folder,label,...``.
        modality : str, optional
            Of mixed examples take these; of vectors, what they are of ("image" where that is not
            said).
        progress : callable, optional
            Called with (done, total) while examples are encoded.
        steps : callable, optional
            See `sensorium.training.loop.train`; `training` is its name of before.

        Raises
        ------
        UsageError
            When two classes with usable examples cannot be found, or arguments do not fit.
        EncoderError
            When the encoder does not encode what the examples are.
        """
        data = self._read(x, y, labels, modality, progress)
        if len(data.words) < 2:
            raise UsageError(
                "a classifier needs examples of two or more classes, usable are those of "
                f"{', '.join(data.words) or 'none'}{first_of(data.skipped)}"
            )
        self.texts = data.words
        kept, tested = data, None
        if self.method in TUNED_METHODS + OWN_MODEL_METHODS and self.holdout > 0:
            numbers = np.array([self.labels.index(label) for label in data.labels], np.intp)
            marked = held_out(numbers, self.holdout, groups=data.groups, seed=self.seed)
            if marked.any():
                kept = data.take(np.flatnonzero(~marked))
                tested = data.take(np.flatnonzero(marked))
        words = words_of(self.encoder, data.words, self.prompts)
        self._predictor = fit_predictor(
            self._recipe(), kept, self.labels, words, self.folder, steps or training
        )
        self._data, self._tested, self._report = kept, tested, None
        self._trained_counts = {label: kept.labels.count(label) for label in self.labels}
        return self

    def _recipe(self) -> Recipe:
        name = self.model if self.model is not None else self._encoder_name()
        return Recipe(
            self.method, self.encoder, name, self.solver, self.seed, self.settings, self.alpha,
            self.rank,
        )  # fmt: skip

    def _encoder_name(self) -> str:
        given = self._given
        return encoder_name(given) if isinstance(given, (str, os.PathLike)) else given.name

    @property
    def encoder(self) -> Encoder:
        """The encoder as it was before the training, loaded when it is first needed."""
        if self._encoder is None:
            given = self._given
            if not isinstance(given, (str, os.PathLike)):
                self._encoder = given
            elif self._recorded_in is None:
                self._encoder = load_encoder(given)
            else:
                self._encoder = load_recorded(given, self._recorded_in)
        return self._encoder

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the columns of `predict_proba`."""
        return list(self.texts)

    @property
    def predictor(self) -> Predictor:
        """What was fitted."""
        if self._predictor is None:
            raise UsageError("the classifier is not fitted: call fit, or load a saved one")
        return self._predictor

    @property
    def head(self) -> VectorClassifier:
        """The classifier over vectors, which `Collection.label` takes.

        Raises
        ------
        UsageError
            For a method that trains a model of its own.
        """
        predictor = self.predictor
        if isinstance(predictor, HeadPredictor):
            return predictor.head
        raise UsageError(f"a {predictor.method} classifier has a model of its own, and no vectors")

    # What a collection asks of a classifier; see `sensorium.Collection.label`.

    def probabilities(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities for vectors of the classifier's space, shape (n, c)."""
        return self.head.probabilities(vectors)

    # Predicting

    def predict_proba(self, x: Any) -> npt.NDArray[np.float32]:
        """Probability of every class; rows sum to one.

        Parameters
        ----------
        x : sequence or ndarray
            Anything `Encoder.encode` takes, or vectors, float of shape (n, d).

        Returns
        -------
        ndarray of float32, shape (n, len(labels))

        Raises
        ------
        MediaError
            When one cannot be read; nothing is skipped silently here.
        """
        return np.asarray(self.predictor.probabilities(self._unlabelled(x)), np.float32)

    def predict(self, x: Any) -> list[str]:
        """The most probable class of each example; see `predict_proba`."""
        return [self.labels[number] for number in self.predict_proba(x).argmax(axis=1)]

    def classify(self, items: Any, *, k: int = 5) -> list[list[tuple[str, float]]]:
        """The `k` most probable labels of each example with their probability, best first."""
        return most_probable(self.labels, self.predict_proba(items), k)

    def _unlabelled(self, x: Any) -> Data:
        predictor = self.predictor
        if (vectors := _vectors_of(x)) is not None:
            names = [f"vector {row}" for row in range(len(vectors))]
            return Data(names, vectors=vectors)
        sources = items_of(x)
        modality = media_of(sources[0]).modality if sources else Modality.TEXT
        names = [str(source)[:200] for source in sources]
        data = Data(names, sources, modality=modality)
        if isinstance(predictor, HeadPredictor) and predictor.encoder is None:
            self.head.require_space(self.encoder.space)
            from sensorium.training.predictors import vectors_of

            return replace(data, vectors=vectors_of(self.encoder, data))
        return data

    # Evaluating

    def evaluate(
        self,
        x: Any = None,
        y: Sequence[str] | None = None,
        *,
        labels: str | os.PathLike[str] | None = None,
        others: Any = None,
        other_labels: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> ClassifierReport:
        """Measure the classifier beside zero-shot, and what it forgot.

        Parameters
        ----------
        x, y, labels
            Examples to test with, as for `fit`. Without them: cross-validation over the training
            examples for methods that leave the encoder alone, the examples that were held out
            for the others.
        others : str, Path or (sequence, sequence of str), optional
            Examples of other classes (a folder per class, a table, or a list and its labels), to
            measure what was forgotten. Without them, half of the classes are trained without the
            other half.
        other_labels : str or Path, optional
            What the folders of `others` are called.
        progress : callable, optional

        Raises
        ------
        UsageError
            When there is nothing to test with.
        """
        start = time.monotonic()
        tested = self._tested
        if x is not None:
            tested = self._read(x, y, labels, None, progress)
        if tested is None and self._data is None:
            raise UsageError("a loaded classifier has no examples: give some to evaluate with")
        other_data = None
        if others is not None:
            pair = others if isinstance(others, tuple) else (others,)
            other_data = encode(self.encoder, read_examples(*pair, labels=other_labels), progress)
        report = evaluate_predictor(
            self._recipe(),
            self.predictor,
            self.texts,
            self._trained_counts,
            trained=self._data,
            tested=tested,
            given=x is not None,
            others=other_data,
            prompts=self.prompts,
        )
        report.seconds = time.monotonic() - start
        self._report = report
        return report

    def _read(
        self,
        x: Any,
        y: Sequence[str] | None,
        labels: str | os.PathLike[str] | None,
        modality: str | None,
        progress: Progress | None,
    ) -> Data:
        if (vectors := _vectors_of(x)) is not None:
            return self._of_vectors(vectors, y, modality)
        examples = read_examples(x, y, labels=labels, modality=modality)
        return encode(self.encoder, examples, progress)

    def _of_vectors(
        self, vectors: npt.NDArray[np.float32], y: Sequence[str] | None, kind: str | None
    ) -> Data:
        space = self.encoder.space
        if y is None or len(y) != len(vectors):
            given = "none" if y is None else len(y)
            raise UsageError(f"one label for each of {len(vectors)} vectors, got {given}")
        if vectors.shape[1] != space.dimension:
            raise UsageError(
                f"vectors of {space} have {space.dimension} dimensions, got {vectors.shape[1]}"
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise UsageError("a vector has no direction: it is zero, or not all numbers")
        names = [f"vector {row}" for row in range(len(vectors))]
        labels = names_of(y)
        usual = Modality.IMAGE if Modality.IMAGE in space.modalities else space.modalities[0]
        modality = usual if kind is None else Modality(kind)
        return Data(
            names, labels=labels, words=words_of_labels(labels), modality=modality,
            vectors=vectors / norms,
        )  # fmt: skip

    # Saving and loading

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the classifier, its weights and its last report into a folder.

        ``classifier.json`` and ``weights.npz``; beside them ``encoder/`` for a tuned encoder (and
        ``adapter/`` in PEFT's format for LoRA), or ``model/`` for a model of its own.
        """
        stored = Stored(
            self.predictor,
            self.texts,
            self._trained_counts,
            None if self.prompts is None else list(self.prompts),
            self._encoder_name(),
        )
        return write_classifier(Path(folder), stored, self.encoder.space, self._report)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Classifier:
        """Load a saved classifier; its base encoder is loaded when it is needed.

        Raises
        ------
        UsageError
            When there is none, or it is damaged.
        """
        stored = read_classifier(folder)
        predictor = stored.predictor
        model = predictor.model.name if isinstance(predictor, ModelPredictor) else None
        found = cls(predictor.method, stored.encoder, model=model, prompts=stored.prompts)
        found._predictor, found._recorded_in = predictor, folder
        found.texts, found._trained_counts = stored.texts, stored.trained
        return found

    def __repr__(self) -> str:
        state = f"{len(self.texts)} classes" if self._predictor is not None else "not fitted"
        return f"Classifier({self.method!r}, {state})"


def load_classifier(folder: str | os.PathLike[str]) -> Classifier:
    """Load a classifier that `Classifier.save` or ``sensorium train classifier`` wrote."""
    return Classifier.load(folder)


def _vectors_of(x: Any) -> npt.NDArray[np.float32] | None:
    """An array or tensor of vectors, shape (n, d); None for anything else."""
    array = array_of(x) if getattr(x, "ndim", None) == 2 and not hasattr(x, "columns") else None
    return array.astype(np.float32) if array is not None and array.dtype.kind == "f" else None
