"""Binary codes of vectors: each bit says on which side of a hyperplane a vector lies.

Vectors whose directions are close get codes that differ in few bits, so that 32 bytes and a count
of differing bits stand for 640 floats and a cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.folders import read_arrays, write_arrays
from sensorium.index.base import Vectors
from sensorium.index.codes import ENCODED_ROWS, LEAST_BITS, MOST_BITS, Coder, Codes
from sensorium.index.learned import METHOD as LEARNED
from sensorium.index.learned import LearnedCoder

FIT_ROWS = 5_000
"""Vectors of a modality that the hyperplanes are fitted to; its mean is that of all of them. With
20,000 pictures beside 4,616 captions, ITQ of 64 and 256 bits took nearly twice as long and found
no more."""

ITQ_ROUNDS = 50
"""As in Gong and Lazebnik (2011), section 2.2."""


@dataclass(frozen=True, eq=False)
class HashCoder:
    """A bit for each of a set of hyperplanes through the mean of the vector's modality.

    Vectors of pictures and of captions lie apart, in two narrow cones: around a common mean the
    bits would say which modality a vector is of, and little else. So each is centred by its own.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    seed : int
    projection : ndarray of float32, shape (d, bits)
        Normals of the hyperplanes.
    means : dict of str to ndarray of float32, shape (d,)
        By modality.
    """

    method: str
    seed: int
    projection: npt.NDArray[np.float32]
    means: dict[str, npt.NDArray[np.float32]]

    @classmethod
    def fit(
        cls, vectors: Mapping[str, Vectors], *, bits: int = 256, method: str = "itq", seed: int = 0
    ) -> Self:
        """Fit to vectors of each modality that will be stored or asked with.

        Parameters
        ----------
        vectors : mapping of str to ndarray of float32, shape (n, d)
            By modality. Each has its own mean; all have the same hyperplanes.
        bits : int
            A multiple of 8, from 16 to 512; at most d for "itq" and "sign".
        method : str
            "lsh": random hyperplanes (Charikar 2002, section 3), for which the share of bits that
            differ estimates the angle between two centred vectors, over pi.
            "itq": principal components, rotated so that they lie close to the corners of a cube
            (Gong and Lazebnik 2011). "sign": signs of the coordinates themselves, those of the
            greatest variance first.
        seed : int
            Of the random hyperplanes, of the first rotation, and of which vectors are fitted to.

        Raises
        ------
        UsageError
            Number of bits or name of the method cannot be, or there is a modality without vectors.
        """
        dimension = _common_dimension(vectors)
        _require_bits(bits, method, dimension)
        rng = np.random.default_rng(seed)
        means = {name: rows.mean(axis=0, dtype=np.float64) for name, rows in vectors.items()}
        centred = []
        for name, rows in vectors.items():
            if len(rows) > FIT_ROWS:
                rows = rows[np.sort(rng.choice(len(rows), FIT_ROWS, replace=False))]
            centred.append(rows - means[name])
        projection = METHODS[method](np.concatenate(centred), bits, rng)
        return cls(
            method,
            seed,
            np.ascontiguousarray(projection, np.float32),
            {name: mean.astype(np.float32) for name, mean in means.items()},
        )

    @property
    def bits(self) -> int:
        """Length of a code."""
        return int(self.projection.shape[1])

    def mean(self, modality: str) -> npt.NDArray[np.float32]:
        """Where the hyperplanes of a modality meet.

        Parameters
        ----------
        modality : str
            One that was not there when the coder was fitted gets the mean of the others' means.

        Returns
        -------
        ndarray of float32, shape (d,)
        """
        if modality in self.means:
            return self.means[modality]
        return np.asarray(np.mean(list(self.means.values()), axis=0), np.float32)

    def encode(self, vectors: Vectors, modality: str) -> Codes:
        """Codes of vectors of one modality.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        modality : str

        Returns
        -------
        ndarray of uint8, shape (n, bits / 8)
            Bit b of a vector is bit `b % 8`, counted from the lowest, of byte `b // 8`.

        Raises
        ------
        UsageError
            The vectors are not of the dimension that the coder was fitted to.
        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.projection):
            raise UsageError(
                f"vectors of shape {vectors.shape} cannot be coded: this coder was fitted to "
                f"{len(self.projection)} dimensions; fit one to these vectors"
            )
        mean = self.mean(modality)
        codes = np.empty((len(vectors), self.bits // 8), np.uint8)
        for start in range(0, len(vectors), ENCODED_ROWS):
            part = slice(start, start + ENCODED_ROWS)
            sides = (vectors[part] - mean) @ self.projection > 0
            codes[part] = np.packbits(sides, axis=1, bitorder="little")
        return codes

    def save(self, path: Path) -> None:
        """Write everything to one `.npz` file."""
        arrays = {
            "method": np.array(self.method),
            "seed": np.array(self.seed),
            "projection": self.projection,
            "modalities": np.array(list(self.means)),
            "means": np.stack(list(self.means.values())),
        }
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        file = read_arrays(path)
        means = zip(file["modalities"].tolist(), file["means"], strict=True)
        return cls(str(file["method"]), int(file["seed"]), file["projection"], dict(means))

    def describe(self) -> dict[str, Any]:
        """Method, bits, seed, and the modalities that have a mean of their own."""
        return {
            "method": self.method,
            "bits": self.bits,
            "seed": self.seed,
            "modalities": list(self.means),
        }


def load_coder(path: Path) -> Coder:
    """Read a coder of any method.

    Raises
    ------
    UsageError
        The file's method is not in `LOADERS`, or it is damaged.
    """
    try:
        method = str(read_arrays(path)["method"])
        if method in LOADERS:
            return LOADERS[method](path)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such hash function") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: the hash function is damaged ({error!r:.200}); make it again"
        ) from error
    known = ", ".join(LOADERS)
    raise UsageError(f"{path}: no hash method {method!r} is known here, only {known}")


def _common_dimension(vectors: Mapping[str, Vectors]) -> int:
    empty = [name for name, rows in vectors.items() if not len(rows)]
    if empty or not vectors:
        which = f"modality {empty[0]!r} has none" if empty else "there is no modality"
        raise UsageError(
            f"a hash coder is fitted to vectors, but {which}; leave it out or add some"
        )
    shapes = {name: rows.shape for name, rows in vectors.items()}
    dimensions = {shape[-1] for shape in shapes.values()}
    if len(dimensions) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise UsageError(f"vectors of one space have shape (n, d) with the same d, not {shapes}")
    return int(dimensions.pop())


def _require_bits(bits: int, method: str, dimension: int) -> None:
    if method not in METHODS:
        raise UsageError(f"no hash method {method!r}; there are {', '.join(METHODS)}")
    if not LEAST_BITS <= bits <= MOST_BITS or bits % 8:
        raise UsageError(f"{bits} bits: a code has {LEAST_BITS} to {MOST_BITS} bits, in steps of 8")
    if method != "lsh" and bits > dimension:
        raise UsageError(
            f"{bits} bits: {method} gives at most one for each of the {dimension} dimensions; "
            f"take {dimension // 8 * 8} or fewer, or method 'lsh'"
        )


def _random_hyperplanes(
    centred: npt.NDArray[np.float64], bits: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    return rng.standard_normal((bits, centred.shape[1])).T  # the first bits do not depend on bits


def _greatest_variance(
    centred: npt.NDArray[np.float64], bits: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    chosen = np.argsort(-centred.var(axis=0), kind="stable")[:bits]
    return np.eye(centred.shape[1])[:, chosen]


def _iterative_quantisation(
    centred: npt.NDArray[np.float64], bits: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Gong and Lazebnik (2011), sections 2.1 and 2.2."""
    _, directions = np.linalg.eigh(centred.T @ centred)  # in ascending order of variance
    components = directions[:, ::-1][:, :bits]
    # Single precision halves the time; the result is used in single precision anyway.
    reduced = (centred @ components).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((bits, bits)))[0].astype(np.float32)
    for _ in range(ITQ_ROUNDS):
        corners = np.where(reduced @ rotation > 0, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(reduced.T @ corners)  # orthogonal Procrustes
        rotation = left @ right
    return np.asarray(components @ rotation)


Fit = Callable[[npt.NDArray[np.float64], int, np.random.Generator], npt.NDArray[np.float64]]

METHODS: dict[str, Fit] = {
    "lsh": _random_hyperplanes,
    "itq": _iterative_quantisation,
    "sign": _greatest_variance,
}


LOADERS: dict[str, Callable[[Path], Coder]] = {
    **dict.fromkeys(METHODS, HashCoder.load),
    LEARNED: LearnedCoder.load,
}
"""What reads a coder's file, by its method."""
