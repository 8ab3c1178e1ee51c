"""What a fusion model is made of, as plain values; this module needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sensorium.errors import UsageError

Method = Literal["early", "late", "hybrid", "linear"]
Decision = Literal["learned", "average"]

TABULAR = "tabular"
"""Name of the modality that numbers and categories form together."""

MISSING_CLASS = -100
"""Class number of a row whose target is missing: what PyTorch's cross-entropy passes over."""


@dataclass(frozen=True)
class VectorInput:
    """A modality whose tokens are vectors of a frozen encoder.

    Parameters
    ----------
    dimension : int
        Length of a vector, d.
    columns : int
        Columns of the table that hold this modality.
    """

    dimension: int
    columns: int = 1


@dataclass(frozen=True)
class TabularInput:
    """Numbers and categories, a token a column.

    Parameters
    ----------
    numbers : int
        Columns of numbers, k.
    categories : tuple of int
        For each column of categories, how many it has, without 0 (missing).
    """

    numbers: int
    categories: tuple[int, ...] = ()


@dataclass(frozen=True)
class FusionConfig:
    """What a fusion model is made of.

    Parameters
    ----------
    method : {"early", "late", "hybrid", "linear"}
        The last has no use for the settings below.
    modalities : dict of str to VectorInput or TabularInput
        In the order in which the model keeps them; at least one.
    targets : dict of str to int
        Name of a target and its number of classes; 0 stands for a number.
    width : int
        Length of the model's tokens; a multiple of `heads`.
    layers : int
        Transformer layers, of each tower where there are several.
    heads : int
        Attention heads.
    dropout : float
        In the Transformer layers.
    input_dropout : float
        In the vectors of encoders: they have many dimensions and tables few rows.
    modality_dropout : float
        Probability with which a present modality of a row is hidden in training; one always stays.
    decision : {"learned", "average"}
        How late fusion joins the decisions of its towers.
    bottlenecks : int
        Tokens through which the towers of hybrid fusion exchange; Nagrani et al. use 4.
    fusion_layer : int
        Layers of hybrid fusion before the exchange begins. Two or more must follow: what a tower
        writes into the bottleneck in one layer the others read in the next.
    uncertainty : bool
        Weight the losses of several targets by learned uncertainties (Kendall et al. 2018, eq. 10).

    Raises
    ------
    UsageError
        For values that do not go together.
    """

    method: Method
    modalities: dict[str, VectorInput | TabularInput]
    targets: dict[str, int]
    width: int = 128
    layers: int = 2
    heads: int = 4
    dropout: float = 0.1
    input_dropout: float = 0.5
    modality_dropout: float = 0.3
    decision: Decision = "learned"
    bottlenecks: int = 4
    fusion_layer: int = 0
    uncertainty: bool = False

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            known = ", ".join(get_args(Method))
            raise UsageError(f"method is one of {known}, got {self.method!r}")
        if self.decision not in get_args(Decision):
            known = ", ".join(get_args(Decision))
            raise UsageError(f"decision is one of {known}, got {self.decision!r}")
        if not self.modalities or not self.targets:
            raise UsageError("fusion needs at least one modality and one target")
        if self.width % self.heads or self.width < 1:
            raise UsageError(f"width is a multiple of heads ({self.heads}), got {self.width}")
        if self.layers < 1 or self.bottlenecks < 1:
            raise UsageError("layers and bottlenecks are at least 1")
        for name in ("dropout", "input_dropout", "modality_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is from 0 to below 1, got {getattr(self, name)}")
        if self.method == "hybrid" and not 0 <= self.fusion_layer <= self.layers - 2:
            raise UsageError(
                "hybrid fusion needs two layers after fusion_layer: "
                f"layers={self.layers}, fusion_layer={self.fusion_layer}"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FusionConfig:
        """Read what `to_json` gave."""
        modalities: dict[str, VectorInput | TabularInput] = {}
        for name, one in values["modalities"].items():
            if "dimension" in one:
                modalities[name] = VectorInput(**one)
            else:
                modalities[name] = TabularInput(one["numbers"], tuple(one["categories"]))
        return cls(**{**values, "modalities": modalities})
