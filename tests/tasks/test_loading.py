"""Tasks load and run without what trains, measures or collects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RUNS = {
    "classifier": "from sensorium.tasks.classification import load_classifier as load\n"
    "load(folder).classify([PICTURES[0]])",
    "fusion-linear": "from sensorium.tasks.fusion import load_fusion as load\n"
    "load(folder).predict(ROWS)",
    "captioner": "from sensorium.tasks.captioning import load_captioner as load\n"
    "load(folder).caption(PICTURES[:1])",
    "translator": "from sensorium.tasks.translation import load_translator as load\n"
    "load(folder).translate(LINES[:1])",
}

ABOVE = ("index", "ranking", "collection", "evaluation", "training", "cli")


@pytest.mark.parametrize("names", [["classifier"], ["fusion-linear", "captioner", "translator"]])
def test_nothing_above_tasks_is_loaded(names: list[str]) -> None:
    """The three that need torch in one process: importing it takes longer than all they do."""
    if names != ["classifier"]:
        pytest.importorskip("torch")
        pytest.importorskip("transformers")
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.kept.answers import LINES, PICTURES, ROWS\n"
        + "".join(f"folder = Path('tests/kept/{name}')\n{RUNS[name]}\n" for name in names)
        + "print(*(m for m in sys.modules if m.startswith('sensorium.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "sensorium.encoders" in loaded  # it did run
    assert not [m for m in loaded if m.split(".")[1] in ABOVE]
    if names == ["classifier"]:  # arrays over vectors: NumPy is enough
        assert "sensorium.tasks.single_tower" not in loaded
