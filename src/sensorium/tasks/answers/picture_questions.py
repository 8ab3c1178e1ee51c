"""Questions about a picture that are about one thing: "is this a cat?", "is there a dog in it?"."""

from __future__ import annotations

import re

_PICTURE = r"(?:image|picture|photo|photograph|drawing|painting|one)"
_END = rf"(?:\s+(?:in|on|at|visible in|shown in)\s+(?:the|this|that|it|here)(?:\s+{_PICTURE})?)?"

_ASKED = (
    rf"(?:is|are)\s+(?:(?:the|this|that)\s+{_PICTURE}|this|that|it|these|those)\s+"
    rf"(?:(?:a|an|the)\s+{_PICTURE}\s+of\s+|of\s+)?(?P<is>.+?){_END}",
    rf"(?:does|do)\s+(?:this|that|it|the|these)\s*(?:{_PICTURE}s?)?\s*"
    r"(?:show|contain|depict|have|include)\s+(?P<does>.+?)",
    rf"(?:is|are)\s+there\s+(?P<there>.+?){_END}",
    rf"(?:can\s+(?:you|one|we)|do\s+you)\s+see\s+(?P<see>.+?){_END}",
    r"(?:这|图|图片|照片|这张图|这张照片|图中|图里)(?:片|中|里|上)?(?:的)?(?:是不是|是|有没有|有|里有|中有)"
    r"(?:一[只个张头条辆座朵幅])?(?P<zh>.+?)(?:吗|么)?",
    r"ist\s+(?:das|dies)\s+(?P<de>.+?)",
    r"est-ce\s+(?:que\s+c'est\s+)?(?P<fr>.+?)",
)
_PATTERNS = tuple(re.compile(rf"\s*{one}\s*[?？.]*\s*", re.IGNORECASE) for one in _ASKED)

_OR = re.compile(r"\s*,?\s+(?:or|oder|ou)\s+|还是|\s*,\s*", re.IGNORECASE)


def labels_of(question: str) -> list[str]:
    """What a question about a picture asks for: one thing, or several of which one is to be chosen.

    Parameters
    ----------
    question : str

    Returns
    -------
    list of str
        ``["a cat"]`` of "is this image a cat?", ``["a cat", "a dog"]`` of "is it a cat or a dog?";
        empty for a question of another kind.
    """
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(question):
            asked = next(filter(None, match.groups()), "").strip(" ?？.")
            parts = [part.strip() for part in _OR.split(asked)] if _OR.search(asked) else [asked]
            return [part for part in dict.fromkeys(parts) if part]
    return []
