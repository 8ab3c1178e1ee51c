"""How Sensorium cut words before version 5 of its format: a rival of `python -m benchmarks words`.

Names were split and questions were not, and marks, points and vowel signs were left to FTS5.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

TOKENIZER = "porter unicode61 remove_diacritics 2"

MAX_TEXT = 20_000
"""Characters of an item's texts that are indexed: some pages; more would be a document."""

MAX_QUERY_WORDS = 64
"""Words of a query that are looked for; a pasted page has its subject in its beginning."""

# Han, kana, bopomofo, Thai, Lao, Khmer, Myanmar: scripts that put no spaces between words.
_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f"
    "\u1780-\u17ff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_TOKEN = re.compile(rf'"([^"]*)"|([{_UNSPACED}]+)|([^\W{_UNSPACED}_]+)')
_NAME_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|_+")

_FUNCTION_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in",
        "into", "is", "it", "its", "of", "on", "or", "that", "the", "their", "there", "these",
        "this", "those", "to", "was", "were", "which", "with",
    }
)  # fmt: skip
"""Words that say nothing of what is sought; left out while others remain."""

_FUNCTION_CHARACTERS = re.compile("的|了|和|是|在|一[只个张幅条位]")
"""The same in Chinese, where they stand between the words without a space."""


def describe(path: str, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """What is indexed of an item: its name, and the texts of its metadata."""
    plain = urlsplit(path).path if "://" in path else path
    name = _NAME_PARTS.sub(" ", PurePath(plain).stem)
    texts = " \n".join(dict.fromkeys(_texts(metadata)))
    return _spaced(name), _spaced(texts[:MAX_TEXT])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if any(character.isalpha() for character in value):
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _spaced(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return _RUN.sub(lambda run: f" {' '.join(run[0])} ", normal)


def match_expression(query: str) -> str | None:
    """The FTS5 expression for what a person typed; None when it holds no word.

    Words are alternatives, ranked by BM25: what holds more of them, and rarer ones, comes first.
    What stands in double quotes must follow one another. A run of unspaced script is asked for as
    a whole and in overlapping pairs of characters, as nobody says where its words end.
    """
    terms: dict[str, None] = {}
    weak: dict[str, None] = {}
    for quoted, unspaced, word in _TOKEN.findall(unicodedata.normalize("NFKC", query)):
        if quoted:
            phrase = " ".join(re.findall(r"[^\W_]+", _spaced(quoted)))
            if phrase:
                terms.setdefault(f'"{phrase}"')
        elif unspaced:
            for run in filter(None, _FUNCTION_CHARACTERS.split(unspaced)):
                for part in (run, *(run[i : i + 2] for i in range(len(run) - 1))):
                    terms.setdefault(f'"{" ".join(part)}"')
            weak.setdefault(f'"{" ".join(unspaced)}"')
        elif word:
            (weak if word.lower() in _FUNCTION_WORDS else terms).setdefault(f'"{word}"')
    chosen = list(terms or weak)[:MAX_QUERY_WORDS]
    return " OR ".join(chosen) or None
