"""The one tool that writes: what a person says of items is remembered."""

from __future__ import annotations

from collections.abc import Sequence

from sensorium.dialogue.tools.found import Found, cited, whole_of
from sensorium.dialogue.tools.searching import Searching
from sensorium.media import Text


def label(
    searching: Searching, *, query: str, items: Sequence[int], relevant: bool = True
) -> Found:
    """Remember that items are what a question asks for, or are not; see `Results.judge`."""
    several = [whole_of(searching.item(number)) for number in items]
    searching.collection.search(Text(query)).judge(*several, relevant=relevant)
    word = "right" if relevant else "wrong"
    return Found(
        f"remembered: {len(several)} of {query!r} are {word}", tuple(several),
        tuple(map(cited, several)), count=len(several),
    )  # fmt: skip
