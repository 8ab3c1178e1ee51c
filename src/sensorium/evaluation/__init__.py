"""Metrics over arrays, intervals around them, tests between systems, and all of it on your data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.evaluation.against import compare_results as compare_results
    from sensorium.evaluation.collection_retrieval import evaluate_retrieval as evaluate_retrieval
    from sensorium.evaluation.evaluate import evaluate_folder as evaluate_folder
    from sensorium.evaluation.evaluate import evaluate_pairs as evaluate_pairs
    from sensorium.evaluation.folder import write_evaluation as write_evaluation
    from sensorium.evaluation.rerun import rerun_result as rerun_result
    from sensorium.evaluation.result import Result as Result
    from sensorium.evaluation.result import read_result as read_result

# Imported when first used: the metrics need only NumPy, the rest SciPy and the encoders.
_HOMES = {
    "Result": "result",
    "compare_results": "against",
    "evaluate_folder": "evaluate",
    "evaluate_pairs": "evaluate",
    "evaluate_retrieval": "collection_retrieval",
    "read_result": "result",
    "rerun_result": "rerun",
    "write_evaluation": "folder",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
