"""Any hub encoder as a folder of ONNX towers that the torch-free runtime loads.

The towers are traced with normalisation inside; the folder is checked on real inputs against the
model it was made from before it is called done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.background import PASSAGES
from sensorium.encoders.folder import QUERY_PREFIX, FolderEncoder, write_config
from sensorium.encoders.hub import HubEncoder, document_prompt, has_query_route
from sensorium.encoders.hub_loading import input_module
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Image, Modality, Text

try:
    import onnx
    import onnxscript  # noqa: F401  (torch.onnx needs it)
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "onnxscript", "export") from error

LEAST_COSINE = 0.999
"""What every vector of the exported towers must have with the model's own, in float32."""

LEAST_COSINE_BF16 = 0.995
"""Below this a tower is marked to be run in float32."""

OVERSIZE = 2.0
"""Times the square's size that pictures are decoded at least: vectors are to be the original's."""

OPSET = 18


@dataclass(frozen=True)
class Agreement:
    """Cosines between vectors of one tower and of the model it was made from.

    Attributes
    ----------
    modality : str
    variant : str
        ``"f32"`` or ``"bf16"``, and what ran it.
    median, lowest : float
    inputs : int
    """

    modality: str
    variant: str
    median: float
    lowest: float
    inputs: int


@dataclass(frozen=True)
class ExportReport:
    """What `export` wrote.

    Attributes
    ----------
    folder : Path
    agreements : list of Agreement
    precisions : dict
        The lowest precision that each tower bears, as it stands in ``encoder.json``.
    bytes : int
    """

    folder: Path
    agreements: list[Agreement] = field(default_factory=list)
    precisions: dict[str, str] = field(default_factory=dict)
    bytes: int = 0


def export(
    encoder: HubEncoder, folder: Path, *, images: Sequence[Path] = (), texts: Sequence[str] = ()
) -> ExportReport:
    """Write an encoder as ONNX towers, a tokenizer and ``encoder.json``.

    Parameters
    ----------
    encoder : HubEncoder
    folder : Path
        New, or empty.
    images : sequence of Path
        Pictures to check the image tower with; needed where there is one.
    texts : sequence of str, optional
        Texts to check the text tower with; forty passages of the encoder's background otherwise.

    Returns
    -------
    ExportReport

    Raises
    ------
    UsageError
        When the folder is not empty, or pictures are lacking.
    EncoderError
        When the model's preprocessing cannot be written down in ``encoder.json``, or the towers
        give other vectors than the model. Nothing is left in the folder then.
    """
    require_new(folder)
    modalities = [m for m in encoder.space.modalities if m in (Modality.IMAGE, Modality.TEXT)]
    if not modalities:
        raise EncoderError(f"{encoder.source} has neither an image nor a text tower to export")
    if Modality.IMAGE in modalities and not images:
        raise UsageError("name pictures to check the image tower with: --images FOLDER")
    with placed(folder) as target:
        config: dict[str, Any] = {
            "name": Path(encoder.source).name,
            "dimension": encoder.space.dimension,
            "temperature": encoder.temperature,
            "prompts": list(encoder.prompts),
            "sources": {encoder.source: encoder.space.weights},
        }
        if encoder.sigmoid is not None:
            config["sigmoid"] = dict(zip(("scale", "bias"), encoder.sigmoid, strict=True))
        if Modality.IMAGE in modalities:
            config["image"] = _write_image_tower(encoder, target)
        if Modality.TEXT in modalities:
            config["text"] = _write_text_tower(encoder, target)
        checks: dict[Modality, list[Any]] = {}
        if Modality.IMAGE in modalities:
            checks[Modality.IMAGE] = [Image(path) for path in images]
        if Modality.TEXT in modalities:
            checks[Modality.TEXT] = [Text(text) for text in (texts or PASSAGES)]
        report = ExportReport(folder)
        for modality, inputs in checks.items():
            wanted = encoder.encode(inputs)
            config[modality.value]["precision"] = _check(
                target, config, modality, inputs, wanted, report
            )
        write_config(target, config)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return ExportReport(folder, report.agreements, report.precisions, size)


def _check(
    folder: Path,
    config: dict[str, Any],
    modality: Modality,
    inputs: Sequence[Any],
    wanted: npt.NDArray[np.float32],
    report: ExportReport,
) -> str:
    """Compare a tower with the model; returns the lowest precision that it bears."""
    precision = "f32"
    for variant, runtime in (("f32", "onnxruntime"), ("bf16", "openvino")):
        config[modality.value]["precision"] = variant
        write_config(folder, config)
        loaded = FolderEncoder(folder, runtime)
        cosines = (loaded.encode(inputs) * wanted).sum(axis=1)
        ran = loaded.runtime if len(loaded.space.modalities) == 1 else runtime
        found = Agreement(
            str(modality), f"{variant} ({ran})", float(np.median(cosines)),
            float(cosines.min()), len(cosines),
        )  # fmt: skip
        report.agreements.append(found)
        if variant == "f32" and found.lowest < LEAST_COSINE:
            raise EncoderError(
                f"the exported {modality} tower is another model: cosine {found.lowest:.4f} to the "
                f"original for {inputs[int(cosines.argmin())]!r:.100}, at least {LEAST_COSINE} is "
                "asked for; nothing was written"
            )
        if variant == "bf16" and found.lowest >= LEAST_COSINE_BF16:
            precision = "bf16"
    report.precisions[str(modality)] = precision
    return precision


class _ImageTower(torch.nn.Module):  # type: ignore[misc]
    """uint8 pixels (n, side, side, 3) to unit vectors (n, d)."""

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__()
        self.model = model
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
        return torch.nn.functional.normalize(found, dim=-1)


class _TextTower(torch.nn.Module):  # type: ignore[misc]
    """Tokens (n, t) and their mask to unit vectors (n, d)."""

    def __init__(self, model: Any, masked: bool) -> None:
        super().__init__()
        self.model = model
        self.masked = masked

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = {"input_ids": input_ids, "modality": "text"}
        if self.masked:
            features["attention_mask"] = attention_mask
        found = self.model(features)["sentence_embedding"]
        found = torch.nn.functional.normalize(found, dim=-1)
        # A model that takes no mask keeps the input all the same: every text tower has it.
        return found if self.masked else found + 0.0 * attention_mask[:, :1]


def _write_image_tower(encoder: HubEncoder, folder: Path) -> dict[str, Any]:
    processor = input_module(encoder._model, Modality.IMAGE).processor
    processor = getattr(processor, "image_processor", processor)
    tower = _image_config(processor, encoder.source)
    side = tower["size"]
    pixels = torch.zeros((2, side, side, 3), dtype=torch.uint8)
    _trace(
        _ImageTower(encoder._model, processor), {"pixels": pixels}, folder / tower["model"],
        {"pixels": {0: torch.export.Dim("batch")}},
    )  # fmt: skip
    return tower


def _image_config(processor: Any, name: str) -> dict[str, Any]:
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
        return {"model": "image.onnx", **config, "crop": crop.height / short}
    if height and height == width and not cropped and resample:
        config = {"size": height, "fit": "stretch", "resample": resample, "oversize": OVERSIZE}
        return {"model": "image.onnx", **config}
    raise EncoderError(
        f"{name} prepares pictures in a way that an encoder's folder cannot describe: size {size}, "
        f"crop {crop}, resample {getattr(processor, 'resample', None)}"
    )


def _write_text_tower(encoder: HubEncoder, folder: Path) -> dict[str, Any]:
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
        "model": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": int(longest),
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
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens", max=int(longest))
    _trace(
        _TextTower(model, "attention_mask" in given), {"input_ids": ids, "attention_mask": mask},
        folder / config["model"],
        {"input_ids": {0: batch, 1: tokens}, "attention_mask": {0: batch, 1: tokens}},
    )  # fmt: skip
    return config


def _trace(tower: Any, inputs: dict[str, Any], path: Path, shapes: dict[str, Any]) -> None:
    tower.eval()
    try:
        with torch.inference_mode():
            torch.onnx.export(
                tower, (), path, kwargs=inputs, input_names=list(inputs),
                output_names=["vectors"], dynamic_shapes=shapes, opset_version=OPSET,
                dynamo=True, verbose=False, external_data=False,
            )  # fmt: skip
        onnx.checker.check_model(str(path))
    except Exception as error:  # tracing raises nearly any exception
        raise EncoderError(f"the model cannot be traced: {str(error)[:300]}") from error
