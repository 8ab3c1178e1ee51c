"""Collections out to, and in from, files that other tools read and write."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sensorium.checksums import KEY, damaged_files, note_files, require_checksum, with_checksum
from sensorium.collection.bulk import BULK_BATCH, Batch, BulkReport, write_batches
from sensorium.collection.collection import store_of
from sensorium.collection.four_bits import keep_codes
from sensorium.collection.judgements import from_values, to_values
from sensorium.collection.opening import open_store
from sensorium.collection.rows import VectorRow, require_text
from sensorium.collection.store import Store, require_space
from sensorium.encoders import Encoder, Space
from sensorium.errors import CollectionError, MissingExtraError, SpaceMismatchError, UsageError
from sensorium.folders import FILES, local_path, read_bytes
from sensorium.home import command_on
from sensorium.media import Modality
from sensorium.media.progress import Progress
from sensorium.replacing import remove_abandoned, unfinished

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection

SPACE_FILE = "space.json"
"""Lies in an exported folder and says which vectors these are; Parquet and Lance have the same
text in their schema, under `SPACE_KEY`."""
SPACE_KEY = b"sensorium"

MOST_SPACE = 1 << 24
"""Bytes of that file; a thousand, and a hundred for each file of the export."""

EXCHANGE_FORMAT = 2
"""2 says of each vector what it is of (`VectorRow.of_segment`, `details`); 1 is read, too."""

LAYOUTS = {
    "numpy": "sensorium.collection.arrays",
    "clip-retrieval": "sensorium.collection.tables",
    "parquet": "sensorium.collection.tables",
    "lance": "sensorium.collection.tables",
}
"""Layouts of files and the module of each; those of tables need an extra."""


@dataclass(frozen=True)
class Origin:
    """Which vectors an export holds.

    Attributes
    ----------
    space : Space
    encoder : str
        Name its encoder loads by.
    judgements : sequence of dict
        What was said of items (`sensorium.collection.judgements.to_values`).
    """

    space: Space
    encoder: str
    judgements: Sequence[dict[str, Any]] = ()

    def to_json(self, rows: int) -> str:
        """Write the text of `SPACE_FILE`."""
        facts = {
            "format": EXCHANGE_FORMAT,
            "name": self.space.name,
            "fingerprint": self.space.fingerprint,
            "dimension": self.space.dimension,
            "encoder": self.encoder,
            "rows": rows,
            "space": json.loads(self.space.to_json()),
            **({"judgements": [*self.judgements]} if self.judgements else {}),
        }
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: Path) -> Origin:
        """Read what `to_json` wrote."""
        try:
            facts = json.loads(text)
            require_checksum(facts)
            if facts["format"] > EXCHANGE_FORMAT:
                raise CollectionError(
                    f"{where} has format {facts['format']}, this version reads up to "
                    f"{EXCHANGE_FORMAT}: upgrade Sensorium"
                )
            judgements = facts.get("judgements", [])
            for values in judgements:
                from_values(values, 0)
                require_text(values["path"])
            space = Space.from_json(json.dumps(facts["space"]))
            return cls(space, str(facts["encoder"]), judgements)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CollectionError(f"{where}: the space is not readable ({error!r:.300})") from error


@dataclass(frozen=True)
class Content:
    """What is to be written: rows of one moment, in the order of adding."""

    origin: Origin
    rows: int
    batches: Iterator[tuple[list[VectorRow], np.ndarray[Any, np.dtype[np.float32]]]]


@dataclass(frozen=True)
class Source:
    """What was found to be read.

    Attributes
    ----------
    rows, dimension : int
    origin : Origin or None
        None where the files do not say which encoder made the vectors.
    batches : callable
        Takes the number of rows in a batch.
    """

    rows: int
    dimension: int
    origin: Origin | None
    batches: Callable[[int], Generator[Batch, None, None]]


@dataclass(frozen=True)
class Columns:
    """How rows of other tools are read.

    Attributes
    ----------
    path, vector : str or None
        Names of columns; None looks for the usual ones.
    modality : Modality
        Of rows that do not say it.
    """

    path: str | None = None
    vector: str | None = None
    modality: str = Modality.IMAGE


class _Layout(Protocol):
    def write(self, layout: str, target: Path, content: Content) -> None: ...

    def read(self, layout: str, source: Path, columns: Columns) -> Source: ...


@dataclass(frozen=True)
class ExportReport:
    """What `export_collection` wrote.

    Attributes
    ----------
    path, layout : str
    items, rows : int
        Items, and their vectors.
    without_vectors : int
        Items that were left out because they have none.
    seconds : float
    """

    path: str
    layout: str
    items: int
    rows: int
    without_vectors: int
    seconds: float


def export_collection(
    collection: Collection | Store,
    target: str | os.PathLike[str],
    layout: str | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a collection's items and vectors for other tools, or to be imported elsewhere.

    The rows are those of one moment, whatever is added meanwhile; memory holds a few thousand.
    What is written has another name (``.NAME.….partial``) until it is whole; see
    `sensorium.replacing`. Checksums of the files go with it, which an import compares.

    Parameters
    ----------
    collection : Collection or Store
    target : str or Path
        A new folder, or a file that ends in ``.parquet``.
    layout : {"numpy", "clip-retrieval", "parquet", "lance"}, optional
        None goes by the name: ``.parquet``, ``.lance``, anything else is ``"numpy"``.
    overwrite : bool
        Whether a file, or the folder of an earlier export, may be replaced; no other folder is.
    progress : callable, optional
        Called with (rows done, rows).

    Raises
    ------
    UsageError
        When the target exists, or the layout is unknown.
    MissingExtraError
        For Parquet, clip-retrieval and Lance without their extras.
    CollectionError
        When it cannot be written, or the collection is empty.
    """
    started = time.monotonic()
    path = local_path(target)
    chosen = layout or {".parquet": "parquet", ".lance": "lance"}.get(path.suffix, "numpy")
    writer = _layout(chosen)
    _require_free(path, overwrite)
    # A connection of its own: the snapshot of a long export must not stop this process's writes.
    store = open_store(store_of(collection).path)
    try:
        with store.snapshot():
            stored, counts = store.state().space, store.counts()
            if stored is None or not counts.vectors:
                raise CollectionError(f"{store.path} holds no vectors to export")
            rows = _rows(store, stored[0].dimension, counts.vectors, progress)
            content = Content(Origin(*stored, _judgements(store)), counts.vectors, rows)
            with _whole(path) as unfinished:
                writer.write(chosen, unfinished, content)
            items = sum(counts.items.values()) - counts.without_vectors
    finally:
        store.close()
    return ExportReport(
        str(path), chosen, items, counts.vectors, counts.without_vectors, time.monotonic() - started
    )


def import_collection(
    collection: Collection | Store,
    source: str | os.PathLike[str],
    layout: str | None = None,
    *,
    encoder: Encoder | None = None,
    encoder_name: str = "",
    columns: Columns | None = None,
    batch_size: int = BULK_BATCH,
    progress: Progress | None = None,
) -> BulkReport:
    """Add the vectors of an export, or of another tool's files, to a collection.

    Parameters
    ----------
    collection : Collection or Store
        One that is new becomes one of the vectors' space.
    source : str or Path
        A folder of ``vectors.npy`` and ``items.jsonl`` or ``items.csv``; a ``.npy`` with such a
        file beside it; a folder with ``img_emb/`` and ``metadata/``; a ``.parquet`` file or a
        folder of them; a ``.lance`` folder.
    layout : {"numpy", "clip-retrieval", "parquet", "lance"}, optional
        None looks at what is there.
    encoder : Encoder, optional
        What made the vectors. An export of Sensorium says it itself and is checked; of anything
        else it has to be stated.
    encoder_name : str
        Name `encoder` loads by, for a new collection; by default that of its space.
    columns : Columns, optional
        How rows of other tools are read.
    batch_size, progress
        As for `add_vectors`.

    Raises
    ------
    UsageError
        When nobody says which encoder made the vectors, when they have another number of
        dimensions than its space, or when the files do not fit together.
    SpaceMismatchError
        When the vectors are of another space than the collection's, or than was stated.
    MissingExtraError
        For Parquet, clip-retrieval and Lance without their extras.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is at least 1, got {batch_size}")
    found, origin = find_import(source, layout, encoder, encoder_name, columns)
    store = store_of(collection)
    require_space(store, origin.space, origin.encoder)
    with closing(found.batches(batch_size)) as batches:
        report = write_batches(
            store, origin.space, batches,
            total=found.rows, encoder_name=origin.encoder, progress=progress,
            exported=found.origin is not None,
        )  # fmt: skip
    if found.origin is not None and (judged := found.origin.judgements):
        items = store.items([*dict.fromkeys(values["path"] for values in judged)])
        store.judge([
            from_values(values, items[values["path"]].id)
            for values in judged if values["path"] in items
        ])  # fmt: skip
    keep_codes(store.path, origin.space)
    return report


def _judgements(store: Store) -> list[dict[str, Any]]:
    """What was said of items, by their paths, which another collection knows them by."""
    judged = store.judgements()
    items = store.items([*{one.item for one in judged}])
    return [to_values(one, items[one.item].file.path) for one in judged if one.item in items]


def find_import(
    source: str | os.PathLike[str],
    layout: str | None = None,
    encoder: Encoder | None = None,
    encoder_name: str = "",
    columns: Columns | None = None,
) -> tuple[Source, Origin]:
    """Find what `import_collection` is to read, and in which space it is; reads no rows.

    Raises
    ------
    UsageError, SpaceMismatchError, MissingExtraError
        As `import_collection`.
    """
    path = Path(source).expanduser().absolute()
    chosen = layout or guess_layout(path)
    columns = columns or Columns()
    before = _identity(path) if path.exists() else None
    if columns.modality not in [*Modality]:
        raise UsageError(f"modality is one of {', '.join(Modality)}, got {columns.modality!r}")
    if path.is_dir():
        _require_undamaged(path)
    if (path / "_versions").is_dir() and _is_collection(path, unknown=False):
        command = command_on(path, "export", "OUT")
        raise UsageError(f"{path} is a collection in Lance, and no export: `{command}` makes one")
    found = _layout(chosen).read(chosen, path, columns)
    if before != (_identity(path) if path.exists() else None):
        raise CollectionError(f"{path} was replaced while it was read: import it again")
    origin = _origin(path, found, encoder, encoder_name)
    if found.dimension != origin.space.dimension:
        raise UsageError(
            f"{path} holds vectors of {found.dimension} dimensions, {origin.space} has "
            f"{origin.space.dimension}: another encoder made them"
        )
    return found, origin


def guess_layout(path: Path) -> str:
    """Tell the layout of what is to be imported by its name and content."""
    if path.suffix == ".lance" or (path / "_versions").is_dir():
        return "lance"
    if path.suffix == ".npy" or (path / "vectors.npy").is_file():
        return "numpy"
    if (path / "img_emb").is_dir() or (path / "text_emb").is_dir():
        return "clip-retrieval"
    if path.suffix == ".parquet" or any(path.glob("*.parquet")):
        return "parquet"
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    raise UsageError(
        f"{path} is nothing that can be imported: a folder of vectors.npy and items.jsonl, of "
        "img_emb/ and metadata/, .parquet files, or a .lance folder"
    )


def _origin(path: Path, found: Source, encoder: Encoder | None, name: str) -> Origin:
    """Which space the vectors are in, by what the files and the caller say."""
    stated = Origin(encoder.space, name or encoder.space.name) if encoder is not None else None
    if found.origin is None:
        if stated is None:
            raise UsageError(
                f"{path} does not say which encoder made its vectors: state it with encoder= "
                "(in a shell --encoder)"
            )
        return stated
    if stated is not None and stated.space.fingerprint != found.origin.space.fingerprint:
        raise SpaceMismatchError(
            f"{path} holds vectors of the space {found.origin.space}, not {stated.space}: "
            "they cannot be compared"
        )
    return stated or found.origin


def _layout(name: str) -> _Layout:
    if name not in LAYOUTS:
        raise UsageError(f"unknown layout {name!r}; known: {', '.join(LAYOUTS)}")
    module: Any = import_module(LAYOUTS[name])
    return module  # type: ignore[no-any-return]


def _rows(
    store: Store, dimension: int, total: int, progress: Progress | None
) -> Iterator[tuple[list[VectorRow], np.ndarray[Any, np.dtype[np.float32]]]]:
    """All rows of the snapshot that is held; tells how far it is."""
    done = 0
    for rows, vectors in store.rows(dimension, BULK_BATCH):
        yield rows, vectors
        done += len(rows)
        if progress is not None:
            progress(done, total)


def _require_free(path: Path, overwrite: bool) -> None:
    """Refuse to write over anything but an export, and over that unless told."""
    remove_abandoned(path)  # also what a run left that was killed when all was in its place
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise UsageError(f"{path} exists: name another target, or say overwrite=True (--overwrite)")
    if path.is_dir():
        is_table = (path / "_versions").is_dir()
        is_export = (
            (path / SPACE_FILE).is_file()
            or (is_table and not _is_collection(path, unknown=True))
            or not any(path.iterdir())
        )
    else:
        is_export = path.is_file()
    if not is_export or path.is_symlink():
        raise UsageError(f"{path} is no export of a collection: it is not overwritten, move it")


def _is_collection(table: Path, *, unknown: bool) -> bool:
    """Whether a folder of Lance is a collection; `unknown` where nobody can tell."""
    try:
        from sensorium.collection.lance_table import is_collection

        return is_collection(table)
    except (MissingExtraError, ValueError, OSError):
        return unknown


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes `path` when all is written and on disk."""
    try:
        with unfinished(path, over_a_folder=True) as new:  # of an export: see `_require_free`
            yield new
            _note_checksums(new)
    except OSError as error:
        reason = error.strerror or error
        raise CollectionError(
            f"{path}: cannot be written ({reason}); what was there before stays"
        ) from error


def _note_checksums(folder: Path) -> None:
    """Write into the folder's `SPACE_FILE` what its files are, so that an import can tell damage.

    A single file has none beside it: Parquet has checksums of its own, which are written.
    """
    space = folder / SPACE_FILE
    if space.is_file():
        others = sorted(path for path in folder.rglob("*") if path.is_file() and path != space)
        facts = {**json.loads(space.read_text("utf-8")), FILES: note_files(folder, others)}
        text = json.dumps(with_checksum(facts), ensure_ascii=False, indent=1)
        space.write_text(text + "\n", "utf-8")


def _require_undamaged(path: Path) -> None:
    """Compare the files of an export with their checksums, where it has some.

    Raises
    ------
    CollectionError
        Naming one that is not as it was written.
    """
    for file, why in damages_of_export(path):
        raise CollectionError(
            f"{file}: {why}; export it again, or take a whole copy. If it was changed on "
            f'purpose, delete "{FILES}" and "{KEY}" from {path / SPACE_FILE}'
        )


def damages_of_export(path: Path) -> Iterator[tuple[Path, str]]:
    """Files of an exported folder that are not as they were written, and why."""
    space = path / SPACE_FILE
    if not space.is_file():
        return
    try:
        facts = json.loads(read_bytes(space, MOST_SPACE))
        if isinstance(facts, dict):
            require_checksum(facts)
            yield from damaged_files(path, facts.get(FILES, {}))
    except (OSError, ValueError, RecursionError) as error:
        yield space, f"it cannot be read ({error})"


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
