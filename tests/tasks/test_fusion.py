"""Predicting with a fusion model that is read from its folder, as the fitted estimator does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("soundfile")

from sensorium.errors import SensoriumWarning, UsageError
from sensorium.tasks.fusion import load_fusion
from sensorium.training import FusionClassifier
from tests.kept.answers import PICTURES, ROWS

KEPT = Path(__file__).parents[1] / "kept"


def test_it_predicts_what_the_estimator_predicts() -> None:
    folder = KEPT / "fusion-early"
    loaded, estimator = load_fusion(folder), FusionClassifier.load(folder)
    assert loaded.modalities == estimator.modalities and [*loaded.targets] == ["kind"]
    encoded = loaded.encode(ROWS)
    assert loaded.predict(encoded) == estimator.predict(encoded)
    (chances,) = loaded.predict_proba(encoded).values()
    np.testing.assert_array_equal(chances, estimator.predict_proba(encoded)["kind"])
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    shares = loaded.contributions(encoded, "kind")
    whole = shares.baseline + shares.values.sum(axis=1)
    np.testing.assert_allclose(whole, chances.max(axis=1), atol=1e-6)


def test_what_cannot_be_read_is_said() -> None:
    loaded = load_fusion(KEPT / "fusion-number")
    row = {"photo": str(PICTURES[0]), "size": 3.0, "shape": "disc"}
    with pytest.warns(SensoriumWarning, match=r"gone\.wav"):
        found = loaded.predict([{**row, "sound": "gone.wav"}])
    with pytest.warns(SensoriumWarning, match="column sound: the table lacks it"):
        assert loaded.predict_proba([row]) == {}  # prices are no categories
    assert np.isfinite(found["price"]).all()
    with pytest.raises(UsageError, match="there is no target 'kind'; there are price"):
        loaded.contributions([row], "kind")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no fusion\.json: give the folder"):
        load_fusion(KEPT / "classifier")
    shutil.copytree(KEPT / "fusion-early", tmp_path / "model")
    path = tmp_path / "model" / "fusion.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "targets": [{}]}), "utf-8")
    with pytest.raises(UsageError, match="the fusion model is damaged"):
        load_fusion(tmp_path / "model")
