"""What hash functions are trained on: vectors by modality, and which of them belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.index.base import Vectors

Ids = npt.NDArray[np.int64]

LEAST_VECTORS = 64
"""Vectors without which nothing can be learnt and measured that another hash function would not
give; of at least one modality."""

HELD_OUT = 0.15
"""Share that is kept from the training."""

MOST_HELD_OUT = 1_000
"""Vectors of a modality; more tell no more and take time."""

FEWEST = 8
"""Vectors of a modality that make a head of its own worth while."""


@dataclass(frozen=True, eq=False)
class HashingData:
    """Vectors of one space.

    Attributes
    ----------
    vectors : dict of str to ndarray of float32, shape (n, d)
        By modality.
    pairs, labels : dict of str to ndarray of int64, shape (n,)
        By the same modalities: vectors with the same number belong together, as a picture and its
        caption do (pairs), or as pictures of one kind do (labels); -1 where nothing is known.
    """

    vectors: dict[str, Vectors]
    pairs: dict[str, Ids]
    labels: dict[str, Ids]

    @classmethod
    def of(
        cls,
        vectors: Mapping[str, npt.ArrayLike],
        *,
        pairs: Mapping[str, npt.ArrayLike] | None = None,
        labels: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Self:
        """Check and complete; see the class.

        Raises
        ------
        UsageError
            For shapes that do not fit, or vectors that are not finite.
        """
        rows = {name: np.ascontiguousarray(v, np.float32) for name, v in vectors.items()}
        rows = {name: value for name, value in rows.items() if len(value)}
        shapes = {value.shape[1:] for value in rows.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise UsageError(
                "a hash function is trained on vectors of shape (n, d), with the same d for all "
                f"modalities; got { ({name: v.shape for name, v in rows.items()}) }"
            )
        wrong = [name for name, value in rows.items() if not np.isfinite(value).all()]
        if wrong:
            raise UsageError(f"{wrong[0]} vectors are not finite")
        known = []
        for what, given in (("pairs", pairs), ("labels", labels)):
            groups = {
                name: np.asarray((given or {}).get(name, np.full(len(value), -1)), np.int64)
                for name, value in rows.items()
            }
            for name, value in groups.items():
                if value.shape != (len(rows[name]),):
                    raise UsageError(
                        f"{what} of {name}: {value.shape} numbers for {len(rows[name])} vectors"
                    )
            known.append(groups)
        return cls(rows, *known)

    def require_enough(self) -> None:
        """Refuse what is too little to learn from.

        Raises
        ------
        UsageError
            With how much there is and is needed.
        """
        most = max(map(len, self.vectors.values()))
        needed = int(np.ceil(LEAST_VECTORS / (1 - HELD_OUT)))
        if most < LEAST_VECTORS:
            counts = ", ".join(f"{len(rows)} of {name}" for name, rows in self.vectors.items())
            raise UsageError(
                f"a hash function is trained on {needed} vectors of a modality at least; after "
                f"some are kept to measure with there are {counts}. Add more, or take a method "
                "that needs no training: sensorium optimize --hash BITS"
            )

    def split(self, seed: int = 0) -> tuple[Self, Self]:
        """Part into what is trained on and what is kept; what is paired stays together.

        Modalities with few vectors are not parted: they are in both.
        """
        rng = np.random.default_rng(seed)
        groups = np.unique(np.concatenate(list(self.pairs.values())))
        groups = groups[groups >= 0]
        largest = max(map(len, self.vectors.values()))
        share = min(HELD_OUT, MOST_HELD_OUT / largest)
        kept_groups = rng.permutation(groups)[: round(share * len(groups))]
        chosen = {}
        for name, ids in self.pairs.items():
            alone = np.flatnonzero(ids < 0)
            kept = np.isin(ids, kept_groups)
            kept[rng.permutation(alone)[: round(share * len(alone))]] = True
            few = kept.sum() < FEWEST or (~kept).sum() < FEWEST
            chosen[name] = (np.ones(len(ids), bool),) * 2 if few else (~kept, kept)
        return self._take({n: c[0] for n, c in chosen.items()}), self._take(
            {n: c[1] for n, c in chosen.items()}
        )

    def _take(self, rows: Mapping[str, npt.NDArray[np.bool_]]) -> Self:
        return type(self)(
            {name: value[rows[name]] for name, value in self.vectors.items()},
            {name: value[rows[name]] for name, value in self.pairs.items()},
            {name: value[rows[name]] for name, value in self.labels.items()},
        )

    def count(self, relation: str) -> int:
        """Groups ("pairs" or "labels") with two vectors or more."""
        numbers = np.concatenate(list(getattr(self, relation).values()))
        _, counts = np.unique(numbers[numbers >= 0], return_counts=True)
        return int((counts > 1).sum())

    def units(self, count: int, seed: int = 0) -> Ids:
        """What batches are made of: a row of each modality, paired ones side by side.

        Parameters
        ----------
        count : int
            How many are wanted at most: one for each vector of the largest modality is enough.
        seed : int

        Returns
        -------
        ndarray of int64, shape (at most count, modalities)
            Modalities with fewer vectors are gone through several times.
        """
        rng = np.random.default_rng(seed)
        names = list(self.vectors)
        lead = max(names, key=lambda name: len(self.vectors[name]))
        size = len(self.vectors[lead])
        columns = []
        for name in names:
            if name == lead:
                columns.append(np.arange(size))
                continue
            rows = len(self.vectors[name])
            turns = [rng.permutation(rows) for _ in range(-(-size // rows))]
            column = np.concatenate(turns)[:size]
            partners: dict[int, list[int]] = {}
            for row, group in enumerate(self.pairs[name].tolist()):
                if group >= 0:
                    partners.setdefault(group, []).append(row)
            for number, group in enumerate(self.pairs[lead].tolist()):
                if group in partners:
                    column[number] = partners[group][rng.integers(len(partners[group]))]
            columns.append(column)
        units = np.stack(columns, axis=1)
        return units if size <= count else units[rng.permutation(size)[:count]]
