"""Searching, and saying which hits are right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sensorium.collection import Collection, Item, Part, Question, Results
from sensorium.errors import UsageError
from sensorium.media import Media, Modality, Text, as_media
from sensorium.serve.answers import Answer
from sensorium.serve.batching import SHORT, BatchedEncoder, Encoded
from sensorium.serve.given import bytes_of, words
from sensorium.serve.http import declared
from sensorium.serve.http.collections import item_of, with_states
from sensorium.serve.http.depends import CollectionName, Id, OpenCollection, ServedState, needs
from sensorium.serve.served import Served
from sensorium.serve.settings import Limits

router = APIRouter(prefix="/api/collections/{collection}", tags=["search"])

Mode = Literal["vector", "words", "hybrid", "hash"]


class AskedPart(BaseModel):
    """One part of a question: words, media, or an item of the collection. One of the three."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str | None = Field(None, max_length=100_000, examples=["a castle on a hill"])
    data: str | None = Field(
        None, description="A media file's bytes in base64, or a data: URL.", examples=[None]
    )
    item: Id | None = Field(None, examples=[None])
    weight: float = Field(
        1.0, description="How much it counts for; negative for what is not wanted."
    )

    @model_validator(mode="after")
    def _one(self) -> AskedPart:
        if sum(given is not None for given in (self.text, self.data, self.item)) != 1:
            raise ValueError("a part has one of text, data and item")
        return self


class Search(BaseModel):
    """What is sought; see `Collection.search`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    query: str | None = Field(None, max_length=100_000, examples=["a castle on a hill"])
    parts: list[AskedPart] = Field(
        [], max_length=100, description="More than words, or words and media together."
    )
    k: int = Field(10, ge=1, le=100_000, description="At most what the server's limits say.")
    mode: Mode = "vector"
    offset: int = Field(0, ge=0, le=10_000_000)
    where: str | None = Field(None, max_length=10_000, examples=["taken >= '2024'"])
    modality: str | None = Field(None, examples=["image"])
    fold: bool = Field(False, description="Whether near duplicates become one hit.")
    diversity: float = Field(0.0, ge=0, le=1)
    improved: bool = Field(
        False, description="Whether what was judged of this question before counts."
    )


class Judging(BaseModel):
    """What somebody says of hits of a question."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    question: Search
    items: list[Id] = Field(min_length=1, max_length=1000, examples=[[3]])
    relevant: bool | None = Field(
        True, description="Right or wrong; null takes back what was said.", examples=[True]
    )


@router.post("/search", summary="Search", dependencies=[needs("read")], responses=declared.HITS)
async def search(
    collection: CollectionName, served: ServedState, asked: Annotated[Search, Body()]
) -> Answer:
    """Hits, best first, as ``sensorium search --json`` has them."""
    _require_few(asked, served.settings.limits)
    known = await _encoded(served, collection, asked)
    if known is None:
        return await anyio.to_thread.run_sync(_searched, served, collection, asked, None)
    searched = partial(_searched, served, collection, asked, known)
    answer: Answer = await served.searches.run(known.vector[0], searched)
    return answer


async def _encoded(served: Served, name: str, asked: Search) -> Encoded | None:
    """A few words that are all that is asked, with their vector; None of everything else."""
    held = served.held(name)
    if held is None or asked.query is None or asked.parts or asked.mode != "vector":
        return None
    encoder = held.encoder
    if len(asked.query) > SHORT or not isinstance(encoder, BatchedEncoder):
        return None
    prepared = encoder.prepare(Text(asked.query), "query")
    rows = await asyncio.wrap_future(encoder.submit(Modality.TEXT, [prepared], "query"))
    return Encoded(asked.query, rows, encoder)


def _searched(served: Served, name: str, asked: Search, known: Encoded | None) -> Answer:
    return _answered(_found(served, served.collection(name), asked, known))


@router.post(
    "/judge",
    summary="Say which hits are right",
    dependencies=[needs("judge")],
    responses=declared.HITS,
)
def judge(
    collection: OpenCollection, served: ServedState, said: Annotated[Judging, Body()]
) -> Answer:
    """What is said is kept; gives the hits that follow from it."""
    plain = said.question.model_copy(update={"improved": False})
    _require_few(plain, served.settings.limits)
    found = _found(served, collection, plain)
    if said.relevant is None:
        return _answered(found.forget(*said.items))
    return _answered(found.judge(*said.items, relevant=said.relevant))


def _require_few(asked: Search, limits: Limits) -> None:
    if asked.k > limits.results:
        raise UsageError(f"k is at most {limits.results}, got {asked.k}: go on with offset")


def _is_light(asked: Search) -> bool:
    """Whether a question is encoded in a moment: few words, and no media to be decoded."""
    texts = [asked.query or "", *(part.text or "" for part in asked.parts)]
    return sum(map(len, texts)) <= SHORT and all(part.data is None for part in asked.parts)


def _found(
    served: Served, collection: Collection, asked: Search, known: Encoded | None = None
) -> Results:
    question = known
    with nullcontext() if known or _is_light(asked) else served.turns:
        if question is None:
            question = question_of(collection, asked, served.settings.limits)
        return _hits(collection, asked, question)


def _hits(collection: Collection, asked: Search, question: Any) -> Results:
    found = collection.search(
        question, asked.k, mode=asked.mode, offset=asked.offset,
        where=asked.where, modality=asked.modality, fold=asked.fold, diversity=asked.diversity,
    )  # fmt: skip
    return found.improved() if asked.improved else found


def _answered(found: Results) -> Answer:
    return Answer(
        {
            "hits": with_states(found),
            "nothing_matches": found.nothing_matches,
            "judgements": {str(item): said for item, said in found.judgements.items()},
        }
    )


def question_of(collection: Collection, asked: Search, limits: Limits) -> Any:
    """What a request asks, as `Collection.search` takes it; see `question_of_parts`."""
    return question_of_parts(asked.query, asked.parts, partial(item_of, collection), limits)


def question_of_parts(
    query: str | None, parts: Sequence[AskedPart], find: Callable[[int], Item], limits: Limits
) -> Any:
    """What is asked, as `Collection.search` takes it.

    Words are words: no text of a request is ever taken for a path or an address.

    Parameters
    ----------
    query : str or None
        Words, one part more.
    parts : sequence of AskedPart
    find : callable
        Gives the item of an id.

    Raises
    ------
    UsageError
        When nothing is sought, or too many words.
    MediaError
        When media of a part cannot be read.
    """
    sought = [Part(_media(part, limits), part.weight) for part in parts if part.item is None]
    like = [Part(find(part.item), part.weight) for part in parts if part.item is not None]
    if query is not None:
        sought.insert(0, Part(words(query, limits)))
    if len(sought) == 1 and not like and sought[0].weight == 1:
        return sought[0].what
    return Question(*sought, like=like)


def _media(part: AskedPart, limits: Limits) -> Media:
    if part.text is not None:
        return words(part.text, limits)
    assert part.data is not None
    return as_media(bytes_of(part.data))
