"""What is run on a card runs on the processor, too, and without a card that is said."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import gpu
from sensorium.errors import EncoderError, UsageError


def test_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = argparse.Namespace(device="cuda", quick=True)
    with pytest.raises(UsageError, match="finds no graphics card here, so nothing was measured"):
        gpu.run(arguments)
    with pytest.raises(UsageError, match="cuda or cpu"):
        gpu.require_device("tpu")


def test_exact_search(tmp_path: Path) -> None:
    rows = list(gpu.search(tmp_path, "cpu", gpu.TINY, Console(quiet=True)))
    figures = {(row.system, row.metric): row.value for row in rows}
    assert figures[gpu.ON_CARD, "share of the processor's ten"] == 1
    assert min(value for (_, metric), value in figures.items() if metric == "time") > 0


def test_what_does_not_agree_ends_it() -> None:
    class Other:
        def encode(self, some: list[object], batch_size: int) -> np.ndarray:
            return np.eye(3, dtype=np.float32)[: len(some)]

    right = {"texts": np.eye(3, dtype=np.float32)[[0, 2]]}
    with pytest.raises(EncoderError, match=r"cosine 0\.00000 to the processor's"):
        list(gpu.beside("torch", Other(), {"texts": [1, 2]}, right, 0.99))


@pytest.mark.slow
def test_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    rows = gpu.run(argparse.Namespace(device="cpu", quick=False))
    cases = {row.case.split(":")[0].split(",")[0] for row in rows}
    assert {"torch", "contrastive training", "exact search of 2"} <= cases
    assert all(np.isfinite(row.value) for row in rows)
