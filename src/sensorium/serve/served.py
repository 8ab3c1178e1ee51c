"""What a server holds open: collections by name, and encoders that all requests share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sensorium.collection import Collection
from sensorium.collection.collection import store_of
from sensorium.encoders import load_encoder
from sensorium.encoders.registry import load_recorded
from sensorium.errors import CollectionError, SensoriumError
from sensorium.home import sensorium_home
from sensorium.scale.shards.shards import Shards
from sensorium.serve.adding import JOBS, add
from sensorium.serve.batching import BatchedEncoder
from sensorium.serve.jobs import Jobs
from sensorium.serve.labels import KeptLabels
from sensorium.serve.maps import Maps
from sensorium.serve.metrics import Metrics
from sensorium.serve.overview import Overview, Overviews
from sensorium.serve.searches import Searches
from sensorium.serve.settings import Settings
from sensorium.serve.talks import Talks
from sensorium.serve.tasks import Models
from sensorium.serve.thumbnails import Thumbnails
from sensorium.serve.turns import Turns


class UnknownCollectionError(SensoriumError):
    """No collection of this name is served."""


class _JobFolders(Mapping[str, Path]):
    """Where the jobs of each collection are written down, of all that there are just now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __getitem__(self, name: str) -> Path:
        return self._settings.uploads_of(name) / JOBS

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings.paths())

    def __len__(self) -> int:
        return len(self._settings.paths())


class Served:
    """Collections and encoders of one server, opened when they are first asked for.

    Every method may be called from any thread.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.turns = Turns(settings.limits.tasks, settings.limits.tasks_waiting)
        self.decoding = Turns(settings.limits.tasks, settings.limits.tasks_waiting)
        self.searches: Searches[Any] = Searches()
        self.models = Models()
        self.maps = Maps()
        self.labels = KeptLabels()
        self.talks = Talks()
        self.thumbnails = Thumbnails(
            sensorium_home() / "thumbnails", settings.limits.thumbnail_megabytes << 20
        )
        self._overviews = Overviews()
        self.jobs = Jobs(_JobFolders(settings), partial(add, self), settings.limits.jobs)
        self._lock = threading.RLock()
        self._collections: dict[str, tuple[tuple[int, int], Collection]] = {}
        self._encoders: dict[str, BatchedEncoder] = {}
        self.shards: dict[str, Shards] = {}
        """Of the collections that are open and divided, by their names."""

    def collection(self, name: str) -> Collection:
        """An open collection.

        One whose file was replaced is opened anew.

        Raises
        ------
        UnknownCollectionError, CollectionError, EncoderError
        """
        path = self.path(name)
        with self._lock:
            try:
                found = path.stat()
            except OSError as error:
                raise CollectionError(f"{path}: {error.strerror}") from error
            identity = found.st_dev, found.st_ino
            held = self._collections.get(name)
            if held is None or held[0] != identity:
                # One that was replaced is not closed: other threads may read it still.
                self._collections[name] = held = identity, self._opened(name, path)
            return held[1]

    def held(self, name: str) -> Collection | None:
        """A collection as it was last opened, without looking at its file or waiting."""
        held = self._collections.get(name)
        return None if held is None else held[1]

    def overview(self, name: str) -> Overview:
        """What is known of all items of a collection."""
        return self._overviews.of(name, self.collection(name))

    def path(self, name: str) -> Path:
        """The file of a collection.

        Raises
        ------
        UnknownCollectionError
        """
        path = self.settings.path_of(name)
        if path is None:
            self.forget(name)  # another process may have deleted it
            known = ", ".join(self.settings.paths()) or "none"
            raise UnknownCollectionError(f"no collection {name!r:.80} is served; there are {known}")
        return path

    def first(self) -> str:
        """The usual collection.

        Raises
        ------
        UnknownCollectionError
            When there is none yet.
        """
        for name in self.settings.paths():
            return name
        raise UnknownCollectionError("no collection is served yet: make one first")

    def encoder(self, name: str) -> BatchedEncoder:
        """An encoder by name, loaded once.

        Parameters
        ----------
        name : str
            One that settings or a served collection name, and no other: what a client sends is
            never loaded.

        Raises
        ------
        EncoderError
        """
        with self._lock:
            if name not in self._encoders:
                self._encoders[name] = self._batched(name, None)
            return self._encoders[name]

    def loaded(self, name: str) -> BatchedEncoder | None:
        """An encoder that is loaded, without waiting for others that are just being loaded."""
        return self._encoders.get(name)

    def encoder_names(self) -> list[str]:
        """Encoders that a client may name: the usual one, and those of the collections."""
        names = [self.settings.encoder]
        for name in self.settings.paths():
            with contextlib.suppress(SensoriumError):  # one that is damaged harms no other
                space = store_of(self.collection(name)).state().space
                names.append(space[1] if space else "")
        return [name for name in dict.fromkeys(names) if name]

    def forget(self, name: str) -> None:
        """Open a collection anew when it is next asked for: it was re-embedded, or deleted."""
        with self._lock:
            self._collections.pop(name, None)

    @property
    def encoders(self) -> dict[str, BatchedEncoder]:
        """Encoders that are loaded, by name."""
        with self._lock:
            return dict(self._encoders)

    def close(self) -> None:
        """Finish what is being computed, and close everything."""
        self.jobs.close()
        with self._lock:
            encoders, collections = [*self._encoders.values()], [*self._collections.values()]
            self._encoders.clear()
            self._collections.clear()
        for encoder in encoders:
            encoder.close()
        for _, collection in collections:
            collection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self, served: str, path: Path) -> Collection:
        with Collection(path, create=False, auto_optimize=False) as bare:
            name = bare.info().encoder or self.settings.encoder
        if name not in self._encoders:
            self._encoders[name] = self._batched(name, path)
        addresses = self.settings.shards.get(served)
        shards = None if addresses is None else Shards(addresses)
        opened = Collection(path, self._encoders[name], create=False, shards=shards)
        if shards is not None:
            if (before := self.shards.get(served)) is not None:
                before.close()  # else both would go on to say what is to be held
            self.shards[served] = shards
        return opened

    def _batched(self, name: str, path: Path | None) -> BatchedEncoder:
        loaded = load_encoder(name) if path is None else load_recorded(name, path)
        return BatchedEncoder(loaded, self.settings.limits.waiting)
