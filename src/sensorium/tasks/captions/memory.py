"""Captions of known pictures, looked up by similarity: what a new picture may be called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.folders import read_arrays, write_arrays

CENTRE = "centre-"
"""Begins the names of centres in the file."""

BATCH_SIZE = 1024
"""Queries compared at a time; bounds memory."""


def keys(
    tokens: Mapping[str, npt.NDArray[np.floating]],
    centres: Mapping[str, npt.NDArray[np.float32]],
) -> npt.NDArray[np.float32]:
    """What pictures are compared by: all features together, each source with the same weight.

    Every source is averaged over its tokens, centred and brought to length 1. Uncentred, features
    that are never negative are all alike.

    Parameters
    ----------
    tokens : mapping of str to ndarray of float, shape (n, tokens, width)
        By source.
    centres : mapping of str to ndarray of float32, shape (width,)
        What is subtracted; see `centres_of`.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Unit vectors.
    """
    parts = []
    for source, centre in centres.items():
        pooled = tokens[source].astype(np.float32).mean(1) - centre
        parts.append(pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12))
    return np.asarray(np.concatenate(parts, 1) / np.sqrt(len(parts)), np.float32)


def centres_of(
    tokens: Mapping[str, npt.NDArray[np.floating]],
) -> dict[str, npt.NDArray[np.float32]]:
    """Mean of each source's tokens, which `keys` subtracts."""
    return {
        source: values.mean((0, 1), dtype=np.float64).astype(np.float32)
        for source, values in tokens.items()
    }


@dataclass(frozen=True)
class Memory:
    """Known items with their texts.

    Attributes
    ----------
    vectors : ndarray of float16, shape (n, d)
        Unit vectors.
    texts : list of str
    groups : list of str
        Items of one group show or say the same: none is a neighbour of another, so that in
        training an item sees what a new one would see.
    centres : dict of str to ndarray of float32, shape (width,)
        What `keys` made the vectors with; empty for vectors of an encoder.
    """

    vectors: npt.NDArray[np.float16]
    texts: list[str]
    groups: list[str]
    centres: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def neighbours(
        self,
        queries: npt.NDArray[np.floating],
        k: int,
        groups: Sequence[str] | None = None,
    ) -> list[list[int]]:
        """Places of the `k` nearest items with different texts, nearest first.

        Parameters
        ----------
        queries : ndarray of float, shape (m, d)
        k : int
        groups : sequence of str, length m, optional
            Group of each query; items of that group are passed over.

        Returns
        -------
        list of list of int, length m
            Fewer than `k` where there are no more texts.
        """
        numbers = {group: number for number, group in enumerate(dict.fromkeys(self.groups))}
        own = np.array([numbers[group] for group in self.groups])
        known = self.vectors.astype(np.float32)
        found = []
        for start in range(0, len(queries), BATCH_SIZE):
            scores = queries[start : start + BATCH_SIZE].astype(np.float32) @ known.T
            if groups is not None:
                asking = [numbers.get(one, -1) for one in groups[start : start + BATCH_SIZE]]
                scores[np.array(asking)[:, np.newaxis] == own] = -np.inf
            found += [self._distinct(row, k) for row in scores]
        return found

    def _distinct(self, scores: npt.NDArray[np.float32], k: int) -> list[int]:
        texts: dict[str, int] = {}
        # Pictures with one caption in several styles are few, so this seldom takes a second look.
        depth = min(len(scores), 8 * k)
        while True:
            near = np.argpartition(-scores, depth - 1)[:depth] if depth < len(scores) else None
            order = np.argsort(-scores, kind="stable") if near is None else np.sort(near)
            if near is not None:
                order = order[np.argsort(-scores[order], kind="stable")]
            for place in order:
                if not np.isfinite(scores[place]):
                    break
                texts.setdefault(self.texts[place].casefold(), int(place))
                if len(texts) == k:
                    break
            if len(texts) == k or depth == len(scores):
                return list(texts.values())
            depth, texts = min(len(scores), 8 * depth), {}

    def save(self, path: Path) -> None:
        """Write an npz without pickled objects."""
        texts = [
            np.frombuffer("\n".join(one).encode(), np.uint8) for one in (self.texts, self.groups)
        ]
        centres: dict[str, Any] = {
            CENTRE + source: centre for source, centre in self.centres.items()
        }
        write_arrays(
            path, {"vectors": self.vectors, "texts": texts[0], "groups": texts[1], **centres}
        )

    @classmethod
    def load(cls, path: Path) -> Memory:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            When it cannot be read.
        """
        try:
            stored = read_arrays(path)
            vectors = stored["vectors"]
            centres = {
                name.removeprefix(CENTRE): array
                for name, array in stored.items()
                if name.startswith(CENTRE)
            }
            texts, groups = (
                stored[name].tobytes().decode().split("\n") for name in ("texts", "groups")
            )
        except (OSError, KeyError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read ({error})") from error
        if not len(vectors) == len(texts) == len(groups):
            raise UsageError(
                f"{path}: is damaged: {len(vectors)} vectors, {len(texts)} texts, "
                f"{len(groups)} groups"
            )
        return cls(vectors, texts, groups, centres)
