"""Where media comes from: files, URLs, and telling a path from a text."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.isolation import is_isolating
from sensorium.media.spooling import Spooled, spooled
from sensorium.visible import visible

MAX_BYTES = 512 * 1024 * 1024
"""Largest encoded file that is read, in bytes."""

EMPTY = "the file is empty (0 bytes)"

URL_TIMEOUT = 30
"""Seconds that a server may stay silent."""

URL_SECONDS = 600
"""Seconds that a whole file may take: 512 MB at 7 Mbit/s."""

RAW_SUFFIXES = frozenset(
    {
        ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".orf", ".rw2", ".rwl",
        ".raf", ".pef", ".srw", ".3fr", ".erf", ".kdc", ".dcr", ".mef", ".mos", ".iiq",
    }
)  # fmt: skip
"""Raw files of cameras, of which the preview is read."""

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo",
        ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".avif", ".avifs",
        ".heic", ".heics", ".heif", ".heifs", ".hif",
        ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc", ".ico", ".cur", ".tga", ".qoi",
        ".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".pfm",
        *RAW_SUFFIXES,
    }
)  # fmt: skip

AUDIO_SUFFIXES = frozenset(
    {
        ".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff",
        ".wma",
    }
)  # fmt: skip

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
        ".ogv", ".mts", ".m2ts",
    }
)  # fmt: skip

PACKED_SUFFIXES = {
    ".docx": "docx", ".docm": "docx", ".dotx": "docx", ".dotm": "docx", ".epub": "epub",
    ".odp": "odp", ".otp": "odp", ".ods": "ods", ".ots": "ods", ".odt": "odt", ".ott": "odt",
    ".pptx": "pptx", ".pptm": "pptx", ".ppsx": "pptx", ".ppsm": "pptx", ".potx": "pptx",
    ".potm": "pptx",
}  # fmt: skip
"""Documents that are archives, and what they are; see `sensorium.media.documents.packed`."""

DOCUMENT_SUFFIXES = frozenset(
    {".txt", ".md", ".markdown", ".html", ".htm", ".xhtml", ".xht", ".pdf", *PACKED_SUFFIXES}
)

MESH_SUFFIXES = frozenset({".obj", ".stl", ".ply", ".glb", ".gltf", ".off"})

MEDIA_SUFFIXES = (
    IMAGE_SUFFIXES | AUDIO_SUFFIXES | VIDEO_SUFFIXES | DOCUMENT_SUFFIXES | MESH_SUFFIXES
)

IMAGE_FORMATS = (
    "JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "HEIC", "JPEG 2000", "ICO", "TGA",
    "PPM and its kin", "QOI", "previews in raw files",
)  # fmt: skip

UNDECODED_SUFFIXES = {
    ".jxl": "JPEG XL", ".svg": "SVG", ".psd": "Photoshop", ".raw": "raw", ".crw": "raw",
    ".mrw": "raw", ".x3f": "raw",
}  # fmt: skip
"""Picture formats that no permissively licensed decoder of the core reads; they are reported."""


def undecoded(kind: str) -> str:
    """What is said of a picture in one of the formats of `UNDECODED_SUFFIXES`."""
    return f"{kind} pictures cannot be read: convert to JPEG, PNG or AVIF"


def is_url(text: str) -> bool:
    """Whether a string is an ``http(s)`` or ``data:`` URL."""
    return text.lower().startswith(("http://", "https://", "data:"))


def shown_url(url: str) -> str:
    """What a URL is called in messages, on sheets and in reports.

    Without user and password; what stands behind a question mark is often a key, too.
    """
    if url.lower().startswith("data:"):
        return visible(url[:60])
    from sensorium.media.fetching import without_credentials

    place, mark, _ = without_credentials(url).partition("?")
    return visible(place[:96] + "..." * (len(place) > 96) + "?..." * bool(mark))


def has_media_suffix(path: str | os.PathLike[str]) -> bool:
    """Whether a path ends as a media file does, so that a string may mean a file."""
    if isinstance(path, str) and "." not in path:  # as most questions: a path takes far longer
        return False
    suffix = Path(path).suffix.lower()
    return suffix in MEDIA_SUFFIXES or suffix in UNDECODED_SUFFIXES


def open_regular(path: Path) -> io.FileIO:
    """Open a regular file to be read; nothing waits, whatever the path names.

    Raises
    ------
    MediaError
        When it is a folder, a device, a pipe or a socket.
    OSError
        When it is missing or unreadable.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # some devices do something when they are opened
        raise MediaError("not a regular file", str(path))
    # O_NONBLOCK: opening a named pipe must not wait for a writer that never comes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = io.FileIO(os.open(path, flags))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it was another one until now
        file.close()
        raise MediaError("not a regular file", str(path))
    return file


def read_file(path: Path) -> bytes:
    """Read a whole regular file.

    Raises
    ------
    MediaError
        When it is missing, a folder, a device or pipe, unreadable, or larger than `MAX_BYTES`.
    """
    with decoding(str(path), "cannot be read"), open_regular(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        if size > MAX_BYTES:
            raise MediaError(
                f"{size:,} bytes; files over {MAX_BYTES:,} bytes are not read", str(path)
            )
        with io.BufferedReader(raw) as file:
            # No further than it reached when it was opened: it may be growing for ever.
            return file.read(size)


def hash_file(path: Path) -> bytes:
    """SHA-256 of a regular file of any size.

    Raises
    ------
    MediaError
        When it is missing, a folder, a device or pipe, or unreadable.
    """
    with decoding(str(path), "cannot be read"), open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def read_url(url: str) -> bytes:
    """Fetch an ``http(s)`` URL or decode a ``data:`` URL.

    Raises
    ------
    MediaError
        When the server refuses, stays silent for `URL_TIMEOUT` seconds, takes longer than
        `URL_SECONDS`, sends more than `MAX_BYTES`, or leads to an address of a local network that
        the URL does not name; when the data part is malformed.
    """
    if url.lower().startswith("data:"):
        head, comma, body = url.partition(",")
        if not comma:
            raise MediaError("a data URL needs a comma before its data", url[:60])
        try:
            if head.lower().endswith(";base64"):
                return base64.b64decode(body, validate=True)
            return unquote_to_bytes(body)
        except ValueError as error:
            raise MediaError(f"the data is not base64 ({error})", url[:60]) from error
    # What asks over the network takes 20 ms to import, and most files are here.
    from urllib.request import Request

    from sensorium.media.fetching import TooLargeError, fetch

    with decoding(shown_url(url), "cannot be fetched"):
        # Browsers show and copy URLs with their spaces and characters of other scripts as they are.
        ascii_url = quote(url, safe=string.punctuation)
        request = Request(ascii_url, headers={"User-Agent": "sensorium"})
        try:
            return fetch(
                request, silence=URL_TIMEOUT, seconds=URL_SECONDS, most=MAX_BYTES, redirects=True
            )
        except TooLargeError as error:
            raise MediaError(f"larger than {MAX_BYTES:,} bytes", shown_url(url)) from error


class EncodedFile:
    """A media file that is read when it is needed: by its path or URL, or in memory.

    Parameters
    ----------
    source : str, Path or bytes
        A path, an ``http(s)`` or ``data:`` URL, or the file's content.

    Raises
    ------
    MediaError
        For any other type.
    """

    _takes = "a path, URL or bytes"

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        self.notes: list[str] = []
        """What in it could not be used; see `Media`."""
        self.path: Path | None = None
        self._url: str | None = None
        self._encoded: bytes | None = None
        self._spools: list[Spooled | None] = []  # shared by all clips
        if isinstance(source, str) and is_url(source):
            self._url = source
        elif isinstance(source, (str, os.PathLike)):
            self.path = Path(source)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._encoded = bytes(source)
        else:
            raise MediaError(
                f"{type(self).__name__} takes {self._takes}, got {type(source).__name__}: "
                f"{source!r:.80}"
            )

    @property
    def name(self) -> str:
        """What errors call it."""
        if self.path is not None:
            return visible(str(self.path))
        return shown_url(self._url) if self._url else type(self).__name__.lower()

    def source_parts(self) -> dict[str, Any]:
        """What another medium takes over to be of the same file: its source and its notes."""
        shared = ("path", "_url", "_encoded", "_spools", "notes")
        return {name: self.__dict__[name] for name in shared}

    def _file(self) -> Path | bytes:
        """The path, for who can read a file piecewise, or the content; a URL is fetched once.

        Raises
        ------
        MediaError
            When there is nothing to read: no such file, no regular one, or an empty one.
        """
        if self.path is not None:
            with decoding(self.name, "cannot be read"):
                status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise MediaError("not a regular file", self.name)
            if not status.st_size:
                raise MediaError(EMPTY, self.name)
            return self.path
        if self._encoded is None:
            assert self._url is not None
            self._encoded = read_url(self._url)
        if not self._encoded:
            raise MediaError(EMPTY, self.name)
        return self._encoded

    def _shared(self) -> Path | bytes:
        """As `_file`, for another process: it may have another working directory."""
        file = self._file()
        if isinstance(file, Path):
            return file.absolute()
        if not self._spools:
            self._spools.append(spooled(file) if is_isolating() else None)
        spool = self._spools[0]
        return file if spool is None else spool.path

    def _content(self) -> bytes:
        """All of the file."""
        file = self._file()
        return read_file(file) if isinstance(file, Path) else file

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"
