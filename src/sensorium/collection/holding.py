"""What an open collection holds: its items by id, path and condition, without any encoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from sensorium.collection.items import find, info_of, items_of, stored_items
from sensorium.collection.kinds import Ids
from sensorium.collection.results import CollectionInfo, Item
from sensorium.collection.store import Store
from sensorium.data.files import is_gone
from sensorium.media.segments import Span

Target = int | str | os.PathLike[str]


class Holding:
    """The items of an open collection; see `sensorium.Collection`, which is one.

    Parameters
    ----------
    path : Path
    store : Store
    allowed : callable
        Gives ids of the items that meet a condition; None for no condition.
    """

    def __init__(
        self, path: Path, store: Store, allowed: Callable[[str | None], Ids | None]
    ) -> None:
        self.path = path
        self._store = store
        self._allowed = allowed

    def get(self, target: Target) -> Item | None:
        """Look up an item by id or path; None when there is none."""
        return find(self._store, target)

    def items(
        self, where: str | None = None, *, ids: Sequence[int] | Ids | None = None
    ) -> Iterator[Item]:
        """Every item, those for which `where` holds, or those with some ids, in this order."""
        return items_of(self._store, self._allowed(where) if ids is None else ids)

    def ids(self, where: str | None = None) -> Ids:
        """Ids of all items, or of those for which `where` holds, in the order of adding.

        Remembered while the collection does not change, so that pages of items cost what is on
        them: ``items(ids=ids(where)[offset:stop])``.
        """
        found = self._allowed(where if where is not None else "1")
        assert found is not None  # there is a condition
        return found

    def contents(self) -> dict[int, str]:
        """SHA-256 (hex) of what each item was made of, by its id.

        Empty where that is unknown: of vectors from elsewhere, of files that changed since then.
        """
        return {item.id: item.file.content_hash.hex() for item in stored_items(self._store)}

    def spans(self, segment_ids: Sequence[int]) -> dict[int, Span]:
        """Where segments are in their items, by their ids; see `Hit.span`."""
        return {n: row.record.span for n, row in self._store.segments(segment_ids).items()}

    def at_one_moment(self) -> AbstractContextManager[None]:
        """Let all that is asked inside see the collection as it is now, whatever others write."""
        return self._store.snapshot()

    def info(self) -> CollectionInfo:
        """Facts about the collection; loads no encoder."""
        return info_of(self._store)

    def delete(self, *targets: Target | Item, where: str | None = None) -> int:
        """Forget items, given by ids, paths and hits, and those for which `where` holds.

        Their files are left alone. Gives how many there were; one that is not there is no error.
        """
        ids = {item.id for target in targets if (item := find(self._store, target)) is not None}
        if (matching := self._allowed(where)) is not None:
            ids.update(matching.tolist())
        return self._store.delete(sorted(ids)) if ids else 0

    def prune(self, *, dry_run: bool = False) -> list[str]:
        """Forget the items whose files are gone, or only tell (`dry_run`); gives their paths.

        A file that cannot be reached for another reason (no permission) stays. Mind drives that
        are not connected: their files look gone.
        """
        gone = {item: path for item, path in self._store.paths() if is_gone(path)}
        if gone and not dry_run:
            self._store.delete(list(gone))
        return list(gone.values())

    def __len__(self) -> int:
        return len(self._store.paths())

    def __contains__(self, target: Target) -> bool:
        return find(self._store, target) is not None

    def close(self) -> None:
        """Close the file. What was added is on disk already."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"
