"""A question of several parts: words and pictures, wanted and not, some more than others."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.items import find
from sensorium.collection.queries import query_parts, vector_given
from sensorium.collection.results import Item
from sensorium.collection.store import Store
from sensorium.encoders import Encoder, Space
from sensorium.errors import MediaError, UsageError
from sensorium.media import Media, Text, as_media, open_media
from sensorium.media.sources import is_url, shown_url

MOST_WEIGHT = 1000.0
"""A part that counts for more leaves nothing of the others; nobody means that."""

MOST_PARTS = 100
"""Parts of one question. Each is encoded, and compared with everything."""


@dataclass(frozen=True)
class Part:
    """One thing that is said of what is sought.

    Attributes
    ----------
    what : str, Path, URL, media, vector, Item or int
        Words or media, as `Collection.search` takes them; an item, or its number, stands for its
        file.
    weight : float
        How much it counts for beside the other parts; negative for what is not wanted.

    Raises
    ------
    UsageError
        For a weight of 0, and for one that is no number.
    """

    what: Any
    weight: float = 1.0

    def __post_init__(self) -> None:
        is_number = isinstance(self.weight, (int, float)) and not isinstance(self.weight, bool)
        if not is_number or not 0 < abs(self.weight) <= MOST_WEIGHT:
            raise UsageError(
                f"the weight of a part is a number up to {MOST_WEIGHT:g} and not 0, "
                f"got {self.weight!r}"
            )


@dataclass(frozen=True, init=False)
class Question:
    """What is sought, said in several parts.

    Parameters
    ----------
    *sought : str, media or Part
        Words or media, as `Collection.search` takes one of them.
    like, unlike : path, URL, media, Item, int or Part, or a list of such
        Examples of what is sought, and of what is not: a text is a path here. A path or the number
        of an item stands for the item's file, or for its stored vectors where that is gone.
    without : str or Part, or a list of such
        What is not wanted, in words.

    Attributes
    ----------
    parts : tuple of Part

    Raises
    ------
    UsageError
        When nothing is sought, or there are too many parts.
    """

    parts: tuple[Part, ...]

    def __init__(self, *sought: Any, like: Any = (), unlike: Any = (), without: Any = ()) -> None:
        parts = [
            *(_part(what) for what in sought),
            *(_example(what) for what in _several(like)),
            *(_negative(_example(what)) for what in _several(unlike)),
            *(_negative(_words(what)) for what in _several(without)),
        ]
        if not any(part.weight > 0 for part in parts):
            raise UsageError(
                "the query says what is sought, too: give words, or an example (like=, in a shell "
                "--like)"
            )
        if len(parts) > MOST_PARTS:
            raise UsageError(f"a question has up to {MOST_PARTS} parts, got {len(parts)}")
        object.__setattr__(self, "parts", tuple(parts))

    def __str__(self) -> str:
        return told_with_weights((part.weight, told_part(part.what)) for part in self.parts)


@dataclass(frozen=True)
class Example:
    """A file or an item that somebody names as an example."""

    named: Any


@dataclass(frozen=True)
class Asked:
    """A part as it is compared.

    Attributes
    ----------
    weight : float
    vectors : ndarray of float32, shape (n, d)
        Of its segments; none where only its words are compared.
    words : str or None
        What a search by words looks for.
    modality : str
        Of what is asked with.
    told : mapping
        What it is, so that the same part is known again: its words, its file, or a digest.
    """

    weight: float
    vectors: npt.NDArray[np.float32]
    words: str | None
    modality: str
    told: Mapping[str, Any] = field(default_factory=dict)


def question_of(query: Any, like: Any = None, unlike: Any = None, without: Any = None) -> Any:
    """What somebody asks: the `Question` of several parts, or the query where it is that alone.

    Raises
    ------
    UsageError
        When nothing is asked.
    """
    others = any(given is not None for given in (like, unlike, without))
    if isinstance(query, Question):
        if others:
            raise UsageError("a Question holds all its parts: give like=, unlike=, without= to it")
        return query
    if isinstance(query, Part) or query is None or others:
        sought = () if query is None else (query,)
        return Question(*sought, like=like, unlike=unlike, without=without)
    return query


def in_words(query: Any) -> Any:
    """A question to a search by words: a text is words there, also one that is called like a file.

    Media and vectors stay what they are, as do examples, of which a text is a path.
    """
    if isinstance(query, str):
        return Text(query)
    if isinstance(query, Question):
        return Question(
            *(
                replace(part, what=Text(part.what)) if isinstance(part.what, str) else part
                for part in query.parts
            )
        )
    return query


def asked_with(
    question: Question,
    encoder: Callable[[], Encoder],
    store: Store | None,
    *,
    vectors: bool,
    words: bool,
) -> list[Asked]:
    """Read and encode the parts of a question.

    Parameters
    ----------
    question : Question
    encoder : callable
        Gives the encoder, where vectors are compared.
    store : Store or None
        Of the collection that is searched: items are looked up in it. Without one, examples are
        files.
    vectors, words : bool
        What is compared.

    Raises
    ------
    MediaError
        When a part cannot be read.
    UsageError
        When words alone are compared, and a part is none.
    """
    asked = []
    for part in question.parts:
        found = _vectors_of(part.what, lambda: encoder().space, store) if vectors else None
        media = _media_of(part.what, store) if found is None else None
        is_text = isinstance(media, Text)
        if not vectors and not is_text:
            raise UsageError(f"a search by words takes texts, not {told_part(part.what):.80}")
        if found is None:
            assert media is not None
            found = query_parts(encoder(), media) if vectors else np.empty((0, 0), np.float32)
        asked.append(
            Asked(
                part.weight, found,
                media.text if words and isinstance(media, Text) else None,
                media.modality.value if media is not None else "image",
                _known_by(part.what, media, found, store),
            )
        )  # fmt: skip
    return asked


def described_question(question: Question, asked: Callable[[], Sequence[Asked]]) -> str:
    """`described` of what `asked` gives, which is not called for a question in words alone."""
    words = [as_media(p.what) for p in question.parts if isinstance(p.what, (str, Text))]
    texts = [media for media in words if isinstance(media, Text)]
    if len(texts) < len(question.parts):
        return described(asked())
    nothing = np.empty((0, 0), np.float32)
    return described(
        [
            Asked(part.weight, nothing, None, "text", {"words": media.text})
            for part, media in zip(question.parts, texts, strict=True)
        ]
    )


def described(asked: Sequence[Asked]) -> str:
    """What is asked, as a text that the same question has again: JSON, a part after the other."""
    parts = [
        {**part.told, **({"weight": part.weight} if part.weight != 1 else {})} for part in asked
    ]
    return json.dumps(parts, ensure_ascii=False, sort_keys=True)


def told_with_weights(parts: Iterable[tuple[float, str]]) -> str:
    """Parts of a question in a line: ``castle + 0.5 x at night - people``."""
    told = ""
    for weight, what in parts:
        sign = "-" if weight < 0 else "+" * bool(told)
        counts = "" if abs(weight) == 1 else f"{abs(weight):g} x "
        told += f" {sign} {counts}{what}" if sign else f"{counts}{what}"
    return told.strip()


def _known_by(
    what: Any, media: Media | None, vectors: npt.NDArray[np.float32], store: Store | None
) -> dict[str, str]:
    if isinstance(media, Text):
        return {"words": media.text}
    named = what.named if isinstance(what, Example) else what
    if isinstance(named, (int, Item)) and not isinstance(named, bool):
        named = item.path if (item := _item(store, named)) is not None else named
    if isinstance(named, (str, os.PathLike)):
        name = os.fspath(named)
        is_address = isinstance(name, str) and is_url(name)
        if is_address:
            return {"file": shown_url(name)}
        path = os.path.abspath(os.path.expanduser(str(name)))  # noqa: PTH100, PTH111
        return {"file": path}
    digest = hashlib.sha256(np.ascontiguousarray(vectors, "<f4").tobytes()).hexdigest()
    return {"vectors": digest}


def query_of(question: Question, store: Store | None, encoder: Callable[[], Encoder]) -> Any:
    """What a question of one part asks, as any query; its weight says nothing then.

    Raises
    ------
    MediaError
        When the part is an example that is not there.
    """
    if len(question.parts) > 1:
        return question
    what = question.parts[0].what
    vectors = _vectors_of(what, lambda: encoder().space, store)
    if vectors is not None and len(vectors) > 1:
        return question
    return vectors if vectors is not None else _media_of(what, store)


def _vectors_of(
    what: Any, space: Callable[[], Space], store: Store | None
) -> npt.NDArray[np.float32] | None:
    """The vectors that a part is, or that are stored of an item whose file is gone."""
    named = what.named if isinstance(what, Example) else what
    if not isinstance(what, Example) or not isinstance(named, (str, int, Item, os.PathLike)):
        return vector_given(named, space)
    if _is_file(named):
        return None
    item = _item(store, named) if not (isinstance(named, str) and is_url(named)) else None
    if store is None or item is None or _is_file(item.path):
        return None
    vectors = stored_vectors(store, item.id, space().dimension)
    return vectors if len(vectors) else None


def stored_vectors(store: Store, item: int, dimension: int) -> npt.NDArray[np.float32]:
    """The vectors of an item's segments, shape (n, d)."""
    return store.vectors(dimension, items=[item])[2]


def _media_of(what: Any, store: Store | None) -> Media:
    if not isinstance(what, Example):
        return as_media(what)
    named = what.named
    if isinstance(named, str) and is_url(named):
        return open_media(named)
    if not isinstance(named, (str, int, Item, os.PathLike)):
        return as_media(named)
    if _is_file(named):
        return open_media(Path(os.path.expanduser(str(named))))  # noqa: PTH111
    item = _item(store, named)
    if item is not None and (is_url(item.path) or _is_file(item.path)):
        return open_media(item.path)
    if isinstance(named, (str, os.PathLike)) and item is None:
        raise MediaError(
            "no such file, and no item of the collection; words are asked beside it", str(named)
        )
    raise MediaError("no such item, or it has no file and no vectors any more", told_part(named))


def _item(store: Store | None, named: Any) -> Item | None:
    return None if store is None else find(store, named)


def _is_file(named: Any) -> bool:
    if not isinstance(named, (str, os.PathLike)):
        return False
    try:
        return os.path.isfile(os.path.expanduser(named))  # noqa: PTH111, PTH113
    except ValueError:  # it holds a NUL
        return False


def _part(what: Any) -> Part:
    return what if isinstance(what, Part) else Part(_item_or(what))


def _item_or(what: Any) -> Any:
    return Example(what) if isinstance(what, (Item, int)) and not isinstance(what, bool) else what


def _example(what: Any) -> Part:
    part = what if isinstance(what, Part) else Part(what)
    # True would be item 1, and an empty name the folder that one is in.
    is_empty = isinstance(part.what, str) and not part.what.strip()
    if is_empty or part.what is None or isinstance(part.what, (bool, np.bool_)):
        raise UsageError(
            f"an example is a file, an item, its number, media or a vector; got {part.what!r}"
        )
    return part if isinstance(part.what, Example) else replace(part, what=Example(part.what))


def _words(what: Any) -> Part:
    part = what if isinstance(what, Part) else Part(what)
    text = part.what.text if isinstance(part.what, Text) else part.what
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"without takes words, and unlike everything else; got {text!r:.80}")
    return replace(part, what=Text(text))


def _negative(part: Part) -> Part:
    if part.weight < 0:
        raise UsageError(
            f"what is not wanted has the weight of a part, and no sign of its own; "
            f"got {part.weight:g}"
        )
    return replace(part, weight=-part.weight)


def _several(given: Any) -> Iterable[Any]:
    """What is given as one thing or as a list of things."""
    if given is None:
        return ()
    is_list = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    is_vector = is_list and given and all(isinstance(n, (float, np.floating)) for n in given)
    return given if is_list and not is_vector else (given,)


def told_part(what: Any) -> str:
    """How a part is called where it is told what was asked."""
    if isinstance(what, Example):
        return told_part(what.named)
    if isinstance(what, Text):
        return what.text
    if isinstance(what, Item):
        return what.path
    if isinstance(what, (str, os.PathLike)):
        name = os.fspath(what)
        return shown_url(name) if is_url(name) else name
    if isinstance(what, int):
        return f"item {what}"
    return f"<{type(what).__name__}>"
