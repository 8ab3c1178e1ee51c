from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.searches import with_base
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.turns import Citation, Reply, Turn
from sensorium.dialogue.understanding import chinese, english
from sensorium.dialogue.understanding.references import (
    base_of,
    cited_before,
    each_request,
    last_of,
    resolve,
)

TODAY = datetime.date(2024, 11, 20)


def turn(
    ids: Sequence[int], plan: Plan, *, refers: Sequence[int] = (), refused: bool = False
) -> Turn:
    """A turn whose reply shows items with these ids; those over 100 are films."""
    hits = tuple(
        Hit(n, f"{n}", "video" if n > 100 else "image", {}, span=None, score=0.0) for n in ids
    )
    reply = Reply(
        "", items=hits, refers=tuple(refers), refused=refused, plan=plan.as_dict(),
        citations=tuple(Citation(n, f"{n}", "image", number=k) for k, n in enumerate(ids, 1)),
    )  # fmt: skip
    return Turn("", (), reply)


BOATS = turn([1, 2, 3, 4], Plan(subject="boats", several=True))
SECOND = turn([2], Plan("pick", reference=Reference("ordinal", 2)), refers=[2])
CATS = turn([5], Plan(subject="a cat"))
MORE_BOATS = turn([1, 2, 3], Plan("count", subject="boats"))
BOATS_AT_SEA = turn([3], Plan(subject="boats at sea"))
SHARKS = turn([7, 8], Plan(subject="sharks", several=True), refused=True)

CASES = [
    ("the third one", "第三张", [BOATS], [3]),
    ("the last but one", "倒数第二张", [BOATS], [3]),
    ("the first and the last one", "第一张和最后一张", [BOATS], [1, 4]),
    ("the first two", "前两张", [BOATS], [1, 2]),
    ("the last two", "最后两张", [BOATS], [3, 4]),
    ("the seventh", "第七张", [BOATS], []),
    ("all except the second", "除了第二张", [BOATS], [1, 3, 4]),
    ("it", "它", [BOATS], []),
    ("it", "它", [BOATS, SECOND], [2]),
    ("it", "它", [CATS], [5]),
    ("the other three", "另外三张", [BOATS, SECOND], [1, 3, 4]),
    ("the other two", "另外两张", [BOATS, SECOND], []),
    ("the others", "其他几张", [BOATS, SECOND], [1, 3, 4]),
    ("the other three", "另外三张", [BOATS, BOATS_AT_SEA], [1, 2, 4]),
    ("the others", "其他几张", [CATS, BOATS, BOATS_AT_SEA], [1, 2, 4]),
    ("those", "这些", [BOATS, SECOND], [1, 2, 3, 4]),
    ("the third one", "第三张", [BOATS, SHARKS], [3]),
    ("the one before", "上一张", [BOATS, SECOND, CATS], [2]),
    ("your first answer", "你的第一个回答", [BOATS, SECOND, CATS], [1, 2, 3, 4]),
    ("what you showed me two turns ago", "两轮之前的那张", [BOATS, SECOND, CATS], [2]),
    ("that film", "那部影片", [turn([6, 101], Plan(subject="trees", several=True))], [101]),
    ("the middle one", "中间那张", [turn([1, 2, 3], Plan(several=True))], [2]),
    ("the middle one", "中间那张", [BOATS], []),
    ("the other one", "还有一张呢", [BOATS, turn([2], Plan()), turn([1], Plan()), MORE_BOATS], [3]),
    ("the one before", "上一张", [CATS, SHARKS], [5]),
    ("the next one", "后面那张", [BOATS, SECOND], [3]),
    ("the latter", "最后那张", [turn([1, 2], Plan(several=True))], [2]),
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("english_said", "chinese_said", "turns", "expected"), CASES)
def test_what_is_meant(
    language: str, english_said: str, chinese_said: str, turns: list[Turn], expected: list[int]
) -> None:
    said = english_said if language == "en" else chinese_said
    plan = (english if language == "en" else chinese).understand(said, TODAY)
    assert plan.reference is not None
    resolved = resolve(plan.reference, turns)
    assert [hit.id for hit in resolved.hits] == expected
    if not expected:  # it asks back
        assert resolved.among or resolved.shown


def test_several_in_chinese_are_asked_back() -> None:
    plan = chinese.understand("风车", TODAY)
    resolved = resolve(Reference("it"), [turn([1, 2, 3], plan)])
    assert not resolved.hits and len(resolved.among) == 3


def test_citations_count_in_the_last_reply() -> None:
    assert cited_before([BOATS], 3) == 3
    assert cited_before([BOATS], -1) == 4
    assert cited_before([BOATS], 9) is None


def test_parts_of_a_turn_are_turns_for_what_refers_to_them() -> None:
    both = Turn("", (), Reply("", parts=(BOATS.reply, SECOND.reply)))
    turns = each_request([both])
    assert [hit.id for hit in resolve(Reference("it"), turns).hits] == [2]
    assert [hit.id for hit in resolve(Reference("ordinal", 4), turns).hits] == [4]


def test_a_question_about_one_is_asked_of_another() -> None:
    asked = turn([2], Plan("facts", fact="date", reference=Reference("ordinal", 2)), refers=[2])
    plan = english.understand("and the third?", TODAY)
    again = with_base(plan, base_of([BOATS, asked]), last_of([BOATS, asked]))
    assert (again.intent, again.fact, again.reference) == ("facts", "date", Reference("ordinal", 3))
    assert with_base(plan, base_of([BOATS]), last_of([BOATS])).intent == "pick"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("and horses?", {"subject": "horses", "after": "2019", "excluded": ()}),
        ("and in winter?", {"subject": "boats, in winter", "after": "2019"}),
        ("from any year", {"subject": "boats", "after": "", "excluded": ("people",)}),
        ("people are fine too", {"subject": "boats", "after": "2019", "excluded": ()}),
        ("only 2021", {"subject": "boats", "after": "2021", "excluded": ("people",)}),
        ("films, not photos", {"subject": "boats", "modality": "video"}),
        ("不限年份", {"subject": "boats", "after": "", "excluded": ("people",)}),
        ("那猫呢", {"subject": "猫", "after": "2019", "excluded": ()}),
        ("只要冬天的", {"subject": "boats, 冬天", "after": "2019"}),
    ],
)
def test_what_is_not_said_is_as_before(said: str, expected: dict[str, object]) -> None:
    base = Plan(subject="boats", excluded=("people",), after="2019", before="2020", several=True)
    plan = (english if said.isascii() else chinese).understand(said, TODAY)
    found = with_base(plan, base)
    assert {name: getattr(found, name) for name in expected} == expected
