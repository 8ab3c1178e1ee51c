from __future__ import annotations

import pytest

from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.carrying_out.trying import tells_more
from sensorium.dialogue.plan import Plan, Reference

IT = Reference("it")


@pytest.mark.parametrize(
    ("first", "plan", "kind", "is_told"),
    [
        (Plan(subject="stuff"), Plan(modality="mesh"), "found", True),
        (Plan(subject="stuff"), Plan(modality="mesh"), "nothing", False),
        (Plan(subject="stuff"), Plan("answer", subject="stuff"), "which", False),
        (Plan(subject="owls with hats"), Plan("pick", reference=IT), "picked", False),
        (Plan("read", reference=IT), Plan("look", reference=IT), "described", True),
        (Plan(subject="sphinx"), Plan(subject="sphinx", definite=True), "found", False),
        (Plan(subject="gives milk", number=1), Plan(subject="milk", definite=True), "found", True),
        (Plan("answer", "cost", reference=IT), Plan("answer", "cost"), "answered", False),
        (Plan(subject="the cost"), Plan("answer", "cost"), "answered", True),
        (Plan(subject="the hour"), Plan("answer", "hour"), "told", False),
    ],
)
def test_what_leads_somewhere_whatever_was_asked_is_no_evidence(
    first: Plan, plan: Plan, kind: str, is_told: bool
) -> None:
    assert tells_more(Outcome(kind, plan), plan, first) is is_told


def test_words_of_the_kind_that_was_asked_for_are_evidence() -> None:
    outcome = Outcome("told", Plan("answer"), values={"of kind": True})
    assert tells_more(outcome, Plan("answer"), Plan("facts", fact="date"))
