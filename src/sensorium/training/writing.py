"""What the trainings of captioners and translators share: validating by writing, and the folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.examples import Examples
from sensorium.errors import MissingExtraError
from sensorium.evaluation.text_generation import score_texts
from sensorium.folders import Format, faults_of_disk
from sensorium.media.progress import Progress, Said, silent
from sensorium.media.skipped import Skipped
from sensorium.training.generation_report import GenerationReport, compared
from sensorium.training.history import History

try:
    from sensorium.tasks.generating import Search
    from sensorium.training.loop import Settings, train
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

HELD_OUT = 0.1
"""Share of the groups that is held out for validation, and again for the test."""

FINE_TUNING = Settings(epochs=3, batch_size=16, learning_rate=5e-5, warmup=0.1)
"""For a pretrained model."""


@dataclass(frozen=True)
class Writing:
    """How a model that writes is trained and measured.

    Parameters
    ----------
    folder : Path
        Gets the model and all that is said of it.
    settings : Settings
    search : Search
        How texts are searched for in the end; greedily while it trains.
    language : str
        Code of the language that is written; it decides how BLEU cuts words.
    metrics : sequence of str
        What is validated; the first decides which weights are kept.
    lowercase : bool
        Whether scores look past case.
    seed : int
    said : callable
        Called with what is done before and after the training; returns what takes examples done
        and in all.
    progress : callable, optional
        See `sensorium.training.loop.train`.
    """

    folder: Path
    settings: Settings
    search: Search = field(default_factory=Search)
    language: str = "en"
    metrics: Sequence[str] = ("cider-d", "chrf")
    lowercase: bool = True
    seed: int = 0
    said: Said = silent
    progress: Progress | None = None

    @property
    def greedy(self) -> Search:
        """The search of a validation."""
        return Search(1, self.search.max_length, self.search.length_penalty)

    def scores(self, texts: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
        """What texts are worth; see `score_texts`."""
        scored = score_texts(texts, right, language=self.language, lowercase=self.lowercase)
        return scored.estimates()

    def fit(
        self,
        module: Any,
        examples: Sequence[Any],
        collate: Callable[[list[Any]], Mapping[str, Any]],
        right: Sequence[Sequence[str]],
        batch: Callable[[range], Mapping[str, Any]],
        write: Callable[[], Sequence[str]],
        sample: Sequence[int],
    ) -> History:
        """Train, and keep the weights whose texts validate best.

        Parameters
        ----------
        module, examples, collate
            See `sensorium.training.loop.train`.
        right : sequence of sequences of str
            The right texts of the validation's examples.
        batch : callable
            The module's arguments for some of these, by their places, with the first right text.
        write : callable
            Writes for `sample`, some of the places; the loss is that of all.
        """

        def validate(module: Any) -> dict[str, float]:
            total = 0.0
            for start in range(0, len(right), self.settings.batch_size):
                places = range(start, min(start + self.settings.batch_size, len(right)))
                total += float(module(**batch(places))["loss"]) * len(places)
            scores = self.scores(write(), [right[place] for place in sample])
            return {"loss": total / len(right), **{name: scores[name] for name in self.metrics}}

        return train(
            module, examples, collate, self.folder, self.settings,
            validate=validate, best=(self.metrics[0], "max"), progress=self.progress,
        )  # fmt: skip

    def finish(
        self,
        written: Format,
        parts: Sequence[Examples],
        texts: Mapping[int, str],
        nearest: Mapping[int, str],
        save: Callable[[Path], Mapping[str, Any]],
        *,
        history: History,
        skipped: Sequence[Skipped] = (),
        grouped: bool = True,
    ) -> GenerationReport:
        """Measure what was written for the test's examples, and write the folder.

        Parameters
        ----------
        written : Format
        parts : sequence of Examples
            For training, validation and test.
        texts, nearest : mapping of int to str
            By row of the test: what the model writes, and the text of the nearest known example.
        save : callable
            Writes the model, and gives what its description says.
        history, skipped
            Of the training, and beside what `parts` say.
        grouped : bool
            Whether examples of one group are no independent ones.
        """
        rows = [row for row in texts if row in nearest]
        tested = parts[2].take(rows)
        ours, theirs = [texts[row] for row in rows], [nearest[row] for row in rows]
        report = compared(
            written.what, ours, theirs, tested.texts, names=tested.names, folder=self.folder,
            language=self.language, lowercase=self.lowercase, seed=self.seed,
            seconds=history.seconds, groups=tested.groups if grouped else None,
            counts=dict(zip(("train", "validation", "test"), map(len, parts), strict=True)),
            skipped=[*(one for part in parts for one in part.skipped), *skipped],
        )  # fmt: skip
        report.save()  # before the description, with which the folder is whole
        with faults_of_disk(self.folder):
            saved = save(self.folder)
        written.write(
            self.folder,
            {
                **saved, "language": self.language, "search": self.search,
                "settings": self.settings, "scores": report.scores,
            },
        )  # fmt: skip
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return report


def evenly(count: int, most: int) -> list[int]:
    """At most so many places, spread evenly over all."""
    return [int(place) for place in np.linspace(0, count - 1, min(most, count))]


def first_texts(candidates: Collection[Sequence[tuple[str, float]]]) -> list[str]:
    """The best text of each; empty where there is none."""
    return [texts[0][0] if texts else "" for texts in candidates]
