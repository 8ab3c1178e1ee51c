"""What a language brings to replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Attributes
    ----------
    kind : callable
        A kind of media, and how many of it.
    sought : callable
        What was looked for: subject, what is not wanted, dates.
    sentences : mapping
        By what they tell; after a ``|``, the sentence where nothing was sought in words.
    place : callable
        Page, or seconds, of a citation.
    joined : callable
        Several things in a row.
    apart : callable
        How many days lie between the first and the last of a row.
    """

    kind: Callable[[str, int], str]
    sought: Callable[[str, tuple[str, ...], str, str], str]
    sentences: Mapping[str, str]
    place: Callable[[Any, Any, Any], str]
    joined: Callable[[Sequence[str]], str]
    apart: Callable[[int], str]

    def say(self, sentence: str, **values: Any) -> str:
        """A sentence with its values; one that begins with what was sought is capital."""
        with_words, _, without = self.sentences[sentence].partition("|")
        pattern = with_words if values.get("sought") or not without else without
        return " ".join(pattern.format(**values).split())
