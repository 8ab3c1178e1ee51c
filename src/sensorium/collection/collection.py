"""A durable, searchable set of media: what most callers need of Sensorium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.adding import BATCH_SIZE, AddReport, add_files
from sensorium.collection.asking import Asking
from sensorium.collection.bulk import BulkReport, RowVectors, add_vectors
from sensorium.collection.four_bits import keep_codes
from sensorium.collection.holding import Holding
from sensorium.collection.opening import location_of
from sensorium.collection.optimizing import RECALL, OptimizeReport, build_hash, optimize
from sensorium.collection.own_encoder import open_with_encoder
from sensorium.collection.part_scores import PartScores
from sensorium.collection.queries import extraction_of
from sensorium.collection.question import Question, question_of
from sensorium.collection.reembedding import ReembedReport, reembed
from sensorium.collection.results import Hit, Labelled, Results, Segments
from sensorium.collection.snapshots import Divided
from sensorium.collection.store import Store
from sensorium.data.dataset_rows import data_sets_among
from sensorium.data.files import sources_of
from sensorium.encoders import Encoder
from sensorium.encoders.registry import load_ready
from sensorium.errors import UsageError
from sensorium.index.codes import Coder
from sensorium.media.progress import Progress
from sensorium.media.segments import Span

if TYPE_CHECKING:
    from sensorium.tasks.classification import TrainedClassifier, VectorClassifier

AnyEncoder = str | os.PathLike[str] | Encoder


class Collection(Holding):
    """A collection of media in one file, which any number of processes search while one adds.

    Parameters
    ----------
    path : str or Path
        The collection's file, by custom ``NAME.sensorium``, or a table of Lance: a folder as
        ``lance:///folder/name``, ``s3://bucket/name``, ``gs://bucket/name`` (docs/lance.md). It is
        made when it is missing, but not before `encoder`, where one is named, is loaded.
    encoder : str, Path or Encoder, optional
        What `sensorium.load_encoder` takes, or a loaded encoder. None takes the one that the
        collection was made with, ``"mini"`` for a new one, and loads it when it is first needed.
    create : bool
        Whether a missing file is made.
    version : int or str, optional
        Number or name of an earlier version of a collection in Lance (`versions`), which is read
        and cannot be changed. The same as ``?version=`` at the end of its address.
    auto_optimize : bool
        Whether a search that finds very many vectors outside of an index (300,000 where there is
        none) has one built in a thread; see `optimize`. Codes of four bits a dimension, from 10,000
        vectors on, are made whenever vectors are added, and by such a search.
    shards : sensorium.scale.Shards, optional
        Other processes that hold the vectors, each a part of them, and are asked in the place of
        this one (docs/scale.md); closed with the collection.

    Raises
    ------
    CollectionError, SpaceMismatchError
        When the file cannot be opened, is something else, has no such version, or holds vectors of
        another space than those that `encoder` makes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        encoder: AnyEncoder | None = None,
        *,
        create: bool = True,
        version: int | str | None = None,
        auto_optimize: bool = True,
        shards: Divided | None = None,
    ) -> None:
        path = location_of(path, version)
        store, self._own = open_with_encoder(path, encoder, create=create)
        self._asking = Asking(store, self._own, auto_optimize=auto_optimize, shards=shards)
        super().__init__(path, store, self._asking.allowed)

    def close(self) -> None:
        """Close the file. What was added is on disk already."""
        self._asking.close()
        super().close()

    @property
    def encoder(self) -> Encoder:
        """The encoder of the collection's space, loaded when it is first asked for."""
        return self._own.load()

    def add(
        self,
        *sources: Any,
        metadata: dict[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
        keep: str | os.PathLike[str] | None = None,
        speech: bool | str = False,
        ocr: bool = False,
        detect: bool | str = False,
        batch_size: int = BATCH_SIZE,
        verify: bool = False,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> AddReport:
        """Bring the collection up to date with files.

        A file that is stored with the same size and time is not read again; one whose content is
        known is not embedded again, whether it was touched, moved or copied. A bad file never stops
        the rest: the report has every one that was skipped, and why.

        Parameters
        ----------
        *sources : str, Path, list, DataFrame, Dataset or media of a file
            Files, folders, globs, and manifests (``.csv`` with a header, ``.jsonl``) that have a
            ``path`` column; their other columns become metadata. Lists and columns of these. Data
            sets (Hugging Face, pandas, Polars, Arrow, torch, dicts), read row by row, with columns
            of media, such a column, or texts (docs/datasets.md).
        metadata : dict, optional
            JSON values for every file and row named here; manifests and rows overrule it.
        columns : mapping of str to str, optional
            What columns of data sets are, where it is not seen from them: "image", "audio",
            "video", "mesh", "document", "text", "metadata", "key", "rate" or "none".
        keep : str or Path, optional
            A folder in which media of rows that are no files are written as such: without, their
            vectors and texts are kept, and nothing to look at.
        speech : bool or str
            Whether what is said in recordings and videos is transcribed, so that it can be found
            by words and by meaning, with its time. A text names the model: a size of Whisper
            ("tiny" ... "large-v3"), a hub id or a folder; True is "base".
        ocr : bool
            Whether writing in pictures, frames and scanned pages is read, likewise. Files that
            were added without these are read again for them, and keep them from then on.
        detect : bool or str
            Whether things in pictures, frames and scanned pages are found, likewise: their parts
            get vectors and words, and the item ``people`` and ``things`` (docs/tasks/detect.md).
            A text names models of `load_detector`, with commas between them; True is "ssd-coco".
        batch_size, verify : int, bool
            Files stored at a time: a kill loses one batch. Whether contents are compared where size
            and time are the same, too.
        progress : callable, optional
            Called with (done, total) after every batch that is safely stored.
        stop : callable, optional
            Asked before each file and each segment of one, in several threads: once it gives True,
            what is encoded is stored, and nothing more is read (`AddReport.stopped`).

        Raises
        ------
        SpaceMismatchError, UsageError
            When the collection has been re-embedded for another encoder; for no sources.
        """
        others, data_sets = data_sets_among(sources)
        named = sources_of(others)
        if not named and not data_sets:
            raise UsageError("name at least one file, folder, glob or manifest to add")
        if batch_size < 1:
            raise UsageError(f"batch_size is at least 1, got {batch_size}")
        encoder = self._own.load_for_writing()
        report = add_files(
            self._store, encoder, named,
            encoder_name=self._own.name, metadata=metadata, batch_size=batch_size, verify=verify,
            progress=progress, extraction=extraction_of(speech, ocr, detect), stop=stop,
            data_sets=data_sets, columns=columns,
            keep=None if keep is None else Path(keep).expanduser(),
        )  # fmt: skip
        keep_codes(self.path, encoder.space)
        return report

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
        """Add vectors that its encoder made elsewhere; the report has what was skipped.

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

        Raises
        ------
        UsageError
            When lengths, the number of dimensions, or the modality do not fit.
        """
        space = self._own.load_for_writing().space
        report = add_vectors(
            self._store, space, vectors, paths, encoder_name=self._own.name, modality=modality,
            metadata=metadata, spans=spans, progress=progress,
        )  # fmt: skip
        keep_codes(self.path, space)
        return report

    def search(
        self,
        query: Any = None,
        k: int = 10,
        *,
        like: Any = None,
        unlike: Any = None,
        without: Any = None,
        mode: str = "vector",
        hybrid: bool = False,
        offset: int = 0,
        where: str | None = None,
        modality: str | None = None,
        fold: bool = False,
        diversity: float = 0.0,
    ) -> Results:
        """Find the items nearest to a query.

        Parameters
        ----------
        query : str, Text, Image, path, URL, bytes, array, tensor or Question
            Words or media; `sensorium.media.as_media` has the rule for strings. An array with one
            axis, or of shape ``(1, d)`` for vectors of d dimensions, is a vector of the space. In
            the mode "words" a string is always words.
        like, unlike, without : optional
            What is sought, and is not, beside it; see `sensorium.Question`.
        k : int
            Hits wanted.
        mode : {"vector", "words", "hybrid", "hash"}
            How items are compared with the query: by their vectors; by the words of their names
            and metadata; by both (as ``hybrid=True`` says, too); or by binary codes of the vectors
            and then, for the nearest few hundred, by vectors (see `hash`).
        offset : int
            Better hits that are passed over: a second page has ``offset=k``. Pages of an
            unchanged collection neither overlap nor leave anything out.
        where : str, optional
            A SQL expression that hits must meet, over metadata and ``id``, ``path``, ``modality``,
            ``size``, ``modified``, ``added``: ``"taken >= '2024' AND camera LIKE 'Canon%'"``.
        modality : str, optional
            Only items of this modality.
        fold, diversity : bool, float
            Whether near duplicates become one hit; how much hits shall differ, from 0 to 1. See
            `sensorium.ranking.diversity`.

        Returns
        -------
        Results
            A list of hits, best first, one for each item; equal scores in the order of adding.

        Raises
        ------
        MediaError, UsageError, SpaceMismatchError
            When the query cannot be read; for k under 1 or a malformed `where`; when the collection
            has been re-embedded for another encoder.
        """
        asked = question_of(query, like, unlike, without)
        return self._asking.search(
            asked, k, "hybrid" if hybrid else mode, offset, where, modality, fold=fold,
            diversity=diversity,
        )  # fmt: skip

    def search_pages(
        self, query: Any, depth: int = 1000, *, mode: str = "vector"
    ) -> Iterator[list[Hit]]:
        """Find items page by page, as somebody does who asks for more and more.

        Parameters
        ----------
        query : str, Text, Image, path, URL, bytes or Question
        depth, mode : int, str
            Hits wanted in all; see `search`.

        Yields
        ------
        list of Hit
            With an index that finds nearly all, the first ten, up to a hundred, a thousand and so
            on: each what `search` gives for these `k` and `offset`. Everything else is one page.

        Raises as `search` does.
        """
        return self._asking.pages(query, depth, mode)

    def search_vectors(
        self,
        vectors: npt.NDArray[np.float32],
        k: int = 10,
        *,
        offset: int = 0,
        where: str | None = None,
        modality: str | None = None,
    ) -> list[list[Hit]]:
        """Find the items nearest to each of many vectors of the collection's space.

        Parameters
        ----------
        vectors : ndarray of float32, shape (q, d)
            Unit vectors, as `Encoder.encode_queries` gives them.
        k, offset, where, modality
            As for `search`.

        Raises
        ------
        UsageError
            For vectors of another shape; else as `search`.
        """
        return self._asking.near(vectors, k, offset, where, modality)

    def classify(
        self,
        labels: Sequence[str] | str | os.PathLike[str] | VectorClassifier | TrainedClassifier,
        *,
        k: int = 5,
        multi: bool = False,
        where: str | None = None,
        prompts: Sequence[str] | None = None,
        save: str | None = None,
        abstain: bool = False,
        modalities: Sequence[str] | None = None,
    ) -> list[Labelled]:
        """Label every item by texts alone or by a trained classifier, from its stored vectors.

        Parameters
        ----------
        labels : sequence of str; or str, Path or classifier
            Texts; or the folder that ``sensorium train classifier`` wrote, or a classifier over
            vectors (`sensorium.training.Classifier` has one).
        k : int
            Labels to give each item.
        multi, prompts, abstain
            Of texts; see `sensorium.ZeroShotClassifier`.
        where : str, optional
            Only items for which this holds.
        save : str, optional
            Store each item's first label under this name in its metadata, where ``where=`` and
            searches by words find it.
        modalities : sequence of str, optional
            What a classifier over vectors labels; without, what it was trained on. An item is
            labelled by what it has of the first of these.

        Returns
        -------
        list of Labelled
            In the order of adding. An item of several segments has the mean of their
            probabilities. One text, or independent ones (`multi`), are judged of an item's
            pictures, or of its texts where it has no picture; what has neither is left out, and so
            is what is not of the modality that a classifier was trained on.

        Raises
        ------
        SpaceMismatchError, UsageError
            When the classifier stands on vectors of another space; when there is none, it takes no
            vectors, or `save` is no name.
        """
        # A search need not pay for what classifiers load.
        from sensorium.collection.labelling import classify

        return classify(
            self._store, self.encoder, lambda: self.segments(where), labels, k, multi=multi,
            prompts=prompts, save=save, abstain=abstain, modalities=modalities,
        )  # fmt: skip

    def label(
        self,
        classifier: str | os.PathLike[str] | VectorClassifier | TrainedClassifier,
        *,
        k: int = 1,
        where: str | None = None,
        save: str | None = None,
    ) -> list[Labelled]:
        """`classify` with a classifier."""
        return self.classify(classifier, k=k, where=where, save=save)

    def segments(self, where: str | None = None) -> Segments:
        """The segments that have vectors, of every item or of those for which `where` holds."""
        return self._asking.segments(where)

    def reembed(
        self, encoder: AnyEncoder, *, batch_size: int = BATCH_SIZE, progress: Progress | None = None
    ) -> ReembedReport:
        """Move the whole collection into the space of another encoder.

        Until the last vector is there, searches go on in the old space; then all change over in
        one step. A run that was killed is resumed by the next. Items that could not be read stay,
        without vectors, until their files are back and added again; the report has them.

        Parameters
        ----------
        encoder : str, Path or Encoder
        batch_size, progress
            As for `add`.
        """
        loaded, name = load_ready(encoder)
        report = reembed(self._store, loaded, name, batch_size=batch_size, progress=progress)
        self._own.change(loaded, name)
        keep_codes(self.path, loaded.space)
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
        Where "exact" is the kind that was asked for, or the only one that finds enough, everything
        is compared from then on, however much there is.

        Parameters
        ----------
        recall : float
            Share of the true ten nearest that it must find, 0 to 1.
        kind : {"exact", "4bit", "ivf", "hnsw", "lance"}, optional
            Only this kind is measured; "lance" is the index that a collection in Lance keeps in its
            table, for every machine that opens it.
        questions : sequence of str, media or paths, optional
            What is asked of this collection, 20 at least: the recall is measured with them.
        tell : callable, optional
            Is called with a line of text before each long step.

        Raises
        ------
        UsageError
            For a recall or kind that is none, or too few questions.
        """
        return optimize(
            self._store, self.encoder, recall=recall, kind=kind, questions=questions, tell=tell
        )

    def hash(
        self, bits: int = 256, *, method: str = "itq", rerank: int = 500, coder: Coder | None = None
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


def store_of(collection: Collection | Store) -> Store:
    """The rows of an open collection, for what works on these alone."""
    return collection._store if isinstance(collection, Collection) else collection


def written_by(collection: Collection) -> tuple[Store, Encoder, str]:
    """The rows of an open collection, the encoder that what is added goes through, and its name.

    Raises
    ------
    SpaceMismatchError
        When the collection has been re-embedded for another encoder.
    """
    encoder = collection._own.load_for_writing()
    return collection._store, encoder, collection._own.name


def part_scores_of(collection: Collection, question: Question) -> PartScores:
    """How a collection weighs the parts of a question; see `sensorium.collection.part_scores`."""
    return collection._asking.part_scores(question)
