"""Files that a 3-D file names: buffers, materials, textures. Never from a network."""

from __future__ import annotations

import base64
import itertools
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
        self._folders: list[Path] = [path.parent] if path else []

    def also_beside(self, link: str) -> None:
        """Look for what follows beside a file that was read, too: textures of a library."""
        found = self._find(link)
        if found is not None and found.parent not in self._folders:
            self._folders.append(found.parent)

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
        if "\0" in link or re.match(r"[a-z][a-z0-9+.-]+:", link, re.IGNORECASE):
            return None  # a letter alone is a drive: "C:\\textures\\wood.png"
        plain = link.replace("\\", "/")
        last = PureWindowsPath(link).name
        names = [name for name in (plain, urllib.parse.unquote(plain), last) if name]
        for folder in self._folders:
            for name in names:
                if (folder / name).is_file():
                    return folder / name
        for folder in self._folders:
            for entry in itertools.islice(folder.iterdir(), MAX_LISTED):
                if entry.name.lower() == last.lower() and entry.is_file():
                    return folder / entry.name
        return None
