"""Finding the media files that a user means: files, folders, globs and manifests."""

from __future__ import annotations

import csv
import glob
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.media.sources import IMAGE_SUFFIXES, UNDECODED_SUFFIXES, is_url

MANIFEST_SUFFIXES = frozenset({".csv", ".jsonl", ".ndjson"})

PATH_COLUMN = "path"
"""Column (CSV) or key (JSON lines) of a manifest that names the file; all others are metadata."""

MAX_MANIFEST_FIELD = 16 * 1024 * 1024
"""Characters in one CSV field; the csv module's own limit of 131,072 is below a long document."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to be indexed, and what a manifest says of it."""

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not indexed, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file in a folder that does not look like media: nothing a user needs to hear of."""

    path: Path


Found = Candidate | Skipped | Ignored


def find_files(sources: Iterable[str | os.PathLike[str]]) -> Iterator[Found]:
    """Expand what a user named into files.

    Parameters
    ----------
    sources : iterable of str or Path
        Files, folders (searched to any depth, symbolic links followed, hidden names passed over),
        globs (``**`` crosses folders) and manifests: CSV with a header, or JSON lines, each row
        with a ``path`` (relative to the manifest) and free metadata.

    Yields
    ------
    Candidate, Skipped or Ignored
        In the order given, and sorted by name within folders. Paths are absolute but symbolic
        links in them are kept: they are the names the user knows.
    """
    for source in sources:
        text = os.fspath(source)
        if is_url(text):
            yield Skipped(text, "URLs are not indexed: download the file and add it")
            continue
        path = Path(text).expanduser()
        if path.is_dir():
            yield from _walk(_absolute(path), {})
        elif path.exists() or path.is_symlink():
            yield from _file(_absolute(path))
        elif glob.has_magic(text):
            # Path.glob takes no absolute patterns.
            matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207
            if not matches:
                yield Skipped(text, "no file matches this pattern")
            for match in map(Path, matches):
                # "photos/**" lists folders and all that is in them: files alone are enough.
                if match.is_dir():
                    if "**" not in text:
                        yield from _walk(_absolute(match), {})
                elif match.suffix.lower() in IMAGE_SUFFIXES | MANIFEST_SUFFIXES:
                    yield from _file(_absolute(match))
                else:
                    yield from _in_folder(_absolute(match))
        else:
            yield Skipped(text, "no such file or folder")


def _absolute(path: Path) -> Path:
    # Path.resolve() would follow symbolic links; without any normalisation "a/../b" and "b"
    # would be two items.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _file(path: Path) -> Iterator[Found]:
    """Take a file that was named: its suffix may be anything, its content decides."""
    suffix = path.suffix.lower()
    if suffix in MANIFEST_SUFFIXES:
        yield from _manifest(path)
    elif suffix in UNDECODED_SUFFIXES:
        yield Skipped(str(path), _undecoded(suffix))
    else:
        yield Candidate(path)


def _in_folder(path: Path) -> Iterator[Found]:
    """Take a file met in a folder: its suffix says whether it is media."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        yield Candidate(path)
    elif suffix in UNDECODED_SUFFIXES:
        yield Skipped(str(path), _undecoded(suffix))
    else:
        yield Ignored(path)


def _undecoded(suffix: str) -> str:
    return f"{UNDECODED_SUFFIXES[suffix]} pictures cannot be read: convert to JPEG, PNG or AVIF"


def _walk(folder: Path, visited: dict[tuple[int, int], Path]) -> Iterator[Found]:
    try:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in visited:
            yield Skipped(str(folder), f"folder reached before, as {visited[identity]}")
            return
        visited[identity] = folder
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Skipped(str(folder), f"folder cannot be read ({error.strerror})")
        return
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False  # a chain of links that never ends; reading it says so
        if is_folder:
            yield from _walk(Path(entry.path), visited)
        else:
            yield from _in_folder(Path(entry.path))


def _manifest(path: Path) -> Iterator[Found]:
    read = _read_csv if path.suffix.lower() == ".csv" else _read_json_lines
    try:
        for line, row in read(path):
            yield row if isinstance(row, Skipped) else _row(path, line, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield Skipped(str(path), f"manifest cannot be read ({error})")


def _row(manifest: Path, line: int, row: dict[str, Any]) -> Found:
    where = f"{manifest}:{line}"
    named = row.pop(PATH_COLUMN, None)
    if not isinstance(named, str) or not named.strip():
        return Skipped(where, f"row has no {PATH_COLUMN!r}")
    if is_url(named):
        return Skipped(where, f"{named}: URLs are not indexed: download the file and name it")
    if "\0" in named:
        return Skipped(where, f"{PATH_COLUMN!r} holds a NUL character: {named!r:.80}")
    path = _absolute(manifest.parent / Path(named).expanduser())
    if path.suffix.lower() in UNDECODED_SUFFIXES:
        return Skipped(str(path), _undecoded(path.suffix.lower()))
    return Candidate(path, row)


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | Skipped]]:
    csv.field_size_limit(MAX_MANIFEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="")
        columns = reader.fieldnames or []
        if PATH_COLUMN not in columns:
            found = ", ".join(columns) or "nothing"
            yield 1, Skipped(str(path), f"manifest needs a {PATH_COLUMN!r} column; it has {found}")
            return
        for row in reader:
            if "" in row and row.pop("") is not None and reader.restkey == "":
                yield (
                    reader.line_num,
                    Skipped(
                        f"{path}:{reader.line_num}", f"row has more than {len(columns)} fields"
                    ),
                )
                continue
            values = {k: _csv_value(v) for k, v in row.items() if v and k != PATH_COLUMN}
            yield reader.line_num, {**values, PATH_COLUMN: row[PATH_COLUMN]}


def _csv_value(text: str) -> str | int | float:
    """Read numbers as numbers, so that ``year > 2000`` compares numbers; 007 stays text."""
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        if str(value) == text:  # also keeps "nan", "1_000" and " 5" as the text they are
            return value if abs(value) < 2**63 and value == value else text
    return text


def _read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | Skipped]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                yield number, Skipped(f"{path}:{number}", f"line is not JSON ({error})")
                continue
            if isinstance(row, dict):
                yield number, row
            else:
                yield number, Skipped(f"{path}:{number}", "line is not a JSON object")
