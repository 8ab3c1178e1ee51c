"""Fusion of modalities for classes and numbers: early, late, hybrid through bottlenecks, linear.

All four take the same batch: for every modality the tokens of each row, with a mask. What the mask
hides is replaced before anything is computed with it, so the content of a missing modality, be it
NaN, cannot reach the output. A row in which nothing is present gets the prior of the training rows.

Batches
-------
``inputs`` maps a modality to tensors. A modality of vectors has ``tokens`` (n, t, d) float32,
``column`` (n, t) int64, the table column that each token comes from, and ``mask`` (n, t) bool, True
where there is a token. The modality ``"tabular"`` has ``numbers`` (n, k) float32, standardised, NaN
where missing, and ``categories`` (n, c) int64, 0 where missing or unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sensorium.errors import MissingExtraError
from sensorium.models.fusion_config import MISSING_CLASS, FusionConfig, TabularInput, VectorInput
from sensorium.models.fusion_linear import LinearFusion, linear_block

try:
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

Inputs = Mapping[str, Mapping[str, Tensor]]

_INITIAL = 0.02
"""Deviation of learned tokens at the start, as in BERT and ViT."""

_FAR = 1e-6
"""Smallest probability whose logarithm an averaged decision is given as."""


class VectorTokens(nn.Module):  # type: ignore[misc]
    """Brings vectors of one modality to the model's width and says which column they are of.

    Vectors of one modality share most of their direction (Liang et al. 2022), so they are centred
    by the mean of the training rows and scaled to a variance of one a dimension.

    Parameters
    ----------
    given : VectorInput
    width : int
    dropout : float
        Of the dimensions of vectors, in training.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, given: VectorInput, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(given.dimension, width)
        self.columns = nn.Embedding(given.columns, width)
        nn.init.normal_(self.columns.weight, std=_INITIAL)
        self.register_buffer("mean", torch.zeros(given.dimension))
        self.register_buffer("scale", torch.tensor(float(given.dimension) ** -0.5))

    def fit(self, tokens: Tensor) -> None:
        """Take mean and scale from training tokens, shape (n, d)."""
        self.mean.copy_(tokens.mean(0))
        self.scale.copy_((tokens - self.mean).square().mean().sqrt().clamp_min(_FAR))

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return tokens (n, t, width) and their mask (n, t)."""
        mask = inputs["mask"]
        vectors = torch.where(mask[..., None], (inputs["tokens"] - self.mean) / self.scale, 0.0)
        column = torch.where(mask, inputs["column"], 0)
        return self.project(self.dropout(vectors)) + self.columns(column), mask


class TabularTokens(nn.Module):  # type: ignore[misc]
    """A token a column, as in FT-Transformer (Gorishniy et al. 2021, section 3.3).

    A number scales a learned vector and a category looks one up; each column has a bias. A missing
    cell adds the column's own "missing" vector, which starts at zero: where training rows lacked no
    cell, a missing one later counts as the mean.
    """

    def __init__(self, given: TabularInput, width: int) -> None:
        super().__init__()
        columns = given.numbers + len(given.categories)
        self.numbers = nn.Parameter(torch.empty(given.numbers, width))
        self.missing = nn.Parameter(torch.zeros(columns, width))
        self.bias = nn.Parameter(torch.empty(columns, width))
        self.categories = nn.ModuleList(nn.Embedding(n + 1, width) for n in given.categories)
        bound = width**-0.5
        for parameter in (self.numbers, self.bias, *self.categories.parameters()):
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return tokens (n, k + c, width) and a mask (n, k + c): all True where a row has a cell.

        The cells that are missing of a row that has others are seen, for that they are missing may
        mean something.
        """
        numbers, categories = inputs["numbers"], inputs["categories"]
        missing = torch.cat([numbers.isnan(), categories == 0], 1)
        looked_up = [
            embedding(categories[:, i])[:, None] for i, embedding in enumerate(self.categories)
        ]
        values = [numbers.nan_to_num(0.0)[..., None] * self.numbers, *looked_up]
        values = torch.cat(values, 1)
        tokens = torch.where(missing[..., None], self.missing, values) + self.bias
        return tokens, (~missing).any(1, keepdim=True).expand(missing.shape)


def _tokens(given: VectorInput | TabularInput, config: FusionConfig) -> nn.Module:
    """What makes tokens of one modality."""
    if config.method == "linear":
        return linear_block(given)
    if isinstance(given, VectorInput):
        return VectorTokens(given, config.width, config.input_dropout)
    return TabularTokens(given, config.width)


def transformer_layer(config: FusionConfig) -> nn.TransformerEncoderLayer:
    """One pre-norm layer of the width and heads that `config` names."""
    return nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        2 * config.width,
        config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )


class Layers(nn.Module):  # type: ignore[misc]
    """Transformer layers one after the other, for a sequence with a mask."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(transformer_layer(config) for _ in range(config.layers))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, src_key_padding_mask=~mask)
        return tokens


class Heads(nn.Module):  # type: ignore[misc]
    """A linear head for each target on one representation (n, width)."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        # By position: the name of a column may hold what a module's name may not.
        self.heads = nn.ModuleList(nn.Linear(config.width, n or 1) for n in config.targets.values())

    def forward(self, representation: Tensor) -> list[Tensor]:
        """Return (n, classes) for each target; (n, 1) for a number."""
        normed = self.norm(representation)
        return [head(normed) for head in self.heads]


def _learned_token(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * _INITIAL)


def _framed(
    tokens: Tensor, mask: Tensor, present: Tensor, cls: Tensor, absent: Tensor
) -> tuple[Tensor, Tensor]:
    """Put the class token before a modality, and the "absent" token where it is missing."""
    n = len(tokens)
    front = torch.stack([cls, absent]).expand(n, 2, -1)
    seen = torch.stack([torch.ones_like(present), ~present], 1)
    return torch.cat([front, tokens], 1), torch.cat([seen, mask], 1)


class EarlyFusion(nn.Module):  # type: ignore[misc]
    """The tokens of all modalities in one Transformer encoder.

    Where a modality is missing, its learned "absent" token stands in its place.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        m = len(config.modalities)
        self.cls = _learned_token(config.width)
        self.absent = _learned_token(m, config.width)
        self.modality = _learned_token(m, config.width)
        self.layers = Layers(config)
        self.heads = Heads(config)

    def forward(self, tokens: list[Tensor], masks: list[Tensor], present: Tensor) -> list[Tensor]:
        """Return (n, classes) for each target."""
        n = len(present)
        sequence = [self.cls.expand(n, 1, -1), self.absent.expand(n, -1, -1)]
        sequence += [one + self.modality[i] for i, one in enumerate(tokens)]
        seen = [torch.ones_like(present[:, :1]), ~present, *masks]
        encoded = self.layers(torch.cat(sequence, 1), torch.cat(seen, 1))
        outputs: list[Tensor] = self.heads(encoded[:, 0])
        return outputs


class LateFusion(nn.Module):  # type: ignore[misc]
    """A tower and a decision for each modality; the decisions of those present are joined.

    "average" takes the mean of the towers' probabilities. "learned" adds up what each tower says
    beyond the prior, prior + sum of w_m (logits_m - prior), with weights that depend on which
    modalities are present: w = softplus(gate(present)). The gate is fitted to rows that the towers
    were not trained on (stacking, Wolpert 1992), by `sensorium.training.fusion`.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        m, targets = len(config.modalities), len(config.targets)
        self.classes = [n > 0 for n in config.targets.values()]
        self.decision = config.decision
        self.cls = _learned_token(m, config.width)
        self.towers = nn.ModuleList(Layers(config) for _ in range(m))
        self.heads = nn.ModuleList(Heads(config) for _ in range(m))
        self.gates = nn.ModuleList(nn.Linear(m, m) for _ in range(targets))
        for gate in self.gates:
            nn.init.zeros_(gate.weight)
            nn.init.constant_(gate.bias, _inverse_softplus(1 / m))
            gate.requires_grad_(False)  # not trained on the rows that the towers learn by heart

    def towers_outputs(self, tokens: list[Tensor], masks: list[Tensor]) -> list[Tensor]:
        """Return (n, m, classes) for each target: what every tower says."""
        of_towers = []
        for i, (tower, heads) in enumerate(zip(self.towers, self.heads, strict=True)):
            cls = self.cls[i].expand(len(tokens[i]), 1, -1)
            mask = torch.cat([torch.ones_like(masks[i][:, :1]), masks[i]], 1)
            encoded = tower(torch.cat([cls, tokens[i]], 1), mask)
            of_towers.append(heads(encoded[:, 0]))
        return [torch.stack(outputs, 1) for outputs in zip(*of_towers, strict=True)]

    def decide(self, target: int, outputs: Tensor, present: Tensor, prior: Tensor) -> Tensor:
        """Join what the towers say of one target, (n, m, classes), to (n, classes)."""
        if self.decision == "average":
            if self.classes[target]:
                probabilities = _mean_of(outputs.softmax(-1), present)
                return probabilities.clamp_min(_FAR).log()
            return _mean_of(outputs, present)
        weights = F.softplus(self.gates[target](present.to(outputs.dtype))) * present
        # Both as logarithms of probabilities: logits alone are known up to a constant.
        if self.classes[target]:
            outputs, prior = outputs.log_softmax(-1), prior.log_softmax(-1)
        return prior + (weights[..., None] * (outputs - prior)).sum(1)


class HybridFusion(nn.Module):  # type: ignore[misc]
    """Towers that exchange through bottleneck tokens (Nagrani et al. 2021, section 3.2).

    From `fusion_layer` on, each tower's layer sees its own tokens and the bottleneck; the
    bottleneck is then the mean of what the towers made of it (eq. 8 and 9). The towers' class
    tokens go through one head, and the outputs of those present are averaged (section 3.3). A tower
    whose modality is missing writes into the bottleneck what its "absent" token says.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        m = len(config.modalities)
        self.cls = _learned_token(m, config.width)
        self.absent = _learned_token(m, config.width)
        self.bottleneck = _learned_token(config.bottlenecks, config.width)
        self.towers = nn.ModuleList(Layers(config) for _ in range(m))
        self.fusion_layer = config.fusion_layer
        self.heads = Heads(config)

    def forward(self, tokens: list[Tensor], masks: list[Tensor], present: Tensor) -> list[Tensor]:
        """Return (n, classes) for each target."""
        framed = [
            _framed(tokens[i], masks[i], present[:, i], self.cls[i], self.absent[i])
            for i in range(len(tokens))
        ]
        streams, seen = [one for one, _ in framed], [mask for _, mask in framed]
        bottleneck = self.bottleneck.expand(len(present), -1, -1)
        always = torch.ones_like(bottleneck[..., 0], dtype=torch.bool)
        for depth in range(len(self.towers[0].layers)):
            written = []
            for i, tower in enumerate(self.towers):
                if depth < self.fusion_layer:
                    streams[i] = tower.layers[depth](streams[i], src_key_padding_mask=~seen[i])
                    continue
                both = torch.cat([streams[i], bottleneck], 1)
                mask = torch.cat([seen[i], always], 1)
                both = tower.layers[depth](both, src_key_padding_mask=~mask)
                streams[i], change = both.split([streams[i].shape[1], bottleneck.shape[1]], 1)
                written.append(change)
            if written:
                bottleneck = torch.stack(written).mean(0)
        of_towers = [self.heads(stream[:, 0]) for stream in streams]
        return [
            _mean_of(torch.stack(outputs, 1), present) for outputs in zip(*of_towers, strict=True)
        ]


class FusionModel(nn.Module):  # type: ignore[misc]
    """Tokens of several modalities to classes and numbers.

    Parameters
    ----------
    config : FusionConfig

    Attributes
    ----------
    temperature : Tensor, shape (targets,)
        What logits are divided by outside training; fitted to validation rows (Guo et al. 2017).
    """

    temperature: Tensor

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        # Not "config": Transformers' Trainer writes into what is called so.
        self.architecture = config
        self.inputs = nn.ModuleList(_tokens(given, config) for given in config.modalities.values())
        kinds = {
            "early": EarlyFusion, "late": LateFusion, "hybrid": HybridFusion, "linear": LinearFusion
        }  # fmt: skip
        self.fusion: nn.Module = kinds[config.method](config)
        for i, classes in enumerate(config.targets.values()):
            self.register_buffer(f"prior_{i}", torch.zeros(classes or 1))
            self.register_buffer(f"class_weight_{i}", torch.ones(classes or 1))
        self.register_buffer("temperature", torch.ones(len(config.targets)))
        self.log_variance = (
            nn.Parameter(torch.zeros(len(config.targets))) if config.uncertainty else None
        )

    def prior(self, target: int) -> Tensor:
        """Log-probabilities of the classes (zero for a number) when nothing is known of a row."""
        buffer: Tensor = self.get_buffer(f"prior_{target}")
        return buffer

    def embed(
        self, inputs: Inputs, keep: Tensor | None = None
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return tokens and masks of every modality, and which are present, (n, m) bool.

        Parameters
        ----------
        keep : Tensor of bool, shape (n, m), optional
            Modalities that are False count as missing.
        """
        embedded = [
            module(inputs[name])
            for name, module in zip(self.architecture.modalities, self.inputs, strict=True)
        ]
        tokens, masks = [one for one, _ in embedded], [mask for _, mask in embedded]
        present = torch.stack([mask.any(1) for mask in masks], 1)
        if keep is not None:
            present = present & keep
        if self.training and self.architecture.method != "late":  # its towers never see each other
            present = drop_modalities(present, self.architecture.modality_dropout)
        masks = [mask & present[:, i : i + 1] for i, mask in enumerate(masks)]
        return tokens, masks, present

    def forward(
        self,
        inputs: Inputs,
        targets: Mapping[str, Tensor] | None = None,
        keep: Tensor | None = None,
    ) -> dict[str, Any]:
        """Compute outputs, and the loss where targets are given.

        Parameters
        ----------
        inputs : mapping
            As this module's docstring says.
        targets : mapping of str to Tensor, optional
            Class numbers (n,) int64, `MISSING_CLASS` where missing; standardised numbers (n,)
            float32, NaN where missing.
        keep : Tensor of bool, shape (n, m), optional
            Modalities that are False count as missing.

        Returns
        -------
        dict
            ``outputs``: by target, log-probabilities up to a constant (n, classes), or numbers
            (n, 1); ``loss``, a scalar.
        """
        tokens, masks, present = self.embed(inputs, keep)
        result: dict[str, Any] = {}
        if isinstance(self.fusion, LateFusion):
            of_towers = self.fusion.towers_outputs(tokens, masks)
            outputs = [
                self.fusion.decide(i, of_one, present, self.prior(i))
                for i, of_one in enumerate(of_towers)
            ]
            if targets is not None:
                # Each tower learns by itself, from the rows that have its modality.
                losses = [
                    self.loss([of_one[:, i] for of_one in of_towers], targets, present[:, i])
                    for i in range(present.shape[1])
                ]
                result["loss"] = torch.stack(losses).mean()
        else:
            outputs = self.fusion(tokens, masks, present)
            if targets is not None:
                result["loss"] = self.loss(outputs, targets, present.any(1))
        nothing = ~present.any(1, keepdim=True)
        result["outputs"] = {
            name: torch.where(nothing, self.prior(i), outputs[i] / self.temperature[i])
            for i, name in enumerate(self.architecture.targets)
        }
        return result

    def loss(self, outputs: list[Tensor], targets: Mapping[str, Tensor], counted: Tensor) -> Tensor:
        """Sum over targets of the mean loss over rows that are `counted` and have the target.

        Cross-entropy for classes, half the squared error for numbers; with `uncertainty`
        exp(-s) loss + s / 2, where s is the target's learned log-variance.
        """
        total = outputs[0].sum() * 0.0  # a batch may lack every target
        for i, (name, classes) in enumerate(self.architecture.targets.items()):
            wanted = targets[name]
            known = counted & ((wanted != MISSING_CLASS) if classes else ~wanted.isnan())
            if not known.any():
                continue
            if classes:
                weight = self.get_buffer(f"class_weight_{i}")
                one = F.cross_entropy(outputs[i][known], wanted[known], weight=weight)
            else:
                one = 0.5 * F.mse_loss(outputs[i][known, 0], wanted[known])
            if self.log_variance is not None:
                one = one * (-self.log_variance[i]).exp() + 0.5 * self.log_variance[i]
            total = total + one
        return total


def drop_modalities(present: Tensor, rate: float) -> Tensor:
    """Hide each present modality with probability `rate`; of a row that had any, one stays.

    Parameters
    ----------
    present : Tensor of bool, shape (n, m)
    rate : float
        0 to below 1.

    Returns
    -------
    Tensor of bool, shape (n, m)
        Where all of a row's would be hidden, one of them, any with the same chance, is kept.
    """
    draws = torch.rand(present.shape, device=present.device)
    kept = present & (draws >= rate)
    # All draws are below the rate then; the largest stays.
    largest = torch.where(present, draws, -1.0).argmax(1)
    rescued = F.one_hot(largest, present.shape[1]).bool() & present
    return torch.where(kept.any(1, keepdim=True), kept, rescued)


def _mean_of(values: Tensor, present: Tensor) -> Tensor:
    """Mean of (n, m, c) over the present modalities; zero where there are none."""
    weights = present.to(values.dtype)
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1.0)
    return (torch.where(present[..., None], values, 0.0) * weights[..., None]).sum(1)


def _inverse_softplus(value: float) -> float:
    return math.log(math.expm1(value))  # no tensor: models are also made of shapes alone
