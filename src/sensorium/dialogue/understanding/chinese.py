"""Chinese requests: word classes, taken out in turn; what is left over is the subject.

As in English, no sentence is listed. Chinese has no spaces, so each class is taken by its own
characters, the longest first, and what is taken leaves a gap that no other reaches across.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.understanding import chinese_words as words
from sensorium.dialogue.understanding.chinese_facts import spelt_out
from sensorium.dialogue.understanding.chinese_going_on import going_on
from sensorium.dialogue.understanding.chinese_phrases import named_kind, take_phrase
from sensorium.dialogue.understanding.chinese_spelling import corrected
from sensorium.dialogue.understanding.dates import Period, take_period
from sensorium.dialogue.understanding.english_phrases import Meant
from sensorium.dialogue.understanding.numbers import number_of
from sensorium.dialogue.understanding.scanning import GAP, Scan


def understand(said: str, today: datetime.date, *, given: int = 0) -> Plan:
    """A plan for a Chinese request; see `english.understand`."""
    plain = corrected("".join(said.replace(GAP, " ").split()).lower())
    if not plain.strip("？?。！!，,"):
        return Plan(intent="find" if given else "help", given=bool(given), question=said)
    plain = re.sub(r"^(?:这)?里[面头](?=有|一共|总共|多少|几)", "", words.GREETING.sub("", plain))
    if (talk := _small_talk(plain, given)) is not None:
        return replace(talk, question=said)
    plain = words.PAIR.sub(
        "两个", words.OWN.sub("", spelt_out(_bare(plain.replace("为啥", "为什么"))))
    )
    if given and (source := words.FROM_WHICH.search(plain)) is not None:
        kind = next(name for name in words.KINDS if source[name])
        thing = re.sub(rf"^.*?[这那]{words.MEASURE}?", "", plain[: source.start()])
        return Plan(intent="find", subject=_edged(thing), given=True, modality=kind, question=said)
    goes = going_on(plain)
    if goes.widened:
        return Plan(continues=True, widened=goes.widened, question=said)
    if words.MORE.match(plain) or words.MORE.match(goes.rest):
        return Plan(intent="more", question=said)
    if (fact := words.BARE.match(goes.rest)) is not None and not given:
        fact_of = "place" if fact["place"] else "date"
        return Plan(intent="facts", fact=fact_of, reference=Reference("it"), question=said)
    scan = Scan(goes.rest)
    quoted = scan.take(re.compile(r'["“”「]([^"“”」]+)["“”」]'))
    second = _second(scan)
    scan.rest, meant = take_phrase(scan.rest)
    if (judged := _judged(scan.rest, given)) is not None:
        if judged.reference is not None and meant is not None and meant.reference is not None:
            judged = replace(judged, reference=meant.reference)
        return replace(judged, question=said)
    plan = _scanned(scan, today, given, meant or Meant(), second)
    of_text = plan.intent == "count" and words.OF_TEXT.search(goes.rest) is not None
    if of_text or (plan.fact == "length" and _is_of_text(plan)):
        plan = replace(plan, intent="answer", fact="")
    if quoted:
        plan = replace(plan, subject=quoted[1])
    is_question = words.OPEN.search(goes.rest) is not None
    adds = (
        goes.adds and not is_question and plan.intent == "find" and bool(plan.subject) and not given
    )
    adds = bool(adds) and plan.reference is None and not plan.definite and not plan.fact
    is_same = plan.same or adds
    plan = replace(plan, question=said, same=is_same, continues=goes.continues)
    return _opened(plan, goes.rest, asked=plan.intent != "find")


def _small_talk(plain: str, given: int) -> Plan | None:
    if not plain.strip("？?。！!，,"):
        return None if given else Plan(intent="help")
    if words.THANKS.match(plain):
        return Plan(intent="thanks")
    if words.HELP.search(plain) and len(plain) < words.FEW_SIGNS:
        return Plan(intent="help")
    return Plan(intent="holds") if words.HOLDS.search(plain) else None


def _bare(plain: str) -> str:
    """A request without politeness around it; all of it where nothing else would be left."""
    rest = words.TAIL.sub("", plain)
    while (match := words.FRAMES.match(rest)) is not None and match.end():
        if not re.search(r"\w", rest[match.end() :]):
            break
        rest = rest[match.end() :]
    return rest if re.search(r"\w", rest) else plain


def _second(scan: Scan) -> float | None:
    """The moment of a film or recording that is meant, in seconds."""
    match = words.SECOND.search(scan.rest)
    if match is None:
        return None
    rest = f"{scan.rest[: match.start()]}{scan.rest[match.end() :]}"
    if not words.SECOND_ALONE.fullmatch(rest):
        return None
    scan.rest = rest
    minutes = number_of(match["m"] or match["mm"] or "零")
    seconds = number_of(match["s"] or "零")
    if match["cm"]:
        minutes, seconds = int(match["cm"]), int(match["cs"])
    return float(minutes * 60 + seconds)


def _judged(text: str, given: int) -> Plan | None:
    """A question whether one item is or shows a thing; None for any other."""
    judged = words.IS.match(text)
    if judged is None:
        return None
    if not (words.ENDS_ASKING.search(text) or words.HAS_NOT.search(text)):
        return None
    thing = _edged(judged["what"])
    reference, means_given = _reference(Scan(judged["ref"] + "是"), given)
    if not thing or words.COMPARED.search(thing) or (reference is None and not means_given):
        return None
    return Plan(intent="is", subject=thing, reference=reference, given=means_given)


def _scanned(
    scan: Scan, today: datetime.date, given: int, meant: Meant, second: float | None
) -> Plan:
    """A plan by the classes of words that are found, in the order in which they bind."""
    page = scan.take(words.PAGE)
    beside = next((name for name, pattern in words.BESIDE if scan.take(pattern)), "")
    if beside:
        scan.take_all(words.TAKEN)
    intent, fact, order, relevant = _intent(scan)
    when = ""
    if intent in ("", "listen", "look", "read"):
        when = next((name for name, pattern in words.WHEN if scan.take(pattern)), "")
    if page is not None and page["way"]:
        when = "after" if page["way"] == "下" else "before"
    same = intent != "compare" and scan.take(words.SAME) is not None
    similar = scan.take(words.SIMILAR)
    period = take_period(scan, "zh", today) or Period()
    than = beside or next((name for name, pattern in words.THANS if scan.take(pattern)), "")
    order = order or next((name for name, pattern in words.ORDERS if scan.take(pattern)), "")
    reference, means_given = _reference(scan, given)
    if similar is not None and similar["ref"]:
        reference, means_given = _reference(Scan(similar["ref"]), given)
    if meant.definite and (period.after or period.before):
        scan.take_all(words.TAKEN)  # "哪张是六月拍的"
    reference, means_given, meant = _meant(meant, reference, means_given, given)
    if intent == "compare" and reference is not None and reference.kind == "before":
        reference = Reference("two")
    if intent == "quote" and reference is not None:
        intent = "read"  # "read me what is written on the third one"
    if intent == "compare":
        scan.rest = words.POINTING.sub("", scan.rest)
    excluded = (*meant.excluded, *_excluded(scan))
    few = scan.take(words.FEW) is not None
    match = scan.take(words.MANY)
    number = meant.number or (number_of(match["n"]) if match else 0)
    is_several = few or words.SEVERAL.search(scan.rest) is not None
    modality = _kind(scan)
    if similar is not None and reference is None and not (given or means_given):
        reference = Reference("it")
    scan.take_all(words.ASKING)
    subject = f"{meant.described} {_edged(scan.rest)}".strip()
    if meant.described:
        subject = _edged(words.HAVING.sub("", subject))
    return Plan(
        intent=intent or "find", subject=subject, excluded=excluded, modality=modality,
        after=period.after, before=period.before, order=order or meant.order, than=than,
        number=0 if number == 1 and not meant.number else number, reference=reference,
        given=means_given or bool(given and same), same=same,
        several=number != 1 and (number > 1 or is_several or not meant.definite),
        fact="similar" if similar is not None else fact, relevant=relevant, when=when,
        second=second, page=_page_of(page), definite=meant.definite, but_one=meant.but_one,
    )  # fmt: skip


def _page_of(match: re.Match[str] | None) -> int:
    if match is None or match["way"]:
        return 0
    return -1 if match["last"] else number_of(match["n"])


def _meant(
    meant: Meant, reference: Reference | None, means_given: bool, given: int
) -> tuple[Reference | None, bool, Meant]:
    """What is referred to, by a phrase before a pronoun; "this" is what was given."""
    if meant.reference is None:
        return (None, False, meant) if meant.definite else (reference, means_given, meant)
    kind = meant.reference.kind
    if given and (kind in ("it", "given") or (kind == "two" and given > 1)):
        return None, True, replace(meant, reference=None, definite=False)
    return meant.reference, False, meant


def _intent(scan: Scan) -> tuple[str, str, str, bool]:
    """What is wanted, the fact or order it is about, and whether a label is right."""
    if (label := words.LABEL.search(scan.rest)) is not None:
        wrong = re.compile(r"不对|错了|错的|不是我要的|不正确|不相关|不是")
        is_wrong = scan.take(wrong) is not None
        scan.take(words.LABEL)
        scan.take(re.compile(r"是对的|正确的?|没错|对的"))
        del label
        return "label", "", "", not is_wrong
    if scan.take(words.WHICH_IN) is not None:
        scan.take(words.MOMENT)
        return "moment", "which", "", True
    if scan.take(words.APART) is not None:
        return "compare", "apart", "oldest", True
    if (compared := scan.take(words.COMPARE)) is not None:
        if compared["pair"]:
            scan.rest = f"两张{scan.rest}"
        orders = {"早": "oldest", "旧": "oldest", "老": "oldest", "晚": "newest", "新": "newest",
                  "大": "largest", "小": "smallest", "长": "longest", "短": "shortest"}  # fmt: skip
        return (
            "compare",
            "",
            orders.get(
                compared["more"]
                or compared["bare"]
                or compared["pair"]
                or compared["later"]
                or (compared["first"] and "早")
                or "",
                "",
            ),
            True,
        )
    if (named := scan.take(words.FACT_NOUN)) is not None:
        return "facts", next(fact for fact in words.FACT_NOUNS if named[fact]), "", True
    for fact, pattern in words.FACTS:
        if scan.take(pattern) is not None:
            return "facts", fact, "", True
    if words.IN_FILM.search(scan.rest) and scan.take(words.MOMENT) is not None:
        scan.take(re.compile(r"出现|出来|登场|看到|看见|听到|说到|提到|讲到|说的?(?=[？?。]*$)"))
        return "moment", "", "", True
    classes = (
        ("quote", words.QUOTE), ("count", words.COUNT), ("transcribe", words.TRANSCRIBE),
        ("read", words.READ),
        ("listen", words.LISTEN), ("explain", words.EXPLAIN), ("look", words.LOOK),
    )  # fmt: skip
    for intent, pattern in classes:
        if (match := pattern.search(scan.rest)) is not None:
            scan.take(pattern)
            # "这是什么" holds what it refers to.
            if intent == "look" and match[0][0] in "这那它":
                scan.rest = f"它{scan.rest}"
            return intent, "", "", True
    return "", "", "", True


def _reference(scan: Scan, given: int) -> tuple[Reference | None, bool]:
    """See `english._reference`."""
    if scan.take(words.THOSE) is not None:
        return (None, True) if given > 1 else (Reference("those"), False)
    if (match := scan.take(words.IT)) is not None:
        return (None, True) if given else (Reference("it", 1, named_kind(match["k"])), False)
    if (match := scan.take(words.IN_KIND)) is not None and not given:
        return Reference("kind", 1, named_kind(match["k"])), False
    return None, False


def _excluded(scan: Scan) -> tuple[str, ...]:
    if words.HAS_NOT.search(scan.rest):
        return ()
    found = []
    for match in scan.take_all(words.NOT):
        said = match["what"] or match["what0"] or match["what1"]
        said = words.ALL_RIGHT.sub("", said)
        for part in re.split(r"、|和|或者?|与|以及|也(?:不要|没有|不含)", said):
            if thing := _edged(
                re.sub(rf"^一?{words.MEASURE}", "", part) if len(part) > 2 else part
            ):
                found.append(thing)
    return tuple(found)


def _kind(scan: Scan) -> str:
    found = [
        next(name for name in words.KINDS if one[name]) for one in scan.take_all(words.KIND_WORD)
    ]
    return found[0] if len({*found}) == 1 else ""


def _edged(text: str) -> str:
    before = None
    text = re.sub(rf"[{GAP}]+", GAP, text)
    while before != text:
        before = text
        text = words.EDGES.sub("", text)
    return re.sub(rf"的?[{GAP}，,？?。！!]+", " ", text).strip()


def _is_of_text(plan: Plan) -> bool:
    """Whether how long something takes is asked of what no item is, and a text tells it."""
    named = plan.reference is not None or plan.definite or plan.modality or plan.given
    return bool(plan.subject) and not named


def _opened(plan: Plan, plain: str, *, asked: bool) -> Plan:
    if plan.second is not None:
        return replace(plan, intent="listen", subject="", when="")
    if plan.fact == "similar":
        return replace(plan, intent="find")
    if plan.page or (plan.when in ("after", "before") and "页" in plain):
        return replace(plan, intent="read", subject="", modality="")
    if plan.intent == "quote":
        return replace(plan, subject="")
    if (
        plan.when
        and plan.intent in ("look", "listen", "find")
        and not (plan.intent == "find" and plan.subject)
    ):
        return replace(plan, intent="listen", subject="")
    if asked or plan.same or plan.than or plan.order or plan.definite or plan.but_one:
        return plan
    if plan.reference is not None and not plan.subject and not plan.has_conditions:
        return replace(plan, intent="pick")
    if words.OPEN.search(plain) and plan.subject and not words.NOT_OPEN.search(plain):
        return replace(plan, intent="answer")
    return plan
