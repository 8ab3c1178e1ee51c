"""Replies to several requests of one turn, as one."""

from __future__ import annotations

from collections.abc import Sequence

from sensorium.dialogue.turns import Reply


def joined(replies: Sequence[Reply]) -> Reply:
    """One reply with what several say, one after the other.

    Parameters
    ----------
    replies : sequence of Reply
        At least one; their citations are numbered on, from the first to the last.
    """
    if len(replies) == 1:
        return replies[0]
    last = replies[-1]
    items = {hit.id: hit for reply in replies for hit in reply.items}
    return Reply(
        "\n".join(reply.text for reply in replies),
        last.language,
        tuple(one for reply in replies for one in reply.citations),
        tuple(items.values()),
        next((reply.count for reply in replies if reply.count is not None), None),
        refused=all(reply.refused for reply in replies),
        asks=any(reply.asks for reply in replies),
        refers=last.refers,
        steps=tuple(step for reply in replies for step in reply.steps),
        plan=last.plan,
        parts=tuple(replies),
    )
