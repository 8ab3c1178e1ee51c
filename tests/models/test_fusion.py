"""Fusion modules: what may and may not influence their output, and that all of them learns."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sensorium.errors import UsageError  # noqa: E402
from sensorium.models.fusion import FusionModel, LateFusion, drop_modalities  # noqa: E402
from sensorium.models.fusion_config import (  # noqa: E402
    MISSING_CLASS,
    FusionConfig,
    TabularInput,
    VectorInput,
)
from sensorium.models.fusion_linear import (  # noqa: E402
    LinearFusion,
    VectorMeans,
    sets_of_modalities,
)

TRAINED = ("early", "late", "hybrid")
METHODS = (*TRAINED, "linear")
N = 6
MODALITIES = {
    "image": VectorInput(8),
    "text": VectorInput(5, columns=2),
    "tabular": TabularInput(2, (3, 1)),
}
TARGETS = {"kind of thing.": 3, "price": 0}  # a name that no torch module could have


def config(method: str, **changes: Any) -> FusionConfig:
    values = {"width": 16, "heads": 2, "dropout": 0.0, "input_dropout": 0.0, **changes}
    return FusionConfig(method, MODALITIES, TARGETS, **values)  # type: ignore[arg-type]


def make(method: str, seed: int = 0, **changes: Any) -> FusionModel:
    torch.manual_seed(seed)
    model = FusionModel(config(method, **changes))
    model.get_buffer("prior_0").copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    if method == "linear":  # which is solved; until then it says nothing
        for name, buffer in model.fusion.named_buffers():
            if name != "sets":
                buffer.normal_()
    return model


def batch(seed: int = 0) -> dict[str, dict[str, Any]]:
    """Row 0 lacks pictures, 1 texts, 2 cells, 3 everything; 4 and 5 are whole."""
    generator = torch.Generator().manual_seed(seed)

    def tokens(t: int, d: int, columns: int, lacking: list[int]) -> dict[str, Any]:
        mask = torch.ones(N, t, dtype=torch.bool)
        mask[lacking] = False
        mask[4, 1:] = False  # fewer tokens than others
        column = torch.arange(t).remainder(columns).expand(N, t)
        values = torch.randn(N, t, d, generator=generator)
        return {"tokens": values, "column": column, "mask": mask}

    numbers = torch.randn(N, 2, generator=generator)
    numbers[4, 0] = torch.nan
    categories = torch.randint(1, 2, (N, 2), generator=generator)
    numbers[[2, 3]], categories[[2, 3]] = torch.nan, 0
    return {
        "image": tokens(3, 8, 1, [0, 3]),
        "text": tokens(2, 5, 2, [1, 3]),
        "tabular": {"numbers": numbers, "categories": categories},
    }


def targets() -> dict[str, Any]:
    numbers = torch.tensor([0.5, -1.0, 2.0, 0.0, -0.3, 1.0])
    return {"kind of thing.": torch.tensor([0, 1, 2, 0, 1, 2]), "price": numbers}


def outputs(model: FusionModel, inputs: Any, keep: Any = None) -> dict[str, Any]:
    with torch.inference_mode():
        found: dict[str, Any] = model.eval()(inputs, keep=keep)["outputs"]
    return found


@pytest.mark.parametrize("method", METHODS)
def test_shapes(method: str) -> None:
    found = outputs(make(method), batch())
    assert found["kind of thing."].shape == (N, 3)
    assert found["price"].shape == (N, 1)
    assert all(torch.isfinite(one).all() for one in found.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_what_is_masked_cannot_be_seen(method: str, garbage: float) -> None:
    model, clean, spoilt = make(method), batch(), batch()
    for name in ("image", "text"):
        mask = spoilt[name]["mask"]
        spoilt[name]["tokens"][~mask] = garbage
        spoilt[name]["column"] = torch.where(mask, spoilt[name]["column"], 10**6)
    expected, found = outputs(model, clean), outputs(model, spoilt)
    for name in TARGETS:
        assert torch.equal(expected[name], found[name])


@pytest.mark.parametrize("method", METHODS)
def test_a_modality_that_is_not_kept_is_a_missing_one(method: str) -> None:
    model, whole, lacking = make(method), batch(), batch()
    keep = torch.ones(N, 3, dtype=torch.bool)
    keep[5, 0] = keep[4, 2] = False
    lacking["image"]["mask"][5] = False
    lacking["image"]["tokens"][5] = torch.nan
    lacking["tabular"]["numbers"][4], lacking["tabular"]["categories"][4] = torch.nan, 0
    hidden, missing = outputs(model, whole, keep), outputs(model, lacking)
    full = outputs(model, whole)
    for name in TARGETS:
        assert torch.allclose(hidden[name], missing[name], atol=1e-6)
        assert not torch.allclose(full[name][4:], missing[name][4:], atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_every_present_modality_counts(method: str) -> None:
    model, one, other = make(method), batch(), batch(seed=1)
    for name in MODALITIES:
        changed = outputs(model, {**one, name: other[name]})["kind of thing."][5]
        assert not torch.allclose(changed, outputs(model, one)["kind of thing."][5], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_rows_do_not_see_each_other(method: str) -> None:
    model, inputs = make(method), batch()
    alone = {n: {k: t[5:] for k, t in one.items()} for n, one in inputs.items()}
    for name, found in outputs(model, inputs).items():
        assert torch.allclose(found[5:], outputs(model, alone)[name], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_known_gives_the_prior_whatever_the_temperature(method: str) -> None:
    model = make(method)
    model.temperature.fill_(3.0)
    found = outputs(model, batch())
    chances = found["kind of thing."].softmax(-1)
    assert torch.allclose(chances[3], torch.tensor([0.5, 0.3, 0.2]), atol=1e-6)
    assert found["price"][3] == 0
    nothing = outputs(model, batch(), torch.zeros(N, 3, dtype=torch.bool))
    assert torch.allclose(nothing["kind of thing."].softmax(-1), chances[3].expand(N, 3))


@pytest.mark.parametrize("method", TRAINED)
def test_every_parameter_that_is_trained_gets_a_gradient(method: str) -> None:
    model = make(method, uncertainty=True, modality_dropout=0.0, layers=3, fusion_layer=1)
    inputs = batch()
    inputs["tabular"]["numbers"][5, 1] = torch.nan
    inputs["tabular"]["categories"][4, 0] = inputs["tabular"]["categories"][5, 1] = 0
    model.train()(inputs, targets())["loss"].backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert without == []
    gates = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert gates == ({n for n in gates if "gates" in n} if method == "late" else set())


@pytest.mark.parametrize("method", TRAINED)
def test_one_batch_is_learnt_by_heart(method: str) -> None:
    model = make(method, width=32, modality_dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    inputs, wanted = batch(), targets()
    for _ in range(150):
        optimizer.zero_grad()
        loss = model(inputs, wanted)["loss"]
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.02
    rows = [0, 1, 2, 4, 5]
    found = outputs(model, inputs)
    assert found["kind of thing."].argmax(-1)[rows].tolist() == [0, 1, 2, 1, 2]
    if method != "late":  # whose gates are not fitted yet
        assert torch.allclose(found["price"][rows, 0], wanted["price"][rows], atol=0.2)


def test_missing_targets_do_not_count() -> None:
    model = make("early", modality_dropout=0.0)
    wanted = targets()
    wanted["kind of thing."][1:], wanted["price"][:] = MISSING_CLASS, torch.nan
    found = model(batch(), wanted)
    expected = torch.nn.functional.cross_entropy(
        found["outputs"]["kind of thing."][:1], wanted["kind of thing."][:1]
    )
    assert torch.allclose(found["loss"], expected)
    wanted["kind of thing."][0] = MISSING_CLASS
    nothing = model(batch(), wanted)["loss"]
    nothing.backward()
    assert float(nothing.detach()) == 0.0


def test_losses_of_several_targets_add_up_and_are_weighted_by_uncertainty() -> None:
    plain, weighted = make("early"), make("early", uncertainty=True)
    weighted.load_state_dict(plain.state_dict(), strict=False)
    of_each = []
    for name in TARGETS:
        wanted = targets()
        for other in TARGETS:
            if other != name:
                value = MISSING_CLASS if TARGETS[other] else torch.nan
                wanted[other] = torch.full_like(wanted[other], value)
        of_each.append(float(plain.eval()(batch(), wanted)["loss"].detach()))
    total = float(plain(batch(), targets())["loss"].detach())
    assert total == pytest.approx(sum(of_each), rel=1e-5)
    assert weighted.log_variance is not None
    with torch.no_grad():
        weighted.log_variance.copy_(torch.tensor([1.0, -0.5]))
    found = float(weighted.eval()(batch(), targets())["loss"].detach())
    e = 2.718281828459045
    expected = of_each[0] / e + 0.5 + of_each[1] * e**0.5 - 0.25
    assert found == pytest.approx(expected, rel=1e-5)


def test_class_weights_enter_the_loss() -> None:
    model = make("early").eval()
    wanted = targets()
    wanted["price"][:] = torch.nan
    before = float(model(batch(), wanted)["loss"].detach())
    model.get_buffer("class_weight_0").copy_(torch.tensor([10.0, 1.0, 1.0]))
    assert float(model(batch(), wanted)["loss"].detach()) != pytest.approx(before)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.8])
def test_modalities_are_dropped_at_their_rate_and_one_stays(rate: float) -> None:
    torch.manual_seed(0)
    n = 20_000
    present = torch.ones(n, 3, dtype=torch.bool)
    present[n // 2 :, 1] = False
    present[:100] = False
    kept = drop_modalities(present, rate)
    assert not (kept & ~present).any()  # nothing appears
    assert (kept.any(1) == present.any(1)).all()  # one stays where there was one
    for m, rows in ((0, slice(100, n // 2)), (1, slice(100, n // 2)), (2, slice(n // 2, n))):
        others = 3 if rows.stop == n // 2 else 2
        # Hidden, and not the one that is kept because all would have been.
        expected = 1 - rate + rate**others / others
        assert float(kept[rows, m].float().mean()) == pytest.approx(expected, abs=0.015)


def test_dropout_of_modalities_is_for_training_only() -> None:
    for method, changes in (("early", True), ("hybrid", True), ("late", False)):
        model = make(method, modality_dropout=0.5)
        assert torch.equal(model.eval().embed(batch())[2], model.embed(batch())[2])
        torch.manual_seed(0)
        seen = [model.train().embed(batch())[2] for _ in range(5)]
        assert any(not torch.equal(seen[0], one) for one in seen) == changes


def test_an_averaged_decision_is_the_mean_of_the_probabilities() -> None:
    model = make("late", decision="average").eval()
    assert isinstance(model.fusion, LateFusion)
    tokens, masks, present = model.embed(batch())
    said = model.fusion.towers_outputs(tokens, masks)
    found = outputs(model, batch())
    for row, there in enumerate(present.tolist()):
        if not any(there):
            continue
        towers = [m for m, is_there in enumerate(there) if is_there]
        chances = said[0][row, towers].softmax(-1).mean(0)
        assert torch.allclose(found["kind of thing."].softmax(-1)[row], chances, atol=1e-4)
        assert torch.allclose(found["price"][row], said[1][row, towers].mean(0), atol=1e-5)


def test_a_learned_decision_trusts_the_tower_that_its_gate_trusts() -> None:
    model = make("late").eval()
    fusion = model.fusion
    assert isinstance(fusion, LateFusion)
    with torch.no_grad():
        fusion.gates[0].bias.copy_(torch.tensor([-30.0, 0.5413, -30.0]))  # softplus: 0, 1, 0
    said = fusion.towers_outputs(*model.embed(batch())[:2])[0]
    chances = outputs(model, batch())["kind of thing."].softmax(-1)
    for row in (0, 2, 4, 5):  # which have texts
        assert torch.allclose(chances[row], said[row, 1].softmax(-1), atol=1e-3)
    # The one tower that is trusted has nothing to say of row 1.
    assert torch.allclose(chances[1], torch.tensor([0.5, 0.3, 0.2]), atol=1e-3)


def test_hybrid_towers_exchange_through_the_bottleneck_alone() -> None:
    model = make("hybrid", layers=3, fusion_layer=1).eval()
    one, other = batch(), batch(seed=1)
    depth = len(model.fusion.towers[0].layers)
    streams: list[Any] = []
    last = model.fusion.towers[1].layers[depth - 1]
    hook = last.register_forward_hook(lambda *values: streams.append(values[2][:, 0]))
    model(one)
    model({**one, "image": other["image"]})
    hook.remove()
    # The text tower's class token knows of another picture ...
    assert not torch.allclose(streams[0][5], streams[1][5], atol=1e-5)
    # ... and does not where towers only meet in the last layer, which the config refuses.
    with pytest.raises(UsageError, match="two layers after fusion_layer"):
        config("hybrid", layers=2, fusion_layer=1)


def test_linear_layers_see_the_modalities_of_their_set_alone() -> None:
    model = make("linear").eval()
    fusion = model.fusion
    assert isinstance(fusion, LinearFusion)
    assert fusion.sets.tolist() == [
        [True, True, True], [True, True, False], [True, False, True], [False, True, True],
        [True, False, False], [False, True, False], [False, False, True],
    ]  # fmt: skip
    tokens, _, present = model.embed(batch())
    features, found = fusion.joined(tokens, present), outputs(model, batch())
    for row, number in ((0, 3), (1, 2), (2, 1), (4, 0), (5, 0)):  # what each row lacks
        expected = fusion.weights_1[number] @ features[row] + fusion.bias_1[number]
        assert torch.allclose(found["price"][row], expected, atol=1e-5)


def test_many_modalities_fall_back_on_the_next_larger_set() -> None:
    sets = sets_of_modalities(7)
    assert len(sets) == 1 + 7 + 7 and sets.sum(1).tolist() == [7, *[6] * 7, *[1] * 7]
    given = {f"m{i}": VectorInput(2) for i in range(7)}
    fusion = LinearFusion(FusionConfig("linear", given, {"y": 0}))
    fusion.bias_0[:, 0] = torch.arange(15.0)  # says which layer was used
    tokens = [torch.ones(4, 1, 2)] * 7
    present = torch.ones(4, 7, dtype=torch.bool)
    present[1, 6] = False
    present[2, 2:6] = False  # three are there: no set of six holds them but those without 2, 3 ...
    present[3] = torch.arange(7) == 3
    (found,) = fusion(tokens, [], present)
    chosen = found[:, 0].long().tolist()
    assert chosen[0] == 0
    for row, number in enumerate(chosen):
        assert (sets[number] | ~present[row]).all()
    assert [int(sets[number].sum()) for number in chosen] == [7, 6, 6, 1]
    assert sets[chosen[1]].tolist() == present[1].tolist()


def test_blocks_are_centred_and_weigh_the_same() -> None:
    torch.manual_seed(0)
    tokens = 5 + torch.randn(50, 3, 4) * torch.tensor([1.0, 2.0, 0.1, 3.0])
    column = torch.tensor([0, 0, 1]).expand(50, 3)
    mask = torch.ones(50, 3, dtype=torch.bool)
    mask[0] = mask[1, 2] = False
    inputs = {"tokens": tokens, "column": column, "mask": mask}
    block = VectorMeans(VectorInput(4, columns=2))
    raw, there = block.raw(inputs)
    assert there[:, 0].tolist() == [False] + [True] * 49
    assert torch.allclose(raw[2, :4], tokens[2, :2].mean(0))
    assert torch.allclose(raw[2, 4:], tokens[2, 2])
    assert raw[0].isnan().all() and raw[1, 4:].isnan().all() and not raw[1, :4].isnan().any()
    block.fit(raw[there[:, 0]])
    found = block(inputs)[0][:, 0]
    assert not found[0].any() and not found[1, 4:].any()
    assert torch.allclose(found[2:].mean(0), torch.zeros(8), atol=0.05)
    assert float(found[2:].var(0, unbiased=False).sum()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "middle"}, "method is one of early, late, hybrid, linear, got 'middle'"),
        ({"decision": "vote"}, "decision is one of"),
        ({"width": 15}, "multiple of heads"),
        ({"layers": 0}, "at least 1"),
        ({"modality_dropout": 1.0}, "below 1"),
        ({"modalities": {}}, "at least one modality"),
        ({"targets": {}}, "one target"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(config("early"), **changes)


@pytest.mark.parametrize("method", METHODS)
def test_a_config_survives_json(method: str) -> None:
    one = config(method, uncertainty=True)
    assert FusionConfig.from_json(json.loads(json.dumps(one.to_json()))) == one
