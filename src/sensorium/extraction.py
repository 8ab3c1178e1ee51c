"""Names of what is said and written in media, as they were before they became tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.tasks.reading import WritingReader as WritingReader
    from sensorium.tasks.reading import load_writing_reader as load_writing_reader
    from sensorium.tasks.transcription import Transcriber as Transcriber
    from sensorium.tasks.transcription import load_transcriber as load_transcriber

_HOMES = {
    "Transcriber": "sensorium.tasks.transcription",
    "WritingReader": "sensorium.tasks.reading",
    "load_transcriber": "sensorium.tasks.transcription",
    "load_writing_reader": "sensorium.tasks.reading",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
