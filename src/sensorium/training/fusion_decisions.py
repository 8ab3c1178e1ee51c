"""What is fitted to validation rows once a fusion model is trained: gates and temperatures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from sensorium.errors import MissingExtraError

try:
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.models.fusion import FusionModel, LateFusion
from sensorium.models.fusion_config import MISSING_CLASS
from sensorium.tasks.rows.batches import Batch

FEWEST = 10
"""Validation rows below which gates and temperatures stay as they are."""

MOST_PATTERNS = 31
"""Sets of present modalities that the gates are fitted to: all of five modalities."""

PULL = 0.01
"""Weight of the squared distance of the gates from equal shares."""

SPREAD = 0.5
"""Deviation of log-temperatures around zero that is expected before looking: fifteen rows that are
all right say little of how sure to be, and a thousand say enough to overrule it."""

_STEPS = 100


def fit_gates(model: FusionModel, batches: Iterable[Batch]) -> None:
    """Fit the learned decision of late fusion to rows that its towers were not trained on.

    Every row is taken with each set of its modalities, so that the weights fit whatever is
    missing later.
    """
    fusion = model.fusion
    if not isinstance(fusion, LateFusion) or fusion.decision != "learned":
        return
    said, present, wanted = _towers(model, fusion, batches)
    patterns = _patterns(present.shape[1]).to(present.device)
    for i, (name, classes) in enumerate(model.architecture.targets.items()):
        known = (wanted[name] != MISSING_CLASS) if classes else ~wanted[name].isnan()
        if int(known.sum()) < FEWEST:
            continue
        gate, outputs, right = fusion.gates[i], said[i][known], wanted[name][known]
        start = [parameter.detach().clone() for parameter in gate.parameters()]

        def loss(
            i: int = i,
            classes: int = classes,
            outputs: Tensor = outputs,
            right: Tensor = right,
            there: Tensor = present[known],
            start: list[Tensor] = start,
        ) -> Tensor:
            total, rows = torch.zeros((), device=outputs.device), 0
            for pattern in patterns:
                seen = there & pattern
                some = seen.any(1)
                if not some.any():
                    continue
                joined = fusion.decide(i, outputs[some], seen[some], model.prior(i))
                if classes:
                    one = F.cross_entropy(joined, right[some], reduction="sum")
                else:
                    one = 0.5 * F.mse_loss(joined[:, 0], right[some], reduction="sum")
                total, rows = total + one, rows + int(some.sum())
            moved = [
                (parameter - before).square().sum()
                for parameter, before in zip(fusion.gates[i].parameters(), start, strict=True)
            ]
            return total / max(rows, 1) + PULL * torch.stack(moved).sum()

        gate.requires_grad_(True)
        _minimise(list(gate.parameters()), loss)
        gate.requires_grad_(False)


def fit_temperatures(model: FusionModel, batches: Iterable[Batch]) -> None:
    """Fit one temperature for each target of classes (Guo et al. 2017, section 4.2).

    The most probable one, with a log-normal prior around 1 (`SPREAD`).
    """
    outputs: dict[str, list[Tensor]] = {name: [] for name in model.architecture.targets}
    wanted: dict[str, list[Tensor]] = {name: [] for name in model.architecture.targets}
    model.eval()
    model.temperature.fill_(1.0)
    with torch.no_grad():
        for inputs, targets in batches:
            # A row of which nothing is known gets the prior, whatever the temperature.
            some = model.embed(inputs)[2].any(1)
            found = model(inputs)["outputs"]
            for name in outputs:
                outputs[name].append(found[name][some])
                wanted[name].append(targets[name][some])
    for i, (name, classes) in enumerate(model.architecture.targets.items()):
        logits, right = torch.cat(outputs[name]), torch.cat(wanted[name])
        if not classes or int((right != MISSING_CLASS).sum()) < FEWEST:
            continue
        log_temperature = torch.zeros((), device=logits.device, requires_grad=True)

        def loss(
            logits: Tensor = logits, right: Tensor = right, log_t: Tensor = log_temperature
        ) -> Tensor:
            scaled = logits / log_t.exp()
            wrong = F.cross_entropy(scaled, right, ignore_index=MISSING_CLASS, reduction="sum")
            return wrong + 0.5 * (log_t / SPREAD).square()

        _minimise([log_temperature], loss)
        model.temperature[i] = log_temperature.detach().exp()


def _towers(
    model: FusionModel, fusion: LateFusion, batches: Iterable[Batch]
) -> tuple[list[Tensor], Tensor, dict[str, Tensor]]:
    """What the towers say of each target, which modalities are present, and what is right."""
    said: list[list[Tensor]] = [[] for _ in model.architecture.targets]
    present, wanted = [], []
    model.eval()
    with torch.no_grad():
        for inputs, targets in batches:
            tokens, masks, there = model.embed(inputs)
            for i, outputs in enumerate(fusion.towers_outputs(tokens, masks)):
                said[i].append(outputs)
            present.append(there)
            wanted.append(targets)
    joined = {name: torch.cat([one[name] for one in wanted]) for name in model.architecture.targets}
    return [torch.cat(outputs) for outputs in said], torch.cat(present), joined


def _patterns(modalities: int) -> Tensor:
    """Sets of modalities, (p, m) bool: all that are not empty, or some of them, the whole first."""
    every = itertools.product((True, False), repeat=modalities)
    if 2**modalities - 1 <= MOST_PATTERNS:
        return torch.tensor(list(every)[:-1])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(MOST_PATTERNS - 1, modalities, generator=generator) < 0.5
    return torch.cat([torch.ones(1, modalities, dtype=torch.bool), drawn])


def _minimise(parameters: list[Tensor], loss: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS(parameters, max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(closure)
