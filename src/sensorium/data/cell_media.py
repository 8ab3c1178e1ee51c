"""Media in cells of data sets: encoded files, pictures, tensors, sounds, texts."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.data.tables import RATE_COLUMNS
from sensorium.errors import MediaError, MissingExtraError, WriteError
from sensorium.media import Audio, Document, Image, Media, Mesh, Video, as_media
from sensorium.media.content import START_BYTES, modalities_of
from sensorium.media.given import DECODED, ENCODED, array_of, is_encoded_media, picture_of

MOST_CHANNELS = 8
"""Channels of a sound; torch has them first."""

LEAST_SIDE = 8
"""Rows and columns of an array of two axes that is taken for a picture: a table has fewer."""

_MADE = {"image": Image, "audio": Audio, "video": Video, "mesh": Mesh, "document": Document}

_SUFFIXES = (
    (rb"\xff\xd8\xff", ".jpg"), (rb"\x89PNG", ".png"), (rb"GIF8", ".gif"),
    (rb"RIFF....WEBP", ".webp"), (rb"RIFF....WAVE", ".wav"), (rb"fLaC", ".flac"),
    (rb"OggS", ".ogg"), (rb"ID3|\xff[\xe2-\xff]", ".mp3"), (rb"....ftyp", ".mp4"),
    (rb"%PDF", ".pdf"),
)  # fmt: skip
"""What files are called that are kept; what they are, their first bytes say, too."""


@dataclass(frozen=True)
class CellMedia:
    """Media of one cell.

    Attributes
    ----------
    media : Media
    encoded : bytes or memoryview
        The encoded file, a text in UTF-8, or the numbers of an array.
    mark : bytes
        Tells apart contents of equal bytes: the type and shape of an array; empty for a file.
    name : str
        What the data set calls the file; "" where it does not.
    """

    media: Media
    encoded: bytes | memoryview
    mark: bytes = b""
    name: str = ""

    @property
    def content(self) -> bytes:
        """SHA-256: of a file, or a text, that of its bytes."""
        digest = hashlib.sha256(self.mark)
        digest.update(self.encoded)
        return digest.digest()

    def keep(self, folder: Path, stem: str) -> Path:
        """Write it as a file, unless that is there: as it was encoded, else as PNG or WAV.

        Raises
        ------
        WriteError
            When it cannot be written.
        MissingExtraError
            For samples without the extra ``media``.
        """
        encoded, suffix = bytes(self.encoded), _suffix_of(self.encoded, self.name)
        if self.mark:
            encoded, suffix = _as_file(self.media)
        elif isinstance(self.media, Document) and self.media.kind == "text":
            suffix = suffix or ".txt"
        path = (folder / f"{stem}{suffix}").absolute()
        try:
            if path.is_file() and path.read_bytes() == encoded:
                return path
            folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            partial.write_bytes(encoded)
            partial.replace(path)
        except OSError as error:
            raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from error
        return path


def _suffix_of(encoded: bytes | memoryview, name: str) -> str:
    start = bytes(encoded[:START_BYTES])
    seen = next((suffix for mark, suffix in _SUFFIXES if re.match(mark, start, re.DOTALL)), "")
    named = PurePath(name).suffix.lower()
    return named if re.fullmatch(r"\.[a-z0-9]{1,8}", named) else seen


def _as_file(media: Media) -> tuple[bytes, str]:
    file = io.BytesIO()
    if isinstance(media, Image):
        media.load().save(file, "PNG")
        return file.getvalue(), ".png"
    assert isinstance(media, Audio)
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError("soundfile", "media") from error
    samples, rate = media.given
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue(), ".wav"


def kind_of_cell(cell: Any, has_rate: bool) -> str | None:
    """What a cell shows that its column holds; "" for media of any kind, None for no media."""
    if isinstance(cell, (list, tuple)) and cell and not isinstance(cell[0], (int, float, str)):
        return kind_of_cell(cell[0], False)
    if isinstance(cell, PIL.Image.Image):
        return "image"
    if isinstance(cell, Mapping):
        if cell.keys() >= DECODED:
            return "audio"
        return "" if cell.keys() == ENCODED else None
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return "" if modalities_of(bytes(cell[:START_BYTES])) else None
    if hasattr(cell, "modality") and hasattr(cell, "segments"):
        return ""
    array = array_of(cell)
    if array is None or array.dtype.kind not in "biuf":
        return None
    if has_rate and array.ndim in (1, 2) and array.size > 1:
        return "audio"
    return (
        "image" if array.ndim == 3 or (array.ndim == 2 and min(array.shape) >= LEAST_SIDE) else None
    )


def is_several(cell: Any, kind: str) -> bool:
    """Whether a cell is a list of media."""
    if not isinstance(cell, (list, tuple)) or not cell:
        return False
    first = cell[0]
    if isinstance(first, (list, tuple, int, float, np.generic)):
        return False  # an array that is written as lists
    return kind != "text" or isinstance(first, str)


def file_of_cell(cell: Any, kind: str) -> str | None:
    """The path or URL of a cell that names a file; None where it holds what is meant."""
    if isinstance(cell, Mapping) and cell.keys() == ENCODED and not cell["bytes"]:
        return str(cell["path"] or "")
    if isinstance(cell, os.PathLike):
        return str(os.fspath(cell))
    if isinstance(cell, str) and kind != "text":
        return cell
    path = getattr(cell, "path", None)
    return str(path) if isinstance(path, Path) and hasattr(cell, "segments") else None


def media_of_cell(cell: Any, kind: str, rate: int | None) -> CellMedia:
    """The media of a cell.

    Parameters
    ----------
    cell : bytes, dict, PIL.Image.Image, tensor, array, lists of numbers or str
    kind : str
        One of `FILE_KINDS`, "text", or "" for whatever it is.
    rate : int, optional
        Samples a second of an array of sound.

    Raises
    ------
    MediaError
        When it holds none of its kind.
    """
    if kind == "text":
        if not isinstance(cell, str):
            raise MediaError(f"a text was expected, got {type(cell).__name__} {cell!r:.60}")
        encoded = cell.encode("utf-8", "replace")
        return CellMedia(Document(encoded, "text"), encoded)
    name = ""
    if isinstance(cell, Mapping) and is_encoded_media(cell):
        if cell.keys() == ENCODED:
            name, cell = str(cell["path"] or ""), cell["bytes"]
        else:
            kind, rate, cell = "audio", cell["sampling_rate"], np.asarray(cell["array"])
    if isinstance(cell, (bytes, bytearray, memoryview)):
        encoded = bytes(cell)
        if kind in _MADE:
            return CellMedia(_MADE[kind](encoded), encoded, name=name)
        media = as_media({"bytes": encoded, "path": name} if name else encoded)
        return CellMedia(media, encoded, name=name)
    if isinstance(cell, PIL.Image.Image):
        return _of_picture(cell, kind)
    array = _array_in(cell, kind)
    if kind == "audio":
        if not isinstance(rate, int):
            raise MediaError(
                "samples need their rate: a column called "
                f'{" or ".join(RATE_COLUMNS)}, or one that is said to be, columns={{NAME: "rate"}}'
            )
        samples = _upright(array)
        mark = f"{samples.dtype.str}{samples.shape}{rate}".encode()
        return CellMedia(Audio(samples, rate), _bytes_of(samples), mark)
    if kind not in ("", "image"):
        raise MediaError(f"an array is no {kind}: give encoded files or paths")
    mark = f"{array.dtype.str}{array.shape}".encode()
    return CellMedia(Image(array), _bytes_of(array), mark)


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")


def _of_picture(picture: PIL.Image.Image, kind: str) -> CellMedia:
    if kind not in ("", "image"):
        raise MediaError(f"a picture is no {kind}")
    media = Image(picture)
    # As it is seen: palettes, profiles, transparency and orientation are in it then.
    shown = media.load()
    return CellMedia(media, shown.tobytes(), f"picture{shown.size}".encode())


def _array_in(cell: Any, kind: str) -> npt.NDArray[Any]:
    """Numbers of a cell: a tensor, an array, or lists of them, as Arrow keeps arrays."""
    array = picture_of(cell) if kind != "audio" else array_of(cell)
    if array is None and isinstance(cell, (list, tuple)):
        try:
            array = np.asarray(cell)
        except ValueError:  # of rows of several lengths
            array = None
        if array is not None and array.dtype.kind in "iu" and kind != "audio":
            inside = array.size and array.min() >= 0 and array.max() <= 255
            array = array.astype(np.uint8) if inside else array
    if array is None or array.dtype.kind not in "biuf":
        wanted = kind or "media"
        raise MediaError(f"holds no {wanted}, but {type(cell).__name__} {cell!r:.60}")
    return array


def _upright(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples with channels last; torch has them first."""
    if samples.ndim == 2 and samples.shape[0] <= MOST_CHANNELS < samples.shape[1]:
        return samples.T
    return samples
