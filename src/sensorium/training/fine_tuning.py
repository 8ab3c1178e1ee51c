"""Tuning an encoder for a task: LoRA or all weights, and WiSE-FT against forgetting.

The encoder of a hub model is trained end to end under a linear layer over its unit vectors, which
starts from the class names (Wortsman et al. 2022, section 3) or, without them, from class means.
The result is an encoder folder in the hub's format and a head that stands on its vectors.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.data.examples import Examples
from sensorium.data.sources import media_of
from sensorium.data.splits import class_numbers
from sensorium.encoders.base import Encoder, Prepared
from sensorium.encoders.folder_config import CONFIG
from sensorium.encoders.registry import shipped_encoders
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.folders import faults_of_disk
from sensorium.media import Modality
from sensorium.media.progress import Progress
from sensorium.training.heads import Vectors
from sensorium.training.loop import Settings, train

try:
    import torch
    from torch import nn

    from sensorium.encoders.hub import NOTES, HubEncoder, options_of
    from sensorium.encoders.hub_loading import input_module
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

RANK = 8
LORA_SCALE = 2.0  # lora_alpha / rank, as usual
LORA_DROPOUT = 0.05

HEAD_RATE = 1e-3
"""Learning rate of the linear layer: its logits are scaled by 1 / temperature already."""

DEFAULTS = {
    "lora": Settings(epochs=10, batch_size=16, learning_rate=2e-4, warmup=0.1),
    "full": Settings(epochs=10, batch_size=16, learning_rate=2e-5, warmup=0.1),
}

ALPHAS = tuple(step / 10 for step in range(11))

UNVALIDATED_ALPHA = 0.5
"""Without validation examples; near the best on all of the paper's sets (section 4.2)."""


@dataclass(frozen=True)
class Tuned:
    """A tuned encoder and the linear layer on it.

    Attributes
    ----------
    folder : Path
        The encoder, in the hub's format.
    weights : ndarray of float32, shape (c, d)
    bias : ndarray of float32, shape (c,)
        Logits are ``v @ weights + bias``; the scale is in the weights.
    alpha : float
        Share of the tuned weights against the ones it began with (WiSE-FT).
    curve : list of (float, float)
        Alpha and accuracy on validation examples; empty where there are none.
    trained : int
        How many parameters of the encoder were trained.
    """

    folder: Path
    weights: Vectors
    bias: Vectors
    alpha: float
    curve: list[tuple[float, float]]
    trained: int


class EncoderWithHead(nn.Module):  # type: ignore[misc]
    """A hub encoder under a linear layer; its loss is cross-entropy.

    Parameters
    ----------
    model : nn.Module
        Of `HubEncoder.model`.
    directions : Tensor, shape (c, d)
        Unit vectors that the layer starts from.
    scale : float
        1 / temperature.
    """

    def __init__(self, model: nn.Module, directions: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.model = model
        self.directions = nn.Parameter(directions.clone())
        self.bias = nn.Parameter(torch.zeros(len(directions)))
        self.scale = scale

    def forward(
        self, features: Mapping[str, Any], labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        vectors = self.model(dict(features))["sentence_embedding"].float()
        vectors = nn.functional.normalize(vectors, dim=-1)
        logits = self.scale * (vectors @ self.directions.T) + self.bias
        if labels is None:
            return {"logits": logits}
        return {"logits": logits, "loss": nn.functional.cross_entropy(logits, labels)}


class _Examples:
    """Examples read when their turn comes; broken ones were left out before."""

    def __init__(self, encoder: Encoder, data: Examples, classes: Sequence[str]) -> None:
        self.encoder, self.data = encoder, data
        self.labels = class_numbers(data.labels, classes)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Prepared, int]:
        return self.encoder.prepare(media_of(self.data.sources[index])), int(self.labels[index])


def tune(
    method: str,
    name: str,
    data: Examples,
    classes: Sequence[str],
    directions: Vectors,
    temperature: float,
    folder: Path,
    *,
    validation: Examples | None = None,
    settings: Settings | None = None,
    alpha: float | None = None,
    rank: int = RANK,
    progress: Progress | None = None,
) -> Tuned:
    """Tune an encoder and a linear layer on its vectors.

    Parameters
    ----------
    method : {"lora", "full"}
        Low-rank updates of the linear layers that the media pass through (Hu et al. 2022, all of
        them as in Dettmers et al. 2023), or all weights they pass through.
    name : str
        A hub id or folder, as `sensorium.load_encoder` takes it.
    data : Examples
        Labelled, of a modality that the encoder takes whole.
    classes : sequence of str, length c
    directions : ndarray of float32, shape (c, d)
        Unit vectors that the linear layer starts from.
    temperature : float
        What cosines to them are divided by.
    folder : Path
        For checkpoints, ``history.json`` and the encoder. A killed training goes on there.
    validation : Examples, optional
        Examples that choose the epoch and alpha.
    settings : Settings, optional
    alpha : float, optional
        Fixes WiSE-FT's alpha, 0 (as it was) to 1 (as it was tuned).
    rank : int
        Of LoRA.
    progress : callable, optional

    Raises
    ------
    UsageError
        For a modality that is encoded in pieces, or an encoder that is no hub model.
    EncoderError
        When it cannot be loaded.
    """
    modality = data.modality
    encoder = _load(name, modality)
    model = encoder.model
    before = {key: value.detach().clone() for key, value in model.state_dict().items()}
    head = EncoderWithHead(model, torch.from_numpy(directions).float(), 1 / temperature)
    start = (head.directions.detach().clone(), head.bias.detach().clone())
    examples = _Examples(encoder, data, classes)

    def collate(batch: list[tuple[Prepared, int]]) -> dict[str, Any]:
        features = encoder.features(modality, [prepared for prepared, _ in batch])
        return {"features": features, "labels": torch.tensor([label for _, label in batch])}

    used = _used(head, collate([examples[0]]))
    config = None
    if method == "lora":
        config = _add_lora(model, _inner(model, modality), used, rank)
    else:
        for key, parameter in model.named_parameters():
            parameter.requires_grad = key in used
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    settings = settings or DEFAULTS[method]
    rates: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.requires_grad]},
        {"params": [head.directions, head.bias], "lr": HEAD_RATE, "weight_decay": 0.0},
    ]
    checked = _Examples(encoder, validation or Examples(), classes)

    def validate(_: nn.Module) -> dict[str, float]:
        logits = _logits(head, checked, collate, settings.batch_size)
        right = torch.from_numpy(checked.labels)
        loss = nn.functional.cross_entropy(logits, right)
        return {"loss": float(loss), "accuracy": float((logits.argmax(1) == right).float().mean())}

    train(
        head, examples, collate, folder, settings,
        validate=validate if len(checked) else None, best=("loss", "min"), parameters=rates,
        progress=progress,
    )  # fmt: skip
    head.eval()
    adapter = _adapter_weights(_inner(model, modality)) if config is not None else {}
    if config is not None:
        _merge(model)
    ends = _Ends(before, copy.deepcopy(model.state_dict()), start, head)
    curve: list[tuple[float, float]] = []
    if len(checked) and alpha is None:
        for share in ALPHAS:
            ends.interpolate(share)
            curve.append((share, validate(head)["accuracy"]))
        # Of equally good ones the least far from what the encoder knew.
        alpha = max(curve, key=lambda point: (round(point[1], 9), -point[0]))[0]
    if alpha is None:
        alpha = UNVALIDATED_ALPHA
    ends.interpolate(alpha)
    written = folder / "encoder"
    if written.exists():
        shutil.rmtree(written)
    with faults_of_disk(written):
        model.cpu().save_pretrained(str(written), create_model_card=False, safe_serialization=True)
    notes: dict[str, Any] = {"temperature": encoder.temperature, "prompts": list(encoder.prompts)}
    if encoder.sigmoid is not None:
        scale, offset = encoder.sigmoid
        notes["sigmoid"] = {"scale": scale, "bias": offset}
    (written / NOTES).write_text(json.dumps(notes, ensure_ascii=False, indent=1), "utf-8")
    if config is not None:
        _save_adapter(folder / "adapter", config, adapter, alpha)
    weights = (head.scale * head.directions).detach().cpu().float().numpy()
    bias = head.bias.detach().cpu().float().numpy()
    return Tuned(written, weights, bias, alpha, curve, trained)


def _load(name: str, modality: Modality) -> HubEncoder:
    if name in shipped_encoders() or (Path(name).expanduser() / CONFIG).exists():
        raise UsageError(
            f"{name} is stored as ONNX, whose weights are not trained: take --method linear-probe, "
            "or an encoder of a model hub"
        )
    base, given = options_of(name)
    options = dict(given)
    if "dimension" in options:
        raise UsageError(f"{name}: tune the whole encoder, without ?dimension=")
    options.pop("dtype", None)  # half precision loses small steps; the loop computes in it
    encoder = HubEncoder(os.path.expanduser(base), **options, dtype="float32")  # noqa: PTH111
    if modality not in encoder.space.modalities:
        known = " and ".join(encoder.space.modalities)
        raise EncoderError(f"{encoder.space.name} encodes {known}, the examples are {modality}")
    return encoder


def _used(head: EncoderWithHead, batch: Mapping[str, Any]) -> set[str]:
    """Names of the encoder's parameters that such a batch passes through."""
    head.train()
    device = next(head.parameters()).device
    features = {
        key: value.to(device) if isinstance(value, torch.Tensor) else value
        for key, value in batch["features"].items()
    }
    for parameter in head.parameters():
        parameter.requires_grad = parameter.dtype.is_floating_point
    head(features, batch["labels"].to(device))["loss"].backward()
    used = {name for name, p in head.model.named_parameters() if p.grad is not None}
    head.zero_grad(set_to_none=True)
    return used


def _add_lora(model: nn.Module, inner: nn.Module, used: set[str], rank: int) -> Any:
    """Put low-rank updates on the linear layers that are used; everything else is frozen."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError("peft", "train") from error
    if rank < 1:
        raise UsageError(f"rank is at least 1, got {rank}")
    prefix = next(name for name, module in model.named_modules() if module is inner)
    targets = [
        name
        for name, module in inner.named_modules()
        if isinstance(module, nn.Linear) and f"{prefix}.{name}.weight" in used
    ]
    if not targets:
        raise UsageError("the encoder has no linear layers for LoRA: take method full")
    config = LoraConfig(
        r=rank,
        lora_alpha=rank * LORA_SCALE,
        lora_dropout=LORA_DROPOUT,
        target_modules=targets,
    )
    for parameter in model.parameters():
        parameter.requires_grad = False
    inject_adapter_in_model(config, inner)  # what it adds is trainable
    return config


def _inner(model: nn.Module, modality: Modality) -> nn.Module:
    """The model of Transformers that takes a modality, in a model of sentence-transformers."""
    first = input_module(model, modality)
    for name in ("model", "auto_model"):
        if isinstance(found := getattr(first, name, None), nn.Module):
            return found
    raise UsageError("LoRA needs an encoder with a model of Transformers: take method full")


def _lora_layers(model: nn.Module) -> list[tuple[nn.Module, str, Any]]:
    from peft.tuners.lora import LoraLayer

    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        if isinstance(module, LoraLayer):
            parent, _, last = name.rpartition(".")
            found.append((modules[parent], last, module))
    return found


def _adapter_weights(inner: nn.Module) -> dict[str, torch.Tensor]:
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(inner)
    return {f"base_model.model.{key}": value.detach().cpu().clone() for key, value in state.items()}


def _merge(model: nn.Module) -> None:
    """Add the low-rank updates to the weights, and take them off."""
    for parent, name, layer in _lora_layers(model):
        layer.merge()
        setattr(parent, name, layer.get_base_layer())


def _save_adapter(folder: Path, config: Any, weights: dict[str, Any], alpha: float) -> None:
    """Write the updates, times alpha, in PEFT's format."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    scaled = {
        key: value * alpha if "lora_B" in key else value.contiguous()
        for key, value in weights.items()
    }
    with faults_of_disk(folder):
        save_file(scaled, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(str(folder))


class _Ends:
    """Weights before and after a tuning, and everything on the line between them."""

    def __init__(
        self,
        before: dict[str, torch.Tensor],
        after: dict[str, torch.Tensor],
        start: tuple[torch.Tensor, torch.Tensor],
        head: EncoderWithHead,
    ) -> None:
        self.before, self.after, self.start, self.head = before, after, start, head
        self.end = (head.directions.detach().clone(), head.bias.detach().clone())

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def interpolate(self, alpha: float) -> None:
        """Set every weight to (1 - alpha) * before + alpha * after (equation 1)."""
        for key, value in self.head.model.state_dict().items():
            old, new = self.before[key].to(value.device), self.after[key].to(value.device)
            if value.dtype.is_floating_point and not torch.equal(old, new):
                value.copy_(torch.lerp(old, new, alpha) if 0 < alpha < 1 else (old, new)[alpha > 0])
        for parameter, old, new in zip(
            (self.head.directions, self.head.bias), self.start, self.end, strict=True
        ):
            parameter.copy_(torch.lerp(old.to(new.device), new, alpha))


@torch.inference_mode()  # type: ignore[untyped-decorator]
def _logits(
    head: EncoderWithHead, examples: _Examples, collate: Any, batch_size: int
) -> torch.Tensor:
    head.eval()
    device = next(head.parameters()).device
    parts = []
    for start in range(0, len(examples), batch_size):
        batch = collate([examples[n] for n in range(start, min(start + batch_size, len(examples)))])
        features = {
            key: value.to(device) if isinstance(value, torch.Tensor) else value
            for key, value in batch["features"].items()
        }
        parts.append(head(features)["logits"].float().cpu())
    return torch.cat(parts)
