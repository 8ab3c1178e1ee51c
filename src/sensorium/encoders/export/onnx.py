"""Any hub encoder as a folder of ONNX towers that the torch-free runtime loads.

The towers are traced with normalisation inside; the folder is checked on real inputs against the
model it was made from before it is called done.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.export.checks import (
    ExportReport,
    agreement,
    described,
    inputs_to_check,
    size_of,
)
from sensorium.encoders.folder_config import write_config
from sensorium.encoders.hub import HubEncoder
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Media, Modality

try:
    import onnx
    import onnxscript  # noqa: F401  (torch.onnx needs it)
    import torch

    from sensorium.encoders.export.towers import Exported, image_tower, text_tower
except ImportError as error:
    raise MissingExtraError(error.name or "onnxscript", "export") from error

LEAST_COSINE_BF16 = 0.995
"""Below this a tower is marked to be run in float32."""

OPSET = 18


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
    checks = inputs_to_check(encoder, encoder.source, images, texts)
    report = ExportReport(folder)
    with placed(folder) as target:
        name = Path(encoder.source).name
        config = described(encoder, name, {encoder.source: encoder.space.weights})
        for modality in checks:
            is_image = modality == Modality.IMAGE
            tower = image_tower(encoder) if is_image else text_tower(encoder, target)
            config[modality.value] = {"model": f"{modality}.onnx", **tower.config}
            _trace(tower, target / f"{modality}.onnx")
        for modality, inputs in checks.items():
            wanted = encoder.encode(inputs)
            config[modality.value]["precision"] = _check(
                target, config, modality, inputs, wanted, report
            )
        write_config(target, config)
    return ExportReport(folder, report.agreements, report.precisions, size_of(folder))


def _check(
    folder: Path,
    config: dict[str, Any],
    modality: Modality,
    inputs: Sequence[Media],
    wanted: npt.NDArray[np.float32],
    report: ExportReport,
) -> str:
    """Compare a tower with the model; returns the lowest precision that it bears."""
    precision = "f32"
    for variant, runtime in (("f32", "onnxruntime"), ("bf16", "openvino")):
        config[modality.value]["precision"] = variant
        write_config(folder, config)
        found = agreement(folder, runtime, modality, variant, inputs, wanted)
        report.agreements.append(found)
        if variant == "bf16" and found.lowest >= LEAST_COSINE_BF16:
            precision = "bf16"
    report.precisions[str(modality)] = precision
    return precision


def _trace(tower: Exported, path: Path) -> None:
    batch = torch.export.Dim("batch")
    shapes: dict[str, Any] = {"pixels": {0: batch}}
    if "pixels" not in tower.inputs:
        tokens = torch.export.Dim("tokens", max=tower.config["max_tokens"])
        shapes = {name: {0: batch, 1: tokens} for name in tower.inputs}
    try:
        with torch.inference_mode():
            torch.onnx.export(
                tower.module, (), path, kwargs=tower.inputs, input_names=list(tower.inputs),
                output_names=["vectors"], dynamic_shapes=shapes, opset_version=OPSET,
                dynamo=True, verbose=False, external_data=False,
            )  # fmt: skip
        onnx.checker.check_model(str(path))
    except Exception as error:  # tracing raises nearly any exception
        raise EncoderError(f"the model cannot be traced: {str(error)[:300]}") from error
