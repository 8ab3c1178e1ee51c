"""Encoders of a model hub, or in its format in a folder, through sentence-transformers.

CLIP, SigLIP, CLAP, multimodal embedding models, and text models of every kind load alike; what a
model can encode, and with which prompts, its files say. Weights are read from safetensors only, and
no code of a model's author is run.
"""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.checksums import damaged_files, require_checksum
from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.hub_cache import snapshot_of
from sensorium.encoders.hub_loading import (
    choose_device,
    choose_dtype,
    input_module,
    load_model,
    lowers_here,
)
from sensorium.encoders.long_texts import LEAST_ROOM, cut, divided, in_turns, joined, pooled, tell
from sensorium.encoders.pretrained import is_local
from sensorium.encoders.space import Space, hash_files
from sensorium.encoders.trust import remember
from sensorium.errors import EncoderError, MediaError, MissingExtraError
from sensorium.folders import COMPARED_BYTES, FILES, read_bytes
from sensorium.media import Audio, Image, Media, Modality, Text
from sensorium.media.decoding import decoding

try:
    import sentence_transformers
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "sentence-transformers", "hub") from error

WEIGHTS = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Files of a model that decide what its vectors are."""

MOST_TOKENS = 1 << 20
"""A limit above this is none: tokenizers say 10^30 where they know no limit."""

CHAT_TOKENS = 32
"""Around a text where a model takes it as a message of a chat."""

NOTES = "sensorium.json"
"""File beside a model trained here: what it is, its temperature and prompts."""

TRAINING = "training"
"""Folder beside a model trained here: checkpoints, losses, a report."""


class HubEncoder(Encoder):
    """An encoder that sentence-transformers loads.

    Parameters
    ----------
    name : str or Path
        A hub id (``"google/siglip2-base-patch16-224"``) or a folder in the format of
        sentence-transformers or Transformers.
    revision : str, optional
        Branch, tag or commit of a hub id.
    dimension : int, optional
        Leading dimensions that are kept, for models trained so (Matryoshka, Kusupati et al. 2022).
    device : str, optional
        "cuda", "mps", "cpu" ...; None takes the best that is there. `runtime` tells the reason.
    dtype : {"float32", "bfloat16", "float16"}, optional
        None takes half precision on a GPU and float32 elsewhere.

    Raises
    ------
    EncoderError
        When the model cannot be loaded, and why.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        *,
        revision: str | None = None,
        dimension: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.source = os.fspath(name)
        options = {"revision": revision, "dimension": dimension, "device": device, "dtype": dtype}
        self.name = _name(self.source, {key: value for key, value in options.items() if value})
        chosen, device_reason = choose_device(device)
        self.dtype, dtype_reason = choose_dtype(
            dtype, chosen, f"{self.source}?revision={revision}" if revision else self.source
        )
        self._reason = f"{device_reason}; {dtype_reason}"
        self._computing = Lock()
        self._model = load_model(
            self.source, device=chosen, dtype=self.dtype, revision=revision, dimension=dimension
        )
        known = [Modality(m) for m in self._model.modalities if m in {*Modality}]
        modalities = tuple(m for m in _ENCODED if m in known)
        if not modalities:
            raise EncoderError(
                f"{self.source} encodes {', '.join(map(str, self._model.modalities))}, "
                "none of which Sensorium can give it"
            )
        self._rate = _sampling_rate(self._model) if Modality.AUDIO in modalities else None
        log_scale = _scalar(self._model, "logit_scale")
        scale = None if log_scale is None else math.exp(min(log_scale, math.log(100.0)))
        self.temperature = 1 / scale if scale else 0.05
        bias = _scalar(self._model, "logit_bias")
        if scale and bias is not None:  # trained with the sigmoid loss (Zhai et al. 2023)
            self.sigmoid = (scale, bias)
        clip_like = {Modality.IMAGE, Modality.TEXT} <= {*modalities}
        self.prompts: Sequence[str] = ("a photo of a {}", "{}") if clip_like else ("{}",)
        self._read_notes()
        asked, stored = self._model.prompts.get("query") or "", document_prompt(self._model)
        self.tells_queries_apart = asked != stored or has_query_route(self._model)
        self.space = Space(
            name=self.source,
            dimension=self._measured_dimension(modalities),
            modalities=modalities,
            preprocessing={
                "prompts": dict(self._model.prompts),
                **self._other_prompt(),
                **({"lower_case": True} if lowers_here(self._model) else {}),
                "dimension": dimension,
                "sampling_rate": self._rate,
            },
            weights=hash_files(_files(self.source, revision)),
        )
        if dimension is not None and self.space.dimension != dimension:
            raise EncoderError(
                f"{self.source} has {self.space.dimension} dimensions, not {dimension} or more"
            )
        if not is_local(self.source):
            remember(self.name)  # what collections and classifiers know it by

    def _other_prompt(self) -> dict[str, str]:
        """What `prompts` does not say to who reads it as the library does."""
        prompt = document_prompt(self._model)
        return {} if prompt == self._model.prompts.get("document") else {"document": prompt}

    def _read_notes(self) -> None:
        """Read what `sensorium train contrastive` learnt beside the weights."""
        path = Path(self.source) / NOTES
        if not path.is_file():
            return
        try:
            notes = json.loads(read_bytes(path).decode("utf-8"))
            require_checksum(notes)
            for file, why in damaged_files(path.parent, notes.get(FILES, {}), COMPARED_BYTES):
                raise EncoderError(f"{file}: {why}; take a whole copy of the folder")
            self.temperature = float(notes["temperature"])
            if notes.get("sigmoid"):
                self.sigmoid = float(notes["sigmoid"]["scale"]), float(notes["sigmoid"]["bias"])
            self.prompts = [str(prompt) for prompt in notes["prompts"]]
            if not 0 < self.temperature < math.inf:
                raise ValueError(f"the temperature is {self.temperature}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EncoderError(f"{path}: cannot be read ({error!r:.200})") from error

    @property
    def runtime(self) -> str:
        """What executes the model, and why there."""
        version = sentence_transformers.__version__
        return f"sentence-transformers {version} on {self._model.device} ({self._reason})"

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder.prepare`."""
        if media.modality not in self.space.modalities:
            known = " and ".join(self.space.modalities)
            raise EncoderError(f"{self.space.name} encodes {known}, not {media.modality}")
        if isinstance(media, Text):
            with decoding("", f"the text {media.text!r:.80} cannot be encoded"):
                parts = self._parts(media.text) if role == "query" else [media.text]
                return joined("utf8", [np.frombuffer(part.encode(), np.uint8) for part in parts])
        if isinstance(media, Image):
            with decoding("", "cannot be given to the encoder"):
                return {"pixels": np.asarray(media.load())}
        if isinstance(media, Audio):
            assert self._rate is not None
            return {"samples": media.load(self._rate)}
        raise MediaError(f"{media!r:.80} is encoded segment by segment: take its segments()")

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`; with the prompt that the model was trained with for it."""
        if not batch:
            return np.empty((0, self.space.dimension), np.float32)
        if modality == Modality.TEXT and (parts := divided("utf8", batch)) is not None:
            flat, counts = parts
            found = [self.encode_prepared(modality, some, role) for some in in_turns(flat)]
            weights = [len(part["utf8"]) for part in flat]
            return pooled(np.concatenate(found), counts, weights)
        is_query = role == "query" and self.tells_queries_apart
        encode = self._model.encode_query if is_query else self._model.encode_document
        prompt = None if is_query else document_prompt(self._model) or None
        with self._computing, torch.inference_mode():
            vectors = encode(
                [self._input(modality, item) for item in batch],
                prompt=prompt,
                batch_size=len(batch),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        vectors = np.asarray(vectors, np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not (norms > 0).all():
            raise EncoderError(f"{self.source} gave a vector that has no direction")
        return np.asarray(vectors / norms, np.float32)

    def _parts(self, text: str) -> list[str]:
        """A text that asks, in as many parts as its length needs."""
        if self._longest is None or len(text.encode()) <= self._room:
            return [text]  # every token has a byte at least
        tokens = self._whole_tokenizer.encode(text, add_special_tokens=False).offsets
        if len(tokens) <= self._room:
            return [text]
        tell(self.space.name, self._longest)
        return cut(text, tokens, self._room)

    def tokens(self, text: str, role: Role = "document") -> int | None:
        """See `Encoder.tokens`; without what a chat's template puts around it."""
        if self._fast_tokenizer is None:
            return None
        self.prepare(Text(text), role)  # what cannot be encoded has no tokens
        parts = self._parts(text) if role == "query" else [text]
        longest, prompt = self._longest or MOST_TOKENS, self._prompt(role)
        return sum(
            min(longest, len(self._whole_tokenizer.encode(prompt + part).ids)) for part in parts
        )

    def _prompt(self, role: Role) -> str:
        if role == "query" and self.tells_queries_apart:
            return self._model.prompts.get("query") or ""
        return document_prompt(self._model)

    @property
    def _fast_tokenizer(self) -> Any:
        """The tokenizer that tells tokens by itself; None where there is none of that kind."""
        module = input_module(self._model, Modality.TEXT)
        return getattr(getattr(module, "tokenizer", None), "backend_tokenizer", None)

    @cached_property
    def _longest(self) -> int | None:
        """Tokens of a text that the model reads; None where that is not known, or no limit."""
        module = input_module(self._model, Modality.TEXT)
        longest = getattr(module, "max_seq_length", None)
        is_known = self._fast_tokenizer is not None and longest and longest < MOST_TOKENS
        return longest if is_known else None

    @cached_property
    def _room(self) -> int:
        """Tokens that are left of these beside the prompt and the marks of begin and end."""
        assert self._longest is not None
        around = len(self._whole_tokenizer.encode(self._prompt("query")).ids)
        if "message" in self._model.modalities:
            around += CHAT_TOKENS
        return max(self._longest - around, LEAST_ROOM)

    @cached_property
    def _whole_tokenizer(self) -> Any:
        """Cuts nothing off; a copy, since the library changes its settings with every batch."""
        with self._computing:
            whole = copy.deepcopy(self._fast_tokenizer)
        whole.no_truncation()
        whole.no_padding()
        return whole

    @property
    def model(self) -> Any:
        """The model of sentence-transformers, a torch module, which a training changes."""
        return self._model

    def features(self, modality: Modality, batch: Sequence[Prepared]) -> dict[str, Any]:
        """What `model` takes of prepared items, as `encode_prepared` gives it to the model."""
        inputs = [self._input(modality, item) for item in batch]
        prompt = document_prompt(self._model) or None
        found: dict[str, Any] = self._model.preprocess(inputs, prompt=prompt)
        return found

    def _input(self, modality: Modality, prepared: Prepared) -> Any:
        if modality == Modality.TEXT:
            text = prepared["utf8"].tobytes().decode()
            # A dict: a text that is called like a file or a URL is a text all the same.
            return {"text": text} if _FILES & {*self._model.modalities} else text
        if modality == Modality.IMAGE:
            return PIL.Image.fromarray(prepared["pixels"])
        return {"array": prepared["samples"], "sampling_rate": self._rate}

    def _measured_dimension(self, modalities: Sequence[Modality]) -> int:
        probe: Any = "a"
        if Modality.TEXT not in modalities:
            probe = PIL.Image.new("RGB", (64, 64))
            if Modality.IMAGE not in modalities:
                probe = {
                    "array": np.zeros(self._rate or 1, np.float32),
                    "sampling_rate": self._rate,
                }
        with torch.inference_mode():
            return int(self._model.encode([probe], show_progress_bar=False).shape[1])

    def __repr__(self) -> str:
        return f"HubEncoder({self.source!r}, space={self.space})"


_ENCODED = (Modality.AUDIO, Modality.IMAGE, Modality.TEXT)

_FILES = {"audio", "image", "video"}
"""What sentence-transformers reads a file or a URL for where a text is called like one."""


def document_prompt(model: Any) -> str:
    """What is put before what is searched.

    The library fills an empty "document" in when it loads a model whose files say "passage", and
    then takes the empty one.
    """
    found = (model.prompts.get(name) for name in ("document", "passage", "corpus"))
    return next((prompt for prompt in found if prompt), "")


def has_query_route(model: Any) -> bool:
    """Whether a model has a network of its own for what is sought."""
    return any(
        "query" in (*part.sub_modules, *(task for task, _ in part.route_mappings))
        for part in model
        if hasattr(part, "route_mappings")
    )


def _sampling_rate(model: Any) -> int:
    processor = getattr(input_module(model, Modality.AUDIO), "processor", None)
    extractor = getattr(processor, "feature_extractor", processor)
    rate = getattr(extractor, "sampling_rate", None)
    if not isinstance(rate, int):
        raise EncoderError("the model takes sound but does not say at which rate")
    return rate


def _scalar(model: Any, name: str) -> float | None:
    """A learned number of a contrastive model: what cosines are multiplied by, or added to."""
    for owner in (getattr(model[0], "model", None), getattr(model[0], "auto_model", None)):
        value = getattr(owner, name, None)
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            return float(value.detach())
    return None


def _files(name: str, revision: str | None) -> list[Path]:
    """Where the model's files lie: its folder, or its snapshot in the hub's cache."""
    local = Path(os.path.expanduser(name))  # noqa: PTH111
    folder = local if is_local(name) else snapshot_of(name, revision)
    assert folder is not None  # it was loaded from there
    files = [path for pattern in WEIGHTS for path in sorted(folder.rglob(pattern))]
    others = {"README.md", NOTES}  # change no vector
    return [p for p in files if p.name not in others and folder / TRAINING not in p.parents]


def _name(source: str, options: Mapping[str, Any]) -> str:
    """What `options_of` takes apart again, from any working directory."""
    query = urlencode(options)
    base = str(Path(source).absolute()) if is_local(source) else source
    return f"{base}?{query}" if query else base


def options_of(name: str) -> tuple[str, Mapping[str, Any]]:
    """Split ``"org/model?dimension=256&revision=main"`` into the id and what `HubEncoder` takes.

    Raises
    ------
    EncoderError
        For another option, or a dimension that is no number.
    """
    base, _, query = name.partition("?")
    options: dict[str, Any] = dict(parse_qsl(query))
    if unknown := options.keys() - {"revision", "dimension", "device", "dtype"}:
        raise EncoderError(f"{name}: no option {', '.join(sorted(unknown))}")
    if "dimension" in options:
        try:
            options["dimension"] = int(options["dimension"])
        except ValueError as error:
            raise EncoderError(f"{name}: dimension is a number") from error
    return base, options
