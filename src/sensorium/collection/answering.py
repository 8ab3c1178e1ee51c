"""What a collection answers: searches, labels, facts. `Collection` adds what changes it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock, Thread
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.collection.asking import MODES, WITH_WORDS, nearest, page, page_ends
from sensorium.collection.derived import SLOTS, describe_index
from sensorium.collection.filters import COLUMNS
from sensorium.collection.hits import item_fields
from sensorium.collection.labelling import label_items
from sensorium.collection.optimizing import build_hash, is_stale, optimize, rebuild
from sensorium.collection.queries import query_vectors, vector_given
from sensorium.collection.results import CollectionInfo, Hit, Item, Labelled
from sensorium.collection.rows import StoredItem
from sensorium.collection.snapshots import Snapshot, Snapshots
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import (
    DEFAULT_ENCODER,
    Encoder,
)
from sensorium.encoders.background import background
from sensorium.encoders.ordinary import JUDGED
from sensorium.encoders.registry import load_named, load_ready, load_recorded
from sensorium.errors import SensoriumError, SensoriumWarning, UsageError
from sensorium.media import Media, Text, as_media
from sensorium.tasks.classification import (
    TrainedClassifier,
    VectorClassifier,
    vector_classifier_of,
)
from sensorium.tasks.zero_shot import ZeroShotClassifier

VECTOR_MODALITIES = {"video": "image", "mesh": "image"}
"""Modality of the segments of items that are encoded as frames or views."""


class Answering:
    """An open collection that can be asked; see `sensorium.Collection` for the parameters."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        encoder: str | os.PathLike[str] | Encoder | None = None,
        *,
        create: bool = True,
        auto_optimize: bool = True,
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._lock = RLock()
        is_new = create and not self.path.exists()
        named = load_ready(encoder) if encoder is not None and is_new else None
        self._store = SQLiteStore(self.path, create=create)
        self._encoder: Encoder | None = None
        self._encoder_name = ""
        self._vectors = Snapshots(self._store)
        self._codes = Snapshots(self._store, "hash")
        self._auto_optimize = auto_optimize
        self._rebuilding: Thread | None = None
        if encoder is not None:
            try:
                self._use_encoder(named or load_named(encoder))
            except BaseException:
                self._store.close()
                raise

    def _use_encoder(self, named: tuple[Encoder, str]) -> Encoder:
        loaded, name = named
        self._store.require_space(loaded.space, name)
        self._encoder, self._encoder_name = loaded, name
        for snapshots in (self._vectors, self._codes):
            snapshots.background = lambda: background(loaded)
        return loaded

    @property
    def encoder(self) -> Encoder:
        """The encoder of the collection's space, loaded when it is first asked for."""
        with self._lock:
            if self._encoder is None:
                stored = self._store.space()
                name = stored[1] if stored else DEFAULT_ENCODER
                return self._use_encoder((load_recorded(name, self.path), name))
            return self._encoder

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        mode: str = "vector",
        hybrid: bool = False,
        offset: int = 0,
        where: str | None = None,
        modality: str | None = None,
    ) -> list[Hit]:
        """Find the items nearest to a query.

        Parameters
        ----------
        query : str, Text, Image, path, URL, bytes, array or tensor
            Words or media; `sensorium.media.as_media` has the rule for strings. An array with one
            axis, or of shape ``(1, d)`` for vectors of d dimensions, is a vector of the space.
        k : int
            Hits wanted.
        mode : {"vector", "words", "hybrid", "hash"}
            How items are compared with the query: by their vectors; by the words of their names
            and metadata; by both, fused by reciprocal rank; or by binary codes of the vectors and
            then, for the nearest few hundred, by vectors (see `hash`).
        hybrid : bool
            The same as ``mode="hybrid"``.
        offset : int
            Better hits that are passed over: a second page has ``offset=k``. Pages of an
            unchanged collection neither overlap nor leave anything out.
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
        mode = "hybrid" if hybrid else mode
        if (vector := vector_given(query, lambda: self.encoder.space)) is not None:
            if mode != "vector":
                raise UsageError(f"a vector is asked by mode 'vector', not {mode!r}")
            return self.search_vectors(vector, k, offset=offset, where=where, modality=modality)[0]
        media = as_media(query)
        _require_count("k", k, 1)
        _require_count("offset", offset, 0)
        allowed = self._vectors.allowed(where, modality)
        return self._asked(media, mode, allowed)(int(k), int(offset))

    def search_pages(
        self, query: Any, depth: int = 1000, *, mode: str = "vector"
    ) -> Iterator[list[Hit]]:
        """Find items page by page, as somebody does who asks for more and more.

        Parameters
        ----------
        query : str, Text, Image, path, URL or bytes
        depth : int
            Hits wanted in all.
        mode : str
            See `search`.

        Yields
        ------
        list of Hit
            With an index that finds nearly all, the first ten, up to a hundred, a thousand and so
            on: each what `search` gives for these `k` and `offset`. Everything else is one page.

        Raises
        ------
        MediaError, UsageError, SpaceMismatchError
            As `search`.
        """
        _require_count("depth", depth, 1)
        ask = self._asked(as_media(query), mode, None)
        start = 0
        for stop in page_ends(int(depth), mode, lambda: self._snapshot_for(mode)):
            yield ask(stop - start, start)
            start = stop

    def _asked(
        self, media: Media, mode: str, allowed: npt.NDArray[np.int64] | None
    ) -> Callable[[int, int], list[Hit]]:
        """What gives pages of hits for a query, by how many are wanted and passed over."""
        if mode not in MODES:
            raise UsageError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
        if mode in WITH_WORDS and not isinstance(media, Text):
            raise UsageError(f"a search by words takes a text, not {media!r:.80}")
        vectors = None if mode == "words" else query_vectors(self.encoder, [media])
        return lambda k, offset: page(
            self._store, mode, media, vectors, k, offset, allowed, lambda: self._snapshot_for(mode)
        )

    def _snapshot_for(self, mode: str) -> Snapshot:
        return self._hash_snapshot() if mode == "hash" else self._snapshot(self.encoder)

    @contextmanager
    def at_one_moment(self) -> Iterator[SQLiteStore]:
        """Let all that is asked inside see the collection as it is now, whatever others write.

        Yields
        ------
        SQLiteStore
            What else can be read of it.
        """
        with self._store.snapshot():
            yield self._store

    def search_vectors(
        self,
        vectors: npt.NDArray[np.float32],
        k: int = 10,
        *,
        offset: int = 0,
        where: str | None = None,
        modality: str | None = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to vectors of the collection's space, many at once.

        Parameters
        ----------
        vectors : ndarray of float32, shape (q, d)
            Unit vectors, as `Encoder.encode_queries` gives them.
        k, offset, where, modality
            As for `search`.

        Returns
        -------
        list of list of Hit
            For each vector.

        Raises
        ------
        UsageError
            For vectors of another shape, and as `search`.
        """
        _require_count("k", k, 1)
        _require_count("offset", offset, 0)
        encoder = self.encoder
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != encoder.space.dimension:
            raise UsageError(
                f"vectors have the shape (n, {encoder.space.dimension}), got {vectors.shape}"
            )
        allowed = self._vectors.allowed(where, modality)
        return nearest(
            self._store, vectors, int(k), int(offset), allowed, lambda: self._snapshot_for("vector")
        )

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
            probabilities. One label, or independent ones (`multi`), are judged of an item's
            pictures, or of its texts where it has no picture; what has neither is left out
            (`sensorium.collection.labelling`).
        """
        classifier = ZeroShotClassifier(self.encoder, labels, prompts)
        judged = classifier.judges(multi=multi)
        return label_items(
            self._store,
            self._segments(where),
            lambda vectors, kind: classifier.probabilities(vectors, multi=multi, modality=kind),
            classifier.labels, k, kinds=JUDGED if judged else None, judged=judged,
        )  # fmt: skip

    def label(
        self,
        classifier: str | os.PathLike[str] | VectorClassifier | TrainedClassifier,
        *,
        k: int = 1,
        where: str | None = None,
        save: str | None = None,
    ) -> list[Labelled]:
        """Label every item by a trained classifier, from its stored vectors.

        Parameters
        ----------
        classifier : str, Path or classifier
            The folder that ``sensorium train classifier`` wrote, or a trained classifier over
            vectors: `sensorium.tasks.classification.VectorClassifier`, or a
            `sensorium.training.Classifier` that has one.
        k : int
            Labels to give each item.
        where : str, optional
            Only items for which this holds.
        save : str, optional
            Store each item's first label under this name in its metadata, where ``where=`` and
            searches by words find it.

        Returns
        -------
        list of Labelled
            In the order of adding; items that have nothing of the modality that the classifier was
            trained on are left out. An item of several segments has the mean of their
            probabilities.

        Raises
        ------
        SpaceMismatchError
            When the classifier stands on vectors of another space.
        UsageError
            When there is no such classifier, it takes no vectors, or `save` is no name.
        """
        if save is not None and (not save.isidentifier() or save in COLUMNS):
            raise UsageError(
                f"a label is saved under a name such as kind, not {', '.join(COLUMNS)}; "
                f"got {save!r}"
            )
        found = vector_classifier_of(classifier)
        found.require_space(self.encoder.space)
        kind = VECTOR_MODALITIES.get(found.modality, found.modality)
        labelled = label_items(
            self._store, self._segments(where), lambda vectors, _: found.probabilities(vectors),
            found.labels, k, kinds=(kind,),
        )  # fmt: skip
        if save is not None:
            self._store.describe({item.id: {save: item.labels[0][0]} for item in labelled})
        return labelled

    def _segments(
        self, where: str | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Ids of the segments that a filter allows, ids of their items, and their vectors."""
        encoder = self.encoder
        allowed = self._vectors.allowed(where, None)
        snapshot = self._snapshot(encoder)
        if snapshot.index is None:
            segments = snapshot.segment_ids, snapshot.item_ids, snapshot.vectors
        else:
            segments = self._store.vectors(encoder.space.dimension)
        if allowed is None:
            return segments
        mask = np.isin(segments[1], allowed)
        return segments[0][mask], segments[1][mask], segments[2][mask]

    def get(self, target: int | str | os.PathLike[str]) -> Item | None:
        """Look up an item by id or path; None when there is none."""
        item = self._find(target)
        return Item(**item_fields(item)) if item else None

    def info(self) -> CollectionInfo:
        """Facts about the collection; loads no encoder."""
        stored, pending = self._store.space(), self._store.next_space()
        described = {slot: describe_index(self.path, slot) for slot in SLOTS}
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
            indexes={slot: facts for slot, facts in described.items() if facts is not None},
        )

    def __len__(self) -> int:
        return sum(self._store.count_items().values())

    def __contains__(self, target: int | str | os.PathLike[str]) -> bool:
        return self._find(target) is not None

    def close(self) -> None:
        """Close the file. What was added is on disk already."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

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

    def _snapshot(self, encoder: Encoder) -> Snapshot:
        """All vectors, read anew only as far as they have changed since the last call."""
        with self._lock:
            snapshot = self._vectors.snapshot(encoder.space, self._encoder_name)
            if self._auto_optimize and self._rebuilding is None:
                in_index = len(snapshot.index.segment_ids) if snapshot.index else 0
                dead = 0 if snapshot.alive is None else int((~snapshot.alive).sum())
                if is_stale(in_index, dead, len(snapshot.segment_ids)):
                    self._rebuilding = Thread(
                        target=self._rebuild, args=(encoder, in_index > 0), daemon=True
                    )
                    self._rebuilding.start()
            return snapshot

    def _hash_snapshot(self) -> Snapshot:
        encoder = self.encoder
        with self._lock:
            snapshot = self._codes.snapshot(encoder.space, self._encoder_name)
            if snapshot.index is None and len(snapshot.segment_ids):
                build_hash(self._store, encoder)
                snapshot = self._codes.snapshot(encoder.space, self._encoder_name)
            return snapshot

    def _rebuild(self, encoder: Encoder, again: bool) -> None:
        """Bring the index up to date from a thread of its own, on a connection of its own."""
        store = SQLiteStore(self.path, create=False)
        try:
            if not (again and rebuild(store, encoder.space)):
                optimize(store, encoder)
            self._rebuilding = None
        except (SensoriumError, OSError, MemoryError) as error:
            # Searches stay right without an index; `_rebuilding` stays set, so that it is not
            # tried again and again.
            warnings.warn(
                f"{self.path}: the index was not built ({error})", SensoriumWarning, stacklevel=1
            )
        finally:
            store.close()


def _require_count(name: str, value: Any, least: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} is a whole number of at least {least}, got {value!r}")
