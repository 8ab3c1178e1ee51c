from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sensorium.errors import UsageError  # noqa: E402
from sensorium.index.coding import load_coder  # noqa: E402
from sensorium.models.hashing import HashingHeads  # noqa: E402
from sensorium.training.hash import (  # noqa: E402
    HashingModel,
    HashingSettings,
    code_terms,
    coder_of,
    contrastive_loss,
    ranking_loss,
    train_hash,
)
from sensorium.training.hash_base import nested_projection  # noqa: E402
from sensorium.training.hash_data import HashingData  # noqa: E402
from sensorium.training.hash_scores import (  # noqa: E402
    compare_coders,
    hamming,
    held_out_score,
    questions,
)

DIMENSION = 64
SMALL = HashingSettings(lengths=(16, 32, 64), steps=60, batch_size=128)


def two_modalities(n: int, seed: int, *, known: bool = True) -> HashingData:
    """Pictures and captions that agree in 32 directions; pictures vary in others much more."""
    structure = np.random.default_rng(99)
    turn = np.linalg.qr(structure.normal(size=(DIMENSION, DIMENSION)))[0]
    gap = structure.normal(size=(2, DIMENSION))
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 32)) * np.linspace(1, 0.4, 32)
    parts = []
    for number, own in enumerate((1.2, 0.9)):
        rows = np.concatenate(
            [shared + 0.25 * rng.normal(size=(n, 32)), own * rng.normal(size=(n, 32))], axis=1
        )
        if number:  # what is theirs alone lies in other directions
            rows[:, 48:] *= 0.1
        else:
            rows[:, 32:48] *= 0.1
        rows = rows @ turn + gap[number]
        parts.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    vectors = dict(zip(("image", "text"), parts, strict=True))
    numbers = np.arange(n)
    pairs = {"image": numbers, "text": numbers} if known else None
    labels = np.argmax(shared[:, :4], axis=1)
    return HashingData.of(
        vectors, pairs=pairs, labels={"image": labels, "text": labels} if known else None
    )


@pytest.fixture(scope="module")
def held_out() -> HashingData:
    return two_modalities(300, 1)


@pytest.mark.parametrize("known", [False, True], ids=["vectors alone", "pairs and labels"])
def test_learned_codes_find_more_than_itq_and_lsh(held_out: HashingData, known: bool) -> None:
    trained = train_hash(two_modalities(600, 0, known=known), SMALL)
    assert trained.after >= trained.before > 0
    scores = {
        (score.method, score.bits, score.direction, score.relevance): score.mean_average_precision
        for score in compare_coders(trained.coder, trained.fitted, held_out, SMALL.lengths)
    }
    for (method, bits, direction, relevance), value in scores.items():
        if method in ("itq", "lsh") and relevance != "labels" and bits < 64:
            assert scores["learned", bits, direction, relevance] > 1.15 * value
    # A code that is neither among the lengths of the loss nor a power of two is one, too.
    between = held_out_score(trained.coder.shorten(24), held_out, (24,))
    ends = [held_out_score(trained.coder, held_out, (bits,)) for bits in (16, 32)]
    assert ends[0] < between < ends[1]


def test_the_same_seed_gives_the_same_coder_and_another_one_another(tmp_path: Path) -> None:
    data = two_modalities(150, 0)
    short = HashingSettings(lengths=(16, 32), steps=6, batch_size=64)
    first = train_hash(data, short, space="abc", folder=tmp_path)
    again = train_hash(data, short, space="abc")
    for name, weights in first.coder.weights.items():
        np.testing.assert_array_equal(weights, again.coder.weights[name])
    other = train_hash(data, HashingSettings(lengths=(16, 32), steps=6, batch_size=64, seed=1))
    assert (other.coder.weights["image"] != first.coder.weights["image"]).any()
    first.coder.save(tmp_path / "coder.npz")
    loaded = load_coder(tmp_path / "coder.npz")
    facts = loaded.describe()["training"]
    assert facts["pairs"] == first.fitted.count("pairs") > 100
    assert facts["settings"]["steps"] == 6
    assert json.loads((tmp_path / "history.json").read_text())["finished"]
    # Nothing is trained again where it was trained to its end.
    resumed = train_hash(data, short, space="abc", folder=tmp_path)
    assert resumed.history.seconds == first.history.seconds
    np.testing.assert_array_equal(resumed.coder.weights["text"], first.coder.weights["text"])


def test_pairs_of_one_batch_are_learnt_by_heart() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 48, DIMENSION))  # nothing but chance tells what is paired
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    numbers = np.arange(48)
    data = HashingData.of(
        {"image": rows[0], "text": rows[1]}, pairs={"image": numbers, "text": numbers}
    )
    settings = HashingSettings(
        lengths=(32,), distillation=0, within=0, pairs=1, noise=0, steepness=(1, 1)
    )
    means = {name: value.mean(axis=0) for name, value in data.vectors.items()}
    model = HashingModel(HashingHeads(means, rng.normal(size=(DIMENSION, 32))), data, settings)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    units = torch.from_numpy(np.stack([numbers, numbers], axis=1))
    for _ in range(150):
        optimizer.zero_grad()
        loss = model(units)["loss"]
        loss.backward()
        optimizer.step()
    coder = coder_of(model.heads)
    distances = hamming(
        coder.encode(data.vectors["image"], "image"), coder.encode(data.vectors["text"], "text")
    )
    assert (distances.argmin(axis=1) == numbers).all()


def test_every_term_has_a_gradient() -> None:
    data = two_modalities(100, 0)
    means = {name: value.mean(axis=0) for name, value in data.vectors.items()}
    base = nested_projection(
        data.vectors, {n: np.asarray(m, np.float64) for n, m in means.items()}, (16, 32)
    )
    units = torch.from_numpy(data.units(50))
    terms = ("distillation", "within", "pairs", "labels", "quantisation", "balance",
             "decorrelation")  # fmt: skip
    for term in terms:
        others = dict.fromkeys(terms, 0.0) | {term: 1.0}
        model = HashingModel(
            HashingHeads(means, base), data, HashingSettings(lengths=(16, 32), **others)
        )
        outputs = model(units)
        assert set(terms) <= set(outputs)
        outputs["loss"].backward()
        assert model.heads.change.grad is not None
        for gradient in model.heads.change.grad:  # each modality's head
            assert torch.isfinite(gradient).all() and gradient.abs().max() > 0, term


def test_contrast_counts_what_is_known_alone() -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 3.0]])
    value = contrastive_loss([logits], torch.tensor([5, 6]), torch.tensor([5, 6, -1]))
    # The third column belongs to nothing that is known: it is no counter-example.
    rows = [-torch.log_softmax(logits[0, :2], 0)[0], -torch.log_softmax(logits[1, :2], 0)[1]]
    columns = [-torch.log_softmax(logits[:, 0], 0)[0], -torch.log_softmax(logits[:, 1], 0)[1]]
    assert value is not None
    torch.testing.assert_close(value, (sum(rows) + sum(columns)) / 4)
    assert contrastive_loss([logits], torch.tensor([1, -1]), torch.tensor([2, -1, 3])) is None
    square = torch.randn(4, 4)
    assert contrastive_loss([square], torch.arange(4), torch.arange(4), without_self=True) is None


def test_ranking_is_best_where_codes_rank_as_cosines_do() -> None:
    cosines = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    standard = (cosines - cosines.mean(1, keepdim=True)) / cosines.std(1, keepdim=True)
    right = ranking_loss([3 * standard], cosines, 3.0)
    assert right < ranking_loss([standard], cosines, 3.0)
    assert right < ranking_loss([-3 * standard], cosines, 3.0)


def test_terms_of_codes() -> None:
    perfect = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    terms = code_terms(perfect, perfect, (2,))
    assert all(float(value) == 0 for value in terms.values())
    same = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    terms = code_terms(3 * same, same, (2,))
    assert (float(terms["quantisation"]), float(terms["balance"])) == (4, 2)
    assert float(terms["decorrelation"]) == 1


def test_paired_vectors_stay_together() -> None:
    data = two_modalities(200, 0)
    fitted, kept = data.split(3)
    for part in (fitted, kept):
        assert set(part.pairs["image"].tolist()) == set(part.pairs["text"].tolist())
    assert len(kept.vectors["image"]) == 30
    assert not set(fitted.pairs["image"].tolist()) & set(kept.pairs["image"].tolist())
    units = fitted.units(10_000)
    assert (fitted.pairs["image"][units[:, 0]] == fitted.pairs["text"][units[:, 1]]).all()


def test_a_single_modality_and_few_texts(held_out: HashingData) -> None:
    pictures = {"image": held_out.vectors["image"]}
    alone = train_hash(HashingData.of(pictures), HashingSettings((16, 32), steps=4, batch_size=64))
    assert [asked.relevance for asked in questions(alone.held_out)] == ["cosines"]
    few = HashingData.of({**pictures, "text": held_out.vectors["text"][:9]})
    assert few.units(10_000).shape == (300, 2)
    trained = train_hash(few, HashingSettings((16, 32), steps=4, batch_size=64))
    assert set(trained.coder.weights) == {"image", "text", ""}


def test_bad_input() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match=r"76 vectors of a modality.*(30|26) of image"):
        train_hash(HashingData.of({"image": rng.normal(size=(30, 32))}), SMALL)
    with pytest.raises(UsageError, match="same d"):
        HashingData.of({"image": np.ones((3, 4)), "text": np.ones((3, 5))})
    with pytest.raises(UsageError, match="same d"):
        HashingData.of({})
    with pytest.raises(UsageError, match="image vectors are not finite"):
        HashingData.of({"image": np.full((3, 4), np.nan)})
    with pytest.raises(UsageError, match=r"pairs of image: \(2,\) numbers for 3 vectors"):
        HashingData.of({"image": np.ones((3, 4))}, pairs={"image": [1, 2]})
    for lengths in ((), (8,), (16, 48), (16, 16), (16, 20)):
        with pytest.raises(UsageError, match="multiples of 8"):
            HashingSettings(lengths=lengths)
