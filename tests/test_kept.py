"""What earlier versions wrote opens and answers as it did, and their public names are there."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.kept.answers import ASKED

KEPT = Path(__file__).parent / "kept"

NEEDED = {
    "collection": ["soundfile", "soxr"],
    "fusion-linear": ["torch", "safetensors", "soundfile", "soxr"],
    "fusion-early": ["torch", "safetensors", "soundfile", "soxr"],
    "fusion-number": ["torch", "safetensors", "soundfile", "soxr"],
    "captioner": ["torch", "transformers"],
    "translator": ["torch", "transformers"],
}
"""Packages of extras by what needs them."""

# Answers were written in full precision; half of it agrees to two digits alone.
pytestmark = pytest.mark.usefixtures("full_precision")


def _same(kept: Any, now: Any, where: str) -> None:
    """Compare: numbers to three digits, everything else exactly."""
    if isinstance(kept, dict):
        assert isinstance(now, dict) and now.keys() == kept.keys(), where
        for name, value in kept.items():
            _same(value, now[name], f"{where}: {name}")
    elif isinstance(kept, list):
        assert isinstance(now, (list, tuple)) and len(now) == len(kept), (where, now, kept)
        for number, value in enumerate(kept):
            _same(value, now[number], f"{where}[{number}]")
    elif isinstance(kept, float):
        assert now == pytest.approx(kept, rel=1e-3, abs=1e-3), where
    else:
        assert now == kept, where


@pytest.mark.parametrize("name", ASKED)
def test_what_was_kept_answers_as_it_did(name: str, tmp_path: Path) -> None:
    for package in NEEDED.get(name, []):
        pytest.importorskip(package)
    answers = json.loads((KEPT / "answers.json").read_text("utf-8"))
    shutil.copytree(KEPT / name, tmp_path / name)
    _same(answers[name], ASKED[name](tmp_path / name), name)


def test_other_answers_would_be_told_apart() -> None:
    kept = {"hits": [["a.jpg", 0.25, None]]}
    _same(kept, {"hits": [("a.jpg", 0.2501, None)]}, "")
    for other in (["b.jpg", 0.25, None], ["a.jpg", 0.26, None], ["a.jpg", 0.25]):
        with pytest.raises(AssertionError):
            _same(kept, {"hits": [other]}, "")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module, names in json.loads((KEPT / "names.json").read_text("utf-8")).items()
        for name in names
    ],
)
def test_public_names_stay_where_they_were(module: str, name: str) -> None:
    if module.startswith(("sensorium.training.", "sensorium.tasks.")):
        pytest.importorskip("torch")
        pytest.importorskip("transformers")
    assert hasattr(importlib.import_module(module), name)
