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
from dataclasses import dataclass, field
from glob import glob
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.class_folders import label_of_folder, read_class_folders
from sensorium.data.pairs import read_pairs
from sensorium.data.sources import Picture
from sensorium.data.tables import (
    CAPTION_COLUMN,
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    TEXT_COLUMNS,
    beside,
    first_column,
)
from sensorium.encoders.registry import is_hub_id
from sensorium.errors import MediaError, MissingExtraError, UsageError
from sensorium.media import Image, as_media
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

MAX_VALIDATION = 2000
"""Pictures that a validation takes from the data at most: it happens once an epoch."""


@dataclass(frozen=True)
class CaptionedPictures:
    """Pictures, and one or more captions for each.

    Attributes
    ----------
    pictures : list of Picture
    captions : list of list of str
        Those of each picture; none is empty.
    skipped : list of Skipped
        What could not be used, and why.
    """

    pictures: list[Picture]
    captions: list[list[str]]
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures)

    def only(self, kept: Iterable[int], skipped: Sequence[Skipped] = ()) -> CaptionedPictures:
        """Keep some of the pictures, by number."""
        kept = list(kept)
        return CaptionedPictures(
            [self.pictures[number] for number in kept],
            [self.captions[number] for number in kept],
            [*self.skipped, *skipped],
        )


def read_captioned(data: Any, *, split: str = "train") -> CaptionedPictures:
    """Read captioned pictures of any kind.

    Parameters
    ----------
    data : str, path, Dataset or DataFrame
        A table (``.csv``, ``.tsv``, ``.jsonl``) as `sensorium evaluate` reads it, with captions in
        one or more columns; a folder with a folder of pictures per class, whose names are the
        captions; a folder that ``datasets.save_to_disk`` wrote, or a hub id; WebDataset tars,
        also as ``shards/{0000..0007}.tar`` or ``"shards/*.tar"``, or a folder of them. Or such a
        data set or table in memory, its paths relative to the working folder.
    split : str
        Of a dataset that has several.

    Raises
    ------
    UsageError
        When it is none of these, or holds no captioned picture.
    """
    if not isinstance(data, (str, os.PathLike)):
        return _read_in_memory(data)
    text = os.fspath(data)
    path = Path(os.path.expanduser(text))  # noqa: PTH111
    if tars := _tars(path):
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
        "a folder that datasets.save_to_disk wrote, a dataset's hub id (ORGANISATION/NAME), or "
        "WebDataset tars (.tar)"
    )


def split_off(
    data: CaptionedPictures, share: float, seed: int = 0
) -> tuple[CaptionedPictures, CaptionedPictures]:
    """Split data into two by picture: for training, and for validation.

    Which pictures are split off depends on their names and the seed alone: those of a data set
    that grew stay where they were.

    Parameters
    ----------
    data : CaptionedPictures
    share : float
        Of the pictures, for validation; at most `MAX_VALIDATION` of them, at least one.
    seed : int

    Raises
    ------
    UsageError
        If there are fewer than two pictures, or the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UsageError(f"the validation's share is {share}; it lies between 0 and 1")
    if len(data) < 2:
        raise UsageError("one picture cannot be split into training and validation: bring more")

    def drawn(number: int) -> bytes:
        return hashlib.sha256(f"{seed}:{data.pictures[number].name}".encode()).digest()

    order = sorted(range(len(data)), key=drawn)
    count = min(max(1, round(len(data) * share)), MAX_VALIDATION, len(data) - 1)
    validation = data.only(sorted(order[:count]))
    return data.only(sorted(order[count:])), CaptionedPictures(
        validation.pictures, validation.captions
    )


def leave_out_broken(
    data: CaptionedPictures, progress: Progress | None = None
) -> CaptionedPictures:
    """Decode every picture once, small, and leave out those that cannot be."""
    kept, skipped = [], []
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for number, reason in enumerate(threads.map(_fault, data.pictures)):
            if reason is None:
                kept.append(number)
            else:
                skipped.append(Skipped(data.pictures[number].name, reason))
            if progress:
                progress(number + 1, len(data))
    return data.only(kept, skipped)


def _fault(picture: Picture) -> str | None:
    try:
        picture.open().load(min_side=CHECKED_SIDE)
    except MediaError as error:
        return error.reason
    return None


def _checked(found: CaptionedPictures, name: str) -> CaptionedPictures:
    if not found.pictures:
        first = f" ({found.skipped[0].path}: {found.skipped[0].reason})" if found.skipped else ""
        raise UsageError(f"{name}: holds no picture with a caption{first}")
    return found


def _read_table(path: Path) -> CaptionedPictures:
    pairs = read_pairs(path)
    captions: dict[str, list[str]] = {}
    for name, text in pairs.captions:
        captions.setdefault(name, []).append(text)
    pictures = [Picture.of_file(pairs.pictures[name], name) for name in captions]
    return CaptionedPictures(pictures, list(captions.values()), list(pairs.skipped))


def _read_classes(path: Path) -> CaptionedPictures:
    found = read_class_folders(path)
    pictures = [Picture.of_file(file, name) for name, (file, _) in found.pictures.items()]
    captions = [found.classes[folder] for _, folder in found.pictures.values()]
    return CaptionedPictures(pictures, captions, list(found.skipped))


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
        with safe_loading(local=False):  # tars may hold pickles
            return library.load_dataset(name, split=split)
    except Exception as error:  # the library raises nearly any exception
        first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise UsageError(f"the dataset {name} cannot be loaded: {first}") from error


def _read_in_memory(table: Any) -> CaptionedPictures:
    name = type(table).__name__
    if hasattr(table, "features") and hasattr(table, "cast_column"):
        return _checked(_read_dataset(table, name, Path.cwd()), name)
    rows = rows_of(table)
    if rows is None:
        raise UsageError(f"captioned pictures are a path, Dataset or DataFrame, got {name}")
    return _checked(_read_rows(rows, name), name)


def _read_rows(rows: Sequence[dict[str, Any]], name: str) -> CaptionedPictures:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    column = first_column(columns, PATH_COLUMNS)
    captions = [key for key in columns if key.lower().startswith(CAPTION_COLUMN)]
    if not captions and (text := first_column(columns, TEXT_COLUMNS)) is not None:
        captions = [text]
    if column is None or not captions:
        raise UsageError(_lacking(name, columns))
    result = CaptionedPictures([], [])
    for number, row in enumerate(rows):
        where, cell = f"{name}:{number}", row.get(column)
        texts = list(dict.fromkeys(text for key in captions for text in _texts(row.get(key))))
        try:
            if not texts or cell is None:
                raise MediaError(f"row has no {'caption' if cell is not None else column}")
            result.pictures.append(_picture_of_cell(cell, where))
        except MediaError as error:
            result.skipped.append(Skipped(where, error.reason))
            continue
        result.captions.append(texts)
    return result


def _picture_of_cell(cell: Any, where: str) -> Picture:
    if isinstance(cell, (str, os.PathLike)):
        return Picture.of_file(beside(Path.cwd() / "rows", os.fspath(cell)), where)
    picture = as_media(cell)
    if not isinstance(picture, Image):
        raise MediaError(f"is {picture.modality}, and captions here are of pictures")
    pixels = np.asarray(picture.load())
    digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    return Picture(where, digest, lambda: picture)


def _lacking(name: str, columns: Iterable[str]) -> str:
    return (
        f"{name}: needs a column of pictures (or {', '.join(PATH_COLUMNS)}) and one with "
        f"their captions (any that begins with {CAPTION_COLUMN!r}, {', '.join(TEXT_COLUMNS)}, "
        f"or a class {LABEL_COLUMN!r}); it has {', '.join(columns)}"
    )


def _read_dataset(dataset: Any, name: str, folder: Path | None = None) -> CaptionedPictures:
    library = _datasets()
    pictured = [key for key, kind in dataset.features.items() if isinstance(kind, library.Image)]
    by_name = {key.lower(): key for key in dataset.features}
    named = [by_name[key] for key in PATH_COLUMNS if key in by_name]
    column = next(iter([*pictured, *named]), None)
    captions = [key for key in dataset.features if key.lower().startswith(CAPTION_COLUMN)]
    captions = captions or [by_name[key] for key in TEXT_COLUMNS if key in by_name][:1]
    label = dataset.features.get(LABEL_COLUMN)
    if not captions and isinstance(label, library.ClassLabel):
        captions = [LABEL_COLUMN]
    if column is None or not captions:
        raise UsageError(_lacking(name, dataset.features))
    if column in pictured:  # the file as it is: decoding is ours, in threads
        dataset = dataset.cast_column(column, library.Image(decode=False))
    fingerprint = getattr(dataset, "_fingerprint", "")
    result = CaptionedPictures([], [])
    texts = {key: dataset[key] for key in captions}
    for row in range(len(dataset)):
        found = [text for key in captions for text in _texts(texts[key][row])]
        if captions == [LABEL_COLUMN] and isinstance(label, library.ClassLabel):
            found = [label_of_folder(label.int2str(texts[LABEL_COLUMN][row]))]
        where = f"{name}:{row}"
        if not found:
            result.skipped.append(Skipped(where, "row has no caption"))
            continue
        opened = _row_opener(dataset, column, row, folder or Path(name))
        result.pictures.append(Picture(where, f"{fingerprint}:{row}", opened))
        result.captions.append(found)
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


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    found = [" ".join(one.split()) for one in values if isinstance(one, str)]
    return list(dict.fromkeys(text for text in found if text))


# WebDataset tars


def _tars(path: Path) -> list[Path]:
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


def _read_tars(tars: Sequence[Path]) -> CaptionedPictures:
    result = CaptionedPictures([], [])
    for tar in tars:
        try:
            for key, members in _samples(tar):
                _add_sample(result, tar, key, members)
        except (tarfile.TarError, OSError) as error:
            result.skipped.append(Skipped(str(tar), f"cannot be read as a tar: {error}"))
    return result


def _samples(tar: Path) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """Members of a tar that share a name up to the first dot, which is a sample of WebDataset."""
    key: str | None = None
    members: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(tar, "r:") as file:
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


def _add_sample(
    result: CaptionedPictures, tar: Path, key: str, members: dict[str, tarfile.TarInfo]
) -> None:
    where = f"{tar.name}:{key}"
    picture = next((members[name] for name in IMAGE_MEMBERS if name in members), None)
    texts: list[str] = []
    if "txt" in members:
        texts += _texts(_bytes(tar, members["txt"]).decode("utf-8", "replace"))
    if "json" in members:
        try:
            row = json.loads(_bytes(tar, members["json"]))
        except ValueError as error:
            result.skipped.append(Skipped(where, f"its .json is not JSON ({error})"))
            return
        row = row if isinstance(row, dict) else {}
        named = [name for name in row if name.lower().startswith(CAPTION_COLUMN)]
        named = named or ([] if texts else [name for name in TEXT_COLUMNS if name in row][:1])
        texts += [text for name in named for text in _texts(row[name])]
    if picture is None or not texts:
        lacks = "picture" if picture is None else "caption (.txt, or .json with a caption)"
        result.skipped.append(Skipped(where, f"sample has no {lacks}"))
        return
    found = tar.stat()
    stamp = f"{tar}:{found.st_size}:{found.st_mtime_ns}:{picture.offset_data}"
    member = picture
    result.pictures.append(
        Picture(f"{where}.{member.name.rpartition('.')[2]}", stamp, _member_opener(tar, member))
    )
    result.captions.append(list(dict.fromkeys(texts)))


def _member_opener(tar: Path, member: tarfile.TarInfo) -> Callable[[], Image]:
    def opened() -> Image:
        with decoding(str(tar), "cannot be read"):
            return Image(_bytes(tar, member))

    return opened


def _bytes(tar: Path, member: tarfile.TarInfo) -> bytes:
    with tar.open("rb") as file:
        file.seek(member.offset_data)
        return file.read(member.size)
