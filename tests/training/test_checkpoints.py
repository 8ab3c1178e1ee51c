"""The state of a training on disk: to the bit, without a pickle, and with errors that help."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from sensorium.errors import UsageError
from sensorium.training.checkpoints import (
    load_optimizer,
    load_random,
    save_optimizer,
    save_random,
)
from tests.planted import Planted
from tests.training import runs
from tests.training.test_loop import StoppedError, weights


def interrupted(folder: Path, stop: int = 11) -> Path:
    """Train until a step, and give the newest checkpoint."""

    def stopped(done: int, total: int, figures: Mapping[str, float]) -> None:
        if done == stop:
            raise StoppedError

    with pytest.raises(StoppedError):
        runs.run(folder, progress=stopped)
    return folder / "checkpoints" / f"checkpoint-{(stop - 1) // 3 * 3}"


def test_a_checkpoint_holds_no_pickle_and_takes_none(tmp_path: Path) -> None:
    whole, model = runs.run(tmp_path / "whole")
    checkpoint = interrupted(tmp_path / "stopped")
    assert {path.name for path in checkpoint.iterdir()} == {
        "model.safetensors", "optimizer.json", "optimizer.safetensors", "random-0.json",
        "trainer_state.json",
    }  # fmt: skip
    for name in (
        "optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state.pth",
        "rng_state_0.pth", "training_args.bin", "pytorch_model.bin", "adapter_model.bin",
    ):  # fmt: skip
        for folder in (checkpoint, checkpoint.parent):
            torch.save({"state": Planted(tmp_path / "mark")}, folder / name)
    resumed, again = runs.run(tmp_path / "stopped")
    assert not (tmp_path / "mark").exists()
    assert resumed.losses == pytest.approx(whole.losses, abs=1e-6)
    torch.testing.assert_close(weights(again), weights(model), rtol=0, atol=1e-6)


def test_a_checkpoint_of_pickles_is_refused(tmp_path: Path) -> None:
    checkpoint = interrupted(tmp_path / "t")
    for name in ("optimizer.safetensors", "optimizer.json", "random-0.json"):
        (checkpoint / name).unlink()
    torch.save({"state": Planted(tmp_path / "mark")}, checkpoint / "optimizer.pt")
    with pytest.raises(UsageError, match=r"optimizer\.pt, a pickle") as caught:
        runs.run(tmp_path / "t")
    assert f"delete {checkpoint.parent} to train anew" in str(caught.value)
    assert not (tmp_path / "mark").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("optimizer.safetensors", cut),
        ("optimizer.safetensors", Path.unlink),
        ("optimizer.json", cut),
        ("optimizer.json", lambda path: path.write_text('{"groups": 3, "schedule": {}}')),
        ("random-0.json", cut),
        ("random-0.json", lambda path: path.write_text('{"python": [3, [], null]}')),
        ("model.safetensors", cut),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, damage: Callable[[Path], object]) -> None:
    checkpoint = interrupted(tmp_path / "t", stop=7)
    damage(checkpoint / name)
    with pytest.raises(UsageError, match=str(checkpoint)):
        runs.run(tmp_path / "t")


def parts() -> tuple[torch.nn.Linear, torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    groups = [{"params": [layer.weight], "lr": 0.1}, {"params": [layer.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1 / 3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.7**step)
    return layer, optimizer, schedule


def step(
    layer: torch.nn.Linear,
    optimizer: torch.optim.AdamW,
    schedule: torch.optim.lr_scheduler.LambdaLR,
) -> None:
    (layer(torch.randn(5, 3)) ** 2).mean().backward()
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()


def test_everything_comes_back_to_the_bit(tmp_path: Path) -> None:
    layer, optimizer, schedule = parts()
    scaler = torch.amp.GradScaler("cpu", init_scale=3.0, growth_interval=7)
    for _ in range(3):
        step(layer, optimizer, schedule)
    random.gauss(0, 1)  # keeps a second number back
    np.random.standard_normal()
    save_optimizer(tmp_path, optimizer, schedule, scaler)
    save_random(tmp_path / "random-0.json")
    saved = {name: value.clone() for name, value in layer.state_dict().items()}
    step(layer, optimizer, schedule)
    drawn = random.gauss(0, 1), random.random(), np.random.standard_normal(), torch.rand(3)

    other, its_optimizer, its_schedule = parts()
    other.load_state_dict(saved)
    its_scaler = torch.amp.GradScaler("cpu")
    load_optimizer(tmp_path, its_optimizer, its_schedule, its_scaler)
    load_random(tmp_path / "random-0.json")
    assert its_scaler.state_dict() == scaler.state_dict()
    step(other, its_optimizer, its_schedule)
    again = random.gauss(0, 1), random.random(), np.random.standard_normal(), torch.rand(3)
    assert again[:3] == drawn[:3] and torch.equal(again[3], drawn[3])
    assert its_schedule.state_dict() == schedule.state_dict()
    assert its_optimizer.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    for name, value in layer.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    for number, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            assert torch.equal(its_optimizer.state_dict()["state"][number][name], value)
