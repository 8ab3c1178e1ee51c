"""The shipped encoder of recordings: what it promises about vectors, size and right answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorium import Audio, Collection, load_encoder
from sensorium.encoders import Encoder, FolderEncoder, shipped_encoders
from sensorium.errors import EncoderError
from sensorium.media import Modality
from tests.media.recordings import encode_sound, tone
from tests.media.small_pictures import encode, red_blue

pytest.importorskip("soundfile", reason="needs the extra media")

RATE = 44_100
HEAVY = ("torch", "transformers", "onnx", "scipy", "faster_whisper", "ctranslate2")


@pytest.fixture(scope="module")
def ear() -> Encoder:
    return load_encoder("ear")


@pytest.fixture(scope="module")
def sounds(sample: Path) -> list[Audio]:
    """From a hundredth of a second to more than is heard, at several rates, loud and quiet."""
    music = Audio(sample / "audio/x_africa.ogg")
    noise = np.random.default_rng(0).normal(scale=0.01, size=8_000).astype(np.float32)
    return [
        Audio(noise[:80], 8_000),
        Audio(noise, 8_000),
        Audio(sample / "audio/a_bell.ogg"),
        music.clip(0, 2.322),
        music.clip(3, 10),
    ]


@pytest.fixture(scope="module")
def heard(ear: Encoder, sounds: list[Audio]) -> np.ndarray:
    """Vectors of all `sounds`, encoded together as an installed Sensorium does it."""
    return ear.encode(sounds, batch_size=32)


def lowest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum(axis=1).min())


def test_it_is_shipped_and_says_what_it_is(ear: Encoder) -> None:
    assert isinstance(ear, FolderEncoder) and ear.folder == shipped_encoders()["ear"]
    assert ear.space.name == "ear" and ear.space.modalities == (Modality.AUDIO,)
    size = sum(file.stat().st_size for file in ear.folder.iterdir())
    assert 1_000_000 < size < 20_000_000
    card = (ear.folder / "README.md").read_text("utf-8")
    for credited in ("Alexander Lerch", "CC BY 4.0", "changed", "Whisper", "MIT"):
        assert credited in card


def test_vectors_have_unit_length_whatever_the_batch(
    ear: Encoder, sounds: list[Audio], heard: np.ndarray
) -> None:
    alone, three = (ear.encode(sounds, batch_size=size) for size in (1, 3))
    assert alone.shape == (len(sounds), ear.space.dimension) and alone.dtype == np.float32
    assert np.allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    assert lowest_cosine(alone, three) >= 0.9995
    assert lowest_cosine(alone, heard) >= 0.9995


@pytest.mark.slow
def test_both_runtimes_give_the_same_vectors(
    ear: Encoder, sounds: list[Audio], heard: np.ndarray
) -> None:
    assert isinstance(ear, FolderEncoder) and "openvino" in ear.runtime.lower()
    onnx = load_encoder("ear", runtime="onnxruntime").encode(sounds)
    assert lowest_cosine(heard, onnx) >= 0.999


def test_level_and_rate_of_a_recording_tell_nothing(ear: Encoder, sample: Path) -> None:
    samples = Audio(sample / "audio/x_orchestra.ogg").load(RATE)[: 5 * RATE]
    loud, quiet = ear.encode([Audio(samples, RATE), Audio(samples * np.float32(0.02), RATE)])
    assert float(loud @ quiet) > 0.999
    (slow,) = ear.encode([Audio(Audio(samples, RATE).load(22_050), 22_050)])
    (other,) = ear.encode([sample / "audio/x_japan.ogg"])
    assert float(loud @ slow) > float(loud @ other) + 0.2


def test_silence_has_a_vector_and_what_is_too_long_is_cut(ear: Encoder) -> None:
    (silence,) = ear.encode([Audio(np.zeros(RATE, np.float32), RATE)])
    assert np.isfinite(silence).all()
    long = tone(20, 500, RATE)
    cut, whole = ear.encode([Audio(long[: 15 * RATE], RATE), Audio(long, RATE)])
    assert float(cut @ whole) > 0.9999


def test_it_neither_reads_nor_sees(ear: Encoder) -> None:
    for item in ("a dog", red_blue()):
        with pytest.raises(EncoderError, match=r"ear encodes audio, not (text|image)"):
            ear.encode([item])


def test_part_of_a_recording_finds_it_and_its_like(
    tiny: Path, sample: Path, tmp_path: Path
) -> None:
    """Beside an encoder that sees; words and pictures find what they did before."""
    media = tmp_path / "media"
    media.mkdir()
    for name in ("x_africa", "x_japan", "a_bell"):
        (media / f"{name}.ogg").symlink_to(sample / "audio" / f"{name}.ogg")
    beginning = Audio(sample / "audio/x_orchestra.ogg").load(RATE)[: 15 * RATE]  # of a minute
    (media / "x_orchestra.wav").write_bytes(encode_sound(beginning, "wav", RATE))
    (media / "red_blue.png").write_bytes(encode(red_blue(), "PNG"))
    (media / "dog.txt").write_text("a dog in the snow", encoding="utf-8")
    drums = Audio(sample / "audio/x_africa.ogg").load(RATE)[5 * RATE : 10 * RATE]
    (tmp_path / "drums.wav").write_bytes(encode_sound(drums, "wav", RATE))
    answers = []
    for encoder in (f"{tiny}+ear", str(tiny)):
        with Collection(tmp_path / f"{len(answers)}.sensorium", encoder) as library:
            library.add(media)
            asked = ("a dog", media / "red_blue.png")
            answers.append(
                [[(hit.path, hit.score) for hit in library.search(a, k=9)] for a in asked]
            )
            if not answers[1:]:
                found = [hit.path for hit in library.search(tmp_path / "drums.wav", k=9)]
                assert [Path(str(path)).stem for path in found][:2] == ["x_africa", "x_japan"]
                assert len(found) == 4  # what sounds, no more
    for both, seeing in zip(*answers, strict=True):
        assert [path for path, _ in both] == [path for path, _ in seeing]
        np.testing.assert_allclose([s for _, s in both], [s for _, s in seeing], atol=1e-4)


def test_hearing_loads_no_torch(sample: Path) -> None:
    code = (
        "import sys, sensorium\n"
        "sensorium.load_encoder('ear').encode([sensorium.Audio(sys.argv[1])])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sample / "audio/a_bell.ogg"],
        capture_output=True, text=True, env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:1"},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
