from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Image, Text, load_encoder
from sensorium.errors import UsageError
from sensorium.index import coding
from sensorium.index.coding import HashCoder, load_coder

METHODS = ["lsh", "itq", "sign"]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def uneven(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Unit vectors with much variance in a few oblique directions, like those of an encoder."""
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return unit((rng.normal(size=(n, d)) * np.linspace(1, 0.1, d)) @ turn)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits that differ, shape (len(a), len(b))."""
    return np.bitwise_count(a[:, None] ^ b[None]).sum(axis=-1)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    bits=st.sampled_from([16, 24, 64]),
    n=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_codes_are_packed_and_the_same_after_saving(
    tmp_path_factory: pytest.TempPathFactory, method: str, bits: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    fitted = {"image": uneven(rng, 80, 64), "text": uneven(rng, 30, 64)}
    vectors = uneven(rng, n, 64)
    coder = HashCoder.fit(fitted, bits=bits, method=method, seed=seed)
    path = tmp_path_factory.mktemp("coder") / "file of any name"
    coder.save(path)
    loaded = load_coder(path)
    assert (loaded.bits, loaded.method) == (bits, method)
    assert loaded.describe() == coder.describe()
    for modality in ("image", "text", "audio"):
        codes = coder.encode(vectors, modality)
        assert codes.shape == (n, bits // 8)
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(loaded.encode(vectors, modality), codes)
    again = HashCoder.fit(fitted, bits=bits, method=method, seed=seed)
    np.testing.assert_array_equal(again.projection, coder.projection)


@pytest.mark.parametrize("method", METHODS)
def test_a_bit_is_the_side_of_its_hyperplane(method: str) -> None:
    rng = np.random.default_rng(0)
    vectors = uneven(rng, coding.ENCODED_ROWS + 5, 32)
    coder = HashCoder.fit({"image": vectors}, bits=32, method=method)
    sides = (vectors - vectors.mean(axis=0)) @ coder.projection
    bits = np.unpackbits(coder.encode(vectors, "image"), axis=1, bitorder="little")
    clear = abs(sides) > 1e-6
    np.testing.assert_array_equal(bits.astype(bool)[clear], sides[clear] > 0)


def test_random_hyperplanes_estimate_the_angle() -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(200, 64)))
    vectors = np.concatenate([vectors, -vectors])  # the mean is 0: the angle is that of the vectors
    angles = np.arccos((vectors[:20] @ vectors.T).clip(-1, 1)) / np.pi
    coder = HashCoder.fit({"image": vectors}, bits=512, method="lsh", seed=3)
    codes = coder.encode(vectors, "image")
    share = distances(codes[:20], codes) / 512
    deviation = np.sqrt(angles * (1 - angles) / 512)  # each bit is a coin of this probability
    assert (abs(share - angles) <= 5 * deviation + 1e-3).all()
    assert abs((share - angles).mean()) < 0.01


@settings(max_examples=15, derandomize=True, deadline=None)
@given(bits=st.sampled_from([16, 32, 48]), seed=st.integers(0, 99))
def test_itq_turns_the_principal_components_closer_to_the_corners(bits: int, seed: int) -> None:
    vectors = uneven(np.random.default_rng(seed), 600, 48)
    coder = HashCoder.fit({"image": vectors}, bits=bits, method="itq", seed=seed)
    turned = coder.projection
    np.testing.assert_allclose(turned.T @ turned, np.eye(bits), atol=1e-5)
    centred = vectors - vectors.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:bits].T
    np.testing.assert_allclose(turned @ turned.T, components @ components.T, atol=1e-3)

    def error(projection: np.ndarray) -> float:
        sides = centred @ projection
        return float(((np.where(sides > 0, 1, -1) - sides) ** 2).mean())

    assert error(turned) <= error(components)


def test_sign_takes_the_coordinates_that_vary_most() -> None:
    rng = np.random.default_rng(2)
    vectors = (rng.normal(size=(500, 40)) * 1.3 ** np.arange(40)).astype(np.float32)
    coder = HashCoder.fit({"image": vectors}, bits=16, method="sign")
    assert coder.projection.argmax(axis=0).tolist() == list(range(39, 23, -1))
    wider = HashCoder.fit({"image": vectors}, bits=40, method="sign")
    np.testing.assert_array_equal(wider.projection[:, :16], coder.projection)


@pytest.mark.parametrize("method", METHODS)
def test_own_means_close_the_gap_between_modalities(method: str) -> None:
    rng = np.random.default_rng(4)
    shared = uneven(rng, 300, 64)
    gap = 3 * unit(rng.normal(size=(2, 64)))
    image = unit(shared + gap[0] + 0.05 * rng.normal(size=shared.shape))
    text = unit(shared + gap[1] + 0.05 * rng.normal(size=shared.shape))
    found = {}
    for case, fitted in {
        "own": {"image": image, "text": text},
        "one": {"both": np.concatenate([image, text])},
    }.items():
        coder = HashCoder.fit(fitted, bits=64, method=method)
        apart = distances(coder.encode(text, "text"), coder.encode(image, "image"))
        found[case] = (apart.argmin(axis=1) == np.arange(300)).mean()
    assert found["own"] > 0.5
    assert found["own"] > 2 * found["one"]


def test_captions_find_their_photos_by_code(sample: Path) -> None:
    with (sample / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list({row["caption_en"]: row for row in csv.DictReader(file)}.values())[:32]
    encoder = load_encoder("mini")
    images = encoder.encode([Image(sample / row["path"]) for row in rows])
    texts = encoder.encode([Text(row["caption_en"]) for row in rows])
    own = HashCoder.fit({"image": images, "text": texts}, bits=512, method="lsh")
    one = HashCoder("lsh", 0, own.projection, {"image": own.mean("image")})
    none = HashCoder("lsh", 0, own.projection, {"image": 0 * own.mean("image")})
    wrong = ~np.eye(len(rows), dtype=bool)

    def gap(coder: HashCoder) -> float:
        apart = distances(coder.encode(texts, "text"), coder.encode(images, "image"))
        return float(apart[wrong].mean() - apart[~wrong].mean())

    assert gap(own) > 1.05 * max(gap(one), gap(none))
    apart = distances(own.encode(texts, "text"), own.encode(images, "image"))
    ranks = (apart < apart.diagonal()[:, None]).sum(axis=1)
    assert np.median(ranks) <= 1


def test_an_unseen_modality_has_the_mean_of_the_means() -> None:
    rng = np.random.default_rng(5)
    coder = HashCoder.fit({"a": uneven(rng, 90, 16) + 1, "b": uneven(rng, 9, 16)}, bits=16)
    between = (coder.mean("a") + coder.mean("b")) / 2
    np.testing.assert_allclose(coder.mean("c"), between, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bits": 8}, "16 to 512"),
        ({"bits": 36}, "steps of 8"),
        ({"bits": 520}, "16 to 512"),
        ({"bits": 64}, "take 48 or fewer, or method 'lsh'"),
        ({"bits": 64, "method": "sign"}, "take 48 or fewer"),
        ({"method": "md5"}, "there are lsh, itq, sign"),
        ({"vectors": {}}, "there is no modality"),
        ({"vectors": {"text": np.zeros((0, 48), np.float32)}}, "modality 'text' has none"),
    ],
)
def test_what_cannot_be_fitted_is_named(change: dict[str, object], said: str) -> None:
    vectors = {"image": uneven(np.random.default_rng(6), 60, 48)}
    arguments = {"vectors": vectors, "bits": 32, "method": "itq", **change}
    with pytest.raises(UsageError, match=said):
        HashCoder.fit(**arguments)


def test_other_vectors_than_fitted_are_refused() -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(UsageError, match=r"with the same d.*\(10,\)"):
        HashCoder.fit({"image": uneven(rng, 10, 16), "text": uneven(rng, 10, 10)[0]}, bits=16)
    coder = HashCoder.fit({"image": uneven(rng, 50, 16)}, bits=16)
    with pytest.raises(UsageError, match="fitted to 16 dimensions"):
        coder.encode(uneven(rng, 3, 24), "image")


def test_a_file_of_an_unknown_method_is_refused_and_a_known_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = uneven(np.random.default_rng(8), 50, 16)
    coder = HashCoder.fit({"image": vectors}, bits=16)
    trained = HashCoder("trained", 0, coder.projection, coder.means)
    trained.save(tmp_path / "coder.npz")
    with pytest.raises(UsageError, match="no hash method 'trained'"):
        load_coder(tmp_path / "coder.npz")
    monkeypatch.setitem(coding.LOADERS, "trained", HashCoder.load)
    loaded = load_coder(tmp_path / "coder.npz")
    assert loaded.method == "trained"
    np.testing.assert_array_equal(loaded.encode(vectors, "image"), coder.encode(vectors, "image"))
