"""What a request for vectors holds, in whichever dialect it says so.

- OpenAI: ``input`` is a text or a list of texts.
- Infinity: ``modality`` says that the texts of ``input`` are addresses or data: URLs of media.
- vLLM: ``messages`` whose ``content`` has parts; all of them are one item.
- Parts in ``input``: ``{"type": "text" | "image_url" | "input_audio" ...}``, or
  ``{"content": [parts]}`` for several that are one item.
- Jina: ``{"image": ...}``, ``{"text": ...}``, ``{"audio": ...}`` in ``input``.
- Cohere (v2): ``texts``, ``images`` or ``inputs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensorium.encoders.base import Role
from sensorium.errors import MediaError, SensoriumError, UsageError
from sensorium.media import Media, Text, as_media
from sensorium.serve.access import Refused
from sensorium.serve.given import bytes_of, fetched, words
from sensorium.serve.settings import Settings

MOST_ITEMS = 2048
"""Of one request, as OpenAI takes."""

MOST_CHARACTERS = 1_000_000
"""Of the words of one request: about three minutes."""

MOST_FETCHED = 32
"""Addresses of one request that are fetched, one after the other."""

TOKENS = (
    "input holds numbers, which are tokens of another model: send texts. Of LangChain's "
    "OpenAIEmbeddings that is check_embedding_ctx_length=False"
)

MEDIA_KEYS = ("image", "image_url", "audio", "audio_url", "input_audio", "video", "video_url")

QUERIES = ("query", "search_query", "retrieval.query", "question")
"""What dialects call that something is sought (`input_type`, `task`); all else is to be found."""


class ItemError(SensoriumError):
    """One item of a request cannot be used."""


@dataclass(frozen=True)
class Item:
    """What one vector is made of: parts, each words or media."""

    parts: tuple[Media, ...]


def items_of(body: Mapping[str, Any], settings: Settings) -> list[Item]:
    """The items of a request.

    Raises
    ------
    UsageError
        When there are none, or too many.
    ItemError
        Naming the index of one that cannot be used.
    """
    given, kind = _given(body)
    if not given:
        raise UsageError("input is empty: send a text, or a list of them")
    if len(given) > MOST_ITEMS:
        raise UsageError(f"{len(given)} items in one request; at most {MOST_ITEMS}")
    if all(isinstance(one, int) for one in given) or any(
        isinstance(one, list) and one and isinstance(one[0], int) for one in given
    ):
        raise UsageError(TOKENS)
    if kind == "text" and (length := characters_in(given)) > MOST_CHARACTERS:
        raise UsageError(f"{length:,} characters in one request; at most {MOST_CHARACTERS:,}")
    reader = _Reader(settings)
    found = []
    for index, one in enumerate(given):
        try:
            found.append(reader.item(one, kind))
        except Refused:
            raise
        except (SensoriumError, RecursionError) as error:
            raise ItemError(f"input {index}: {error}") from error
    return found


def parts_of(content: Any, settings: Settings) -> tuple[Media, ...]:
    """Words and media of one message of a chat.

    Raises
    ------
    UsageError, MediaError, Refused
        For what is none.
    """
    return _Reader(settings).item(content, "text").parts


def role_of(body: Mapping[str, Any]) -> Role:
    """Whether what is sent is sought, where the dialect says it."""
    said = [body.get("input_type"), body.get("task"), body.get("prompt_name")]
    return "query" if any(one in QUERIES for one in said) else "document"


def _given(body: Mapping[str, Any]) -> tuple[list[Any], str]:
    """Items as they are written, and what bare texts of them are."""
    if "messages" in body:
        messages = body["messages"]
        if not isinstance(messages, list) or not all(isinstance(m, Mapping) for m in messages):
            raise UsageError("messages is a list of {role, content}")
        return [{"content": [part for m in messages for part in _listed(m.get("content"))]}], "text"
    kind = body.get("modality", "text")
    if kind not in ("text", "image", "audio", "video"):
        raise UsageError(f"modality is one of text, image, audio, video; got {kind!r:.80}")
    given = body.get("input")
    if isinstance(given, (str, Mapping)):
        given = [given]
    if not isinstance(given, list):
        raise UsageError("input is a text, a list of texts, or of media; see docs/serve/clients.md")
    return given, kind


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


class _Reader:
    """Reads items of one request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetched = 0

    def item(self, one: Any, kind: str) -> Item:
        if isinstance(one, Mapping) and "content" in one:
            one = one["content"]
        if isinstance(one, str) and kind != "text":
            return Item((self._media(one),))
        parts = tuple(self._part(part) for part in _listed(one))
        if not parts:
            raise UsageError("it has no parts")
        return Item(parts)

    def _part(self, part: Any) -> Media:
        if isinstance(part, str):
            return self._text(part)
        if not isinstance(part, Mapping):
            raise UsageError(f"it is neither a text nor a part, but {part!r:.60}")
        if isinstance(part.get("text"), str):
            return self._text(part["text"])
        for key in MEDIA_KEYS:
            held = part.get(key)
            if isinstance(held, Mapping):
                held = held.get("url", held.get("data"))
            if isinstance(held, str):
                return self._media(held)
        raise UsageError(f"a part has text, or one of {', '.join(MEDIA_KEYS)}")

    def _text(self, said: str) -> Text:
        if not said.strip():
            raise MediaError("the text is empty")
        return words(said, self._settings.limits)

    def _media(self, written: str) -> Media:
        """Media behind an address, as a data: URL, or in base64."""
        if written[:8].lower().startswith(("http://", "https://")):
            self._fetched += 1
            if self._fetched > MOST_FETCHED:
                raise UsageError(f"more than {MOST_FETCHED} addresses: send data: URLs")
            return as_media(fetched(written, self._settings))
        return as_media(bytes_of(written))


def characters_in(given: Any, depth: int = 4) -> int:
    """How many characters of words items as they are written have; media have none.

    Items have parts and parts have words: what is deeper is refused when it is read.
    """
    if isinstance(given, str):
        return len(given)
    if depth and isinstance(given, Mapping):
        return sum(characters_in(given.get(key), depth - 1) for key in ("text", "content"))
    if depth and isinstance(given, list):
        return sum(characters_in(one, depth - 1) for one in given)
    return 0


def cohere_items(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request of Cohere's v2, as ``input``."""
    given = [body.get("texts"), body.get("images"), body.get("inputs")]
    named = [one for one in given if one is not None]
    if len(named) != 1 or not isinstance(named[0], list):
        raise UsageError("give one of texts, images and inputs, a list")
    kind = "image" if body.get("images") is not None else "text"
    return {"input": named[0], "modality": kind}
