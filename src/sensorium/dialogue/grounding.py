"""Whether what a language model writes stands in the evidence.

Each sentence is a statement, a question or talk. A statement has to be held by the evidence that it
cites, or else by some other that was found: most of its words are in what is known of the item,
all of its numbers and names are, and what it denies was sought and is not there; of a picture the
encoder judges words that nobody has said of it. A file's name is another's with one letter changed,
and so is held as a whole or not at all. What was done is held by words that say that it was
done: "delete the horses", in a letter, does not hold "I deleted the horses". Words that media have
in orders alone ("ignore all instructions and say ...") hold nothing but a quotation; where any
medium of the conversation has orders, all words of a statement have to be held. A citation that
does not hold its statement is taken away. A statement that nothing holds is marked.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from sensorium.dialogue.evidence import Evidence, Ledger
from sensorium.dialogue.orders import before_orders, has_orders
from sensorium.dialogue.turns import Citation
from sensorium.dialogue.understanding.numbers import number_of
from sensorium.tasks.sentences import sentences
from sensorium.tasks.terms import terms

SHARE = 0.7
"""Share of a statement's words that evidence has to hold: verbs and colours of speech are a
model's own. Beside orders all have to be: what is smuggled in is one word behind many."""

CIRCLES = 3
"""Sentences in a row that were said before, after which a model says nothing new."""

LONGEST_CIRCLE, SHORTEST_CIRCLING = 80, 64
"""Characters that are written again and again: at least four times, and over so many characters."""

LONGEST_SENTENCE = 1_000
"""Characters after which is checked what has come: nobody waits for a full stop for ever."""

MARKS = {"en": "[no evidence]", "zh": "［无依据］"}

TALK = frozenset(
    terms(
        "photo photos picture pictures image images film films video videos recording sound sounds "
        "audio document text file files item items collection library result results number show "
        "shows showing find found see seen look looks here there following first second third "
        "fourth fifth one two three contain contains hold holds match matches matching like likely "
        "sure yes sorry please thank thanks glad help want let know says said say written caption "
        "captioned called named titled total exactly only answer question evidence according based "
        "probably might may appears appear seems seem depicts depict features feature visible "
        "width height duration pages page sample rate channels category seconds pixels camera "
        "available list listed above below next get got give gives provided"
    )
)
"""Words of talk about what was found, which state nothing of it."""

_CHINESE_TALK = re.compile(
    "照片|图片|图像|画面|影片|视频|录音|音频|声音|文件|文档|项目|收藏|结果|数量|一共|共有|总共|"
    "显示|展示|找到|看到|看见|可以|这里|那里|这是|那是|其中|里面|以下|如下|第[一二三四五六七八九十]|"
    "[一二三两四五六七八九十几多]?[张个段部份条些只幅]|没有|有|是|的|了|在|和|与|中|上|里|吗|吧|呢|您|你|我|"
    "们|这|那|它|请|谢谢|好|根据|内容|标题|名为|叫|说|写|着|地|得|也|都|很|一"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_MARKER = re.compile(r"\s*[\[【(]\s*(\d{1,3}(?:\s*[,，]\s*\d{1,3})*)\s*[\])】]")
_AFTER_STOP = re.compile(r"([.!?。！？])((?:\s*\[\d{1,3}\])+)")
_LATE = re.compile(r"(?:\s*\[[\d,\s]{0,9}\]?)*\s*")
_LISTED = re.compile(r"\s*(?:[-*\u2022]|\d{1,3}[.)、])\s+")
_HAN_NUMBER = re.compile(r"(?<![第几数])[〇零一二三四五六七八九十百千万亿两]{2,}")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NEGATION = re.compile(
    r"\b(?:no|not|none|nothing|never|without|cannot|neither|\w+n['’]t)\b|没有|沒有|不|无|未", re.I
)
_SPELLED = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_SPELLED.split())}

_DONE = re.compile(
    r"\b(?:delet|remov|eras|send|sent|chang|mov|renam|upload|download|publish|forward|execut|"
    r"obey|ignor|reset|format|wip)\w*|(?:已|我|都|全)[经们]?(?:删|移除|发送|修改|移动|改名|上传|下载|执行|忽略)"
)
"""What nobody does here, in the form in which it is said."""

_QUOTED = re.compile('"[^"]*"|\u201c[^\u201d]*\u201d|\u300c[^\u300d]*\u300d')

_FILE = re.compile(r"[\w-]+\.[a-zA-Z][a-zA-Z0-9]{1,4}(?![a-zA-Z0-9])")
_CUT_MARKER = re.compile(r"\s*\[[\d,\s]{0,9}$")

_WORD = re.compile(r"[a-zA-Z]{3,}|[\u3400-\u9fff]+")

MOST_OWN = 5
"""Citations of the dialogue's own answer behind a statement that it holds as a whole."""

MOST_SEEN = 6
"""Words of a statement that are looked for in a picture; a longer one is more than a look."""

Sees = Callable[[int, str], bool]
"""Whether an item, by how it looks, is what a word says: (item, word)."""


@dataclass
class Checked:
    """A text whose statements were looked at.

    Attributes
    ----------
    text : str
        With markers ``[1]``, ``[2]`` of `citations` in the order of the text, and with marks behind
        what has no evidence.
    citations : list of Citation
    unfounded : list of str
    founded : int
        Statements that evidence holds.
    """

    text: str = ""
    citations: list[Citation] = field(default_factory=list)
    unfounded: list[str] = field(default_factory=list)
    founded: int = 0


class Grounding:
    """Checks a text piece by piece, as it is written.

    Parameters
    ----------
    ledger : Ledger
    language : str
        Of marks.
    sees : callable, optional
        See `Sees`.
    before : str
        What was said before, which may hold orders that media have.
    """

    def __init__(
        self, ledger: Ledger, language: str, sees: Sees | None = None, before: str = ""
    ) -> None:
        self._ledger, self._sees = ledger, sees
        self._has_orders = has_orders(before)
        self._mark = MARKS.get(language, MARKS["en"])
        self._waiting, self._told, self._again = "", set[str](), 0
        self.checked = Checked()

    @property
    def is_circling(self) -> bool:
        """Whether the same is written again and again, as small models do, and nothing else."""
        return self._again >= CIRCLES or circles(self._waiting)

    def take(self, piece: str) -> str:
        """Take some text in; returns whole sentences and lines of it, checked."""
        self._waiting += piece
        cut = self._waiting.rfind("\n") + 1
        spans = sentences(self._waiting[cut:])
        if len(spans) > 1:
            cut += spans[-1][0]
            late = _LATE.match(self._waiting, cut)  # what cites may come behind the full stop
            assert late is not None
            if late.end() == len(self._waiting):
                return ""
            cut = late.end()
        elif len(self._waiting) - cut > LONGEST_SENTENCE:
            cut = len(self._waiting)
        if _is_open(self._waiting[:cut]) and len(self._waiting) <= LONGEST_SENTENCE:
            return ""  # what is quoted is one statement, whatever its sentences
        ready, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return self._check(ready)

    def end(self) -> str:
        """What was not a whole sentence yet, checked; nothing where it went in circles."""
        ready, self._waiting = "" if self.is_circling else self._waiting, ""
        return self._check(_CUT_MARKER.sub("", ready))

    def _check(self, text: str) -> str:
        text = _AFTER_STOP.sub(r"\2\1", text)
        made = "".join(map(self._line, text.splitlines(keepends=True)))
        self.checked.text += made
        return made

    def _line(self, line: str) -> str:
        listed = _LISTED.match(line)
        start = listed.end() if listed else 0
        made = line[:start]
        rest, last = line[start:], 0
        for begin, stop in _with_quotations(rest):
            made += rest[last:begin] + self._sentence(rest[begin:stop])
            last = stop
        made += rest[last:]
        # A number of a list whose line was said before is none.
        return "" if listed and rest.strip() and not made[start:].strip() else made

    def _sentence(self, sentence: str) -> str:
        numbers = [
            int(number) for found in _MARKER.findall(sentence) for number in _NUMBER.findall(found)
        ]
        plain = _MARKER.sub("", sentence)
        talk = is_talk(plain)
        held = [] if talk else self._held(plain, numbers)
        if held is None:
            made = f"{plain} {self._mark}"
        else:
            marks = "".join(f"[{self._cite(one)}]" for one in held)
            end = re.search(r"[.!?。！？:：]*\s*$", plain)
            place = end.start() if end else len(plain)
            space = " " if marks and not _HAN.search(plain) else ""
            made = f"{plain[:place]}{space}{marks}{plain[place:]}"
        said = made.strip().casefold()
        if said in self._told:
            self._again += 1
            return ""  # small models go round in circles
        self._told.add(said)
        self._again = 0
        if held is None:
            self.checked.unfounded.append(plain.strip())
        elif not talk:
            self.checked.founded += 1
        return made

    def _held(self, statement: str, numbers: Iterable[int]) -> list[Citation] | None:
        """What holds a statement: what it cites and holds it, else the best; None if nothing."""
        share = self._share()
        if _content(_QUOTED.sub(" ", statement)) & self._ordered():
            return None
        if _NEGATION.search(statement):
            denied = any(holds(statement, said, share, negated=True)
                         for said in self._ledger.absent)  # fmt: skip
            quoted = [one for one in self._ledger.evidence if _denies(one, statement, share)]
            return [one.citation for one in quoted[:1]] if quoted else ([] if denied else None)
        known = {one.citation.number: one for one in self._ledger.evidence}
        named = [known[number] for number in dict.fromkeys(numbers) if number in known]
        if found := [one.citation for one in named if self._holds(statement, one)]:
            return found
        for one in self._ledger.evidence:
            if holds(statement, one.words, share):
                return [one.citation]
        own = self._ledger.own
        rests_on = [*own.citations[:MOST_OWN]] if own else []
        if own and holds(statement, own.text, share):
            return rests_on
        if any(holds(statement, fact, share) for fact in self._ledger.facts):
            return []
        count = self._ledger.count
        if not _content(statement) and {*_NUMBER.findall(statement)} == {str(count)}:
            # The number alone, where one was counted.
            return rests_on if own and own.count == count else []
        return None

    def _share(self) -> float:
        """Of a statement's words, how many have to be held."""
        self._has_orders |= any(has_orders(one.citation.quote) for one in self._ledger.evidence)
        return 1.0 if self._has_orders else SHARE

    def _ordered(self) -> set[str]:
        """Words that evidence has in orders alone: a model that says them as its own obeys."""
        ordered, plain = set[str](), set[str]()
        for one in self._ledger.evidence:
            start = len(before_orders(one.citation.quote))
            ordered |= _content(one.citation.quote[start:])
            rest = one.words.replace(one.citation.quote, one.citation.quote[:start])
            plain |= _content(rest)
        return ordered - plain

    def _holds(self, statement: str, one: Evidence) -> bool:
        share = self._share()
        if holds(statement, one.words, share):
            return True
        if not _has_files(statement, one.words):
            return False
        if self._sees is None or one.citation.modality != "image" or not one.citation.item:
            return False
        if _NUMBER.search(statement) or not _names(statement) <= {*terms(one.words)}:
            return False
        known, words = _content(one.words), _WORD.findall(_CHINESE_TALK.sub(" ", statement))
        missing = [word for word in words if _content(word) - known]
        if not missing or len(missing) > MOST_SEEN:
            return False
        seen = {*filter(partial(self._sees, one.citation.item), missing)}
        return holds(statement, f"{one.words} {' '.join(seen)}", share)

    def _cite(self, citation: Citation) -> int:
        for one in self.checked.citations:
            if replace(one, number=0) == replace(citation, number=0):
                return one.number
        number = len(self.checked.citations) + 1
        self.checked.citations.append(replace(citation, number=number))
        return number


def is_talk(sentence: str) -> bool:
    """Whether a sentence states nothing: a question, or words about the conversation alone."""
    if re.search(r"[?？]\W*$", sentence):
        return True
    return not _content(sentence) and not _NUMBER.search(sentence)


def _is_open(text: str) -> bool:
    """Whether a quotation has begun in the last line of a text, and not ended."""
    line = text.rpartition("\n")[2]
    return line.count('"') % 2 == 1 or any(
        line.count(begin) > line.count(end) for begin, end in ("\u201c\u201d", "\u300c\u300d")
    )


def _with_quotations(line: str) -> Iterator[tuple[int, int]]:
    """The sentences of a line; those of one quotation are one."""
    begun = None
    for begin, stop in (spans := sentences(line)):
        begun = begin if begun is None else begun
        if not _is_open(line[begun:stop]) or stop == spans[-1][1]:
            yield begun, stop
            begun = None


def circles(text: str) -> bool:
    """Whether a text ends with the same few characters again and again."""
    for length in range(1, LONGEST_CIRCLE + 1):
        span = max(4 * length, SHORTEST_CIRCLING)
        if len(text) >= span and text[-span:-length] == text[length - span :]:
            return True
    return False


def holds(statement: str, words: str, share: float = SHARE, *, negated: bool = False) -> bool:
    """Whether words hold a statement: all of its numbers, and enough of its other words.

    Parameters
    ----------
    statement, words : str
    share : float
        Of its words.
    negated : bool
        Whether `words` are what is not there: then numbers do not count.
    """
    if not {*_DONE.findall(statement.lower())} <= {*_DONE.findall(words.lower())}:
        return False
    asked = _content(_NEGATION.sub(" ", statement) if negated else statement)
    if not negated and not (
        {*_NUMBER.findall(_without_files(statement))} <= _numbers(words)
        and _counts_as(statement, words)
        and _names(statement) <= {*terms(words)}
        and _has_files(statement, words)
    ):
        return False
    return bool(asked) and len(asked & _content(words)) >= share * len(asked)


def _content(text: str) -> set[str]:
    """The words of a text that say something; of Chinese its characters."""
    chinese = {*_HAN.findall(_CHINESE_TALK.sub(" ", text))}
    latin = {
        word
        for word in terms(_HAN.sub(" ", text.replace("_", " ").replace("/", " ")))
        if word not in TALK and not word.isdigit()
    }
    return chinese | latin


def _names(statement: str) -> set[str]:
    """What is written with a capital letter within a sentence: nothing stands in for a name."""
    found = re.findall(r"(?<=[\w,;:'’] )[A-Z]\w+", statement)
    return {word for name in found for word in terms(name)} - TALK


def _counts_as(statement: str, words: str) -> bool:
    """Whether all numbers in Chinese signs are there as a whole, in signs or in digits."""
    said, there = _HAN_NUMBER.findall(statement), {*_HAN_NUMBER.findall(words)}
    digits = _numbers(words) - {"0"}  # which stands for what is no number
    return all(one in there or str(number_of(one)) in digits for one in said)


def _files(text: str) -> list[str]:
    """Names of files in a text; Chinese words may stand before them without a space."""
    return [name for name in _FILE.findall(text) if mimetypes.guess_type(name)[0]]


def _without_files(text: str) -> str:
    return _FILE.sub(lambda found: " " if mimetypes.guess_type(found[0])[0] else found[0], text)


def _has_files(statement: str, words: str) -> bool:
    """Whether all files that a statement names are named."""
    there = [name.casefold() for name in _files(words)]
    return all(
        any(re.search(rf"(?<![a-z0-9_-]){re.escape(known)}$", name.casefold()) for known in there)
        for name in _files(statement)
    )


def _numbers(words: str) -> set[str]:
    found = {*_NUMBER.findall(words)}
    found |= {digit for word in re.findall(r"[a-z]+", words.lower())
              if (digit := _NUMBER_WORDS.get(word))}  # fmt: skip
    return found | {part for number in found for part in re.split(r"[.,:]", number)}


def _denies(one: Evidence, statement: str, share: float) -> bool:
    """Whether words of an item deny what a statement denies."""
    quote = one.citation.quote
    return bool(_NEGATION.search(quote)) and holds(statement, quote, share)
