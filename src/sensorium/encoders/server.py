"""A server that speaks OpenAI's HTTP interface: one request, asked again while that may help."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sensorium.errors import EncoderError
from sensorium.media.fetching import TooLargeError, fetch, opened, without_credentials

TIMEOUT = 60.0
"""Seconds that the server may take for one request, from first to last byte."""

MAX_ANSWER = 1 << 20
"""Bytes of an answer that holds no vectors, and of what stands around them in others."""

FIRST_TRIES = 4
"""Requests before an error is final, while nothing was ever answered: 3.5 seconds."""

TRIES = 8
"""The same for a server that has answered: within a minute it may have been restarted. The pauses
between requests double, from `FIRST_PAUSE` on."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone a moment later."""

T = TypeVar("T")


class MalformedError(Exception):
    """An answer that is not what was asked for: raised by who reads it, caught in `Server.ask`."""


class Server:
    """A server, and how it is asked.

    Parameters
    ----------
    url : str
        Up to and with ``/v1``, without ``?`` and ``#``.
    api_key : str, optional
        Default: ``$OPENAI_API_KEY``, when it is set. It goes to the host of `url`; redirects are
        not followed: questions and key are for the server that was named.
    timeout : float
        Seconds for one request.

    Raises
    ------
    EncoderError
        When `url` holds credentials or is none, or the key cannot be one.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float | None = None
    ) -> None:
        require_no_credentials(url)
        parts = parts_of(url)
        self.url = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        self.url = self.url.rstrip("/")
        self._key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise EncoderError("the API key holds signs that no key has: was it copied whole?")
        self._timeout = TIMEOUT if timeout is None else timeout
        self._has_answered = False

    def only_model(self) -> str:
        """The one model that it serves.

        Raises
        ------
        EncoderError
            When it serves several or none, or does not answer.
        """
        # A name is stored with every vector: it is not to be the key, whoever answers.
        names = [self.without_key(name) for name in self.ask("models", _model_names)]
        if len(names) != 1:
            raise EncoderError(
                f"{self.url} serves {', '.join(names) or 'no model'}: name one as {self.url}#MODEL"
            )
        return names[0]

    def ask(
        self,
        path: str,
        read: Callable[[dict[str, Any]], T],
        body: Mapping[str, Any] | None = None,
        most: int = MAX_ANSWER,
    ) -> T:
        """What `read` makes of an answer in JSON; see `ask_for_bytes`.

        Parameters
        ----------
        path : str
            Behind the server's address.
        read : callable
            Raises `MalformedError` for an answer that is something else.
        body : mapping, optional
            What is sent as JSON; without it, the request is a GET.
        most : int
            Bytes of the answer.
        """

        def read_json(encoded: bytes) -> T:
            return read(_object(encoded))  # half an answer of a server that restarts is none

        data = None if body is None else json.dumps(body).encode()
        return self.ask_for_bytes(path, read_json, data, "application/json", most)

    def ask_for_bytes(
        self,
        path: str,
        read: Callable[[bytes], T],
        data: bytes | None,
        content_type: str,
        most: int = MAX_ANSWER,
    ) -> T:
        """What `read` makes of an answer; whatever may be gone a moment later is asked again.

        Raises
        ------
        EncoderError
            When the server refuses, does not answer, or sends what is no answer.
        """
        tries = TRIES if self._has_answered else FIRST_TRIES
        pause = FIRST_PAUSE
        for attempt in range(1, tries + 1):
            wait = pause
            try:
                encoded = fetch(
                    self._request(path, data, content_type), silence=self._timeout,
                    seconds=self._timeout, most=most, redirects=False, local=True,
                )  # fmt: skip
                found = read(encoded)
                self._has_answered |= data is not None
                return found
            except urllib.error.HTTPError as error:
                problem = self._refused(path, error)
                wait = _seconds(error.headers.get("Retry-After"), pause)
            except MalformedError as error:
                problem = str(error)
            except OSError as error:  # unreachable, silent for too long, too large, or broken off
                problem = str(getattr(error, "reason", error) or error)
            if attempt < tries:
                time.sleep(min(wait, LONGEST_PAUSE))
                pause *= 2
        problem = self.without_key(problem)
        raise EncoderError(f"{self.url}/{path}: {problem} (after {tries} tries)")

    def stream(
        self, path: str, body: Mapping[str, Any], most: int = MAX_ANSWER
    ) -> Iterator[dict[str, Any]]:
        """The parts of an answer as they come: server-sent events that hold JSON, up to ``[DONE]``.

        A server that sends no events has its one JSON object yielded. It is asked once: what was
        told of an answer cannot be taken back.

        Parameters
        ----------
        path : str
            Behind the server's address.
        body : mapping
            What is sent as JSON.
        most : int
            Bytes of the answer.

        Raises
        ------
        EncoderError
            When the server refuses, does not answer, breaks off, or sends what is no answer.
        """
        data = json.dumps(body).encode()
        try:
            with opened(
                self._request(path, data, "application/json"), silence=self._timeout,
                seconds=self._timeout, redirects=False, local=True,
            ) as response:  # fmt: skip
                yield from _events(response, most)
            self._has_answered = True
        except urllib.error.HTTPError as error:
            problem = self._refused(path, error)
        except MalformedError as error:
            problem = str(error)
        except OSError as error:
            problem = str(getattr(error, "reason", error) or error)
        else:
            return
        raise EncoderError(f"{self.url}/{path}: {self.without_key(problem)}")

    def _request(self, path: str, data: bytes | None, content_type: str) -> urllib.request.Request:
        headers = {"Content-Type": content_type, "User-Agent": "sensorium"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return urllib.request.Request(f"{self.url}/{path}", data, headers)

    def _refused(self, path: str, error: urllib.error.HTTPError) -> str:
        """What a status says, where it may be gone a moment later.

        Raises
        ------
        EncoderError
            Where it will not.
        """
        if 300 <= error.code < 400:
            elsewhere = error.headers.get("Location")
            raise EncoderError(
                f"{self.url}/{path}: the server sends on to "
                f"{self.without_key(repr(elsewhere)):.200}, which "
                "nobody has named: if you trust it, name it as the encoder"
            ) from error
        said = error.read().decode("utf-8", "replace")
        problem = f"HTTP status {error.code}: {said or error.reason}"
        if error.code not in RETRIED:
            raise EncoderError(f"{self.url}/{path}: {self.without_key(problem)}") from error
        return problem

    def without_key(self, said: str) -> str:
        """What a server says, which may repeat the key that it was sent."""
        return said.replace(self._key, "***") if self._key else said


def require_no_credentials(url: str) -> None:
    """Refuse a server's URL with a user or a password: names are stored and shown.

    Raises
    ------
    EncoderError
    """
    if "@" in parts_of(url).netloc:
        raise EncoderError(
            f"{without_credentials(url)}: a server is named without user and password, which would "
            "be stored with the collection: give a key as $OPENAI_API_KEY"
        )


def parts_of(url: str) -> urllib.parse.SplitResult:
    """The parts of a URL.

    Raises
    ------
    EncoderError
    """
    try:
        return urllib.parse.urlsplit(url)
    except ValueError as error:  # of an address with half a bracket, say
        raise EncoderError(f"{without_credentials(url)} is no URL: {error}") from error


def _model_names(answer: dict[str, Any]) -> list[str]:
    models = answer.get("data")
    if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise MalformedError("the answer lists no models")
    return [str(model.get("id")) for model in models]


def _events(response: Any, most: int) -> Iterator[dict[str, Any]]:
    if "text/event-stream" not in response.headers.get("Content-Type", ""):
        encoded = response.read(most + 1)
        if len(encoded) > most:
            raise TooLargeError(f"more than {most:,} bytes")
        yield _object(encoded)
        return
    held, is_finished = 0, False
    while line := response.readline(most + 1 - held):
        held += len(line)
        if held > most:
            raise TooLargeError(f"more than {most:,} bytes")
        name, _, value = line.partition(b":")
        if name != b"data":
            continue
        if value.strip() == b"[DONE]":
            return
        event = _object(value)
        is_finished |= b'"finish_reason":"' in value.replace(b" ", b"")
        yield event
    if not is_finished:  # some servers leave out the mark of the end
        raise ConnectionError("the answer broke off")


def _object(encoded: bytes) -> dict[str, Any]:
    try:
        found = json.loads(encoded)
    except (ValueError, RecursionError):
        raise MalformedError("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise MalformedError("the answer is no JSON object")
    return found


def _seconds(text: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(text or ""))
    except ValueError:  # a date
        return otherwise
