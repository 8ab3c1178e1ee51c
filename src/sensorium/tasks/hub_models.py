"""What tasks ask of models of Transformers: how much they read, what they take, what they write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError
from sensorium.tasks.generating import Search, cannot_be_loaded

try:
    import torch
    import transformers

    from sensorium.encoders.pretrained import load_pretrained
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

USUAL_PIECES = 512
"""Word pieces that are read at once by models that name no limit, as T5 does: what those were
trained with."""

MOST_READ = 4_096
"""Above this, reading takes too much memory: attention grows with the square."""

USUAL_BYTES = 1 << 30
"""Of a model of a hub that was not looked at."""


def pieces_read(tokenizer: Any, config: Any) -> int:
    """Word pieces, special ones included, that a model reads at once.

    The least of what its tokenizer and its configuration say.
    """
    limits = [MOST_READ]
    said = int(getattr(tokenizer, "model_max_length", 0) or 0)
    if 0 < said < 1_000_000:  # "very large" where it is not known
        limits.append(said)
    places = getattr(config, "max_position_embeddings", None)
    if isinstance(places, int) and places > 0:
        # RoBERTa counts places from behind its padding on.
        padded = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet")
        limits.append(places - 2 * padded)
    return min(limits) if len(limits) > 1 else USUAL_PIECES


def pieces_of(tokenizer: Any, text: str) -> int:
    """Word pieces of a text, those included that are put around it; it may be of any length."""
    return len(tokenizer(text, verbose=False)["input_ids"])


def pieces_written(config: Any, most: int) -> int:
    """Word pieces that a model can write, up to `most`: its decoder has places for no more."""
    inner = getattr(config, "text_config", None) or config
    places = getattr(inner, "max_position_embeddings", None)
    return max(1, min(most, places - 2)) if isinstance(places, int) and places > 0 else most


def model_bytes(name: str | os.PathLike[str]) -> int:
    """About how much memory a model takes: the size of its weights where they are in a folder."""
    folder = Path(name)
    sizes = [file.stat().st_size for file in folder.glob("*.safetensors")]
    return sum(sizes) or USUAL_BYTES


def task_prefix(config: Any, task: str, usual: str) -> str:
    """What a model wants to read before a text: T5 was trained with a prefix for each task.

    Parameters
    ----------
    config : PretrainedConfig
    task : str
        As ``task_specific_params`` calls it.
    usual : str
        What T5 takes where its configuration does not say.
    """
    said = (getattr(config, "task_specific_params", None) or {}).get(task) or {}
    if isinstance(said, dict) and isinstance(said.get("prefix"), str):
        return str(said["prefix"])
    return usual if config.model_type == "t5" else ""


def device(model: Any) -> Any:
    """Where a model computes."""
    return next(model.parameters()).device


def load_seq2seq(name: str, how: str) -> tuple[Any, Any]:
    """Tokenizer and model of a seq2seq model, on a GPU where there is one.

    Raises
    ------
    EncoderError
        When it cannot be loaded.
    """
    try:
        tokenizer = load_pretrained(transformers.AutoTokenizer, name)
        model = load_pretrained(transformers.AutoModelForSeq2SeqLM, name, use_safetensors=True)
    except Exception as error:  # Transformers raises nearly any exception here
        raise cannot_be_loaded(name, how, error) from error
    return tokenizer, model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def generate_from(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str] | None,
    most_pieces: int,
    inputs: Mapping[str, Any] | None = None,
    beams: int = 1,
) -> list[tuple[str, float]]:
    """What a model writes, and the geometric mean of its word pieces' probabilities.

    Parameters
    ----------
    model, tokenizer
    texts : sequence of str, or None
        What it reads; None where `inputs` are given instead. They have to fit.
    most_pieces : int
    inputs : mapping, optional
    beams : int
    """
    if inputs is None:
        assert texts is not None
        inputs = tokenizer(list(texts), padding=True, return_tensors="pt").to(device(model))
        named = ("input_ids", "attention_mask")
        inputs = {name: inputs[name] for name in named if name in inputs}
    options = Search(beams, pieces_written(model.config, most_pieces)).options()
    with torch.inference_mode():
        found = model.generate(**inputs, **options)
    texts = tokenizer.batch_decode(found.sequences, skip_special_tokens=True)
    steps = len(found.scores)
    arguments = {"beam_indices": found.beam_indices} if beams > 1 else {}
    logs = model.compute_transition_scores(
        found.sequences[:, -steps:] if beams == 1 else found.sequences, found.scores,
        normalize_logits=True, **arguments,
    ).float()  # fmt: skip
    written = torch.isfinite(logs)
    pad = tokenizer.pad_token_id
    if pad is not None and beams == 1:
        written &= found.sequences[:, -steps:] != pad
    mean = logs.masked_fill(~written, 0).sum(1) / written.sum(1).clamp(min=1)
    return [
        (" ".join(text.split()), float(value))
        for text, value in zip(texts, mean.exp().tolist(), strict=True)
    ]
