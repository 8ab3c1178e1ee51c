"""Finding the media files that a user means: files, folders, globs and manifests."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sensorium.data.metadata import EMPTIED, dump_metadata, merged, read_metadata
from sensorium.data.tables import (
    JSON_SUFFIXES,
    PATH_COLUMN,
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    columns_of,
    first_column,
)
from sensorium.encoders.trust import may_look_at, name_share, why_not
from sensorium.errors import CollectionError, MediaError, UsageError
from sensorium.media import open_media
from sensorium.media.content import is_seen_without_suffix
from sensorium.media.given import array_of, rows_of
from sensorium.media.skipped import Skipped
from sensorium.media.sources import MEDIA_SUFFIXES, UNDECODED_SUFFIXES, is_url, undecoded
from sensorium.media.unread import told_kind, unread


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to be indexed, what a manifest says of it, and whether it was named by itself.

    `emptied` are names of `metadata` whose cells are empty: what is stored under them is to go.
    `where` is what reports call it: "" for its path.
    """

    path: Path
    metadata: dict[str, Any] = field(default_factory=dict)
    named: bool = field(default=False, compare=False)
    emptied: frozenset[str] = field(default=frozenset(), compare=False)
    where: str = field(default="", compare=False)

    def adding_to(self, before: Candidate) -> Candidate:
        """The same with what was said of it before, which counts where nothing is said now."""
        metadata = {**before.metadata, **self.metadata}
        emptied = (before.emptied | self.emptied).difference(metadata)
        return replace(self, metadata=metadata, emptied=emptied)

    @property
    def said(self) -> dict[str, Any]:
        """Everything that is said of it, empty cells as `EMPTIED`."""
        return {**dict.fromkeys(self.emptied, EMPTIED), **self.metadata}


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file in a folder that does not look like media: it is counted, by its suffix."""

    path: Path

    @property
    def kind(self) -> str:
        """Its suffix in lower case, or `NO_SUFFIX`."""
        return self.path.suffix.lower() or NO_SUFFIX


NO_SUFFIX = "no suffix"

OTHER_SUFFIXES = frozenset(
    {
        # Programs, and what belongs to them
        ".bat", ".c", ".cc", ".class", ".cpp", ".cs", ".css", ".cu", ".dart", ".dll", ".dylib",
        ".exe", ".go", ".h", ".hpp", ".java", ".js", ".jsx", ".kt", ".lock", ".lua", ".map", ".mjs",
        ".o", ".php", ".pl", ".po", ".ps1", ".pxd", ".py", ".pyc", ".pyd", ".pyi", ".pyx", ".r",
        ".rb", ".rs", ".scss", ".sh", ".so", ".sql", ".swift", ".tsx", ".ttf", ".otf", ".vue",
        ".wasm", ".woff", ".woff2",
        # Data and archives
        ".7z", ".bin", ".bz2", ".cfg", ".conf", ".csv", ".db", ".deb", ".dmg", ".gz", ".h5", ".ini",
        ".iso", ".jar", ".json", ".jsonl", ".log", ".npy", ".npz", ".onnx", ".parquet", ".pdb",
        ".pickle", ".pkl", ".pt", ".pth", ".rar", ".rpm", ".safetensors", ".sensorium", ".sqlite",
        ".tar", ".toml", ".tsv", ".whl", ".xls", ".xlsx", ".xml", ".xz", ".yaml", ".yml", ".zip",
        ".zst",
        # What cameras and programs put beside pictures and films: smaller copies, settings
        ".aae", ".lrv", ".thm", ".xmp",
    }
)  # fmt: skip
"""Suffixes of files that are not even opened to see whether they are media."""

KINDS_SHOWN = 6
"""Suffixes of ignored files that are named in words; the report has all of them."""


def told_ignored(kinds: Mapping[str, int]) -> str:
    """Say how many files were ignored, and of which kinds: the commonest first."""
    counted = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    shown = [f"{count:,} {kind}" for kind, count in counted[:KINDS_SHOWN]]
    if rest := counted[KINDS_SHOWN:]:
        shown.append(f"{sum(count for _, count in rest):,} of {len(rest):,} other kinds")
    total = sum(kinds.values())
    return f"{total:,} other file{'s' if total > 1 else ''} ignored: {', '.join(shown)}"


Found = Candidate | Skipped | Ignored


Source = str | os.PathLike[str] | Mapping[str, Any]
"""What names files: a path, a pattern, or a row of a table."""


def sources_of(given: Iterable[Any]) -> list[Source]:
    """What a caller gave, as paths, patterns and rows: lists and tables taken apart.

    Raises
    ------
    UsageError
        For what is no file: a picture in memory, an array.
    """
    sources: list[Source] = []
    for value in given:
        if isinstance(value, (str, os.PathLike)):
            sources.append(value)
        elif isinstance(getattr(value, "path", None), Path) and hasattr(value, "segments"):
            sources.append(value.path)  # an Image of a file, say
        elif (rows := rows_of(value)) is not None:
            _require_paths(rows, type(value).__name__)
            sources += rows
        elif isinstance(value, Mapping):
            _require_paths([dict(value)], type(value).__name__)
            sources.append(value)
        elif _holds_paths(value):
            sources += sources_of(value)
        else:
            raise UsageError(
                f"a collection holds files, got {type(value).__name__} {value!r:.60}: save it to a "
                "file, or give its vectors a name: add_vectors(library.encoder.encode([...]), "
                "['a name'])"
            )
    return sources


def _require_paths(rows: list[dict[str, Any]], table: str) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    column = first_column(columns, PATH_COLUMNS)
    cells = [row[column] for row in rows if row.get(column) is not None] if column else []
    if rows and not any(isinstance(cell, (str, os.PathLike)) for cell in cells):
        raise UsageError(
            f"{table}: needs a {PATH_COLUMN!r} column that names files; it has {', '.join(columns)}"
        )


def _holds_paths(value: Any) -> bool:
    """Whether this is a list, generator or column of what can be added."""
    if isinstance(value, (bytes, bytearray, memoryview, Mapping)) or hasattr(value, "segments"):
        return False
    array = array_of(value)  # an array of numbers is a picture, one of texts a column
    is_column = array is None or (array.dtype.kind in "OUT" and array.ndim == 1)
    return isinstance(value, Iterable) and is_column


def find_files(sources: Iterable[Source]) -> Iterator[Found]:
    """Expand what a user named into files.

    Parameters
    ----------
    sources : iterable of str, Path or mapping
        Files, folders (searched to any depth, symbolic links followed, hidden names passed over),
        globs (``**`` crosses folders) and manifests: CSV with a header, or JSON lines, each row
        with a ``path`` (relative to the manifest) and free metadata. A mapping is such a row, its
        path relative to the working folder.

    Yields
    ------
    Candidate, Skipped or Ignored
        In the order given, and sorted by name within folders. Paths are absolute but symbolic
        links in them are kept: they are the names the user knows.
    """
    for number, source in enumerate(sources):
        if isinstance(source, Mapping):
            yield row_in_memory(number, source)
            continue
        text = os.fspath(source)
        if is_url(text):
            yield Skipped(text, "URLs are not indexed: download the file and add it")
            continue
        name_share(text)
        # os.path: pathlib raises for "~$x.png", for a name of 300 letters, and for what lies in a
        # folder that may not be entered.
        path = os.path.expanduser(text)  # noqa: PTH111
        if os.path.isdir(path):  # noqa: PTH112
            for entry in _walk(_absolute(path)):
                yield entry if isinstance(entry, Skipped) else _in_folder(entry)
        elif glob.has_magic(path) and not os.path.lexists(path):
            yield from _glob(text, path)
        else:
            try:
                os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                reason = "no such file or folder" if text else "the path is empty: name a file"
                yield Skipped(text, reason)
            except (OSError, ValueError) as error:
                yield Skipped(text, f"cannot be read ({error.args[-1]})")
            else:
                yield from _file(_absolute(path))


@dataclass(frozen=True)
class Selection:
    """Files of what a user named that a command can use, and the others.

    Attributes
    ----------
    paths : list of Path
    skipped : list of Skipped
        What was named and cannot be used, and why.
    ignored : dict
        Number of other files in folders, by suffix.
    """

    paths: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)


def select_files(
    sources: Iterable[Source], modality: str | Sequence[str], purpose: str
) -> Selection:
    """Find the files of one modality, or of several.

    Parameters
    ----------
    sources : iterable
        As for `find_files`.
    modality : str or sequence of str
    purpose : str
        What is told of a file of another modality that was named: "only pictures are captioned".
    """
    chosen = Selection()
    wanted = [modality] if isinstance(modality, str) else modality
    for found in find_files(sources):
        if isinstance(found, Skipped):
            chosen.skipped.append(found)
            continue
        if isinstance(found, Candidate):
            other = open_media(found.path).modality
            if other in wanted:
                chosen.paths.append(found.path)
                continue
            if found.named:
                told = told_kind(found.path, other)
                chosen.skipped.append(Skipped(str(found.path), f"{told}: {purpose}"))
                continue
            found = Ignored(found.path)
        chosen.ignored[found.kind] = chosen.ignored.get(found.kind, 0) + 1
    return chosen


def item_key(path: str | os.PathLike[str]) -> str:
    """What an item is stored under: the absolute path of a file, or a text that names no file.

    A URL, or a relative path under which there is nothing here, stays the text that it is.
    """
    text = os.fspath(path)
    if not may_look_at(text):
        return text
    expanded = os.path.expanduser(text)  # noqa: PTH111
    if "://" not in text and not is_url(text) and os.path.lexists(expanded):
        return os.path.abspath(expanded)  # noqa: PTH100
    return text


def is_gone(path: str) -> bool:
    """Whether a file no longer exists; one that may not be reached is not gone.

    What is no absolute path never was a file here: vectors that were made elsewhere may have URLs
    or any other text for keys.
    """
    if not os.path.isabs(path) or not may_look_at(path):  # noqa: PTH117
        return False
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def stored_path(path: str) -> Path:
    """The path of an item, to be read: a collection from elsewhere may name any.

    Raises
    ------
    MediaError
        When it leads to another machine that nobody has named here.
    """
    if not may_look_at(path):
        raise MediaError(why_not(path), path)
    return Path(path)


def _absolute(path: str | Path) -> Path:
    # Path.resolve() would follow symbolic links; without any normalisation "a/../b" and "b"
    # would be two items.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _file(path: Path) -> Iterator[Found]:
    """Take a file that was named: its suffix may be anything, its content decides."""
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        yield from _manifest(path)
    elif suffix in UNDECODED_SUFFIXES:
        yield Skipped(str(path), undecoded(UNDECODED_SUFFIXES[suffix]))
    elif why := unread(path):
        yield Skipped(str(path), why)
    else:
        yield Candidate(path, named=True)


def _in_folder(path: Path) -> Found:
    """Take a file met in a folder: its suffix says whether it is media, else its first bytes."""
    suffix = path.suffix.lower()
    if suffix in MEDIA_SUFFIXES:
        return Candidate(path)
    if suffix in UNDECODED_SUFFIXES:
        return Skipped(str(path), undecoded(UNDECODED_SUFFIXES[suffix]))
    if suffix not in OTHER_SUFFIXES and is_seen_without_suffix(path):
        return Candidate(path)
    return Ignored(path)


def _walk(root: Path) -> Iterator[Path | Skipped]:
    """Find the files below a folder, each folder once, however links lead to it."""
    visited: dict[tuple[int, int], Path] = {}
    waiting = [(root, True)]  # a stack: folders may be nested deeper than Python's calls
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield path
            continue
        try:
            status = path.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in visited:
                yield Skipped(str(path), f"folder reached before, as {visited[identity]}")
                continue
            visited[identity] = path
            with os.scandir(path) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            yield Skipped(str(path), f"folder cannot be read ({error.strerror})")
            continue
        waiting += [
            (Path(entry.path), _is_folder(entry))
            for entry in ordered
            if not entry.name.startswith(".")
        ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a chain of links that never ends; reading it says so


def _glob(text: str, pattern: str) -> Iterator[Found]:
    """Expand a pattern; a folder that it matches stands for all that is in it."""
    parts = Path(pattern).parts
    # glob would follow links in circles from "**" on.
    fixed = parts.index("**") if "**" in parts else len(parts)
    rest = parts[fixed:]
    found_any = False
    # Path.glob takes no absolute patterns.
    for match in sorted(glob.glob(str(Path(*parts[:fixed])))):  # noqa: PTH207
        folder = _absolute(match)
        if not folder.is_dir():
            if not rest:
                found_any = True
                yield from _matched(folder)
            continue
        for entry in _walk(folder):
            if isinstance(entry, Skipped):
                yield entry
            elif _matches(entry.relative_to(folder).parts, rest):
                found_any = True
                named = rest and rest[-1] != "**" and fnmatchcase(entry.name, rest[-1])
                yield from _matched(entry) if named else (_in_folder(entry),)
    if not found_any:
        yield Skipped(text, "no file matches this pattern")


def _matched(path: Path) -> Iterator[Found]:
    """Take a file that a pattern names: a manifest is one, other files need a media suffix."""
    if path.suffix.lower() in TABLE_SUFFIXES:
        yield from _file(path)
    else:
        yield _in_folder(path)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern fits a path below a folder, or a folder above it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[n:], pattern[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _manifest(path: Path) -> Iterator[Found]:
    try:
        if path.suffix.lower() not in JSON_SUFFIXES:
            columns = columns_of(path)
            if first_column(columns, PATH_COLUMNS) is None:
                has = ", ".join(columns) or "nothing"
                yield Skipped(str(path), f"manifest needs a {PATH_COLUMN!r} column; it has {has}")
                return
        for line, row in read_metadata(path):
            yield row if isinstance(row, Skipped) else _row(path, line, row)
    except UsageError as error:
        yield Skipped(str(path), f"manifest cannot be read ({error})")


def row_in_memory(number: int, row: Mapping[str, Any]) -> Found:
    """The file that a row of a table in memory names, its path relative to the working folder."""
    where = f"row {number}"
    known: dict[str, Any] = {n: EMPTIED if value is None else value for n, value in row.items()}
    named = first_column(merged({}, known), PATH_COLUMNS)
    if named is not None and isinstance(known[named], os.PathLike):
        known[named] = os.fspath(known[named])
    try:
        dump_metadata({name: v for name, v in merged({}, known).items() if name != named})
    except CollectionError as error:
        return Skipped(str(known[named]) if named else where, str(error))
    return _row(Path.cwd() / "rows", number, known, where)


def _row(manifest: Path, line: int, row: dict[str, Any], where: str = "") -> Found:
    where = where or f"{manifest}:{line}"
    # The column that holds a path, of those that may, is the first that is not empty.
    filled = merged({}, row)
    column = first_column(filled, PATH_COLUMNS)
    named = None if column is None else filled.pop(column)
    if not isinstance(named, str) or not named.strip():
        return Skipped(where, f"row has no {PATH_COLUMN!r}")
    if is_url(named):
        return Skipped(where, f"{named}: URLs are not indexed: download the file and name it")
    if not may_look_at(named):
        return Skipped(where, f"{named!r:.80}: {why_not(named)}")
    if "\0" in named:
        return Skipped(where, f"{PATH_COLUMN!r} holds a NUL character: {named!r:.80}")
    path = _absolute(manifest.parent / os.path.expanduser(named))  # noqa: PTH111
    if path.suffix.lower() in UNDECODED_SUFFIXES:
        return Skipped(str(path), undecoded(UNDECODED_SUFFIXES[path.suffix.lower()]))
    if why := unread(path):
        return Skipped(str(path), why)
    emptied = frozenset(row).difference(filled, [column or ""])
    return Candidate(path, filled, named=True, emptied=emptied)
