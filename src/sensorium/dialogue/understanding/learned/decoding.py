"""From what the network says of a request to a plan; values are read from the words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.understanding.dates import Period
from sensorium.dialogue.understanding.learned import values
from sensorium.dialogue.understanding.learned.labels import HEADS, SPANS, TAGS
from sensorium.dialogue.understanding.learned.units import Unit

ALONE = frozenset({"more", "help", "thanks", "holds"})
"""Intents of which nothing else is said."""

NEAR = 2
"""Units between two parts of what is sought up to which these are one: a word that was missed."""

_JOINTS = re.compile(r"[\s'’,.、的-]*(?:(?:a|an|the|of|in|on|at|with|and|from|for)\s+)?")
"""What may stand between two parts of a span that are one."""

_SINGULAR_ENDS = ("ss", "us", "is")
_SEVERAL = re.compile(
    r"\b(?:photos|pictures|images|pics|shots|snaps|films|videos|clips|movies|recordings|sounds|songs"
    r"|documents|texts|files|footage|all|some|any|every|each|everything|ones|those|them)\b"
)
_ONE_CHINESE = re.compile(r"一[张个幅段条份部首篇]|那[张个幅段条份部首篇]|哪[张个幅段条份部首篇]")
_THERE = re.compile(
    r"\b(?:there|shows?|see|seen|contain|have|has|got|any|appears?|visible|with)\b|有|看[得]?[到见]"
)


@dataclass(frozen=True)
class Said:
    """What the network says: the likeliest class of each head, its probability, and spans.

    Attributes
    ----------
    classes : dict of str to str
    sure : dict of str to float
        Probability of each class.
    spans : dict of str to list of (int, int)
        Units from and up to, of each span.
    """

    classes: Mapping[str, str]
    sure: Mapping[str, float]
    spans: Mapping[str, Sequence[tuple[int, int]]]


def said_of(heads: npt.NDArray[np.float32], tags: npt.NDArray[np.float32]) -> Said:
    """Classes and spans of logits: of heads side by side (classes,), of units (units, tags)."""
    classes, sure, begin = {}, {}, 0
    for name, names in HEADS.items():
        logits = heads[begin : begin + len(names)]
        begin += len(names)
        likely = np.exp(logits - logits.max())
        classes[name] = names[int(logits.argmax())]
        sure[name] = float(likely.max() / likely.sum())
    return Said(classes, sure, _spans(tags))


def _spans(tags: npt.NDArray[np.float32]) -> dict[str, list[tuple[int, int]]]:
    """Stretches of units of one span; an inside without a beginning begins one."""
    found: dict[str, list[tuple[int, int]]] = {span: [] for span in SPANS}
    last = ""
    for place, tag in enumerate(tags.argmax(axis=1)):
        begins, _, span = TAGS[int(tag)].partition("-")
        if span and (span != last or (begins == "B" and span != "subject")):
            found[span].append((place, place + 1))
        elif span:
            found[span][-1] = (found[span][-1][0], place + 1)
        last = span
    return found


def plan_of(
    said: Said,
    text: str,
    found: Sequence[Unit],
    language: str,
    today: datetime.date,
    ruled: Plan,
    given: int = 0,
) -> Plan:
    """The plan of a request.

    Parameters
    ----------
    said : Said
    text : str
        The request.
    found : sequence of Unit
        Its units.
    language : {"en", "zh"}
    today : date
    ruled : Plan
        What the rules read: numbers that they name are taken from it.
    given : int
        Media that came with it.
    """
    of = said.classes
    sought = said.spans["subject"]
    if of["intent"] != "compare":  # what is compared are several
        sought = _last(found, sought)
    subject = " ".join(_words(text, found, sought))
    excluded = tuple(_words(text, found, said.spans["excluded"], joined=False))
    item = " ".join(_words(text, found, said.spans["item"]))
    if of["intent"] == "answer" and not subject:
        subject = ruled.subject or " ".join(text.lower().split())  # what its texts are sought by
    rest = _without(text, found, [one for spans in said.spans.values() for one in spans])
    reference = _reference(of, rest, ruled)
    period = values.period_of(text, language, today) if of["dated"] else Period()
    number = 0
    if of["number"]:
        number = values.count_of(rest)
        number = ruled.number or 1 if number == 1 else number
    several = number != 1 and (number > 1 or _is_several(rest, subject, language))
    fact = of["fact"]
    if of["intent"] == "is" and _THERE.search(rest.lower()):
        fact = "there"
    second = None
    if of["second"]:
        second = ruled.second if ruled.second is not None else values.second_of(text)
    page = values.page_of(text, of["page"]) if of["page"] else 0
    plan = Plan(
        intent=of["intent"], subject=subject, excluded=excluded, modality=of["kind"],
        after=period.after, before=period.before, order=of["order"], than=of["than"],
        number=number, reference=reference, given=bool(of["given"]) and given > 0,
        same=of["goes on"] == "adds" or (ruled.same and bool(of["goes on"]) and not subject),
        continues=bool(of["goes on"]), several=several, fact=fact, relevant=not of["wrong"],
        item=item, when=of["when"], second=second, page=page, definite=bool(of["definite"]),
        but_one=bool(of["but one"]), widened=of["widened"], question=" ".join(text.split()),
    )  # fmt: skip
    return settled(plan, given)


def settled(plan: Plan, given: int = 0) -> Plan:
    """A plan whose parts go together: classes are told one by one, and may contradict."""
    if plan.intent in ALONE:
        return Plan(intent=plan.intent, number=plan.number, question=plan.question)
    reference = plan.reference
    if given and reference is not None and reference.kind in ("given", "it"):
        plan = replace(plan, reference=None, given=True)
    bare = not (plan.subject or plan.has_conditions or plan.number)
    if plan.fact == "similar" and plan.reference is None and not plan.given:
        plan = replace(plan, reference=Reference("it"))
    if plan.but_one and not plan.excluded:
        plan = replace(plan, but_one=False)
    if plan.definite and not (plan.subject or plan.excluded or plan.after or plan.before):
        plan = replace(plan, definite=False)
    if plan.intent == "is" and not plan.subject:
        plan = replace(plan, intent="look")
    if plan.intent == "facts" and not plan.fact:
        plan = replace(plan, intent="look")
    if plan.intent == "pick" and plan.reference is None:
        wanted = "it" if bare and not plan.given else ""
        found = Reference(wanted) if wanted else None
        plan = replace(plan, intent="pick" if found else "find", reference=found)
    if plan.intent == "find" and bare and plan.reference is not None and not plan.fact:
        plan = replace(plan, intent="pick")
    return plan


def says_nothing(plan: Plan) -> bool:
    """Whether a plan to find something says nothing of what."""
    said = plan.subject or plan.has_conditions or plan.reference or plan.given or plan.widened
    return plan.intent == "find" and not said


def _reference(of: Mapping[str, str], rest: str, ruled: Plan) -> Reference | None:
    kind = of["reference"]
    if not kind:
        return None
    own, same = values.reference_of(kind, of["reference kind"], rest), ruled.reference
    if same is None or same.kind != own.kind or len(same.more) < len(own.more):
        return own
    if kind == "other" and same.number != 1:
        return own
    return replace(own, number=same.number, more=same.more)


def _last(found: Sequence[Unit], spans: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """The last span, with those near before it: who tells a story first asks in the end."""
    joined = list[tuple[int, int]]()
    for begin, end in spans:
        if joined and _is_near(found[joined[-1][1] - 1 : begin]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined[-1:]


def _is_near(between: Sequence[Unit]) -> bool:
    """Whether no sentence ends, and few words stand, between two parts; with the last of one."""
    last, *rest = between
    is_initial = len(last.text) == 1 and last.text.isascii()  # "Charles J. Sharp"
    return len(rest) <= NEAR and all(
        unit.text.isalnum() or (unit.text == "." and is_initial) for unit in rest
    )


def _words(
    text: str, found: Sequence[Unit], spans: Sequence[tuple[int, int]], *, joined: bool = True
) -> list[str]:
    """The words of spans; two with nothing but small words between them are one."""
    parts: list[tuple[int, int]] = []
    for begin, end in spans:
        start, stop = found[begin].start, found[end - 1].end
        if joined and parts and _JOINTS.fullmatch(text[parts[-1][1] : start]):
            parts[-1] = (parts[-1][0], stop)
        else:
            parts.append((start, stop))
    words = [" ".join(re.sub(r"[,，;、]", " ", text[a:b].lower()).split()) for a, b in parts]
    return [word for word in words if word]


def _without(text: str, found: Sequence[Unit], spans: Sequence[tuple[int, int]]) -> str:
    """A request without spans."""
    for begin, end in sorted(spans, reverse=True):
        text = f"{text[: found[begin].start]} \x1f {text[found[end - 1].end :]}"
    return text


def _is_several(rest: str, subject: str, language: str) -> bool:
    if language == "zh":
        return _ONE_CHINESE.search(rest) is None
    last = subject.split(" of ")[0].split(" with ")[0].split(" in ")[0].rsplit(" ", 1)[-1]
    plural = len(last) > 3 and last.endswith("s") and not last.endswith(_SINGULAR_ENDS)
    return plural or _SEVERAL.search(rest.lower()) is not None
