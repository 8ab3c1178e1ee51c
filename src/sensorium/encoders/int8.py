"""An encoder's folder with towers that multiply in 8 bits, and what that loses.

What is lost is measured by searching: with the float towers and with those in 8 bits, on inputs
that were not calibrated on. A tower that loses too much is not written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.folder import FolderEncoder, collated
from sensorium.encoders.folder_config import INT8, is_litert, own_config, write_config
from sensorium.encoders.placing import placed, require_new
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Image, Media, Modality, Text

Vectors = npt.NDArray[np.float32]

CALIBRATED = 64
"""Inputs that the scales are found on; every second one that is given, at most."""

MOST_LOST = 0.02
"""Of recall at 10, above which a tower is refused."""

LEAST_MEDIAN = 0.95
"""Cosine to the float tower's vectors, which must be reached in the middle: with few inputs, recall
at 10 tells little."""

DEPTH = 10

SUFFIX = "-int8"


@dataclass(frozen=True)
class Int8Loss:
    """What one tower in 8 bits loses against itself in float.

    Attributes
    ----------
    modality : str
    layers : int
        That multiply in 8 bits.
    median, lowest : float
        Cosines between its vectors and the float tower's.
    kept : float
        Share of the inputs whose nearest other one, by the float tower, is among the first ten.
    inputs : int
        That this was measured on; none was calibrated on.
    """

    modality: str
    layers: int
    median: float
    lowest: float
    kept: float
    inputs: int

    @property
    def refusal(self) -> str:
        """Why it is not written; empty where it is."""
        if not self.layers:
            return "it has no layer that 8 bits would make quicker"
        if self.median < LEAST_MEDIAN:
            return f"median cosine {self.median:.3f}, at least {LEAST_MEDIAN} is asked for"
        if (lost := 1 - self.kept) > MOST_LOST + 1 / self.inputs:
            return f"{lost:.3f} of recall at {DEPTH} lost, at most {MOST_LOST} is allowed"
        return ""


@dataclass(frozen=True)
class Int8Report:
    """What `export_int8` wrote.

    Attributes
    ----------
    folder : Path
    losses : list of Int8Loss
        Of every tower that was tried; those with a `refusal` stayed in float.
    float_recall, int8_recall : float or None
        Recall at 10 of the pictures by their captions, before and after, where captions were given.
    captions : int
    runtime : str
        What runs the towers here.
    bytes : int
    """

    folder: Path
    losses: list[Int8Loss] = field(default_factory=list)
    float_recall: float | None = None
    int8_recall: float | None = None
    captions: int = 0
    runtime: str = ""
    bytes: int = 0


def export_int8(
    source: FolderEncoder,
    folder: Path,
    *,
    images: Sequence[Path] = (),
    captioned: Sequence[tuple[Path, str]] = (),
) -> Int8Report:
    """Write an encoder's folder anew, its towers in 8 bits where that loses little.

    The weights are others, and so is the fingerprint: a collection never holds vectors of both.

    Parameters
    ----------
    source : FolderEncoder
    folder : Path
        Empty, or not there.
    images : sequence of Path
        What an image tower is calibrated and measured on, in turns.
    captioned : sequence of (Path, str)
        Pictures and a caption of each: the text tower is calibrated and measured on the captions,
        forty passages without; and it is measured how many captions find their picture.

    Returns
    -------
    Int8Report

    Raises
    ------
    UsageError
        When pictures are lacking.
    EncoderError
        When no tower can be had in 8 bits, or captions lose more than `MOST_LOST`. Nothing is left
        in the folder then.
    """
    from sensorium.encoders.background import PASSAGES

    texts: list[Media] = [Text(text) for text in dict.fromkeys(text for _, text in captioned)]
    inputs: dict[Modality, list[Media]] = {
        Modality.IMAGE: [Image(path) for path in images],
        Modality.TEXT: texts or [Text(text) for text in PASSAGES],
    }
    towers = [modality for modality in source.space.modalities if modality in inputs]
    if not towers:
        raise EncoderError(f"{source.folder} has neither an image nor a text tower")
    if Modality.IMAGE in towers and len(images) < 2 * DEPTH:
        raise UsageError(
            f"name at least {2 * DEPTH} pictures to calibrate 8 bits on: --images FOLDER"
        )
    config = own_config(source.config)
    config["name"] += SUFFIX
    require_new(folder)
    with placed(folder) as target:
        for name in sorted(_files(source)):
            shutil.copy(source.folder / name, target)
        losses = [_tower(source, target, config, one, inputs[one]) for one in towers]
        if all(loss.refusal for loss in losses):
            told = "; ".join(f"{loss.modality}: {loss.refusal}" for loss in losses)
            raise EncoderError(f"no tower can be had in 8 bits, nothing was written: {told}")
        write_config(target, config)
        report = _searched(source, FolderEncoder(target), losses, captioned)
    return replace(report, folder=folder)


def _files(source: FolderEncoder) -> set[str]:
    """Names of the files that an encoder's folder holds, less its model card."""
    keys = ("model", "tokenizer")
    towers = [source.config[m.value] for m in source.space.modalities]
    named = {tower[key] for tower in towers for key in keys if key in tower}
    return named | {source.config[key] for key in ("background", "words") if source.config.get(key)}


def _tower(
    source: FolderEncoder, folder: Path, config: dict[str, Any], modality: Modality,
    inputs: Sequence[Media],
) -> Int8Loss:  # fmt: skip
    """Put one tower into the folder, in 8 bits unless it is refused, and tell what it loses."""
    before = config[modality.value]
    model = folder / before["model"]
    layers = _quantizer(model)(
        source.folder / before["model"], model, _calibration(source, modality, inputs[::2])
    )
    asked = list(inputs[1::2])
    if not layers:
        return Int8Loss(str(modality), 0, 1.0, 1.0, 1.0, len(asked))
    config[modality.value] = {**before, INT8: layers}
    write_config(folder, config)
    found = FolderEncoder(folder)
    # OpenVINO says what it computes in; ONNX Runtime does not, and computes in 8 bits as well.
    wanted, vectors = source.encode(asked), found.encode(asked)
    cosines = (wanted * vectors).sum(axis=1)
    loss = Int8Loss(
        str(modality), layers, float(np.median(cosines)), float(cosines.min()),
        nearest_kept(wanted, vectors), len(asked),
    )  # fmt: skip
    if loss.refusal:
        config[modality.value] = before
        shutil.copy(source.folder / before["model"], model)
    return loss


def _quantizer(model: Path) -> Callable[[Path, Path, Iterator[Mapping[str, Any]]], int]:
    """What puts a tower into 8 bits: of LiteRT's format another than of ONNX."""
    if is_litert(model.name):
        from sensorium.encoders import quantizing_litert

        return quantizing_litert.quantize
    from sensorium.encoders.quantizing import quantize

    return quantize


def _calibration(
    source: FolderEncoder, modality: Modality, inputs: Sequence[Media]
) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    for media in inputs[:CALIBRATED]:
        yield collated(modality, [source.prepare(media)], source.config[modality.value])


def nearest_kept(wanted: Vectors, found: Vectors, depth: int = DEPTH) -> float:
    """How often the nearest other item by some vectors is among the first by others.

    Parameters
    ----------
    wanted, found : ndarray of float32, shape (n, d)
        Unit vectors of the same items.
    depth : int

    Returns
    -------
    float
        Recall at `depth`; 1 where there is nothing to be lost.
    """
    if len(wanted) <= depth:
        return 1.0
    nearness, others = wanted @ wanted.T, found @ found.T
    np.fill_diagonal(nearness, -np.inf)
    np.fill_diagonal(others, -np.inf)
    nearest = nearness.argmax(axis=1)
    reached = others[np.arange(len(others)), nearest]
    return float(((others > reached[:, None]).sum(axis=1) < depth).mean())


def caption_recall(pictures: Vectors, texts: Vectors, depth: int = DEPTH) -> float:
    """Share of captions, row by row those of the pictures, that find theirs among the first.

    Parameters
    ----------
    pictures, texts : ndarray of float32, shape (n, d)
    depth : int
    """
    scores = texts @ pictures.T
    return float(((scores >= np.diag(scores)[:, None]).sum(axis=1) <= depth).mean())


def _searched(
    source: FolderEncoder, made: FolderEncoder, losses: list[Int8Loss],
    captioned: Sequence[tuple[Path, str]],
) -> Int8Report:  # fmt: skip
    runtime = made.runtime
    size = sum(path.stat().st_size for path in made.folder.iterdir())
    report = Int8Report(made.folder, losses, runtime=runtime, bytes=size)
    if not captioned or {*source.space.modalities} < {Modality.IMAGE, Modality.TEXT}:
        return report
    before, after = (
        caption_recall(
            one.encode([Image(path) for path, _ in captioned]),
            one.encode([text for _, text in captioned], role="query"),
        )
        for one in (source, made)
    )
    if before - after > MOST_LOST + 1 / len(captioned):
        raise EncoderError(
            f"8 bits lose too much, nothing was written: recall at {DEPTH} of {len(captioned)} "
            f"captions falls from {before:.3f} to {after:.3f}, at most {MOST_LOST} is allowed"
        )
    return Int8Report(made.folder, losses, before, after, len(captioned), runtime, size)
