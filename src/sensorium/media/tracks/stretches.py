"""Stretches of a file that are read as files of their own, such as the links of a chained Ogg."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sensorium.media.sources import open_regular

OGG = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
"""Of a page (RFC 3533, section 6): mark, version, kind, position, stream, number, checksum, and
how many lengths follow."""
FIRST_PAGE = 2
"""Bit of the kind: a stream begins. A page of that kind behind others begins a new link."""

MAX_LINKS = 10_000
"""A radio stream that was saved for a day has some hundred; more is no recording."""


TS_PACKET = 188
TS_SYNC = 0x47
LONGEST_PREFACE = 5000 * TS_PACKET
"""How far before the first sound or picture of a broadcast its tables are looked for: they come
ten times a second, and a megabyte is two seconds of it."""

DS64_LENGTH = 36
"""Bytes of an RF64 file up to the length of its sound."""


@dataclass(frozen=True)
class Stretch:
    """Some of a file's bytes.

    Attributes
    ----------
    source : Path or bytes
    begin, end : int
        Of its bytes; without the one at `end`.
    instead : bytes
        What stands at its beginning in place of what is there.
    form : str, optional
        FFmpeg's name of its format, where that is known.
    """

    source: Path | bytes
    begin: int
    end: int
    instead: bytes = b""
    form: str | None = None

    def plain(self) -> tuple[int, int, bytes, str | None]:
        """All but the file, to be told to another process."""
        return self.begin, self.end, self.instead, self.form

    @contextmanager
    def opened(self) -> Iterator[io.RawIOBase]:
        """Open it as a file."""
        with _file(self.source) as file:
            yield View(file, self)


class View(io.RawIOBase):
    """What is read of a file when only a stretch of it is there."""

    def __init__(self, file: BinaryIO, stretch: Stretch) -> None:
        super().__init__()
        self._file = file
        self._stretch = stretch
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        length = self._stretch.end - self._stretch.begin
        self._at = max(0, offset + (0, self._at, length)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        stretch, at = self._stretch, self._at
        left = max(0, stretch.end - stretch.begin - at)
        self._file.seek(stretch.begin + at)
        found = self._file.read(left if size < 0 else min(size, left))
        if at < len(stretch.instead):
            new = stretch.instead[at : at + len(found)]
            found = new + found[len(new) :]
        self._at += len(found)
        return found


def rest_from(source: Path | bytes, position: int, form: str) -> Stretch:
    """What a file holds from a byte on, in a format in which each frame stands for itself."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return Stretch(source, position, size, form=form)


def _file(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return io.BufferedReader(open_regular(source))


def start_of(source: Path | bytes, size: int) -> bytes:
    """The first bytes of a file.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with _file(source) as file:
        return file.read(size)


def links_of(source: Path | bytes) -> list[Stretch]:
    """The links of a chained Ogg file (RFC 3533, section 4); none for a file that is one.

    Only the headers of pages are read. Where no page follows, the rest belongs to the last link.
    """
    if start_of(source, len(OGG)) != OGG:
        return []
    begins = [0]
    with _file(source) as file:
        size = file.seek(0, io.SEEK_END)
        at, heads = 0, True
        while at < size and len(begins) <= MAX_LINKS:
            file.seek(at)
            head = file.read(HEADER.size)
            if len(head) < HEADER.size or not head.startswith(OGG):
                break
            kind, count = head[5], head[-1]
            if kind & FIRST_PAGE and not heads:
                begins.append(at)
            heads = bool(kind & FIRST_PAGE)
            at += HEADER.size + count + sum(file.read(count))
    if len(begins) == 1:
        return []
    return [
        Stretch(source, begin, end) for begin, end in zip(begins, [*begins[1:], size], strict=True)
    ]


def stretches_from(source: Path | bytes, positions: Sequence[int]) -> list[Stretch]:
    """Cut a broadcast where its clock starts anew, so that each piece can be opened.

    Parameters
    ----------
    source : Path or bytes
    positions : sequence of int
        The bytes where the new clocks begin.
    """
    begins = [0]
    with _file(source) as file:
        size = file.seek(0, io.SEEK_END)
        for position in positions:
            begin = max(begins[-1], position - LONGEST_PREFACE)
            file.seek(begin)
            begins.append(begin + _preface(file.read(max(0, position - begin))))
    return [
        Stretch(source, begin, end) for begin, end in zip(begins, [*begins[1:], size], strict=True)
    ]


def _preface(before: bytes) -> int:
    """Where the table of programs begins that is valid at the end of these bytes, if there is one.

    Without it nothing of an MPEG transport stream can be decoded. Packets have 188 bytes and begin
    with 0x47; the table has the number 0 (ISO 13818-1, 2.4.3 and 2.4.4).
    """
    for begin in range(len(before) - TS_PACKET, -1, -TS_PACKET):
        head = before[begin : begin + 3]
        if head[0] != TS_SYNC:
            break
        if not head[1] & 0x1F and not head[2]:
            return begin
    return len(before)


def mended(source: Path | bytes) -> Path | bytes | Stretch:
    """A file with a beginning that can be read.

    RF64 (EBU Tech 3306) keeps its lengths in a chunk of its own, which who writes to a pipe cannot
    fill in. Called RIFF, its sound goes on to the end of the file.
    """
    start = start_of(source, DS64_LENGTH)
    if start[:4] in (b"RF64", b"BW64") and start[12:16] == b"ds64" and not any(start[20:36]):
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        return Stretch(source, 0, size, b"RIFF")
    return source
