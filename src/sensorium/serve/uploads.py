"""Media that clients send: each goes to disk as it comes, and has its name when it is whole.

Nothing that a client says chooses a folder, and nothing is written over. Files that name others
(tables of paths) are not taken: whoever sends one would read files of the server by it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sensorium.data.tables import TABLE_SUFFIXES
from sensorium.errors import UsageError
from sensorium.media.content import modalities_of, read_start
from sensorium.media.sources import MEDIA_SUFFIXES, UNDECODED_SUFFIXES, undecoded
from sensorium.serve.jobs import flush_folder
from sensorium.visible import OBEYED, visible

PART = ".part"
"""End of the hidden names of what is on its way."""

ABANDONED_SECONDS = 24 * 3600
"""So long nothing came of a file: whoever sent it is gone."""

MOST_FILES = 1000
"""Of one request; a folder of more is sent in several, or lies where the server may read it."""

MOST_NAME = 200
"""Bytes of a stored name; file systems take 255, and numbers are put behind it."""

_OBEYED = re.compile(f"[{OBEYED}\ud800-\udfff]")

_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
"""What Windows lets no file have; a collection may move there."""


@dataclass
class Received:
    """A file of a request.

    Attributes
    ----------
    name : str
        As the client has it.
    reason : str
        Why it is not taken; empty where it is.
    part : Path
        Where it lies until it is placed.
    size : int
        Bytes.
    digest : bytes
        SHA-256 of them.
    """

    name: str
    part: Path
    reason: str = ""
    size: int = 0
    digest: bytes = b""
    hash: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)
    file: IO[bytes] | None = field(default=None, repr=False)


class Receiving:
    """Takes the body of a multipart request, as it comes, into a folder.

    A context: what is not placed when it ends is removed.

    Parameters
    ----------
    folder : Path
        It is made.
    content_type : str
        Of the request.

    Raises
    ------
    UsageError
        When it is no multipart form.
    """

    def __init__(self, folder: Path, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise UsageError("files come as a form: multipart/form-data with a boundary")
        folder.mkdir(parents=True, exist_ok=True)
        flush_folder(folder.parent)
        _remove_abandoned(folder)
        self.files: list[Received] = []
        self._folder = folder
        self._field, self._value, self._disposition = b"", b"", b""
        self._now: Received | None = None
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_begin": self._on_begin,
                "on_part_data": self._on_data,
                "on_part_end": self._on_end,
                "on_end": self._on_last,
            },
        )

    def write(self, block: bytes) -> None:
        """Take the next bytes of the body.

        Raises
        ------
        UsageError
            When they are no multipart form, or hold more than `MOST_FILES` files.
        """
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise UsageError(f"the form is broken: {error}") from error

    def finish(self) -> None:
        """Say that the body has ended; what was taken is on disk now.

        Raises
        ------
        UsageError
            When something is missing of it.
        """
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise UsageError(f"the form is broken: {error}") from error
        if not self._is_whole:
            raise UsageError("the form is broken: it ends before its last boundary")

    def __enter__(self) -> Receiving:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.files:
            if one.file is not None:
                one.file.close()
            with contextlib.suppress(OSError):
                one.part.unlink(missing_ok=True)

    def _on_begin(self) -> None:
        self._disposition = b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._now = None
        if b"filename" not in options:
            return  # a field, which says nothing here
        if len(self.files) >= MOST_FILES:
            raise UsageError(
                f"more than {MOST_FILES} files in one request: send the rest in others"
            )
        name = options[b"filename"].decode("utf-8", "replace")
        part = self._folder / f".{secrets.token_hex(8)}{PART}"
        self._now = Received(name, part)
        self.files.append(self._now)
        self._now.reason = _reason_by_name(safe_name(name))
        if not self._now.reason:
            self._open(self._now)

    def _open(self, now: Received) -> None:
        try:
            now.file = now.part.open("xb")
        except OSError as error:
            now.reason = f"cannot be stored ({error.strerror})"

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        now = self._now
        if now is None:
            return
        now.size += end - start
        if now.file is None:
            return
        block = memoryview(data)[start:end]
        now.hash.update(block)
        try:
            now.file.write(block)
        except OSError as error:
            self._give_up(now, error)

    def _on_end(self) -> None:
        now, self._now = self._now, None
        if now is None or now.file is None:
            return
        try:
            now.file.flush()
            os.fsync(now.file.fileno())
            now.file.close()
        except OSError as error:
            self._give_up(now, error)
            return
        now.file = None
        now.digest = now.hash.digest()
        now.reason = _reason_by_content(now)

    def _on_last(self) -> None:
        self._is_whole = True

    def _give_up(self, now: Received, error: OSError) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        now.reason = "the server's disk is full" if full else f"cannot be stored ({error.strerror})"
        with contextlib.suppress(OSError):
            if now.file is not None:
                now.file.close()
        now.file = None
        with contextlib.suppress(OSError):  # at once: what comes behind it may find room
            now.part.unlink()


def place(one: Received, folder: Path) -> Path:
    """Give a whole file its name: the client's, with a number where another file has it.

    One of the same name and content is the same file.

    Returns
    -------
    Path
        It is on disk when this returns.

    Raises
    ------
    OSError
    """
    wanted = safe_name(one.name)
    stem, suffix = os.path.splitext(wanted)  # noqa: PTH122
    for number in range(1, 100_000):
        target = folder / (wanted if number == 1 else f"{stem}-{number}{suffix}")
        if _same(target, one):
            return target
        try:
            os.link(one.part, target)
        except FileExistsError:
            continue
        except OSError:  # no links on this file system
            try:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                continue
            one.part.replace(target)
        flush_folder(folder)
        return target
    raise FileExistsError(errno.EEXIST, f"too many files are called {wanted}")


def safe_name(name: str) -> str:
    r"""The last part of a client's name, without anything that a system or terminal obeys.

    Examples
    --------
    >>> safe_name("../../etc/pass\twd"), safe_name("C:\\photos\\a.jpg"), safe_name("..")
    ('pass_wd', 'a.jpg', '')
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    last = unicodedata.normalize("NFC", last).translate(_NOT_IN_NAMES)
    last = _OBEYED.sub("_", last)
    last = last.strip(" ").lstrip(".").rstrip(" .")
    stem, suffix = os.path.splitext(last)  # noqa: PTH122
    room = MOST_NAME - len(suffix.encode())
    if room < 1:
        stem, suffix, room = last, "", MOST_NAME
    return stem.encode()[:room].decode("utf-8", "ignore") + suffix


def _remove_abandoned(folder: Path) -> None:
    """Remove what a killed server left of files on their way."""
    for part in folder.glob(f".*{PART}"):
        with contextlib.suppress(OSError):
            if part.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                part.unlink()


def _reason_by_name(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if not name:
        return "it has no name: send filename= with it"
    if suffix in TABLE_SUFFIXES:
        return f"{suffix[1:].upper()} tables name files of the server: send the files"
    if suffix in UNDECODED_SUFFIXES:
        return undecoded(UNDECODED_SUFFIXES[suffix])
    return ""


def _reason_by_content(one: Received) -> str:
    if not one.size:
        return "it is empty"
    suffix = Path(safe_name(one.name)).suffix.lower()
    if suffix not in MEDIA_SUFFIXES and not modalities_of(read_start(one.part)):
        return f"{visible(suffix) or 'it'} is no media that is read here"
    return ""


def _same(target: Path, one: Received) -> bool:
    try:
        if target.stat().st_size != one.size or target.is_symlink():
            return False
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == one.digest
    except OSError:
        return False
