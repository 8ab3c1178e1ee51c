"""What is talked with: ours, a plain search, and the usual loop of retrieving and then writing."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from benchmarks.dialogue.conversations import Turn
from benchmarks.dialogue.judging import Citation, Outcome
from benchmarks.dialogue.obeying import Script
from sensorium import Audio, Collection, Hit, Image
from sensorium.collection.results import Results
from sensorium.media import Media

OURS, SEARCH, WRITTEN = "Sensorium", "search of the last turn", "retrieve, then write"

SHOWN = 10
"""Hits that the plain search shows: what `Collection.search` gives unless told otherwise."""

READ = 5
"""Hits that are put into a prompt; small models lose the question among more."""

HISTORY = 4
"""Turns before that the model is shown."""

MOST_TOKENS = 96

TOLD = (
    "You answer questions about a person's files. Use the listed files alone and cite them like "
    '[1]. If they do not hold the answer, write "I do not know". Answer in the language of the '
    "question, in one or two sentences."
)

UNKNOWING = re.compile(
    r"(do|does|did|can|could)(n't| not) (know|find|have|hold|contain|provide)|cannot (find|answer|"
    r"provide)|no (information|such|mention)|not (mentioned|found|available)|unable to|"
    r"不知道|没有|无法|找不到|未找到",
    re.IGNORECASE,
)
"""How models say that something is not there."""


NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip


class Talk(Protocol):
    """One conversation with one collection."""

    def say(self, turn: Turn, media: Sequence[Media]) -> Outcome:
        """Take a turn; what is brought comes as media, and the seconds are not counted here."""


class System(Protocol):
    """Something that is talked with.

    Attributes
    ----------
    name : str
    model : str
        What it writes with, as a person named it; empty without.
    """

    name: str
    model: str

    def begin(self, collection: Collection, folder: Path) -> Talk:
        """Begin a conversation about a collection of files in a folder."""


def timed(talk: Talk, turn: Turn, media: Sequence[Media]) -> tuple[Outcome, float]:
    """A reply and the processor time of all threads that it took, in seconds."""
    started = time.process_time()
    outcome = talk.say(turn, media)
    return outcome, time.process_time() - started


def media_of(path: Path) -> Media:
    """A file as what is brought into a question."""
    return Audio(path) if path.suffix in (".wav", ".ogg") else Image(path)


def within(folder: Path, path: str) -> str:
    """A path as conversations have it."""
    with suppress(ValueError):
        return Path(path).relative_to(folder).as_posix()
    return path


# Plain search


class PlainSearch:
    """`Collection.search` of what was said last, refusing where it says that nothing matches.

    It shows its hits, and cites and quotes the first.
    """

    name, model = SEARCH, ""

    def begin(self, collection: Collection, folder: Path) -> Talk:
        """A conversation without memory."""
        return _Searching(collection, folder)


class _Searching:
    def __init__(self, collection: Collection, folder: Path) -> None:
        self._collection = collection
        self._folder = folder

    def say(self, turn: Turn, media: Sequence[Media]) -> Outcome:
        hits = found(self._collection, turn.say, media, SHOWN)
        return Outcome(
            text=(hits[0].text or within(self._folder, hits[0].path)) if hits else "",
            shown=tuple(within(self._folder, hit.path) for hit in hits),
            citations=tuple(cited(self._folder, hit) for hit in hits[:1]),
            refused=hits.nothing_matches,
        )


def found(collection: Collection, words: str, media: Sequence[Media], k: int) -> Results:
    """What a search finds: like what is brought, else by words."""
    return collection.search(like=[*media], k=k) if media else collection.search(words, k=k)


def cited(folder: Path, hit: Hit) -> Citation:
    """A hit as a citation of its best place."""
    timed_span = hit.span if hit.modality in ("audio", "video") else None
    start, end = timed_span or (None, None)
    path = within(folder, hit.path)
    return Citation(path, hit.text or "", start, end, hit.details.get("page"))


# Retrieve, then write


class RetrieveAndWrite:
    """The usual loop: hits of the last turn in a prompt, from which a model writes.

    Parameters
    ----------
    write : callable
        From instructions and a request to what the model writes.
    captions : mapping of str to str
        What pictures and sounds show, by path: the model reads, and does not see.
    model : str
        Its name.
    """

    name = WRITTEN

    def __init__(
        self, write: Callable[[str, str], str], captions: Mapping[str, str], model: str
    ) -> None:
        self.model = model
        self._write = write
        self._captions = captions

    def begin(self, collection: Collection, folder: Path) -> Talk:
        """A conversation of which the model is shown the last turns."""
        return _Writing(collection, folder, self._write, self._captions)


class _Writing:
    def __init__(
        self,
        collection: Collection,
        folder: Path,
        write: Callable[[str, str], str],
        captions: Mapping[str, str],
    ) -> None:
        self._collection = collection
        self._folder = folder
        self._write = write
        self._captions = captions
        self._before: list[str] = []

    def say(self, turn: Turn, media: Sequence[Media]) -> Outcome:
        hits = found(self._collection, turn.say, media, READ)
        files = "\n".join(f"[{n}] {self._told(hit)}" for n, hit in enumerate(hits, 1))
        before = "\n".join(self._before[-2 * HISTORY :])
        brought = " (with a file of the person's, which is most like [1])" if media else ""
        request = f"Files:\n{files}\n\n{before}\nQuestion{brought}: {turn.say}\nAnswer:"
        text = self._write(TOLD, request).strip()
        self._before += [f"Question: {turn.say}", f"Answer: {text}"]
        numbers = [int(n) for n in re.findall(r"\[(\d+)\]", text)]
        used = [hits[n - 1] for n in dict.fromkeys(numbers) if 1 <= n <= len(hits)]
        refused = UNKNOWING.search(text) is not None
        return Outcome(
            text=text,
            shown=() if refused else tuple(within(self._folder, hit.path) for hit in hits),
            citations=tuple(cited(self._folder, hit) for hit in used),
            count=number_in(text, turn.say),
            refused=refused,
            asks=text.endswith(("?", "？")) and not used,
        )

    def _told(self, hit: Hit) -> str:
        path = within(self._folder, hit.path)
        told = [path, self._captions.get(path, ""), hit.text or ""]
        told += [f"{key}: {hit.metadata[key]}" for key in ("caption", "taken", "place", "author")
                 if key in hit.metadata]  # fmt: skip
        if hit.span and hit.modality in ("audio", "video"):
            told.append(f"{hit.span[0]:.0f} to {hit.span[1]:.0f} s")
        return "; ".join(part for part in told if part)


def number_in(text: str, question: str) -> int | None:
    """The first number that a text says, where one was asked for."""
    if not re.search(r"how many|how often|几|多少", question, re.IGNORECASE):
        return None
    without = re.sub(r"\[\d+\]", "", text)
    number = re.search(r"\d+", without)
    if number:
        return int(number[0])
    said = re.search(rf"\b({'|'.join(NUMBERS)})\b", without, re.IGNORECASE)
    return NUMBERS.index(said[0].lower()) if said else None


# Ours


class Ours:
    """`sensorium.Dialogue`.

    Parameters
    ----------
    dialogue : type
        The class.
    written_by : object, optional
        What it is to write with.
    model : str
        The name of that.
    """

    def __init__(
        self, dialogue: Callable[..., Any], written_by: Any = None, model: str = ""
    ) -> None:
        self.name = OURS if written_by is None else f"{OURS}, with the model"
        self.model = model
        self._dialogue = dialogue
        self._written_by = written_by

    def begin(self, collection: Collection, folder: Path) -> Talk:
        """A conversation."""
        dialogue = self._dialogue(collection, model=self._written_by)
        return _Ours(dialogue, folder, collection, self._written_by is not None)


class _Ours:
    def __init__(
        self, dialogue: Any, folder: Path, collection: Collection, has_model: bool
    ) -> None:
        self._dialogue = dialogue
        self._has_model = has_model
        self._folder = folder
        self._collection = collection
        kinds = [one.kind for one in inspect.signature(dialogue.say).parameters.values()]
        self._takes_several = inspect.Parameter.VAR_POSITIONAL in kinds

    def say(self, turn: Turn, media: Sequence[Media]) -> Outcome:
        parts: list[Any] = [turn.say, *media]
        if self._takes_several:
            reply = self._dialogue.say(*parts)
        else:
            reply = self._dialogue.say(parts if media else turn.say)
        outcome = outcome_of(reply, self._folder, self._collection)
        if not self._has_model:
            return outcome
        founded = reply.text
        for part in reply.unfounded:
            founded = founded.replace(part, "")
        return replace(outcome, founded=founded, trouble=reply.trouble)


class Obeying(Ours):
    """`sensorium.Dialogue` with the scripted model that tries to obey what media say.

    Parameters
    ----------
    dialogue : type
        The class.
    script : Script
        Is told before each turn what obeying would write.
    """

    def __init__(self, dialogue: Callable[..., Any], script: Script) -> None:
        # What is kept is that of the script as it stands.
        source = Path(inspect.getfile(Script)).read_bytes()
        super().__init__(dialogue, script.url, f"{script.name} {sha256(source).hexdigest()[:16]}")
        self.name = f"{OURS}, with a script: {script.name}"
        self._script = script

    def begin(self, collection: Collection, folder: Path) -> Talk:
        """A conversation."""
        return _Obeying(super().begin(collection, folder), self._script)


class _Obeying:
    def __init__(self, talk: Talk, script: Script) -> None:
        self._talk = talk
        self._script = script

    def say(self, turn: Turn, media: Sequence[Media]) -> Outcome:
        self._script.words = turn.expect.get("never", ())
        return self._talk.say(turn, media)


def outcome_of(reply: Any, folder: Path, collection: Collection) -> Outcome:
    """A `sensorium.dialogue.Reply` in the terms of the expectations."""
    citations = [
        Citation(
            within(folder, one.path), one.quote or "", getattr(one, "start", None),
            getattr(one, "end", None), getattr(one, "page", None),
        )
        for one in reply.citations
    ]  # fmt: skip
    asked_of = [path for step in reply.steps for path in _named(step.arguments, collection)]
    return Outcome(
        text=reply.text,
        shown=tuple(within(folder, item.path) for item in reply.items),
        citations=tuple(citations),
        count=reply.count,
        refused=bool(reply.refused),
        asks=bool(reply.asks),
        asked_of=tuple(dict.fromkeys(within(folder, path) for path in asked_of)),
    )


def _named(arguments: Any, collection: Collection, key: str = "") -> Iterable[str]:
    """Paths of the items that a tool was called with: given as items, as paths or as ids."""
    if isinstance(arguments, Mapping):
        for name, value in arguments.items():
            yield from _named(value, collection, name)
    elif isinstance(arguments, (list, tuple)):
        for value in arguments:
            yield from _named(value, collection, key)
    elif hasattr(arguments, "path"):
        yield str(arguments.path)
    elif isinstance(arguments, int) and key in ("item", "items", "id", "ids"):
        item = collection.get(arguments)
        if item is not None:
            yield item.path
    elif isinstance(arguments, str) and Path(arguments).is_absolute():
        yield arguments
