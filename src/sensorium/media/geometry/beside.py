"""Files that a 3-D file names: buffers, materials, textures. Never from a network."""

from __future__ import annotations

import base64
import re
import urllib.parse
from pathlib import Path, PureWindowsPath

from sensorium.media.sources import read_file

MAX_LISTED = 10_000
"""Entries of a folder that are looked through for a name in other capitals."""


class Beside:
    """Reads what a file names.

    Parameters
    ----------
    path : Path or None
        Of the file itself; None where it has no place, so that nothing lies beside it.
    """

    def __init__(self, path: Path | None) -> None:
        self._folder = path.parent if path else None

    def read(self, link: str) -> bytes:
        """Read what a URI of a glTF or the name in an OBJ or PLY means.

        Raises
        ------
        FileNotFoundError
            When there is none, and for URLs, which are not fetched.
        MediaError
            When it is no regular file or too large.
        """
        if link.lower().startswith("data:"):
            head, _, body = link.partition(",")
            if head.lower().endswith(";base64"):
                return base64.b64decode(body)
            return urllib.parse.unquote_to_bytes(body)
        found = self._find(link)
        if found is None:
            raise FileNotFoundError(PureWindowsPath(link).name)
        return read_file(found)

    def _find(self, link: str) -> Path | None:
        """As it is written; else by its last part, which is what is left of another machine."""
        if self._folder is None or "\0" in link or re.match(r"[a-z][a-z0-9+.-]+:", link, re.I):
            # A letter alone is a drive: "C:\textures\wood.png".
            return None
        plain = link.replace("\\", "/")
        last = PureWindowsPath(link).name
        for name in dict.fromkeys([plain, urllib.parse.unquote(plain), last]):
            if name and (self._folder / name).is_file():
                return self._folder / name
        for number, entry in enumerate(self._folder.iterdir()):
            if number >= MAX_LISTED:
                break
            if entry.name.lower() == last.lower() and entry.is_file():
                return entry
        return None
