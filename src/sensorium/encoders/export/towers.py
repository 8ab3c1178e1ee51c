"""The towers of a model of the hub as they are exported, and how their inputs are prepared.

Normalisation is part of what is exported, at both ends: of pixels, and of vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.encoders.folder_config import QUERY_PREFIX
from sensorium.encoders.hub import HubEncoder, document_prompt, has_query_route
from sensorium.encoders.hub_loading import input_module
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Modality

try:
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "export") from error

OVERSIZE = 2.0
"""Times the square's size that pictures are decoded at least: vectors are to be the original's."""


@dataclass(frozen=True)
class Exported:
    """A tower that is to be exported.

    Attributes
    ----------
    module : torch.nn.Module
    inputs : dict of str to Tensor
        An example, batch first: ``pixels``, or ``input_ids`` and ``attention_mask``.
    config : dict
        Its part of ``encoder.json``, but for the file's name.
    """

    module: Any
    inputs: dict[str, torch.Tensor]
    config: dict[str, Any]


def image_tower(encoder: HubEncoder) -> Exported:
    """The image tower of a model.

    Raises
    ------
    EncoderError
        When its preprocessing cannot be written down in ``encoder.json``.
    """
    processor = input_module(encoder._model, Modality.IMAGE).processor
    processor = getattr(processor, "image_processor", processor)
    config = _fitting(processor, encoder.source)
    pixels = torch.zeros((2, config["size"], config["size"], 3), dtype=torch.uint8)
    module = ImageTower(encoder._model, processor, encoder.space.dimension).eval()
    return Exported(module, {"pixels": pixels}, config)


def text_tower(encoder: HubEncoder, folder: Path) -> Exported:
    """The text tower of a model; its tokenizer is written into a folder.

    Raises
    ------
    EncoderError
        When its preprocessing cannot be written down in ``encoder.json``.
    """
    model = encoder._model
    if has_query_route(model):
        raise EncoderError(
            f"{encoder.source} encodes what is sought by a network of its own, which an encoder's "
            "folder has no place for: use the model as it is"
        )
    tokenizer = input_module(model, Modality.TEXT).tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or tokenizer.padding_side != "right":
        raise EncoderError(
            f"{encoder.source}: a text tower needs a tokenizer of the tokenizers library that pads "
            f"on the right, this one is {type(tokenizer).__name__} and pads on the "
            f"{tokenizer.padding_side}"
        )
    backend.save(str(folder / "tokenizer.json"))
    longest = min(model.max_seq_length or 512, 8192)
    given = model.preprocess(["a", "a longer text"])
    config: dict[str, Any] = {
        "tokenizer": "tokenizer.json", "max_tokens": int(longest),
        "pad_id": int(tokenizer.pad_token_id or 0),
    }  # fmt: skip
    if given["input_ids"].shape[1] == longest:  # however short the texts are
        config["pad_to"] = int(longest)
    if prompt := document_prompt(model):
        config["prefix"] = prompt
    if (asked := model.prompts.get("query") or "") != prompt:
        config[QUERY_PREFIX] = asked
    ids = given["input_ids"]
    mask = given.get("attention_mask", torch.ones_like(ids))
    module = TextTower(model, "attention_mask" in given, encoder.space.dimension).eval()
    return Exported(module, {"input_ids": ids, "attention_mask": mask}, config)


class ImageTower(torch.nn.Module):  # type: ignore[misc]
    """uint8 pixels (n, side, side, 3) to unit vectors (n, d)."""

    def __init__(self, model: Any, processor: Any, dimension: int) -> None:
        super().__init__()
        self.model = model
        self.dimension = dimension  # of longer vectors the leading ones, where that was asked for
        self.scale = float(processor.rescale_factor) if processor.do_rescale else 1.0
        normalize = bool(processor.do_normalize)
        mean = processor.image_mean if normalize else [0.0] * 3
        deviation = processor.image_std if normalize else [1.0] * 3
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = pixels.permute(0, 3, 1, 2).to(torch.float32) * self.scale
        values = (values - self.mean) / self.deviation
        found = self.model({"pixel_values": values, "modality": "image"})["sentence_embedding"]
        return torch.nn.functional.normalize(found[:, : self.dimension], dim=-1)


class TextTower(torch.nn.Module):  # type: ignore[misc]
    """Tokens (n, t) and their mask to unit vectors (n, d)."""

    def __init__(self, model: Any, masked: bool, dimension: int) -> None:
        super().__init__()
        self.model = model
        self.masked = masked
        self.dimension = dimension

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = {"input_ids": input_ids, "modality": "text"}
        if self.masked:
            features["attention_mask"] = attention_mask
        found = self.model(features)["sentence_embedding"]
        found = torch.nn.functional.normalize(found[:, : self.dimension], dim=-1)
        # A model that takes no mask keeps the input all the same: every text tower has it.
        return found if self.masked else found + 0.0 * attention_mask[:, :1]


def _fitting(processor: Any, name: str) -> dict[str, Any]:
    """How pictures are brought to the tower's square, in the words of ``encoder.json``."""
    resamples = {2: "bilinear", 3: "bicubic", 1: "lanczos"}
    resample = resamples.get(int(getattr(processor, "resample", 3)))
    size: Any = processor.size
    crop: Any = getattr(processor, "crop_size", None)
    short = getattr(size, "shortest_edge", None)
    height, width = getattr(size, "height", None), getattr(size, "width", None)
    cropped = bool(getattr(processor, "do_center_crop", False)) and crop is not None
    if short and cropped and crop.height == crop.width and crop.height <= short and resample:
        # The centre of what the shorter side was brought to.
        config = {"size": crop.height, "fit": "crop", "resample": resample, "oversize": OVERSIZE}
        return {**config, "crop": crop.height / short}
    if height and height == width and not cropped and resample:
        config = {"size": height, "fit": "stretch", "resample": resample, "oversize": OVERSIZE}
        return config
    raise EncoderError(
        f"{name} prepares pictures in a way that an encoder's folder cannot describe: size {size}, "
        f"crop {crop}, resample {getattr(processor, 'resample', None)}"
    )
