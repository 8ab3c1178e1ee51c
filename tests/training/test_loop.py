"""The training loop: it learns, stops, and goes on after a kill as if nothing had happened."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from sensorium.errors import UsageError
from sensorium.training.history import History
from sensorium.training.loop import Settings, load_weights, save_weights, train
from tests.training import runs


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in model.state_dict().values()])


class StoppedError(Exception):
    pass


def test_a_killed_training_goes_on_exactly(tmp_path: Path) -> None:
    """Data order, dropout, augmentation, optimizer and schedule are those of an unbroken run."""
    whole, model = runs.run(tmp_path / "whole")
    killed = subprocess.run(
        [sys.executable, "-m", "tests.training.runs", str(tmp_path / "killed"), "11"],
        cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed" / "history.json").exists()
    # As if the machine had failed while the last checkpoint was written.
    (tmp_path / "killed/checkpoints/checkpoint-9/trainer_state.json").write_text('{"half')
    steps: list[int] = []
    resumed, again = runs.run(
        tmp_path / "killed", progress=lambda done, total, figures: steps.append(done)
    )
    assert steps == list(range(7, 21))
    assert resumed.steps == whole.steps == list(range(1, 21))
    assert resumed.losses == pytest.approx(whole.losses, abs=1e-6)
    assert resumed.learning_rates == pytest.approx(whole.learning_rates)
    assert resumed.metrics == [pytest.approx(found, abs=1e-6) for found in whole.metrics]
    torch.testing.assert_close(weights(again), weights(model), rtol=0, atol=1e-6)


def test_resumed_between_validations_the_best_is_known(tmp_path: Path) -> None:
    """StoppedError where an epoch ends, in the middle of one, and after the last step."""
    whole, model = runs.run(tmp_path / "whole")
    for stop in (5, 16, 20):

        def interrupted(
            done: int, total: int, figures: Mapping[str, float], stop: int = stop
        ) -> None:
            if done == stop:
                raise StoppedError

        folder = tmp_path / str(stop)
        with pytest.raises(StoppedError):
            runs.run(folder, progress=interrupted)
        resumed, again = runs.run(folder)
        assert resumed.losses == pytest.approx(whole.losses, abs=1e-6)
        assert resumed.best_step == whole.best_step
        torch.testing.assert_close(weights(again), weights(model), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    """Losses, and so gradients, with negatives of both; in pieces, too."""
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port",
         "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m",
         "tests.training.runs", str(tmp_path / "two")],
        cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for kind, piece in (("infonce", None), ("sigmoid", 3)):
        one, _ = runs.run(tmp_path / "one" / kind, random=False, loss=kind, piece=piece)
        two = History.load(tmp_path / "two" / kind)
        assert two.losses == pytest.approx(one.losses, abs=2e-5)
        assert two.metrics == [pytest.approx(found, abs=2e-5) for found in one.metrics]


def test_it_overfits_one_batch(tmp_path: Path) -> None:
    model, batch = runs.model(), runs.examples(8)
    settings = Settings(epochs=150, batch_size=8, learning_rate=0.02, weight_decay=0)

    def alone(examples: list[tuple[int, torch.Tensor, torch.Tensor]]) -> dict[str, object]:
        return {**runs.collate(examples), "pictures": torch.arange(len(examples))}

    history = train(model, batch, alone, tmp_path, settings)
    assert history.losses[0] > 1 and history.losses[-1] < 0.02
    assert history.best_step is None and history.best == {}
    assert (tmp_path / "curves.png").stat().st_size > 5000
    assert not model.training


def test_gradients_reach_everything_that_is_trained() -> None:
    for piece in (None, 3):
        model = runs.model(piece=piece)
        model(**runs.collate(runs.examples(8)))["loss"].backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_accumulation_is_the_mean_of_its_batches(tmp_path: Path) -> None:
    """Three batches, the last smaller: two steps an epoch, and the mean loss of each."""
    model = runs.model()
    settings = Settings(epochs=1, batch_size=16, accumulation=2, learning_rate=1e-9, warmup=0)
    history = train(model, runs.examples(40), runs.collate, tmp_path, settings)
    assert history.steps == [1, 2]
    single = dataclasses.replace(settings, accumulation=1)
    losses = train(runs.model(), runs.examples(40), runs.collate, tmp_path / "s", single).losses
    assert history.losses == pytest.approx([sum(losses[:2]) / 2, losses[2]], abs=1e-6)


def test_it_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    model, scores, kept = runs.model(), [3.0, 1.0, 2.0, 2.5, 0.1], []

    def validate(trained: torch.nn.Module) -> dict[str, float]:
        kept.append(weights(trained))
        return {"score": scores[len(kept) - 1]}

    settings = Settings(epochs=9, batch_size=20, patience=2, learning_rate=0.01)
    history = train(
        model, runs.examples(), runs.collate, tmp_path, settings,
        validate=validate, best=("score", "min"),
    )  # fmt: skip
    assert [found["score"] for found in history.metrics] == scores[:4]
    assert history.stopped_early and history.best == {"step": 4, "score": 1.0}
    assert torch.equal(weights(model), kept[1])
    # As if it had been killed on the last steps.
    (tmp_path / "curves.png").unlink()
    (tmp_path / "checkpoints" / "checkpoint-7").mkdir()
    other = runs.model()
    again = train(
        other, runs.examples(), runs.collate, tmp_path, settings,
        validate=validate, best=("score", "min"),
    )  # fmt: skip
    assert again == history and torch.equal(weights(other), kept[1])
    assert (tmp_path / "curves.png").exists()
    assert not list((tmp_path / "checkpoints").glob("checkpoint-*"))
    (tmp_path / ".tmpAbC12x").write_text("what a killed writer of safetensors leaves")
    save_weights(other, tmp_path / "weights.safetensors")
    assert not (tmp_path / ".tmpAbC12x").exists()


def test_frozen_weights_are_not_written(tmp_path: Path) -> None:
    model = runs.model()
    model.text_projection.requires_grad_(False)
    before = model.text_projection.out.weight.clone()
    train(model, runs.examples(), runs.collate, tmp_path / "t", Settings(epochs=1))
    assert torch.equal(before, model.text_projection.out.weight)
    save_weights(model, tmp_path / "w.safetensors")
    other = runs.model()
    other.text_projection.requires_grad_(False)
    load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(weights(other), weights(model))
    with pytest.raises(UsageError, match="of another model: text_projection"):
        load_weights(runs.model(), tmp_path / "w.safetensors")


def test_bfloat16(tmp_path: Path) -> None:
    settings = Settings(epochs=3, batch_size=8, precision="bfloat16", learning_rate=0.01)
    lower = train(runs.model(piece=3), runs.examples(), runs.collate, tmp_path / "b", settings)
    full = train(
        runs.model(), runs.examples(), runs.collate, tmp_path / "f",
        dataclasses.replace(settings, precision="float32"),
    )  # fmt: skip
    assert lower.losses == pytest.approx(full.losses, abs=0.05) and lower.losses != full.losses


def test_another_training_is_not_taken_up(tmp_path: Path) -> None:
    settings = Settings(epochs=1)
    train(runs.model(), runs.examples(), runs.collate, tmp_path, settings)
    with pytest.raises(UsageError, match=r"learning_rate was 0\.001, now 0\.01"):
        train(runs.model(), runs.examples(), runs.collate, tmp_path, Settings(1, 64, 0.01))
    with pytest.raises(UsageError, match="examples was 40, now 12"):
        train(runs.model(), runs.examples(12), runs.collate, tmp_path, settings)


def test_what_is_refused(tmp_path: Path) -> None:
    model, collate = runs.model(), runs.collate
    for wrong in ({"epochs": 0}, {"warmup": 2}, {"precision": "int8"}, {"patience": 0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            Settings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no examples"):
        train(model, [], collate, tmp_path, Settings())
    with pytest.raises(UsageError, match="patience needs a validation"):
        train(model, runs.examples(), collate, tmp_path, Settings(patience=1))
    with pytest.raises(UsageError, match="gives no 'loss'"):
        train(model, runs.examples(), collate, tmp_path / "v", Settings(epochs=1),
              validate=lambda trained: {"score": 1.0})  # fmt: skip
    with torch.no_grad():
        model.loss.log_scale.fill_(float("nan"))
    with pytest.raises(UsageError, match="the loss is nan at step 1; lower the learning rate"):
        train(model, runs.examples(), collate, tmp_path / "n", Settings(epochs=1))
    model.requires_grad_(False)
    with pytest.raises(UsageError, match="nothing to train"):
        train(model, runs.examples(), collate, tmp_path, Settings())
