"""Judging hits: what was said is stored, and improves the search at once.

What is relevant becomes an example of what is sought, what is not one of what is not: Rocchio's
relevance feedback (1971), by the fusion of all questions of several parts
(`sensorium.ranking.parts`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorium.collection.items import find
from sensorium.collection.judgements import Found, Judgement
from sensorium.collection.judging import Judging
from sensorium.collection.question import (
    Asked,
    Question,
    asked_with,
    described,
    described_question,
)
from sensorium.collection.results import Hit, Item, Results
from sensorium.collection.store import Store
from sensorium.encoders import Encoder
from sensorium.errors import UsageError

IMPROVED = "improved"
"""Mode of hits that judgements had a part in: their scores are no evidence of what scores mean."""

EXAMPLES = 1.0
"""What all relevant items together count for beside the question."""

MOST_EXAMPLES = 100
"""Judged items that are searched with, relevant and not: the newest of each."""


@dataclass(frozen=True)
class Feedback:
    """What results need so that they can be judged.

    Parameters
    ----------
    encoder : callable
        Gives the collection's.
    store : Store
    query : Any
        As it was asked.
    mode : str
    found_by : str
        The same, or `IMPROVED`.
    judging : Judging
        Says how likely hits are.
    search : callable
        Takes `Asked` parts and what was said of items, by their ids, and gives the hits of the
        same page, filter and mode; None for the search as it was.
    """

    encoder: Callable[[], Encoder]
    store: Store
    query: Any
    mode: str
    found_by: str
    judging: Judging
    search: Callable[[Sequence[Asked] | None, Mapping[int, bool]], Results]

    def to(self, found: Results) -> Results:
        """Let results be judged."""
        found.feedback = self  # no copy: each search comes by here
        return found

    def judge(self, hits: Sequence[Hit], items: Sequence[Any], *, relevant: bool) -> Results:
        """See `Results.judge`."""
        judged = [self._id(item) for item in items]
        asked = self._asked()
        question = described(asked)
        known = {hit.id: hit for hit in hits}
        self.store.judge(
            [Judgement(item, question, relevant, found=self._found(known.get(item), asked))
             for item in judged]
        )  # fmt: skip
        self.judging.refine_again()
        return self.improved()

    def forget(self, items: Sequence[Any]) -> Results:
        """See `Results.forget`."""
        self.store.unjudge(described(self._asked()), [self._id(item) for item in items])
        self.judging.refine_again()
        return self.improved()

    def judgements(self) -> dict[int, bool]:
        """See `Results.judgements`."""
        # Asked of every page of hits: encoding the question again would take as long as searching.
        stored = self.store.judgements(described_question(self._question(), self._asked))
        return {one.item: one.relevant for one in stored}

    def improved(self) -> Results:
        """See `Results.improved`."""
        asked = self._asked()
        judged = self.store.judgements(described(asked))
        if not judged:
            return replace(self, found_by=self.mode).to(self.search(None, {}))
        judged.sort(key=lambda one: -one.judged)
        said = {one.item: one.relevant for one in judged}
        with_examples = [*asked, *self._examples(said, asked)]
        return replace(self, found_by=IMPROVED).to(self.search(with_examples, said))

    def _question(self) -> Question:
        return self.query if isinstance(self.query, Question) else Question(self.query)

    def _asked(self) -> list[Asked]:
        return asked_with(
            self._question(), self.encoder, self.store, vectors=self.mode != "words",
            words=self.mode in ("words", "hybrid"),
        )  # fmt: skip

    def _examples(self, judged: Mapping[int, bool], asked: Sequence[Asked]) -> list[Asked]:
        """Judged items as parts: of each the segment that is nearest to what is sought."""
        dimension = next((a.vectors.shape[1] for a in asked if a.vectors.size), 0)
        if not dimension:
            return []
        sought = sum(part.weight for part in asked if part.weight > 0)
        wanted = np.concatenate([a.vectors for a in asked if a.weight > 0 and a.vectors.size])
        sides: dict[bool, list[tuple[int, Any]]] = {True: [], False: []}
        for item, relevant in judged.items():
            if len(sides[relevant]) < MOST_EXAMPLES:
                vectors = self.store.vectors(dimension, items=[item])[2]
                if len(vectors):
                    nearest = int((vectors @ wanted.T).max(axis=1).argmax())
                    sides[relevant].append((item, vectors[nearest : nearest + 1]))
        total = sought * (1 + EXAMPLES * bool(sides[True]))
        kinds = self.store.items([item for side in sides.values() for item, _ in side])
        weights = {True: sought * EXAMPLES, False: -total}
        return [
            Asked(weights[relevant] / len(side), vectors, None, kinds[item].modality, {})
            for relevant, side in sides.items()
            for item, vectors in side
            if item in kinds
        ]

    def _found(self, hit: Hit | None, asked: Sequence[Asked]) -> Found:
        """How an item was found; of one that was not, nothing is known."""
        if hit is None:
            return Found(mode="")
        space = self.store.state().space
        kind = asked[0].modality if len(asked) == 1 else "several"
        plain = self.found_by != IMPROVED
        return Found(
            space[0].fingerprint if space is not None and self.mode != "words" else "",
            float(hit.score), self.found_by, kind, hit.modality,
            self.judging.stated(kind, hit.modality, hit.probability) if plain else None,
        )  # fmt: skip

    def _id(self, target: Any) -> int:
        """The number of an item that is there.

        Raises
        ------
        UsageError
        """
        is_named = isinstance(target, (int, np.integer, str, os.PathLike, Item))
        item = find(self.store, target) if is_named and not isinstance(target, bool) else None
        if item is None:
            raise UsageError(
                f"{self.store.path} has no item {target!r:.80}: judge one by its id, its path or "
                "as a hit"
            )
        return item.id
