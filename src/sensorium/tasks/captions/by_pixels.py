"""Captions from pixels, by any captioning model of Transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.data.sources import picture_of
from sensorium.errors import EncoderError, MediaError, MissingExtraError
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.tasks.captions.captioner import Candidates, Found
from sensorium.tasks.formats import CAPTIONER

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import (
        Search,
        TextGenerator,
        cannot_be_loaded,
        decoded,
        label_pieces,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

BATCH_SIZE = 32

READERS = 4
"""Threads that decode pictures."""


class PixelCaptions:
    """A captioning model of Transformers that reads pixels.

    Parameters
    ----------
    model : PreTrainedModel
        A `VisionEncoderDecoderModel`, BLIP, GIT, or another of `AutoModelForImageTextToText`
        that captions a picture without being asked.
    tokenizer : PreTrainedTokenizer
    processor : ImageProcessor
    label_smoothing : float
    """

    def __init__(
        self, model: Any, tokenizer: Any, processor: Any, label_smoothing: float = 0.0
    ) -> None:
        self._module = TextGenerator(model, label_smoothing)
        self.tokenizer = tokenizer
        self.processor = processor

    @property
    def module(self) -> TextGenerator:
        """See `CaptionModel.module`."""
        return self._module

    @property
    def model(self) -> Any:
        """The model of Transformers."""
        return self._module.model

    def pixels(self, pictures: Sequence[Any]) -> torch.Tensor:
        """Pixels as the model takes them, for pictures as Pillow has them."""
        found = self.processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        return found.to(next(self._module.parameters()).device)

    def labels(self, captions: Sequence[str], max_length: int) -> dict[str, torch.Tensor]:
        """Arguments of the model for right captions."""
        labels = label_pieces(self.tokenizer, captions, self.model, max_length)
        if self.model.config.is_encoder_decoder:
            return {"labels": labels}
        mask = (labels >= 0).long()  # a decoder reads its own words
        pieces = labels.masked_fill(labels < 0, self.tokenizer.pad_token_id)
        return {"labels": labels, "input_ids": pieces, "attention_mask": mask}

    def caption(
        self,
        pictures: Sequence[Any],
        names: Sequence[str],
        search: Search,
        progress: Progress | None = None,
    ) -> Found:
        """See `CaptionModel.caption`."""
        found = Found([], [], [])
        for rows, loaded in read_pictures(pictures, names, found.skipped, progress):
            found.rows.extend(rows)
            found.candidates.extend(self.search({"pixel_values": self.pixels(loaded)}, search))
        return found

    def search(self, inputs: Mapping[str, Any], search: Search) -> Candidates:
        """Caption what the model takes: pixels, or what its tower made of them."""
        self._module.eval()
        with torch.inference_mode():
            try:
                generated = self.model.generate(**inputs, **search.options(search.beams))
            except (AttributeError, TypeError, ValueError) as error:  # it lacks what it is told
                raise EncoderError(
                    f"{type(self.model).__name__} writes nothing of a picture alone "
                    f"({error!s:.200}): name a captioner (BLIP, GIT), or a model with a chat "
                    "template"
                ) from error
        return decoded(self.tokenizer, generated, search.beams)

    def save(self, folder: Path) -> dict[str, Any]:
        """See `CaptionModel.save`."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        return {"reads": "pixels", "architecture": type(self.model).__name__}

    @classmethod
    def load(cls, folder: Path) -> PixelCaptions:
        """Load what `save` wrote.

        Raises
        ------
        EncoderError, UsageError
            When a file is missing or damaged.
        """
        with CAPTIONER.reading(folder):
            tokenizer = load_pretrained(transformers.AutoTokenizer, folder)
            processor = load_pretrained(transformers.AutoImageProcessor, folder)
        return cls(pretrained_captioner(folder), tokenizer, processor)

    @classmethod
    def pretrained(cls, name: str | Path, *, label_smoothing: float = 0.0) -> PixelCaptions:
        """Take a captioner of a hub, or of a folder in the format of Transformers.

        Raises
        ------
        EncoderError
            When it cannot be loaded.
        """
        network = pretrained_captioner(name)
        try:
            tokenizer = load_pretrained(transformers.AutoTokenizer, name)
            processor = load_pretrained(transformers.AutoImageProcessor, name)
        except Exception as error:  # Transformers raises nearly any exception here
            raise cannot_be_loaded(name, "for captioning", error) from error
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        return cls(network, tokenizer, processor, label_smoothing)


def read_pictures(
    pictures: Sequence[Any],
    names: Sequence[str],
    skipped: list[Skipped],
    progress: Progress | None = None,
) -> Iterator[tuple[list[int], list[PIL.Image.Image]]]:
    """Decode pictures in threads, a batch at a time.

    Parameters
    ----------
    pictures : sequence
        See `sensorium.data.sources.media_of`.
    names : sequence of str
    skipped : list of Skipped
        Gets those that cannot be decoded.
    progress : callable, optional

    Yields
    ------
    (list of int, list of PIL.Image.Image)
        Rows of those that can, and the pictures as Pillow has them; at least one.
    """
    with ThreadPoolExecutor(READERS) as threads:
        for start in range(0, len(pictures), BATCH_SIZE):
            rows, loaded = [], []
            batch = pictures[start : start + BATCH_SIZE]
            for row, pixels in enumerate(threads.map(_load, batch), start):
                if isinstance(pixels, MediaError):
                    skipped.append(Skipped(names[row], pixels.reason))
                else:
                    rows.append(row)
                    loaded.append(pixels)
            if rows:
                yield rows, loaded
            if progress is not None:
                progress(start + len(batch), len(pictures))


def _load(picture: Any) -> PIL.Image.Image | MediaError:
    try:
        return picture_of(picture).load()
    except MediaError as error:
        return error


def pretrained_captioner(name: str | Path) -> Any:
    """Load any captioning model of Transformers, from a hub id or a folder; safetensors only.

    Raises
    ------
    EncoderError
        When there is none of that name, or it is no captioning model.
    """
    try:
        kind = transformers.AutoModelForImageTextToText
        return load_pretrained(kind, name, use_safetensors=True, dtype=torch.float32)
    except Exception as error:  # Transformers raises nearly any exception here
        raise cannot_be_loaded(name, "as a captioning model", error) from error
