"""Media: paths, URLs, bytes and arrays become typed items (`Image`, `Audio` ...) and segments."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError, NothingGivenError
from sensorium.lazy import lazily
from sensorium.media.audio import Audio
from sensorium.media.content import START_BYTES, modalities_of, modality_of_suffix, read_start
from sensorium.media.decoding import decoding
from sensorium.media.given import DECODED, ENCODED, picture_of
from sensorium.media.image import Image
from sensorium.media.segments import Media, Modality, Segment
from sensorium.media.sources import AUDIO_SUFFIXES, has_media_suffix, is_url, shown_url
from sensorium.media.text import Text
from sensorium.visible import visible

if TYPE_CHECKING:
    from sensorium.media.document import Document as Document
    from sensorium.media.mesh import Mesh as Mesh
    from sensorium.media.video import Video as Video

# Documents need patterns of many formats, and most searches none of them.
_HOMES = {"Document": "document", "Mesh": "mesh", "Video": "video"}

__getattr__, __dir__ = lazily(__name__, _HOMES)

__all__ = [
    "Audio",
    "Document",
    "Image",
    "Media",
    "Mesh",
    "Modality",
    "Segment",
    "Text",
    "Video",
    "as_media",
    "open_media",
]


_PATH_MARKS = ("/", os.sep)
"""What stands between the folders of a path: "./IMG_1234" is rather a file than words."""

_KINDS: Mapping[Modality, str] = {
    Modality.IMAGE: "Image",
    Modality.AUDIO: "Audio",
    Modality.VIDEO: "Video",
    Modality.TEXT: "Document",
    Modality.MESH: "Mesh",
}


def _made(modality: Modality, source: Any) -> Media:
    media: Media = getattr(sys.modules[__name__], _KINDS[modality])(source)
    return media


def open_media(source: str | os.PathLike[str]) -> Media:
    """Make the item that a path or URL names.

    The first bytes of a file decide where they say what it is; else its suffix, which is all that
    is known of a URL; a picture where that says nothing.

    Raises
    ------
    MediaError
        When the file cannot be read, and a `NothingGivenError` when the path is empty.
    """
    text = os.fspath(source)
    if not text:  # as a path it would be the current folder
        raise NothingGivenError("the path is empty (''): name a file")
    url = is_url(text)
    suffix = os.path.splitext(text.split("?")[0] if url else text)[1].lower()  # noqa: PTH122
    named = modality_of_suffix(suffix)
    modality = named or Modality.IMAGE
    with decoding(shown_url(text) if url else visible(text), "cannot be read"):
        if not url and (seen := modalities_of(read_start(Path(text)))):
            modality = named if named in seen else _one_of(seen, Path(text))
    return _made(modality, source)


def _one_of(modalities: tuple[Modality, ...], source: Path | bytes) -> Modality:
    """What it is of all that a file's first bytes may be: films and sounds share containers."""
    if len(modalities) > 1:
        try:
            from sensorium.media.tracks import watching

            if watching.is_only_sound(source.absolute() if isinstance(source, Path) else source):
                return Modality.AUDIO
        except (MediaError, MissingExtraError):  # whoever reads it says so
            pass
    return modalities[0]


def as_media(value: Any) -> Media:
    """Turn what a caller has at hand into media, by the rule that the documentation states.

    Parameters
    ----------
    value : Media, str, Path, bytes, ndarray, tensor, PIL.Image.Image, dict
        A bare string is text, except that a URL, or the path of an existing file with a media
        suffix, is that file; with a slash in it, so is any existing file that begins as media do.
        Paths, bytes, arrays and Pillow images are media; so are tensors
        (channels first or last), and what Hugging Face's data sets give for a picture or a
        recording.

    Returns
    -------
    Media

    Raises
    ------
    MediaError
        For a string that is written like a media file but names none: it is never silently taken
        for text (``Text("cat.jpg")`` says that text is meant). For what is no media.
    """
    if isinstance(value, (Image, Text)):
        return value
    if isinstance(value, str):
        if is_url(value):
            return open_media(value)
        if has_media_suffix(value):
            # os.path, not Path: its functions answer for names that are too long or hold NUL
            # bytes, and leave "~name" alone where there is no such user.
            path = os.path.expanduser(value)  # noqa: PTH111
            if os.path.isfile(path):  # noqa: PTH113
                return open_media(Path(path))
            raise MediaError(
                "no such file; if you mean these words, "
                f'say Text("{value}") in Python or --text in the shell',
                value,
            )
        if any(mark in value for mark in _PATH_MARKS):
            path = os.path.expanduser(value)  # noqa: PTH111
            if os.path.isfile(path) and modalities_of(read_start(Path(path))):  # noqa: PTH113
                return open_media(Path(path))
        return Text(value)
    if isinstance(value, os.PathLike):
        return open_media(Path(os.path.expanduser(value)))  # noqa: PTH111
    if hasattr(value, "modality") and hasattr(value, "segments"):
        media: Media = value
        return media
    if isinstance(value, Mapping):
        return _of_dataset(value)
    if (pixels := picture_of(value)) is not None:
        return Image(pixels)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _of_bytes(bytes(value))
    if isinstance(value, PIL.Image.Image):
        return Image(value)
    advice = ": encode takes lists, one item is meant here" * isinstance(value, (list, tuple, set))
    raise MediaError(
        "media is a text, path, URL, bytes, array, tensor, Pillow image, or one of Sensorium's "
        f"(Image, Audio, Video, Document, Mesh), got {type(value).__name__} {value!r:.60}{advice}"
    )


def _of_bytes(encoded: bytes) -> Media:
    """An encoded file: what its beginning says, else a picture."""
    with decoding("bytes", "cannot be read"):
        seen = modalities_of(encoded[:START_BYTES])
        modality = _one_of(seen, encoded) if seen else Modality.IMAGE
    return _made(modality, encoded)


def _of_dataset(cell: Mapping[str, Any]) -> Media:
    """A cell of a Hugging Face data set: an encoded file, or a decoded recording."""
    if cell.keys() >= DECODED:
        return Audio(np.asarray(cell["array"], np.float32), int(cell["sampling_rate"]))
    if cell.keys() == ENCODED and (cell["bytes"] or cell["path"]):
        path = Path(cell["path"]) if cell["path"] else None
        if not cell["bytes"]:
            return open_media(path or "")
        if path is not None and path.suffix.lower() in AUDIO_SUFFIXES:
            return Audio(cell["bytes"])
        return Image(cell["bytes"])
    raise MediaError(
        f"a row of columns is no media ({', '.join(map(str, cell)) or 'it is empty'}): give one of "
        "its cells"
    )
