"""Sets of labels that hold the true one as often as is stated (split conformal prediction).

Of some labelled examples, none of which chose the classifier, one looks at the probability that the
classifier gives to the true label. A new item's set holds every label that is no less probable than
the true ones of nearly all examples. If the item comes from where the
examples come from (more precisely, if all of them are exchangeable), the set holds its true label
with the stated coverage or more, whatever the classifier is worth: a poor one gives large sets.

Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), chapter 4;
Papadopoulos et al. (2002) for the split; Sadinle, Lei and Wasserman, "Least ambiguous set-valued
classifiers with bounded error levels" (2019) for the score, which gives the smallest sets.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.checksums import KEY, require_checksum
from sensorium.errors import UsageError
from sensorium.folders import write_json

TOLERANCE = 1e-4
"""Probabilities that differ by less, relatively, are one: vectors of one picture differ in their
last bits with the batch they were made in, and a temperature of 0.01 makes 1e-4 of 1e-6."""

FORMAT = "sensorium-label-sets"
VERSION = 1

Numbers = npt.NDArray[np.floating]


def rank_of(examples: int, coverage: float) -> int:
    """Which probability of a true label is the least that counts: the ceil((n + 1) * coverage)-th.

    They are counted from the greatest; the new item's is as likely to have any of n + 1 ranks. The
    coverage counts as the decimal fraction that it is written as: 0.9 * 30 is 27, while the
    nearest binary numbers may give 27.000000000000004 and so 28.

    Raises
    ------
    UsageError
        For too few examples, with the number that is needed; for a coverage that is none.
    """
    wanted = _coverage(coverage)
    rank = math.ceil((examples + 1) * wanted)
    if rank > examples:
        needed = math.ceil(wanted / (1 - wanted))
        raise UsageError(
            f"a coverage of {coverage:g} takes at least {needed} labelled examples, got "
            f"{examples}: give more, or ask for less coverage"
        )
    return rank


def _coverage(coverage: Any) -> Fraction:
    if (
        isinstance(coverage, bool)
        or not isinstance(coverage, (int, float, np.floating))
        or not 0 < coverage < 1
    ):
        raise UsageError(f"coverage is a number between 0 and 1, such as 0.9; got {coverage!r}")
    return Fraction(repr(float(coverage)))


@dataclass(frozen=True)
class ConformalLabels:
    """What is known of a classifier's probabilities from labelled examples.

    Attributes
    ----------
    labels : tuple of str
        In the order of the probabilities' columns.
    coverage : float
        How often sets hold the true label, on average over examples and items.
    examples : int
        That it was fitted on.
    least : float
        Probability from which on a label is in a set.
    space : str
        Fingerprint of the space that the probabilities are made in; "" where it was not said.
    """

    labels: tuple[str, ...]
    coverage: float
    examples: int
    least: float
    space: str = ""

    @classmethod
    def fit(
        cls,
        probabilities: Numbers,
        truths: Sequence[str],
        labels: Sequence[str],
        coverage: float = 0.9,
        *,
        space: str = "",
    ) -> Self:
        """Fit to labelled examples that neither trained nor chose the classifier.

        Parameters
        ----------
        probabilities : ndarray of float, shape (n, c)
            Of the labels, for each example.
        truths : sequence of str, length n
            The true label of each.
        labels : sequence of str, length c
        coverage : float
            Between 0 and 1.
        space : str

        Raises
        ------
        UsageError
            For too few examples, a truth that is no label, or probabilities that are none.
        """
        given = _checked(probabilities, len(labels))
        if len(truths) != len(given):
            raise UsageError(f"{len(given)} rows of probabilities have {len(truths)} truths")
        if len(set(labels)) != len(labels):
            raise UsageError("labels must differ")
        columns = {label: column for column, label in enumerate(labels)}
        if unknown := sorted({truth for truth in truths if truth not in columns}):
            shown = ", ".join(unknown[:5])
            raise UsageError(f"examples are of classes that are no labels: {shown}; name them, too")
        rank = rank_of(len(given), coverage)
        chosen = [columns[truth] for truth in truths]
        ordered = np.sort(given[np.arange(len(given)), chosen])[::-1]
        return cls(tuple(labels), float(coverage), len(given), float(ordered[rank - 1]), space)

    def sets(self, probabilities: Numbers) -> npt.NDArray[np.bool_]:
        """Which labels are in the set of each item.

        Parameters
        ----------
        probabilities : ndarray of float, shape (n, c)

        Returns
        -------
        ndarray of bool, shape (n, c)
            A row without a label is of an item that is like no example of any label.
        """
        given = _checked(probabilities, len(self.labels))
        inside: npt.NDArray[np.bool_] = given >= self.least * (1 - TOLERANCE)
        return inside

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file with a checksum."""
        kept = {
            "format": FORMAT, "version": VERSION, "labels": list(self.labels),
            "coverage": self.coverage, "examples": self.examples, "least": self.least,
            "space": self.space,
        }  # fmt: skip
        write_json(Path(path), kept, checksum=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            When it cannot be read, is something else, or is damaged.
        """
        try:
            kept = json.loads(Path(path).read_text("utf-8"))
            if not isinstance(kept, dict) or kept.get("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            if kept.get("version") != VERSION:
                raise ValueError(f"its version is {kept.get('version')!r:.20}, known is {VERSION}")
            if KEY not in kept:
                raise ValueError("its checksum is missing")
            require_checksum(kept)
            labels, least, examples = kept["labels"], kept["least"], kept["examples"]
            if not isinstance(labels, list) or not all(isinstance(x, str) and x for x in labels):
                raise ValueError("its labels are no texts")
            if not labels or len(set(labels)) != len(labels):
                raise ValueError("its labels do not differ")
            if isinstance(least, bool) or not isinstance(least, (int, float)):
                raise ValueError(f"its least probability is {least!r:.20}")
            if not 0 <= least <= 1:
                raise ValueError(f"its least probability is {least}, and lies between 0 and 1")
            if not isinstance(examples, int) or not isinstance(kept["space"], str):
                raise ValueError("what it was fitted on is damaged")
            rank_of(examples, kept["coverage"])
            return cls(
                tuple(labels), float(kept["coverage"]), examples, float(least), kept["space"]
            )
        except KeyError as error:
            raise UsageError(
                f"{path}: cannot be read as label sets ({error} is missing)"
            ) from error
        except (OSError, ValueError, RecursionError, UsageError) as error:
            raise UsageError(f"{path}: cannot be read as label sets ({error})") from error


def _checked(probabilities: Numbers, count: int) -> npt.NDArray[np.float64]:
    given = np.asarray(probabilities, np.float64)
    if given.ndim != 2 or given.shape[1] != count:
        raise UsageError(f"probabilities have the shape (n, {count}), got {given.shape}")
    if not ((given >= 0) & (given <= 1)).all():  # NaN is neither
        raise UsageError("probabilities lie between 0 and 1")
    return given
