"""What a captioner or translator is worth, beside the nearest neighbour, and a few of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.errors import UsageError
from sensorium.evaluation.comparison import Comparison, corrected
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.report import Report, Table, figure, gain, named, spread
from sensorium.evaluation.text_generation import score_texts
from sensorium.folders import write_json
from sensorium.home import short_path
from sensorium.media.skipped import Skipped

REPORT = "report.json"

BASELINE = "nearest neighbour"

USES = {
    "captioner": "sensorium caption PHOTO.jpg --model {}",
    "translator": 'sensorium translate {} "TEXT"',
}
"""Commands that a folder is used by."""

EXAMPLES = 200
"""Examples that are written into the file, at most."""

SHOWN = 5
"""Examples that people are shown."""


@dataclass(frozen=True)
class Example:
    """What became of one picture or text.

    Attributes
    ----------
    name : str
        A picture's name, or the source text.
    text : str
        What was generated.
    right : list of str
    baseline : str
        What the nearest neighbour is called.
    """

    name: str
    text: str
    right: list[str]
    baseline: str


@dataclass(frozen=True)
class GenerationReport:
    """Scores on what was held out, beside the nearest neighbour's.

    Attributes
    ----------
    kind : str
        "captioner" or "translator".
    folder : Path
        Where the model was written.
    counts : dict of str to int
        Examples in "train", "validation" and "test".
    scores, baseline : dict of str to Interval
        Of the model and of the nearest neighbour; see `sensorium.evaluation.text_generation`.
    comparison : dict of str to Comparison
        What the model gains over the baseline; the p-values are Holm-corrected over the scores.
        Empty where every text is the baseline's: the model is it.
    examples : list of Example
    seconds : float
        That the training took.
    skipped : list of Skipped
    """

    kind: str
    folder: Path
    counts: dict[str, int]
    scores: dict[str, Interval]
    baseline: dict[str, Interval]
    comparison: dict[str, Comparison]
    examples: list[Example]
    seconds: float = 0.0
    skipped: list[Skipped] = field(default_factory=list)

    def save(self) -> None:
        """Write ``report.json`` into the folder."""
        count = len(self.examples)
        places = np.linspace(0, count - 1, min(count, EXAMPLES)).astype(np.intp)  # over all
        stored = {"examples": [self.examples[n] for n in places], "skipped": len(self.skipped)}
        write_json(self.folder / REPORT, {**vars(self), **stored})

    def as_report(self) -> Report:
        """What is told of the training."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        headings = ["score", "value", "95% interval"]
        if self.comparison:
            headings += [BASELINE, "difference", "p (Holm)"]
        rows = []
        for name, score in self.scores.items():
            row = [name, *spread(score, 2)]
            if (found := self.comparison.get(name)) is not None:
                row += [figure(self.baseline[name].estimate, digits=2), *gain(found, 2)]
            rows.append(row)
        shown: list[str | Table] = [f"{counts}; trained in {self.seconds:,.0f} s"]
        shown.append(Table(headings, rows))
        if not self.comparison:
            shown.append(f"every text is that of the {BASELINE}: the model does as it does")
        for example in self.examples[:: max(1, len(self.examples) // SHOWN)][:SHOWN]:
            shown += [
                f"{short_path(example.name)}: {example.text}",
                f"    right: {' / '.join(example.right[:2])}; {BASELINE}: {example.baseline}",
            ]
        folder = short_path(str(self.folder))
        shown.append(f"written to {folder} ({REPORT} has it all)")
        shown.append(f"use it: {USES[self.kind].format(folder)}")
        return Report(shown, self._facts(), self.skipped)

    def _facts(self) -> list[dict[str, Any]]:
        facts = named(self.skipped)
        for name, score in self.scores.items():
            found, baseline = self.comparison.get(name), self.baseline[name].estimate
            gained = {"difference": found and found.difference, "p": found and found.p}
            facts.append({"score": name, **vars(score), "baseline": baseline, **gained})
        whole = {**self.counts, "seconds": round(self.seconds, 1), "skipped": len(self.skipped)}
        return [*facts, {"output": str(self.folder), **whole}]


def compared(
    kind: str,
    texts: Sequence[str],
    baseline: Sequence[str],
    right: Sequence[Sequence[str]],
    *,
    folder: Path,
    language: str,
    counts: dict[str, int],
    names: Sequence[str] = (),
    lowercase: bool = False,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    seconds: float = 0.0,
    skipped: Sequence[Skipped] = (),
) -> GenerationReport:
    """Score a model's texts and the baseline's on the same examples.

    Parameters
    ----------
    kind, folder, counts, seconds, skipped
        See `GenerationReport`.
    texts, baseline : sequence of str, length n
    right : sequence of sequences of str, length n
    language, lowercase
        See `score_texts`.
    names : sequence of str, length n
        Of the examples that the report shows; none shows none.
    groups : sequence of str, length n, optional
        Group of each example, where those of one group are not independent.
    seed : int

    Raises
    ------
    UsageError
        For fewer than two examples: an interval needs more.
    """
    if len(texts) < 2:
        raise UsageError(f"{len(texts)} held-out examples are too few to measure on: give more")
    ours, theirs = (
        score_texts(one, right, language=language, lowercase=lowercase) for one in (texts, baseline)
    )
    numbers = None
    if groups is not None and len(set(groups)) < len(groups):
        numbers = np.unique(np.array(groups), return_inverse=True)[1].astype(np.intp)
    found: dict[str, Comparison] = {}
    if list(texts) != list(baseline):
        found = ours.compare(theirs, seed=seed, groups=numbers)
    return GenerationReport(
        kind=kind,
        folder=folder,
        counts=counts,
        scores=ours.intervals(seed=seed, groups=numbers),
        baseline=theirs.intervals(seed=seed, groups=numbers),
        comparison=dict(zip(found, corrected([*found.values()]), strict=True)),
        examples=[
            Example(name, text, [*targets], near)
            for name, text, targets, near in zip(names, texts, right, baseline, strict=False)
        ],
        seconds=seconds,
        skipped=[*skipped],
    )
