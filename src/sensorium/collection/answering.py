"""Questions that a collection's passages and transcripts answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sensorium.collection.results import Hit
from sensorium.media import Text
from sensorium.tasks.answering import Answerer
from sensorium.tasks.answers.answer import Answers
from sensorium.tasks.source_texts import SourceText

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection

PASSAGES = 20
"""Hits by meaning and by words that are read; the answer stands in the first ones or in none."""


def answer_from(
    collection: Collection,
    question: str,
    answerer: Answerer,
    *,
    k: int = 1,
    where: str | None = None,
) -> Answers:
    """Answer a question from the passages of a collection that are nearest to it.

    Parameters
    ----------
    collection : Collection
    question : str
    answerer : Answerer
        With a model that reads texts.
    k : int
        Answers wanted.
    where : str, optional
        SQL condition on metadata.

    Returns
    -------
    Answers
        Best first; empty where the collection holds no texts. ``place`` says where in an item a
        passage stands: ``page``, ``chapter``, ``seconds`` of what was said.
    """
    found: list[Hit] = []
    asked = Text(question)  # words, even where a file is called so
    for mode in ("vector", "words"):
        found += collection.search(asked, PASSAGES, mode=mode, where=where, modality=None)
    passages = list(_passages(found))
    if not passages:
        return Answers()
    return Answers(answerer.from_texts(question, passages, k=k))


def _passages(hits: Iterable[Hit]) -> Iterable[SourceText]:
    told: set[tuple[str, str]] = set()
    for hit in hits:
        if not hit.text or (hit.path, hit.text) in told:
            continue
        told.add((hit.path, hit.text))
        place: dict[str, Any] = {
            name: hit.details[name] for name in ("page", "chapter") if name in hit.details
        }
        if hit.span is not None and hit.modality in ("audio", "video"):
            place["seconds"] = list(hit.span)
        yield SourceText(hit.text, hit.path, place)
