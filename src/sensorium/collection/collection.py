"""A durable, searchable set of media: what most callers need of Sensorium."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.adding import AddReport, Progress, add_files
from sensorium.collection.files import is_gone
from sensorium.collection.filters import matching_ids
from sensorium.collection.reembedding import ReembedReport, reembed
from sensorium.collection.results import CollectionInfo, Hit, Item, Labelled
from sensorium.collection.rows import Changes, StoredItem
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import (
    DEFAULT_ENCODER,
    Encoder,
    FolderEncoder,
    ZeroShotClassifier,
    load_encoder,
    shipped_encoders,
)
from sensorium.encoders.registry import encoder_name
from sensorium.errors import CollectionError, UsageError
from sensorium.index.exact import top_k
from sensorium.media import as_media

BATCH_SIZE = 32
"""Files a batch: what is lost when the process is killed, and what the model sees at once.

Larger batches are no faster with the shipped encoder (benchmarks/indexing.py)."""


class Collection:
    """A collection of media in one file.

    Parameters
    ----------
    path : str or Path
        The collection's file, by custom ``NAME.sensorium``. It is made when it is missing.
    encoder : str, Path or Encoder, optional
        What `sensorium.load_encoder` takes, or a loaded encoder. None takes the one that the
        collection was made with, ``"mini"`` for a new one, and loads it when it is first needed.
    create : bool
        Whether a missing file is made.

    Raises
    ------
    CollectionError
        When the file cannot be opened or is something else.
    SpaceMismatchError
        When `encoder` makes vectors of another space than those that are stored.

    Notes
    -----
    Several processes may use one collection at once: any number search while one adds.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        encoder: str | os.PathLike[str] | Encoder | None = None,
        *,
        create: bool = True,
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._lock = RLock()
        self._store = SQLiteStore(self.path, create=create)
        self._encoder: Encoder | None = None
        self._encoder_name = ""
        self._held: _Vectors | None = None
        if encoder is not None:
            try:
                self._use_encoder(encoder)
            except BaseException:
                self._store.close()
                raise

    def _use_encoder(self, encoder: str | os.PathLike[str] | Encoder) -> Encoder:
        loaded, name = _load(encoder)
        self._store.require_space(loaded.space, name)
        self._encoder, self._encoder_name = loaded, name
        return loaded

    @property
    def encoder(self) -> Encoder:
        """The encoder of the collection's space, loaded when it is first asked for."""
        with self._lock:
            if self._encoder is None:
                stored = self._store.space()
                return self._use_encoder(stored[1] if stored else DEFAULT_ENCODER)
            return self._encoder

    # Changing

    def add(
        self,
        *sources: str | os.PathLike[str],
        metadata: dict[str, Any] | None = None,
        batch_size: int = BATCH_SIZE,
        progress: Progress | None = None,
    ) -> AddReport:
        """Bring the collection up to date with files.

        A file that is stored with the same size and time is not read again; one whose content is
        known is not embedded again, whether it was touched, moved or copied.

        Parameters
        ----------
        *sources : str or Path
            Files, folders, globs, and manifests (``.csv`` with a header, ``.jsonl``) that have a
            ``path`` column; their other columns become metadata.
        metadata : dict, optional
            JSON values for every file named here; manifests overrule it.
        batch_size : int
            Files that are stored at a time. A process that is killed loses the batch in flight;
            the next `add` does what is missing.
        progress : callable, optional
            Called with (done, total) after every batch that is safely stored.

        Returns
        -------
        AddReport
            With every file that was skipped and why: a bad file never stops the rest.

        Raises
        ------
        SpaceMismatchError
            When the collection has been re-embedded for another encoder.
        UsageError
            For no sources, or a batch size under 1.
        """
        if not sources:
            raise UsageError("name at least one file, folder, glob or manifest to add")
        if batch_size < 1:
            raise UsageError(f"batch_size is at least 1, got {batch_size}")
        encoder = self.encoder
        self._store.claim_space(encoder.space, self._encoder_name)
        return add_files(
            self._store, encoder, sources,
            metadata=metadata, batch_size=batch_size, progress=progress,
        )  # fmt: skip

    def delete(
        self, *targets: int | str | os.PathLike[str] | Item, where: str | None = None
    ) -> int:
        """Forget items; their files are left alone.

        Parameters
        ----------
        *targets : int, str, Path or Item
            Ids, paths, hits.
        where : str, optional
            Items for which this holds, too (see `search`).

        Returns
        -------
        int
            How many there were; naming one that is not there is no error.
        """
        ids = {item.id for target in targets if (item := self._find(target)) is not None}
        if (matching := self._allowed(where)) is not None:
            ids.update(matching.tolist())
        return self._store.delete(sorted(ids)) if ids else 0

    def prune(self, *, dry_run: bool = False) -> list[str]:
        """Forget the items whose files are gone.

        A file that cannot be reached for another reason (no permission) stays. Mind drives that
        are not connected: their files look gone.

        Parameters
        ----------
        dry_run : bool
            Only tell.

        Returns
        -------
        list of str
            Paths of the items.
        """
        gone = {item: path for item, path in self._store.paths() if is_gone(path)}
        if gone and not dry_run:
            self._store.delete(list(gone))
        return list(gone.values())

    def reembed(
        self,
        encoder: str | os.PathLike[str] | Encoder,
        *,
        batch_size: int = BATCH_SIZE,
        progress: Progress | None = None,
    ) -> ReembedReport:
        """Move the whole collection into the space of another encoder.

        Until the last vector is there, searches go on in the old space; then all change over in
        one step. A run that was killed is resumed by the next.

        Parameters
        ----------
        encoder : str, Path or Encoder
        batch_size, progress
            As for `add`.

        Returns
        -------
        ReembedReport
            With the items that could not be read: they stay, without vectors, until their files
            are back and added again.
        """
        loaded, name = _load(encoder)
        report = reembed(self._store, loaded, name, batch_size=batch_size, progress=progress)
        with self._lock:
            self._encoder, self._encoder_name = loaded, name
        return report

    # Asking

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        where: str | None = None,
        modality: str | None = None,
    ) -> list[Hit]:
        """Find the items nearest to a query.

        Parameters
        ----------
        query : str, Text, Image, path, URL, bytes or array
            Words or media; `sensorium.media.as_media` has the rule for strings.
        k : int
            Hits wanted.
        where : str, optional
            A SQL expression that hits must meet, over metadata and ``id``, ``path``,
            ``modality``, ``size``, ``modified``, ``added``:
            ``"taken >= '2024-01-01' AND camera LIKE 'Canon%'"``.
        modality : str, optional
            Only items of this modality.

        Returns
        -------
        list of Hit
            Best first, one for each item; equal scores in the order of adding.

        Raises
        ------
        MediaError
            When the query cannot be read.
        UsageError
            For k under 1 or a malformed `where`.
        SpaceMismatchError
            When the collection has been re-embedded for another encoder.
        """
        if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1:
            raise UsageError(f"k is a whole number of at least 1, got {k!r}")
        media = as_media(query)
        allowed = self._allowed(where, modality)
        encoder = self.encoder
        (vector,) = encoder.encode([media])
        held = self._vectors(encoder)
        best = _best_segments(held, vector, int(k), _mask(held, allowed))
        spans = self._store.spans([int(held.segment_ids[row]) for row, _ in best])
        items = self._store.items([int(held.item_ids[row]) for row, _ in best])
        hits = []
        for row, score in best:
            item = items.get(int(held.item_ids[row]))
            if item is not None:  # deleted by another process since the vectors were read
                span = spans.get(int(held.segment_ids[row]))
                hits.append(Hit(**_item_fields(item), span=span, score=score))
        return hits

    def classify(
        self,
        labels: Sequence[str],
        *,
        k: int = 5,
        multi: bool = False,
        where: str | None = None,
        prompts: Sequence[str] | None = None,
    ) -> list[Labelled]:
        """Label every item by texts alone, from its stored vectors.

        Parameters
        ----------
        labels : sequence of str
        k : int
            Labels to give each item.
        multi, prompts
            See `sensorium.ZeroShotClassifier`.
        where : str, optional
            Only items for which this holds.

        Returns
        -------
        list of Labelled
            In the order of adding. An item of several segments has the mean of their
            probabilities.
        """
        encoder = self.encoder
        classifier = ZeroShotClassifier(encoder, labels, prompts)
        allowed = self._allowed(where)
        held = self._vectors(encoder)
        mask = _mask(held, allowed)
        ids, rows = np.unique(held.item_ids[mask], return_inverse=True)
        by_segment = classifier.probabilities(held.vectors[mask], multi=multi)
        sums = np.zeros((len(ids), by_segment.shape[1]))
        np.add.at(sums, rows, by_segment)
        means = (sums / np.bincount(rows, minlength=len(ids))[:, None]).astype(np.float32)
        top = classifier.top(means, k)
        items = self._store.items(ids.tolist())
        return [
            Labelled(**_item_fields(items[i]), labels=best)
            for i, best in zip(ids.tolist(), top, strict=True)
            if i in items
        ]

    def get(self, target: int | str | os.PathLike[str]) -> Item | None:
        """Look up an item by id or path; None when there is none."""
        item = self._find(target)
        return Item(**_item_fields(item)) if item else None

    def info(self) -> CollectionInfo:
        """Facts about the collection; loads no encoder."""
        stored, pending = self._store.space(), self._store.next_space()
        files = [self.path, *(self.path.with_name(self.path.name + s) for s in ("-wal", "-shm"))]
        return CollectionInfo(
            path=str(self.path),
            encoder=stored[1] if stored else None,
            space=stored[0] if stored else None,
            items=self._store.count_items(),
            without_vectors=self._store.count_without_vectors(),
            reembedding_to=pending[0] if pending else None,
            fields=self._store.fields(),
            bytes=sum(file.stat().st_size for file in files if file.exists()),
        )

    def __len__(self) -> int:
        return sum(self._store.count_items().values())

    def __contains__(self, target: int | str | os.PathLike[str]) -> bool:
        return self._find(target) is not None

    def close(self) -> None:
        """Close the file. What was added is on disk already."""
        self._store.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r})"

    def _find(self, target: int | str | os.PathLike[str] | Item) -> StoredItem | None:
        if isinstance(target, Item):
            target = target.id
        if isinstance(target, (int, np.integer)):
            return self._store.item(int(target))
        # os.path: pathlib raises for "~$x.png".
        path = os.path.abspath(os.path.expanduser(os.fspath(target)))  # noqa: PTH100, PTH111
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:  # such a file is never added
            return None
        return self._store.item(path)

    def _allowed(
        self, where: str | None, modality: str | None = None
    ) -> npt.NDArray[np.int64] | None:
        """Ids of the items that meet the conditions; None where there is no condition."""
        if where is None and modality is None:
            return None
        everything = "1" if where is None else where
        return matching_ids(self.path, everything, self._store.fields(), modality)

    def _vectors(self, encoder: Encoder) -> _Vectors:
        """All vectors, read anew only as far as they have changed since the last call."""
        # A snapshot: vectors of another space, or of a later state than the counters tell, must
        # not get in between.
        with self._lock, self._store.snapshot():
            self._store.require_space(encoder.space, self._encoder_name)
            changes = self._store.changes()
            held, dimension = self._held, encoder.space.dimension
            if held is not None and held.changes == changes:
                return held
            if held is not None and held.changes.removals == changes.removals:
                last = int(held.segment_ids[-1]) if len(held.segment_ids) else 0
                segment_ids, item_ids, vectors = self._store.vectors(dimension, after=last)
                self._held = _Vectors(
                    np.concatenate([held.segment_ids, segment_ids]),
                    np.concatenate([held.item_ids, item_ids]),
                    np.concatenate([held.vectors, vectors]),
                    changes,
                )
            else:
                self._held = _Vectors(*self._store.vectors(dimension), changes)
            return self._held


@dataclass(frozen=True)
class _Vectors:
    """Vectors in memory, in the order of adding, and the state of the store they mirror."""

    segment_ids: npt.NDArray[np.int64]
    item_ids: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    changes: Changes


def _mask(held: _Vectors, allowed: npt.NDArray[np.int64] | None) -> npt.NDArray[np.bool_]:
    if allowed is None:
        return np.ones(len(held.item_ids), bool)
    return np.isin(held.item_ids, allowed)


def _best_segments(
    held: _Vectors, query: npt.NDArray[np.float32], k: int, mask: npt.NDArray[np.bool_]
) -> list[tuple[int, float]]:
    """Row and score of the best segment of each of the `k` best items, best first."""
    wanted = k
    while True:
        rows, scores = top_k(held.vectors, query, wanted, mask)
        best: dict[int, tuple[int, float]] = {}
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
            best.setdefault(int(held.item_ids[row]), (row, score))
        if len(best) >= k or len(rows) < wanted:
            return list(best.values())[:k]
        wanted *= 2  # items of several segments crowd the list: look further down


def _item_fields(item: StoredItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "path": item.file.path,
        "modality": item.modality,
        "metadata": {**item.properties, **item.metadata},
    }


def _load(encoder: str | os.PathLike[str] | Encoder) -> tuple[Encoder, str]:
    if isinstance(encoder, (str, os.PathLike)):
        return load_encoder(encoder), encoder_name(encoder)
    if not hasattr(encoder, "encode_prepared"):
        raise CollectionError(f"an encoder is a name, a folder or an Encoder, got {encoder!r:.80}")
    if isinstance(encoder, FolderEncoder) and encoder.folder not in shipped_encoders().values():
        return encoder, encoder_name(encoder.folder)
    return encoder, encoder.space.name
