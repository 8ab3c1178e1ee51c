"""Hash functions that were trained (`sensorium.training.hashing`): a linear head per modality.

Reading and using one takes NumPy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.folders import read_arrays, write_arrays
from sensorium.index.base import Vectors
from sensorium.index.codes import ENCODED_ROWS, LEAST_BITS, Codes

METHOD = "learned"
FORMAT = 1

INPUT_STEPS = 1 << 18
"""A coordinate is rounded to this part of 1, some thousand times finer than what tells two vectors
of a few hundred dimensions apart."""

WEIGHT_STEPS = 1 << 20
"""The largest weight of a bit is this many steps. A centred coordinate is at most 2, so that a
product is below 2^39 and a sum of 2^14 of them below 2^53, up to where float64 holds every whole
number: the sum is exact in whatever order a matrix product adds it up."""

MOST_DIMENSIONS = 1 << 14

ANY = ""
"""Name of the head for modalities that it was not trained with."""


@dataclass(frozen=True, eq=False)
class LearnedCoder:
    """The signs of a linear map of each modality; the first bits of a code are a shorter code.

    A vector's code is the same by itself, in a batch and on any processor: coordinates and weights
    are whole numbers, whose products add up without rounding.

    Attributes
    ----------
    means : dict of str to ndarray of float32, shape (d,)
        By modality; under `ANY` for all others.
    weights : dict of str to ndarray of int32, shape (d, bits)
        By modality, the same keys.
    space : str
        Fingerprint of the space whose vectors it codes; empty when it was not told.
    training : mapping
        How it was trained, as JSON values.
    """

    means: dict[str, npt.NDArray[np.float32]]
    weights: dict[str, npt.NDArray[np.int32]]
    space: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    _exact: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, init=False, repr=False)
    """Weights as they are multiplied: to convert them takes longer than a product with a vector."""

    @classmethod
    def of(
        cls,
        means: Mapping[str, npt.ArrayLike],
        weights: Mapping[str, npt.ArrayLike],
        *,
        space: str = "",
        training: Mapping[str, Any] | None = None,
    ) -> Self:
        """Round the weights of trained heads.

        Parameters
        ----------
        means : mapping of str to array of float, shape (d,)
        weights : mapping of str to array of float, shape (d, bits)
            Of the same modalities, one of which may be `ANY`.
        space : str
        training : mapping, optional
            See the class.

        Raises
        ------
        UsageError
            For weights that are not finite or of differing shapes.
        """
        if not weights or set(means) != set(weights):
            raise UsageError(
                f"a head has a mean and weights: means of {sorted(means)}, "
                f"weights of {sorted(weights)}"
            )
        arrays = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        centres = {name: np.asarray(value, np.float32) for name, value in means.items()}
        shapes = {value.shape for value in arrays.values()}
        shape = shapes.pop()
        if shapes or len(shape) != 2 or any(mean.shape != shape[:1] for mean in centres.values()):
            raise UsageError("all heads map vectors of the same dimension to the same bits")
        if shape[0] > MOST_DIMENSIONS or shape[1] < LEAST_BITS or shape[1] % 8:
            raise UsageError(
                f"weights of shape {shape}: at most {MOST_DIMENSIONS} dimensions, and a multiple "
                f"of 8 bits, at least {LEAST_BITS}"
            )
        finite = [np.isfinite(value).all() for value in arrays.values()]
        if not all([*finite, *(np.isfinite(value).all() for value in centres.values())]):
            raise UsageError("the training came to weights that are not finite: take a lower rate")
        return cls(centres, {name: _on_grid(value) for name, value in arrays.items()}, space,
                   dict(training or {}))  # fmt: skip

    @property
    def method(self) -> str:
        """Its name in `sensorium.index.coding.LOADERS`."""
        return METHOD

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return len(next(iter(self.weights.values())))

    @property
    def bits(self) -> int:
        """Length of a code."""
        return int(next(iter(self.weights.values())).shape[1])

    def shorten(self, bits: int) -> Self:
        """Take the first bits alone.

        Parameters
        ----------
        bits : int
            A multiple of 8, from 16 to `self.bits`.

        Returns
        -------
        LearnedCoder
            Its codes are the first `bits / 8` bytes of this one's.

        Raises
        ------
        UsageError
            For another number of bits.
        """
        if not LEAST_BITS <= bits <= self.bits or bits % 8:
            raise UsageError(
                f"{bits} bits: this hash function gives {LEAST_BITS} to {self.bits}, in steps of 8"
            )
        weights = {name: np.ascontiguousarray(w[:, :bits]) for name, w in self.weights.items()}
        return replace(self, weights=weights)

    def encode(self, vectors: Vectors, modality: str) -> Codes:
        """Codes of vectors of one modality.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            Unit vectors.
        modality : str
            One without a head of its own gets the head that all started from.

        Returns
        -------
        ndarray of uint8, shape (n, bits / 8)
            Bit b of a vector is bit `b % 8`, counted from the lowest, of byte `b // 8`.

        Raises
        ------
        UsageError
            The vectors are not of the dimension that the heads were trained on.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise UsageError(
                f"vectors of shape {vectors.shape} cannot be coded: this hash function was "
                f"trained on {self.dimension} dimensions; train one on these vectors"
            )
        name = modality if modality in self.weights else ANY
        if name not in self.weights:
            known = ", ".join(self.weights)
            raise UsageError(f"no head codes {modality} vectors, only {known}; train with some")
        if name not in self._exact:
            self._exact[name] = self.weights[name].astype(np.float64)
        weights = self._exact[name]
        codes = np.empty((len(vectors), self.bits // 8), np.uint8)
        for start in range(0, len(vectors), ENCODED_ROWS):
            part = slice(start, start + ENCODED_ROWS)
            sides = self.round_input(vectors[part], name) @ weights > 0
            codes[part] = np.packbits(sides, axis=1, bitorder="little")
        return codes

    def round_input(self, vectors: Vectors, modality: str) -> npt.NDArray[np.float64]:
        """What the weights of a modality are multiplied with: whole numbers, shape (n, d)."""
        centred = np.asarray(vectors, np.float64) - self.means[modality]
        return np.asarray(np.rint(centred.clip(-2, 2) * INPUT_STEPS))

    def save(self, path: Path) -> None:
        """Write everything to one `.npz` file without pickles."""
        arrays = {
            "method": np.array(METHOD),
            "format": np.array(FORMAT),
            "space": np.array(self.space),
            "training": np.array(json.dumps(dict(self.training))),
            "modalities": np.array(list(self.weights)),
            "means": np.stack([self.means[name] for name in self.weights]),
            "weights": np.stack(list(self.weights.values())),
        }
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            A later version of Sensorium wrote the file.
        """
        file = read_arrays(path)
        if int(file["format"]) != FORMAT:
            raise UsageError(
                f"{path} has format {int(file['format'])}, and this version reads {FORMAT}"
            )
        names = file["modalities"].tolist()
        return cls(
            dict(zip(names, file["means"], strict=True)),
            dict(zip(names, file["weights"], strict=True)),
            str(file["space"]),
            json.loads(str(file["training"])),
        )

    def describe(self) -> dict[str, Any]:
        """Method, bits, the modalities that have a head, and how they were trained."""
        return {
            "method": METHOD,
            "bits": self.bits,
            "modalities": [name for name in self.weights if name != ANY],
            "space": self.space,
            "training": dict(self.training),
        }


def _on_grid(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Whole numbers in the same proportions for each bit, whose scale no sign depends on."""
    largest = np.abs(weights).max(axis=0, initial=0)
    return np.rint(weights * (WEIGHT_STEPS / np.where(largest > 0, largest, 1))).astype(np.int32)
