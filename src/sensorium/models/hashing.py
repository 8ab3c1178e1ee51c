"""A linear hashing head for each modality, on frozen vectors of one space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


class HashingHeads(nn.Module):  # type: ignore[misc]
    """Bits of a vector before they are rounded: ``(x - mean) @ (base + change)`` of its modality.

    All heads start from one base, so that a training which has seen little of a modality leaves
    it near a hash function that works, and weight decay draws back to that one, not to zero.

    Parameters
    ----------
    means : mapping of str to ndarray of float, shape (d,)
        By modality.
    base : ndarray of float, shape (d, bits)
        What all heads start from.

    Attributes
    ----------
    modalities : tuple of str
    change : Parameter, shape (modalities, d, bits)
        In units of the base's root mean square.
    """

    def __init__(
        self, means: Mapping[str, npt.NDArray[Any]], base: npt.NDArray[np.floating[Any]]
    ) -> None:
        super().__init__()
        self.modalities = tuple(means)
        stacked = np.stack([np.asarray(means[name], np.float32) for name in self.modalities])
        self.means: Tensor
        self.base: Tensor
        self.register_buffer("means", torch.from_numpy(stacked))
        self.register_buffer("base", torch.from_numpy(np.asarray(base, np.float32).copy()))
        self.unit = float(np.sqrt(np.mean(np.square(base, dtype=np.float64))))
        self.change = nn.Parameter(torch.zeros(len(self.modalities), *base.shape))

    def forward(self, vectors: Tensor, modality: str) -> Tensor:
        """Real-valued bits of vectors of one modality; their signs are the code.

        Parameters
        ----------
        vectors : Tensor of float32, shape (n, d)
        modality : str
            One of `modalities`.

        Returns
        -------
        Tensor of float32, shape (n, bits)
        """
        number = self.modalities.index(modality)
        bits: Tensor = (vectors - self.means[number]) @ self.weights(number)
        return bits

    def weights(self, number: int) -> Tensor:
        """Of one head, shape (d, bits)."""
        return self.base + self.unit * self.change[number]
