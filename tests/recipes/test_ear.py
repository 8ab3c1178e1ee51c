"""The recipe of the ear: weights as CTranslate2 writes them, a graph that computes what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra hub: make hub")
pytest.importorskip("torch")
pytest.importorskip("ctranslate2")
pytest.importorskip("faster_whisper")

import torch
import transformers
from faster_whisper.feature_extractor import FeatureExtractor

from recipes.ear import tower, whisper
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.measure import by_halves, leave_one_out
from recipes.ear.whitening import Vectors, fit_whitening, normalised
from recipes.mini import convert_sound
from recipes.mini.graph import Graph
from sensorium import Audio
from sensorium.encoders.runtime import Runtime, load_runtime
from sensorium.errors import EncoderError

WIDTH, LAYERS = 128, 2


@pytest.fixture(scope="module")
def theirs() -> Any:
    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        vocab_size=20, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        decoder_start_token_id=2,
    )  # fmt: skip
    model: Any = transformers.WhisperForConditionalGeneration(config)
    return model.eval()


@pytest.fixture(scope="module")
def model_bin(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model as CTranslate2's own converter writes it."""
    from ctranslate2.converters.transformers import WhisperLoader

    spec = WhisperLoader().get_model_spec(theirs)
    spec.register_vocabulary([str(number) for number in range(20)])
    spec.validate()
    spec.optimize(quantization="float16")
    path = tmp_path_factory.mktemp("ctranslate2") / "model.bin"
    spec._serialize(str(path))
    return path


RUNTIMES = ("openvino", "onnxruntime")


def loaded(graph: Graph, path: Path, runtime: str) -> Runtime:
    graph.save(path)
    return load_runtime(path, runtime, "f32")


def cosines(a: Vectors, b: Vectors) -> Vectors:
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(axis=-1) / lengths, np.float32)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_graph_computes_what_transformers_does(
    theirs: Any, model_bin: Path, tmp_path: Path, runtime: str
) -> None:
    """From log-mel frames, but for weights in eight bits; a shorter sound beside it, alone too."""
    tensors, frames = read_tensors(model_bin), 400
    graph = Graph("encoder")
    mel, lengths = graph.input("mel", 1, ["n", 80, frames]), graph.input("lengths", 7, ["n"])
    counts = (graph.constant([frames], "int64"), graph.constant([frames // 2], "int64"))
    hidden, _ = whisper.add_encoder(graph, mel, lengths, counts, tensors, LAYERS)
    hidden = whisper._normalised(graph, hidden, tensors, "encoder/layer_norm")
    graph.output(hidden, "hidden", ["n", frames // 2, WIDTH])
    ours = loaded(graph, tmp_path / "encoder.onnx", runtime)
    given = np.random.default_rng(0).normal(size=(2, 80, frames)).astype(np.float32)
    short = 300
    given[1, :, short:] = 0
    found = ours.run({"mel": given, "lengths": np.array([frames, short]) * whisper.HOP})
    encoder = theirs.model.encoder
    for row, count in enumerate((frames, short)):
        encoder.embed_positions.num_embeddings = count // 2
        encoder.max_source_positions = encoder.config.max_source_positions = count // 2
        with torch.inference_mode():
            right = encoder(torch.from_numpy(given[row : row + 1, :, :count])).last_hidden_state
        assert cosines(found[row, : count // 2], right[0].numpy()).min() > 0.99


def test_the_spectrogram_is_whispers(tmp_path: Path, sample: Path) -> None:
    """At another rate, the same frames: on a real recording, up to where resampling fades out."""
    sound = Audio(sample / "audio/x_africa.ogg").clip(0, 5)
    graph = Graph("mel")
    samples, lengths = graph.input("samples", 1, ["n", "t"]), graph.input("lengths", 7, ["n"])
    frames, _ = whisper._frame_count(graph, samples)
    mel = whisper.add_mel(graph, samples, lengths, frames)
    graph.output(mel, "mel", ["n", 80, "m"])
    given = sound.load(convert_sound.RATE)[None]
    found = loaded(graph, tmp_path / "mel.onnx", "openvino").run(
        {"samples": given, "lengths": np.array([given.shape[1]])}
    )[0]
    right = FeatureExtractor(80)(sound.load(whisper.THEIR_RATE), padding=0)
    count = right.shape[1]
    difference = np.abs(found[:78, 2 : count - 2] - right[:78, 2 : count - 2])
    assert difference.mean() < 0.005 and difference.max() < 0.3


def test_blocks_are_those_of_the_experiment(model_bin: Path, tmp_path: Path) -> None:
    """The graph's spectrogram is `convert_sound.blocks`; after a sound's end there is nothing."""
    graph = Graph("blocks")
    samples, lengths = graph.input("samples", 1, ["n", "t"]), graph.input("lengths", 7, ["n"])
    mel, _ = tower._spectrogram(graph, tower._brought_to_peak(graph, samples), lengths)
    graph.output(mel, "mel", ["n", "frames", convert_sound.BANDS])
    ours = loaded(graph, tmp_path / "blocks.onnx", "openvino")
    sound = np.random.default_rng(0).normal(scale=0.1, size=150_000).astype(np.float32)
    given = np.zeros((1, 2 * tower.SAMPLES), np.float32)
    given[0, : len(sound)] = sound
    found = ours.run({"samples": given, "lengths": np.array([len(sound)])})[0]
    first, last = convert_sound.blocks(sound)  # the second ends with the sound
    count = -(-len(sound) // convert_sound.HOP)
    np.testing.assert_allclose(found[:100], first, atol=1e-3)
    np.testing.assert_allclose(found[count - 100 : count], last, atol=1e-3)
    assert not found[count:].any()


def test_a_broken_file_is_refused(model_bin: Path, tmp_path: Path) -> None:
    content = model_bin.read_bytes()
    broken = tmp_path / "model.bin"
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="no whole CTranslate2 model"):
        read_tensors(broken)
    broken.write_bytes(b"\x05" + content[1:])
    with pytest.raises(EncoderError, match="version 5 of the format, not 6"):
        read_tensors(broken)


def test_whitened_vectors_are_centred_and_uncorrelated() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(400, 5)) @ random.normal(size=(5, 5)) + 7
    matrix, offset = fit_whitening(vectors.astype(np.float32), 3, 0)
    mapped = vectors @ matrix + offset
    np.testing.assert_allclose(mapped.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(mapped, rowvar=False), np.eye(3), atol=1e-2)


def test_leave_one_out_counts_companions() -> None:
    """Two concepts apart, one alone, and one without a name."""
    angles = np.radians([0, 3, 90, 94, 45, 46])
    vectors: Vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = leave_one_out(vectors, ["a", "a", "b", "b", "c", ""])
    assert found.first.tolist() == [1, 1, 1, 1]
    assert 0.1 < found.chance[0] < 0.35
    swapped = leave_one_out(vectors, ["a", "b", "a", "b", "c", ""])
    assert swapped.first.tolist() == [0, 0, 0, 0] and swapped.ten.tolist() == [1, 1, 1, 1]
    only_first = np.array([True, False, False, False, False, False])
    asked = leave_one_out(vectors, ["a", "b", "a", "b", "c", ""], only_first)
    assert asked.first.tolist() == [0]


def test_halves_are_measured_by_what_the_other_half_taught() -> None:
    """A map that knows its own half only: no concept is measured by a map that saw it."""
    vectors = normalised(np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32))
    labels = [f"{number // 4:02}" for number in range(40)]
    seen = []

    def fit(others: Vectors) -> Any:
        def apply(asked: Vectors) -> Vectors:
            seen.append((others, asked))
            return asked

        return apply

    found = by_halves(vectors, labels, fit)
    assert len(found.first) == 40
    for others, asked in seen:
        assert not {*map(bytes, others)} & {*map(bytes, asked)}
