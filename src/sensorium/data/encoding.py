"""Encoding whatever was brought: one loop, in a fixed order and in fixed batches.

A vector may differ in its last bits with the batch it was computed in. Batches here depend on the
data alone, never on timing, so that the same data gives the same vectors on the same machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.sources import Picture, media_of
from sensorium.encoders.base import Encoder, FeatureExtractor, Role
from sensorium.encoders.pipeline import PreparedSegment, Read, embed
from sensorium.encoders.reading import is_heavy, read_segments, segments_of
from sensorium.errors import EncoderError, MediaError, UsageError
from sensorium.folders import read_arrays, require_regular, whole, write_arrays
from sensorium.media import Image, Media, Modality, Segment, Text
from sensorium.media.decoding import decoding
from sensorium.media.progress import Progress
from sensorium.media.segments import SegmentRecord
from sensorium.media.skipped import Skipped
from sensorium.media.sources import read_file

BATCH_SIZE = 32
"""Segments that the model sees at once, as in `sensorium.collection`."""

BLOCK = 512
"""Items that are kept at a time: what a kill costs at most."""

WAIT = 0.05
"""Seconds between two looks for a block that another process computes."""

VECTORS = "vectors.npy"
"""File of all blocks' vectors, where each item has one."""

MAX_DIGEST = 64 << 20
"""Larger files are not compared with each other by content: that would mean reading them twice."""

Vectors = npt.NDArray[np.float32]
Divide = Callable[[Any], Iterable[Segment]]
"""Takes a source, gives what of it is encoded."""


@dataclass(frozen=True)
class EncodedExamples:
    """Items with their vectors; what could not be read is named.

    Attributes
    ----------
    given : list of str
        Names of all items.
    rows : list of int
        Which of them have vectors, in their order.
    segments : list of ndarray of float32, shape (t, d)
        The vectors of each of those: one of a text or a picture, whatever its shape, several of
        what is long otherwise.
    records : list of list of SegmentRecord
        Where each of those vectors is of.
    digests : list of str
        SHA-256 (hex) of every item's content, also of those that could be read but not decoded;
        empty where it is unknown.
    reasons : dict of int to str
        Why the others have none.
    dimension : int
    """

    given: list[str]
    rows: list[int]
    segments: list[Vectors]
    records: list[list[SegmentRecord]]
    digests: list[str]
    reasons: dict[int, str]
    dimension: int

    @property
    def names(self) -> list[str]:
        """Names of the items that have vectors."""
        return [self.given[row] for row in self.rows]

    @cached_property
    def vectors(self) -> Vectors:
        """One vector an item, shape (len(rows), d): the direction of the mean of its own."""
        vectors = np.empty((len(self.rows), self.dimension), np.float32)
        for place, own in enumerate(self.segments):
            total = own.sum(axis=0)
            vectors[place] = own[0] if len(own) == 1 else total / np.linalg.norm(total)
        return vectors

    @property
    def skipped(self) -> list[Skipped]:
        """What has no vectors, and why."""
        return [Skipped(self.given[row], reason) for row, reason in sorted(self.reasons.items())]

    @cached_property
    def digest_of(self) -> dict[str, str]:
        """Digests by name."""
        return dict(zip(self.given, self.digests, strict=True))

    def of(self, names: Sequence[str]) -> Vectors:
        """Vectors of items by their names, shape (len(names), d)."""
        place = {name: number for number, name in enumerate(self.names)}
        return self.vectors[[place[name] for name in names]]


@dataclass(frozen=True)
class _Item:
    row: int
    digest: str = ""
    reason: str = ""


def encode_examples(
    encoder: FeatureExtractor,
    sources: Sequence[Any],
    names: Sequence[str] | None = None,
    *,
    role: Role = "document",
    divide: Divide | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> EncodedExamples:
    """Encode items; one that cannot be read is named and passed over.

    Texts of like length go together, since a batch is padded to its longest.

    Parameters
    ----------
    encoder : FeatureExtractor
    sources : sequence
        Paths, `Picture`s, media, or anything that `sensorium.media.as_media` takes.
    names : sequence of str, optional
        What a report calls each.
    role : {"query", "document"}
    divide : callable, optional
        Gives the segments of a source; without it they are its media's own.
    folder : Path, optional
        What is encoded is kept there in blocks and taken from there the next time: of a run that
        was killed, and by several processes, each of which computes its share (``RANK`` and
        ``WORLD_SIZE``, as torchrun and Ray Train set them).
    progress : callable, optional
        Called with (done, total).
    """
    named = [str(row) for row in range(len(sources))] if names is None else [*names]
    if folder is None:
        found = _encoded(encoder, sources, role, divide, progress)
    else:
        found = _in_blocks(encoder, sources, role, divide, folder, progress)
    return replace(found, given=named)


def _encoded(
    encoder: FeatureExtractor,
    sources: Sequence[Any],
    role: Role,
    divide: Divide | None,
    progress: Progress | None,
) -> EncodedExamples:
    def read(item: _Item) -> Read[_Item]:
        source = sources[item.row]
        try:
            if divide is not None:
                return Read(item, _prepared(encoder, divide(source), role))
            media, digest = read_source(source)
            item = replace(item, digest=digest)
            segments = segments_of(encoder, media, role=role, tiles=False)
            return read_segments(item, media, segments, lambda reason: replace(item, reason=reason))
        except MediaError as error:
            return Read(replace(item, reason=error.reason))

    order = sorted(range(len(sources)), key=lambda row: _length(sources[row]))
    vectors: dict[int, Vectors] = {}
    records: dict[int, list[SegmentRecord]] = {}
    digests = [""] * len(sources)
    reasons: dict[int, str] = {}
    done = 0
    batches = embed(
        encoder, map(_Item, order), read, batch_size=BATCH_SIZE, role=role,
        is_heavy=lambda item: _is_heavy(sources[item.row]),
    )  # fmt: skip
    for batch in batches:
        for item, kept, encoded in batch:
            digests[item.row] = item.digest
            if item.reason or not np.linalg.norm(encoded.sum(axis=0)) > 0:
                reasons[item.row] = item.reason or "there is nothing in it that can be encoded"
            else:
                vectors[item.row], records[item.row] = encoded, kept
        done += len(batch)
        if progress is not None:
            progress(done, len(sources))
    rows = sorted(vectors)
    return EncodedExamples(
        given=[],
        rows=rows,
        segments=[vectors[row] for row in rows],
        records=[records[row] for row in rows],
        digests=digests,
        reasons=reasons,
        dimension=encoder.space.dimension,
    )


def read_source(source: Any) -> tuple[Media, str]:
    """The media of a source, and the SHA-256 (hex) of its content where that is known.

    Raises
    ------
    MediaError
        When it cannot be read; the file may still turn out to be broken.
    """
    media = media_of(source)
    if isinstance(media, Text):
        return media, text_digest(media.text)
    if isinstance(source, os.PathLike):
        path = Path(source)
        if isinstance(media, Image):
            content = read_file(path)
            return Image.from_encoded(content, path), content_digest(content)
        with decoding(str(path), "cannot be read"):
            size = path.stat().st_size
        if size <= MAX_DIGEST:
            return media, content_digest(read_file(path))
    return media, ""


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return content_digest(text.encode("utf-8", "replace"))


def content_digest(content: bytes) -> str:
    """SHA-256 (hex) of what a file holds."""
    return hashlib.sha256(content).hexdigest()


def _prepared(
    encoder: FeatureExtractor, segments: Iterable[Segment], role: Role
) -> list[PreparedSegment]:
    """Preprocess what the encoder's space takes of some segments."""
    prepared: list[PreparedSegment] = []
    lacking = ""
    for segment in segments:
        if segment.modality in encoder.space.modalities:
            record = SegmentRecord(segment.span, str(segment.modality), details=segment.details)
            prepared.append((record, encoder.prepare(segment.media, role)))
        else:
            lacking = f"holds only {segment.modality}, which {encoder.space.name} does not encode"
    if not prepared:
        raise MediaError(lacking or "holds nothing to encode")
    return prepared


def _length(source: Any) -> int:
    if isinstance(source, Text):
        return len(source.text)
    return len(source) if isinstance(source, str) else 0


def _is_heavy(source: Any) -> bool:
    return isinstance(source, os.PathLike) and is_heavy(Path(source))


# Kept in blocks


def _in_blocks(
    encoder: FeatureExtractor,
    sources: Sequence[Any],
    role: Role,
    divide: Divide | None,
    folder: Path,
    progress: Progress | None,
) -> EncodedExamples:
    place = _place(encoder, sources, role, folder)
    found = EncodedExamples([], [], [], [], [], {}, encoder.space.dimension)
    for start, block in _blocks(encoder, sources, role, divide, place, progress):
        found.rows.extend(start + row for row in block.rows)
        found.segments.extend(block.segments)
        found.records.extend(block.records)
        found.digests.extend(block.digests)
        found.reasons.update({start + row: reason for row, reason in block.reasons.items()})
    return found


def encode_to_file(
    encoder: FeatureExtractor,
    sources: Sequence[Any],
    *,
    role: Role,
    folder: Path,
    progress: Progress | None = None,
) -> tuple[Vectors, dict[int, str]]:
    """As `encode_examples`, for what has one vector each: these stay in a file.

    Parameters
    ----------
    encoder, sources, role, folder, progress
        See `encode_examples`.

    Returns
    -------
    memmap of float32, shape (n, d)
        Of the file that all processes read; what is not looked at takes no memory. Rows of items
        that could not be encoded hold zeros.
    dict of int to str
        Those items, and why.

    Raises
    ------
    EncoderError
        When values are no numbers.
    """
    place = _place(encoder, sources, role, folder)
    path, shape = place / VECTORS, (len(sources), encoder.space.dimension)
    reasons: dict[int, str] = {}
    leads = int(os.environ.get("RANK", 0)) == 0
    with ExitStack() as writing:
        file = None
        if leads and not path.exists():
            part = writing.enter_context(whole(path))
            file = np.lib.format.open_memmap(part, "w+", np.float32, shape)
        for start, block in _blocks(encoder, sources, role, None, place, progress):
            reasons.update({start + row: reason for row, reason in block.reasons.items()})
            for row, (vector,) in zip(block.rows, block.segments, strict=True):
                if not np.isfinite(vector).all():
                    raise EncoderError(f"{encoder.space.name} gave values that are no numbers")
                if file is not None:
                    file[start + row] = vector
        if file is not None:
            file.flush()
    while not path.exists():
        time.sleep(WAIT)
    try:
        require_regular(path)
        vectors: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        if vectors.shape != shape or vectors.dtype != np.float32:
            raise ValueError(f"it holds {vectors.dtype} of shape {vectors.shape}")
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path}: is damaged ({error!r:.200}); delete it") from error
    return vectors, reasons


def _place(encoder: FeatureExtractor, sources: Sequence[Any], role: Role, folder: Path) -> Path:
    """Where what is encoded of just these is kept."""
    stamps = [source.stamp if isinstance(source, Picture) else str(source) for source in sources]
    # What becomes of capitals is no part of the fingerprint, and yet moves texts that have some.
    cases = [encoder.space.letter_case] if encoder.space.letter_case else []
    key = json.dumps([encoder.space.fingerprint, *cases, role, stamps]).encode("utf-8", "replace")
    place = folder / content_digest(key)[:16]
    place.mkdir(parents=True, exist_ok=True)
    return place


def _blocks(
    encoder: FeatureExtractor,
    sources: Sequence[Any],
    role: Role,
    divide: Divide | None,
    place: Path,
    progress: Progress | None,
) -> Iterator[tuple[int, EncodedExamples]]:
    """Blocks in their order, each with its first row; this process has encoded its share."""
    rank, processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    starts = range(0, len(sources), BLOCK)
    for number, start in enumerate(starts):
        path = place / f"{number}.npz"
        if number % processes == rank and not path.exists():
            _write(path, _encoded(encoder, sources[start : start + BLOCK], role, divide, None))
        if progress is not None:
            progress(min(start + BLOCK, len(sources)), len(sources))
    for number, start in enumerate(starts):
        path = place / f"{number}.npz"
        while not path.exists():  # torchrun and Ray end all processes when one ends badly
            time.sleep(WAIT)
        yield start, _read(path, encoder.space.dimension)


def _write(path: Path, block: EncodedExamples) -> None:
    said = {
        "rows": block.rows,
        "records": [
            [(record.span, str(record.modality), dict(record.details)) for record in records]
            for records in block.records
        ],
        "digests": block.digests,
        "reasons": list(block.reasons.items()),
    }
    empty = np.empty((0, block.dimension), np.float32)
    vectors = np.concatenate([empty, *block.segments])
    write_arrays(path, {"vectors": vectors, "said": np.array(json.dumps(said))})


def _read(path: Path, dimension: int) -> EncodedExamples:
    try:
        kept = read_arrays(path)
        vectors, said = kept["vectors"], json.loads(str(kept["said"]))
        records = [
            [
                SegmentRecord(None if span is None else (span[0], span[1]), modality, details=more)
                for span, modality, more in of_item
            ]
            for of_item in said["records"]
        ]
        stops = np.cumsum([len(of_item) for of_item in records])
        return EncodedExamples(
            given=[],
            rows=said["rows"],
            segments=np.split(vectors, stops[:-1]) if len(stops) else [],
            records=records,
            digests=said["digests"],
            reasons=dict(said["reasons"]),
            dimension=dimension,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: is damaged ({error!r:.200}); delete it") from error


# What encoders hold

SEGMENTS_OF = {Modality.VIDEO: Modality.IMAGE, Modality.MESH: Modality.IMAGE}
"""What the segments of media are that no encoder takes whole."""


def require_modality(encoder: Encoder, modality: Modality) -> None:
    """Refuse an encoder whose space holds nothing of a modality.

    Raises
    ------
    EncoderError
    """
    held = encoder.space.modalities
    if modality not in held and SEGMENTS_OF.get(modality) not in held:
        known = " and ".join(held)
        raise EncoderError(
            f"{encoder.space.name} encodes {known}, the examples are {modality}: choose another "
            "encoder"
        )


def require_modalities(encoder: Encoder, *modalities: Modality) -> None:
    """Refuse an encoder whose space lacks one of `modalities`.

    Raises
    ------
    EncoderError
    """
    for modality in modalities:
        if modality not in encoder.space.modalities:
            known = " and ".join(encoder.space.modalities)
            raise EncoderError(f"{encoder.space.name} encodes {known}; this needs {modality}, too")
