"""A collection's pictures with the captions that their metadata hold, as training takes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sensorium.collection.opening import location_of, open_store
from sensorium.collection.rows import StoredItem
from sensorium.data.examples import Examples
from sensorium.data.files import stored_path
from sensorium.data.lance_pairs import lance_uri
from sensorium.data.pairs import caption_columns
from sensorium.data.sources import Picture
from sensorium.data.tables import CAPTION_COLUMN, TEXT_COLUMNS, cell_texts
from sensorium.errors import MediaError, UsageError
from sensorium.media import Modality
from sensorium.media.skipped import Skipped

ITEMS = 1000
"""Items that are read at a time."""

_SQLITE = b"SQLite format 3\0"


def names_collection(data: Any) -> bool:
    """Whether a name is that of a collection, in SQLite or in Lance."""
    if not isinstance(data, (str, os.PathLike)):
        return False
    text = os.fspath(data)
    if uri := lance_uri(text):
        return _is_lance_collection(uri)
    path = Path(text).expanduser()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _is_lance_collection(uri: str) -> bool:
    from sensorium.collection.lance_table import is_collection

    try:
        return is_collection(uri)
    except (OSError, ValueError):
        return False  # who reads it says why


def captioned_items(data: str | os.PathLike[str]) -> Examples:
    """The pictures of a collection whose metadata hold captions.

    Parameters
    ----------
    data : str or path
        See `sensorium.collection.opening.location_of`. Captions are the metadata that a table's
        columns of these names would hold (`sensorium.data.pairs.caption_columns`).

    Raises
    ------
    UsageError
        When no picture has a caption.
    CollectionError
        When it cannot be opened.
    """
    store = open_store(location_of(data))
    result = Examples()
    try:
        with store.snapshot():
            ids = [item for item, _ in store.paths()]
            for start in range(0, len(ids), ITEMS):
                items = store.items(ids[start : start + ITEMS])
                for item in sorted(items.values(), key=lambda item: item.id):
                    if item.modality == str(Modality.IMAGE):
                        _add(result, item)
    finally:
        store.close()
    if not result.names:
        raise UsageError(
            f"{os.fspath(data)}: none of its pictures has a caption in its metadata (a name that "
            f"begins with {CAPTION_COLUMN!r}, or {' or '.join(TEXT_COLUMNS)})"
        )
    return result


def _add(result: Examples, item: StoredItem) -> None:
    captions = caption_columns(item.metadata)
    texts = [text for name in captions for text in cell_texts(item.metadata[name])]
    name = item.file.path
    reason = "" if texts else "no caption in its metadata"
    if "#" in name and "://" in name:
        reason = "lies in a table: train on that table"
    try:
        path = stored_path(name)
    except MediaError as error:
        reason = error.reason
    if reason:
        result.skipped.append(Skipped(name, reason))
    else:
        result.add(name, Picture.of_file(path), [*dict.fromkeys(texts)])
