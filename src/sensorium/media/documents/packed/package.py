"""ZIP archives of which parts are read, and none but those, within bounds."""

from __future__ import annotations

import io
import posixpath
import struct
import urllib.parse
import zipfile
import zlib

from sensorium.errors import MediaError
from sensorium.media.decoding import described

MAX_DIRECTORY_BYTES = 8 * 1024 * 1024
"""Longest list of parts; a part takes about 100 bytes of it, and some 500 of memory."""

MAX_PART_BYTES = 128 * 1024 * 1024
"""Longest part, unpacked. Of a few kilobytes an archive can unpack terabytes."""

MAX_BYTES = 1024 * 1024 * 1024
"""What is unpacked of one archive, all parts together."""

LOCKED = "it is locked by a password"

OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Compound files: what Office wrote until 2007, and what it puts around a locked package."""

_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")

_MIME_KINDS = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}

_FOLDER_KINDS = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}


class Package:
    """An archive in memory.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.

    Raises
    ------
    MediaError
        When it is no archive, or one that is locked or over a limit.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self._left = MAX_BYTES
        if content.startswith(OLD_OFFICE):
            if _ENCRYPTED_PACKAGE in content:
                raise MediaError(LOCKED, name)
            raise MediaError("a file of Office 97 to 2003: save it as DOCX, PPTX or PDF", name)
        _require_short_directory(content, name)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
            raise MediaError(f"a broken archive ({described(error)})", name) from error
        self._parts = {
            entry.filename.replace("\\", "/").lstrip("/"): entry for entry in self._zip.infolist()
        }

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    @property
    def kind(self) -> str:
        """``epub``, ``docx``, ``pptx``, ``xlsx``, ``odt``, ``odp``, ``ods``; "" for any other."""
        if "mimetype" in self:
            mime = self.read("mimetype", 200).decode("ascii", "replace").strip()
            return _MIME_KINDS.get(mime.removesuffix("-template"), "")
        if "META-INF/container.xml" in self:
            return "epub"
        if "[Content_Types].xml" in self:
            for folder, kind in _FOLDER_KINDS.items():
                if any(part.startswith(folder) for part in self._parts):
                    return kind
        return ""

    def read(self, part: str, most: int = MAX_PART_BYTES) -> bytes:
        """Unpack a part.

        Raises
        ------
        MediaError
            When it is not there, locked, broken or over a limit.
        """
        entry = self._parts.get(part)
        if entry is None:
            raise MediaError(f"its part {part:.100} is missing", self.name)
        if entry.flag_bits & 1:
            raise MediaError(LOCKED, self.name)
        most = min(most, self._left)
        try:
            with self._zip.open(entry) as file:
                content = file.read(most + 1)  # its header may say any size
        except (
            zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError,
            OSError, struct.error,
        ) as error:  # fmt: skip
            raise MediaError(
                f"its part {part:.100} is broken ({described(error)})", self.name
            ) from error
        if len(content) > most:
            raise MediaError(f"its part {part:.100} unpacks to over {most:,} bytes", self.name)
        self._left -= len(content)
        return content


def beside(part: str, target: str) -> str:
    """The part that a target means which stands in another part, be it relative or absolute."""
    target = urllib.parse.unquote(target.split("#")[0])
    joined = target if target.startswith("/") else posixpath.join(posixpath.dirname(part), target)
    return posixpath.normpath(joined).lstrip("/")


def _require_short_directory(content: bytes, name: str) -> None:
    """Look at how long the list of parts is before it is read (APPNOTE.TXT, 4.3.14 to 4.3.16)."""
    end = content.rfind(b"PK\5\6", max(0, len(content) - 65_557))
    if end < 0 or len(content) - end < 22:
        raise MediaError("a broken archive (its end is missing)", name)
    (size,) = struct.unpack_from("<I", content, end + 12)
    locator = end - 20
    if locator >= 0 and content[locator : locator + 4] == b"PK\6\7":
        (at,) = struct.unpack_from("<Q", content, locator + 8)
        for place in {at, locator - 56}:
            if 0 <= place <= len(content) - 56 and content[place : place + 4] == b"PK\6\6":
                size = max(size % 0xFFFFFFFF, struct.unpack_from("<Q", content, place + 40)[0])
    if size > MAX_DIRECTORY_BYTES:
        raise MediaError("an archive of too many parts", name)
