"""Files that a 3-D file names (buffers, materials, textures): the one door to them.

What names them is a stranger's file. So only regular files are read that lie in the folder of that
file, of closed lists of kinds, up to a size; never anything from a network.
"""

from __future__ import annotations

import base64
import itertools
import os
import posixpath
import re
import urllib.parse
from pathlib import Path, PureWindowsPath
from typing import Literal

from sensorium.errors import MediaError
from sensorium.media.content import modalities_of, read_start
from sensorium.media.objects.faults import shown
from sensorium.media.segments import Modality
from sensorium.media.sources import MAX_BYTES, read_file
from sensorium.media.worker import also_read

Kind = Literal["buffer", "library", "texture"]

SUFFIXES: dict[Kind, frozenset[str]] = {
    "buffer": frozenset({".bin", ".glbin", ".glbuf"}),
    "library": frozenset({".mtl"}),
}
"""How files of a kind end; textures are told by their content."""

UNMARKED = frozenset({".tga", ".icb", ".vda", ".vst", ".targa"})
"""How textures end whose content does not tell what they are."""

MOST: dict[Kind, int] = {"buffer": MAX_BYTES, "library": 32 << 20, "texture": MAX_BYTES}
"""Bytes of all files of a kind that one object may name. Textures are read one after the other."""

MAX_FILES = 2_000
"""Files that one object may name, those that are missing included."""

MAX_FOLDERS = 16
"""Folders below its own in which what an object names is looked for."""

MAX_LISTED = 10_000
"""Entries of a folder that are looked through for a name in other capitals."""

LONGEST = 1_000
"""Characters of a name: no system has longer ones."""

MAX_STEPS = 200
"""Parts of a name, those of links that it leads through included: links may lead round."""


class Beside:
    """Reads what a file names.

    Parameters
    ----------
    path : Path or None
        Of the file itself; None where it has no place, so that nothing lies beside it.
    """

    def __init__(self, path: Path | None) -> None:
        self._folders: list[Path] = [path.parent] if path else []
        # Stores of content (as of Git LFS or Hugging Face) have links to one folder in another.
        self._roots = {path.parent.resolve(), path.resolve().parent} if path else set()
        self._left = dict(MOST)
        self._files = 0
        self._listed: dict[Path, dict[str, str]] = {}

    def also_beside(self, link: str) -> None:
        """Look for what follows beside a file that was read, too: textures of a library."""
        found, _ = self._find(link)
        if found is None or found.parent in self._folders or len(self._folders) >= MAX_FOLDERS:
            return
        self._folders.append(found.parent)

    def read(self, link: str, kind: Kind) -> bytes:
        """Read what a URI of a glTF or the name in an OBJ or PLY means.

        Raises
        ------
        FileNotFoundError
            When there is none.
        MediaError
            When it is a URL, lies elsewhere, is no regular file, is of another kind, or when there
            are too many such files or bytes of them.
        """
        if link[:5].lower() == "data:":
            return _data(link)
        if re.match(r"[a-z][a-z0-9+.-]+:", link, re.IGNORECASE):
            # A letter alone is a drive: "C:\\textures\\wood.png".
            raise MediaError("it is a URL, and what 3-D files name is not fetched")
        self._files += 1
        if self._files > MAX_FILES:
            raise MediaError(f"of the files that it names, only the first {MAX_FILES:,} are read")
        found, place = self._find(link)
        if found is None:
            if PureWindowsPath(link).anchor:
                raise MediaError(
                    "it is not in the folder of the 3-D file, and only there is it looked for"
                )
            if link and not _is_inside(_plain(link)):
                raise MediaError("it is not in the folder of the 3-D file")
            raise FileNotFoundError(shown(PureWindowsPath(link).name))
        self._check(place, found.suffix.lower(), kind)
        content = read_file(place)
        self._left[kind] -= len(content)
        also_read(len(content))
        return content

    def _check(self, place: Path, suffix: str, kind: Kind) -> None:
        """Raise a `MediaError` for what is not read, before it is."""
        if kind in SUFFIXES:
            if suffix not in SUFFIXES[kind]:
                raise MediaError(f"it does not end in {' or '.join(sorted(SUFFIXES[kind]))}")
        elif suffix not in UNMARKED and modalities_of(read_start(place)) != (Modality.IMAGE,):
            raise MediaError("it is no picture")
        size = place.stat().st_size
        if size > self._left[kind]:
            raise MediaError(
                f"{size:,} bytes; of what a 3-D file names as {kind}, {MOST[kind]:,} bytes are read"
            )

    def _find(self, link: str) -> tuple[Path | None, Path]:
        """As it is written; else by its last part, which is what is left of another machine.

        Returns
        -------
        found : Path or None
        place : Path
            The same, without links.
        """
        nowhere = None, Path()
        if "\0" in link or len(link) > LONGEST:
            return nowhere
        plain, last = _plain(link), PureWindowsPath(link).name
        names = [plain, urllib.parse.unquote(plain), last, urllib.parse.unquote(last)]
        names = [name for name in dict.fromkeys(names) if "\0" not in name and _is_inside(name)]
        for folder in self._folders:
            for name in names:
                if (place := self._followed(folder, name)).is_file():
                    return folder / name, place
        for folder in self._folders:
            entry = self._names(folder).get(last.lower())
            if entry and (place := self._followed(folder, entry)).is_file():
                return folder / entry, place
        return nowhere

    def _followed(self, folder: Path, name: str) -> Path:
        """Where a name leads, link by link.

        What lies outside is not even looked at: that alone opens a connection where a link leads
        to another machine.

        Raises
        ------
        MediaError
            When it leads out of the folder.
        """
        place = folder.resolve()
        parts = [*reversed(Path(name).parts)]
        for _ in range(MAX_STEPS):
            if not parts:
                return place
            part = parts.pop()
            if part == "..":
                place = place.parent
                continue
            place = place / part
            if not any(place.is_relative_to(root) for root in self._roots):
                # On the way to the folder from above, as absolute links are, or out of it.
                if not any(root.is_relative_to(place) for root in self._roots):
                    raise MediaError("it is a link to what is not in the folder of the 3-D file")
                continue
            try:
                target = Path(os.readlink(place).removeprefix("\\\\?\\"))  # noqa: PTH115
            except (OSError, ValueError):  # no link, or nothing
                continue
            place = place.parent
            if target.anchor:
                place = Path(target.anchor)
            parts += reversed(target.parts[1:] if target.anchor else target.parts)
        raise MediaError("it is a link that leads round")

    def _names(self, folder: Path) -> dict[str, str]:
        """Names in a folder, by their small letters."""
        if folder not in self._listed:
            entries = [entry.name for entry in itertools.islice(folder.iterdir(), MAX_LISTED)]
            self._listed[folder] = {name.lower(): name for name in reversed(entries)}
        return self._listed[folder]


def _plain(link: str) -> str:
    """A name with its ``.`` and ``..`` done, as far as they stay below; for both kinds of slash."""
    path = link.replace("\\", "/")
    return posixpath.normpath(path) if path else ""


def _is_inside(name: str) -> bool:
    """Whether a name, taken from a folder, stays in it, on any system."""
    path = PureWindowsPath(name)
    return bool(path.parts) and not path.anchor and ".." not in path.parts


def _data(link: str) -> bytes:
    head, _, body = link.partition(",")
    if head.lower().endswith(";base64"):
        return base64.b64decode(body)
    return urllib.parse.unquote_to_bytes(body)
