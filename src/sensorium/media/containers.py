"""Files that FFmpeg opens, through PyAV: their tracks, length and tags."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding

try:
    import av
    from av.container import InputContainer
except ImportError as error:
    raise MissingExtraError("av", "media") from error

TAGS = ("title", "artist", "album", "date", "genre", "comment", "description")


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[InputContainer]:
    """Open a file.

    Raises
    ------
    MediaError
        When FFmpeg does not know the format, and for whatever is raised while the file is open.
    """
    with decoding(name, "no sound or video that can be read"):
        file = io.BytesIO(source) if isinstance(source, bytes) else f"file:{source}"
        with av.open(file, "r", metadata_errors="ignore") as container:
            yield container


def chosen(streams: Sequence[Any], what: str, name: str) -> Any | None:
    """The first stream that can be decoded; None where there is no stream.

    Raises
    ------
    MediaError
        When FFmpeg has a decoder for none of them.
    """
    found = next((one for one in streams if one.codec_context is not None), None)
    if found is None and streams:
        raise MediaError(f"its {what} are in a codec that FFmpeg cannot decode here", name)
    return found


def container_facts(container: InputContainer) -> dict[str, Any]:
    """Length and tags of an open file."""
    known: dict[str, Any] = {}
    if container.duration is not None:
        known["duration"] = container.duration / av.time_base
    tags = {key.lower(): value for key, value in container.metadata.items()}
    for sound in container.streams.audio:  # OGG keeps its tags there
        tags = {**{key.lower(): value for key, value in sound.metadata.items()}, **tags}
    known.update({key: tags[key].strip() for key in TAGS if tags.get(key, "").strip()})
    if taken := tags.get("creation_time", ""):
        known["taken"] = taken[:19]
    return known


def counted(container: InputContainer, stream: Any) -> float:
    """The length of a file whose header does not say it (a stream that was saved)."""
    last = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last
