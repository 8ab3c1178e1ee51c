"""Models that caption pictures, as training and use both need them: batches, search, files.

Two kinds read pictures in different ways. `FeatureCaptions` looks through a frozen encoder of ours
and trains a small decoder; `PixelCaptions` is any captioning model of Transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.collection.files import Skipped
from sensorium.encoders import load_encoder
from sensorium.errors import (
    EncoderError,
    MediaError,
    MissingExtraError,
    SpaceMismatchError,
    UsageError,
)
from sensorium.media import Image
from sensorium.training.memory import Memory
from sensorium.training.visual_features import VECTOR, FeatureReader, Tokens, VisualFeatures

try:
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    from sensorium.models.captioning import FeatureCaptioner
    from sensorium.training.generation import (
        Search,
        TextGenerator,
        decoded,
        label_pieces,
        text_pieces,
    )
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

BATCH_SIZE = 32

CONTEXT_LENGTH = 96
"""Word pieces of neighbours' captions that are read."""

BETWEEN = " | "
"""Stands between the captions of two neighbours."""

Progress = Callable[[int, int], None]
Candidates = list[list[tuple[str, float]]]
"""For each picture its texts with their scores, best first."""


@dataclass(frozen=True)
class Found:
    """Captions of pictures that could be read.

    Attributes
    ----------
    names : list of str
    candidates : list of list of (str, float), one for each name
        Texts and scores, best first.
    skipped : list of Skipped
    """

    names: list[str]
    candidates: Candidates
    skipped: list[Skipped]


class CaptionModel(Protocol):
    """Something that captions pictures."""

    tokenizer: Any

    @property
    def module(self) -> Any:
        """What is trained: ``module(**batch)`` gives a loss."""
        ...

    def caption(
        self, pictures: Mapping[str, Path], search: Search, progress: Progress | None = None
    ) -> Found:
        """Caption picture files; one that cannot be read is skipped and named."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Write files and return what `load_caption_model` must be told about them."""
        ...


class FeatureCaptions:
    """A decoder that reads what a frozen encoder sees.

    Parameters
    ----------
    module : FeatureCaptioner
    tokenizer : PreTrainedTokenizer
    reader : FeatureReader
    memory : Memory, optional
        Captions of the training's pictures.
    neighbours : int
        Captions of similar pictures that the decoder sees; 0 for none.
    """

    def __init__(
        self,
        module: FeatureCaptioner,
        tokenizer: Any,
        reader: FeatureReader,
        memory: Memory | None = None,
        neighbours: int = 0,
    ) -> None:
        if neighbours and memory is None:
            raise UsageError(f"{neighbours} neighbours need the captions of known pictures")
        self._module = module
        self.tokenizer = tokenizer
        self.reader = reader
        self.memory = memory
        self.neighbours = neighbours

    @property
    def module(self) -> FeatureCaptioner:
        """See `CaptionModel.module`."""
        return self._module

    def inputs(
        self, tokens: Mapping[str, Tokens], neighbours: Sequence[Sequence[str]] | None
    ) -> dict[str, Any]:
        """Arguments of the module for pictures: features, and captions of their neighbours."""
        device = next(self._module.parameters()).device
        features = {
            source: torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
            for source, values in tokens.items()
            if source in self._module.sources
        }
        if not neighbours or not any(neighbours):
            return {"features": features}
        texts = [BETWEEN.join(captions) for captions in neighbours]
        context, mask = text_pieces(self.tokenizer, texts, CONTEXT_LENGTH)
        return {
            "features": features, "context": context.to(device), "context_mask": mask.to(device)
        }  # fmt: skip

    def labels(self, captions: Sequence[str], max_length: int) -> torch.Tensor:
        """Word pieces of right captions."""
        return label_pieces(self.tokenizer, captions, self._module.seq2seq, max_length)

    def context_of(
        self, vectors: npt.NDArray[Any], groups: Sequence[str] | None = None
    ) -> list[list[str]] | None:
        """Captions of each picture's neighbours; None for a decoder that sees none."""
        if not self.neighbours or self.memory is None:
            return None
        found = self.memory.neighbours(vectors, self.neighbours, groups)
        return [[self.memory.texts[place] for place in places] for places in found]

    def caption(
        self, pictures: Mapping[str, Path], search: Search, progress: Progress | None = None
    ) -> Found:
        """See `CaptionModel.caption`."""
        features = self.reader.read(pictures, progress=progress)
        candidates = self.caption_features(features, search)
        return Found(features.names, candidates, features.skipped)

    def caption_features(
        self,
        features: VisualFeatures,
        search: Search,
        *,
        context: Sequence[Sequence[str]] | None = None,
    ) -> Candidates:
        """Caption pictures whose features are read already.

        Parameters
        ----------
        features : VisualFeatures
        search : Search
        context : sequence of sequences of str, optional
            Captions of neighbours, where they are known already.
        """
        count = len(features.names)
        if context is None:
            context = self.context_of(features.tokens[VECTOR][:, 0])
        candidates: Candidates = []
        self._module.eval()
        for start in range(0, count, BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, count))
            near = None if context is None else [context[row] for row in rows]
            with torch.inference_mode():
                found = self._module.generate(
                    **self.inputs(features.take(rows), near), **search.options(search.beams)
                )
            candidates += decoded(self.tokenizer, found, search.beams)
        return candidates

    def save(self, folder: Path) -> dict[str, Any]:
        """Write files and return what `load_caption_model` must be told about them."""
        ...


class FeatureCaptions:
    """A decoder that reads what a frozen encoder sees.

    Parameters
    ----------
    module : FeatureCaptioner
    tokenizer : PreTrainedTokenizer
    reader : FeatureReader
    memory : Memory, optional
        Captions of the training's pictures.
    neighbours : int
        Captions of similar pictures that the decoder sees; 0 for none.
    """

    def __init__(
        self,
        module: FeatureCaptioner,
        tokenizer: Any,
        reader: FeatureReader,
        memory: Memory | None = None,
        neighbours: int = 0,
    ) -> None:
        if neighbours and memory is None:
            raise UsageError(f"{neighbours} neighbours need the captions of known pictures")
        self._module = module
        self.tokenizer = tokenizer
        self.reader = reader
        self.memory = memory
        self.neighbours = neighbours

    @property
    def module(self) -> FeatureCaptioner:
        """See `CaptionModel.module`."""
        return self._module

    def inputs(
        self, tokens: Mapping[str, Tokens], neighbours: Sequence[Sequence[str]] | None
    ) -> dict[str, Any]:
        """Arguments of the module for pictures: features, and captions of their neighbours."""
        device = next(self._module.parameters()).device
        features = {
            source: torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)
            for source, values in tokens.items()
            if source in self._module.sources
        }
        if not neighbours or not any(neighbours):
            return {"features": features}
        texts = [BETWEEN.join(captions) for captions in neighbours]
        context, mask = text_pieces(self.tokenizer, texts, CONTEXT_LENGTH)
        return {
            "features": features, "context": context.to(device), "context_mask": mask.to(device)
        }  # fmt: skip

    def labels(self, captions: Sequence[str], max_length: int) -> torch.Tensor:
        """Word pieces of right captions."""
        return label_pieces(self.tokenizer, captions, self._module.seq2seq, max_length)

    def context_of(
        self, vectors: npt.NDArray[Any], groups: Sequence[str] | None = None
    ) -> list[list[str]] | None:
        """Captions of each picture's neighbours; None for a decoder that sees none."""
        if not self.neighbours or self.memory is None:
            return None
        found = self.memory.neighbours(vectors, self.neighbours, groups)
        return [[self.memory.texts[place] for place in places] for places in found]

    def caption(
        self, pictures: Mapping[str, Path], search: Search, progress: Progress | None = None
    ) -> Found:
        """See `CaptionModel.caption`."""
        features = self.reader.read(pictures, progress=progress)
        candidates = self.caption_features(features, search)
        return Found(features.names, candidates, features.skipped)

    def caption_features(
        self,
        features: VisualFeatures,
        search: Search,
        *,
        context: Sequence[Sequence[str]] | None = None,
    ) -> Candidates:
        """Caption pictures whose features are read already.

        Parameters
        ----------
        features : VisualFeatures
        search : Search
        context : sequence of sequences of str, optional
            Captions of neighbours, where they are known already.
        """
        count = len(features.names)
        if context is None:
            context = self.context_of(features.tokens[VECTOR][:, 0])
        candidates: Candidates = []
        self._module.eval()
        for start in range(0, count, BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, count))
            near = None if context is None else [context[row] for row in rows]
            with torch.inference_mode():
                found = self._module.generate(
                    **self.inputs(features.take(rows), near), **search.options(search.beams)
                )
            candidates += decoded(self.tokenizer, found, search.beams)
        return candidates

    def reranked(
        self, vectors: npt.NDArray[np.float32], candidates: Candidates, weight: float
    ) -> Candidates:
        """Candidates in the order of their score and `weight` times their cosine to the picture.

        Raises
        ------
        EncoderError
            When the encoder's space holds no texts.
        """
        if not self.can_rerank:
            name = self.reader.encoder.space.name
            raise EncoderError(f"{name} encodes no texts: captions cannot be compared with pictures")
        wanted = {text for texts in candidates for text, _ in texts if text.strip()}
        fresh = sorted(wanted - self._text_vectors.keys())
        if fresh:
            encoded = self.reader.encoder.encode([Text(text) for text in fresh])
            self._text_vectors.update(zip(fresh, encoded, strict=True))

        def ordered(
            vector: npt.NDArray[np.float32], texts: list[tuple[str, float]]
        ) -> list[tuple[str, float]]:
            scored = [
                (text, score + weight * float(vector @ self._text_vectors[text]))
                if text.strip()
                else (text, -np.inf)
                for text, score in texts
            ]
            return sorted(scored, key=lambda one: -one[1])

        return [ordered(*one) for one in zip(vectors, candidates, strict=True)]

    def save(self, folder: Path) -> dict[str, Any]:
        """See `CaptionModel.save`."""
        self._module.seq2seq.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        own = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self._module.state_dict().items()
            if not name.startswith("seq2seq.")
        }
        save_file(own, folder / "features.safetensors")
        if self.memory is not None:
            self.memory.save(folder / "memory.npz")
        return {
            "reads": "features",
            "encoder": self.reader.name,
            "fingerprint": self.reader.encoder.space.fingerprint,
            "sources": self._module.sources,
            "neighbours": self.neighbours,
        }


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
        self, pictures: Mapping[str, Path], search: Search, progress: Progress | None = None
    ) -> Found:
        """See `CaptionModel.caption`."""
        found = Found([], [], [])
        items = list(pictures.items())
        self._module.eval()
        with ThreadPoolExecutor(4) as threads:
            for start in range(0, len(items), BATCH_SIZE):
                batch = items[start : start + BATCH_SIZE]
                loaded = list(threads.map(lambda item: load_picture(item[1]), batch))
                readable = []
                for (name, path), one in zip(batch, loaded, strict=True):
                    if isinstance(one, MediaError):
                        found.skipped.append(Skipped(str(path), one.reason))
                    else:
                        found.names.append(name)
                        readable.append(one)
                if readable:
                    inputs = {"pixel_values": self.pixels(readable)}
                    found.candidates.extend(self.search(inputs, search))
                if progress is not None:
                    progress(start + len(batch), len(items))
        return found

    def search(self, inputs: Mapping[str, Any], search: Search) -> Candidates:
        """Caption what the model takes: pixels, or what its tower made of them."""
        self._module.eval()
        with torch.inference_mode():
            generated = self.model.generate(**inputs, **search.options(search.beams))
        return decoded(self.tokenizer, generated, search.beams)

    def save(self, folder: Path) -> dict[str, Any]:
        """See `CaptionModel.save`."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        return {"reads": "pixels", "architecture": type(self.model).__name__}


def load_picture(path: Path) -> Any:
    """A picture as Pillow has it, or the error that says why there is none."""
    try:
        return Image(path).load()
    except MediaError as error:
        return error


def load_caption_model(folder: Path, description: Mapping[str, Any]) -> CaptionModel:
    """Load what `CaptionModel.save` wrote.

    Parameters
    ----------
    folder : Path
    description : mapping
        What ``captioner.json`` says.

    Raises
    ------
    SpaceMismatchError
        When the encoder it was trained on is another one now.
    UsageError
        When a file is missing or damaged.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if description["reads"] == "pixels":
            return PixelCaptions(
                pretrained_captioner(folder),
                tokenizer,
                transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True),
            )
        seq2seq = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True)
        sources = {name: (int(n), int(width)) for name, (n, width) in description["sources"].items()}
        module = FeatureCaptioner(seq2seq, sources)
        found = module.load_state_dict(load_file(folder / "features.safetensors"), strict=False)
        if strange := [
            *found.unexpected_keys,
            *(name for name in found.missing_keys if not name.startswith("seq2seq.")),
        ]:
            raise UsageError(f"{folder}: features.safetensors does not fit ({strange[0]})")
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"{folder}: is damaged or incomplete ({error})") from error
    encoder = load_encoder(description["encoder"])
    if encoder.space.fingerprint != description["fingerprint"]:
        raise SpaceMismatchError(
            f"{folder}: was trained on the space {description['fingerprint']} of "
            f"{description['encoder']}, which is now {encoder.space.fingerprint}: train it again"
        )
    reader = FeatureReader(encoder, description["encoder"], spatial=len(sources) > 1)
    if reader.shapes != sources:
        raise UsageError(
            f"{folder}: was trained on features {sources}, {description['encoder']} gives "
            f"{reader.shapes} with this runtime: set SENSORIUM_RUNTIME=openvino"
        )
    neighbours = int(description["neighbours"])
    memory = Memory.load(folder / "memory.npz") if neighbours else None
    module.eval()
    return FeatureCaptions(module, tokenizer, reader, memory, neighbours)


def pretrained_captioner(name: str | Path) -> Any:
    """Load any captioning model of Transformers, from a hub id or a folder; safetensors only.

    Raises
    ------
    EncoderError
        When there is none of that name, or it is no captioning model.
    """
    try:
        return transformers.AutoModelForImageTextToText.from_pretrained(
            name, use_safetensors=True, dtype=torch.float32
        )
    except Exception as error:  # Transformers raises nearly any exception here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EncoderError(f"{name} cannot be loaded as a captioning model: {reason}") from error
