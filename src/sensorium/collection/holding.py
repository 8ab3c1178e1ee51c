"""What an open collection holds: its items by id, path and condition, without any encoder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from sensorium.collection.items import find, info_of, items_of, stored_items
from sensorium.collection.kinds import Ids
from sensorium.collection.results import CollectionInfo, Item, Version
from sensorium.collection.store import Store
from sensorium.data.files import is_gone
from sensorium.errors import UsageError
from sensorium.media.segments import Media, Span

if TYPE_CHECKING:
    from sensorium.collection.as_torch import TorchRows

Target = int | str | os.PathLike[str]

NAME_OF_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")

MOST_DAYS = 1e6


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

    def to_dataset(
        self,
        where: str | None = None,
        *,
        columns: Iterable[str] | None = None,
        media: Literal["path", "bytes"] | None = None,
        streaming: bool = False,
    ) -> Any:
        """The collection as a data set of Hugging Face, a row for each vector.

        Parameters
        ----------
        where : str, optional
            Only items for which this holds.
        columns : iterable of str, optional
            Names of metadata; without, all of it.
        media : {"path", "bytes"}, optional
            Whether there are columns ``image``, ``audio`` and ``video``, with the paths of files or
            with what is in them. What was no file has none.
        streaming : bool
            Whether rows are read when they are asked for, as an ``IterableDataset``; else all of
            them are in memory.

        Returns
        -------
        datasets.Dataset or datasets.IterableDataset
            ``id`` and ``path`` of the item, its ``modality``, ``start`` and ``stop`` of the segment
            (seconds, characters), its ``text``, ``vector`` (float32, a list of fixed size), and the
            metadata: values of one type are of that type, others, and nested ones, JSON text.

        Raises
        ------
        CollectionError, UsageError, MissingExtraError
            When nothing was ever added; for a name that no metadata has; without the extra
            ``datasets``.
        """
        from sensorium.collection.as_datasets import to_dataset

        return to_dataset(self._store, self._allowed(where), columns, media, streaming)

    def to_pandas(self, where: str | None = None, *, columns: Iterable[str] | None = None) -> Any:
        """The collection as a ``pandas.DataFrame``; columns and errors as of `to_dataset`.

        Vectors are arrays in a column of objects; what is missing is NA, NaN or None.
        """
        from sensorium.collection.as_datasets import to_pandas

        return to_pandas(self._store, self._allowed(where), columns)

    def to_torch(
        self,
        where: str | None = None,
        *,
        columns: Iterable[str] = (),
        transform: Callable[[Media], Any] | None = None,
    ) -> TorchRows:
        """The collection as a data set of torch, by number, an element for each vector.

        Elements are dicts: ``vector`` (float32 tensor), ``id``, ``path``, ``modality``, metadata
        (`columns`), and, with a `transform`, ``media``: what that makes of the file, which it gets
        as a `sensorium.media.Image` (``.load()`` decodes) or another one. A `DataLoader` makes
        batches of them, with any number of workers, each of which opens the collection. A missing
        number is NaN, a missing text empty; lists and nested values are JSON text.

        Raises
        ------
        CollectionError, UsageError, MissingExtraError
            As `to_dataset`; the extra is ``hub``. Elements raise `MediaError` for files that cannot
            be read.
        """
        from sensorium.collection.as_torch import to_torch

        return to_torch(self._store, self._allowed(where), columns, transform)

    def to_tf(self, where: str | None = None, *, columns: Iterable[str] = ()) -> Any:
        """The collection as a ``tf.data.Dataset``: elements as of `to_torch`, without media.

        Raises
        ------
        CollectionError, UsageError, MissingExtraError
            As `to_dataset`; the extra is ``tensorflow``.
        """
        from sensorium.collection.as_datasets import to_tf

        return to_tf(self._store, self._allowed(where), columns)

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

    def versions(self) -> list[Version]:
        """Earlier states of a collection in Lance that can be read, and this one, in this order.

        Every write makes one. ``Collection(path, version=12)`` opens it, to be read.

        Raises
        ------
        UsageError
            Of a collection in SQLite, which keeps none.
        """
        return self._store.versions()

    def keep_version(self, name: str) -> None:
        """Give the collection as it is now a name, by which it is opened and for which it is kept.

        A name that another version has moves to this one.

        Parameters
        ----------
        name : str
            Letters, digits, ``.``, ``_`` and ``-``, not digits alone.

        Raises
        ------
        UsageError
            For what is no such name; of a collection in SQLite.
        """
        if not NAME_OF_VERSION.fullmatch(name) or name.isdecimal():
            raise UsageError(
                f"the name of a version is of letters, digits, '.', '_' and '-', and no number, "
                f"got {name!r:.80}"
            )
        self._store.keep_version(name)

    def forget_versions(self, days: float = 1.0) -> int:
        """Delete the versions that are older, have no name, and are not the newest.

        What other processes read of them then fails: a day is what `optimize` leaves. Files that a
        write left which was broken off go after a week.

        Parameters
        ----------
        days : float

        Returns
        -------
        int
            Bytes that are free now.

        Raises
        ------
        UsageError
            For less than no days; of a collection in SQLite.
        """
        if not 0 <= days < MOST_DAYS:
            raise UsageError(f"days are a number from 0 on, got {days!r}")
        return self._store.forget_versions(days * 24 * 3600)

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
