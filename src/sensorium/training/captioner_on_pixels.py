"""Training any captioning model of Transformers, with its picture tower or, frozen, without."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.examples import Examples
from sensorium.data.sources import picture_of
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.skipped import Skipped
from sensorium.tasks.captions.by_pixels import (
    BATCH_SIZE,
    READERS,
    PixelCaptions,
    read_pictures,
)
from sensorium.tasks.captions.captioner import Candidates

try:
    import torch
    import transformers
    from transformers.modeling_outputs import BaseModelOutput

    from sensorium.encoders.pretrained import load_pretrained
    from sensorium.tasks.generating import cannot_be_loaded
    from sensorium.training.history import History
    from sensorium.training.new_models import join_decoder, join_pretrained
    from sensorium.training.writing import Writing, evenly, first_texts
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

VALIDATED = 200
"""Pictures that are captioned after each epoch, at most; the loss is that of all."""


def pretrained_captions(
    model: str | Path | None = None,
    *,
    tower: str | Path | None = None,
    decoder: str | Path | None = None,
    label_smoothing: float = 0.0,
) -> PixelCaptions:
    """Take a pretrained captioner, or join a picture tower and a text decoder.

    Parameters
    ----------
    model : str or Path, optional
        Hub id or folder of a `VisionEncoderDecoderModel`, BLIP, GIT or the like.
    tower, decoder : str or Path, optional
        Instead of `model`: a picture tower (ViT, DeiT, Swin, BEiT ...) and a text model (GPT-2,
        BERT, RoBERTa ...) that become one `VisionEncoderDecoderModel`. What joins them, the
        decoder's attention to the tower, is new and has to be trained.
    label_smoothing : float

    Raises
    ------
    EncoderError
        When one cannot be loaded.
    UsageError
        When neither a model nor both parts are named.
    """
    if (model is None) == (tower is None and decoder is None):
        raise UsageError("name a model, or a picture tower and a decoder to be joined")
    if model is not None:
        return PixelCaptions.pretrained(model, label_smoothing=label_smoothing)
    if tower is None or decoder is None:
        raise UsageError("a picture tower and a decoder are joined: name both")
    try:
        tokenizer = load_pretrained(transformers.AutoTokenizer, decoder)
        processor = load_pretrained(transformers.AutoImageProcessor, tower)
        network = join_pretrained(transformers.VisionEncoderDecoderModel, tower, decoder)
        join_decoder(network, tokenizer)
    except Exception as error:  # Transformers raises nearly any exception here
        raise cannot_be_loaded(f"{tower} with {decoder}", "for captioning", error) from error
    return PixelCaptions(network, tokenizer, processor, label_smoothing)


def freeze_tower(captions: PixelCaptions) -> None:
    """Let only the decoder learn.

    Raises
    ------
    UsageError
        When the model is no encoder-decoder: only there, what the tower says of a picture is the
        same whatever the caption, and can be computed once.
    """
    if not isinstance(captions.model, transformers.VisionEncoderDecoderModel):
        raise UsageError(
            f"{type(captions.model).__name__} has no picture tower that stands apart: only one of "
            "a VisionEncoderDecoderModel can be frozen"
        )
    for parameter in captions.model.encoder.parameters():
        parameter.requires_grad_(False)


@dataclass
class PixelData:
    """Pictures that could be read, as the model takes them.

    Attributes
    ----------
    captions : PixelCaptions
    data : Examples
        The pictures that can be read.
    states : ndarray of float16, shape (len(data), tokens, width), or None
        What a frozen tower makes of each picture; None where the tower is trained.
    skipped : list of Skipped
        The pictures that cannot be read.
    """

    captions: PixelCaptions
    data: Examples
    states: npt.NDArray[np.float16] | None
    skipped: list[Skipped]

    @classmethod
    def read(cls, captions: PixelCaptions, data: Examples, *, frozen: bool) -> PixelData:
        """Look at every picture once: which can be read and, for a frozen tower, what it sees."""
        kept: list[int] = []
        states: list[npt.NDArray[np.float16]] = []
        skipped: list[Skipped] = []
        for rows, pictures in read_pictures(data.sources, data.names, skipped):
            kept += rows
            if frozen:
                captions.model.encoder.eval()
                with torch.inference_mode():
                    pixels = captions.pixels(pictures)
                    seen = captions.model.encoder(pixel_values=pixels).last_hidden_state
                states.append(seen.float().cpu().numpy().astype(np.float16))
        seen_once = np.concatenate(states) if states else None
        return cls(captions, data.take(kept), seen_once, skipped)

    def inputs(self, rows: Sequence[int]) -> dict[str, Any]:
        """Arguments of the model for pictures."""
        device = next(self.captions.module.parameters()).device
        if self.states is not None:
            values = torch.from_numpy(self.states[[*rows]].astype(np.float32))
            return {"encoder_outputs": BaseModelOutput(values.to(device))}
        with ThreadPoolExecutor(READERS) as threads:  # they were readable when it began
            pictures = [self.data.sources[row] for row in rows]
            loaded = list(threads.map(lambda picture: picture_of(picture).load(), pictures))
        return {"pixel_values": self.captions.pixels(loaded)}

    def batch(self, items: Sequence[tuple[int, str]], max_length: int) -> dict[str, Any]:
        """Arguments of the model for pictures with one caption each."""
        rows, texts = zip(*items, strict=True)
        labels = self.captions.labels(texts, max_length)
        device = next(self.captions.module.parameters()).device
        return {**self.inputs(rows), **{name: one.to(device) for name, one in labels.items()}}


def train_on_pixels(training: PixelData, validation: PixelData, how: Writing) -> History:
    """Train a captioning model of Transformers on pictures."""
    captions, most = training.captions, how.search.max_length
    examples = [(row, text) for row, texts in enumerate(training.data.texts) for text in texts]
    right = validation.data.texts
    sample = evenly(len(right), VALIDATED)

    def write() -> list[str]:
        candidates: Candidates = []
        for start in range(0, len(sample), BATCH_SIZE):
            inputs = validation.inputs(sample[start : start + BATCH_SIZE])
            candidates += captions.search(inputs, how.greedy)
        return first_texts(candidates)

    return how.fit(
        captions.module, examples, lambda batch: training.batch(batch, most), right,
        lambda rows: validation.batch([(row, right[row][0]) for row in rows], most), write, sample,
    )  # fmt: skip
