"""Running an evaluation again, and telling whether and why it came out differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensorium.collection.asking import MODES
from sensorium.encoders import Encoder
from sensorium.encoders.registry import load_recorded
from sensorium.encoders.trust import may_look_at, why_not
from sensorium.errors import UsageError
from sensorium.evaluation.collection_retrieval import DEPTH, evaluate_retrieval
from sensorium.evaluation.evaluate import evaluate_folder, evaluate_pairs
from sensorium.evaluation.report import Report
from sensorium.evaluation.result import PATH_ARGUMENTS, Measurement, Result
from sensorium.media.progress import Progress

NAMED = 3
"""Samples that a difference names."""


@dataclass(frozen=True)
class Differences:
    """What differs between two runs of one evaluation.

    Attributes
    ----------
    numbers : list of str
        Scores and samples that came out differently; empty where all agree to the last digit.
    causes : list of str
        Data, encoder and versions that are not the same; they may differ without consequence.
    """

    numbers: list[str]
    causes: list[str]

    def as_report(self, before: Result) -> Report:
        """What is told of them; `before` is the result that was run again."""
        scores = sum(len(measured) for measured in before.scores.values())
        samples = sum(len(measured.samples) for measured in before.measurements.values())
        verdict = "not reproduced" if self.numbers else "reproduced to the last digit"
        why = "may be why" if self.numbers else "differs without effect"
        shown = [f"{verdict}: {scores} scores of {samples:,} samples"]
        shown += [f"  {line}" for line in self.numbers]
        shown += [f"  {why}: {cause}" for cause in self.causes]
        if self.numbers and not self.causes:
            shown.append("  data, encoder and versions are the same: another processor, or a fault")
        return Report(shown, [{"reproduced": not self.numbers, **asdict(self)}])


def rerun_result(result: Result, progress: Progress | None = None) -> Result:
    """Evaluate again with the arguments of a result.

    Raises
    ------
    UsageError
        When its data are no longer there.
    EncoderError
        When its encoder is not there, or nobody has named it here (`load_recorded`).
    """
    asked = result.arguments
    for name in PATH_ARGUMENTS:
        if name in asked and not may_look_at(asked[name]):
            raise UsageError(f"the {name} of this result, {asked[name]!r}: {why_not(asked[name])}")
        if name in asked and not Path(asked[name]).exists():
            raise UsageError(f"the {name} of this result is no longer there: {asked[name]}")
    options: dict[str, Any] = {"seed": result.seed, "progress": progress}

    def encoder() -> Encoder:
        return load_recorded(asked["encoder"], "the result")

    runs: dict[str, Callable[[], Result]] = {
        "pairs": lambda: evaluate_pairs(asked["data"], encoder(), **options),
        "folder": lambda: evaluate_folder(
            asked["data"], encoder(), labels=asked.get("labels"), **options
        ),
        # The collection says itself which encoder it belongs to: it may have been re-embedded.
        "retrieval": lambda: evaluate_retrieval(
            asked["collection"],
            asked["queries"],
            asked["qrels"],
            mode=asked.get("mode", MODES[0]),
            depth=_depth(result),
            **options,
        ),
    }
    if result.kind not in runs:
        raise UsageError(f"a result of the kind {result.kind!r} cannot be run again")
    again = runs[result.kind]()
    again.arguments["encoder"] = asked["encoder"]  # as it was named
    return again


def _depth(result: Result) -> int:
    """How many hits a result of a collection looked at; of format 1, all items."""
    text = result.arguments.get("depth", str(max(DEPTH, result.data["counts"]["items"])))
    if not text.isdecimal():
        raise UsageError(f"the result was edited: its depth is {text!r}")
    return int(text)


def differences(before: Result, after: Result) -> Differences:
    """Compare two runs number by number."""
    numbers = []
    for name, old in before.measurements.items():
        numbers += _measurement_differences(name, old, after.measurements[name])
    if before.skipped != after.skipped:
        numbers.append(f"skipped: {len(before.skipped)} before, {len(after.skipped)} now")
    causes = []
    digests = before.data["digests"], after.data["digests"]
    changed = _changed_samples(before, after)
    for part in _differing(*digests):
        causes.append(f"data: the {part} differ{changed if part != 'labels' else ''}")
        changed = ""  # named once
    if after.search and not before.search:
        causes.append("search: cosines were ranked as they are, now the collection's search ranks")
    for kind, old_facts, new_facts in (
        ("encoder", before.encoder, after.encoder),
        ("search", before.search, after.search if before.search else {}),
        ("versions", before.versions, after.versions),
    ):
        for key in _differing(old_facts, new_facts):
            old_value, new_value = old_facts.get(key, "none"), new_facts.get(key, "none")
            causes.append(f"{kind}: {key} was {old_value}, is {new_value}")
    return Differences(numbers, causes)


def _measurement_differences(name: str, old: Measurement, new: Measurement) -> list[str]:
    found = [
        f"{name} {score}: {value.estimate!r} [{value.low!r}, {value.high!r}] before, "
        f"{other.estimate!r} [{other.low!r}, {other.high!r}] now"
        for score, value in old.scores.items()
        if (other := new.scores.get(score, value)) != value
    ]
    found += [
        f"{name} {score}: measured in one run only" for score in old.scores.keys() ^ new.scores
    ]
    rows = len(old.samples), len(new.samples)
    if rows[0] != rows[1]:
        found.append(f"{name}: {rows[0]} samples before, {rows[1]} now")
    elif old.samples != new.samples or old.values != new.values:
        differ = [
            row
            for row, (one, other) in enumerate(zip(old.samples, new.samples, strict=True))
            if one != other or any(old.values[s][row] != new.values[s][row] for s in old.values)
        ]
        named = ", ".join(sample_name(new.samples[row]) for row in differ[:NAMED])
        more = f" and {len(differ) - NAMED} more" if len(differ) > NAMED else ""
        found.append(f"{name}: {len(differ)} of {rows[0]} samples differ: {named}{more}")
    if not found and (old.worst, old.confusion) != (new.worst, new.confusion):
        found.append(f"{name}: the hits of the worst samples differ")
    return found


def sample_name(sample: Mapping[str, Any]) -> str:
    """What people call a sample: the id of a query, else its words or picture."""
    return str(sample.get("id") or sample.get("text") or sample.get("picture"))


def _changed_samples(before: Result, after: Result) -> str:
    names: dict[str, None] = {}
    for name, old in before.measurements.items():
        digests = {sample_name(sample): sample["digest"] for sample in old.samples}
        for sample in after.measurements[name].samples:
            if digests.pop(sample_name(sample), None) != sample["digest"]:
                names[sample_name(sample)] = None
        names.update(dict.fromkeys(digests))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({', '.join(list(names)[:NAMED])}{more})" if names else ""


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    keys = dict.fromkeys([*one, *other])
    return [key for key in keys if one.get(key) != other.get(key)]
