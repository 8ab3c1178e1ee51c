"""Which of two plans of one request holds: that of the rules, or the learned one.

Where both want the same, and the rules leave a phrase over to be sought, the phrase holds: a word
too many costs a search little, and one that is missed much. Of stories and asides they leave
everything over, and of half sentences they do not know what is wanted: there the network is right
far oftener (`recipes/requests/README.md`).
"""

from __future__ import annotations

from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.learned.decoding import Said, says_nothing
from sensorium.dialogue.understanding.learned.units import units

PHRASE = {"en": 10, "zh": 14}
"""Words, or characters, of a phrase that rules leave over; what is longer is a story."""

SPEAKING = frozenset(
    ["i", "i'm", "i'd", "i've", "me", "my", "we", "us", "our", "you", "your", "he", "she", "her",
     "his", "am", "would", "could", "should", "please", "need", "want", "wants", "adores", "love",
     "have", "any", "我", "你", "您", "他", "她", "们", "请", "想", "给", "帮", "要", "咱", "俺"]
)  # fmt: skip
"""Words of who speaks, which are in no phrase that is sought: what rules leave over is a story."""

SHORT = {"en": 4, "zh": 6}
"""Of one that hardly has a word too many."""

SURE, SURE_AGAINST = 0.5, 0.7
"""Probability of the least sure class of a learned plan, from which on it holds against the rules:
where they leave much over, and where little."""

LEFT_TO_RULES = {
    "find": ("answer", "count", "is", "pick"), "answer": ("find", "listen", "moment"),
}  # fmt: skip
"""Intents of the rules, and those of the network that do not take their place: a search finds what
texts say as well, and an answer is only given where it can be quoted."""

BY_RULES = frozenset({"label"})
"""What changes a collection is done where the rules read it in plain words, and nowhere else."""

NEVER_TRIED = BY_RULES | {"help", "thanks", "holds"}
"""Intents of which no other is tried, and that are not tried: they always lead somewhere."""


def chosen(ruled: Plan, learned: Plan, said: Said, language: str) -> Plan:
    """The plan that holds.

    Parameters
    ----------
    ruled, learned : Plan
    said : Said
        What the learned one was made of.
    language : {"en", "zh"}
    """
    is_whole = not ruled.subject and ruled.intent != "answer"
    if {ruled.intent, learned.intent} & BY_RULES or is_whole or says_nothing(learned):
        return ruled
    left = [unit.text for unit in units(ruled.subject)]
    is_kept = {unit.text for unit in units(learned.subject)} <= {*left}
    is_phrase = len(left) <= PHRASE[language] and not SPEAKING & {*left}
    if ruled.intent == learned.intent and is_kept and is_phrase:
        return ruled
    if learned.intent in LEFT_TO_RULES.get(ruled.intent, ()):
        return ruled
    is_short = len(left) <= SHORT[language] and is_phrase
    needed = SURE_AGAINST if is_short else SURE
    return learned if min(said.sure.values()) >= needed else ruled


def otherwise(plan: Plan, ruled: Plan, learned: Plan) -> Plan | None:
    """What a request may mean as well, where the plan that holds leads nowhere.

    Parameters
    ----------
    plan : Plan
        Of the two others, the one that holds.
    ruled, learned : Plan
    """
    other = learned if plan == ruled else ruled
    is_alone = {ruled.intent, learned.intent} & NEVER_TRIED
    return None if other == plan or is_alone or says_nothing(other) else other
