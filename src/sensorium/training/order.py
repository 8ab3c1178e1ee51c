"""In which order examples come, and what is random in them: by seed and epoch alone.

`Trainer`'s loader reads a batch ahead of its checkpoints. So nothing here may depend on where the
random generators happen to stand, or a resumed training would see other data.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """Examples that come as collated batches, with whatever is random in them seeded."""

    def __init__(
        self, examples: Examples, collate: Callable[[list[Any]], Mapping[str, Any]], seed: int
    ) -> None:
        self.examples = examples
        self.collate = collate
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.examples)

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


class Order(torch.utils.data.Sampler):  # type: ignore[misc]
    """The examples in the order of an epoch, which depends on seed and epoch alone."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.batches.seed, self.batches.epoch])
        return iter(generator.permutation(len(self.batches)).tolist())
