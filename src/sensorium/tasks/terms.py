"""The words of a text by which passages are compared, without those that every text has."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]+")

STOP_WORDS = _names(
    "a about above after again all also am an and any are as at be because been before "
    "being below between both but by can could did do does doing down during each few for "
    "from further had has have having he her here hers him his how i if in into is it its "
    "itself just me more most my no nor not now of off on once only or other our out over "
    "own s same she should so some such t than that the their them then there these they "
    "this those through to too under until up very was we were what when where which while "
    "who whom whose why will with would you your auch auf aus bei das dass dem den der des "
    "die ein eine einem einen einer er es für hat ich im ist mit nicht sich sie sind und "
    "von war wer wie wir wird zu zum zur wo wann was au aux ce ces dans de des du elle en "
    "est et il la le les leur ne pas par pour qui que quel quelle se son sur un une où"
)

_CHINESE_STOP = frozenset("的了是在有和就不也都而及与着或一个没我们你们他们什么吗呢谁哪里多少")

_ENDINGS = (
    ("ations", "at"), ("ation", "at"), ("ingly", ""), ("ness", ""), ("ies", "y"), ("ied", "y"),
    ("edly", ""), ("ing", ""), ("ed", ""), ("es", ""), ("ly", ""), ("s", ""), ("e", ""),
)  # fmt: skip
"""Of English words; taken off where three letters are left."""


def terms(text: str) -> list[str]:
    """The terms of a text, in order, stop words left out.

    Words are in small letters without accents and, roughly, without English endings; of scripts
    that put no space between words there are pairs of neighbouring characters.
    """
    found = []
    for word in _WORD.findall(text.casefold()):
        if _UNSPACED.search(word):
            for run in _UNSPACED.findall(word):
                pairs = [run[n : n + 2] for n in range(max(1, len(run) - 1))]
                found += [pair for pair in pairs if not _CHINESE_STOP.issuperset(pair)]
        elif (plain := word.replace("’", "'").removesuffix("'s")) not in STOP_WORDS:
            found.append(stem(plain))
    return found


def stem(word: str) -> str:
    """A word in small letters without its accents and its English ending."""
    if not word.isascii():
        parted = unicodedata.normalize("NFD", word)
        word = "".join(letter for letter in parted if not unicodedata.combining(letter))
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lsz":  # "runn" of "running"
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def weights(texts: Iterable[Iterable[str]]) -> Mapping[str, float]:
    """How telling terms are: log(1 + (n - m + 1/2) / (m + 1/2)) of those that m of n texts have.

    As in BM25 (Robertson and Zaragoza 2009, equation 3.3), so that none is negative.
    """
    held = [set(text) for text in texts]
    counts = Counter(term for text in held for term in text)
    return {
        term: math.log(1 + (len(held) - count + 0.5) / (count + 0.5))
        for term, count in counts.items()
    }


def bm25(
    asked: Sequence[str], texts: Sequence[Sequence[str]], k: float = 1.2, b: float = 0.75
) -> list[float]:
    """BM25 of texts for the terms of a question (Robertson and Zaragoza 2009, equation 3.15)."""
    weight = weights(texts)
    mean = sum(map(len, texts)) / max(1, len(texts)) or 1.0
    scores = []
    for text in texts:
        counts = Counter(text)
        length = k * (1 - b + b * len(text) / mean)
        scores.append(
            sum(
                weight[term] * counts[term] * (k + 1) / (counts[term] + length)
                for term in dict.fromkeys(asked)
                if counts[term]
            )
        )
    return scores
