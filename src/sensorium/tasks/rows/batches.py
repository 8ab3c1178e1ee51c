"""Rows of an encoded table as batches of a fusion model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.data.encoded_tables import EncodedTable
from sensorium.models.fusion import FusionModel, Inputs, VectorTokens, drop_modalities
from sensorium.models.fusion_config import TABULAR, TabularInput, VectorInput
from sensorium.tasks.rows.features import Features, Target, pad_vectors

AT_ONCE = 256  # rows that are predicted at a time

Batch = tuple[Inputs, Mapping[str, Tensor]]


def modality_inputs(
    table: EncodedTable, features: Features
) -> dict[str, VectorInput | TabularInput]:
    """What a model must take to take this table.

    Raises
    ------
    UsageError
        When no row has anything of a modality.
    """
    found: dict[str, VectorInput | TabularInput] = {}
    there = table.present()
    for m, name in enumerate(table.modalities):
        if not there[:, m].any():
            raise UsageError(f"no row has anything of {name} that could be read")
        if name == TABULAR:
            sizes = tuple(len(words) for words in features.vocabularies)
            found[name] = TabularInput(table.numbers.shape[1], sizes)
        else:
            columns = sum(column.modality == name for column in table.columns)
            lengths = [vectors.shape[1] for vectors in table.vectors[name] if len(vectors)]
            found[name] = VectorInput(lengths[0], columns)
    return found


def fit_scales(model: FusionModel, table: EncodedTable) -> None:
    """Give the model the mean and scale of each modality's vectors."""
    for name, module in zip(model.architecture.modalities, model.inputs, strict=True):
        if isinstance(module, VectorTokens):
            tokens = np.concatenate([v for v in table.vectors[name] if len(v)])
            module.fit(torch.from_numpy(tokens))


@dataclass(frozen=True)
class Batches:
    """Makes a model's batches of the rows of a table.

    Parameters
    ----------
    model : FusionModel
    features : Features
    targets : dict of str to Target
    """

    model: FusionModel
    features: Features
    targets: Mapping[str, Target]

    def inputs(self, table: EncodedTable, rows: Sequence[int]) -> Inputs:
        """What the model takes for some rows (`sensorium.models.fusion`)."""
        inputs: dict[str, dict[str, Tensor]] = {}
        for m, (name, given) in enumerate(self.model.architecture.modalities.items()):
            keep = table.keep[list(rows), m]
            if isinstance(given, TabularInput):
                numbers, categories = self.features.tabular(table.take(rows))
                numbers[~keep], categories[~keep] = np.nan, 0
                arrays: dict[str, npt.NDArray[Any]] = {"numbers": numbers, "categories": categories}
            else:
                arrays = pad_vectors(table, name, rows)
                arrays["mask"] &= keep[:, np.newaxis]
                length = arrays["tokens"].shape[2]
                if not length:  # a column of vectors in which these rows have none
                    arrays["tokens"] = np.zeros((len(rows), 1, given.dimension), np.float32)
                elif length != given.dimension:
                    raise UsageError(
                        f"{name} holds vectors of {length} numbers; the model takes those of "
                        f"{given.dimension}"
                    )
            inputs[name] = {key: torch.from_numpy(array) for key, array in arrays.items()}
        return inputs

    def collate(self, table: EncodedTable) -> Callable[[list[int]], dict[str, Any]]:
        """A function from row numbers to the model's arguments, for the training loop."""
        wanted = {name: target.values(table.rows) for name, target in self.targets.items()}

        def collate(rows: list[int]) -> dict[str, Any]:
            targets = {name: torch.from_numpy(values[rows]) for name, values in wanted.items()}
            return {"inputs": self.inputs(table, rows), "targets": targets}

        return collate

    def all(self, table: EncodedTable) -> Iterator[Batch]:
        """Inputs and targets of all rows in order, on the model's device."""
        collate = self.collate(table)
        for start in range(0, len(table), AT_ONCE):
            batch = collate([*range(start, min(start + AT_ONCE, len(table)))])
            yield self.moved(batch["inputs"]), self.moved(batch["targets"])

    def moved(self, values: Any) -> Any:
        """Tensors, however nested in dicts, on the model's device."""
        if isinstance(values, Mapping):
            return {name: self.moved(value) for name, value in values.items()}
        return values.to(self.model.temperature.device)

    def outputs(self, table: EncodedTable) -> dict[str, npt.NDArray[np.float64]]:
        """What the model says of every row, by target: shape (n, classes), or (n, 1)."""
        self.model.eval()
        found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in self.targets}
        with torch.inference_mode():
            for inputs, _ in self.all(table):
                for name, outputs in self.model(inputs)["outputs"].items():
                    found[name].append(outputs.double().cpu().numpy())
        return {
            name: np.concatenate([np.empty((0, len(self.targets[name].labels) or 1)), *parts])
            for name, parts in found.items()
        }

    def validation(self, table: EncodedTable) -> Callable[[Any], dict[str, float]]:
        """A function that gives the loss on validation rows, for the training loop.

        It is the mean of two: of the rows as they are, and of the rows with modalities dropped as
        in training, always the same; so that the weights that are kept are good at either.
        """
        batches = [*self.all(table)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            there = torch.from_numpy(table.present())
            dropped = drop_modalities(there, self.model.architecture.modality_dropout).split(
                AT_ONCE
            )

        def validate(model: Any) -> dict[str, float]:
            total = 0.0
            for (inputs, targets), kept in zip(batches, dropped, strict=True):
                arguments = self.moved({"inputs": inputs, "targets": targets})
                whole = model(**arguments)["loss"]
                partly = model(**arguments, keep=self.moved(kept))["loss"]
                total += len(kept) * (float(whole) + float(partly)) / 2
            return {"loss": total / len(table)}

        return validate
