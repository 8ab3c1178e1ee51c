"""All tools of a dialogue, called by name with checked arguments."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sensorium.collection import Collection
from sensorium.dialogue.tools.conditions import ORDERS
from sensorium.dialogue.tools.found import Found
from sensorium.dialogue.tools.hearing import SOURCES, Hearing
from sensorium.dialogue.tools.judging import label
from sensorium.dialogue.tools.looking import Looking
from sensorium.dialogue.tools.schemas import Tool, checked, several, text, whole
from sensorium.dialogue.tools.searching import MOST, Searching
from sensorium.dialogue.tools.vocabulary import Vocabulary
from sensorium.dialogue.turns import Step
from sensorium.errors import UsageError
from sensorium.media import Media

LONGEST_TOLD = 160
"""Characters of what a step tells of its result."""

NUMBER = {"type": "number", "description": "seconds", "minimum": 0}
ITEM = whole("id of an item, as search gives it")

CONDITIONS = {
    "query": text("what is sought, in words of any language: only the thing itself"),
    "given": several(whole("number"), "media of this turn that are sought with, counted from 1"),
    "like": several(ITEM, "items that are examples of what is sought"),
    "without": several(text("words"), "what must not be in it"),
    "modality": text("kind of items", "image", "audio", "video", "text", "mesh"),
    "after": text("from this year, month or day on, as 2024, 2024-06 or 2024-06-30"),
    "before": text("earlier than this year, month or day"),
    "among": several(ITEM, "only these items"),
    "not_among": several(ITEM, "not these items"),
    "where": text("SQL condition on metadata, such as camera LIKE 'Canon%'"),
    "order": text("instead of the best first", *ORDERS),
}


class Toolbox:
    """What a dialogue may do with a collection.

    Nothing of it leaves the collection or writes, except `label`, in turns in which the person
    said so.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._searching = Searching(collection)
        self.vocabulary = Vocabulary(collection)
        self._may_write = False
        self._tools = {tool.name: tool for tool in _tools(self._searching)}

    def begin(self, given: Sequence[Media] = (), *, may_write: bool = False) -> None:
        """Begin a turn: with the media that it brings, and whether its words ask to write."""
        self._searching.given = tuple(given)
        self._may_write = may_write

    @property
    def tools(self) -> list[Tool]:
        """Those that may be called in this turn."""
        return [tool for tool in self._tools.values() if self._may_write or not tool.writes]

    def described(self) -> list[dict[str, Any]]:
        """The tools as ``/v1/chat/completions`` takes them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                },
            }
            for tool in self.tools
        ]

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[Found, Step]:
        """Call a tool.

        Parameters
        ----------
        name : str
        arguments : mapping
            By name, as its schema has them.

        Raises
        ------
        UsageError
            For a tool that is not there, or may not be called in this turn; for arguments that it
            does not take; for an item that is not there.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise UsageError(f"there is no tool {name!r:.40}; there are: {', '.join(self._tools)}")
        if tool.writes and not self._may_write:
            raise UsageError(f"{name} writes: it is called when the person says so in this turn")
        given = checked(tool, arguments)
        began = time.perf_counter()
        found = tool.run(**given)
        told = " ".join(found.told.split())
        told = told if len(told) <= LONGEST_TOLD else told[: LONGEST_TOLD - 3] + "..."
        return found, Step(name, given, told, round(time.perf_counter() - began, 4))


def _tools(searching: Searching) -> list[Tool]:
    looking, hearing = Looking(searching), Hearing(searching)
    question = text("words")
    return [
        Tool(
            "search", "Find items by what they show, say or are called, with conditions.",
            {**CONDITIONS, "k": whole("items wanted", 1, MOST), "offset": whole("passed over", 0)},
            searching.search,
        ),
        Tool("count", "Count the items that are what is asked.", CONDITIONS, searching.count),
        Tool("holds", "What the collection holds in all.", {}, searching.holds),
        Tool(
            "look", "What an item shows: caption, names, things with boxes; whether labels hold.",
            {"item": ITEM, "labels": several(text("a thing"), "asked about, yes or no")},
            looking.look, ("item",),
        ),
        Tool(
            "facts", "Metadata of an item: date, place, size, length, camera.", {"item": ITEM},
            looking.facts, ("item",),
        ),
        Tool(
            "compare", "Items side by side, or each with one other: how alike, or which is more.",
            {
                "items": several(ITEM, "those that are compared"),
                "by": text("what", "content", "date", "size", "length"),
                "to": ITEM,
            },
            looking.compare, ("items",),
        ),
        Tool(
            "read", "What is written on a picture or in a document.",
            {
                "item": ITEM, "query": text("what about; all without it"),
                "given": whole("instead of an item: number of a picture of this turn"),
            },
            hearing.read,
        ),
        Tool(
            "listen", "What is said in a recording or film, with seconds.",
            {
                "item": ITEM, "query": text("what about; all without it"),
                "start": NUMBER, "end": NUMBER,
            },
            hearing.listen, ("item",),
        ),
        Tool(
            "transcribe", "All that is said in a recording or film, with seconds.", {"item": ITEM},
            hearing.transcribe, ("item",),
        ),
        Tool(
            "moments", "When in a film or recording something is seen or said.",
            {
                "item": ITEM, "query": question, "like": several(ITEM, "items that are in it"),
                "given": CONDITIONS["given"],
            },
            hearing.moments, ("item",),
        ),
        Tool(
            "passages", "What is said or written about something, anywhere, with its place.",
            {
                "query": question, "source": text("only", *SOURCES),
                "items": several(ITEM, "only in these"),
            },
            hearing.passages, ("query",),
        ),
        Tool(
            "explain", "Which parts of an item are near to words.",
            {"item": ITEM, "query": question}, looking.explain, ("item", "query"),
        ),
        Tool(
            "answer", "Answer a question from documents, transcripts and writing.",
            {"question": question, "items": several(ITEM, "only from these")},
            hearing.answer, ("question",),
        ),
        Tool(
            "label", "Remember that items are what a question asks for, or are not.",
            {
                "query": question, "items": several(ITEM, "which"),
                "relevant": {"type": "boolean", "description": "whether they are"},
            },
            partial(label, searching), ("query", "items"), writes=True,
        ),
    ]  # fmt: skip
