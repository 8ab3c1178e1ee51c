"""Pictures with their captions, wherever they lie: tables, folders, datasets, tars.

Nothing is decoded here. Pictures are opened when they are needed, so that a data set may be larger
than memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from glob import glob
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.class_folders import label_of_folder, read_class_folders
from sensorium.data.examples import Examples
from sensorium.data.lance_pairs import lance_uri, read_lance_pairs
from sensorium.data.pairs import caption_columns, read_pairs
from sensorium.data.sources import Picture, picture_of
from sensorium.data.tables import (
    CAPTION_COLUMN,
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    TEXT_COLUMNS,
    beside,
    cell_texts,
    first_column,
)
from sensorium.encoders.naming import is_hub_id
from sensorium.errors import MediaError, MissingExtraError, UsageError
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.given import rows_of
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped

IMAGE_MEMBERS = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "avif")
"""Extensions of the pictures in a WebDataset tar."""

LABEL_COLUMN = "label"
"""Column of a Hugging Face dataset with a class, which is a caption where there is no other."""

CHECKED_SIDE = 64
"""Pixels that a picture is decoded to when it is only to be known whether it can be."""


def read_captioned(data: Any, *, split: str = "train") -> Examples:
    """Read captioned pictures of any kind.

    Parameters
    ----------
    data : str, path, Dataset, DataFrame or Examples
        A table (``.csv``, ``.tsv``, ``.jsonl``) as `sensorium evaluate` reads it, with captions in
        one or more columns; a folder with a folder of pictures per class, whose names are the
        captions; a folder that ``datasets.save_to_disk`` wrote, or a hub id; WebDataset tars,
        also as ``shards/{0000..0007}.tar`` or ``"shards/*.tar"``, or a folder of them; a table of
        Lance (``lance:///folder``, ``s3://…``), see `sensorium.data.lance_pairs`. Or such a
        data set or table in memory, its paths relative to the working folder. What was read
        already stays as it is.
    split : str
        Of a dataset that has several.

    Raises
    ------
    UsageError
        When it is none of these, or holds no captioned picture.
    """
    if isinstance(data, Examples):
        return data
    if not isinstance(data, (str, os.PathLike)):
        return _read_in_memory(data)
    text = os.fspath(data)
    if uri := lance_uri(text):
        return _checked(read_lance_pairs(uri), text)
    path = Path(os.path.expanduser(text))  # noqa: PTH111
    if tars := tars_of(path):
        return _checked(_read_tars(tars), text)
    if path.is_dir():
        if any((path / name).is_file() for name in ("state.json", "dataset_dict.json")):
            return _checked(_read_dataset(_load_from_disk(path, split), text), text)
        return _read_classes(path)
    if path.suffix.lower() in TABLE_SUFFIXES:
        return _read_table(path)
    if is_hub_id(text) and not path.exists():
        return _checked(_read_dataset(_load_from_hub(text, split), text), text)
    found = "it is none of these" if path.exists() else "there is no such file or folder"
    raise UsageError(
        f"{text}: {found}. Give a table of pictures and captions "
        f"({', '.join(sorted(TABLE_SUFFIXES))}), a folder with a folder of pictures per class, "
        "a folder that datasets.save_to_disk wrote, a dataset's hub id (ORGANISATION/NAME), "
        "WebDataset tars (.tar), or a Lance table (lance:///folder, s3://bucket/name)"
    )


def leave_out_broken(data: Examples, progress: Progress | None = None) -> Examples:
    """Decode every picture once, small, and leave out those that cannot be."""
    kept, skipped = [], []
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for number, reason in enumerate(threads.map(_fault, data.sources)):
            if reason is None:
                kept.append(number)
            else:
                skipped.append(Skipped(data.names[number], reason))
            if progress:
                progress(number + 1, len(data))
    return data.take(kept, skipped)


def _fault(picture: Picture) -> str | None:
    try:
        picture.open().load(min_side=CHECKED_SIDE)
    except MediaError as error:
        return error.reason
    return None


def _checked(found: Examples, name: str) -> Examples:
    if not found.names:
        first = f" ({found.skipped[0].path}: {found.skipped[0].reason})" if found.skipped else ""
        raise UsageError(f"{name}: holds no picture with a caption{first}")
    return found


def _read_table(path: Path) -> Examples:
    return _pictured(read_pairs(path).gathered())


def _read_classes(path: Path) -> Examples:
    found = read_class_folders(path)
    return replace(_pictured(found), texts=[found.words[label] for label in found.labels])


def _pictured(files: Examples) -> Examples:
    return replace(files, sources=[Picture.of_file(path) for path in files.sources])


# Hugging Face datasets


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets") from error
    return datasets


def _load_from_disk(path: Path, split: str) -> Any:
    library = _datasets()
    try:
        found = library.load_from_disk(str(path))
    except Exception as error:  # the library raises nearly any exception
        raise UsageError(f"{path}: cannot be read as a dataset: {error}") from error
    if isinstance(found, library.DatasetDict):
        if split not in found:
            raise UsageError(f"{path} has no split {split!r}; it has {', '.join(found)}")
        return found[split]
    return found


def _load_from_hub(name: str, split: str) -> Any:
    library = _datasets()
    from sensorium.encoders.pretrained import safe_loading

    try:
        with safe_loading(offline=False):  # tars may hold pickles
            return library.load_dataset(name, split=split)
    except Exception as error:  # the library raises nearly any exception
        first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise UsageError(f"the dataset {name} cannot be loaded: {first}") from error


def _read_in_memory(table: Any) -> Examples:
    name = type(table).__name__
    if hasattr(table, "features") and hasattr(table, "cast_column"):
        return _checked(_read_dataset(table, name, Path.cwd()), name)
    rows = rows_of(table)
    if rows is None:
        raise UsageError(f"captioned pictures are a path, Dataset or DataFrame, got {name}")
    return _checked(_read_rows(rows, name), name)


def _read_rows(rows: Sequence[dict[str, Any]], name: str) -> Examples:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    column = first_column(columns, PATH_COLUMNS)
    captions = caption_columns(columns)
    if column is None or not captions:
        raise UsageError(_lacking(name, columns))
    result = Examples()
    for number, row in enumerate(rows):
        where, cell = f"{name}:{number}", row.get(column)
        texts = list(dict.fromkeys(text for key in captions for text in cell_texts(row.get(key))))
        try:
            if not texts or cell is None:
                raise MediaError(f"row has no {'caption' if cell is not None else column}")
            result.add(where, _picture_of_cell(cell), texts)
        except MediaError as error:
            result.skipped.append(Skipped(where, error.reason))
    return result


def _picture_of_cell(cell: Any) -> Picture:
    if isinstance(cell, (str, os.PathLike)):
        return Picture.of_file(beside(Path.cwd() / "rows", os.fspath(cell)))
    picture = picture_of(cell)
    pixels = np.asarray(picture.load())
    digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    return Picture(digest, lambda: picture)


def _lacking(name: str, columns: Iterable[str]) -> str:
    return (
        f"{name}: needs a column of pictures (or {', '.join(PATH_COLUMNS)}) and one with "
        f"their captions (any that begins with {CAPTION_COLUMN!r}, {', '.join(TEXT_COLUMNS)}, "
        f"or a class {LABEL_COLUMN!r}); it has {', '.join(columns)}"
    )


def _read_dataset(dataset: Any, name: str, folder: Path | None = None) -> Examples:
    library = _datasets()
    pictured = [key for key, kind in dataset.features.items() if isinstance(kind, library.Image)]
    column = pictured[0] if pictured else first_column(dataset.features, PATH_COLUMNS)
    captions = caption_columns(dataset.features)
    label = dataset.features.get(LABEL_COLUMN)
    if not captions and isinstance(label, library.ClassLabel):
        captions = [LABEL_COLUMN]
    if column is None or not captions:
        raise UsageError(_lacking(name, dataset.features))
    if column in pictured:  # the file as it is: decoding is ours, in threads
        dataset = dataset.cast_column(column, library.Image(decode=False))
    fingerprint = getattr(dataset, "_fingerprint", "")
    result = Examples()
    texts = {key: dataset[key] for key in captions}
    for row in range(len(dataset)):
        found = [text for key in captions for text in dict.fromkeys(cell_texts(texts[key][row]))]
        if captions == [LABEL_COLUMN] and isinstance(label, library.ClassLabel):
            found = [label_of_folder(label.int2str(texts[LABEL_COLUMN][row]))]
        where = f"{name}:{row}"
        if not found:
            result.skipped.append(Skipped(where, "row has no caption"))
            continue
        opened = _row_opener(dataset, column, row, folder or Path(name))
        result.add(where, Picture(f"{fingerprint}:{row}", opened), found)
    return result


def _row_opener(dataset: Any, column: str, row: int, folder: Path) -> Callable[[], Image]:
    def opened() -> Image:
        cell = dataset[row][column]
        if isinstance(cell, dict):
            if cell.get("bytes"):
                return Image(cell["bytes"])
            cell = cell.get("path")
        if not isinstance(cell, str) or not cell:
            raise MediaError("row holds no picture", f"{folder}:{row}")
        return Image(beside(folder / "dataset", cell))

    return opened


# WebDataset tars


def tars_of(path: Path) -> list[Path]:
    """The tars that a path, a pattern or a folder of nothing but tars stands for."""
    if path.is_dir():
        return sorted(path.glob("*.tar"))
    if path.suffix.lower() != ".tar":
        return []
    if path.is_file():
        return [path]
    found = []
    for name in _expanded(str(path)):
        matches = sorted(glob(name)) if any(c in name for c in "*?[") else [name]  # noqa: PTH207
        if not matches or not all(Path(match).is_file() for match in matches):
            raise UsageError(f"{path}: there is no file {name}")
        found += [Path(match) for match in matches]
    return found


_BRACES = re.compile(r"\{([^{}]*)\}")


def _expanded(pattern: str) -> list[str]:
    """Expand ``{0000..0007}`` and ``{a,b}`` as shells and WebDataset do.

    >>> _expanded("{08..10}-{a,b}.tar")
    ['08-a.tar', '08-b.tar', '09-a.tar', '09-b.tar', '10-a.tar', '10-b.tar']
    """
    pieces = _BRACES.split(pattern)
    choices = [[piece] if even % 2 == 0 else _choices(piece) for even, piece in enumerate(pieces)]
    return ["".join(parts) for parts in product(*choices)]


def _choices(braced: str) -> list[str]:
    low, dots, high = braced.partition("..")
    if dots and low.isdigit() and high.isdigit():
        return [f"{number:0{len(low)}}" for number in range(int(low), int(high) + 1)]
    return braced.split(",")


def _read_tars(tars: Sequence[Path]) -> Examples:
    result = Examples()
    for tar in tars:
        try:
            with tarfile.open(tar, "r:") as file:
                for key, members in samples_of(file):
                    _add_sample(result, tar, key, members)
        except (tarfile.TarError, OSError) as error:
            result.skipped.append(Skipped(str(tar), f"cannot be read as a tar: {error}"))
    return result


def samples_of(file: tarfile.TarFile) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """Members of a tar that share a name up to the first dot, which is a sample of WebDataset."""
    key: str | None = None
    members: dict[str, tarfile.TarInfo] = {}
    for member in file:
        if not member.isfile():
            continue
        folder, _, base = member.name.rpartition("/")
        stem, _, extension = base.partition(".")
        found = f"{folder}/{stem}" if folder else stem
        if found != key:
            if key is not None:
                yield key, members
            key, members = found, {}
        members[extension.lower()] = member
    if key is not None:
        yield key, members


def _add_sample(result: Examples, tar: Path, key: str, members: dict[str, tarfile.TarInfo]) -> None:
    where = f"{tar.name}:{key}"
    picture = next((members[name] for name in IMAGE_MEMBERS if name in members), None)
    texts: list[str] = []
    if "txt" in members:
        texts += cell_texts(_bytes(tar, members["txt"]).decode("utf-8", "replace"))
    if "json" in members:
        try:
            row = json.loads(_bytes(tar, members["json"]))
        except (ValueError, RecursionError) as error:
            result.skipped.append(Skipped(where, f"its .json is not JSON ({error})"))
            return
        row = row if isinstance(row, dict) else {}
        # A text beside it is the caption, where none is called so.
        named = [
            n for n in caption_columns(row) if not texts or n.lower().startswith(CAPTION_COLUMN)
        ]
        texts += [text for name in named for text in cell_texts(row[name])]
    if picture is None or not texts:
        lacks = "picture" if picture is None else "caption (.txt, or .json with a caption)"
        result.skipped.append(Skipped(where, f"sample has no {lacks}"))
        return
    found = tar.stat()
    stamp = f"{tar}:{found.st_size}:{found.st_mtime_ns}:{picture.offset_data}"
    name = f"{where}.{picture.name.rpartition('.')[2]}"
    result.add(name, Picture(stamp, _member_opener(tar, picture)), list(dict.fromkeys(texts)))


def _member_opener(tar: Path, member: tarfile.TarInfo) -> Callable[[], Image]:
    def opened() -> Image:
        with decoding(str(tar), "cannot be read"):
            return Image(_bytes(tar, member))

    return opened


def _bytes(tar: Path, member: tarfile.TarInfo) -> bytes:
    with tar.open("rb") as file:
        file.seek(member.offset_data)
        return file.read(member.size)
