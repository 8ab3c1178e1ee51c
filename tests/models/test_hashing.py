from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sensorium.index.learned import ANY  # noqa: E402
from sensorium.models.hashing import HashingHeads  # noqa: E402
from sensorium.training.hash import coder_of  # noqa: E402

DIMENSION, BITS = 24, 32


@pytest.fixture
def heads() -> HashingHeads:
    rng = np.random.default_rng(0)
    means = {"image": rng.normal(size=DIMENSION) / 10, "text": rng.normal(size=DIMENSION) / 10}
    heads = HashingHeads(means, rng.normal(size=(DIMENSION, BITS)))
    with torch.no_grad():
        heads.change.normal_(generator=torch.Generator().manual_seed(0))
    return heads


def test_the_exported_coder_gives_the_bits_of_the_heads(heads: HashingHeads) -> None:
    rows = np.random.default_rng(1).normal(size=(200, DIMENSION))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    coder = coder_of(heads, space="abc", training={"step": 1})
    assert (coder.space, coder.bits, dict(coder.training)) == ("abc", BITS, {"step": 1})
    for modality in heads.modalities:
        values = heads(torch.from_numpy(vectors), modality).detach().numpy()
        bits = np.unpackbits(coder.encode(vectors, modality), axis=1, bitorder="little")
        clear = abs(values) > 1e-4
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(bits[clear], values[clear] > 0)
        # The weights on the grid, multiplied by torch in double precision, are exactly it.
        inputs = torch.from_numpy(coder.round_input(vectors, modality))
        products = inputs @ torch.from_numpy(coder.weights[modality]).double()
        np.testing.assert_array_equal(bits, (products > 0).numpy())


def test_other_modalities_get_what_the_heads_started_from(heads: HashingHeads) -> None:
    coder = coder_of(heads)
    base = heads.base.numpy()
    largest = np.abs(base).max(axis=0)
    np.testing.assert_allclose(coder.weights[ANY] / np.abs(coder.weights[ANY]).max(axis=0),
                               base / largest, atol=1e-6)  # fmt: skip


def test_gradients_reach_the_head_of_the_modality_alone(heads: HashingHeads) -> None:
    heads(torch.ones(3, DIMENSION), "text").square().sum().backward()
    assert heads.change.grad is not None
    assert (heads.change.grad[1] != 0).all() and (heads.change.grad[0] == 0).all()
