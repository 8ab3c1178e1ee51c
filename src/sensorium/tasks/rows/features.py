"""What a fusion model learns of a table before it trains: scales, categories, labels."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.data.columns import Row, category_of, is_missing, number_of
from sensorium.data.encoded_tables import EncodedTable
from sensorium.errors import UsageError
from sensorium.models.fusion_config import MISSING_CLASS

TargetKind = Literal["category", "number"]

RAREST = 2
"""A category that fewer training rows have counts as missing: that trains what missing means, and
one row teaches nothing of a category."""

MOST_CATEGORIES = 1000

_WITH_COMMAS = re.compile(r"[+-]?[0-9][0-9.,]*")

MOST_CLASSES = 1000

FARTHEST = 8.0
"""Deviations from the mean that a number is cut to: one wrong cell must not drown all others."""


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Parameters
    ----------
    name : str
        The column.
    kind : {"category", "number"}
    labels : tuple of str
        Of a category, in the order of its classes.
    mean, deviation : float
        Of a number in the training rows; the model predicts it standardised.
    """

    name: str
    kind: TargetKind
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def fit(cls, name: str, kind: TargetKind, rows: Sequence[Row]) -> Target:
        """Learn labels, or mean and deviation, from training rows.

        Raises
        ------
        UsageError
            When there is nothing to tell apart, or a number is none.
        """
        given = [row.get(name) for row in rows if not is_missing(row.get(name))]
        if not given:
            raise UsageError(f"target {name!r}: no row has a value")
        if kind == "category":
            labels = tuple(sorted({str(category_of(value)) for value in given}))
            if len(labels) < 2:
                raise UsageError(f"target {name!r}: all rows have the label {labels[0]!r}")
            if len(labels) > MOST_CLASSES:
                raise UsageError(
                    f"target {name!r} has {len(labels):,} different labels, over {MOST_CLASSES:,}: "
                    "is it a number, or a text?"
                )
            return cls(name, kind, labels)
        numbers = [number_of(value) for value in given]
        if None in numbers:
            wrong = given[numbers.index(None)]
            raise UsageError(f"target {name!r} is to be a number, and {wrong!r:.60} is none")
        values = np.array(numbers, np.float64)
        deviation = float(values.std())
        if not deviation > 0:
            raise UsageError(f"target {name!r}: all rows have the value {values[0]:g}")
        return cls(name, kind, (), float(values.mean()), deviation)

    def values(self, rows: Sequence[Row]) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
        """The target of each row, shape (n,), as the model takes it.

        Class numbers, `MISSING_CLASS` where a row has no label or an unknown one; or standardised
        numbers, NaN where there is none.
        """
        if self.kind == "category":
            number = {label: i for i, label in enumerate(self.labels)}
            of_rows = [number.get(str(category_of(r.get(self.name))), MISSING_CLASS) for r in rows]
            missing = [is_missing(row.get(self.name)) for row in rows]
            return np.where(missing, MISSING_CLASS, np.array(of_rows, np.int64))
        found = [number_of(row.get(self.name)) for row in rows]
        numbers = np.array([np.nan if n is None else n for n in found], np.float64)
        return ((numbers - self.mean) / self.deviation).astype(np.float32)


def detect_target(name: str, rows: Sequence[Row]) -> TargetKind:
    """Take a target for a number where every cell is one and they are not just a few whole ones.

    Raises
    ------
    UsageError
        When it holds numbers with commas, each of which would be a class of its own.
    """
    given = [row.get(name) for row in rows if not is_missing(row.get(name))]
    numbers = [number_of(value) for value in given]
    if not numbers or None in numbers:
        if numbers and all(_WITH_COMMAS.fullmatch(str(value).strip()) for value in given):
            some = next((value for value in given if "," in str(value)), "")
            if some and len({*map(str, given)}) > 0.5 * len(given):
                raise UsageError(
                    f"target {name!r} holds {some!r:.40}, which may be a decimal comma or set "
                    "thousands apart: write numbers with a decimal point and no commas, or decimal "
                    "commas in a table whose cells semicolons separate"
                )
        return "category"
    whole = all(n is not None and n.is_integer() for n in numbers)
    return "category" if whole and len(set(numbers)) <= 20 else "number"


@dataclass(frozen=True)
class Features:
    """How the tabular cells of a table become numbers.

    Parameters
    ----------
    means, deviations : tuple of float
        Of each column of numbers.
    vocabularies : tuple of tuple of str
        Known values of each column of categories, the most frequent first.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    vocabularies: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, table: EncodedTable) -> Features:
        """Learn scales and categories from training rows."""
        means, deviations = [], []
        for values in table.numbers.T:
            known = values[~np.isnan(values)]
            means.append(float(known.mean()) if len(known) else 0.0)
            deviations.append(float(known.std()) or 1.0 if len(known) else 1.0)
        vocabularies = []
        for values in table.categories:
            counts = Counter(value for value in values if value is not None)
            frequent = [v for v, n in counts.most_common(MOST_CATEGORIES) if n >= RAREST]
            vocabularies.append(tuple(frequent))
        return cls(tuple(means), tuple(deviations), tuple(vocabularies))

    def tabular(self, table: EncodedTable) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Standardised numbers (n, k), NaN where missing, and category numbers (n, c).

        Category 0 is missing or unknown.
        """
        scaled = (table.numbers - np.array(self.means)) / np.array(self.deviations)
        numbers = np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)
        categories = np.zeros((len(table), len(self.vocabularies)), np.int64)
        for column, (values, words) in enumerate(
            zip(table.categories, self.vocabularies, strict=True)
        ):
            number = {word: i + 1 for i, word in enumerate(words)}
            categories[:, column] = [number.get(value or "", 0) for value in values]
        return numbers, categories

    def require_sound(self, kinds: Mapping[str, str]) -> None:
        """Check that values read from a file are those of columns, given as kinds by their names.

        Raises
        ------
        ValueError
            Naming what does not fit.
        """
        counts = Counter(kinds.values())
        scales = (*self.means, *self.deviations)
        if not len(self.means) == len(self.deviations) == counts["number"]:
            raise ValueError(f"{len(self.means)} means for {counts['number']} columns of numbers")
        if not all(map(math.isfinite, scales)) or not all(one > 0 for one in self.deviations):
            raise ValueError(f"means and deviations are {scales!r:.100}")
        if len(self.vocabularies) != counts["category"] or not all(
            isinstance(word, str) for words in self.vocabularies for word in words
        ):
            raise ValueError(f"known values of categories are {self.vocabularies!r:.100}")

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Features:
        """Read what `to_json` gave."""
        return cls(
            tuple(values["means"]),
            tuple(values["deviations"]),
            tuple(tuple(words) for words in values["vocabularies"]),
        )


def pad_vectors(
    table: EncodedTable, modality: str, rows: Sequence[int]
) -> dict[str, npt.NDArray[Any]]:
    """Tokens of one modality for some rows, as `sensorium.models.fusion` takes them.

    Returns
    -------
    dict
        ``tokens`` (n, t, d) float32, ``column`` (n, t) int64, ``mask`` (n, t) bool; t is at
        least 1, and all are masked where the row lacks the modality.
    """
    vectors = [table.vectors[modality][row] for row in rows]
    longest = max(1, max(map(len, vectors), default=1))
    dimension = vectors[0].shape[1] if vectors else 0
    tokens = np.zeros((len(rows), longest, dimension), np.float32)
    column = np.zeros((len(rows), longest), np.int64)
    mask = np.zeros((len(rows), longest), bool)
    for i, row in enumerate(rows):
        t = len(vectors[i])
        tokens[i, :t] = vectors[i]
        column[i, :t] = table.sources[modality][row]
        mask[i, :t] = True
    return {"tokens": tokens, "column": column, "mask": mask}
