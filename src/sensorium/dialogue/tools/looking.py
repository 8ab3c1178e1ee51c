"""Tools that look at one item, or at several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorium.collection import Collection, Hit, Item
from sensorium.collection.collection import store_of
from sensorium.collection.telling import caption
from sensorium.dialogue.tools.conditions import date_of, measure_of, place_of
from sensorium.dialogue.tools.found import Found, cited, line, whole_of
from sensorium.dialogue.tools.searching import Searching
from sensorium.dialogue.turns import Citation
from sensorium.encoders.reading import THING
from sensorium.errors import MediaError, UsageError
from sensorium.explain.explaining import explain
from sensorium.media import Text
from sensorium.tasks.captioning import Captions, load_captioner
from sensorium.tasks.yes_no import answer

FACTS = (
    "width",
    "height",
    "extents",
    "duration",
    "pages",
    "camera",
    "frame_rate",
    "author",
    "license",
)
"""Metadata that is told of an item beside its date and place."""

SURE_NAME = 0.5
"""Probability from which on a name is told for what a picture shows."""


class Looking:
    """Looks at items of one collection.

    Parameters
    ----------
    searching : Searching
    """

    def __init__(self, searching: Searching) -> None:
        self._searching = searching
        self._captioner: Captions | None = None

    @property
    def _collection(self) -> Collection:
        return self._searching.collection

    def look(self, *, item: int, labels: Sequence[str] = ()) -> Found:
        """What an item shows: what is said of it, names, things with their boxes, yes or no."""
        one = whole_of(self._searching.item(item))
        evidence, data = [], dict[str, Any]()
        if said := caption(one.metadata):
            data["caption"] = said
            evidence.append(cited(one, said))
        data["things"] = [self._thing(one, row, evidence) for row in self._things(one)]
        if not said and one.modality == "image":
            for name, probability in self._names(one):
                data.setdefault("names", []).append([name, round(probability, 3)])
                evidence.append(cited(one, "", probability))
        if labels:
            data["labels"] = self._judged(one, labels)
        told = "\n".join(map(line, evidence)) or "nothing is known of what it shows"
        return Found(
            f"{told}\n{data['labels']}" if labels else told, (one,), tuple(evidence), data=data
        )

    def facts(self, *, item: int) -> Found:
        """What metadata says of an item: when and where it is from, its size, its camera."""
        one = whole_of(self._searching.item(item))
        data: dict[str, Any] = {
            name: one.metadata[name] for name in FACTS if one.metadata.get(name) not in (None, "")
        }
        data |= {n: v for n, v in (("date", date_of(one)), ("place", place_of(one))) if v}
        told = ", ".join(f"{name} {value}" for name, value in data.items()) or "no metadata"
        return Found(told, (one,), (cited(one),), data=data)

    def compare(self, *, items: Sequence[int], by: str = "content", to: int = 0) -> Found:
        """Several items side by side: how alike they are, or which is newer, larger, longer."""
        if len({*items}) < 1 + (not to):
            raise UsageError("compare takes at least two different items")
        several = [whole_of(self._searching.item(number)) for number in dict.fromkeys(items)]
        if by == "content":
            return self._alike(several, whole_of(self._searching.item(to)) if to else None)
        order = {"date": "newest", "size": "largest", "length": "longest"}[by]
        measured = [(measure_of(one, order), one) for one in several]
        known = [(value, one) for value, one in measured if value is not None]
        ranked = sorted(known, key=lambda pair: pair[0], reverse=True)
        hits = tuple(one for _, one in ranked)
        data = {"by": by, "values": {str(one.id): value for value, one in ranked}}
        told = "\n".join(f"item {one.id}: {value}" for value, one in ranked)
        return Found(
            told or f"none of them says its {by}", hits, tuple(map(cited, hits)),
            nothing=not hits, data=data,
        )  # fmt: skip

    def explain(self, *, item: int, query: str) -> Found:
        """Why an item is near to words: which parts of it."""
        one = whole_of(self._searching.item(item))
        try:
            found = explain(Text(query), one.path, self._collection.encoder)
        except MediaError as error:
            return Found(f"it cannot be read: {error.reason}", (one,), nothing=True)
        return Found(
            found.told(), (one,), (cited(one),),
            data={"because": found.told(), "cosine": round(found.score, 4)},
        )  # fmt: skip

    def _things(self, one: Item) -> list[Any]:
        texts = store_of(self._collection).texts(item=one.id).values()
        return [row for row in texts if row.source == THING]

    def _thing(self, one: Hit, row: Any, evidence: list[Citation]) -> dict[str, Any]:
        hit = Hit(
            one.id, one.path, one.modality, one.metadata, row.span, 0.0, row.text, row.details
        )
        evidence.append(cited(hit, probability=row.details.get("confidence")))
        return {"label": row.text, "box": row.details.get("box")}

    def _names(self, one: Item) -> list[tuple[str, float]]:
        if self._captioner is None:
            self._captioner = load_captioner(encoder=self._collection.encoder)
        (found,) = self._captioner.caption(one.path)
        named = [(found.text, found.probability or 0.0), *found.others] if found.text else []
        return [pair for pair in named if pair[1] >= SURE_NAME]

    def _judged(self, one: Item, labels: Sequence[str]) -> dict[str, Any]:
        found = self._collection.classify(
            [*labels], k=len(labels), multi=True, where=f"id = {one.id}"
        )
        said = dict(found[0].labels) if found else {}
        return {
            label: {"probability": round(said[label], 3), "answer": answer(said[label])}
            for label in labels
            if label in said
        }

    def _alike(self, several: Sequence[Hit], to: Hit | None) -> Found:
        """Pairs by the greatest cosine between their segments."""
        store, dimension = store_of(self._collection), self._collection.encoder.space.dimension
        vectors = {
            one.id: store.vectors(dimension, items=[one.id])
            for one in (*several, *([to] if to else []))
        }
        pairs = []
        for number, one in enumerate(several):
            for other in [to] if to else several[number + 1 :]:
                own, others = vectors[one.id], vectors[other.id]
                if other.id == one.id or not len(own[0]) or not len(others[0]):
                    continue
                cosines = own[2] @ others[2].T
                best = np.unravel_index(int(cosines.argmax()), cosines.shape)
                segment = int(others[0][best[1]])
                pairs.append((float(cosines[best]), one, other, segment))
        pairs.sort(key=lambda pair: -pair[0])
        evidence = [cited(one) for _, one, _, _ in pairs]
        if to is not None and pairs:
            spans = self._collection.spans([pair[3] for pair in pairs])
            evidence = [
                cited(Hit(to.id, to.path, to.modality, to.metadata, spans.get(pair[3]), pair[0]))
                for pair in pairs
            ]
        data = {"pairs": [[one.id, other.id, round(value, 4)] for value, one, other, _ in pairs]}
        told = "\n".join(f"items {a} and {b}: cosine {value}" for a, b, value in data["pairs"])
        return Found(
            told or "they cannot be compared", tuple(pair[1] for pair in pairs), tuple(evidence),
            nothing=not pairs, data=data,
        )  # fmt: skip
