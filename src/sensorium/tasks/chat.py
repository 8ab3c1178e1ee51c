"""A model that writes, hears or speaks on a server with OpenAI's interface.

llama.cpp's server, Ollama, vLLM and others take the same requests: ``/v1/chat/completions`` with
texts and pictures, ``/v1/audio/transcriptions`` and ``/v1/audio/speech``.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import PIL.Image

from sensorium.encoders.registry import is_endpoint
from sensorium.encoders.server import (
    MAX_ANSWER,
    MalformedError,
    Server,
    parts_of,
    require_no_credentials,
)
from sensorium.errors import EncoderError
from sensorium.tasks.origin import Origin
from sensorium.visible import sound

if TYPE_CHECKING:
    from sensorium.tasks.hub_chat import HubChat

TIMEOUT = 300.0
"""Seconds that a server may take for one answer: models that write are slow without a GPU."""

PICTURE_SIDE = 1024
"""Pixels of the longer side that pictures are sent with; what most vision models read."""

MAX_SOUND = 256 << 20
"""Bytes of speech that a server may send."""

_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


class ServedModel:
    """A model on a server.

    Parameters
    ----------
    url : str
        Up to and with ``/v1``, with ``#MODEL`` where the server has several.
    api_key : str, optional
        Default: ``$OPENAI_API_KEY``.
    timeout : float
        Seconds for one request.

    Raises
    ------
    EncoderError
        When the server does not answer, or serves several models and none was named.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout: float = TIMEOUT) -> None:
        require_no_credentials(url)
        self._server = Server(url, api_key=api_key, timeout=timeout)
        self.model = parts_of(url).fragment or self._server.only_model()
        self.name = f"{self._server.url}#{self.model}"

    @property
    def origin(self) -> Origin:
        """What results name: a server does not tell which revision it runs."""
        return Origin(self.name, "", "server")

    def write(
        self,
        content: str | Sequence[str | PIL.Image.Image],
        *,
        system: str = "",
        most_tokens: int = 512,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """What the model writes, greedily.

        Parameters
        ----------
        content : str, or sequence of str and PIL.Image.Image
            The request, in order.
        system : str
            What it is told to be.
        most_tokens : int
            Where it is cut.
        schema : mapping, optional
            A JSON schema that the answer follows, where the server can make it.

        Returns
        -------
        str
            Without what it thought before.

        Raises
        ------
        EncoderError
        """
        pieces = [content] if isinstance(content, str) else list(content)
        if all(isinstance(piece, str) for piece in pieces):  # servers without vision know no parts
            user: Any = "\n".join(str(piece) for piece in pieces)
        else:
            user = [part_of(piece) for piece in pieces]
        messages = [{"role": "system", "content": system}] if system else []
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [*messages, {"role": "user", "content": user}],
            "temperature": 0,
            "max_tokens": most_tokens,
            "stream": False,
        }
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": True},
            }
        return self._server.ask("chat/completions", _written, body)

    def stream(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Parts of the answer to a chat as they come; see `Server.stream`.

        Parameters
        ----------
        body : mapping
            Of ``/v1/chat/completions``.

        Raises
        ------
        EncoderError
        """
        return self._server.stream("chat/completions", body)

    def hear(self, wav: bytes, *, language: str | None = None) -> dict[str, Any]:
        """What ``/v1/audio/transcriptions`` says of a sound: ``text``, and ``segments`` at best.

        Parameters
        ----------
        wav : bytes
            A WAV file.
        language : str, optional
            Two letters.
        """
        # Of the granularities, segments are the default; Transformers' server refuses to be told.
        fields = {"model": self.model, "response_format": "verbose_json"}
        if language:
            fields["language"] = language
        data, content_type = _form(fields, wav)

        def read(answer: bytes) -> dict[str, Any]:
            try:
                found = json.loads(answer)
            except (ValueError, RecursionError):
                raise MalformedError("the answer is not JSON") from None
            if not isinstance(found, dict) or not isinstance(found.get("text"), str):
                raise MalformedError(f"the answer has no text: {answer[:200]!r}")
            found["text"] = sound(found["text"])
            return found

        return self._server.ask_for_bytes("audio/transcriptions", read, data, content_type)

    def speak(self, text: str, *, voice: str, speed: float = 1.0) -> bytes:
        """A WAV file of ``/v1/audio/speech``."""
        body = {
            "model": self.model,
            "input": text,
            "voice": voice,
            "speed": speed,
            "response_format": "wav",
        }

        def read(answer: bytes) -> bytes:
            if not answer.startswith(b"RIFF"):
                raise MalformedError(f"the answer is no WAV file: {answer[:100]!r}")
            return answer

        data = json.dumps(body).encode()
        return self._server.ask_for_bytes(
            "audio/speech", read, data, "application/json", max(MAX_ANSWER, MAX_SOUND)
        )


def writing_model(name: str | os.PathLike[str]) -> ServedModel | HubChat:
    """A model that one talks to: on a server by its address, else of a hub or in a folder.

    Raises
    ------
    EncoderError
        When the server does not answer, or the hub's model has no chat template.
    """
    if is_served(name):
        return ServedModel(os.fspath(name))
    from sensorium.tasks.hub_chat import HubChat, chat_reader

    reader = chat_reader(name)
    if reader is None:
        raise EncoderError(f"{name} has no chat template, which says how it is asked")
    return HubChat(name, reader)


def without_thought(text: str) -> str:
    """What a model wrote, without what it thought before."""
    return _THOUGHT.sub("", text).strip()


def is_served(name: str | os.PathLike[str]) -> bool:
    """Whether a model's name is a server's address."""
    return is_endpoint(os.fspath(name))


def part_of(piece: str | PIL.Image.Image) -> dict[str, Any]:
    """A text or picture as a part of a message."""
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    picture = piece.convert("RGB")
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG")
    link = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": link}}


def _written(answer: dict[str, Any]) -> str:
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise MalformedError(f"the answer has no message: {str(answer)[:200]}") from None
    if not isinstance(text, str):
        raise MalformedError(f"the message is no text: {str(text)[:200]}")
    return without_thought(sound(text))


def _form(fields: Mapping[str, str], wav: bytes) -> tuple[bytes, str]:
    """A body of ``multipart/form-data`` (RFC 7578) with one file, and its type."""
    border = uuid.uuid4().hex
    body = b""
    for name, value in fields.items():
        if not value.isprintable():
            raise EncoderError(f"{name} is {value!r:.40}, which no server is sent")
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        body += head.encode() + value.encode() + b"\r\n"
    head = (
        f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="sound.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body += head.encode() + wav + f"\r\n--{border}--\r\n".encode()
    return body, f"multipart/form-data; boundary={border}"
