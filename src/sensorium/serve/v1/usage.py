"""What ``usage`` of an answer counts: the tokens that a model reads.

Of a text whose encoder has no tokenizer at hand its words are counted; media count as one. A
conversation is no model's input: of it words are counted, of Chinese and Japanese each sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.media import Media, Modality, Text

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def words_in(text: str) -> int:
    """How many words a text has, each sign of Chinese and Japanese for one."""
    return len(_WORD.findall(text))


def usage_of(messages: Iterable[Mapping[str, Any]], reply: str) -> dict[str, int]:
    """``usage`` of a conversation: its words, one for each picture and sound, and the reply's.

    Parameters
    ----------
    messages : iterable of mapping
        As ``/v1/chat/completions`` has them.
    reply : str
    """
    asked = sum(_words_of(one.get("content")) for one in messages)
    answered = words_in(reply)
    return {
        "prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered,
    }  # fmt: skip


def _words_of(content: Any) -> int:
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    media = sum(isinstance(part, Mapping) and "text" not in part for part in parts)
    return media + sum(words_in(text) for text in texts if isinstance(text, str))


class Counting:
    """An encoder that counts what it is given: of what is prepared, since nothing is cut twice.

    Parameters
    ----------
    inner : Encoder
    """

    def __init__(self, inner: Encoder) -> None:
        self.inner, self.space = inner, inner.space
        self._counts: list[int] = []  # which threads may append to

    @property
    def tokens(self) -> int:
        """How many there were so far."""
        return sum(self._counts)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder`."""
        prepared = self.inner.prepare(media, role)
        self._counts.append(_tokens_in(self.inner, media, prepared, role))
        return prepared

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder`."""
        return self.inner.encode_prepared(modality, batch, role)


def known_tokens(
    encoder: Encoder, parts: Sequence[Media], prepared: Sequence[Prepared]
) -> int | None:
    """How many tokens what was prepared has; None where that does not tell."""
    counts = [
        encoder.tokens_in(one) if isinstance(part, Text) else 1
        for part, one in zip(parts, prepared, strict=True)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def tokens_of(
    encoder: Encoder, parts: Sequence[Media], prepared: Sequence[Prepared], role: Role
) -> int:
    """How many tokens the model reads of what was prepared; it may take as long as cutting does."""
    return sum(
        _tokens_in(encoder, part, one, role) for part, one in zip(parts, prepared, strict=True)
    )


def _tokens_in(encoder: Encoder, media: Media, prepared: Prepared, role: Role) -> int:
    if not isinstance(media, Text):
        return 1
    count = encoder.tokens_in(prepared)
    if count is None:
        count = encoder.tokens(media.text, role)
    return len(media.text.split()) or 1 if count is None else count
