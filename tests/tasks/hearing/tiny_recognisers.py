"""Recognisers of each kind that is read, tiny and made here: they always hear the same words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 8
VOCABULARY = ["<unk>", "\u2581a", "\u2581red", "\u2581cat", "s", "<blk>"]
EVERY = 8
"""Frames of 10 ms that the encoders make one of."""


def whisper(folder: Path, tokenizer_file: Path, *, aligned: bool = False) -> Path:
    """Whisper as Transformers saves it, whose decoder is sure of one token whatever it hears."""
    import torch
    import transformers

    tokenizer = transformers.WhisperTokenizerFast(tokenizer_file=str(tokenizer_file))
    (word,) = tokenizer.encode(" cat", add_special_tokens=False)
    config = transformers.WhisperConfig(
        vocab_size=51865, d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2,
        num_mel_bins=80, max_source_positions=1500, max_target_positions=448,
        decoder_start_token_id=50258, eos_token_id=50257, pad_token_id=50257, bos_token_id=50257,
        begin_suppress_tokens=None, suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.layer_norm.weight.zero_()
        model.model.decoder.layer_norm.bias.zero_()[0] = 1.0
        model.model.decoder.embed_tokens.weight[:, 0] = 0.0
        model.model.decoder.embed_tokens.weight[word, 0] = 30.0
        model.model.decoder.embed_tokens.weight[50259, 0] = 20.0  # <|en|>
    settings = transformers.GenerationConfig(
        decoder_start_token_id=50258, eos_token_id=50257, pad_token_id=50257, bos_token_id=50257,
        max_length=9,
    )  # fmt: skip
    settings.is_multilingual = True
    settings.lang_to_id = {"<|en|>": 50259, "<|zh|>": 50260}
    settings.task_to_id = {"transcribe": 50359, "translate": 50358}
    settings.no_timestamps_token_id = 50363
    if aligned:
        settings.alignment_heads = [[0, 0], [0, 1]]
    model.generation_config = settings
    model.save_pretrained(folder)
    features = transformers.WhisperFeatureExtractor(feature_size=80)
    transformers.WhisperProcessor(features, tokenizer).save_pretrained(folder)
    return folder


def _constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)


def _save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict) -> None:
    graph = helper.make_graph(
        nodes, "tiny", inputs, outputs, [_constant(n, v) for n, v in constants.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _described(folder: Path, kind: str) -> None:
    lines = [f"{token} {n}" for n, token in enumerate(VOCABULARY)]
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", "utf-8")
    config = {"model_type": kind, "features_size": 80, "subsampling_factor": EVERY}
    (folder / "config.json").write_text(json.dumps(config))


FEATURES = helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, [1, 80, "t"])
LENGTH = helper.make_tensor_value_info("length", TensorProto.INT64, [1])
STRIDE = {
    "first": np.array([0]), "last": np.array([np.iinfo(np.int64).max]), "axis": np.array([2]),
    "step": np.array([EVERY]),
}  # fmt: skip


def parakeet_ctc(folder: Path) -> Path:
    """A CTC model that hears "a red cats" wherever it is loud: a token for each of four frames."""
    folder.mkdir()
    _described(folder, "nemo-conformer-ctc")
    # The tokens come in turn: position n of the frames has token n mod 6.
    turn = np.full((6, len(VOCABULARY)), -9.0, np.float32)
    for place, token in enumerate((1, 5, 2, 3, 4, 5)):
        turn[place, token] = 9.0
    nodes = [
        helper.make_node("Slice", ["audio_signal", "first", "last", "axis", "step"], ["few"]),
        helper.make_node("Shape", ["few"], ["count"], start=2, end=3),
        helper.make_node("Squeeze", ["count"], ["n"]),
        helper.make_node("Range", ["zero", "n", "one"], ["places"]),
        helper.make_node("Mod", ["places", "six"], ["places6"]),
        helper.make_node("Gather", ["turn", "places6"], ["scores"], axis=0),
        helper.make_node("LogSoftmax", ["scores"], ["logs"], axis=-1),
        helper.make_node("Unsqueeze", ["logs", "batch"], ["logprobs"]),
    ]
    out = helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, [1, "f", len(VOCABULARY)])
    constants = STRIDE | {
        "zero": np.array(0), "one": np.array(1), "six": np.array(6), "turn": turn,
        "batch": np.array([0]),
    }  # fmt: skip
    _save(folder / "model.onnx", nodes, [FEATURES, LENGTH], [out], constants)
    return folder


def parakeet_tdt(folder: Path) -> Path:
    """A token-and-duration transducer, as Parakeet is: what it says hangs on what it said."""
    folder.mkdir()
    _described(folder, "nemo-conformer-tdt")
    nodes = [
        helper.make_node("Slice", ["audio_signal", "first", "last", "axis", "step"], ["few"]),
        helper.make_node("Slice", ["few", "first", "width", "rows"], ["outputs"]),
        helper.make_node("Shape", ["few"], ["encoded_lengths"], start=2, end=3),
    ]
    outputs = [
        helper.make_tensor_value_info("outputs", TensorProto.FLOAT, [1, WIDTH, "f"]),
        helper.make_tensor_value_info("encoded_lengths", TensorProto.INT64, [1]),
    ]
    more = {"width": np.array([WIDTH]), "rows": np.array([1])}
    _save(folder / "encoder-model.onnx", nodes, [FEATURES, LENGTH], outputs, STRIDE | more)
    # After token t comes the next one, and after the last one "a"; each takes four frames.
    following = np.full((len(VOCABULARY), len(VOCABULARY) + 5), -9.0, np.float32)
    for before, token in ((5, 1), (1, 2), (2, 3), (3, 4), (4, 1), (0, 1)):
        following[before, token] = 9.0
        following[before, len(VOCABULARY) + 4] = 9.0
    nodes = [
        helper.make_node("Gather", ["following", "targets"], ["one"], axis=0),
        helper.make_node("Unsqueeze", ["one", "axis"], ["plain"]),
        helper.make_node("ReduceSum", ["encoder_outputs"], ["heard"], keepdims=0),
        helper.make_node("Mul", ["heard", "nothing"], ["zero"]),
        helper.make_node("Add", ["plain", "zero"], ["outputs"]),
        helper.make_node("Identity", ["input_states_1"], ["output_states_1"]),
        helper.make_node("Identity", ["input_states_2"], ["output_states_2"]),
        helper.make_node("Identity", ["target_length"], ["length_kept"]),
    ]

    def value(name: str, kind: int, shape: list) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    inputs = [
        value("encoder_outputs", TensorProto.FLOAT, [1, WIDTH, 1]),
        value("targets", TensorProto.INT32, [1, 1]),
        value("target_length", TensorProto.INT32, [1]),
        value("input_states_1", TensorProto.FLOAT, [1, 1, 4]),
        value("input_states_2", TensorProto.FLOAT, [1, 1, 4]),
    ]
    results = [
        value("outputs", TensorProto.FLOAT, [1, 1, 1, len(VOCABULARY) + 5]),
        value("output_states_1", TensorProto.FLOAT, [1, 1, 4]),
        value("output_states_2", TensorProto.FLOAT, [1, 1, 4]),
        value("length_kept", TensorProto.INT32, [1]),
    ]
    constants = {
        "following": following, "axis": np.array([1]), "nothing": np.array(0.0, np.float32),
    }  # fmt: skip
    _save(folder / "decoder_joint-model.onnx", nodes, inputs, results, constants)
    return folder
