"""`Collection.add` on many machines."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from sensorium.collection import AddReport, Collection
from sensorium.collection.adding import BATCH_SIZE, add_files
from sensorium.collection.collection import AnyEncoder, written_by
from sensorium.collection.four_bits import keep_codes
from sensorium.collection.queries import extraction_of
from sensorium.collection.store import Store
from sensorium.data.files import sources_of
from sensorium.encoders import Encoder, Space
from sensorium.errors import UsageError
from sensorium.media.progress import Progress
from sensorium.scale.cluster import Resources, connected, require_sensible, resources
from sensorium.scale.embedder import ClusterEmbedder
from sensorium.scale.encoding import Setup
from sensorium.scale.placing import Place
from sensorium.scale.tables import table_kind, tables_of


def index(
    sources: Any,
    collection: str | os.PathLike[str] | Collection,
    *,
    encoder: AnyEncoder | None = None,
    address: str | None = None,
    workers: int | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    memory: int | None = None,
    metadata: dict[str, Any] | None = None,
    speech: bool | str = False,
    ocr: bool = False,
    detect: bool | str = False,
    batch_size: int = BATCH_SIZE,
    verify: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> AddReport:
    """Bring a collection up to date with files that a Ray cluster reads and encodes.

    What is read, stored, skipped and reported is what `Collection.add` reads, stores, skips and
    reports. Files have the same path on every machine. A machine or a process that dies costs what
    it had in hand; it is done again elsewhere, and stored once.

    Parameters
    ----------
    sources : str, Path, table or list of these
        As for `Collection.add`; and tables of encoded files: Parquet (``.parquet``), WebDataset
        (``.tar``, also ``shards/{0000..0007}.tar``) and Lance (``.lance``), here or in an object
        store. A row is an item called ``parquet:///folder/name.parquet#KEY``; columns of texts and
        numbers become metadata.
    collection : str, Path or Collection
        One in Lance may lie where all machines write to (a shared folder, an object store): then
        vectors go there from each of them. To one in SQLite they come through this machine.
    encoder : str, Path or Encoder, optional
        Of a new collection. A name is loaded on every machine, and has to be the same encoder
        there; several joined by ``+`` are one. An encoder of your own class is sent.
    address : str, optional
        ``HOST:PORT`` of the cluster, ``auto``, or ``local`` for one of this machine that ends with
        the call. Without it the cluster that Ray is connected to, that of ``$RAY_ADDRESS``, or
        ``local``.
    workers : int, optional
        Actors at most; without it, as many as there is room for.
    cpus, gpus : float
        Of each actor: it has as many threads as whole CPUs, and sees its GPUs alone.
    memory : int, optional
        Bytes that each actor claims: no more of them run on a machine than its memory is for. One
        GiB, or half of what Ray may take where that is less.
    metadata, speech, ocr, detect, batch_size, verify, progress, stop
        As for `Collection.add`. `progress` is called after each commit.

    Returns
    -------
    AddReport

    Raises
    ------
    MissingExtraError
        Without the extra ``scale``.
    UsageError
        When no cluster answers, or none of its machines has room for an actor; for no sources.
    EncoderError, MissingExtraError
        When a machine lacks the encoder or packages for it, or has another one of its name.
    SpaceMismatchError
        When the collection is of another encoder's space.
    """
    named = sources_of([sources])
    files = [source for source in named if table_kind(source) is None]
    tables = tables_of(source for source in named if table_kind(source) is not None)
    if not named:
        raise UsageError("name at least one file, folder, glob or manifest to index")
    if batch_size < 1:
        raise UsageError(f"batch_size is at least 1, got {batch_size}")
    with ExitStack() as opened:
        if not isinstance(collection, Collection):
            collection = opened.enter_context(Collection(collection, encoder, auto_optimize=False))
        elif encoder is not None:
            raise UsageError("an open collection has its encoder: leave encoder= out")
        store, loaded, name = written_by(collection)
        setup = Setup(
            _sent(loaded, name), loaded.space.fingerprint, speech, ocr, detect, batch_size,
            max(1, int(cpus)),
        )  # fmt: skip

        def connect() -> Resources:
            opened.enter_context(connected(address))  # once: then Ray is there
            return resources(workers, cpus, gpus, memory)

        require_sensible(workers, cpus, gpus, memory)
        embedder = ClusterEmbedder(
            setup, connect, _place(store, loaded.space), tables, metadata or {}
        )
        report = add_files(
            store, loaded, files, encoder_name=name, metadata=metadata, batch_size=batch_size,
            verify=verify, progress=progress, stop=stop, embedder=embedder,
            extraction=extraction_of(speech, ocr, detect),
        )  # fmt: skip
        keep_codes(collection.path, loaded.space)
        return report


def _sent(encoder: Encoder, name: str) -> str | Encoder:
    """What other machines load, or get, in order to have an encoder."""
    return name if type(encoder).__module__.partition(".")[0] == "sensorium" else encoder


def _place(store: Store, space: Space) -> Place | None:
    return None if store.table_uri is None else Place(store.table_uri, space.dimension)
