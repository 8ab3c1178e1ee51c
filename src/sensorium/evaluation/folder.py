"""An evaluation as a folder to look at: ``report.md``, its plots, and ``result.json``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sensorium.errors import UsageError
from sensorium.evaluation.evaluate import data_fingerprint
from sensorium.evaluation.measuring import digits_of, shown_scores
from sensorium.evaluation.plots import (
    draw_worst_pictures,
    draw_worst_queries,
    plot_confusion,
    plot_recall,
)
from sensorium.evaluation.report import Report, Table, named, spread
from sensorium.evaluation.result import (
    RESULT_FILE,
    TITLES,
    Measurement,
    Result,
    read_result,
    write_result,
)
from sensorium.home import short_path
from sensorium.media.skipped import group_skipped
from sensorium.replacing import flush, hidden_beside, remove_abandoned
from sensorium.visible import visible

REPORT_FILE = "report.md"
RECALL, CONFUSION = "recall.png", "confusion.png"

SKIPPED_SHOWN = 20
"""Skipped things that a report names for each reason; ``result.json`` has all of them."""

SCORE_NAMES = {
    "success@1": "a right answer first (success@1)",
    "success@5": "a right answer in the first 5 (success@5)",
    "success@10": "a right answer in the first 10 (success@10)",
    "recall@1": "share of the right answers that is first (recall@1)",
    "recall@5": "share of the right answers in the first 5 (recall@5)",
    "recall@10": "share of the right answers in the first 10 (recall@10)",
    "precision@10": "share of right ones among the first 10 (precision@10)",
    "map": "mean average precision (mAP)",
    "map@r": "mean average precision at R (mAP@R)",
    "ndcg@10": "nDCG@10",
    "mrr": "mean reciprocal rank (MRR)",
    "median_rank": "median rank of the first right answer",
    "top-1": "right class first (top-1 accuracy)",
    "top-5": "right class in the first 5 (top-5 accuracy)",
    "macro_precision": "precision, mean of the classes",
    "macro_recall": "recall, mean of the classes",
    "macro_f1": "F1, mean of the classes",
    "ece": "expected calibration error (lower is better)",
}
"""What a score is, in words."""


def write_evaluation(result: Result, folder: str | os.PathLike[str]) -> list[str]:
    """Write a result, its plots and its report into a folder.

    Parameters
    ----------
    result : Result
    folder : str or Path
        Is made when it is missing. An earlier run of the same evaluation is written over.

    Returns
    -------
    list of str
        Names of the files.

    Raises
    ------
    UsageError
        When the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    require_free(folder, result.kind, result.arguments, result.encoder["fingerprint"])
    if (folder / RESULT_FILE).is_file():
        _require_same_data(folder, result.fingerprint, read_result(folder))
    # A folder that is there may hold files of the user's, and lie where nothing can be put beside.
    beside = folder / RESULT_FILE if folder.exists() else folder
    try:
        with hidden_beside(beside) as new:
            new.mkdir()
            plots = _draw(result, new)
            lines = _report(result, plots)
            (new / REPORT_FILE).write_text("\n".join(lines) + "\n", "utf-8", "surrogateescape")
            write_result(result, folder, new)
            flush(new)
            if beside == folder:
                new.rename(folder)
            else:
                _take_places(new, folder)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{folder}: the evaluation cannot be written ({reason})") from error
    return [REPORT_FILE, RESULT_FILE, *plots]


def _take_places(new: Path, folder: Path) -> None:
    """Put files in the place of an earlier run's, the result last; remove plots it alone had."""
    drawn = {path.name for path in new.iterdir()}
    for name in sorted(drawn, key=lambda name: name == RESULT_FILE):
        (new / name).replace(folder / name)
    for name in {RECALL, CONFUSION, *(_worst_file(name) for name in TITLES)} - drawn:
        (folder / name).unlink(missing_ok=True)


def require_free(folder: Path, kind: str, arguments: dict[str, str], fingerprint: str) -> None:
    """Refuse to write over anything but an earlier run of the same evaluation.

    Parameters
    ----------
    folder : Path
    kind : str
    arguments : dict of str to str
        As in `Result`.
    fingerprint : str
        Of the encoder's space.

    Raises
    ------
    UsageError
        When the folder holds another evaluation, or something else.
    """
    if folder.is_dir():
        remove_abandoned(folder / RESULT_FILE)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / RESULT_FILE).is_file():
        raise UsageError(f"{folder} exists and is no evaluation: give another folder with --out")
    before = read_result(folder)
    differ = [
        name
        for name in dict.fromkeys([*before.arguments, *arguments])
        if before.arguments.get(name) != arguments.get(name)
    ]
    if before.kind != kind:
        differ.insert(0, "kind")
    if before.encoder["fingerprint"] != fingerprint and "encoder" not in differ:
        differ.append("encoder")
    if differ:
        raise UsageError(
            f"{folder} holds another evaluation (other {' and '.join(differ)}): "
            "give another folder with --out"
        )
    if (now := data_fingerprint(before)) is not None:
        _require_same_data(folder, now, before)


def _require_same_data(folder: Path, fingerprint: str, before: Result) -> None:
    if before.fingerprint != fingerprint:
        raise UsageError(
            f"{folder} holds an evaluation of these data as they were before they changed: "
            "give another folder with --out, or remove it"
        )


def report_of(result: Result, folder: Path, files: Sequence[str]) -> Report:
    """What is told of an evaluation whose files were written into a folder."""
    rows = [
        [name, score, *spread(found.scores[score], digits_of(score))]
        for name, found in result.measurements.items()
        for score in shown_scores(found)
    ]
    titles = {
        name: f"{TITLES[name]}, {count_samples(m)}" for name, m in result.measurements.items()
    }
    written = {"output": str(folder), "files": [os.path.join(folder, name) for name in files]}  # noqa: PTH118
    return Report(
        [
            describe(result),
            Table(["measurement", "score", "value", "95% interval"], rows, sections=titles),
            f"written to {short_path(str(folder))}: {', '.join(files)}",
        ],
        [
            *named(result.skipped),
            *(
                {"measurement": name, "score": score, **vars(value)}
                for name, scores in result.scores.items()
                for score, value in scores.items()
            ),
            {**written, "skipped": len(result.skipped)},
        ],
    )


def describe(result: Result) -> str:
    """What was measured, in one line."""
    counts = result.data["counts"]
    what = {
        "pairs": "{pictures:,} pictures, {captions:,} captions",
        "folder": "{pictures:,} pictures in {classes:,} classes",
        "retrieval": "{queries:,} queries to {items:,} items",
    }[result.kind].format(**counts)
    encoder = result.encoder
    return f"{what}; {encoder['name']} [{encoder['fingerprint']}]{describe_search(result)}"


def describe_search(result: Result) -> str:
    """How a collection was asked, to stand behind what it was asked with; else nothing."""
    if not result.search:
        return ""
    index = result.search["index"]
    return f"; mode {result.search['mode']}" + (f", index {index['kind']}" if index else "")


def count_samples(found: Measurement) -> str:
    """How many samples a measurement has, and what they are."""
    return f"{len(found.samples):,} {'queries' if found.confusion is None else 'pictures'}"


def _draw(result: Result, folder: Path) -> list[str]:
    plots = []
    for name, found in result.measurements.items():
        if found.confusion is not None:
            plot_confusion(found, folder / CONFUSION)
            plots.append(CONFUSION)
            draw = draw_worst_pictures
        else:
            draw = draw_worst_queries
        if found.worst:
            draw(result, name, folder / _worst_file(name))
            plots.append(_worst_file(name))
    if CONFUSION not in plots:
        plot_recall(result, folder / RECALL)
        plots.insert(0, RECALL)
    return plots


def _worst_file(name: str) -> str:
    return f"worst-{name.replace('_', '-')}.png"


def _report(result: Result, plots: Sequence[str]) -> list[str]:
    source = result.arguments.get("data") or result.arguments["collection"]
    lines = [
        f"# Evaluation of {_cell(os.path.basename(source))}",  # noqa: PTH119
        "",
        f"{describe(result)}. Intervals are 95% bootstrap intervals.",
        "",
    ]
    if RECALL in plots:
        lines += [f"![Queries with a right answer among the first k hits]({RECALL})", ""]
    for name, found in result.measurements.items():
        lines += [f"## {TITLES[name].capitalize()}", "", *_table(found), ""]
        if name == "text_to_image" and "group" in found.samples[0]:
            lines += ["Captions of one picture are resampled together.", ""]
        if found.confusion is not None:
            lines += ["![Right classes and what was predicted](confusion.png)", ""]
        worst = _worst_file(name)
        if worst in plots:
            lines += ["### The worst", "", f"![The worst, as pictures]({worst})", ""]
            lines += [*_worst(found), ""]
    if skipped := result.skipped:
        lines += [f"## Skipped: {len(skipped):,}", ""]
        lines += [f"- {_cell(line)}" for line in group_skipped(skipped, SKIPPED_SHOWN)]
        lines.append("")
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return [
        *lines,
        "## Run it again",
        "",
        f"    sensorium evaluate --rerun {RESULT_FILE}",
        "",
        f"Seed {result.seed}; {result.encoder['runtime']}; {versions}.",
    ]


def _table(found: Measurement) -> list[str]:
    rows = [
        [SCORE_NAMES[name], *spread(found.scores[name], digits_of(name))]
        for name in shown_scores(found)
    ]
    return _markdown([count_samples(found), "value", "95% interval"], rows)


def _worst(found: Measurement) -> list[str]:
    rows = []
    for worst in found.worst:
        sample, hits = found.samples[worst["sample"]], worst["hits"]
        if found.confusion is not None:
            rows.append([sample["picture"], worst["right"]["text"], hits[0]["text"]])
        else:
            rank = "not found" if sample.get("missed") else f"{sample['rank']:,}"
            names = ", ".join(map(_name, hits[:3]))
            rows.append([_name(sample), _name(worst["right"]), rank, names])
    if found.confusion is not None:
        return _markdown(["picture", "right class", "taken for"], rows)
    return _markdown(["asked", "right answer", "at rank", "first hits"], rows)


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *lines]


def _name(cell: dict[str, Any]) -> str:
    return str(cell["text"]) if "text" in cell else os.path.basename(cell["picture"])  # noqa: PTH119


def _cell(text: str) -> str:
    """Text that neither ends a table cell nor is taken for Markdown or HTML."""
    shown = visible(text)
    for mark in "\\|*`<[":
        shown = shown.replace(mark, "\\" + mark)
    return shown
