"""Questions for words: they are read as they are written, and what is found does not get less."""

from __future__ import annotations

from argparse import Namespace

import pytest

from benchmarks import words
from benchmarks.words import QUESTIONS, SYSTEMS, interval, read_questions, run


def test_questions_are_read() -> None:
    scripts = read_questions("# x\n## a\nDSC1.jpg | a dog\nfish\n?? b = 1\n? c d = 1 2\n? e =\n")
    assert scripts["a"].items == [("DSC1.jpg", "a dog"), ("", "fish")]
    assert scripts["a"].questions == [("c d", {0, 1}), ("e", set())]
    assert scripts["a"].chosen == [("b", {0})]
    with pytest.raises(AssertionError):
        read_questions("## a\nfish\n? b = 2\n")


def test_there_are_enough_and_none_twice() -> None:
    scripts = read_questions(QUESTIONS.read_text("utf-8"))
    assert len(scripts) >= 12
    for script in scripts.values():
        assert len(script.questions) >= 15
        assert len({question for question, _ in script.questions}) == len(script.questions)


def test_what_is_found_does_not_get_less() -> None:
    rows = run(Namespace(quick=True, chosen=False, questions=False))
    found = {(row.system, row.case, row.metric): row.value for row in rows}
    ours, before = list(SYSTEMS)[:2]
    for metric in ("recall", "first"):
        assert found[ours, words.ALL, metric] >= 0.98
        assert found[before, words.ALL, metric] < 0.75
    assert found[ours, "gain: recall", "low"] > 0.2


def test_wilsons_interval() -> None:
    assert interval(1.0, 10) == pytest.approx((0.722, 1.0), abs=1e-3)  # Brown and others 2001
    assert interval(0.5, 40) == pytest.approx((0.352, 0.648), abs=1e-3)
