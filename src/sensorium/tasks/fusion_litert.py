"""A fusion model for phones: from vectors, numbers and categories to classes and numbers.

Its encoders are exported by themselves (`sensorium.encoders.export.litert`); `fusion.tflite` takes
what they give, cell by cell, with a mask of what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.encoders.export.checks import size_of
from sensorium.encoders.litert_runtime import SUFFIX, LiteRTRuntime
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.folders import FILES
from sensorium.models.fusion_config import TabularInput, VectorInput
from sensorium.tasks.formats import FUSION
from sensorium.tasks.fusion import WEIGHTS, FusionPredictor, read_fusion
from sensorium.tasks.rows.features import Target

try:
    import torch

    from sensorium.encoders.export.litert import BATCHES, convert, sizes_of
except MissingExtraError:
    raise
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "export-litert") from error

TOKENS = 4
"""Vectors of a cell that the model takes: pages, shots, windows of sound."""

MOST_MOVED = 1e-3
"""Of a probability, or of a number in deviations of its training rows."""

CHECKED = 48
"""Rows that are compared, each modality missing in half of them."""

MODEL = f"fusion{SUFFIX}"


@dataclass(frozen=True)
class FusionExport:
    """What `export_fusion` wrote.

    Attributes
    ----------
    folder : Path
    inputs : dict of str to tuple of int
        By name, without the batch.
    outputs : dict of str to str
        Names of the outputs, by target.
    moved : float
        The largest difference to what the model gives in torch, see `MOST_MOVED`.
    rows : int
        That were compared.
    bytes : int
    """

    folder: Path
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, str]
    moved: float
    rows: int
    bytes: int


def export_fusion(
    source: Path, folder: Path, *, batches: Sequence[int] = BATCHES, seed: int = 0
) -> FusionExport:
    """Write a fusion model for LiteRT.

    Parameters
    ----------
    source : Path
        A folder that `sensorium train fusion` wrote.
    folder : Path
        New, or empty. Gets ``fusion.tflite`` beside what makes it a fusion model here.
    batches : sequence of int
        Sizes of batches that it takes.
    seed : int
        Of the rows that it is compared on.

    Raises
    ------
    UsageError
        When there is no such model, or the folder is not empty.
    EncoderError
        When it cannot be converted, or gives other results. Nothing is left in the folder then.
    """
    sizes = sizes_of(batches)
    require_new(folder)
    content = FUSION.read(source)
    predictor = read_fusion(source, content)
    module = _Fusion(predictor).eval()
    rows = _drawn(predictor, CHECKED, np.random.default_rng(seed))
    with placed(folder) as target:
        samples = {
            f"batch_{size}": {name: values[:1].repeat(size, *[1] * (values.ndim - 1))
                              for name, values in rows.items()}
            for size in sizes
        }  # fmt: skip
        with _written_out(), torch.no_grad():
            wanted = [one.numpy() for one in module(**rows)]
            convert(module, samples, target / MODEL, str(source))
        found = LiteRTRuntime(target / MODEL).outputs(
            {name: values.numpy() for name, values in rows.items()}
        )
        names = {name: f"output_{place}" for place, name in enumerate(predictor.targets)}
        moved = 0.0
        for (name, one), right in zip(predictor.targets.items(), wanted, strict=True):
            scale = one.deviation if one.kind == "number" else 1.0
            moved = max(moved, float(np.abs(found[names[name]] - right).max()) / scale)
        if not moved <= MOST_MOVED:
            raise EncoderError(
                f"{source}: a prediction of {CHECKED} drawn rows moves by {moved:.4f} in LiteRT, "
                f"at most {MOST_MOVED} is allowed; nothing was written"
            )
        shutil.copy(source / WEIGHTS, target)
        own = {"kind", "format", FILES, "checksum"}
        FUSION.write(target, {key: value for key, value in content.items() if key not in own})
    shapes = {name: tuple(values.shape[1:]) for name, values in rows.items()}
    return FusionExport(folder, shapes, names, moved, CHECKED, size_of(folder))


class _Fusion(torch.nn.Module):  # type: ignore[misc]
    """Inputs by name, as `_drawn` makes them, to an output for each target."""

    def __init__(self, predictor: FusionPredictor) -> None:
        super().__init__()
        self.model = predictor.model
        self.targets: dict[str, Target] = dict(predictor.targets)

    def forward(self, **inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given: dict[str, dict[str, torch.Tensor]] = {}
        for name in self.model.architecture.modalities:
            parts = {key: inputs[f"{name}_{key}"] for key in _KEYS if f"{name}_{key}" in inputs}
            if "mask" in parts:
                parts["mask"] = parts["mask"] != 0
            for key in ("column", "categories"):
                if key in parts:
                    parts[key] = parts[key].long()
            given[name] = parts
            if "mask" not in parts:  # a table may have numbers alone, or none; no input is empty
                none = next(iter(parts.values()))[:, :0]
                given[name] = {"numbers": none.float(), "categories": none.long(), **parts}
        outputs: Mapping[str, torch.Tensor] = self.model(given)["outputs"]
        return tuple(
            outputs[name].softmax(dim=-1)
            if one.kind == "category"
            else outputs[name] * one.deviation + one.mean
            for name, one in self.targets.items()
        )


_KEYS = ("tokens", "column", "mask", "numbers", "categories")


def _drawn(
    predictor: FusionPredictor, count: int, random: np.random.Generator
) -> dict[str, torch.Tensor]:
    """Rows of unit vectors, numbers and categories, each modality missing in half of them."""
    found: dict[str, Any] = {}
    for name, given in predictor.model.architecture.modalities.items():
        there = random.random(count) < 0.5
        if isinstance(given, VectorInput):
            length = TOKENS * given.columns
            tokens = random.normal(size=(count, length, given.dimension))
            tokens /= np.linalg.norm(tokens, axis=2, keepdims=True)
            seen = (random.random((count, length)) < 0.5) & there[:, None]
            found[f"{name}_tokens"] = np.where(seen[..., None], tokens, 0).astype(np.float32)
            columns = np.arange(length) // TOKENS
            found[f"{name}_column"] = np.tile(columns, (count, 1)).astype(np.int32)
            found[f"{name}_mask"] = seen.astype(np.int32)
            continue
        assert isinstance(given, TabularInput)
        if given.numbers:
            numbers = random.normal(size=(count, given.numbers))
            numbers[(random.random(numbers.shape) < 0.3) | ~there[:, None]] = np.nan
            found[f"{name}_numbers"] = numbers.astype(np.float32)
        if given.categories:
            values = random.integers(
                0, np.array(given.categories) + 1, (count, len(given.categories))
            )
            found[f"{name}_categories"] = (values * there[:, None]).astype(np.int32)
    return {name: torch.from_numpy(values) for name, values in found.items()}


@contextmanager
def _written_out() -> Iterator[None]:
    """Transformer layers as products: their fused form is not converted."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
