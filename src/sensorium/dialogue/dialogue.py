"""A dialogue with a collection."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from sensorium.collection import Collection
from sensorium.dialogue import conversations, exporting
from sensorium.dialogue.carrying_out.carrying_out import Carrying
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.carrying_out.trying import tells_more
from sensorium.dialogue.composing.composing import compose
from sensorium.dialogue.joining import joined
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.tools.toolbox import Toolbox
from sensorium.dialogue.turns import Reply, Step, Turn
from sensorium.dialogue.understanding.learned.reader import reader
from sensorium.dialogue.understanding.references import each_request
from sensorium.dialogue.understanding.requests import Understood, understood
from sensorium.dialogue.with_model import WithModel
from sensorium.errors import MediaError, UsageError
from sensorium.media import Media, as_media, open_media
from sensorium.tasks.conversing import Conversing, conversing_model

LANGUAGES = ("en", "zh")

ALONE = frozenset({"label", "help", "thanks"})
"""What is answered without a language model."""

LONGEST = 4_000
"""Characters of one turn; longer texts are media."""

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z]{2,}", re.IGNORECASE)


class Dialogue:
    """Talks about what a collection holds, without a language model.

    What is said is understood as a plan, carried out with tools that only read, and answered from
    what these find. Words in media are data: nothing in them is taken for a request.

    Parameters
    ----------
    collection : Collection
    model : str or Conversing, optional
        A language model that writes replies from what is found: a server's address as
        ``http://localhost:8080/v1#MODEL``, a hub id or a folder. What it writes is checked.
    language : {"en", "zh"}, optional
        Of replies; None takes that of what is said.
    may_judge : bool
        Whether what a person says is right or wrong is remembered.

    Attributes
    ----------
    turns : list of Turn
    toolbox : Toolbox

    Raises
    ------
    UsageError
        For another language.
    EncoderError
        When there is no such model, or its server does not answer.
    """

    def __init__(
        self,
        collection: Collection,
        model: str | Conversing | None = None,
        language: str | None = None,
        *,
        may_judge: bool = True,
    ) -> None:
        if language is not None and language not in LANGUAGES:
            raise UsageError(f"replies are in one of {', '.join(LANGUAGES)}, got {language!r}")
        self.collection = collection
        self.language, self.may_judge = language, may_judge
        self.turns: list[Turn] = []
        self._media: list[list[Media]] = []
        self.toolbox = Toolbox(collection)
        if isinstance(model, str):
            model = conversing_model(model)
        self._with_model = WithModel(model, self.toolbox) if model is not None else None

    def say(self, *parts: Any) -> Reply:
        """Say something, and get the reply.

        Parameters
        ----------
        *parts : str, or media (Path, Image, Audio ...)
            A text is words, whatever file is called like it; a `Path`, and media, are what the
            words are about.

        Returns
        -------
        Reply

        Raises
        ------
        MediaError
            When media that are given cannot be read.
        UsageError
            For a turn without anything in it, or of too many characters.
        """
        *_, reply = self.stream(*parts)
        assert isinstance(reply, Reply)
        return reply

    def stream(self, *parts: Any) -> Iterator[str | Reply]:
        """As `say`: the reply's text in pieces as it comes, then the `Reply`."""
        said, media = _parted(parts)
        language = self.language or language_of(said, self._last_language())
        requests = understood(
            said, language_of(said, language), datetime.date.today(), given=len(media),
            before=self.turns[-1].said if self.turns else "", reader=reader(),
        )  # fmt: skip
        is_label = any(one.plan.intent == "label" for one in requests)
        if is_label and not self.may_judge:
            raise UsageError("what is right or wrong is not remembered here: you may only read")
        replies = list[Reply]()
        for one in requests:
            replies.append(self._carried_out(one, language, media, replies))
        reply = joined(replies)
        if self._with_model is None or reply.asks or requests[-1].plan.intent in ALONE:
            yield from reply.text.splitlines(keepends=True)
        else:
            for piece in self._with_model.answer(said, media, reply, self.turns):
                if isinstance(piece, Reply):
                    reply = piece
                else:
                    yield piece
        given = tuple(str(getattr(one, "path", None) or "") for one in media)
        self.turns.append(Turn(said, given, reply))
        self._media.append(media)
        yield reply

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the conversation as JSON, to go on with by `load`.

        Raises
        ------
        UsageError, WriteError
            When it cannot be written there.
        """
        conversations.save(path, self.turns, str(self.collection.path))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        collection: Collection,
        language: str | None = None,
        model: str | Conversing | None = None,
    ) -> Self:
        """Go on with a conversation that `save` wrote.

        Raises
        ------
        UsageError
            When the file is no conversation.
        EncoderError
            See `Dialogue`.
        """
        talk = cls(collection, model, language)
        talk.turns = conversations.load(path)
        return talk

    def to_markdown(self, path: str | os.PathLike[str]) -> list[str]:
        """Write the conversation as Markdown, with pictures beside it; see `exporting.export`."""
        return exporting.export(path, self.turns, self.collection.path.stem)

    def _carried_out(
        self, request: Understood, language: str, media: Sequence[Media], before: Sequence[Reply]
    ) -> Reply:
        """The reply to one request of a turn, after the others of it.

        What it may mean as well is tried where the first leads nowhere.
        """
        turns = [*each_request(self.turns), *(Turn("", (), reply) for reply in before)]
        first = 1 + sum(len(reply.citations) for reply in before)
        outcome, steps = self._outcome(request.plan, media, turns)
        if request.other is not None and outcome.leads_nowhere:
            # What cannot be carried out, with media that are not held, was not meant.
            with contextlib.suppress(MediaError, UsageError):
                other, more = self._outcome(request.other, media, turns)
                steps = [*steps, *more]
                if tells_more(other, request.other, request.plan):
                    outcome = other
        return compose(outcome, language, steps, first)

    def _outcome(
        self, plan: Plan, media: Sequence[Media], turns: Sequence[Turn]
    ) -> tuple[Outcome, list[Step]]:
        """What comes of a plan, and the tools that were called."""
        may_write = plan.intent == "label"
        if plan.reference is not None and plan.reference.kind == "given" and not media:
            media, gone = self._given_before(plan.reference.modality)
            if not media:
                kind = "given gone" if gone else "none given"
                return Outcome(kind, plan, values={"path": gone}), []
            intent = "find" if plan.intent == "pick" else plan.intent
            plan, may_write = replace(plan, intent=intent, reference=None, given=True), False
        self.toolbox.begin(media, may_write=may_write)
        carrying = Carrying(self.toolbox, turns, len(media))
        return carrying.carry_out(plan), carrying.steps

    def _given_before(self, modality: str) -> tuple[list[Media], str]:
        """Media that were given last, and the path of what is no longer there.

        A conversation that was saved keeps their paths, and they are read again.
        """
        known: dict[int, list[Media]] = dict(
            enumerate(self._media, len(self.turns) - len(self._media))
        )
        for number, turn in reversed([*enumerate(self.turns)]):
            for path in turn.given if number not in known else ():
                try:  # files alone: a saved conversation reaches nothing else
                    opened = open_media(Path(path)) if path and Path(path).is_file() else None
                except (MediaError, OSError):
                    opened = None
                if opened is None:
                    return [], Path(path).name or "?"
                known.setdefault(number, []).append(opened)
            found = [one for one in known.get(number, ()) if modality in ("", one.modality)]
            if found:
                return found, ""
        return [], ""

    def _last_language(self) -> str:
        return self.turns[-1].reply.language if self.turns else "en"


def language_of(said: str, otherwise: str = "en") -> str:
    """The language of what is said: Chinese where it has Chinese characters, English else.

    Parameters
    ----------
    said : str
    otherwise : str
        Of what has no letters.
    """
    if _HAN.search(said):
        return "zh"
    return "en" if _LATIN.search(said) else otherwise


def _parted(parts: tuple[Any, ...]) -> tuple[str, list[Media]]:
    words, media = [], list[Media]()
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, os.PathLike):
            media.append(open_media(Path(part)))
        else:
            media.append(as_media(part))
    said = " ".join(words).strip()
    if not said and not media:
        raise UsageError("the turn is empty: say something")
    if len(said) > LONGEST:
        raise UsageError(f"a turn has up to {LONGEST} characters, got {len(said)}")
    return said, media
