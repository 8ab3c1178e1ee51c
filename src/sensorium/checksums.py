"""Checksums that files carry, so that what was damaged is told from what was written.

They are CRC-32 (4 GB a second on one core), against accidents of disks and copies; they do not tell
whether somebody changed a file on purpose.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

KEY = "checksum"
"""Of JSON objects: CRC-32 of all the rest."""

READ_BYTES = 1 << 22


def file_checksum(path: Path) -> int:
    """CRC-32 of a file's content.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    total = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(READ_BYTES):
            total = zlib.crc32(block, total)
    return total


def json_checksum(content: Mapping[str, Any]) -> int:
    """CRC-32 of an object of JSON but its `KEY`, however its text is laid out."""
    rest = {name: value for name, value in content.items() if name != KEY}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return zlib.crc32(text.encode("ascii"))


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object of JSON with its checksum at the end."""
    kept = json.loads(json.dumps(content))  # keys as texts, tuples as lists: as it will be read
    kept.pop(KEY, None)
    return {**kept, KEY: json_checksum(kept)}


def require_checksum(content: Mapping[str, Any]) -> None:
    """Compare an object of JSON with its checksum; one without, of an earlier version, passes.

    Raises
    ------
    ValueError
        When it is another one.
    """
    if KEY in content and content[KEY] != json_checksum(content):
        raise ValueError(
            "its checksum is another one: it was damaged, take a whole copy; if it was edited on "
            f'purpose, delete its line "{KEY}"'
        )


def note_files(folder: Path, paths: Iterable[Path]) -> dict[str, list[int]]:
    """Size and checksum of files, by their paths within a folder, with slashes."""
    return {
        path.relative_to(folder).as_posix(): [path.stat().st_size, file_checksum(path)]
        for path in paths
    }


def damaged_files(folder: Path, noted: Any, most: int | None = None) -> Iterator[tuple[Path, str]]:
    """Compare the files of a folder with what `note_files` noted of them.

    Parameters
    ----------
    folder : Path
    noted : mapping
        As it was read from a file that anybody may have written.
    most : int, optional
        Bytes of the largest file whose checksum is compared; of larger ones the size alone is.

    Yields
    ------
    (Path, str)
        A file that is not as it was written, and why.

    Raises
    ------
    ValueError
        When the notes are none.
    """
    if not isinstance(noted, dict):
        raise ValueError(f"what is noted of its files is damaged: {noted!r:.60}")
    for name, known in noted.items():
        if not _is_note(name, known):
            raise ValueError(f"what is noted of the file {name!r:.60} is damaged: {known!r:.60}")
        path = folder / name
        try:
            size = path.stat().st_size
            if size != known[0]:
                yield path, f"it has {size:,} bytes, and {known[0]:,} were written"
            elif (most is None or size <= most) and file_checksum(path) != known[1]:
                yield path, "its checksum is another one"
        except FileNotFoundError:
            yield path, "it is missing"
        except OSError as error:
            yield path, f"it cannot be read ({error.strerror or error})"


def _is_note(name: str, known: Any) -> bool:
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    numbers = isinstance(known, list) and len(known) == 2
    return inside and numbers and all(type(number) is int for number in known)
