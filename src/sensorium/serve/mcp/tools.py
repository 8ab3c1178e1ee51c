"""What language models can do with collections: few tools, each with one job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from mcp_types import CallToolResult, ImageContent

from sensorium.collection import Collection, Hit, Item, Question
from sensorium.collection.collection import store_of
from sensorium.collection.previews import preview
from sensorium.collection.telling import clock
from sensorium.dialogue import Dialogue
from sensorium.errors import MediaError, MissingExtraError, SensoriumError, UsageError
from sensorium.explain.contact_sheet import contact_sheet
from sensorium.explain.drawing import drawn
from sensorium.explain.explaining import explain
from sensorium.media import Text
from sensorium.plain import as_json, plain_fields
from sensorium.serve.given import words
from sensorium.serve.mcp.cursors import arguments_of, cursor_of
from sensorium.serve.mcp.results import (
    MOST_DATA,
    MOST_TEXT,
    as_many_names,
    citation_line,
    cut,
    hit_line,
    how_many_fit,
    letters_within,
    picture_of,
    result,
    short_citation,
    short_fields,
    short_metadata,
    weight,
    within,
)
from sensorium.serve.served import Served
from sensorium.visible import visible

MOST_HITS = 50
SMALL, LARGE, SHEET = 256, 1024, 1400
"""Pixels of pictures in a list, of one that is asked for, and of a contact sheet."""

PICTURES = 10
"""Hits of a list that come with a small picture."""

MOST_ON_A_SHEET = 40

MOST_WORDS = 2000
"""Characters of a query, and of a filter: both stand in the cursor."""

MOST_BEFORE = 8
"""Earlier questions that are carried out again: the references of a turn reach no further back."""

LIST_ROOM = MOST_TEXT // 2, MOST_DATA * 3 // 4
"""Of text and data, by `weight`, for a list; the cursor, twice, has what is left."""

REPLY_ROOM = MOST_TEXT // 4, MOST_DATA // 3
"""The same for what a reply rests on, and for what it shows; its text has what is left."""

T = TypeVar("T")

NOTHING_MATCHES = (
    "Nothing matches: these are merely the nearest, and most likely none is what was asked for."
)
SEARCHED = {
    "collection": str, "query": str, "like": int, "without": str, "k": int, "where": str,
    "modality": str, "mode": str, "offset": int,
}  # fmt: skip


class Tools:
    """The tools over what a server holds open; each may be called from any thread.

    Parameters
    ----------
    served : Served
    """

    def __init__(self, served: Served) -> None:
        self._served = served

    def collections(self) -> CallToolResult:
        """What there is to search."""
        listed: list[dict[str, Any]] = []
        lines = []
        names = self._served.settings.paths()
        for name in names:
            try:
                info = self._served.collection(name).info()
            except SensoriumError as error:  # all others are there
                listed.append({"name": name, "items": {}, "fields": [], "error": str(error)})
                lines.append(f"{name}: cannot be opened ({error})")
                continue
            fields = as_many_names(info.fields, MOST_TEXT // len(names))
            listed.append({"name": name, "items": info.items, "fields": fields})
            held = ", ".join(f"{count} {kind}" for kind, count in info.items.items()) or "nothing"
            more = f" and {left} more" if (left := len(info.fields) - len(fields)) else ""
            lines.append(f"{name}: {held}; fields for where: {', '.join(fields) or 'none'}{more}")
        return result("\n".join(lines), {"collections": listed})

    def search(
        self, query: str, collection: str, like: int, without: str, k: int, where: str,
        modality: str, mode: str, cursor: str, offset: int = 0,
    ) -> CallToolResult:  # fmt: skip
        """Hits of a question, a page at a time."""
        if cursor:
            return self.search(**arguments_of(cursor, SEARCHED), cursor="")
        k = max(1, min(k, MOST_HITS))
        if max(map(len, (query, where, without))) > MOST_WORDS:
            raise UsageError(f"query, where and without have at most {MOST_WORDS:,} characters")
        library = self._collection(collection)
        asked = self._question(library, query, like, without)
        hits = library.search(
            asked, k + 1, mode=mode, offset=offset, where=where or None, modality=modality or None
        )
        shown = _as_many_as_fit([*hits][:k], hit_line, short_fields, *LIST_ROOM)
        again = {
            "collection": collection, "query": query, "like": like, "without": without, "k": k,
            "where": where, "modality": modality, "mode": mode, "offset": offset + len(shown),
        }  # fmt: skip
        following = cursor_of(again) if len(hits) > len(shown) else ""
        lines = [NOTHING_MATCHES] if hits.nothing_matches and shown else []
        lines += [hit_line(hit) for hit in shown] or ["No item fits."]
        seen, pictures = _small(shown[:PICTURES])
        if lacking := [str(shown[n].id) for n in range(len(shown[:PICTURES])) if n not in seen]:
            lines.append(f"Without a picture here: item {', '.join(lacking)}.")
        if following:
            lines.append(f'More: call search with cursor "{following}".')
        data = {
            "hits": [short_fields(hit) for hit in shown],
            "nothing_matches": hits.nothing_matches,
            "next_cursor": following,
            "pictured": seen,
        }
        return result("\n".join(lines), data, pictures)

    def get(self, item: int, collection: str, start: int) -> CallToolResult:
        """All of one item: metadata, text, a large picture."""
        library = self._collection(collection)
        found = _item(library, item)
        fields = plain_fields(found)
        text = _text_of(library, found)
        part = text[start : start + MOST_TEXT // 2]
        part = part[: letters_within(part, MOST_TEXT // 2)]
        rest = len(text) - start - len(part)
        known = short_metadata(found.metadata)
        lines = [f"item {found.id} ({found.modality}) {visible(found.path)}"]
        lines += [f"{name}: {cut(str(value), 300)}" for name, value in known.items()]
        if len(known) < len(found.metadata):
            lines.append(f"{len(found.metadata) - len(known)} more fields are left out")
        if state := found.state:
            lines.append(f"the file is {state}")
        if part:
            lines += ["", part]
        if rest > 0:
            lines.append(f"{rest} more characters: call get with start={start + len(part)}")
        pictures = [] if start else _pictures([_whole(found)], LARGE)[1]
        data = {**fields, "state": state, "text": part, "characters": len(text), "start": start}
        data["metadata"] = known
        return result("\n".join(lines), data, pictures)

    def look(self, query: str, items: Sequence[int], collection: str, where: str) -> CallToolResult:
        """Many hits or items at a glance, on one picture with numbers."""
        library = self._collection(collection)
        if items:
            hits = [_whole(_item(library, number)) for number in items[:MOST_ON_A_SHEET]]
        elif query.strip():
            hits = [*library.search(self._words(query), MOST_ON_A_SHEET, where=where or None)]
        else:
            hits = [_whole(one) for one in islice(library.items(where or None), MOST_ON_A_SHEET)]
        if not hits:
            return result("No item fits.", {"items": [], "unreadable": []})
        sheet, unreadable = contact_sheet(query or "items", hits)
        lines = [f"{number}. {hit_line(hit)}" for number, hit in enumerate(hits, 1)]
        lines += [f"cannot be shown: {one.path} ({one.reason})" for one in unreadable]
        data = {
            "items": [hit.id for hit in hits],
            "unreadable": [plain_fields(one) for one in unreadable],
        }
        return result("\n".join(lines), data, [picture_of(sheet, SHEET)])

    def explain(
        self, query: str, item: int, collection: str, like: int, without: str
    ) -> CallToolResult:
        """Why an item is near to a question: which pixels, words, seconds, and which part of it."""
        library = self._collection(collection)
        asked = self._question(library, query, like, without)
        found = explain(asked, _item(library, item).path, collection=library)
        faith = found.hit.faithfulness
        lines = [f"{found.value} {found.score:.3f}, because of: {found.told()}"]
        if faith is not None:
            lines.append(
                f"faithfulness {faith.own.gain:.2f}; other orders: random {faith.random.gain:.2f}, "
                f"centre {faith.centre.gain:.2f}"
            )
        fields = plain_fields(found)
        fields["places"] = fields["places"][:MOST_ON_A_SHEET]
        return result("\n".join(lines), fields, [picture_of(drawn(found), LARGE)])

    def ask(self, question: str, collection: str, before: Sequence[str]) -> CallToolResult:
        """The dialogue's reply to a question, with what it rests on and shows.

        Nothing is held between calls: what was asked before is carried out again.
        """
        library = self._collection(collection)
        if not question.strip():
            raise UsageError("say what is asked, in words")
        talk = Dialogue(library, may_judge=False)
        for earlier in before[-MOST_BEFORE:]:
            with suppress(UsageError), self._served.turns:  # empty, or it asked to write
                talk.say(earlier)
        with self._served.turns:
            reply = talk.say(question)
        cited = _as_many_as_fit(reply.citations, citation_line, short_citation, *REPLY_ROOM)
        shown = _as_many_as_fit(reply.items, hit_line, short_fields, *REPLY_ROOM)
        seen, pictures = _small(shown[:PICTURES])
        known = {one.item for one in cited}
        lines = [text := within(reply.text, MOST_TEXT // 3)]
        lines += ["", "It rests on:"] if cited else []
        lines += [citation_line(one) for one in cited]
        lines += [f"Shown: {hit_line(hit)}" for hit in shown if hit.id not in known]
        if left := len(reply.items) - len(shown):
            lines.append(f"{left} more are not listed here.")
        if seen:
            lines.append(f"The pictures are of item {', '.join(str(shown[n].id) for n in seen)}.")
        data = {
            "text": text, "language": reply.language, "refused": reply.refused,
            "asks": reply.asks, "count": reply.count, "refers": reply.refers,
            "citations": [short_citation(one) for one in cited],
            "items": [short_fields(hit) for hit in shown],
            "pictured": seen,
        }  # fmt: skip
        return result("\n".join(lines), data, pictures)

    def judge(
        self, query: str, items: Sequence[int], relevant: bool, collection: str
    ) -> CallToolResult:
        """Remember which hits of a question are right, or wrong."""
        library = self._collection(collection)
        hits = library.search(self._words(query)).judge(*items, relevant=relevant)
        lines = ["Remembered. The hits that follow from it:", *(hit_line(hit) for hit in hits)]
        return result("\n".join(lines), {"hits": [short_fields(hit) for hit in hits]})

    def _words(self, query: str) -> Text:
        if len(query) > MOST_WORDS:
            raise UsageError(f"a query has at most {MOST_WORDS:,} characters, got {len(query):,}")
        return words(query, self._served.settings.limits)

    def _question(self, library: Collection, query: str, like: int, without: str) -> Question:
        """What is asked: words, an item that is like it, words that are not wanted."""
        if not query.strip() and not like:
            raise UsageError("say what is sought: query in words, or like with an item's id")
        return Question(
            *([self._words(query)] if query.strip() else []),
            like=[_item(library, like)] if like else [],
            without=[self._words(without)] if without.strip() else [],
        )

    def _collection(self, name: str) -> Collection:
        return self._served.collection(name or self._served.first())


def _item(library: Collection, number: int) -> Item:
    found = library.get(number)
    if found is None:
        raise UsageError(f"there is no item {number}: ids are those that search gives")
    return found


def _whole(item: Item) -> Hit:
    return Hit(item.id, item.path, item.modality, item.metadata, span=None, score=0.0)


def _as_many_as_fit(
    several: Sequence[T], line: Callable[[T], str], fields: Callable[[T], Mapping[str, Any]],
    text: int, data: int,
) -> list[T]:  # fmt: skip
    """The first of several, as many as some `weight` of text and of data takes; one at least."""
    for number, one in enumerate(several):
        text -= weight(line(one))
        data -= weight(as_json(fields(one)))
        if number and min(text, data) < 0:
            return [*several[:number]]
    return [*several]


def _small(hits: Sequence[Hit]) -> tuple[list[int], list[ImageContent]]:
    """As `_pictures`, as many as one result has room for."""
    seen, pictures = _pictures(hits, SMALL)
    room = how_many_fit(pictures)
    return seen[:room], pictures[:room]


def _pictures(hits: Sequence[Hit], side: int) -> tuple[list[int], list[ImageContent]]:
    """Pictures of hits, and which hits they are of: one that can no longer be read has none."""
    seen, found = [], []
    for number, hit in enumerate(hits):
        try:
            found.append(picture_of(preview(hit, side), side))
        except (MediaError, MissingExtraError):
            continue
        seen.append(number)
    return seen, found


def _text_of(library: Collection, item: Item) -> str:
    """What is said or written in an item, with the seconds where there are some."""
    timed = item.modality in ("audio", "video")
    lines = []
    for one in store_of(library).texts(item=item.id).values():
        head = f"[{clock(one.span[0])}] " if timed and one.span is not None else ""
        lines.append(f"{head}{one.text}")
    return "\n".join(lines)
