"""A durable, searchable set of media: what most callers need of Sensorium."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sensorium.collection.adding import AddReport, add_files
from sensorium.collection.answering import Answering
from sensorium.collection.bulk import BulkReport, RowVectors, add_vectors
from sensorium.collection.optimizing import RECALL, OptimizeReport, build_hash, optimize
from sensorium.collection.queries import extraction_of
from sensorium.collection.reembedding import ReembedReport, reembed
from sensorium.collection.results import Item
from sensorium.data.files import is_gone, sources_of
from sensorium.encoders import Encoder
from sensorium.encoders.registry import load_ready
from sensorium.errors import UsageError
from sensorium.index.coding import Coder
from sensorium.media.progress import Progress
from sensorium.media.segments import Span

BATCH_SIZE = 32
"""Files a batch: what is lost when the process is killed, and what the model sees at once.

Larger batches are no faster with the shipped encoder (benchmarks/indexing.py)."""


class Collection(Answering):
    """A collection of media in one file.

    Parameters
    ----------
    path : str or Path
        The collection's file, by custom ``NAME.sensorium``. It is made when it is missing, but
        not before `encoder`, where one is named, is loaded.
    encoder : str, Path or Encoder, optional
        What `sensorium.load_encoder` takes, or a loaded encoder. None takes the one that the
        collection was made with, ``"mini"`` for a new one, and loads it when it is first needed.
    create : bool
        Whether a missing file is made.
    auto_optimize : bool
        Whether a search that finds very many vectors outside of an index (300,000 where there is
        none) has one built in a thread; see `optimize`.

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

    def add(
        self,
        *sources: Any,
        metadata: dict[str, Any] | None = None,
        speech: bool | str = False,
        ocr: bool = False,
        batch_size: int = BATCH_SIZE,
        progress: Progress | None = None,
    ) -> AddReport:
        """Bring the collection up to date with files.

        A file that is stored with the same size and time is not read again; one whose content is
        known is not embedded again, whether it was touched, moved or copied.

        Parameters
        ----------
        *sources : str, Path, list, DataFrame, Dataset or media of a file
            Files, folders, globs, and manifests (``.csv`` with a header, ``.jsonl``) that have a
            ``path`` column; their other columns become metadata. Lists and columns of these, and
            tables in memory (pandas, Polars, Arrow, Hugging Face, dicts) with such a column.
        metadata : dict, optional
            JSON values for every file named here; manifests overrule it.
        speech : bool or str
            Whether what is said in recordings and videos is transcribed, so that it can be found
            by words and by meaning, with its time. A text names the model: a size of Whisper
            ("tiny" ... "large-v3"), a hub id or a folder; True is "base".
        ocr : bool
            Whether writing in pictures, frames and scanned pages is read, likewise. Files that
            were added without these are read again for them, and keep them from then on.
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
        named = sources_of(sources)
        if not named:
            raise UsageError("name at least one file, folder, glob or manifest to add")
        if batch_size < 1:
            raise UsageError(f"batch_size is at least 1, got {batch_size}")
        encoder = self.encoder
        self._store.require_space(encoder.space, self._encoder_name)
        return add_files(
            self._store, encoder, named,
            encoder_name=self._encoder_name, metadata=metadata, batch_size=batch_size,
            progress=progress, extraction=extraction_of(speech, ocr),
        )  # fmt: skip

    def add_vectors(
        self,
        vectors: RowVectors,
        paths: Sequence[str | os.PathLike[str]],
        *,
        modality: str = "image",
        metadata: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
        spans: Sequence[Span] | None = None,
        progress: Progress | None = None,
    ) -> BulkReport:
        """Add vectors that the collection's encoder made elsewhere.

        Parameters
        ----------
        vectors : array of shape (n, d), or sequence of n arrays
            Brought to unit length.
        paths : sequence of str or Path
            A key for each row: a local file, a URL, a number as text. A key that is stored
            already gets the new vectors.
        modality : str
            Of all rows.
        metadata : mapping, or sequence of mappings, optional
            JSON values for all rows, or for each.
        spans : sequence of (start, stop) or None, optional
            Consecutive rows of one path that have spans are the segments of one item.
        progress : callable, optional
            Called with (rows done, rows).

        Returns
        -------
        BulkReport
            With the rows that were skipped and why.

        Raises
        ------
        UsageError
            When lengths, the number of dimensions, or the modality do not fit.
        """
        encoder = self.encoder
        self._store.require_space(encoder.space, self._encoder_name)
        return add_vectors(
            self._store, encoder.space, vectors, paths,
            encoder_name=self._encoder_name, modality=modality, metadata=metadata, spans=spans,
            progress=progress,
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
        if (matching := self._vectors.allowed(where, None)) is not None:
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
        loaded, name = load_ready(encoder)
        report = reembed(self._store, loaded, name, batch_size=batch_size, progress=progress)
        with self._lock:
            self._encoder, self._encoder_name = loaded, name
        return report

    def optimize(
        self,
        *,
        recall: float = RECALL,
        kind: str | None = None,
        questions: Sequence[Any] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> OptimizeReport:
        """Build the cheapest index that finds enough, measured on this collection.

        Kinds of index are compared on a sample of the vectors, with `questions` (or else the
        collection's own captions and made-up ones) and with pictures near those that are stored;
        the chosen one is built over all vectors, and its search tuned until the recall less one
        standard error is enough. Small collections are searched exactly: then there is no index.

        Parameters
        ----------
        recall : float
            Share of the true ten nearest that it must find, 0 to 1.
        kind : {"exact", "ivf", "hnsw"}, optional
            Only this kind is measured.
        questions : sequence of str, media or paths, optional
            What is asked of this collection, 20 at least: the recall is measured with them.
        tell : callable, optional
            Is called with a line of text before each long step.

        Returns
        -------
        OptimizeReport

        Raises
        ------
        UsageError
            For a recall or kind that is none, or too few questions.
        """
        return optimize(
            self._store, self.encoder, recall=recall, kind=kind, questions=questions, tell=tell
        )

    def hash(
        self,
        bits: int = 256,
        *,
        method: str = "itq",
        rerank: int = 500,
        coder: Coder | None = None,
    ) -> None:
        """Make binary codes of the vectors, for ``search(..., mode="hash")``.

        The codes lie beside the collection, with 8-bit copies of the vectors that rank the nearest
        codes again. Vectors that are added later are compared in full until this is called again.

        Parameters
        ----------
        bits : int
            16 to 512, a multiple of 8.
        method : {"itq", "lsh", "sign", "learned"}
            See `sensorium.index.coding`; "learned" is what was trained on this collection last
            (`sensorium.training.collection_hash`), used without torch.
        rerank : int
            Nearest codes that are ranked again by their vectors; with 0 the codes alone rank.
        coder : Coder, optional
            A fitted one, such as a trained hashing head, in place of `bits` and `method`.

        Raises
        ------
        UsageError
            For a value that is none, for an empty collection, and for a hash function that was
            trained in another space, or not at all.
        """
        build_hash(self._store, self.encoder, bits=bits, method=method, rerank=rerank, coder=coder)
