"""Encoding everything that an evaluation reads, in a fixed order and in fixed batches.

A vector may differ in its last bits with the batch it was computed in. Batches here depend on the
data alone, never on timing, so that the same data gives the same vectors on the same machine.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Encoder
from sensorium.encoders.base import Role
from sensorium.encoders.pipeline import Read, embed, prepare_segments
from sensorium.errors import EncoderError, MediaError
from sensorium.media import Image, Modality, Text
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.media.sources import read_file

BATCH_SIZE = 32
"""Items the model sees at once, as in `sensorium.collection`; part of what makes a rerun equal."""


@dataclass(frozen=True)
class Encoded:
    """Vectors of what could be read.

    Attributes
    ----------
    names : list of str
    vectors : ndarray of float32, shape (len(names), d)
    digests : dict of str to str
        SHA-256 (hex) of every item's content, also of those that could be read but not decoded;
        empty for a file that could not be read.
    skipped : list of Skipped
    """

    names: list[str]
    vectors: npt.NDArray[np.float32]
    digests: dict[str, str]
    skipped: list[Skipped]


@dataclass(frozen=True)
class _Item:
    name: str
    digest: str = ""
    reason: str = ""


def require_modalities(encoder: Encoder, *modalities: Modality) -> None:
    """Refuse an encoder whose space lacks one of `modalities`."""
    for modality in modalities:
        if modality not in encoder.space.modalities:
            known = " and ".join(encoder.space.modalities)
            raise EncoderError(f"{encoder.space.name} encodes {known}; this needs {modality}, too")


def encode_pictures(
    encoder: Encoder,
    pictures: Mapping[str, Path],
    progress: Progress | None = None,
    role: Role = "document",
) -> Encoded:
    """Encode picture files; one that cannot be read is skipped and named.

    Parameters
    ----------
    encoder : Encoder
    pictures : mapping of str to Path
    progress : callable, optional
        Called with (done, total).
    """

    def read(item: _Item) -> Read[_Item]:
        path, digest = pictures[item.name], ""
        try:
            content = read_file(path)
            digest = content_digest(content)
            segments = prepare_segments(encoder, Image.from_encoded(content, path), role)
        except MediaError as error:
            return Read(_Item(item.name, digest, error.reason))
        return Read(_Item(item.name, digest), segments)

    return _encode(encoder, pictures, read, role, progress)


def encode_texts(encoder: Encoder, texts: Iterable[str], role: Role = "document") -> Encoded:
    """Encode texts, which are their own names; one that holds nothing to encode is skipped."""

    def read(item: _Item) -> Read[_Item]:
        digest = text_digest(item.name)
        try:
            segments = prepare_segments(encoder, Text(item.name), role)
        except MediaError as error:
            return Read(_Item(item.name, digest, error.reason))
        return Read(_Item(item.name, digest), segments)

    names = list(dict.fromkeys(texts))
    # Texts of like length together: a batch is padded to its longest.
    by_length = sorted(names, key=len)
    encoded = _encode(encoder, by_length, read, role, None)
    rows = {name: row for row, name in enumerate(encoded.names)}
    kept = [name for name in names if name in rows]
    vectors = encoded.vectors[[rows[name] for name in kept]]
    return Encoded(kept, vectors, encoded.digests, encoded.skipped)


def _encode(
    encoder: Encoder,
    names: Mapping[str, Path] | Sequence[str],
    read: Callable[[_Item], Read[_Item]],
    role: Role,
    progress: Progress | None,
) -> Encoded:
    kept: list[str] = []
    digests: dict[str, str] = {}
    skipped: list[Skipped] = []
    parts = [np.empty((0, encoder.space.dimension), np.float32)]
    for batch in embed(encoder, map(_Item, names), read, batch_size=BATCH_SIZE, role=role):
        for item, _, vectors in batch:
            digests[item.name] = item.digest
            if len(vectors):
                kept.append(item.name)
                parts.append(vectors)
            else:
                skipped.append(Skipped(item.name, item.reason))
        if progress is not None:
            progress(len(digests), len(names))
    return Encoded(kept, np.concatenate(parts), digests, skipped)


def digest_files(pictures: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 (hex) of files without decoding them, as `encode_pictures` gives it."""

    def digest(path: Path) -> str:
        try:
            return content_digest(read_file(path))
        except MediaError:
            return ""

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return dict(zip(pictures, threads.map(digest, pictures.values()), strict=True))


def digest_of(*values: str) -> str:
    """SHA-256 (hex) over texts; their borders count."""
    total = hashlib.sha256()
    for value in values:
        content = value.encode("utf-8", "replace")
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return content_digest(text.encode("utf-8", "replace"))


def content_digest(content: bytes) -> str:
    """SHA-256 (hex) of what a file holds."""
    return hashlib.sha256(content).hexdigest()
