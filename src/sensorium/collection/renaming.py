"""Files that changed names among each other: an item follows its content, with all that is said.

A path that is new, whose content was stored under a path that is gone, is easily told: the file
was moved. Where names are exchanged or shifted (1 to 2, 2 to 3) every path is still there, with the
content of another. This is found out before anything else is done, and stored in one step: a file
that is embedded alone would take over what was said of the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sensorium.collection.rows import FileState, StoredItem
from sensorium.collection.store import Store
from sensorium.errors import MediaError
from sensorium.media import open_media
from sensorium.media.sources import hash_file

ITEMS_READ = 500
"""Items that are looked up at a time."""


@dataclass(frozen=True)
class Rename:
    """An item whose content is found under another path.

    Attributes
    ----------
    item : int
    old_path : str
    file : FileState
        What is known of it under its new path.
    is_known : bool
        Whether an item was stored under that path: it follows its own content, or is replaced.
    """

    item: int
    old_path: str
    file: FileState
    is_known: bool


def find_renames(store: Store, paths: Iterable[Path]) -> list[Rename]:
    """Find out which stored contents lie under another of these paths than before.

    Reads, beside size and time of all files, only what has the size of a stored file that changed:
    nothing where no file did.

    A path whose content is new may be a file that was edited once its old content had been copied
    elsewhere, and what is said of it stays with it, unless the other file is as old as what was
    stored: renaming keeps the time, copying does not.
    """
    if store.state().space is None:
        return []
    changed: dict[str, tuple[StoredItem, FileState]] = {}
    unknown: list[str] = []
    texts = (text for path in paths if _is_storable(text := str(path)))
    while some := list(islice(texts, ITEMS_READ)):
        stored = store.items(some)
        for text in some:
            item = stored.get(text)
            if item is None:
                unknown.append(text)
                continue
            now = _state(text)
            if now is not None and item.file.content_hash and now != _state_of(item):
                changed[text] = item, now
    if not changed:
        return []
    sizes = {item.file.size for item, _ in changed.values()}
    there = (*(now for _, now in changed.values()), *_states(unknown))
    hashed = (_hashed(file) for file in there if file.size in sizes)
    found = {file.path: file for file in hashed if file is not None}
    sources: dict[bytes, list[StoredItem]] = defaultdict(list)
    for text, (item, _) in changed.items():
        if text not in found or found[text].content_hash != item.file.content_hash:
            sources[item.file.content_hash].append(item)
    renames = []
    for file in found.values():
        waiting = sources[file.content_hash]
        if file.path in changed and changed[file.path][0].file.content_hash == file.content_hash:
            continue  # it was only touched
        for item in waiting:
            if file.mtime_ns != item.file.mtime_ns:
                instead = found.get(item.file.path) or _hashed(changed[item.file.path][1])
                if instead is None or not store.paths(instead.content_hash):
                    continue
            if str(open_media(Path(file.path)).modality) != item.modality:
                continue
            waiting.remove(item)
            renames.append(Rename(item.id, item.file.path, file, file.path in changed))
            break
    return renames


def _is_storable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _state(path: str) -> FileState | None:
    try:
        return FileState.of(path, Path(path).stat())
    except (OSError, ValueError):  # reading it says so
        return None


def _state_of(item: StoredItem) -> FileState:
    return replace(item.file, content_hash=b"")


def _states(paths: Iterable[str]) -> Iterator[FileState]:
    return (state for path in paths if (state := _state(path)) is not None)


def _hashed(file: FileState) -> FileState | None:
    try:
        return replace(file, content_hash=hash_file(Path(file.path)))
    except MediaError:
        return None
