"""An encoder as a folder of LiteRT towers: for phones, and for this project's own runtime.

Models of the hub are converted as they are in torch; encoders that are folders of ONNX, `mini`
among them, by what their graphs say (`graph_tower.py`). LiteRT's shapes are fixed: a tower has a
signature for each batch size and, of texts, each number of tokens. The folder is checked on real
inputs against the encoder that it was made from before it is called done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from sensorium.encoders.export.checks import (
    EXPORTED,
    ExportReport,
    agreement,
    described,
    inputs_to_check,
    size_of,
)
from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.folder_config import LENGTHS, own_config, write_config
from sensorium.encoders.litert_runtime import LITERT, SUFFIX, silent
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.media import Modality


@cache
def _standard_error(descriptor: int) -> TextIO:
    """What Python writes to meanwhile; never closed: loggers of libraries keep what they see."""
    return os.fdopen(os.dup(descriptor), "w", buffering=1)


@contextlib.contextmanager
def _noiseless() -> Iterator[None]:
    """What the libraries log and print helps nobody; what Python writes itself is kept."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            if (kept := stack.enter_context(silent())) is not None:
                stack.enter_context(contextlib.redirect_stderr(_standard_error(kept)))
            yield
    finally:
        logging.disable(level)


try:
    with _noiseless():
        import litert_torch
        import torch

        from sensorium.encoders.export.towers import Exported, image_tower, text_tower
        from sensorium.encoders.hub import HubEncoder
except ImportError as error:
    # It would take other packages back to older releases.
    missing = f"{error.name} (which needs an environment of its own: docs/litert.md)"
    raise MissingExtraError(missing, "export-litert") from error

litert_torch.config.show_progress = False

BATCHES = (1, 4)
"""One question, and what a tower sees at once of many (`folder.PICTURES_AT_ONCE`)."""

MOST_BATCH = 256

FIRST_LENGTH, STEP = 32, 4
"""Tokens of the shortest signature, which holds most questions, and what the next have more of."""


def export_litert(
    encoder: HubEncoder | FolderEncoder,
    folder: Path,
    *,
    images: Sequence[Path] = (),
    texts: Sequence[str] = (),
    batches: Sequence[int] = BATCHES,
    only: Modality | None = None,
) -> ExportReport:
    """Write an encoder as LiteRT towers, a tokenizer and ``encoder.json``.

    Parameters
    ----------
    encoder : HubEncoder or FolderEncoder
        A folder's towers are ONNX.
    folder : Path
        New, or empty.
    images : sequence of Path
        Pictures to check the image tower with; needed where there is one.
    texts : sequence of str, optional
        Texts to check the text tower with; forty passages of the encoder's background otherwise.
    batches : sequence of int
        Sizes of batches that the towers take.
    only : Modality, optional
        Of several towers the one that is written.

    Returns
    -------
    ExportReport

    Raises
    ------
    UsageError
        When the folder is not empty, pictures are lacking, or a size is none.
    EncoderError
        When a tower cannot be converted, or gives other vectors than the model. Nothing is left in
        the folder then.
    """
    sizes = sizes_of(batches)
    require_new(folder)
    name = encoder.source if isinstance(encoder, HubEncoder) else encoder.space.name
    checks = inputs_to_check(encoder, name, images, texts, only)
    report = ExportReport(folder)
    with placed(folder) as target:
        config = _config(encoder, target)
        for modality, inputs in checks.items():
            wanted = encoder.encode(inputs)
            tower = _tower(encoder, modality, target)
            lengths = _lengths(tower.config) if modality == Modality.TEXT else []
            with _eager(encoder):
                samples = _samples(tower, sizes, lengths)
                convert(tower.module, samples, target / f"{modality}{SUFFIX}", name)
            part = {"model": f"{modality}{SUFFIX}", **tower.config, "precision": "f32"}
            config[modality.value] = {**part, LENGTHS: lengths} if lengths else part
            write_config(target, config)
            found = agreement(target, LITERT, modality, "f32", inputs, wanted)
            report.agreements.append(found)
            report.precisions[str(modality)] = "f32"
    return ExportReport(folder, report.agreements, report.precisions, size_of(folder))


def sizes_of(batches: Sequence[int]) -> list[int]:
    """Sizes of batches, smallest first.

    Raises
    ------
    UsageError
        When there are none, or one cannot be.
    """
    sizes = sorted({*batches})
    if not sizes or not all(1 <= size <= MOST_BATCH for size in sizes):
        raise UsageError(f"sizes of batches are from 1 to {MOST_BATCH}, got {[*batches]}")
    return sizes


def _config(encoder: HubEncoder | FolderEncoder, folder: Path) -> dict[str, Any]:
    """What stands in ``encoder.json`` beside the towers; files that it names are copied."""
    if isinstance(encoder, HubEncoder):
        return described(
            encoder, Path(encoder.source).name, {encoder.source: encoder.space.weights}
        )
    config = {
        key: value
        for key, value in own_config(encoder.config).items()
        if key not in {*Modality} or key in EXPORTED
    }
    for key in ("background", "words"):
        if config.get(key):
            shutil.copy(encoder.folder / config[key], folder)
    return {key: value for key, value in config.items() if key not in EXPORTED}


def _tower(encoder: HubEncoder | FolderEncoder, modality: Modality, folder: Path) -> Exported:
    if isinstance(encoder, HubEncoder):
        is_image = modality == Modality.IMAGE
        return image_tower(encoder) if is_image else text_tower(encoder, folder)
    from sensorium.encoders.export.graph_tower import ImageGraph, TextGraph

    graph = encoder.graph(modality)
    if graph is None:
        raise EncoderError(f"{encoder.folder} is in LiteRT's format already")
    config = {key: value for key, value in encoder.config[modality.value].items() if key != "model"}
    if "int8" in config:
        raise EncoderError(
            f"{encoder.folder} is in 8 bits already: export it from its float form, with --int8"
        )
    if modality == Modality.IMAGE:
        pixels = torch.zeros((1, config["size"], config["size"], 3), dtype=torch.uint8)
        return Exported(ImageGraph(graph).eval(), {"pixels": pixels}, config)
    shutil.copy(encoder.folder / config["tokenizer"], folder)
    ids = torch.ones((1, 8), dtype=torch.int64)
    return Exported(
        TextGraph(graph).eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, config
    )


def _lengths(config: dict[str, Any]) -> list[int]:
    """Numbers of tokens that texts are filled up to."""
    longest = max(config["max_tokens"], config.get("pad_to", 0))
    lengths = [config.get("pad_to", 0) or FIRST_LENGTH]
    while lengths[-1] < longest:
        lengths.append(min(lengths[-1] * STEP, longest))
    return [min(length, longest) for length in lengths]


def convert(module: Any, samples: Mapping[str, Mapping[str, Any]], path: Path, name: str) -> None:
    """Write a module in LiteRT's format, which takes inputs of these sizes and no others.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    samples : mapping of str to mapping
        By signature an example of each input.
    path : Path
    name : str
        Of the model, for messages.

    Raises
    ------
    EncoderError
        When it cannot be converted.
    """
    converter = litert_torch.Converter()
    for signature, sample in samples.items():
        converter.signature(signature, module, sample_kwargs=dict(sample))
    try:
        with torch.no_grad(), _noiseless():
            converter.convert().export(str(path))
    except Exception as error:  # conversion raises nearly any exception
        said = " ".join(str(error).split())  # the first of several lines says little
        reason = f"{type(error).__name__}: {said or 'no reason given'}"[:300]
        raise EncoderError(
            f"{name} cannot be converted to LiteRT: {path.name}: {reason}; nothing was written"
        ) from error


def _samples(
    tower: Exported, batches: Sequence[int], lengths: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """An example of each size, by the names of signatures."""
    return {
        f"batch_{batch}_tokens_{length}" if length else f"batch_{batch}": {
            name: _filled(values, batch, length) for name, values in tower.inputs.items()
        }
        for batch in batches
        for length in lengths or [0]
    }


def _filled(values: torch.Tensor, batch: int, length: int) -> torch.Tensor:
    """An example of a size; tokens as 32-bit integers, which LiteRT's are."""
    row = values[:1]
    if length:
        row = row.to(torch.int32)
        row = torch.nn.functional.pad(row[:, :length], (0, max(0, length - row.shape[1])))
    return row.repeat(batch, *[1] * (values.ndim - 1))


@contextlib.contextmanager
def _eager(encoder: HubEncoder | FolderEncoder) -> Iterator[None]:
    """Attention written out in products: the fused forms are not converted."""
    models = (
        [one for one in encoder._model.modules() if hasattr(one, "set_attn_implementation")]
        if isinstance(encoder, HubEncoder)
        else []
    )
    before = [one.config._attn_implementation for one in models]
    try:
        for one in models:
            one.set_attn_implementation("eager")
        yield
    finally:
        for one, kind in zip(models, before, strict=True):
            one.set_attn_implementation(kind)
