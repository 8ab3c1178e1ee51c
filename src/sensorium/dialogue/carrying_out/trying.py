"""Whether what comes of a request in another meaning tells more than that the first led nowhere.

Some ways of carrying out always lead somewhere: an item that was shown can always be picked and
looked at, one of several is always likeliest, and some passage is about nearly anything. That they
do is no evidence that they were meant.
"""

from __future__ import annotations

from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.plan import Plan

OF_ANYTHING = frozenset({"pick", "look"})
"""Intents that lead somewhere whatever was asked about."""


def tells_more(outcome: Outcome, plan: Plan, first: Plan) -> bool:
    """Whether the outcome of another plan is told in place of the first plan's, which led nowhere.

    Parameters
    ----------
    outcome : Outcome
    plan : Plan
        The one that it came of.
    first : Plan
    """
    if (
        outcome.refused
        or outcome.asks
        or (outcome.kind == "told" and not outcome.values.get("of kind"))
    ):
        return False
    if first.intent == plan.intent == "answer" and first.reference and not plan.reference:
        return False  # "what will it cost": another text says that of something else
    # "The one that gives milk" is one of several, and "the sphinx" need not be.
    is_any = plan.intent in OF_ANYTHING or (plan.definite and first.number != 1)
    return not (first.subject and is_any)
