from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import transformers

from sensorium.models.captioning import IGNORED, FeatureCaptioner, cross_entropy

SOURCES = {"vector": (1, 6), "map-0": (4, 5)}


def bart(**changes: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.BartConfig(
        vocab_size=20, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, dropout=0.0,
        max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, forced_eos_token_id=None, **changes,
    )  # fmt: skip
    return transformers.BartForConditionalGeneration(config)


def t5() -> Any:
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=20, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.0,
        pad_token_id=0, eos_token_id=2, decoder_start_token_id=0,
    )  # fmt: skip
    return transformers.T5ForConditionalGeneration(config)


def batch(n: int = 3) -> dict[str, Any]:
    random = torch.Generator().manual_seed(1)
    features = {name: torch.randn(n, *shape, generator=random) for name, shape in SOURCES.items()}
    labels = torch.randint(3, 20, (n, 5), generator=random)
    labels[0, 3:] = IGNORED
    context = torch.randint(3, 20, (n, 4), generator=random)
    return {
        "features": features, "labels": labels, "context": context,
        "context_mask": torch.ones_like(context),
    }  # fmt: skip


@pytest.mark.parametrize("make", [bart, t5])
def test_the_loss_is_the_cross_entropy_of_the_right_pieces(make: Any) -> None:
    model = FeatureCaptioner(make(), SOURCES).eval()
    given = batch()
    found = model(**given)
    logits = found["logits"].detach().numpy().astype(np.float64)
    labels = given["labels"].numpy()
    log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    right = [log[i, j, labels[i, j]] for i, j in np.argwhere(labels != IGNORED)]
    assert float(found["loss"].detach()) == pytest.approx(-np.mean(right), rel=1e-5)


def test_smoothed_labels_share_their_probability() -> None:
    logits = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 2, IGNORED], [3, 4, 5]])
    log = torch.log_softmax(logits, -1)[labels != IGNORED]
    kept = labels[labels != IGNORED]
    plain = -log[range(5), kept].mean()
    expected = 0.9 * plain - 0.1 * log.mean()
    assert float(cross_entropy(logits, labels, 0.1)) == pytest.approx(float(expected), rel=1e-6)


def test_labels_are_smoothed_in_training_alone() -> None:
    model = FeatureCaptioner(bart(), SOURCES, dropout=0.0, label_smoothing=0.2)
    given = batch()
    trained, plain = model.train()(**given), model.eval()(**given)
    assert torch.allclose(trained["logits"], plain["logits"], atol=1e-5)
    assert float(trained["loss"].detach()) != pytest.approx(float(plain["loss"].detach()))


def test_gradients_reach_every_parameter() -> None:
    model = FeatureCaptioner(bart(), SOURCES, dropout=0.0).train()
    model(**batch())["loss"].backward()
    still = [
        name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()
    ]
    # Softmax over places does not change with a constant added to all keys.
    assert [name for name in still if "k_proj.bias" not in name] == []


def test_a_text_depends_on_features_and_context_and_not_on_padding() -> None:
    model = FeatureCaptioner(bart(), SOURCES).eval()
    given = batch()
    with torch.no_grad():
        plain = model(**given)["logits"]
        padded = dict(given)
        padded["context"] = torch.cat([given["context"], torch.full((3, 2), 7)], 1)
        padded["context_mask"] = torch.cat([given["context_mask"], torch.zeros(3, 2).long()], 1)
        assert torch.allclose(model(**padded)["logits"], plain, atol=1e-5)
        for name in SOURCES:
            other = {**given, "features": {**given["features"], name: -given["features"][name]}}
            assert not torch.allclose(model(**other)["logits"], plain, atol=1e-4)
        assert not torch.allclose(model(given["features"], given["labels"])["logits"], plain)


def test_something_is_always_left_to_attend_to() -> None:
    model = FeatureCaptioner(bart(), SOURCES, dropout=0.95).train()
    given = batch(64)
    for _ in range(5):
        masks = model._inputs(given["features"], None, None)["attention_mask"]
        assert (masks.sum(1) > 0).all()
        assert torch.isfinite(model(given["features"], given["labels"])["loss"])


def test_beam_search_finds_a_sequence_no_less_probable_than_the_greedy_one() -> None:
    model = FeatureCaptioner(bart(init_std=1.0), SOURCES).eval()
    features = batch(8)["features"]

    def log_probability(**options: Any) -> Any:
        found = model.generate(features, max_new_tokens=4, min_new_tokens=4, **options)
        pieces = found[:, 1:]
        with torch.no_grad():
            log = torch.log_softmax(model(features, pieces)["logits"], -1)
        return log.gather(-1, pieces[..., None]).sum((1, 2))

    greedy = log_probability(num_beams=1, do_sample=False)
    beams = log_probability(num_beams=20, do_sample=False)
    assert (beams >= greedy - 1e-4).all()
    assert (beams > greedy + 1e-3).any()
