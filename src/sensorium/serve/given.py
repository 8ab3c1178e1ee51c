"""Media that a request brings: a file, bytes in base64, an address, an item. Never a path."""

from __future__ import annotations

import base64
import binascii
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from sensorium.data.files import stored_path
from sensorium.errors import MediaError, UsageError
from sensorium.media import Text
from sensorium.media.fetching import fetch
from sensorium.media.sources import shown_url
from sensorium.serve.access import Refused
from sensorium.serve.settings import Limits, Settings
from sensorium.serve.uploads import safe_name

FETCH_SECONDS, FETCH_SILENCE = 30.0, 10.0
"""For all of an address's answer, and without a byte."""

FETCH_BYTES = 64 << 20


@dataclass(frozen=True)
class Given:
    """Media as a file.

    Attributes
    ----------
    path : Path
        Where they are.
    name : str
        What the client calls them: an item's path, a file's name.
    is_item : bool
        Whether they are an item of a collection.
    """

    path: Path
    name: str
    is_item: bool = False


def words(text: str, limits: Limits) -> Text:
    """Words of a request, as media that are encoded.

    Raises
    ------
    UsageError
        For more than others are made to wait for.
    """
    if len(text) > limits.text_characters:
        raise UsageError(
            f"a text of {len(text):,} characters; at most {limits.text_characters:,} are encoded "
            "at once: send it in parts"
        )
    return Text(text)


@contextmanager
def as_file(content: bytes | IO[bytes], name: str) -> Iterator[Given]:
    """Put what a client sent into a file, which is gone when this ends; its suffix is kept."""
    with tempfile.TemporaryDirectory(prefix="sensorium-") as folder:
        path = Path(folder) / (safe_name(name) or "media")
        with path.open("wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file, 1 << 20)
        yield Given(path, name or "media")


def of_item(path: str) -> Given:
    """An item's file."""
    return Given(stored_path(path), path, is_item=True)


def bytes_of(data: str) -> bytes:
    """Bytes that a request holds in base64, as such or as a data: URL.

    Raises
    ------
    MediaError
    """
    if data[:5].lower() == "data:":
        head, comma, data = data.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise MediaError("a data: URL of media is base64: data:image/png;base64,...")
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MediaError(f"media in a request are base64, and this is not ({error})") from error


def fetched(url: str, settings: Settings) -> bytes:
    """What is behind a public address, where the server fetches any.

    The address that a name stands for is looked at when it is connected to, and so is that of each
    redirect: none of a local network is ever asked.

    Raises
    ------
    Refused
        Where the server fetches none.
    MediaError
        When it cannot be fetched.
    """
    if not settings.fetch:
        raise Refused(
            403, "this server fetches no addresses: send the media, or start it with --fetch"
        )
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MediaError(f"{shown_url(url)[:200]} is no http(s) address")
        request = urllib.request.Request(url, headers={"User-Agent": "sensorium"})
        return fetch(
            request, silence=FETCH_SILENCE, seconds=FETCH_SECONDS, most=FETCH_BYTES,
            redirects=True, public=True,
        )  # fmt: skip
    except urllib.error.HTTPError as error:
        raise MediaError(f"cannot be fetched: status {error.code}", shown_url(url)[:200]) from error
    except (OSError, ValueError) as error:  # ValueError: what is no URL at all
        raise MediaError(f"cannot be fetched ({error})"[:300], shown_url(url)[:200]) from error


@contextmanager
def media_of(data: str | None, url: str | None, settings: Settings) -> Iterator[Given]:
    """What a request holds in base64, or names by its address, as a file.

    Raises
    ------
    MediaError, UsageError, Refused
    """
    if data is not None:
        with as_file(bytes_of(data), "") as given:
            yield given
    elif url is not None and url[:5].lower() == "data:":
        with as_file(bytes_of(url), "") as given:
            yield given
    elif url is not None:
        with as_file(fetched(url, settings), unquote(urlsplit(url).path)) as given:
            yield given
    else:
        raise UsageError("there are no media: send a file, data in base64, or an item")


def renamed(value: Any, given: Given) -> Any:
    """A result in which the client's name stands for where its file lay."""
    if isinstance(value, dict):
        return {key: renamed(held, given) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [renamed(held, given) for held in value]
    return given.name if value == str(given.path) else value
