"""Hash functions of a collection: what it offers to train on, and what the training was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Skipped
from sensorium.collection.collection import store_of
from sensorium.collection.optimizing import CAPTION_FIELDS, made_up_questions, write_trained
from sensorium.collection.results import Item
from sensorium.collection.store import tiles_among
from sensorium.data.encoding import encode_examples
from sensorium.data.pairs import read_pairs
from sensorium.data.tables import TABLE_SUFFIXES
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.evaluation.report import Report
from sensorium.index.base import Vectors
from sensorium.index.codes import LEAST_BITS
from sensorium.media import Modality, Text
from sensorium.media.progress import Progress
from sensorium.training.hash import HashingSettings, TrainedHash, train_hash
from sensorium.training.hash_data import FEWEST, HashingData
from sensorium.training.hash_scores import Score, compare_coders, tables_of

MOST_VECTORS = 50_000
"""Of a modality; more are left out at random. A linear head has learnt what it can by then."""

LEAST_TEXTS = 200
"""With fewer captions, questions that people ask of any collection are put beside them."""

COMPARED_BITS = 256
"""Longest codes that are compared with ITQ's; those of 512 bits take 50 decompositions of a large
matrix, and find nearly what float search does."""

UNTRAINED = "; no step gained anything on held-out pairs: they are the codes it began with"

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HashReport:
    """What `hash_collection` did.

    Attributes
    ----------
    trained : TrainedHash
    bits : int
        Of the codes that were written.
    scores : list of Score
        Of held-out vectors, for each length up to `COMPARED_BITS`, method and direction.
    vectors : dict of str to int
        Trained on and kept to measure with, by modality.
    pairs, labels : int
        Groups of vectors that were known to belong together.
    """

    trained: TrainedHash
    bits: int
    scores: list[Score]
    vectors: dict[str, int]
    pairs: int
    labels: int

    def as_report(self, skipped: Sequence[Skipped]) -> Report:
        """What is told of the training; `skipped` is from `read_collection`."""
        trained = self.trained
        vectors = ", ".join(f"{count:,} {name}" for name, count in self.vectors.items())
        groups = {"groups that belong together": self.pairs, "labels": self.labels}
        known = " and ".join(f"{count:,} {what}" for what, count in groups.items() if count)
        told = (
            f"trained on {vectors} vectors{f' with {known}' if known else ''} "
            f"in {trained.history.seconds:.0f} s; {self.bits}-bit codes written, "
            f"for search --mode hash{'' if trained.after > trained.before else UNTRAINED}"
        )
        facts = {
            "bits": self.bits, "vectors": self.vectors, "pairs": self.pairs, "labels": self.labels,
            "steps": trained.history.best_step, "before": trained.before, "after": trained.after,
            "seconds": trained.history.seconds, "skipped": skipped,
        }  # fmt: skip
        return Report([*tables_of(self.scores), told], [*self.scores, facts], skipped)


def hash_collection(
    library: Collection,
    data: HashingData,
    *,
    bits: int = 128,
    settings: HashingSettings | None = None,
    folder: Path | None = None,
    rerank: int = 500,
    progress: Progress | None = None,
) -> HashReport:
    """Train a hash function for a collection, and write its codes beside it.

    The collection is open to others while it trains. The hash function lies beside it, too:
    ``library.hash(bits, method="learned")`` codes all that is there by then, with any number of
    bits and without torch.

    Parameters
    ----------
    library : Collection
    data : HashingData
        From `read_collection`.
    bits : int
        Of the codes that are written, 16 to 512.
    settings : HashingSettings, optional
    folder : Path, optional
        Where checkpoints, history and curves of the training are kept, to resume it.
    rerank : int
        See `Collection.hash`.
    progress : callable, optional
        See `sensorium.training.loop.train`.

    Raises
    ------
    UsageError
        The data has too few vectors, or a value cannot be.
    """
    settings = settings or HashingSettings()
    if not LEAST_BITS <= bits <= settings.lengths[-1] or bits % 8:
        raise UsageError(
            f"{bits} bits: a code has {LEAST_BITS} to {settings.lengths[-1]} bits, in steps of 8"
        )
    space = library.encoder.space.fingerprint
    trained = train_hash(data, settings, space=space, folder=folder, progress=progress)
    lengths = [length for length in settings.lengths if length <= COMPARED_BITS]
    scores = compare_coders(trained.coder, trained.fitted, trained.held_out, lengths)
    write_trained(library.path, trained.coder)
    library.hash(bits, method="learned", rerank=rerank)
    counts = {name: len(rows) for name, rows in data.vectors.items()}
    return HashReport(trained, bits, scores, counts, data.count("pairs"), data.count("labels"))


def read_collection(
    library: Collection,
    *,
    captions: str | Path | None = None,
    labels: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[HashingData, list[Skipped]]:
    """Gather a collection's vectors, texts to go with them, and what belongs together.

    The collection is read once, and open to others from then on. What belongs together are an item
    and its captions; of an item with segments of several modalities (the pictures and the words of
    a video) those nearest in time; with `labels`, items, captions and the words of a label.

    Parameters
    ----------
    library : Collection
    captions : str or Path, optional
        Metadata field of captions, or a table of pictures and captions (``.csv``, ``.tsv``,
        ``.jsonl``). Without it fields that captions usually have are taken where they are there.
    labels : str, optional
        Metadata field; items of the same value are relevant to each other.
    seed : int
        Of which vectors are left out of very many.
    progress : callable, optional
        Called while captions are encoded with (done, total).

    Returns
    -------
    data : HashingData
    skipped : list of Skipped
        Pictures of a table that could not be read.

    Raises
    ------
    UsageError
        The collection is empty, or a field has no values.
    """
    encoder = library.encoder
    stored = _read(library, seed)
    if not len(stored.vectors):
        raise UsageError(f"{library.path} holds no vectors yet: add some before a hash is trained")
    gathered = _Gathered()
    group_of_item: dict[int, int] = {}
    label_of_item = _labels(library, stored.items, labels, gathered)
    speaks = Modality.TEXT in encoder.space.modalities
    table = _is_table(captions)
    if speaks and not table:
        fields = CAPTION_FIELDS if captions is None else (str(captions),)
        for item in stored.items.values():
            texts = _captions_of(item, fields)
            label = label_of_item.get(item.id, -1)
            if texts:
                group_of_item[item.id] = gathered.caption(texts, label)
        if captions is not None and not group_of_item:
            raise UsageError(_no_values(library, str(captions), "captions"))
    moments = _moments(library, stored, gathered)
    for row, item_id in enumerate(stored.item_ids.tolist()):
        said = -1 if stored.tiles[row] else item_id
        group = moments.get(row, group_of_item.get(said, -1))
        gathered.add(stored.modalities[row], row, group, label_of_item.get(said, -1))
    skipped: list[Skipped] = []
    extra: Vectors = np.empty((0, encoder.space.dimension), np.float32)
    if table:
        assert captions is not None
        extra = _read_table(library, Path(captions), encoder, stored, gathered, skipped, progress)
    texts = list(gathered.texts)
    if speaks and len(texts) < LEAST_TEXTS:
        known = set(texts)
        texts += [text for text in made_up_questions(seed) if text not in known]
    return gathered.data(np.concatenate([stored.vectors, extra]), texts, encoder, progress), skipped


@dataclass(frozen=True)
class _Stored:
    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    modalities: list[str]
    items: dict[int, Item]
    tiles: npt.NDArray[np.bool_]  # of long pictures: captions are of the whole


class _Gathered:
    """Rows by modality, texts, and the numbers of what belongs together."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[int, int, int]]] = {}
        self.texts: dict[str, tuple[int, int]] = {}
        self.groups = 0

    def group(self) -> int:
        """Number a new group."""
        self.groups += 1
        return self.groups - 1

    def add(self, modality: str, row: int, group: int, label: int) -> None:
        self.rows.setdefault(modality, []).append((row, group, label))

    def caption(self, texts: Sequence[str], label: int = -1) -> int:
        """Group of what has these captions; a caption that is known has one already."""
        known = [self.texts[text][0] for text in texts if text in self.texts]
        group = next((number for number in known if number >= 0), None)
        group = self.group() if group is None else group
        for text in texts:
            before, known_label = self.texts.get(text, (-1, -1))
            self.texts[text] = (
                before if before >= 0 else group, known_label if known_label >= 0 else label
            )  # fmt: skip
        return group

    def data(
        self, vectors: Vectors, texts: Sequence[str], encoder: Encoder, progress: Progress | None
    ) -> HashingData:
        """Encode the texts and put everything into one."""
        found = {name: np.array(rows, np.int64) for name, rows in self.rows.items()}
        parts = {name: vectors[rows[:, 0]] for name, rows in found.items()}
        pairs = {name: rows[:, 1] for name, rows in found.items()}
        labels = {name: rows[:, 2] for name, rows in found.items()}
        if texts:
            name = Modality.TEXT.value
            numbers = np.array([self.texts.get(text, (-1, -1)) for text in texts], np.int64)
            encoded = _encode(texts, encoder, progress)
            nothing = np.empty(0, np.int64)
            parts[name] = np.concatenate([parts.get(name, encoded[:0]), encoded])
            pairs[name] = np.concatenate([pairs.get(name, nothing), numbers[:, 0]])
            labels[name] = np.concatenate([labels.get(name, nothing), numbers[:, 1]])
        # Two or three vectors make no head: their kind is coded by the base.
        kept = [name for name, rows in parts.items() if len(rows) >= FEWEST]
        if not kept:
            kept = list(parts)
        return HashingData.of(
            {name: parts[name] for name in kept},
            pairs={name: pairs[name] for name in kept},
            labels={name: labels[name] for name in kept},
        )


def _read(library: Collection, seed: int) -> _Stored:
    with library.at_one_moment():
        segments = library.segments()
        tiles = tiles_among(store_of(library), segments.ids, segments.item_ids, segments.modalities)
        rng = np.random.default_rng(seed)
        rows = []
        for name in np.unique(segments.modalities).tolist():
            of_kind = np.flatnonzero(segments.modalities == name)
            rows.append(rng.permutation(of_kind)[:MOST_VECTORS])
        chosen = np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)
        item_ids = segments.item_ids[chosen]
        return _Stored(
            segments.ids[chosen], item_ids, segments.vectors[chosen],
            segments.modalities[chosen].tolist(),
            {item.id: item for item in library.items(ids=np.unique(item_ids).tolist())},
            tiles[chosen],
        )  # fmt: skip


def _moments(library: Collection, stored: _Stored, gathered: _Gathered) -> dict[int, int]:
    """Group of each segment of items that have segments of several modalities, by time.

    The segments of the modality that has the fewest make the groups; every other one joins the one
    whose middle is nearest to its own.
    """
    kinds: dict[int, dict[str, list[int]]] = {}
    for row, (item, name) in enumerate(
        zip(stored.item_ids.tolist(), stored.modalities, strict=True)
    ):
        kinds.setdefault(item, {}).setdefault(name, []).append(row)
    mixed = {item: parts for item, parts in kinds.items() if len(parts) > 1}
    if not mixed:
        return {}
    rows = [row for parts in mixed.values() for group in parts.values() for row in group]
    spans = library.spans(stored.segment_ids[rows].tolist())
    groups: dict[int, int] = {}
    for parts in mixed.values():
        middles = {}
        for row in (row for part in parts.values() for row in part):
            span = spans.get(int(stored.segment_ids[row]))
            if span is not None:
                middles[row] = sum(span) / 2
        fewest = min(parts, key=lambda name: (len(parts[name]), name))
        centres = [row for row in parts[fewest] if row in middles]
        if not centres:
            continue
        for row in centres:
            groups[row] = gathered.group()
        for row, middle in middles.items():
            if row not in groups:
                nearest = min(centres, key=lambda centre: abs(middles[centre] - middle))
                groups[row] = groups[nearest]
    return groups


def _labels(
    library: Collection, items: Mapping[int, Item], name: str | None, gathered: _Gathered
) -> dict[int, int]:
    if name is None:
        return {}
    values = {i: str(item.metadata[name]) for i, item in items.items() if _filled(item, name)}
    if len(set(values.values())) < 2:
        raise UsageError(_no_values(library, name, "two different labels"))
    numbers = {value: n for n, value in enumerate(sorted(set(values.values())))}
    for value, number in numbers.items():
        gathered.texts.setdefault(value.replace("_", " "), (-1, number))
    return {item: numbers[value] for item, value in values.items()}


def _filled(item: Item, name: str) -> bool:
    value = item.metadata.get(name)
    return isinstance(value, (str, int)) and bool(str(value).strip())


def _captions_of(item: Item, fields: Sequence[str]) -> list[str]:
    texts: dict[str, None] = {}
    for name in fields:
        value = item.metadata.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text.strip():
                texts[text.strip()] = None
    return list(texts)


def _no_values(library: Collection, name: str, what: str) -> str:
    fields = ", ".join(library.info().fields) or "no metadata"
    return f"no {what} in the metadata field {name!r} of {library.path}; it has {fields}"


def _is_table(captions: str | Path | None) -> bool:
    return captions is not None and Path(captions).suffix.lower() in TABLE_SUFFIXES


def _read_table(
    library: Collection,
    table: Path,
    encoder: Encoder,
    stored: _Stored,
    gathered: _Gathered,
    skipped: list[Skipped],
    progress: Progress | None,
) -> Vectors:
    """Add the pictures and captions of a table; those of the collection are not encoded again."""
    pairs = read_pairs(table).gathered()
    skipped += pairs.skipped
    rows_of_path: dict[str, list[int]] = {}
    for row in np.flatnonzero(~stored.tiles).tolist():
        item = int(stored.item_ids[row])
        rows_of_path.setdefault(stored.items[item].path, []).append(row)
    places = {
        row: (name, place)
        for name, entries in gathered.rows.items()
        for place, (row, _, _) in enumerate(entries)
    }
    fresh = []
    for number, path in enumerate(pairs.sources):
        known = rows_of_path.get(str(path.absolute()), [])
        if not known:
            fresh.append(number)
            continue
        group = gathered.caption(pairs.texts[number])
        for row in known:
            modality, place = places[row]
            _, _, label = gathered.rows[modality][place]
            gathered.rows[modality][place] = (row, group, label)
    new = pairs.take(fresh)
    paths = [path.absolute() for path in new.sources]
    encoded = encode_examples(encoder, paths, [str(path) for path in paths], progress=progress)
    skipped += encoded.skipped
    for place, number in enumerate(encoded.rows):
        group = gathered.caption(new.texts[number])
        gathered.add(Modality.IMAGE.value, len(stored.vectors) + place, group, -1)
    return encoded.vectors


def _encode(texts: Sequence[str], encoder: Encoder, progress: Progress | None) -> Vectors:
    """Captions and labels: they are what a collection will be asked."""
    encoded = encode_examples(
        encoder, [Text(text) for text in texts], texts, role="query", progress=progress
    )
    if encoded.skipped:
        raise MediaError(encoded.skipped[0].reason, encoded.skipped[0].path)
    return encoded.vectors
