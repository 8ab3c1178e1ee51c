"""Contrastive training on a cluster: the local training's result, whoever is killed meanwhile."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psutil
import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")
pytest.importorskip("onnx")
lance = pytest.importorskip("lance", reason="needs the extra lance")
ray = pytest.importorskip("ray", reason="needs the extra scale")

import pyarrow  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from sensorium import load_encoder, scale  # noqa: E402
from sensorium.errors import UsageError  # noqa: E402
from sensorium.media.progress import NO_FIGURES  # noqa: E402
from sensorium.scale import cluster as connecting  # noqa: E402
from sensorium.scale import training_worker  # noqa: E402
from sensorium.training.contrastive import (  # noqa: E402
    ContrastiveReport,
    Options,
    train_contrastive,
)
from sensorium.training.settings import Settings  # noqa: E402
from tests.encoders import tiny_hub  # noqa: E402

COLORS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 220)}
SETTINGS = Settings(
    epochs=150, batch_size=8, learning_rate=0.02, validate_every=50, save_every=2, seed=1
)
"""So many steps that there is time to kill, and so many checkpoints that few are done again."""


def encoded(color: str, number: int) -> bytes:
    noise = np.random.default_rng(number).integers(-20, 20, (40, 40, 3))
    pixels = (np.array(COLORS[color]) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Squares in three colours in a Lance table of several fragments, one of them broken."""
    names = [(color, number) for number in range(9) for color in COLORS]
    columns = {
        "key": [*(f"{color}{number}" for color, number in names), "broken"],
        "image": [*(encoded(*name) for name in names), b"\x89PNG no"],
        "caption": [*(f"a {color} square" for color, _ in names), "a red square"],
    }
    lance.write_dataset(pyarrow.table(columns), str(tmp_path / "pairs.lance"), max_rows_per_file=10)
    return tmp_path / "pairs.lance"


def processes(kind: str) -> list[psutil.Process]:
    """Processes of a kind of actors."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if kind in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _parts(steps: list[int]) -> list[list[int]]:
    """Steps between marks."""
    marks = [place for place, step in enumerate(steps) if step == 0]
    return [steps[start + 1 : stop] for start, stop in pairwise([-1, *marks, len(steps)])]


def same(one: ContrastiveReport, other: ContrastiveReport) -> None:
    """Both trainings led to the same, to the rounding of sums in another order."""
    assert one.history.steps == other.history.steps
    assert one.history.losses == pytest.approx(other.history.losses, abs=2e-5)
    assert one.history.learning_rates == pytest.approx(other.history.learning_rates)
    assert one.history.metrics == [
        pytest.approx(found, abs=1e-6) for found in other.history.metrics
    ]
    assert one.after == pytest.approx(other.after, abs=1e-6)
    counts = [(it.pictures, it.captions, it.validation_pictures, it.skipped) for it in (one, other)]
    assert counts[0] == counts[1]
    texts = [f"a {color} square" for color in COLORS]
    vectors = [load_encoder(report.folder).encode(texts) for report in (one, other)]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-4)


@pytest.mark.slow
def test_a_worker_and_a_machine_are_killed(
    two_machines: tuple[Cluster, Any], table: Path, tmp_path: Path, tiny: Path, other_tiny: Path
) -> None:
    cluster, second = two_machines
    options = Options(str(tiny), str(other_tiny), projection="mlp", hidden=32, dimension=16)
    here = train_contrastive(table, tmp_path / "here", options, SETTINGS)
    told: list[str] = []
    killed: list[set[int]] = []
    steps: list[int] = []

    def progress(done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
        steps.append(done)
        if len(killed) < 2 and done >= (len(killed) + 1) * total // 4:
            there = processes("RayTrainWorker")
            if killed and killed[0] & {process.pid for process in there}:
                return  # it is heard late: these are not there any more
            killed.append({process.pid for process in there})
            if len(killed) == 1:
                os.kill(there[0].pid, signal.SIGKILL)
                os.kill(processes("RunState")[0].pid, signal.SIGKILL)  # as Ray does for memory
            else:
                cluster.remove_node(second, allow_graceful=False)
            steps.append(0)  # a mark: what is told from here on is of others

    def said(what: str) -> None:
        told.append(what)
        if what.startswith("waiting for machines"):
            cluster.add_node(num_cpus=1)

    far = scale.train_contrastive(
        table, tmp_path / "far", options, SETTINGS, workers=2, said=said, progress=progress
    )
    assert [len(pids) for pids in killed] == [2, 2] and not killed[0] & killed[1]
    assert "waiting for machines: there is room for 1 of 2 workers" in told
    first, second_start, third_start = _parts(steps)
    assert min(second_start) > first[0] and min(third_start) > first[-1]  # from a checkpoint on
    same(far, here)
    assert [one.path for one in far.skipped] == ["broken"]
    left = {path.name for path in (tmp_path / "far" / "training").iterdir()}
    assert left == {path.name for path in (tmp_path / "here" / "training").iterdir()}
    assert not list(tmp_path.glob(".sensorium-*"))
    # What is finished is read, here as there.
    again = train_contrastive(table, tmp_path / "far", options, SETTINGS)
    same(again, far)


@pytest.mark.slow
def test_towers_that_are_tuned(
    two_machines: tuple[Cluster, Any], table: Path, tmp_path: Path
) -> None:
    """Each worker decodes the pictures of its share of a batch; here and there are the same."""
    vit, bert = tiny_hub.vit(tmp_path / "vit"), tiny_hub.bert(tmp_path / "bert")
    for path in (vit / "config.json", bert / "config.json"):  # each worker draws its own dropout
        none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        path.write_text(json.dumps(json.loads(path.read_text()) | none))
    options = Options(str(vit), str(bert), tune=("image", "text"), loss="sigmoid", piece=2)
    settings = Settings(epochs=3, batch_size=8, learning_rate=0.01)
    here = train_contrastive(table, tmp_path / "here", options, settings)
    far = scale.train_contrastive(table, tmp_path / "far", options, settings, workers=2)
    assert far.history.losses == pytest.approx(here.history.losses, abs=1e-4)
    assert far.after == pytest.approx(here.after, abs=1e-6)


@pytest.mark.slow
def test_one_worker_and_what_is_refused_there(
    table: Path, tmp_path: Path, tiny: Path, other_tiny: Path
) -> None:
    options = Options(str(tiny), str(other_tiny), dimension=16)
    settings = Settings(epochs=2, batch_size=8)
    with connecting.connected("local"):
        far = scale.train_contrastive(table, tmp_path / "far", options, settings, workers=1)
        same(far, train_contrastive(table, tmp_path / "here", options, settings))
        with pytest.raises(UsageError, match=r"has room for .* not for 64: ask for less"):
            scale.train_contrastive(
                table, tmp_path / "x", options, Settings(batch_size=64), workers=64
            )
        columns = {"image": [b"x"], "label": [1]}
        lance.write_dataset(pyarrow.table(columns), str(tmp_path / "other.lance"))
        with pytest.raises(UsageError, match=r"needs a column of pictures .* it has image"):
            scale.train_contrastive(
                tmp_path / "other.lance", tmp_path / "x", options, settings, workers=1
            )
    assert not (tmp_path / "x").exists()


def test_what_is_refused_before_anything_is_started(
    table: Path, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting.ray, "init", lambda *_, **__: pytest.fail("started"))
    options = Options(str(tiny), str(tiny))
    for given, reason in (
        ({"workers": 3}, "batches of 8 cannot be shared equally by 3 processes"),
        ({"workers": 0}, "workers and memory .* of 1 or more"),
        ({"gpus": 2}, "has no GPU or one, not 2"),
        ({"data": pyarrow.table({"a": [1]})}, "data is a Table: on a cluster each worker reads"),
    ):
        asked: dict[str, Any] = {"data": table, "workers": 2, **given}
        data = asked.pop("data")
        with pytest.raises(UsageError, match=reason):
            scale.train_contrastive(
                data, tmp_path / "x", options, Settings(batch_size=8), address="local", **asked
            )
    assert not (tmp_path / "x").exists() and not list(tmp_path.glob(".sensorium-*"))


def test_a_folder_that_is_another_one_elsewhere(tmp_path: Path) -> None:
    work = training_worker.Work(
        str(tmp_path), {"/data/out": tmp_path / "of another machine"}, 1, {}
    )
    with pytest.raises(UsageError, match=r"/data/out is not the same folder on .*: give one that"):
        training_worker._trained(None, work, leads=True)


def test_no_cluster_there(table: Path, tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(UsageError, match="no Ray cluster answers at 'localhost:1'"):
        scale.train_contrastive(
            table, tmp_path / "x", Options(str(tiny), str(tiny)), Settings(batch_size=8),
            address="localhost:1",
        )  # fmt: skip
    assert not (tmp_path / "x").exists()
