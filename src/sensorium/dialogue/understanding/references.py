"""Which items "it", "those" and "the second one" are, from what was shown before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sensorium.collection import Hit
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.turns import Reply, Turn

AGAIN = ("facts", "look", "read", "listen", "transcribe", "is")
"""Intents that "and the third?" asks again of another item."""

LISTS = ("find", "count", "more", "answer", "compare")
"""Intents whose replies show lists, which ordinals count in."""


@dataclass(frozen=True)
class Resolved:
    """Items that a reference means.

    Attributes
    ----------
    hits : tuple of Hit
    among : tuple of Hit
        What it may mean where it is ambiguous.
    shown : int
        How many were shown, where a number is too large.
    """

    hits: tuple[Hit, ...] = ()
    among: tuple[Hit, ...] = ()
    shown: int = 0


def resolve(reference: Reference, turns: Sequence[Turn]) -> Resolved:
    """Look a reference up in the turns before.

    Nothing is found where nothing was shown; then the caller may look for "the film" in the
    collection.
    """
    listed, focus = _of_kind(shown(turns), reference.modality), in_focus(turns)
    if focus is not None and reference.modality and focus.modality != reference.modality:
        focus = None
    kind, number = reference.kind, reference.number
    if kind in ("ordinal", "except"):
        places = [_place(one, len(listed)) for one in (number, *reference.more)]
        found = tuple(listed[place] for place in places if place is not None)
        if len(found) < len(places):
            found = ()  # fewer were shown
        elif kind == "except":
            found = tuple(hit for hit in listed if hit not in found)
    elif kind == "middle":
        middle = listed[(len(listed) - 1) // 2 : len(listed) // 2 + 1]
        if len(middle) > 1:
            return Resolved(among=middle, shown=len(listed))
        found = middle
    elif kind == "next":
        found = _next(listed, focus)
    elif kind == "turn":
        found = _of_kind(_of_turn(turns, number), reference.modality)
    elif kind == "last":
        found = listed[-number : len(listed) - number + 1] if 0 < number <= len(listed) else ()
    elif kind == "first":
        found = listed[:number] if len(listed) >= number else ()
    elif kind == "last few":
        found = listed[-number:] if len(listed) >= number else ()
    elif kind == "those":
        found = listed or ((focus,) if focus is not None else ())
    elif kind == "two":
        found = (
            listed
            if len({hit.id for hit in listed}) == len(listed) == 2
            else (*_before(turns)[:1], *_firsts(turns)[:1])
        )
        found = found if len(found) == 2 else listed[:2]
    elif kind == "before":
        found = _before(turns)[number - 1 : number]
    elif kind == "others":
        return _others(listed, focus, number, turns)
    else:
        return _one(listed, focus, turns)
    return Resolved(tuple(found), shown=len(listed))


def _one(listed: tuple[Hit, ...], focus: Hit | None, turns: Sequence[Turn]) -> Resolved:
    """What "it" is: what is talked about, or the one that was shown, or the one asked for."""
    if focus is not None:
        return Resolved((focus,))
    if len(listed) <= 1:
        return Resolved(listed, shown=len(listed))
    if turns[-1].reply.refused:
        return Resolved(among=listed, shown=len(listed))
    shown_last = _last_list(turns)
    plan = Plan.of(shown_last.plan)
    if shown_last.likely:
        return Resolved(listed[:1], shown=len(listed))
    if not plan.several and plan.intent != "count":  # "a castle": the best one
        return Resolved(listed[:1], shown=len(listed))
    return Resolved(among=listed, shown=len(listed))


def _place(number: int, count: int) -> int | None:
    """The place of what has a number, from 0; None where fewer were shown."""
    place = number - 1 if number > 0 else count + number
    return place if 0 <= place < count else None


def _next(listed: tuple[Hit, ...], focus: Hit | None) -> tuple[Hit, ...]:
    """The one after the one in question; the first where none is."""
    ids = [hit.id for hit in listed]
    after = ids.index(focus.id) + 1 if focus is not None and focus.id in ids else 0
    return listed[after : after + 1]


def _others(
    listed: tuple[Hit, ...], focus: Hit | None, number: int, turns: Sequence[Turn]
) -> Resolved:
    """Those shown that are not the one in question, all or as many as are meant."""
    rest = tuple(hit for hit in listed if focus is None or hit.id != focus.id)
    is_narrowed = focus is None and (not number or len(listed) == 1)
    if is_narrowed or len(rest) < max(number, 1):
        rest = _left_out(listed, focus, turns) or rest
    if number and len(rest) > number:
        talked_about = {
            turn.reply.items[0].id for turn in turns
            if len(turn.reply.items) == 1 and not turn.reply.refused
        }  # fmt: skip
        left = tuple(hit for hit in rest if hit.id not in talked_about)
        if len(left) == number:  # of three, two were talked about
            return Resolved(left, shown=len(listed))
        return Resolved(among=rest, shown=len(listed))
    return Resolved(rest if len(rest) >= number else (), shown=len(listed))


def _left_out(listed: tuple[Hit, ...], focus: Hit | None, turns: Sequence[Turn]) -> tuple[Hit, ...]:
    """What a longer list before held beside what was picked of it: "the other two"."""
    picked = {hit.id for hit in (focus, *listed) if hit is not None}
    for turn in reversed(turns):
        ids = {hit.id for hit in turn.reply.items}
        if _is_list(turn.reply) and not turn.reply.refused and picked < ids:
            return tuple(hit for hit in turn.reply.items if hit.id not in picked)
    return ()


def _of_turn(turns: Sequence[Turn], number: int) -> tuple[Hit, ...]:
    """What the answer with a number showed, below 0 from the end."""
    shown = [turn.reply.items for turn in turns if turn.reply.items and not turn.reply.refused]
    place = _place(number, len(shown))
    return shown[place] if place is not None else ()


def each_request(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns, those with several requests as one turn for each."""
    return tuple(
        Turn(turn.said, turn.given, reply)
        for turn in turns
        for reply in (turn.reply.parts or (turn.reply,))
    )


def cited_before(turns: Sequence[Turn], number: int) -> int | None:
    """The id of the item that ``[2]`` of the last reply with citations was; None where none was."""
    for turn in reversed(turns):
        if turn.reply.citations:
            place = _place(number, len(turn.reply.citations))
            return turn.reply.citations[place].item if place is not None else None
    return None


def last_of(turns: Sequence[Turn]) -> Plan | None:
    """The plan of the last reply about one item, which "and the third?" asks again."""
    for turn in reversed(turns):
        plan = Plan.of(turn.reply.plan)
        if plan.intent in AGAIN:
            return plan
        if plan.intent != "pick":
            return None
    return None


def _firsts(turns: Sequence[Turn]) -> list[Hit]:
    """What was shown first in each reply that showed what was asked, the last before all."""
    return [
        turn.reply.items[0]
        for turn in reversed(turns)
        if turn.reply.items and not (turn.reply.refused or turn.reply.asks)
    ]


def _before(turns: Sequence[Turn]) -> tuple[Hit, ...]:
    """What was shown first in each reply, the last but one reply that showed another before all."""
    firsts = _firsts(turns)
    if not firsts:
        return ()
    if turns[-1].reply.refused:  # what was there before the question that found nothing
        return tuple({hit.id: hit for hit in firsts}.values())
    return tuple({hit.id: hit for hit in firsts if hit.id != firsts[0].id}.values())


def shown(turns: Sequence[Turn]) -> tuple[Hit, ...]:
    """Items of the last list that was shown, or of the last reply that showed any."""
    return _last_list(turns).items


def in_focus(turns: Sequence[Turn]) -> Hit | None:
    """The one item that was talked about since the last list; None where there is none."""
    for turn in reversed(turns):
        reply = turn.reply
        if _missed(turn):
            continue
        if len(reply.refers) == 1 and not reply.asks:
            return next((hit for hit in reply.items if hit.id == reply.refers[0]), None)
        if _is_list(reply):
            return None
    return None


def text_in_focus(turns: Sequence[Turn]) -> Hit | None:
    """The item whose words were quoted when something was found last, first of all."""
    last = next((turn.reply for turn in reversed(turns) if not _missed(turn)), None)
    if last is None or last.refused or last.asks or not last.items:
        return None
    focus = in_focus(turns) or last.items[0]
    return focus if any(one.quote and one.item == focus.id for one in last.citations) else None


def _last_list(turns: Sequence[Turn]) -> Reply:
    replies = [turn.reply for turn in reversed(turns) if turn.reply.items and not _missed(turn)]
    lists = [*filter(_is_list, replies)]
    # What is merely nearest is listed as well, and meant where nothing else was.
    held = [reply for reply in lists if not reply.refused]
    return next(iter([*held, *lists, *replies]), Reply(""))


def _missed(turn: Turn) -> bool:
    """Whether a question found no answer: what was nearest is nothing that was talked about."""
    return turn.reply.refused and turn.reply.plan.get("intent") in ("answer", "listen", "is")


def _is_list(reply: Reply) -> bool:
    return bool(reply.items) and reply.plan.get("intent", "find") in LISTS


def _of_kind(hits: tuple[Hit, ...], modality: str) -> tuple[Hit, ...]:
    return tuple(hit for hit in hits if not modality or hit.modality == modality)


def base_of(turns: Sequence[Turn]) -> Plan | None:
    """The plan of the last search or count, on which "and of dogs?" builds."""
    for turn in reversed(turns):
        if turn.reply.plan.get("intent") in ("find", "count", "answer", "listen", "moment"):
            return Plan.of(turn.reply.plan)
    return None
