"""Loading a model of the hub as it was trained, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sensorium.encoders.hub_cache import snapshot_of
from sensorium.encoders.pretrained import is_local, load_here, load_pretrained
from sensorium.encoders.runtime import lowest_precision
from sensorium.errors import EncoderError, MissingExtraError, NotAtHandError, UnknownModelError
from sensorium.media import Modality

try:
    import sentence_transformers
    import torch
    import transformers
    from tokenizers import normalizers

    from sensorium.encoders.without_videos import without_videos
except ImportError as error:
    raise MissingExtraError(error.name or "sentence-transformers", "hub") from error

# Of what is loaded in a second. The hub's client has bars of its own for what is fetched.
transformers.utils.logging.disable_progress_bar()

DTYPES = ("float32", "bfloat16", "float16")

GEMMA_TURN = "<start_of_turn>"
"""A token that Gemma's vocabulary has and no other, whatever class reads it."""


def load_model(
    name: str,
    *,
    device: str,
    dtype: str = "float32",
    revision: str | None = None,
    dimension: int | None = None,
) -> sentence_transformers.SentenceTransformer:
    """Load a model with sentence-transformers, from safetensors, without its author's code.

    Raises
    ------
    EncoderError
        When it cannot be loaded, and why; also for a checkpoint that lacks weights.
    NotAtHandError
        When it is not on this machine; it says its size and how it is fetched.
    """
    report = _LoadReport()

    def load(source: str, revision: str | None) -> Any:
        folder = None if is_local(source) or "/" in source else snapshot_of(source, revision)
        if folder is not None:
            # The library takes an id without an organisation for one of its own.
            source, revision = str(folder), None
        with report.reading(), without_videos():
            return sentence_transformers.SentenceTransformer(
                source,
                device=device,
                revision=revision,
                truncate_dim=dimension,
                model_kwargs={"dtype": getattr(torch, dtype), "use_safetensors": True},
                trust_remote_code=False,
                local_files_only=True,
            )

    try:
        model = load_here(name, load, revision)
    except (NotAtHandError, UnknownModelError):
        raise
    except Exception as error:  # the libraries below raise nearly any exception
        raise EncoderError(
            f"{name} cannot be loaded as an encoder: {_first_line(error)}"
        ) from error
    if report.missing:
        raise EncoderError(
            f"{name}: its files lack weights of the encoder ({report.missing[0]} and "
            f"{len(report.missing) - 1} more), which would be random numbers"
        )
    model.eval()
    for module in input_modules(model):
        _lower_as_trained(module)
        _pad_as_trained(module)
        _pool_what_sounds(module)
    return model


def input_modules(model: Any) -> list[Any]:
    """The modules that take a model's inputs: its first, or one for each modality."""
    if routes := getattr(model[0], "sub_modules", None):
        return list({id(route[0]): route[0] for route in routes.values()}.values())
    return [model[0]]


def input_module(model: Any, modality: Modality) -> Any:
    """The module that takes a model's inputs of one modality."""
    routes = getattr(model[0], "sub_modules", None)
    return routes[modality.value][0] if routes and modality.value in routes else model[0]


class _LoadReport(logging.Handler):
    """Reads which weights a checkpoint lacked: they are random then, which is only logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.missing: list[str] = []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let the library say which weights are lacking, whatever its level was, and no more."""
        logger = logging.getLogger("transformers")
        level, handlers = logger.level, logger.handlers
        logger.setLevel(logging.WARNING)
        logger.handlers = [self]
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        for line in record.getMessage().splitlines():
            name, _, status = line.partition("|")
            # Poolers of checkpoints without one are not used by sentence-transformers.
            if status.strip().startswith("MISSING") and "pooler" not in name:
                self.missing.append(name.strip())


def choose_device(wanted: str | None) -> tuple[str, str]:
    """Where a model runs, and why there; None takes the best that is there."""
    if wanted is not None:
        return wanted, f"{wanted} was asked for"
    if torch.cuda.is_available():
        return "cuda", f"CUDA is there: {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return "mps", "Apple's GPU is there"
    return "cpu", "no GPU is there"


def choose_dtype(wanted: str | None, device: str, name: str) -> tuple[str, str]:
    """In which precision a model runs, and why; None takes half precision on a GPU.

    Raises
    ------
    EncoderError
        For a precision that is not in `DTYPES`.
    UsageError
        For a ``$SENSORIUM_PRECISION`` that `lowest_precision` refuses.
    """
    lowest = lowest_precision()
    if wanted is not None:
        if wanted not in DTYPES:
            raise EncoderError(f"dtype is one of {', '.join(DTYPES)}, got {wanted!r}")
        return wanted, f"{wanted} was asked for"
    if lowest == "f32":
        return "float32", "float32: $SENSORIUM_PRECISION asks for it"
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported():
            return "bfloat16", "bfloat16, which this GPU computes in"
        if _trained_in(name) == "bfloat16":  # its activations may be greater than float16 holds
            return "float32", "float32: this GPU has no bfloat16, which the model was trained in"
        return "float16", "float16: this GPU has no bfloat16"
    return "float32", "float32: half precision is slower there"


def lowers_here(model: Any) -> bool:
    """Whether texts are brought to lower case here since the model's own files do not say so."""
    return any(getattr(module, "lowers_here", False) for module in input_modules(model))


def _lower_as_trained(transformer: Any) -> None:
    """Bring texts of SigLIP 2 to lower case, as it was trained (Tschannen et al. 2025, section 2).

    Its checkpoints name Gemma's tokenizer, which keeps capitals, and most of them the architecture
    of the first SigLIP, so that Transformers' own tokenizer for it is not taken. The first SigLIP
    has a tokenizer of its own, of which only the English one lowers.
    """
    config: Any = getattr(transformer, "config", None)
    tokenizer: Any = getattr(transformer, "tokenizer", None)
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if not str(getattr(config, "model_type", "")).startswith("siglip") or backend is None:
        return
    named = {type(tokenizer).__name__, str(tokenizer.init_kwargs.get("tokenizer_class"))}
    is_gemma = any("gemma" in name.lower() for name in named) or GEMMA_TURN in tokenizer.get_vocab()
    is_second = is_gemma or config.model_type.startswith("siglip2")
    before = backend.normalizer
    if not is_second or (before is not None and before.normalize_str("A") == "a"):
        return
    lower = normalizers.Lowercase()
    backend.normalizer = lower if before is None else normalizers.Sequence([lower, before])
    transformer.lowers_here = True


def _pad_as_trained(transformer: Any) -> None:
    """Pad texts of SigLIP to their full length, as it was trained; it looks at the last token.

    sentence-transformers pads to the longest of a batch: vectors would depend on the other texts.
    """
    config: Any = getattr(transformer, "config", None)
    if str(getattr(config, "model_type", "")).startswith("siglip"):
        # Padding was not masked, either.
        transformer.tokenizer.model_input_names = ["input_ids"]
        length = config.text_config.max_position_embeddings
        padding = {"padding": "max_length", "max_length": length, "truncation": True}
        transformer.processing_kwargs = {
            **transformer.processing_kwargs,
            "text": {**padding, **transformer.processing_kwargs.get("text", {})},
        }


def _pool_what_sounds(transformer: Any) -> None:
    """Leave out of the pooling what Whisper's windows are filled up with, where its files ask so.

    They ask with ``"processing_kwargs": {"audio": {"return_attention_mask": true}}`` in
    sentence_bert_config.json. The mask is as long as the spectrogram, of which Whisper's second
    convolution takes two frames at a time: sentence-transformers would ignore it.
    """
    if getattr(getattr(transformer, "config", None), "model_type", "") == "whisper":
        transformer.register_forward_hook(_shorten_mask)


def _shorten_mask(transformer: Any, arguments: Any, features: dict[str, Any]) -> dict[str, Any]:
    mask, frames = features.get("attention_mask"), features["token_embeddings"].shape[1]
    if mask is not None and mask.shape[1] > frames:
        features["attention_mask"] = mask[:, :: mask.shape[1] // frames]
    return features


def _trained_in(name: str) -> str:
    """The precision that a model's files name; empty where they name none."""
    try:
        config = load_pretrained(transformers.AutoConfig, name)
    except NotAtHandError:
        raise
    except Exception:  # the libraries raise nearly any; loading the model says what is wrong
        return ""
    return str(getattr(config, "dtype", None) or "").removeprefix("torch.")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
