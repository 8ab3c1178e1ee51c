"""Where words of media give orders to whoever reads them for a person."""

from __future__ import annotations

import re

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}?\b(?:instructions?|rules?|prompts?|previous|"
    r"above|everything)\b|\b(?:system|assistant|ai|model|chatbot)\s*[:,]|\byou (?:are now|must)\b|"
    r"\b(?:answer|reply|respond|say|write|output|print)\s+(?:only|with|exactly|that|just)\b|"
    r"忽略|无视|忘(?:掉|记).{0,10}(?:指令|指示|以上|之前)|(?:只|必须|请|要)(?:回答|回复|说|输出)",
    re.IGNORECASE | re.DOTALL,
)
"""Where words of media turn to whoever reads them for a person."""


def has_orders(text: str) -> bool:
    """Whether a text gives orders."""
    return _ORDER.search(text) is not None


def before_orders(text: str) -> str:
    """What a text says before it gives orders; all of it where it gives none."""
    cue = _ORDER.search(text)
    return text[: cue.start()] if cue else text
