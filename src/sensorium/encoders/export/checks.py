"""Whether exported towers give what the model that they were made from gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.background import PASSAGES
from sensorium.encoders.base import Encoder
from sensorium.encoders.folder import FolderEncoder
from sensorium.errors import EncoderError, UsageError
from sensorium.media import Image, Media, Modality, Text

LEAST_COSINE = 0.999
"""What every vector of the exported towers must have with the model's own, in float32."""

EXPORTED = (Modality.IMAGE, Modality.TEXT)
"""Modalities whose towers are exported."""


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
    """What an export wrote.

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


def inputs_to_check(
    encoder: Encoder,
    name: str,
    images: Sequence[Path],
    texts: Sequence[str],
    only: Modality | None = None,
) -> dict[Modality, list[Media]]:
    """What each tower that is to be exported is compared on.

    Parameters
    ----------
    encoder : Encoder
    name : str
        As messages call it.
    images : sequence of Path
        Needed where there is an image tower.
    texts : sequence of str
        Forty passages of the encoders' background without.
    only : Modality, optional
        Of several towers the one that is exported.

    Raises
    ------
    EncoderError
        When there is neither an image nor a text tower.
    UsageError
        When pictures are lacking.
    """
    wanted = EXPORTED if only is None else (only,)
    modalities = [modality for modality in encoder.space.modalities if modality in wanted]
    if not modalities or {*wanted} - {*EXPORTED}:
        raise EncoderError(f"{name} has neither an image nor a text tower to export")
    if Modality.IMAGE in modalities and not images:
        raise UsageError("name pictures to check the image tower with: --images FOLDER")
    given: dict[Modality, list[Media]] = {
        Modality.IMAGE: [Image(path) for path in images],
        Modality.TEXT: [Text(text) for text in (texts or PASSAGES)],
    }
    return {modality: given[modality] for modality in modalities}


def agreement(
    folder: Path,
    runtime: str,
    modality: Modality,
    variant: str,
    inputs: Sequence[Media],
    wanted: npt.NDArray[np.float32],
) -> Agreement:
    """Compare a tower of a folder, as a runtime executes it, with the vectors that it should give.

    Parameters
    ----------
    folder : Path
        With an ``encoder.json`` already.
    runtime : str
    modality : Modality
    variant : str
        The precision, for the report.
    inputs : sequence of Media
    wanted : ndarray of float32, shape (n, d)

    Raises
    ------
    EncoderError
        When the tower cannot be run; or gives others, in float32: `LEAST_COSINE`.
    """
    loaded = FolderEncoder(folder, runtime)
    cosines = (loaded.encode(inputs) * wanted).sum(axis=1)
    ran = loaded.runtime if len(loaded.space.modalities) == 1 else runtime
    found = Agreement(
        str(modality), f"{variant} ({ran})", float(np.median(cosines)), float(cosines.min()),
        len(cosines),
    )  # fmt: skip
    if variant == "f32" and found.lowest < LEAST_COSINE:
        raise EncoderError(
            f"the exported {modality} tower is another model: cosine {found.lowest:.4f} to the "
            f"original for {inputs[int(cosines.argmin())]!r:.100}, at least {LEAST_COSINE} is "
            "asked for; nothing was written"
        )
    return found


def described(encoder: Any, name: str, sources: Mapping[str, str]) -> dict[str, Any]:
    """What ``encoder.json`` says of an encoder beside its towers."""
    config: dict[str, Any] = {
        "name": name,
        "dimension": encoder.space.dimension,
        "temperature": encoder.temperature,
        "prompts": list(encoder.prompts),
        "sources": dict(sources),
    }
    if encoder.sigmoid is not None:
        config["sigmoid"] = dict(zip(("scale", "bias"), encoder.sigmoid, strict=True))
    return config


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
