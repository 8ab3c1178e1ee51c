"""In which order examples come, and what is random in them: by seed and epoch alone.

Nothing here may depend on where the random generators happen to stand, or a resumed training would
see other data.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sensorium.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


class Examples(Protocol):
    """A sequence, or a map-style torch `Dataset`."""

    def __len__(self) -> int:
        """Count the examples."""

    def __getitem__(self, index: int, /) -> Any:
        """Read one."""


class Batches(torch.utils.data.Dataset):  # type: ignore[misc]
    """Examples that come as collated batches, with whatever is random in them seeded.

    Parameters
    ----------
    examples : Examples
    collate : callable
    seed : int
    size : int
        Examples in a batch of one process.
    rank, processes : int
        Which of how many processes this is: they take turns. Where the last turn is not whole,
        it is filled up from the beginning, so that all have as many batches.
    drop_last : bool
        Whether the last turn is left out instead.

    Attributes
    ----------
    epoch : int
        Set before each.
    """

    def __init__(
        self,
        examples: Examples,
        collate: Callable[[list[Any]], Mapping[str, Any]],
        seed: int,
        size: int,
        *,
        rank: int = 0,
        processes: int = 1,
        drop_last: bool = False,
    ) -> None:
        self.examples = examples
        self.collate = collate
        self.seed = seed
        self.epoch = 0
        self._size, self._rank, self._processes = size, rank, processes
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        whole = math.floor if self._drop_last else math.ceil
        return whole(whole(len(self.examples) / self._size) / self._processes)

    def numbers(self) -> list[list[int]]:
        """The examples of each batch of this epoch."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.examples))
        turn = self._size * self._processes
        wanted = len(self) * turn
        if self._drop_last or self._processes > 1:
            order = np.resize(order, wanted)
        starts = range(self._rank * self._size, wanted, turn)
        return [order[start : start + self._size].tolist() for start in starts]

    def __getitem__(self, index: int) -> Any:
        return self.examples[index]

    def __getitems__(self, numbers: Sequence[int]) -> Mapping[str, Any]:
        seeds = np.random.SeedSequence([self.seed, self.epoch, *numbers]).generate_state(3)
        before = random.getstate(), np.random.get_state()
        with torch.random.fork_rng(devices=[]):
            random.seed(int(seeds[0]))
            np.random.seed(seeds[1])
            torch.random.default_generator.manual_seed(int(seeds[2]))
            try:
                return self.collate([self.examples[number] for number in numbers])
            finally:
                random.setstate(before[0])
                np.random.set_state(before[1])


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
