"""The recipe of the ear: weights as CTranslate2 writes them, the mean of what sounds, retrieval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")
pytest.importorskip("ctranslate2")
pytest.importorskip("tinysoundfont")

import torch
import transformers

from recipes.ear.agreement import least_cosine
from recipes.ear.convert import whisper_encoder
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.export import write
from recipes.ear.measure import leave_one_out
from recipes.ear.pooling import RATE, SECONDS, Vectors, fit_whitening, pooled
from sensorium import Audio, Collection, load_encoder
from sensorium.errors import EncoderError
from sensorium.extraction.speech import packaged_folder
from tests.media.pictures import encode, red_blue
from tests.media.recordings import encode_sound, tone

WIDTH, LAYERS = 128, 3


@pytest.fixture(scope="module")
def whisper() -> Any:
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
def model_bin(whisper: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model as CTranslate2's own converter writes it."""
    from ctranslate2.converters.transformers import WhisperLoader

    spec = WhisperLoader().get_model_spec(whisper)
    spec.register_vocabulary([str(number) for number in range(20)])
    spec.validate()
    spec.optimize(quantization="float16")
    path = tmp_path_factory.mktemp("ctranslate2") / "model.bin"
    spec._serialize(str(path))
    return path


def test_the_encoder_comes_back(whisper: Any, model_bin: Path) -> None:
    found = whisper_encoder(read_tensors(model_bin))
    mel = torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = found(mel).last_hidden_state
        theirs = whisper.model.encoder(mel).last_hidden_state
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=-1).min() > 0.999


@pytest.mark.skipif(packaged_folder() is None, reason="needs the extra speech-weights")
def test_the_real_encoder_agrees_with_ctranslate2(sample: Path) -> None:
    """On a real recording, and of real weights: every frame."""
    folder = packaged_folder()
    assert folder is not None
    assert least_cosine(folder, Audio(sample / "audio/x_africa.ogg")) > 0.999


def test_the_first_layers_are_normalised(whisper: Any, model_bin: Path) -> None:
    tensors = read_tensors(model_bin)
    found = whisper_encoder(tensors, layers=1, seconds=SECONDS)
    mel = torch.randn(1, 80, 100 * SECONDS, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        frames = found(mel).last_hidden_state[0]
    assert frames.shape == (50 * SECONDS, WIDTH)
    assert frames.mean(dim=-1).abs().max() < 1e-3
    assert (frames.std(dim=-1) - 1).abs().max() < 1e-2


def test_a_broken_file_is_refused(model_bin: Path, tmp_path: Path) -> None:
    content = model_bin.read_bytes()
    broken = tmp_path / "model.bin"
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="no whole CTranslate2 model"):
        read_tensors(broken)
    broken.write_bytes(b"\x05" + content[1:])
    with pytest.raises(EncoderError, match="version 5 of the format, not 6"):
        read_tensors(broken)


def noise(seconds: float, seed: int) -> Audio:
    random = np.random.default_rng(seed)
    return Audio(random.normal(scale=0.1, size=round(seconds * RATE)).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def ear(model_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    encoder = whisper_encoder(read_tensors(model_bin), layers=2, seconds=SECONDS)
    sounds = [noise(0.1 * number, number) for number in range(1, 9)]
    folder = tmp_path_factory.mktemp("ear")
    write(folder, encoder, fit_whitening(pooled(encoder, sounds), 6, 0.01), "a card")
    return folder


def test_the_folder_gives_the_means_of_what_sounds(model_bin: Path, ear: Path) -> None:
    """Also of a batch, and of sounds that end within a frame: nothing of what is filled up."""
    encoder = whisper_encoder(read_tensors(model_bin), layers=2, seconds=SECONDS)
    sounds = [noise(0.1 * number, number) for number in range(1, 9)]
    whitening = fit_whitening(pooled(encoder, sounds), 6, 0.01)
    asked = [noise(0.005, 20), noise(0.513, 21), Audio(tone(3, 500), 22_050), noise(16, 22)]
    found = load_encoder(ear).encode(asked)
    np.testing.assert_allclose(found, whitening.apply(pooled(encoder, asked)), atol=1e-3)
    np.testing.assert_allclose(load_encoder(ear).encode(asked[1:2]), found[1:2], atol=1e-4)


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


def test_a_collection_that_sees_and_hears(ear: Path, tiny: Path, tmp_path: Path) -> None:
    """A part of a recording finds it and where; words and pictures find what they did before."""
    media = tmp_path / "media"
    media.mkdir()
    low, high = tone(10, 200, RATE), tone(10, 2500, RATE)
    hiss = noise(10, 1).load(RATE)
    (media / "long.wav").write_bytes(encode_sound(np.concatenate([low, hiss, high]), "wav", RATE))
    (media / "short.wav").write_bytes(encode_sound(tone(2, 700, RATE), "wav", RATE))
    (media / "red_blue.png").write_bytes(encode(red_blue(), "PNG"))
    (media / "dog.txt").write_text("a dog in the snow", encoding="utf-8")
    answers = []
    for name, encoder in (("both", f"{tiny}+{ear}"), ("seeing", str(tiny))):
        with Collection(tmp_path / f"{name}.sensorium", encoder) as library:
            library.add(media)
            asked = ("a dog", media / "red_blue.png")
            answers.append(
                [[(hit.path, hit.score) for hit in library.search(one, k=9)] for one in asked]
            )
            if name == "both":
                for start, stop in ((12, 18), (21, 27)):
                    best = library.search(Audio(media / "long.wav").clip(start, stop))[0]
                    assert Path(str(best.path)).name == "long.wav"
                    assert best.score > 0.5  # on the scale of sounds
                    assert best.span == pytest.approx((start // 10 * 10, start // 10 * 10 + 10))
                assert len(library.search(media / "short.wav", k=9)) == 2  # what sounds, no more
    for both, seeing in zip(*answers, strict=True):
        assert [path for path, _ in both] == [path for path, _ in seeing]
        np.testing.assert_allclose([s for _, s in both], [s for _, s in seeing], atol=1e-4)
