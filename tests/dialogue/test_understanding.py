from __future__ import annotations

import datetime
from typing import Any

import pytest

from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.understanding import chinese, english
from sensorium.dialogue.understanding.spelling import corrected

TODAY = datetime.date(2024, 11, 20)

CASES: list[tuple[str, dict[str, Any]]] = [
    (
        "how many photos of castles are there",
        {"intent": "count", "subject": "castles", "modality": "image"},
    ),
    ("how mnay pohtos of castles", {"intent": "count", "subject": "castles", "modality": "image"}),
    ("castles from last summer", {"subject": "castles", "after": "2024-06", "before": "2024-09"}),
    ("castles, 2019 only", {"subject": "castles", "after": "2019", "before": "2020"}),
    ("castles 2010 to 2012", {"subject": "castles", "after": "2010", "before": "2013"}),
    ("castles from 2012 and later", {"subject": "castles", "after": "2012", "before": ""}),
    ("castles no later than 2003", {"subject": "castles", "after": "", "before": "2004"}),
    ("castles up to and including 2016", {"subject": "castles", "after": "", "before": "2017"}),
    ("castles before June 2019", {"subject": "castles", "after": "", "before": "2019-06"}),
    ("photos of animals without fish", {"subject": "animals", "excluded": ("fish",)}),
    ("castles in winter", {"subject": "castles in winter", "after": "", "before": ""}),
    ("the second one", {"intent": "pick", "reference": Reference("ordinal", 2)}),
    ("and of dogs?", {"intent": "find", "subject": "dogs", "continues": True}),
    ("no, I meant cats", {"subject": "cats", "continues": True}),
    ("the same but older", {"same": True, "than": "older", "subject": ""}),
    ("what is written on it", {"intent": "read", "reference": Reference("it")}),
    ("what is said about the roof", {"intent": "listen", "subject": "roof"}),
    ("when does the giraffe appear in the film", {"intent": "moment", "subject": "giraffe"}),
    ("when was it taken", {"intent": "facts", "fact": "date"}),
    ("who was elected?", {"intent": "answer"}),
    ("remember that the second one is wrong", {"intent": "label", "relevant": False}),
    ("what is on page 2?", {"intent": "read", "page": 2}),
    ("Cheers!", {"intent": "thanks"}),
    ("how many photos are there in total?", {"intent": "count", "subject": ""}),
    (
        "why is the first one a hit",
        {"intent": "explain", "subject": "", "reference": Reference("ordinal", 1)},
    ),
    (
        "which is larger, the first or the third?",
        {"intent": "compare", "order": "largest", "reference": Reference("ordinal", 1, more=(3,))},
    ),
    ("got anything like this?", {"intent": "find", "fact": "similar", "subject": ""}),
    ("an empty one, without words", {"subject": "empty", "same": True, "excluded": ("words",)}),
    ("not the pink one", {"but_one": True, "excluded": ("pink",), "subject": ""}),
    ("the one without walls", {"definite": True, "but_one": False, "excluded": ("walls",)}),
    ("不要弯的那座", {"but_one": True, "definite": False, "excluded": ("弯",)}),
    ("what sounds do you have of animals?", {"subject": "animals", "modality": "audio"}),
    ("太空相关的照片给我几张", {"intent": "find", "subject": "太空", "several": True}),
    ("煮几分钟？", {"intent": "answer"}),
    ("信里屋顶什么时候修？", {"intent": "answer"}),
    ("最晚用到几点", {"intent": "answer", "order": ""}),
    ("那一段旁白说了啥", {"intent": "listen", "when": "at", "subject": ""}),
    (
        "第一张和第三张有什么不同？",
        {"intent": "compare", "reference": Reference("ordinal", 1, more=(3,))},
    ),
    ("上一个", {"intent": "pick", "reference": Reference("before")}),
    ("录音总共多长", {"intent": "facts", "fact": "length", "subject": ""}),
    ("不不，我问的是发票", {"continues": True, "subject": "发票"}),
    ("文件夹里有没有熊猫的照片", {"intent": "find", "subject": "熊猫", "modality": "image"}),
    ("有多少张城堡的照片", {"intent": "count", "subject": "城堡", "modality": "image"}),
    ("没有动物的", {"excluded": ("动物",), "subject": ""}),
    ("第二张", {"intent": "pick", "reference": Reference("ordinal", 2)}),
    ("2019年夏天的城堡", {"subject": "城堡", "after": "2019-06", "before": "2019-09"}),
    ("去年的照片", {"after": "2023", "before": "2024", "modality": "image"}),
    ("上面写着什么", {"intent": "read"}),
    ("它是什么时候拍的", {"intent": "facts", "fact": "date", "reference": Reference("it")}),
    ("谢谢", {"intent": "thanks"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), CASES, ids=[said for said, _ in CASES])
def test_requests_are_understood(said: str, expected: dict[str, Any]) -> None:
    module = english if said.isascii() else chinese
    plan = module.understand(said, TODAY)
    assert {name: getattr(plan, name) for name in expected} == expected
    assert Plan.of(plan.as_dict()) == plan


def test_what_means_something_is_not_mended() -> None:
    assert corrected("shwo me hosts and mowers") == "show me hosts and mowers"


@pytest.mark.parametrize("module", [english, chinese])
@pytest.mark.parametrize("said", ["", "?!", "\x1f\x1f", "a" * 4000, "((((", "的" * 500, "1" * 300])
def test_anything_may_be_said(module: Any, said: str) -> None:
    assert module.understand(said, TODAY).intent
