"""Tools for words in media: what is written, what is said and when, and answers from both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sensorium.collection import Collection, Hit, Item
from sensorium.collection.answering import answer_from
from sensorium.collection.collection import store_of
from sensorium.dialogue.tools.conditions import where_of
from sensorium.dialogue.tools.found import Found, cited, line, whole_of
from sensorium.dialogue.tools.searching import Searching
from sensorium.dialogue.turns import Citation
from sensorium.errors import EncoderError, MediaError, MissingExtraError
from sensorium.media import Image, Text, open_media
from sensorium.media.segments import SegmentRecord
from sensorium.tasks.answering import Answerer, load_answerer
from sensorium.tasks.answers.answer import Answer
from sensorium.tasks.terms import terms

MOST_READ = 40
"""Passages of one item that are told at a time."""

ALIKE = 0.35
"""Cosine under which a moment of a film does not show what is asked."""


class Hearing:
    """Reads and listens in one collection.

    Parameters
    ----------
    searching : Searching
    """

    def __init__(self, searching: Searching) -> None:
        self._searching = searching
        self._answerer: Answerer | None = None

    @property
    def _collection(self) -> Collection:
        return self._searching.collection

    def read(self, *, item: int, query: str = "") -> Found:
        """What is written on a picture, in a film's frames, in a document."""
        one = self._searching.item(item)
        passages = self._passages(one, ("writing", "text"), query)
        if not passages and one.modality == "image":
            passages = self._read_now(one)
        return _told(one, passages, "no writing was found on it")

    def listen(self, *, item: int, query: str = "") -> Found:
        """What is said in a recording or film, and when."""
        one = self._searching.item(item)
        passages = self._passages(one, ("speech",), query)
        found = _told(one, passages, "no speech was understood in it")
        if not passages and query:
            return self.moments(item=item, query=query)
        return found

    def transcribe(self, *, item: int) -> Found:
        """All that is said in a recording or film, as it was heard when it was added, or now."""
        one = self._searching.item(item)
        passages = self._passages(one, ("speech",), "")
        if not passages and one.modality in ("audio", "video"):
            passages = self._heard_now(one)
        return _told(one, passages, "nobody speaks in it")

    def moments(self, *, item: int, query: str = "", like: int = 0) -> Found:
        """When in a film or recording something is seen or heard."""
        one = self._searching.item(item)
        said = self._passages(one, ("speech",), query, strict=True) if query else []
        seen = self._seen(one, query, like)
        hits = [_hit(one, row) for row in said]
        evidence = [*map(cited, hits), *map(cited, seen)]
        return Found(
            "\n".join(map(line, evidence)) or "no such moment", tuple(hits or seen),
            tuple(evidence), nothing=not evidence,
        )  # fmt: skip

    def answer(self, *, question: str, items: Sequence[int] | None = None) -> Found:
        """What documents, transcripts and writing say to a question, with where they say it."""
        if self._answerer is None:
            self._answerer = load_answerer(encoder=self._collection.encoder)
        where = where_of((), among=items)
        found = answer_from(self._collection, question, self._answerer, where=where)
        evidence = [self._cited(one) for one in found if one.is_found]
        if not evidence:
            return Found("the texts do not say it", nothing=True)
        data = {"answers": [one.text for one in found if one.is_found]}
        hits = [
            whole_of(one)
            for citation in evidence
            if (one := self._collection.get(citation.item)) is not None
        ]
        return Found("\n".join(map(line, evidence)), tuple(hits), tuple(evidence), data=data)

    def _cited(self, answer: Answer) -> Citation:
        item = self._collection.get(answer.source)
        seconds = answer.place.get("seconds")
        page = answer.place.get("page")
        return Citation(
            item.id if item else 0, answer.source, item.modality if item else "text",
            quote=answer.passage, start=seconds[0] if seconds else None,
            end=seconds[1] if seconds else None, page=page, probability=answer.probability,
        )  # fmt: skip

    def _passages(
        self, one: Item, sources: Sequence[str], query: str, *, strict: bool = False
    ) -> list[SegmentRecord]:
        """Stored texts of an item; those that have words of the query, if there is one."""
        rows = [
            row
            for row in store_of(self._collection).texts(item=one.id).values()
            if row.source in sources and row.text
        ]
        asked = {*terms(query)}
        if not asked:
            return rows
        held = [(len(asked & {*terms(row.text or "")}), row) for row in rows]
        best = max((count for count, _ in held), default=0)
        if best:
            return [row for count, row in held if count == best]
        return [] if strict else rows

    def _read_now(self, one: Item) -> list[SegmentRecord]:
        try:
            from sensorium.tasks.reading import WritingReader

            media = open_media(one.path)
            segments = WritingReader().read(media) if isinstance(media, Image) else ()
            return [
                SegmentRecord(None, "text", part.media.text, "writing", part.details)
                for part in segments
                if isinstance(part.media, Text)
            ]
        except (MediaError, MissingExtraError, EncoderError):
            return []

    def _heard_now(self, one: Item) -> list[SegmentRecord]:
        try:
            from sensorium.tasks.transcription import Transcriber

            transcript = Transcriber().transcribe(one.path)
        except (MediaError, MissingExtraError, EncoderError):
            return []
        return [
            SegmentRecord((said.start, said.stop), "text", said.text, "speech")
            for said in transcript.segments
        ]

    def _seen(self, one: Item, query: str, like: int) -> list[Hit]:
        """The moment that is nearest to words or to another item's picture."""
        if one.modality not in ("video", "audio") or not (query or like):
            return []
        asked: Any = Text(query) if query else None
        example = self._searching.item(like) if like else None
        found = self._collection.search(asked, 1, like=example, where=f"id = {one.id}")
        if example is None:
            return [hit for hit in found if hit.span is not None]
        store, dimension = store_of(self._collection), self._collection.encoder.space.dimension
        ids, _, vectors = store.vectors(dimension, items=[one.id])
        own = store.vectors(dimension, items=[example.id])[2]
        if not len(ids) or not len(own):
            return []
        cosines = (vectors @ own.T).max(axis=1)
        best = int(np.argmax(cosines))
        if cosines[best] < ALIKE:
            return []
        span = self._collection.spans([int(ids[best])]).get(int(ids[best]))
        return [replace(whole_of(one), span=span, score=float(cosines[best]))]


def _hit(one: Item, row: SegmentRecord) -> Hit:
    details = {**row.details, "source": row.source}
    return Hit(one.id, one.path, one.modality, one.metadata, row.span, 0.0, row.text, details)


def _told(one: Item, passages: Sequence[SegmentRecord], nothing: str) -> Found:
    shown = [cited(_hit(one, row)) for row in passages[:MOST_READ]]
    return Found(
        "\n".join(map(line, shown)) or nothing, (whole_of(one),), tuple(shown), nothing=not shown,
        data={"passages": len(passages)},
    )  # fmt: skip
