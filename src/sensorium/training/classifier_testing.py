"""Testing a classifier: held-out data or cross-validation, zero-shot beside it, forgetting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.splits import class_numbers, held_out, stratified_folds
from sensorium.encoders.base import Encoder
from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.tasks.classification import OWN_MODEL_METHODS, TUNED_METHODS
from sensorium.tasks.zero_shot import softmax
from sensorium.training.classifier_report import (
    ClassifierReport,
    Forgetting,
    Tested,
    average_forgetting,
    measure,
    measure_forgetting,
)
from sensorium.training.few_shot import text_vectors
from sensorium.training.fitting import Words
from sensorium.training.heads import Labels, Vectors
from sensorium.training.predictors import (
    Data,
    HeadPredictor,
    Predictor,
    Recipe,
    fit_predictor,
)

FOLDS = 5

MAX_FOLDED = 5000
"""Examples that are cross-validated; of more, a quarter is held out once."""

HELD_OUT = 0.25

HALVES = 4  # classes that are needed to train one half of them without the other

Texts = Mapping[str, Sequence[str]]


def words_of(encoder: Encoder, texts: Texts, prompts: Sequence[str] | None = None) -> Words | None:
    """Vectors of the class names; None where the space holds no text."""
    if Modality.TEXT not in encoder.space.modalities:
        return None
    return Words(text_vectors(encoder, list(texts.values()), prompts), encoder.temperature)


def zero_shot(words: Words, vectors: Vectors) -> npt.NDArray[np.float64]:
    """Probabilities of class names alone, shape (n, c), with the space's temperature."""
    return softmax(vectors @ words.vectors.T / words.temperature)


def is_zero_shot(predictor: Predictor, words: Words | None) -> bool:
    """Whether a classifier is the zero-shot baseline, whatever it is called.

    Tip-Adapter whose cache has no weight is, and so is a tuning that went back to the encoder as it
    was (WiSE-FT's alpha 0): its linear layer began as the class names.
    """
    if words is None or not isinstance(predictor, HeadPredictor):
        return False
    weighed = predictor.settings.get("alpha")
    return predictor.method == "zero-shot" or (
        predictor.method in ("tip-adapter", *TUNED_METHODS) and weighed == 0
    )


def evaluate_predictor(
    recipe: Recipe,
    predictor: Predictor,
    texts: Texts,
    trained_counts: Mapping[str, int],
    *,
    trained: Data | None,
    tested: Data | None,
    given: bool,
    others: Data | None,
    prompts: Sequence[str] | None,
) -> ClassifierReport:
    """Measure a fitted classifier.

    Parameters
    ----------
    recipe : Recipe
    predictor : Predictor
    texts : mapping of str to sequence of str
        The classes and their words.
    trained_counts : mapping of str to int
    trained : Data or None
        What it was fitted on; None for a loaded one.
    tested : Data or None
        None cross-validates over `trained`.
    given : bool
        Whether `tested` was given by the caller rather than held out.
    others : Data or None
        Examples of other classes.
    prompts : sequence of str or None
    """
    labels = list(texts)
    report = ClassifierReport(
        method=predictor.method,
        reason=predictor.reason,
        encoder=str(recipe.encoder.space),
        modality=str((trained or tested).modality),  # type: ignore[union-attr]
        labels=labels,
        trained=sum(trained_counts.values()),
        tested=0,
        how="",
        accuracy=None,
        interpolation=predictor.interpolation,
        settings=dict(predictor.settings),
        notes=[predictor.note] if predictor.note else [],
        skipped=[
            *(trained.skipped if trained else []),
            *(tested.skipped if given and tested else []),
        ],
    )
    words = words_of(recipe.encoder, texts, prompts)
    counts = np.repeat(np.arange(len(labels)), [trained_counts[label] for label in labels])
    if tested is not None:
        rows = [row for row, label in enumerate(tested.labels) if label in texts]
        if not rows:
            raise UsageError(
                f"none of the test examples is of a trained class ({', '.join(labels[:5])} ...)"
            )
        if dropped := len(tested) - len(rows):
            report.notes.append(f"{dropped} test examples are of classes that were not trained")
        tested = tested.take(rows)
        seen = {digest for digest in (trained.groups if trained else []) if digest}
        if copies := sum(digest in seen for digest in tested.groups):
            report.notes.append(f"{copies} test examples were also trained on")
        probabilities = predictor.probabilities(tested)
        report.is_zero_shot = is_zero_shot(predictor, words)
        report.how = "the examples given" if given else "examples held out from training"
        right = class_numbers(tested.labels, labels)
    else:
        assert trained is not None
        folded = _cross_validate(recipe, trained, labels, words)
        if folded is None:
            report.how = "not tested: every class has one example"
            report.forgetting_note = "not measured: every class has one example"
            return report
        rows_array, probabilities, report.how, report.is_zero_shot = folded
        tested = trained.take(rows_array)
        right = class_numbers(tested.labels, labels)
        if single := sorted(set(labels) - set(tested.labels)):
            report.notes.append(
                f"{len(single)} classes have one example and were not tested: "
                + ", ".join(single[:5])
            )
    baseline = None
    if words is not None and not report.is_zero_shot:
        baseline = zero_shot(words, tested.vectors)
    measure(report, probabilities, right, counts, baseline, seed=recipe.seed)
    if is_zero_shot(predictor, words):
        report.forgetting_note = "nothing: the classifier is zero-shot as it was"
        return report
    _add_forgetting(
        report, recipe, predictor, texts, trained, tested, probabilities, others, prompts
    )
    return report


def _cross_validate(
    recipe: Recipe, data: Data, labels: Sequence[str], words: Words | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any], str, bool] | None:
    """Rows that were tested, their probabilities by fits without them, how, and `is_zero_shot`."""
    numbers = class_numbers(data.labels, labels)
    counts = np.bincount(numbers, minlength=len(labels))
    if counts.max() < 2:
        return None
    if len(data) > MAX_FOLDED:
        marked = held_out(numbers, HELD_OUT, groups=data.groups, seed=recipe.seed)
        folds = np.where(marked, 0, -1)
        how = f"a quarter of the examples ({int(marked.sum()):,}), held out once"
    else:
        amount = min(FOLDS, int(counts.max()))
        folds = stratified_folds(numbers, amount, groups=data.groups, seed=recipe.seed)
        how = f"{amount}-fold cross-validation, stratified by class"
    if recipe.method == "auto":
        how += ", the method chosen anew each time"
    probabilities = np.zeros((len(data), len(labels)))
    was_tested = np.zeros(len(data), bool)
    of_words = True
    for fold in range(folds.max() + 1):
        test = folds == fold
        # A class must have an example left; copies of one picture can take all of them.
        emptied = np.bincount(numbers[~test], minlength=len(labels)) == 0
        test &= ~emptied[numbers]
        if not test.any():
            continue
        fitted = fit_predictor(recipe, data.take(np.flatnonzero(~test)), labels, words)
        probabilities[test] = fitted.probabilities(data.take(np.flatnonzero(test)))
        was_tested |= test
        of_words = of_words and is_zero_shot(fitted, words)
    rows = np.flatnonzero(was_tested)
    return (rows, probabilities[rows], how, of_words) if len(rows) else None


def _add_forgetting(
    report: ClassifierReport,
    recipe: Recipe,
    predictor: Predictor,
    texts: Texts,
    trained: Data | None,
    tested: Data,
    probabilities: npt.NDArray[Any],
    others: Data | None,
    prompts: Sequence[str] | None,
) -> None:
    if Modality.TEXT not in recipe.encoder.space.modalities:
        report.forgetting_note = f"not measured: {recipe.encoder.space.name} holds no text"
        return
    if others is not None:
        rows = [row for row, label in enumerate(others.labels) if label not in texts]
        if len({others.labels[row] for row in rows}) < 1:
            raise UsageError(
                "the other classes are all among the trained ones: give different ones"
            )
        others = others.take(rows)
        how = f"{len(others.words)} other classes that were given, {len(others):,} examples"
        report.forgetting = _forgetting(
            recipe, predictor, texts, tested, probabilities, others, prompts, how
        )
        return
    if trained is None:
        report.forgetting_note = "not measured: give examples of other classes (others)"
        return
    report.forgetting = _by_halves(recipe, texts, trained, prompts)
    if report.forgetting is None:
        report.forgetting_note = (
            f"not measured: fewer than {HALVES} classes with two examples; give examples of other "
            "classes (--others)"
        )


def _forgetting(
    recipe: Recipe,
    predictor: Predictor,
    texts: Texts,
    tested: Data,
    probabilities: npt.NDArray[Any],
    others: Data,
    prompts: Sequence[str] | None,
    how: str,
) -> Forgetting:
    own_words = words_of(recipe.encoder, texts, prompts)
    other_words = words_of(recipe.encoder, others.words, prompts)
    assert own_words is not None and other_words is not None
    before = Tested(
        tested.vectors, others.vectors, own_words.vectors, other_words.vectors,
        own_words.temperature,
    )  # fmt: skip
    after = before
    if isinstance(predictor, HeadPredictor) and predictor.encoder is not None:
        encoder = predictor.encoder
        own, other = (words_of(encoder, names, prompts) for names in (texts, others.words))
        assert own is not None and other is not None
        after = Tested(
            predictor.vectors(tested), predictor.vectors(others), own.vectors, other.vectors,
            own.temperature,
        )  # fmt: skip
    return measure_forgetting(
        before, after, probabilities, predictor.probabilities(others),
        class_numbers(tested.labels, list(texts)), class_numbers(others.labels, list(others.words)),
        how=how, others=list(others.words),
    )  # fmt: skip


def _by_halves(
    recipe: Recipe, texts: Texts, data: Data, prompts: Sequence[str] | None
) -> Forgetting | None:
    """Train on one half of the classes and see what became of the other."""
    numbers = class_numbers(data.labels, list(texts))
    counts = np.bincount(numbers, minlength=len(texts))
    usable = [label for label, count in zip(texts, counts, strict=True) if count > 1]
    if len(usable) < HALVES:
        return None
    order = np.random.default_rng(recipe.seed).permutation(len(usable))
    middle = len(usable) // 2
    halves = [[usable[n] for n in sorted(part)] for part in (order[:middle], order[middle:])]
    slow = recipe.method in TUNED_METHODS + OWN_MODEL_METHODS
    directions = [(0, 1)] if slow else [(0, 1), (1, 0)]
    parts = []
    for own_half, other_half in directions:
        own_texts = {label: texts[label] for label in halves[own_half]}
        own = data.take([n for n, label in enumerate(data.labels) if label in own_texts])
        others = data.take(
            [n for n, label in enumerate(data.labels) if label in set(halves[other_half])]
        )
        kinds: Labels = class_numbers(own.labels, list(own_texts))
        marked = held_out(kinds, HELD_OUT, groups=own.groups, seed=recipe.seed)
        if not marked.any():
            return None
        words = words_of(recipe.encoder, own_texts, prompts)
        kept = own.take(np.flatnonzero(~marked))
        fitted = fit_predictor(recipe, kept, list(own_texts), words)
        tested = own.take(np.flatnonzero(marked))
        parts.append(
            _forgetting(
                recipe, fitted, own_texts, tested, fitted.probabilities(tested), others, prompts, ""
            )
        )
    how = f"half of the classes ({middle} of {len(usable)}), left out of a training of its own"
    if not slow:
        how = f"each half of the {len(usable)} classes, left out of a training of the other half"
    return average_forgetting(parts, how)
