from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import UsageError
from sensorium.index.coding import load_coder
from sensorium.index.hash import HashIndex
from sensorium.index.learned import ANY, INPUT_STEPS, LearnedCoder

DIMENSION, BITS = 48, 64


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors() -> np.ndarray:
    return unit(np.random.default_rng(1).normal(size=(300, DIMENSION)))


@pytest.fixture
def coder() -> LearnedCoder:
    rng = np.random.default_rng(0)
    names = ("image", "text", ANY)
    return LearnedCoder.of(
        {name: rng.normal(size=DIMENSION) / 20 for name in names},
        {name: rng.normal(size=(DIMENSION, BITS)) for name in names},
        space="abc",
        training={"steps": 3},
    )


@pytest.mark.parametrize("bits", range(16, BITS + 1, 8))
def test_a_shorter_code_is_the_beginning_of_a_longer_one(
    coder: LearnedCoder, vectors: np.ndarray, bits: int
) -> None:
    short = coder.shorten(bits)
    assert short.bits == bits
    for modality in ("image", "text", "audio"):
        codes = short.encode(vectors, modality)
        assert codes.shape == (len(vectors), bits // 8) and codes.dtype == np.uint8
        np.testing.assert_array_equal(codes, coder.encode(vectors, modality)[:, : bits // 8])


def test_bits_are_signs_of_the_head_of_the_modality(
    coder: LearnedCoder, vectors: np.ndarray
) -> None:
    for modality, head in (("image", "image"), ("text", "text"), ("audio", ANY)):
        sides = (vectors - coder.means[head]) @ coder.weights[head].astype(np.float64)
        bits = np.unpackbits(coder.encode(vectors, modality), axis=1, bitorder="little")
        clear = abs(sides) > np.abs(coder.weights[head]).sum(axis=0) / INPUT_STEPS
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(bits.astype(bool)[clear], sides[clear] > 0)


def test_alone_in_batches_and_in_any_order_the_code_is_the_same(vectors: np.ndarray) -> None:
    # Vectors that lie on hyperplanes but for rounding: a product of floats would say now this,
    # now that.
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(DIMENSION, BITS))
    base, _ = np.linalg.qr(weights[:, :40])
    near = unit(vectors - vectors @ base @ base.T)
    coder = LearnedCoder.of({"image": np.zeros(DIMENSION)}, {"image": weights})
    batch = coder.encode(near, "image")
    alone = np.concatenate([coder.encode(row[None], "image") for row in near])
    np.testing.assert_array_equal(alone, batch)
    np.testing.assert_array_equal(coder.encode(near[::-1], "image")[::-1], batch)
    # The sums are those of whole numbers.
    whole = coder.round_input(near[:20], "image").astype(int).astype(object)
    exact = whole @ coder.weights["image"].astype(object) > 0
    packed = np.packbits(exact.astype(bool), axis=1, bitorder="little")
    np.testing.assert_array_equal(packed, batch[:20])


def test_saving_and_loading(coder: LearnedCoder, vectors: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "any name"
    coder.save(path)
    loaded = load_coder(path)
    assert isinstance(loaded, LearnedCoder)
    assert loaded.describe() == coder.describe()
    assert loaded.describe()["modalities"] == ["image", "text"]
    for modality in ("image", "text", "video"):
        np.testing.assert_array_equal(
            loaded.encode(vectors, modality), coder.encode(vectors, modality)
        )


def test_an_index_is_searched_and_loaded_without_torch(
    coder: LearnedCoder, vectors: np.ndarray, tmp_path: Path
) -> None:
    index = HashIndex.build(vectors, coder=coder, modality="image", rerank=0)
    index.save(tmp_path)
    found = index.search(vectors[:5], 3, modality="image")
    assert found.rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.save(tmp_path / "asked.npy", vectors[:5])
    script = """
import sys
sys.modules["torch"] = None
from pathlib import Path
import numpy as np
from sensorium.index.hash import HashIndex
folder = Path(sys.argv[1])
index = HashIndex.load(folder)
print(index.search(np.load(folder / "asked.npy"), 3, modality="image").rows.tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == "" and done.stdout.strip() == str(found.rows.tolist())


def test_what_cannot_be_is_refused(coder: LearnedCoder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"72 bits: .* gives 16 to 64, in steps of 8"):
        coder.shorten(72)
    for bits in (8, 20):
        with pytest.raises(UsageError, match=f"{bits} bits"):
            coder.shorten(bits)
    with pytest.raises(UsageError, match=r"shape \(2, 3\).*48 dimensions"):
        coder.encode(np.zeros((2, 3), np.float32), "image")
    zeros = np.zeros(DIMENSION)
    with pytest.raises(UsageError, match="not finite"):
        LearnedCoder.of({"image": zeros}, {"image": np.full((DIMENSION, 16), np.nan)})
    with pytest.raises(UsageError, match="same dimension"):
        LearnedCoder.of({"image": zeros[1:]}, {"image": np.ones((DIMENSION, 16))})
    with pytest.raises(UsageError, match="multiple of 8"):
        LearnedCoder.of({"image": zeros}, {"image": np.ones((DIMENSION, 17))})
    with pytest.raises(UsageError, match="means of"):
        LearnedCoder.of({"text": zeros}, {"image": np.ones((DIMENSION, 16))})
    single = LearnedCoder.of({"image": zeros}, {"image": np.ones((DIMENSION, 16))})
    with pytest.raises(UsageError, match="no head codes audio vectors, only image"):
        single.encode(np.zeros((1, DIMENSION), np.float32), "audio")
    path = tmp_path / "later.npz"
    coder.save(path)
    with np.load(path) as file:
        content = dict(file) | {"format": np.array(2)}
    np.savez(path, **content)
    with pytest.raises(UsageError, match="format 2"):
        load_coder(path)
