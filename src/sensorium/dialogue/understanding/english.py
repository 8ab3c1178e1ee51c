"""English requests: word classes, taken out in turn; what is left over is the subject.

`english_words` has the classes.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace

from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.understanding import english_frames as frames
from sensorium.dialogue.understanding import english_words as words
from sensorium.dialogue.understanding.dates import Period, take_period
from sensorium.dialogue.understanding.english_facts import spelt_out
from sensorium.dialogue.understanding.english_going_on import going_on
from sensorium.dialogue.understanding.english_phrases import Meant, take_phrase
from sensorium.dialogue.understanding.numbers import number_of
from sensorium.dialogue.understanding.scanning import GAP, Scan
from sensorium.dialogue.understanding.spelling import corrected


@dataclass(frozen=True)
class Kinds:
    """A kind of media that a request names, and whether it names one or several."""

    modality: str = ""
    several: bool = False


def understand(said: str, today: datetime.date, *, given: int = 0) -> Plan:
    """A plan for an English request.

    Parameters
    ----------
    said : str
    today : date
    given : int
        Media that came with it: "this" means them.
    """
    plain = corrected(_plain(said))
    if not plain.strip(" .!?,"):
        return Plan(intent="find" if given else "help", given=bool(given), question=said)
    if (bare := words.BARE.match(plain)) is not None and not given:
        fact = {"when": "date", "where": "place"}[bare[1]]
        return Plan(intent="facts", fact=fact, reference=Reference("it"), question=said)
    scan = Scan(spelt_out(plain))
    talk = _small_talk(scan, given)
    if talk:
        return Plan(intent=talk, question=said)
    plain = frames.bare(scan.rest)
    if words.HOLDS.search(plain):
        return Plan(intent="holds", question=said)
    if (more := words.MORE.match(plain)) is not None:
        return Plan(intent="more", number=_count_of(more[0]), question=said)
    goes = going_on(plain)
    if goes.widened:
        return Plan(continues=True, widened=goes.widened, question=said)
    scan = Scan(goes.rest)
    page = scan.take(words.PAGE)
    few = scan.take(words.IF)
    scan.rest, meant = take_phrase(frames.without_relatives(scan.rest))
    scan.rest = frames.without_relatives(scan.rest)
    if (judged := _judged(scan.rest, given)) is not None:
        if judged.reference is not None and meant is not None and meant.reference is not None:
            judged = replace(judged, reference=meant.reference)
        return replace(judged, question=said)
    plan = _scanned(scan, today, given, goes.rest, meant, page)
    if few and few["n"]:
        plan = replace(plan, number=number_of(few["n"]))
    adds = bool(goes.adds and plan.subject) and plan.intent == "find" and not given
    adds = adds and plan.reference is None and not plan.definite
    if adds:  # "boats" and "in winter"
        plan = replace(plan, subject=f"{goes.adds} {plan.subject}")
    return replace(
        plan, question=" ".join(said.split()), continues=goes.continues or plan.continues,
        same=plan.same or adds,
    )  # fmt: skip


def _judged(text: str, given: int) -> Plan | None:
    """A question whether one item is or shows a thing; None for any other."""
    judged = words.IS.match(text)
    if judged is None:
        return None
    thing = next(filter(None, (judged[n] for n in ("what", "there", "shows", "see", "app"))), "")
    names = ("ref", "ref2", "ref3", "ref4", "ref5")
    referred = next(filter(None, (judged[n] for n in names)), "it")
    reference, means_given = _reference(Scan(referred), given)
    thing = _edged(re.sub(rf"^(?:an?|the)?\s*(?:{words.ANY_KIND})\s+of\s+", "", thing))
    if not thing or words.COMPARISON.search(thing) or thing in words.NO_THING:
        return None
    return Plan(
        intent="is", subject=thing, reference=reference, given=means_given,
        fact="" if judged["what"] else "there",
    )  # fmt: skip


def _scanned(
    scan: Scan,
    today: datetime.date,
    given: int,
    plain: str,
    meant: Meant | None,
    page: re.Match[str] | None,
) -> Plan:
    """A plan by the classes of words that are found, in the order in which they bind."""
    meant = meant or Meant()
    beside = next((name for name, pattern in words.BESIDE if scan.take(pattern)), "")
    if beside:
        scan.take_all(words.TAKEN)
    second = _second(scan)
    # What is between quotes is the subject, whatever words stand in it.
    quoted = scan.take(words.QUOTED)
    of_item = scan.take(words.SAYS_ABOUT)
    intent, fact, order = ("listen", "", "") if of_item else _intent(scan)
    relevant = True
    if intent == "label":
        relevant = scan.take(words.WRONG) is None
        scan.take(words.RIGHT)
    when = next((name for name, pattern in words.WHEN if scan.take(pattern)), "")
    named = (
        scan.take(words.NAMED_ITEM)
        if intent in ("listen", "read", "transcribe") and (not given)
        else None
    )
    same = scan.take(words.SAME) is not None and intent != "compare"
    another = scan.take(words.ANOTHER_ONE) if intent == "" else None
    similar = scan.take(words.SIMILAR) is not None
    period = take_period(scan, "en", today) or Period()
    reference, means_given = _reference(scan, given)
    is_own = meant.reference is not None and meant.reference.kind == "given"
    if given and (meant.definite or is_own) and meant.reference is not None:
        meant = replace(meant, reference=None, definite=False)  # "this instrument" was given
        reference, means_given = None, True
    elif meant.definite and meant.reference is None:
        scan.take_all(words.IT)  # "the one with the umbrella, where was it taken"
        reference, means_given = None, False
    elif meant.reference is not None:
        reference, means_given = meant.reference, False
    elif meant.definite:
        reference, means_given = None, False
    if intent == "compare" and reference is not None and reference.kind == "before":
        reference = Reference("two")  # "compare it with the one before"
    if intent == "explain":
        scan.take_all(words.MATCHED)
    excluded = (*meant.excluded, *_excluded(scan))
    order = (
        order
        or meant.order
        or next((name for name, pattern in words.ORDER if scan.take(pattern)), "")
    )
    than = beside or next((name for name, pattern in words.THAN if scan.take(pattern)), "")
    number = meant.number or _number(scan)
    if intent in ("moment", "listen"):
        scan.take_all(words.MOMENT_VERBS)
    kinds = _kinds(scan)
    if similar and reference is None and not given:
        reference = Reference("it")
    scan.take_all(words.ASKING)
    subject = quoted[1].strip() if quoted else _edged(scan.rest)
    described = another["what"] if another is not None else meant.described
    subject = f"{described} {subject}".strip()
    return _settled(
        Plan(
            intent=intent or "find", subject=subject, excluded=excluded,
            modality=kinds.modality, after=period.after, before=period.before, order=order,
            than=than, number=number, reference=reference,
            given=means_given or bool(given and same),
            same=same or another is not None,
            several=kinds.several or _is_plural(subject), fact=fact, relevant=relevant, when=when,
            item=_item_of(of_item or named), page=_page_of(page),
            definite=meant.definite, but_one=meant.but_one, second=second,
        ),
        plain, similar, asked=intent != "",
    )  # fmt: skip


def _second(scan: Scan) -> float | None:
    """The moment of a film or recording that is meant, in seconds."""
    match = words.SECOND.search(scan.rest)
    if match is None:
        return None
    rest = f"{scan.rest[: match.start()]} {scan.rest[match.end() :]}"
    if not words.SECOND_ALONE.fullmatch(rest):
        return None
    scan.rest = rest
    if match["s"]:
        return float(int(match["h"] or 0) * 3600 + int(match["m"]) * 60 + int(match["s"]))
    number = int(match["n"] or match["n2"])
    return float(number * 60 if match["minute"] or match["minutes"] else number)


def _count_of(text: str) -> int:
    """The first number in a text; 0 for none."""
    return next((n for n in map(number_of, re.findall(r"\w+", text)) if n > 1), 0)


def _item_of(match: re.Match[str] | None) -> str:
    """The item that is named; "the papers" are all."""
    name = match["name"] if match is not None else ""
    return "" if name in words.ANYTHING or name.endswith("s") else name


def _page_of(match: re.Match[str] | None) -> int:
    if match is None:
        return 0
    return -1 if match["o"] == "last" else number_of(match["n"] or match["o"])


def _plain(said: str) -> str:
    text = " ".join(said.replace("’", "'").replace(GAP, " ").split()).lower()
    text = re.sub(r"\b(what|who|where|when|how|that|it|there|here)'s\b", r"\1 is", text)
    return re.sub(r"\b(what|who|where)s\b", r"\1 is", text).replace("w/", "with")


def _small_talk(scan: Scan, given: int) -> str:
    """What is no request; a greeting before one is taken."""
    if (match := words.GREETING.match(scan.rest)) is not None:
        scan.rest = scan.rest[match.end() :]
    if given:
        return ""
    few = len(scan.rest.split()) < words.ENOUGH
    if not scan.rest.strip(" .!?,") or (few and scan.has(words.HELP)):
        return "help"
    return "thanks" if few and words.THANKS.match(scan.rest) else ""


def _intent(scan: Scan) -> tuple[str, str, str]:
    """What is wanted, with the fact or order that it is about; "" where nothing is said."""
    if words.LABEL.search(scan.rest):
        scan.take(words.LABEL_VERB)
        return "label", "", ""
    if scan.take(words.APART) is not None:
        return "compare", "apart", "oldest"
    if (compared := scan.take(words.COMPARE)) is not None:
        more = (compared["more"] or compared["more2"] or "").strip()
        if re.search(r"\b(?:both|the two|(?:these|those) two)\b", compared[0]):
            scan.rest = f"both {GAP} {scan.rest}"  # what it says of them stays
        order = {
            "older": "oldest", "newer": "newest", "larger": "largest", "bigger": "largest",
            "biggest": "largest", "smaller": "smallest", "longer": "longest",
            "shorter": "shortest", "taken first": "oldest", "earlier": "oldest", "later": "newest",
            "first": "oldest", "last": "newest",
        }.get(more, more)  # fmt: skip
        return "compare", "", order
    if (named := words.FACT_NOUN.match(scan.rest)) is not None:
        scan.take(words.FACT_NOUN)
        scan.rest = f"{scan.rest} it" if named["its"] else scan.rest
        return "facts", next(fact for fact in words.FACT_NOUNS if named[fact]), ""
    for fact, pattern in words.FACT:
        if scan.take(pattern) is not None:
            scan.take(re.compile(r"\b(?:taken|made|shot|recorded|photographed|filmed|created)\b"))
            scan.take(re.compile(r"\b(?:from|last|take)(?=\W*$)"))
            return "facts", fact, ""
    if scan.has(words.FILM_WORD) and scan.take(words.WHICH_IN) is not None:
        scan.take(words.MOMENT)
        return "moment", "which", ""
    classes = (
        ("count", words.COUNT), ("transcribe", words.TRANSCRIBE), ("quote", words.QUOTE),
        ("moment", words.MOMENT), ("listen", words.LISTEN),
        ("read", words.READ), ("explain", words.EXPLAIN), ("look", words.LOOK),
    )  # fmt: skip
    for intent, pattern in classes:
        if (match := scan.take(pattern)) is not None:
            if intent == "read" and match.groupdict().get("doc"):
                scan.rest += f" the {match['doc']}"
            return intent, "", ""
    return "", "", ""


def _reference(scan: Scan, given: int) -> tuple[Reference | None, bool]:
    """Items that are meant by what was said before, and whether media of this turn are meant."""
    if scan.take(words.BOTH) is not None:
        return Reference("two"), False
    if (match := scan.take(words.THOSE)) is not None:
        is_given = given > 1 or (given and "these" in match[0])
        return (None, True) if is_given else (Reference("those"), False)
    if (match := scan.take(words.IT)) is not None:
        return (
            (None, True)
            if given
            else (Reference("it", 1, words.kind_of(match["ikind"] or "")), False)
        )
    if (match := scan.take(words.THE_KIND)) is not None:
        kind = next((name for name in words.KINDS if match[name]), "")
        if given:
            return None, True
        return Reference("kind", 1, kind), False
    return None, False


def _excluded(scan: Scan) -> tuple[str, ...]:
    found = []
    for match in scan.take_all(words.NOT):
        for part in re.split(r"\s+(?:or|and|nor)\s+(?:no\s+)?|\s*,\s*", match["what"]):
            if thing := _edged(part):
                found.append(thing)
    return tuple(found)


def _number(scan: Scan) -> int:
    match = words.MANY.search(scan.rest)
    if match is None or words.OF_THINGS.search(scan.rest[: match.start()]):
        return 0
    scan.take(words.MANY)
    return 3 if match["few"] else number_of(match["n"])


def _kinds(scan: Scan) -> Kinds:
    """The kind of media that is named; what two of them name ("photos and films") is every kind."""
    found: list[Kinds] = []
    for match in scan.take_all(words.KIND_WORD):
        kind = next(name for name in words.KINDS if match[name])
        word = match[kind]
        found.append(Kinds(kind, word.endswith("s") or word in ("footage",)))
    if not found:
        return Kinds()
    kinds = {one.modality for one in found}
    several = any(one.several for one in found)
    return Kinds(found[0].modality if len(kinds) == 1 else "", several)


def _edged(text: str) -> str:
    """A subject without what stands around it."""
    text = " ".join(re.sub(rf"[{GAP}?!.,;:]+", " ", text).split())
    before = None
    while before != text:
        before = text
        text = words.EDGES.sub("", text).strip(" '\"-")
    return text


def _is_plural(subject: str) -> bool:
    last = subject.rsplit(" ", 1)[-1]
    return len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is"))


def _settled(plan: Plan, plain: str, similar: bool, *, asked: bool) -> Plan:
    """Settle what only the whole of a request tells."""
    is_bare = not (plan.subject or plan.has_conditions) and plan.intent == "find"
    if plan.same and plan.reference is not None and is_bare:  # "the same question for the third"
        return replace(plan, intent="pick", same=False, continues=True)
    if plan.intent == "quote" and plan.reference is not None and plan.reference.kind == "turn":
        return replace(plan, intent="pick")
    if plan.second is not None:
        return replace(plan, intent="listen", subject="", when="")
    if plan.when in ("after", "before") and re.search(r"\bpage\b", plain):
        return replace(plan, intent="read", modality="", subject="")
    if plan.intent == "count" and words.OF_TEXT.match(plain):
        return replace(plan, intent="answer")
    if similar:
        return replace(plan, intent="find", fact="similar")
    if plan.when and plan.intent in ("find", "look", "moment") and not plan.subject:
        return replace(plan, intent="listen")
    if plan.page and plan.intent in ("find", "look", "listen", "answer"):
        return replace(plan, intent="read")
    if asked or plan.same or plan.definite:
        return plan
    if plan.reference is not None and not plan.subject and not plan.has_conditions:
        return replace(plan, intent="pick")
    if words.FIND_WHAT.match(plain) or plan.than or plan.order:
        return plan
    if plan.reference is not None and plan.reference.kind == "those" and plan.subject:
        return plan  # "which of these have people in them"
    if plan.subject and (
        words.MAY.match(plain) or words.OPEN.match(plain) or words.OPEN_END.search(plain)
    ):
        return replace(plan, intent="answer")
    return plan
