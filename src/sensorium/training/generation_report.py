"""What a captioner or translator is worth, beside the nearest neighbour, and a few of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from sensorium.errors import UsageError
from sensorium.evaluation.comparison import Comparison, holm
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.text_generation import score_texts
from sensorium.folders import write_json
from sensorium.media.skipped import Skipped

REPORT = "report.json"

BASELINE = "nearest neighbour"

EXAMPLES = 200
"""Examples that are written into the file, at most."""


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
class Report:
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
        stored = {**asdict(self), "folder": str(self.folder), "skipped": len(self.skipped)}
        if len(self.examples) > EXAMPLES:  # spread over all
            places = np.linspace(0, len(self.examples) - 1, EXAMPLES).astype(np.intp)
            stored["examples"] = [asdict(self.examples[place]) for place in places]
        write_json(self.folder / REPORT, stored)


def compared(
    kind: str,
    texts: Sequence[str],
    baseline: Sequence[str],
    right: Sequence[Sequence[str]],
    *,
    folder: Path,
    language: str,
    counts: dict[str, int],
    examples: list[Example],
    lowercase: bool = False,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    seconds: float = 0.0,
    skipped: Sequence[Skipped] = (),
) -> Report:
    """Score a model's texts and the baseline's on the same examples.

    Parameters
    ----------
    kind, folder, counts, examples, seconds, skipped
        See `Report`.
    texts, baseline : sequence of str, length n
    right : sequence of sequences of str, length n
    language, lowercase
        See `score_texts`.
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
    adjusted = holm([one.p for one in found.values()]).tolist() if found else []
    return Report(
        kind=kind,
        folder=folder,
        counts=counts,
        scores=ours.intervals(seed=seed, groups=numbers),
        baseline=theirs.intervals(seed=seed, groups=numbers),
        comparison={
            name: Comparison(one.difference, one.low, one.high, float(p))
            for (name, one), p in zip(found.items(), adjusted, strict=True)
        },
        examples=examples,
        seconds=seconds,
        skipped=[*skipped],
    )
