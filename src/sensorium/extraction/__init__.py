"""Words that are in media: what is said in recordings, and what is written in pictures."""

from functools import cache

from sensorium.extraction.speech import DEFAULT_MODEL, Transcriber
from sensorium.extraction.writing import WritingReader

__all__ = ["Transcriber", "WritingReader", "load_transcriber", "load_writing_reader"]


@cache
def load_transcriber(model: str = DEFAULT_MODEL) -> Transcriber:
    """A transcriber, made once for each model."""
    return Transcriber(model)


@cache
def load_writing_reader() -> WritingReader:
    """The reader of writing, made once."""
    return WritingReader()
