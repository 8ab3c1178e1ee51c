"""Whisper's encoder, from CTranslate2's file to Transformers' `WhisperEncoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

Tensors = Mapping[str, npt.NDArray[Any]]


def encoder_layers(tensors: Tensors) -> int:
    """How many layers the encoder has."""
    return sum(name.startswith("encoder/") and name.endswith("ffn/linear_0/weight")
               for name in tensors)  # fmt: skip


def whisper_encoder(
    tensors: Tensors, layers: int | None = None, seconds: int = 30
) -> WhisperEncoder:
    """Build the encoder, or its beginning.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Of `read_tensors`, in floating point.
    layers : int, optional
        How many of its layers are kept, from the first; all by default. What the last of them
        gives is normalised to mean 0 and variance 1, without the scale that was learned for the
        last layer of all.
    seconds : int
        Length of what it takes; positions beyond it are left out.

    Returns
    -------
    WhisperEncoder
        In float32, for evaluation; gives 50 frames a second.
    """
    kept = encoder_layers(tensors) if layers is None else layers
    positions = tensors["encoder/position_encodings/encodings"][: 50 * seconds]
    width, heads = positions.shape[1], int(tensors["encoder/num_heads"])
    config = WhisperConfig(
        d_model=width, encoder_layers=kept, encoder_attention_heads=heads,
        encoder_ffn_dim=len(tensors["encoder/layer_0/ffn/linear_0/bias"]),
        num_mel_bins=tensors["encoder/conv1/weight"].shape[1], max_source_positions=len(positions),
        decoder_layers=1, decoder_attention_heads=heads,
    )  # fmt: skip
    weights = {"embed_positions.weight": positions}
    for conv in ("conv1", "conv2"):
        weights[f"{conv}.weight"] = tensors[f"encoder/{conv}/weight"]
        weights[f"{conv}.bias"] = tensors[f"encoder/{conv}/bias"]
    for number in range(kept):
        weights |= _layer(tensors, number)
    whole = kept == encoder_layers(tensors)
    gamma, beta = (tensors[f"encoder/layer_norm/{name}"] for name in ("gamma", "beta"))
    weights["layer_norm.weight"] = gamma if whole else np.ones_like(gamma)
    weights["layer_norm.bias"] = beta if whole else np.zeros_like(beta)
    model: Any = WhisperEncoder(config)
    model.load_state_dict(
        {name: torch.from_numpy(np.array(value, np.float32)) for name, value in weights.items()}
    )
    encoder: WhisperEncoder = model.eval()
    return encoder


def _layer(tensors: Tensors, number: int) -> dict[str, npt.NDArray[Any]]:
    ours, theirs = f"layers.{number}.", f"encoder/layer_{number}/"
    found = {}
    for norm, name in (("self_attn_layer_norm", "self_attention"), ("final_layer_norm", "ffn")):
        found[f"{norm}.weight"] = tensors[f"{theirs}{name}/layer_norm/gamma"]
        found[f"{norm}.bias"] = tensors[f"{theirs}{name}/layer_norm/beta"]
    # Queries, keys and values lie in one matrix; Whisper's keys have no bias.
    together = f"{theirs}self_attention/linear_0/"
    queries, keys, values = np.split(tensors[f"{together}weight"], 3)
    query_bias, _, value_bias = np.split(tensors[f"{together}bias"], 3)
    found |= {
        "self_attn.q_proj.weight": queries, "self_attn.q_proj.bias": query_bias,
        "self_attn.k_proj.weight": keys,
        "self_attn.v_proj.weight": values, "self_attn.v_proj.bias": value_bias,
    }  # fmt: skip
    for linear, name in (("self_attn.out_proj", "self_attention/linear_1"),
                         ("fc1", "ffn/linear_0"), ("fc2", "ffn/linear_1")):  # fmt: skip
        for part in ("weight", "bias"):
            found[f"{linear}.{part}"] = tensors[f"{theirs}{name}/{part}"]
    return {ours + name: value for name, value in found.items()}
