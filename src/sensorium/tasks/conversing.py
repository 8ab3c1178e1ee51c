"""A conversation with a language model that may call functions, as ``/v1/chat/completions`` has it.

llama.cpp's server, Ollama, vLLM and others take the same messages: texts, pictures as
``image_url``, sounds as ``input_audio``, functions as ``tools``. Not every model takes all of it.
To one without functions they are described, and it writes a call as JSON; to one without eyes or
ears it is said that there is a picture or a sound.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import PIL.Image

from sensorium.encoders.server import MalformedError
from sensorium.errors import EncoderError
from sensorium.tasks.chat import ServedModel, part_of, without_thought, writing_model
from sensorium.visible import sound

Messages = Sequence[Mapping[str, Any]]

MOST_CALLS = 8
"""Functions that one message may call; further ones are left out."""

_CANNOT = re.compile(r"image|vision|multimodal|mmproj|audio|media|content\b.*\bstring", re.I)
_NO_FUNCTIONS = re.compile(r"\btools?\b|function|jinja|template", re.I)
_THINKING = ("<think>", "</think>")


@dataclass(frozen=True)
class Call:
    """A function that a model calls.

    Attributes
    ----------
    id, name : str
    arguments : str
        As the model wrote them: JSON, if it did well.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """What a model says: a text, calls, or both.

    Attributes
    ----------
    text : str
        Without what it thought before.
    calls : tuple of Call
    """

    text: str
    calls: tuple[Call, ...] = ()

    def as_sent(self) -> dict[str, Any]:
        """As it stands in the conversation from then on."""
        calls = [
            {
                "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": _as_object(call.arguments)},
            }
            for call in self.calls
        ]  # fmt: skip
        sent: dict[str, Any] = {"role": "assistant", "content": self.text}
        return {**sent, "tool_calls": calls} if calls else sent


def _as_object(arguments: str) -> str:
    """Arguments as they are sent back: servers refuse a conversation with broken ones in it."""
    try:
        is_object = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    return arguments if is_object else "{}"


class Conversing(Protocol):
    """A model that goes on with a conversation."""

    name: str

    def next(
        self, messages: Messages, functions: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[str | Message]:
        """What it says next: its text in pieces as it comes, then all of it.

        Parameters
        ----------
        messages : sequence of mapping
            As ``messages`` of ``/v1/chat/completions``.
        functions : sequence of mapping
            As ``tools`` there.

        Raises
        ------
        EncoderError
            When it does not answer, or with what is no answer.
        """
        ...


def conversing_model(name: str) -> Conversing:
    """A model by its name: on a server by its address, else of a hub or in a folder.

    Raises
    ------
    EncoderError
        See `sensorium.tasks.chat.writing_model`.
    """
    model = writing_model(name)
    return Served(model) if isinstance(model, ServedModel) else Told(model)


class Served:
    """A model on a server; what it cannot take is found out once, and told it in words then.

    Parameters
    ----------
    model : ServedModel
    most_tokens : int
        Where an answer is cut.
    """

    def __init__(self, model: ServedModel, most_tokens: int = 512) -> None:
        self.name, self._model, self._most = model.name, model, most_tokens
        self._takes_media = self._takes_functions = True

    def next(
        self, messages: Messages, functions: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[str | Message]:
        """See `Conversing`."""
        while True:
            sent = messages if self._takes_media else without_media(messages)
            as_told = bool(functions) and not self._takes_functions
            body = {
                "model": self._model.model, "temperature": 0, "max_tokens": self._most,
                "stream": True,
                "messages": [*(in_words(sent, functions) if as_told else sent)],
            }  # fmt: skip
            if functions and not as_told:
                body["tools"] = [*functions]
            try:
                # Until the server has accepted it, nothing was told that were to be taken back.
                yield from _heard(self._model.stream(body), functions if as_told else ())
                return
            except MalformedError as error:
                raise EncoderError(f"{self.name}: {error}") from error
            except EncoderError as error:
                if not self._gives_up_something(str(error), messages, functions):
                    raise

    def _gives_up_something(
        self, problem: str, messages: Messages, functions: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Whether it may be asked again, without what it seems to have refused."""
        if "HTTP status" not in problem:
            return False
        if self._takes_media and _has_media(messages) and _CANNOT.search(problem):
            self._takes_media = False
        elif self._takes_functions and functions and _NO_FUNCTIONS.search(problem):
            self._takes_functions = False
        else:
            return False
        return True


class Told:
    """A model of a hub or folder: it is told the conversation as one text.

    Parameters
    ----------
    model : ServedModel or HubChat
        Anything that has its `write`.
    """

    def __init__(self, model: Any, most_tokens: int = 512) -> None:
        self.name, self._model, self._most = str(model.name), model, most_tokens

    def next(
        self, messages: Messages, functions: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[str | Message]:
        """See `Conversing`; the text comes in one piece."""
        told = in_words(without_media(messages), functions)
        system = "\n\n".join(str(one["content"]) for one in told if one["role"] == "system")
        rest = [one for one in told if one["role"] != "system"]
        text = rest[0]["content"] if len(rest) == 1 else "\n\n".join(map(_line, rest))
        message = read_call(self._model.write(text, system=system, most_tokens=self._most))
        if message.text:
            yield message.text
        yield message


def picture_part(picture: PIL.Image.Image) -> dict[str, Any]:
    """A picture as a part of a message."""
    return part_of(picture)


def sound_part(samples: Any, rate: int) -> dict[str, Any]:
    """A sound as a part of a message, as 16-bit WAV.

    Parameters
    ----------
    samples : float32 array of shape (n,)
    rate : int
        Samples a second.
    """
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    data = base64.b64encode(file.getvalue()).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def without_media(messages: Messages) -> list[dict[str, Any]]:
    """The same for a model that neither sees nor hears: it is told what there is."""
    told = {"image_url": "(a picture, which you cannot see)",
            "input_audio": "(a sound, which you cannot hear)"}  # fmt: skip
    plain = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            content = "\n".join(told.get(part["type"]) or part.get("text", "") for part in content)
        plain.append({**message, "content": content})
    return plain


def in_words(
    messages: Messages, functions: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The same for a model that knows no functions: they are described, and calls are texts."""
    plain: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            plain.append({"role": "user", "content": f"Result:\n{message['content']}"})
        elif "tool_calls" in message:
            calls = [one["function"] for one in message["tool_calls"]]
            written = "\n".join(
                f'{{"function": "{call["name"]}", "arguments": {call["arguments"]}}}'
                for call in calls
            )
            plain.append({"role": "assistant", "content": written})
        else:
            plain.append(copy.copy(dict(message)))
    if not functions:
        return plain
    listed = "\n".join(_described(one["function"]) for one in functions)
    how = (
        f"Functions:\n{listed}\nTo call one, write only a JSON object "
        '{"function": NAME, "arguments": {...}}. Else write your answer.'
    )
    if plain and plain[0]["role"] == "system":
        plain[0]["content"] = f"{plain[0]['content']}\n\n{how}"
    else:
        plain.insert(0, {"role": "system", "content": how})
    return plain


def read_call(written: str) -> Message:
    """The call that a text is, where it is one; else the text."""
    text = without_thought(written)
    start, stop = text.find("{"), text.rfind("}")
    if 0 <= start < stop and not text[:start].strip(" \n`json"):
        try:
            found = json.loads(text[start : stop + 1])
        except (ValueError, RecursionError):
            return Message(text)
        name = found.get("function", found.get("name")) if isinstance(found, dict) else None
        if isinstance(name, str):
            given = found.get("arguments", found.get("parameters", {}))
            return Message("", (Call("call_0", name, json.dumps(given)),))
    return Message(text)


def _described(function: Mapping[str, Any]) -> str:
    names = ", ".join(function["parameters"]["properties"])
    return f"{function['name']}({names}): {function['description']}"


def _line(message: Mapping[str, Any]) -> str:
    return f"{message['role'].capitalize()}: {message['content']}"


def _has_media(messages: Messages) -> bool:
    return any(
        isinstance(message.get("content"), list)
        and any(part["type"] != "text" for part in message["content"])
        for message in messages
    )


def _heard(
    events: Iterator[dict[str, Any]], functions: Sequence[Mapping[str, Any]]
) -> Iterator[str | Message]:
    """The pieces of a streamed answer, and the message that they are."""
    gathered = _Gathered(is_text=not functions)
    for event in events:
        if piece := gathered.take(event):
            yield piece
    if rest := gathered.rest():
        yield rest
    message = gathered.message()
    yield read_call(message.text) if functions and not message.calls else message


class _Gathered:
    """A message of which parts come.

    Parameters
    ----------
    is_text : bool
        Whether its text may be shown as it comes: not where it may be a call.
    """

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        self._text, self._half, self._told = "", "", 0
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, event: Mapping[str, Any]) -> str:
        """Take one part in; returns what of the text may be shown now."""
        if "error" in event:
            raise MalformedError(f"the server reports: {str(event['error'])[:200]}")
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise MalformedError(f"the answer has no message: {str(event)[:200]}")
        for choice in choices[:1]:  # some end with a part that has none
            part = choice.get("delta") or choice.get("message") if isinstance(choice, dict) else {}
            if isinstance(part, dict):
                if isinstance(part.get("content"), str):
                    self._take_text(part["content"])
                self._take_calls(part.get("tool_calls"))
        return self._fresh() if self._is_text else ""

    def _take_text(self, text: str) -> None:
        """Signs beyond 16 bits may come in halves, which JSON writes on their own."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        self._text += text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def rest(self) -> str:
        """What of the text was not shown yet, where it is no call."""
        self._text, self._half = self._text + "\ufffd" * len(self._half), ""
        if self._calls or (not self._is_text and read_call(self._text).calls):
            return ""
        text = without_thought(sound(self._text))
        shown, self._told = self._told, len(text)
        return text[shown:]

    def message(self) -> Message:
        """All of it."""
        calls = tuple(
            Call(call["id"] or f"call_{place}", call["name"], call["arguments"] or "{}")
            for place, call in sorted(self._calls.items())
            if call["name"]
        )
        return Message(without_thought(sound(self._text)), calls[:MOST_CALLS])

    def _fresh(self) -> str:
        """The text after what was shown, without thoughts, and without half a mark of them."""
        start = self._text.lstrip()
        if _THINKING[0].startswith(start[: len(_THINKING[0])]) and _THINKING[1] not in start:
            return ""
        text = without_thought(sound(self._text))
        shown, self._told = self._told, len(text)
        return text[shown:]

    def _take_calls(self, calls: Any) -> None:
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            if not isinstance(call, dict):
                continue
            number = call.get("index", place)
            held = self._calls.setdefault(
                number if isinstance(number, int) else place,
                {"id": "", "name": "", "arguments": ""},
            )
            function = call.get("function")
            if not isinstance(function, dict):
                continue
            held["id"] = str(call.get("id") or held["id"])
            held["name"] = str(function.get("name") or held["name"])
            given = function.get("arguments") or ""
            held["arguments"] += given if isinstance(given, str) else json.dumps(given)
