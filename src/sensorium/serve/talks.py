"""Conversations that clients have with collections: each request brings all that was said."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from sensorium.dialogue import Dialogue, Reply, Turn
from sensorium.dialogue.exporting import export
from sensorium.errors import UsageError
from sensorium.media import Media, Text
from sensorium.serve.v1.dialects import parts_of
from sensorium.tasks.conversing import Conversing, conversing_model

if TYPE_CHECKING:
    from sensorium.serve.served import Served

MOST_KEPT = 256
"""Conversations whose turns are held, so that "the second one" is known without asking anew."""

MOST_BEFORE = 8
"""Turns that are worked out anew where they are not held: the server was started in between."""

CHAT = "chat"
"""The task whose model writes replies, as ``--model`` names it."""

Messages = Sequence[Mapping[str, Any]]


class Talks:
    """Replies to requests that bring a conversation.

    Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, tuple[Turn, ...]] = OrderedDict()
        self._model: Conversing | None = None

    def reply(
        self, served: Served, name: str, messages: Messages, *, may_judge: bool
    ) -> Iterator[str | Reply]:
        """The reply to the last message, its text in pieces as it comes, and then all of it.

        Parameters
        ----------
        served : Served
        name : str
            Of a collection.
        messages : sequence of mapping
            As ``/v1/chat/completions`` has them; the last one is the person's.
        may_judge : bool
            Whether what the person says of items is remembered.

        Raises
        ------
        UsageError
            For messages that are none.
        MediaError
            For media in them that cannot be read.
        """
        *before, last = said_by(messages)
        talk = Dialogue(served.collection(name), model=self._chosen(served), may_judge=may_judge)
        talk.turns = [*self._before(served, name, before)]
        # In turns: two processors write no more replies at once than one after the other.
        with served.turns:
            for piece in talk.stream(*_given(last["content"], served)):
                if isinstance(piece, Reply):
                    answered = {"role": "assistant", "content": piece.text}
                    self._keep(_key(name, [*before, last, answered]), talk.turns)
                yield piece

    def exported(self, served: Served, name: str, messages: Messages) -> bytes:
        """A conversation as a ZIP file: Markdown, and pictures of what was shown beside it.

        Parameters
        ----------
        served : Served
        name : str
            Of a collection.
        messages : sequence of mapping
            All that was said, as `reply` takes it, to the last reply.

        Raises
        ------
        UsageError, MediaError
            For messages that are none, and for none.
        """
        turns = self._before(served, name, _listed(messages))
        with TemporaryDirectory(prefix="sensorium-") as folder, BytesIO() as written:
            export(Path(folder) / "conversation.md", turns, name)
            with ZipFile(written, "w") as packed:
                for file in sorted(Path(folder).rglob("*.*")):
                    packed.write(file, file.relative_to(folder))
            return written.getvalue()

    def _chosen(self, served: Served) -> Conversing | None:
        named = served.settings.models.get(CHAT)
        if named is None:
            return None
        with self._lock:
            if self._model is None:
                self._model = conversing_model(named)
            return self._model

    def _before(self, served: Served, name: str, before: Messages) -> Sequence[Turn]:
        """The turns that messages were, worked out anew where they are not held."""
        with self._lock:
            held = self._turns.get(_key(name, before))
            if held is not None:
                self._turns.move_to_end(_key(name, before))
                return held
        asked = [one for one in before if one["role"] == "user"]
        talk = Dialogue(served.collection(name), may_judge=False)
        for one in asked[-MOST_BEFORE:]:
            with served.turns:
                talk.say(*_given(one["content"], served))
        return talk.turns

    def _keep(self, key: str, turns: Sequence[Turn]) -> None:
        with self._lock:
            self._turns[key] = tuple(turns)
            while len(self._turns) > MOST_KEPT:
                self._turns.popitem(last=False)


def said_by(messages: Any) -> list[dict[str, Any]]:
    """What the person and the collection said, in order.

    Instructions (``system``, ``developer``) are for models; a collection has none to follow.

    Raises
    ------
    UsageError
        When it is no list of messages, or the person did not speak last.
    """
    said = _listed(messages)
    if not said or said[-1]["role"] != "user":
        raise UsageError("the last message is the user's: say something")
    return said


def _listed(messages: Any) -> list[dict[str, Any]]:
    """Messages of the person and the collection, in order."""
    is_list = isinstance(messages, list) and all(isinstance(one, dict) for one in messages)
    if not is_list:
        raise UsageError("messages is a list of {role, content}")
    return [
        {"role": one["role"], "content": one.get("content")}
        for one in messages
        if one.get("role") in ("user", "assistant")
    ]


def _given(content: Any, served: Served) -> list[str | Media]:
    """Words and media of a message."""
    parts = parts_of(content, served.settings)
    return [part.text if isinstance(part, Text) else part for part in parts]


def _key(name: str, messages: Messages) -> str:
    return hashlib.sha256(json.dumps([name, *messages], sort_keys=True).encode()).hexdigest()
