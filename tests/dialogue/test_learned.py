"""What is learned about requests: the network, its weights, and plans by rules and network."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.dialogue.dialogue import language_of
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.learned.aligning import marks_of
from sensorium.dialogue.understanding.learned.decoding import Said
from sensorium.dialogue.understanding.learned.labels import HEADS, SPANS, TAGS
from sensorium.dialogue.understanding.learned.network import Network, saved
from sensorium.dialogue.understanding.learned.reader import WEIGHTS, Reader, Tower, reader
from sensorium.dialogue.understanding.learned.states import read
from sensorium.dialogue.understanding.learned.units import units
from sensorium.dialogue.understanding.requests import understand_all
from sensorium.errors import EncoderError

TODAY = datetime.date(2024, 11, 20)


def _plan(said: str, before: str = "", given: int = 0) -> Any:
    plans = understand_all(
        said, language_of(said), TODAY, given=given, before=before, reader=reader()
    )
    assert len(plans) == 1
    return plans[0]


# Fresh requests: in none of the files that are trained on, nor in the tests of the rules.
@pytest.mark.parametrize(
    ("before", "said", "expected"),
    [
        (
            "",
            "we are redoing the bathroom and I would love to see mosaic floors",
            {"subject": "mosaic floors", "several": True},
        ),
        (
            "",
            "I am cataloguing ancient Egypt. Please list each pyramid photographed there.",
            {"subject": "pyramid", "reference": None},
        ),
        ("the film of the harbour", "skip to the last scene", {"intent": "listen", "when": "end"}),
        ("the film of the market", "what year would that be?", {"fact": "date"}),
        ("owls", "who was behind the camera for the second?", {"fact": "author"}),
        ("", "我侄女想学剪纸，有没有剪纸的视频给她看看", {"subject": "剪纸", "reference": None}),
        ("找几张灯塔", "头一张是哪一年照的呀", {"intent": "facts", "fact": "date"}),
    ],
)
def test_requests_that_nobody_trained_on_are_understood(
    before: str, said: str, expected: dict[str, Any]
) -> None:
    plan = _plan(said, before)
    assert {name: getattr(plan, name) for name in expected} == expected


# Of these the rules leave a phrase over, which the dialogue seeks: see `choosing`.
@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("for a talk on bridges I need all stone bridges", "stone bridges"),
        ("我外甥要做手抄报，找点儿恐龙的图片", "恐龙"),
    ],
)
def test_the_network_reads_short_stories_that_the_rules_seek_as_phrases(
    said: str, subject: str
) -> None:
    language = language_of(said)
    (alone,) = understand_all(said, language, TODAY, reader=reader(), alone=True)
    (ruled,) = understand_all(said, language, TODAY)
    assert alone.subject == subject
    assert set(subject) < set(ruled.subject)
    assert _plan(said).subject == ruled.subject


@pytest.mark.parametrize("said", ["", "?!", "\x1f\x1f", "a" * 4000, "((((", "的" * 500, "1" * 300])
def test_anything_may_be_said(said: str) -> None:
    assert understand_all(said, language_of(said), TODAY, before=said, reader=reader())


@pytest.mark.parametrize("said", ["remember this for me", "note the castles", "记得我上次看的那张"])
def test_only_plain_words_of_the_rules_lead_to_what_is_kept(said: str) -> None:
    by_rules = understand_all(said, language_of(said), TODAY)
    both = understand_all(said, language_of(said), TODAY, reader=_Judging())  # type: ignore[arg-type]
    wanted = ["label" in plan.intent for plan in by_rules]
    assert ["label" in plan.intent for plan in both] == wanted


class _Judging:
    """A reader that takes everything for a judgement, and is sure of it."""

    def read(self, said: str, ruled: Plan, before: str = "", given: int = 0) -> tuple[Any, Said]:
        classes = {name: names[0] for name, names in HEADS.items()} | {"intent": "label"}
        spans: dict[str, list[tuple[int, int]]] = {name: [] for name in SPANS}
        parts = read(reader().tower.tokenizer, said, before)
        return parts, Said(classes, dict.fromkeys(HEADS, 1.0), spans)


def test_it_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    network = Network(WEIGHTS)
    saved(tmp_path / "again.npz", network.weights)
    again = Network(tmp_path / "again.npz")
    parts = read(reader().tower.tokenizer, "show me boats without people", "and of dogs?")
    states, marks = reader().tower.states([parts])[0], marks_of(Plan(), parts.units)
    for one, other in zip(
        network.logits(parts, states, marks), again.logits(parts, states, marks), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_missing_damaged_and_foreign_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"none\.npz.*install Sensorium anew"):
        Reader(tmp_path / "none.npz")
    content = WEIGHTS.read_bytes()
    damaged = tmp_path / "damaged.npz"
    for broken in (b"", content[:5000], content[: len(content) // 2] + bytes(len(content) // 2)):
        damaged.write_bytes(broken)
        with pytest.raises(EncoderError, match=r"damaged\.npz"):
            Reader(damaged)
    foreign = tmp_path / "foreign.npz"
    np.savez(foreign, classes=np.array("('find', 'buy')"))
    with pytest.raises(EncoderError, match="other classes"):
        Reader(foreign)


def test_processors_with_and_without_bf16_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["show me boats without people", "when was the second one taken", "没有动物的城堡"]
    parts = [read(reader().tower.tokenizer, one) for one in said]
    usual = Tower().states(parts)
    monkeypatch.setenv("SENSORIUM_PRECISION", "f32")
    exact = Tower().states(parts)
    network = Network(WEIGHTS)
    for one, first, other in zip(parts, usual, exact, strict=True):
        np.testing.assert_allclose(first, other, atol=0.1)
        marks = marks_of(Plan(), one.units)
        heads, wanted = (network.logits(one, states, marks)[0] for states in (first, other))
        np.testing.assert_allclose(heads, wanted, atol=0.3)


def test_tags_are_of_words_characters_and_marks() -> None:
    found = units("Show me the 2nd farmer's 熊猫, please: 3D!")
    assert [one.text for one in found] == [
        "show", "me", "the", "2nd", "farmer's", "熊", "猫", ",", "please", ":", "3d", "!",
    ]  # fmt: skip
    assert len(TAGS) == 7
