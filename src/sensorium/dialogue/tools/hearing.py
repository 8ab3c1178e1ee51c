"""Tools for words in media: what is written, what is said and when, and answers from both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Hit, Item
from sensorium.collection.answering import answer_from
from sensorium.collection.collection import store_of
from sensorium.collection.queries import query_parts
from sensorium.dialogue.tools.conditions import where_of
from sensorium.dialogue.tools.found import Found, cited, line, whole_of
from sensorium.dialogue.tools.searching import Searching
from sensorium.dialogue.tools.shares import shares_of
from sensorium.dialogue.turns import Citation
from sensorium.encoders.ordinary import ordinary_words
from sensorium.errors import EncoderError, MediaError, MissingExtraError
from sensorium.media import Image, Media, Modality, Text, open_media
from sensorium.media.segments import SegmentRecord
from sensorium.tasks.answering import Answerer, load_answerer
from sensorium.tasks.answers.answer import Answer
from sensorium.tasks.terms import terms

MOST_READ = 40
"""Passages of one item that are told at a time."""

IN_A_FILM = 0.7
"""Cosine from which on a picture is in a film: of a film's own scenes it is above 0.8."""

SAME = 0.9
"""Share of the best cosine from which on another picture is as much in the film."""

SEEN = 0.35
"""Probability from which on a moment of a film is told to show what is asked."""

SOURCES = {"speech": ("speech",), "writing": ("writing", "text")}
ALL_SOURCES = ("speech", "writing", "text")

ALL_ITEMS = 1_000
"""Items of a collection whose texts are all compared; of more, those that a search finds."""

MOST_COMPARED = 5_000
"""Passages that are compared, by words and stored vectors: a fifth of a second."""

MOST_ENCODED = 30
"""Of them, those without a stored vector that are encoded for it: a third of a second, once."""

MOST_TOLD = 5

ABOUT = 0.45
"""Share of the words asked for, or cosine to them, from which on a passage is about something."""

NEARLY = 0.7
"""Share of the best passage's score from which on another is told, too."""

_Row = tuple[Item, int, SegmentRecord]
"""An item, the id of a text of it, and the text."""


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

    def read(self, *, item: int = 0, query: str = "", given: int = 0) -> Found:
        """What is written on a picture, in a film's frames, in a document; or on media given."""
        if given:
            return self._read_given(self._searching.media(given))
        one = self._searching.item(item)
        passages = self._passages(one, ("writing", "text"), query)
        if not passages and one.modality == "image":
            passages = self._read_now(one)
        return _told(one, passages, "no writing was found on it")

    def listen(
        self, *, item: int, query: str = "", start: float = 0.0, end: float | None = None
    ) -> Found:
        """What is said in a recording or film, and when; of a stretch of it, or all."""
        one = self._searching.item(item)
        passages = [
            row
            for row in self._passages(one, ("speech",), query)
            if row.span is None or (row.span[1] > start and (end is None or row.span[0] < end))
        ]
        return _told(one, passages, "no speech was understood in it")

    def passages(
        self, *, query: str, source: str = "", items: Sequence[int] | None = None
    ) -> Found:
        """What is said or written about something, anywhere in the collection."""
        rows = [
            (item, number, row) for item in self._with_texts(query, items)
            for number, row in store_of(self._collection).texts(item=item.id).items()
            if row.text and row.source in (SOURCES[source] if source else ALL_SOURCES)
        ][:MOST_COMPARED]  # fmt: skip
        scores = self._scores(query, rows)
        kept = [n for n in np.argsort(-scores, kind="stable").tolist() if scores[n] >= ABOUT]
        kept = [n for n in kept if scores[n] >= NEARLY * scores[kept[0]]][:MOST_TOLD]
        hits = [_hit(rows[n][0], rows[n][2]) for n in kept]
        evidence = [cited(hit) for hit in hits]
        return Found(
            "\n".join(map(line, evidence)) or "nothing is said about it",
            tuple({hit.id: hit for hit in hits}.values()), tuple(evidence), nothing=not hits,
            data={"score": float(scores[kept[0]]) if kept else 0.0},
        )  # fmt: skip

    def _with_texts(self, query: str, items: Sequence[int] | None) -> list[Item]:
        """Items whose texts are compared: those named, all of a small collection, or near ones."""
        if items is not None:
            return [self._searching.item(number) for number in items]
        if len(self._collection) <= ALL_ITEMS:
            return [*self._collection.items()]
        found = [*self._collection.search(Text(query), 50, mode="words")]
        found += self._collection.search(Text(query), 50)
        return [*{hit.id: hit for hit in found if hit.text}.values()]

    def _scores(self, query: str, rows: Sequence[_Row]) -> npt.NDArray[np.float64]:
        """How much passages are about something: the share of its words, or a cosine."""
        shares = shares_of(query, [row.text or "" for _, _, row in rows])
        cosines = self._cosines(query, rows)
        return np.array([max(s, cosines[n]) for s, (_, n, _) in zip(shares, rows, strict=True)])

    def _cosines(self, query: str, rows: Sequence[_Row]) -> dict[int, float]:
        """Cosines of passages to words, both less the mean of ordinary words, by passage.

        Passages were encoded when they were added. Those few that have no vector are encoded now.
        """
        encoder = self._collection.encoder
        cosines = {number: 0.0 for _, number, _ in rows}
        if not rows or Modality.TEXT not in encoder.space.modalities:
            return cosines
        middle = ordinary_words(encoder, encoder.prompts).mean(axis=0)
        asked = _less(encoder.encode_queries([Text(query)]), middle)[0]
        store = store_of(self._collection)
        of_passage = store.passages_of([*{item.id for item, _, _ in rows}])
        ids, _, vectors = store.vectors(encoder.space.dimension, ids=[*of_passage])
        near = _less(vectors, middle) @ asked
        for segment, cosine in zip(ids.tolist(), near.tolist(), strict=True):
            number = of_passage[segment]
            cosines[number] = max(cosines.get(number, 0.0), cosine)
        rest = [(n, row) for _, n, row in rows if n not in {*of_passage.values()}][:MOST_ENCODED]
        if not rest:
            return cosines
        found = self._searching.matcher.said.cosines(query, [row.text or "" for _, row in rest])
        return cosines | {n: found[row.text or ""] for n, row in rest}

    def transcribe(self, *, item: int) -> Found:
        """All that is said in a recording or film, as it was heard when it was added, or now."""
        one = self._searching.item(item)
        passages = self._passages(one, ("speech",), "")
        if not passages and one.modality in ("audio", "video"):
            passages = self._heard_now(one)
        return _told(one, passages, "nobody speaks in it")

    def moments(
        self, *, item: int, query: str = "", like: Sequence[int] = (), given: Sequence[int] = ()
    ) -> Found:
        """When in a film or recording something is seen or heard."""
        one = self._searching.item(item)
        if like or given:
            return self._alike(one, like, given)
        said = self._passages(one, ("speech",), query, strict=True) if query else []
        seen = self._seen(one, query)
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
            return [*_written_on(one.path, one.indexed)]
        except (MediaError, MissingExtraError, EncoderError):
            return []

    def _read_given(self, media: Media) -> Found:
        """Writing on a picture of this turn, which may be an item of the collection."""
        path = getattr(media, "path", None)
        item = self._collection.get(path) if path is not None else None
        if item is not None:
            return self.read(item=item.id)
        if not isinstance(media, Image):
            return Found("it is no picture", nothing=True)
        try:
            segments = [one for one in _writing_reader().read(media) if isinstance(one.media, Text)]
        except (MediaError, MissingExtraError, EncoderError) as error:
            return Found(str(error), nothing=True)
        evidence = tuple(
            Citation(0, str(path or ""), "image", quote=one.media.text, box=_box(one.details))
            for one in segments
            if isinstance(one.media, Text)
        )
        return Found(
            "\n".join(map(line, evidence)) or "no writing was found on it",
            (),
            evidence,
            nothing=not evidence,
        )

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

    def _seen(self, one: Item, query: str) -> list[Hit]:
        """The moment of a film that most likely shows what is asked."""
        if one.modality not in ("video", "audio") or not query:
            return []
        found = self._collection.search(Text(query), 1, where=f"id = {one.id}")
        return [hit for hit in found if hit.span is not None and (hit.probability or 0.0) >= SEEN]

    def _alike(self, one: Item, like: Sequence[int], given: Sequence[int]) -> Found:
        """When other items, or media of this turn, are in a film; the surest first."""
        store, dimension = store_of(self._collection), self._collection.encoder.space.dimension
        ids, _, vectors = store.vectors(dimension, items=[one.id])
        asked = [(number, store.vectors(dimension, items=[number])[2]) for number in like]
        media = [self._searching.media(number) for number in given]
        asked += [
            (-number, query_parts(self._collection.encoder, medium))
            for number, medium in zip(given, media, strict=True)
        ]
        found = []
        for number, own in asked:
            if not len(ids) or not len(own):
                continue
            cosines = (vectors @ own.T).max(axis=1)
            best = int(np.argmax(cosines))
            if cosines[best] >= IN_A_FILM:
                found.append((float(cosines[best]), number, int(ids[best])))
        found.sort(key=lambda pair: -pair[0])
        found = [pair for pair in found if pair[0] >= SAME * found[0][0]]
        spans = self._collection.spans([segment for _, _, segment in found])
        hits = [
            replace(whole_of(one), span=spans.get(segment), score=cosine)
            for cosine, _, segment in found
        ]
        return Found(
            "\n".join(line(cited(hit)) for hit in hits) or "it is not in it", tuple(hits),
            tuple(map(cited, hits)), nothing=not hits,
            data={"which": [number for _, number, _ in found]},
        )  # fmt: skip


@cache
def _writing_reader() -> Any:
    """What reads writing, with its models: a second, once in a process."""
    from sensorium.tasks.reading import WritingReader

    return WritingReader()


@lru_cache(maxsize=256)
def _written_on(path: str, state: tuple[int, int] | None) -> tuple[SegmentRecord, ...]:
    """Writing on a picture with this size and time; asked again, it is not read again."""
    media = open_media(path)
    segments = _writing_reader().read(media) if isinstance(media, Image) else ()
    return tuple(
        SegmentRecord(None, "text", part.media.text, "writing", part.details)
        for part in segments
        if isinstance(part.media, Text)
    )


def _less(vectors: npt.NDArray[np.float32], middle: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Vectors less the mean of ordinary words, of unit length."""
    found = vectors - middle
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-9), np.float32)


def _box(details: Any) -> tuple[float, float, float, float] | None:
    box = details.get("box")
    return (box[0], box[1], box[2], box[3]) if box is not None else None


def _hit(one: Item, row: SegmentRecord) -> Hit:
    details = {**row.details, "source": row.source}
    return Hit(one.id, one.path, one.modality, one.metadata, row.span, 0.0, row.text, details)


def _told(one: Item, passages: Sequence[SegmentRecord], nothing: str) -> Found:
    shown = [cited(_hit(one, row)) for row in passages[:MOST_READ]]
    return Found(
        "\n".join(map(line, shown)) or nothing, (whole_of(one),), tuple(shown), nothing=not shown,
        data={"passages": len(passages)},
    )  # fmt: skip
