"""Captioning pictures with what `sensorium train caption` wrote, or with a captioner of a hub."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.data.sources import Picture
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.tasks.captions import CaptionModel
from sensorium.tasks.formats import CAPTIONER

try:
    from sensorium.tasks.generating import Search, search_of
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error


@dataclass(frozen=True)
class Caption:
    """What a picture is called.

    Attributes
    ----------
    path : str
        As it was given.
    text : str
        The best caption; empty for a picture that could not be read.
    score : float
        Mean log-probability of its word pieces, by which it was found best.
    others : list of (str, float)
        What else beam search held, best first.
    error : str
        Why the picture could not be read; empty for one that could.
    """

    path: str
    text: str
    score: float = 0.0
    others: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    error: str = ""


class Captioner:
    """A model that captions pictures.

    Parameters
    ----------
    model : CaptionModel
    description : dict
        What ``captioner.json`` says.
    """

    def __init__(self, model: CaptionModel, description: dict[str, Any]) -> None:
        self.model = model
        self.description = description
        self.search = search_of(description, Search())

    def caption(
        self,
        pictures: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        beams: int | None = None,
        max_length: int | None = None,
        progress: Progress | None = None,
    ) -> list[Caption]:
        """Caption picture files.

        Parameters
        ----------
        pictures : path, or iterable of paths
        beams, max_length : int, optional
            Instead of those it was measured with; see `Search`.
        progress : callable, optional
            Called with (done, total).

        Returns
        -------
        list of Caption
            In the order given. One that cannot be read has its `error` instead of a text.
        """
        if isinstance(pictures, (str, os.PathLike)):
            pictures = [pictures]
        paths = [os.fspath(path) for path in pictures]
        wanted = {
            name: value
            for name, value in (("beams", beams), ("max_length", max_length))
            if value is not None
        }
        search = dataclasses.replace(self.search, **wanted)
        once = [*dict.fromkeys(paths)]
        opened = [Picture.of_file(Path(path)) for path in once]
        found = self.model.caption(opened, once, search, progress)
        texts = {once[row]: own for row, own in zip(found.rows, found.candidates, strict=True)}
        errors = {skipped.path: skipped.reason for skipped in found.skipped}
        return [
            Caption(path, *texts[path][0], others=texts[path][1:])
            if path in texts
            else Caption(path, "", error=errors[path])
            for path in paths
        ]


def skipped_of(captions: Iterable[Caption]) -> list[Skipped]:
    """Pictures that could not be read, as other reports name them."""
    return [Skipped(one.path, one.error) for one in captions if one.error]


def load_captioner(name: str | os.PathLike[str]) -> Captioner:
    """Load a captioner.

    Parameters
    ----------
    name : str or Path
        A folder that `sensorium train caption` wrote; or a folder in the format of Transformers
        or a hub id of a captioning model (``Salesforce/blip-image-captioning-base``).

    Raises
    ------
    UsageError
        When it is a folder of something else, or damaged.
    EncoderError
        When the hub has no such model.
    SpaceMismatchError
        When the encoder that it was trained on is another one now.
    """
    from sensorium.tasks.captioning_by_features import FeatureCaptions
    from sensorium.tasks.captioning_by_pixels import PixelCaptions

    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    if CAPTIONER.is_in(folder):
        description = CAPTIONER.read(folder)
        if description.get("reads") == "pixels":
            return Captioner(PixelCaptions.load(folder), description)
        return Captioner(FeatureCaptions.load(folder, description), description)
    CAPTIONER.require_finished(folder)
    if folder.exists() and not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder}: holds neither {CAPTIONER.file} nor a model of Transformers: "
            f"{CAPTIONER.instead}"
        )
    return Captioner(PixelCaptions.pretrained(os.fspath(name)), {"reads": "pixels"})
