"""Training hashing heads: vectors that belong together shall share codes, at every length.

Per step and code length b, the inner products of relaxed codes over b, as logits, are asked

- to rank other vectors as the cosines of the frozen vectors do (a softmax over the batch against
  a softmax of the standardised cosines: knowledge distillation, Hinton et al. 2015; for codes
  DistillHash, Yang et al. 2019), within a modality and across two;
- to put what belongs together before the rest (contrastive loss in Hamming space with several
  positives: Khosla et al. 2020, L_out; Jiang and Li 2017 for codes of two modalities), where
  pairs or labels are known.

Three terms keep codes what codes are: quantisation (values near -1 and 1; Jiang and Li 2017),
bit balance (each bit as often 1 as -1; the same) and decorrelation (bits that differ; Weiss et al.
2009). The loss is the mean over lengths (Kusupati et al. 2022, Matryoshka representations), so that
the first b bits are a code by themselves. Signs are relaxed to tanh, ever steeper (HashNet: Cao et
al. 2017).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError
from sensorium.index.learned import ANY, LearnedCoder
from sensorium.models.hashing import HashingHeads
from sensorium.training.hash_base import nested_projection
from sensorium.training.hash_data import HashingData
from sensorium.training.hash_scores import held_out_score
from sensorium.training.history import History

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

from sensorium.media.progress import Progress
from sensorium.training.loop import Settings, train

LENGTHS = (16, 32, 64, 128, 256, 512)

LEAST_PACE = 5
"""Steps between validations, which take as long as a few steps."""


@dataclass(frozen=True)
class HashingSettings:
    """How hashing heads are trained; the defaults were chosen on validation splits.

    Parameters
    ----------
    lengths : tuple of int
        Code lengths in the loss, ascending, each at most twice the one before. In each step one
        other multiple of 8 is drawn, too, so that the lengths in between are codes as well.
    steps, batch_size, learning_rate, weight_decay
        Of the optimizer. Weight decay draws to the base, not to zero.
    distillation : float
        Weight of ranking across modalities as cosines do.
    within : float
        Weight of the same within a modality.
    pairs, labels : float
        Weights of the contrastive terms.
    quantisation, balance, decorrelation : float
        Weights of the terms that keep codes what codes are.
    sharpness : float
        Cosines are standardised over the batch and multiplied by it: at 3 the few nearest matter,
        at 1 the order of all.
    noise : float
        Length of the random vector that is added to each unit vector.
    steepness : tuple of float
        Of tanh, in the first and in the last step.
    patience : int
        Validations without improvement after which it stops.
    seed : int
    """

    lengths: tuple[int, ...] = LENGTHS
    steps: int = 150
    batch_size: int = 256
    learning_rate: float = 0.01
    weight_decay: float = 0.1
    distillation: float = 1.0
    within: float = 0.25
    pairs: float = 0.5
    labels: float = 0.5
    quantisation: float = 0.01
    balance: float = 0.1
    decorrelation: float = 0.01
    sharpness: float = 3.0
    noise: float = 0.3
    steepness: tuple[float, float] = (1.0, 3.0)
    patience: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        pairs = zip(self.lengths, self.lengths[1:], strict=False)
        ascending = all(a < b <= 2 * a for a, b in pairs)
        if not self.lengths or self.lengths[0] < 16 or not ascending or self._odd():
            raise UsageError(
                f"lengths {self.lengths}: multiples of 8 from 16 on, each larger than the one "
                "before and at most twice as large"
            )

    def _odd(self) -> bool:
        return any(length % 8 for length in self.lengths)


@dataclass(frozen=True)
class TrainedHash:
    """What a training gives.

    Attributes
    ----------
    coder : LearnedCoder
        Of the longest length; `LearnedCoder.shorten` gives the others.
    history : History
    fitted, held_out : HashingData
        What it was trained on, and what was kept from it, to choose its end and to measure with.
    before, after : float
        Score of the held-out part (see `held_out_score`) of the base and of what was trained.
    """

    coder: LearnedCoder
    history: History
    fitted: HashingData
    held_out: HashingData
    before: float
    after: float


class HashingModel(nn.Module):  # type: ignore[misc]
    """Heads and their loss over batches of rows.

    Parameters
    ----------
    heads : HashingHeads
    data : HashingData
        Of the heads' modalities.
    settings : HashingSettings
    """

    def __init__(self, heads: HashingHeads, data: HashingData, settings: HashingSettings) -> None:
        super().__init__()
        self.heads = heads
        self.settings = settings
        self.log_scale = nn.Parameter(torch.zeros(len(settings.lengths)))
        self.step: Tensor
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        for name in heads.modalities:  # no part of what is trained, so of no checkpoint
            self.register_buffer(f"vectors_{name}", torch.from_numpy(data.vectors[name]), False)
            self.register_buffer(f"pairs_{name}", torch.from_numpy(data.pairs[name]), False)
            self.register_buffer(f"labels_{name}", torch.from_numpy(data.labels[name]), False)

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Loss of a batch.

        Parameters
        ----------
        rows : Tensor of int64, shape (batch, modalities)
            Rows of the data's vectors; -1 for none.

        Returns
        -------
        dict of str to scalar Tensor
            ``loss``, and each term by itself.
        """
        settings = self.settings
        progress = min(1.0, float(self.step) / max(1, settings.steps))
        steepness = settings.steepness[0] + progress * (
            settings.steepness[1] - settings.steepness[0]
        )
        if self.training:
            self.step += 1
        batch = {}
        for number, name in enumerate(self.heads.modalities):
            chosen = rows[:, number]
            chosen = torch.unique(chosen[chosen >= 0])
            if len(chosen) > 2:
                batch[name] = chosen
        bits = {name: self.heads(self._noisy(name, batch[name]), name) for name in batch}
        codes = {name: torch.tanh(steepness * values) for name, values in bits.items()}
        terms = self._ranking(batch, codes)
        for name, values in bits.items():
            share = 1 / len(bits)
            for term, value in code_terms(values, codes[name], settings.lengths).items():
                terms[term] = terms.get(term, 0) + share * value
        weights = asdict(settings)
        loss = torch.stack([weights[term] * value for term, value in terms.items()]).sum()
        return {"loss": loss, **{name: value.detach() for name, value in terms.items()}}

    def _noisy(self, name: str, rows: Tensor) -> Tensor:
        vectors: Tensor = getattr(self, f"vectors_{name}")[rows]
        if not self.training or not self.settings.noise:
            return vectors
        noise = torch.randn_like(vectors) * (self.settings.noise / vectors.shape[1] ** 0.5)
        return functional.normalize(vectors + noise, dim=1)

    def _ranking(self, batch: Mapping[str, Tensor], codes: Mapping[str, Tensor]) -> dict[str, Any]:
        """Distillation and contrast, mean over lengths, of each two modalities."""
        lengths = [*self.settings.lengths]
        scales = [*(2 * self.log_scale.exp())]
        if self.training:  # one that lies between
            choice = int(torch.randint(2, lengths[-1] // 8 + 1, ()))
            nearest = min(range(len(lengths)), key=lambda n: abs(lengths[n] - 8 * choice))
            lengths.append(8 * choice)
            scales.append(scales[nearest])
        combined = list(combinations_with_replacement(batch, 2))
        kinds = {"within": len(batch), "distillation": max(1, len(combined) - len(batch))}
        terms: dict[str, Any] = {}
        for a, b in combined:
            same = a == b
            kind = "within" if same else "distillation"
            logits = []
            for length, scale in zip(lengths, scales, strict=True):
                products = codes[a][:, :length] @ codes[b][:, :length].T
                logits.append(products * (scale / length**0.5))
            with torch.no_grad():
                cosines = self._centred(a, batch[a]) @ self._centred(b, batch[b]).T
            value = ranking_loss(logits, cosines, self.settings.sharpness, without_self=same)
            terms[kind] = terms.get(kind, 0) + value / kinds[kind]
            for relation in ("pairs", "labels"):
                groups = [getattr(self, f"{relation}_{name}")[batch[name]] for name in (a, b)]
                value = contrastive_loss(logits, *groups, without_self=same)
                if value is not None:
                    terms[relation] = terms.get(relation, 0) + value / len(combined)
        return terms

    def _centred(self, name: str, rows: Tensor) -> Tensor:
        number = self.heads.modalities.index(name)
        vectors: Tensor = getattr(self, f"vectors_{name}")[rows]
        return functional.normalize(vectors - self.heads.means[number], dim=1)


def ranking_loss(
    logits: list[Tensor], cosines: Tensor, sharpness: float, *, without_self: bool = False
) -> Tensor:
    """Cross-entropy of codes' softmax to that of standardised cosines, both ways, over lengths.

    Parameters
    ----------
    logits : list of Tensor, shape (n, m)
        Scaled inner products of codes, for each length.
    cosines : Tensor, shape (n, m)
        What is to be imitated.
    sharpness : float
        See `HashingSettings`.
    without_self : bool
        Whether rows and columns are the same vectors, whose nearness to themselves tells nothing.
    """
    total = logits[0].new_zeros(())
    for ways in (False,) if without_self else (False, True):
        known = cosines.T if ways else cosines
        if without_self:
            mask = torch.eye(len(known), dtype=torch.bool, device=known.device)
            known = known[~mask].view(len(known), -1)
        standard = (known - known.mean(1, keepdim=True)) / known.std(1, keepdim=True).clamp(1e-6)
        wanted = torch.softmax(sharpness * standard, 1)
        for values in logits:
            values = values.T if ways else values
            if without_self:
                values = values[~mask].view(len(known), -1)
            total = total - (wanted * torch.log_softmax(values, 1)).sum(1).mean()
    return total / (len(logits) * (1 if without_self else 2))


def contrastive_loss(
    logits: list[Tensor], groups: Tensor, others: Tensor, *, without_self: bool = False
) -> Tensor | None:
    """Mean over lengths of -log p of what is of the same group, both ways (Khosla et al., eq. 2).

    Parameters
    ----------
    logits : list of Tensor, shape (n, m)
        For each length.
    groups, others : Tensor of int64, shape (n,) and (m,)
        Vectors of one group belong together; those of -1 to nothing that is known, and they are no
        counter-examples either.
    without_self : bool
        As for `ranking_loss`.

    Returns
    -------
    Tensor or None
        None where nothing belongs together.
    """
    known = (groups[:, None] >= 0) & (others[None] >= 0)
    positive = (groups[:, None] == others[None]) & known
    if without_self:
        mask = torch.eye(len(groups), dtype=torch.bool, device=groups.device)
        known, positive = known & ~mask, positive & ~mask
    if not positive.any():
        return None
    total = logits[0].new_zeros(())
    for transposed in (False,) if without_self else (False, True):
        right = positive.T if transposed else positive
        valid = known.T if transposed else known
        counts = right.sum(1)
        asked = counts > 0
        for values in logits:
            values = (values.T if transposed else values)[asked]
            values = values.masked_fill(~valid[asked], -torch.inf)
            shares = torch.log_softmax(values, 1).masked_fill(~right[asked], 0)
            total = total - (shares.sum(1) / counts[asked]).mean()
    return total / (len(logits) * (1 if without_self else 2))


def code_terms(bits: Tensor, codes: Tensor, lengths: tuple[int, ...]) -> dict[str, Tensor]:
    """Quantisation, balance and decorrelation of a batch of one modality.

    Parameters
    ----------
    bits, codes : Tensor, shape (n, lengths[-1])
        Before and after tanh.
    lengths : tuple of int

    Returns
    -------
    dict of str to scalar Tensor
        ``quantisation``: mean squared distance of bits to -1 or 1. ``balance``: mean squared mean
        of a bit, times n, so that chance gives 1. ``decorrelation``: for each length the mean
        squared correlation of a bit with all others, summed; mean over lengths.
    """
    correlations = codes.T @ codes / len(codes)
    squares = (correlations - torch.diag(torch.diag(correlations))) ** 2
    sums = [squares[:length, :length].sum() / length for length in lengths]
    return {
        "quantisation": ((bits.abs() - 1) ** 2).mean(),
        "balance": len(codes) * (codes.mean(0) ** 2).mean(),
        "decorrelation": torch.stack(sums).mean(),
    }


def train_hash(
    data: HashingData,
    settings: HashingSettings | None = None,
    *,
    space: str = "",
    validation: HashingData | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> TrainedHash:
    """Train a hash function of every length on vectors, and on what belongs together.

    Parameters
    ----------
    data : HashingData
    settings : HashingSettings, optional
    space : str
        Fingerprint of the vectors' space.
    validation : HashingData, optional
        What chooses the end of the training; by default a part of `data` that is kept from it.
    folder : Path, optional
        Where checkpoints, history and curves are written, to resume and to look at. By default
        they are thrown away.
    progress : callable, optional
        See `sensorium.training.loop.train`.

    Raises
    ------
    UsageError
        There are too few vectors, or a setting cannot be.
    """
    settings = settings or HashingSettings()
    if validation is None:
        data, validation = data.split(settings.seed)
    data.require_enough()
    means = {name: rows.mean(axis=0, dtype=np.float64) for name, rows in data.vectors.items()}
    base = nested_projection(data.vectors, means, settings.lengths, seed=settings.seed)
    model = HashingModel(HashingHeads(means, base), data, settings)
    kept = validation

    def validate(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, HashingModel)
        return {"score": held_out_score(coder_of(model.heads), kept, settings.lengths)}

    before = validate(model)["score"]
    units = data.units(settings.steps * settings.batch_size, settings.seed)
    pace = max(LEAST_PACE, settings.steps // 10)
    loop = Settings(
        batch_size=settings.batch_size,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        patience=settings.patience,
        validate_every=pace,
        save_every=pace,
        precision="float32",
        seed=settings.seed,
    )
    with tempfile.TemporaryDirectory() as temporary:
        history = train(
            model, units, _collate, folder or temporary, loop,
            validate=validate, best=("score", "max"), progress=progress,
        )  # fmt: skip
    after = validate(model)["score"]
    if after < before:  # as may happen with very few vectors
        with torch.no_grad():
            model.heads.change.zero_()
        after = before
    facts = {
        "settings": asdict(settings),
        "vectors": {name: len(rows) for name, rows in data.vectors.items()},
        "pairs": data.count("pairs"),
        "labels": data.count("labels"),
        "held_out": {"before": before, "after": after},
        "step": history.best_step,
    }
    coder = coder_of(model.heads, space=space, training=facts)
    return TrainedHash(coder, history, data, validation, before, after)


def _collate(units: list[npt.NDArray[np.int64]]) -> dict[str, Tensor]:
    return {"rows": torch.from_numpy(np.stack(units))}


def coder_of(
    heads: HashingHeads, *, space: str = "", training: Mapping[str, Any] | None = None
) -> LearnedCoder:
    """The same hash function without torch; see `LearnedCoder` for the parameters."""
    with torch.no_grad():
        numbers = range(len(heads.modalities))
        weights = [heads.weights(number).double().cpu().numpy() for number in numbers]
        means = heads.means.cpu().numpy()
        base = heads.base.double().cpu().numpy()
    return LearnedCoder.of(
        dict(zip((*heads.modalities, ANY), (*means, means.mean(axis=0)), strict=True)),
        dict(zip((*heads.modalities, ANY), (*weights, base), strict=True)),
        space=space,
        training=training,
    )
