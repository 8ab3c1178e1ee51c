"""Writing in pictures with RapidOCR (PP-OCR): Chinese and English, torch-free."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from functools import cache, cached_property
from threading import Lock
from typing import Any

import numpy as np

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Image, Segment, Text
from sensorium.media.decoding import decoding

MAX_SIDE = 2000
"""Pixels of the longer side that is read: letters of a page of A4 are 20 high then."""

LEAST_CONFIDENCE = 0.75
"""Lines that the model is less sure of are mostly no writing at all."""

LEAST_SIGNS = 2
"""Letters and digits of a line: fur and leaves are taken for single letters."""

LINES_APART = 1.5
"""Lines closer than this many of their heights are one passage."""


class WritingReader:
    """Reads what is written in pictures.

    Raises
    ------
    MissingExtraError
        When RapidOCR is not installed. The models are loaded when they are first used.
    """

    name = "rapidocr"

    def __init__(self) -> None:
        if importlib.util.find_spec("rapidocr") is None:
            raise MissingExtraError("rapidocr", "ocr")
        self._lock = Lock()

    def read(self, image: Image) -> Iterator[Segment]:
        """Yield passages of writing, from top to bottom.

        Yields
        ------
        Segment
            A text; ``details["box"]``: left, upper, right and lower edge as shares of the picture's
            width and height; ``details["confidence"]``: 0 to 1.

        Raises
        ------
        MediaError
            When the picture cannot be read.
        """
        picture = image.load()
        width, height = picture.size
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        scale = picture.width / width
        with self._lock:
            engine = self._engine
            with decoding("", "its writing cannot be read"):
                found = engine(np.asarray(picture)[:, :, ::-1])
        if found is None or found.boxes is None:
            return
        lines = [
            (text.strip(), *np.min(box, axis=0) / scale, *np.max(box, axis=0) / scale, sure)
            for text, box, sure in zip(found.txts, found.boxes, found.scores, strict=True)
            if sure >= LEAST_CONFIDENCE and sum(map(str.isalnum, text)) >= LEAST_SIGNS
        ]
        for group in _grouped(sorted(lines, key=lambda line: (line[2], line[1]))):
            box = [
                min(line[1] for line in group) / width, min(line[2] for line in group) / height,
                max(line[3] for line in group) / width, max(line[4] for line in group) / height,
            ]  # fmt: skip
            details = {
                "source": "writing",
                "box": [round(float(min(1, max(0, edge))), 4) for edge in box],
                "confidence": round(float(min(line[5] for line in group)), 3),
            }
            yield Segment(Text(" ".join(line[0] for line in group)), None, details)

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        try:
            engine = RapidOCR(params={"Global.log_level": "error"})
        except Exception as error:  # it fetches a model that its package lacks, or has damaged
            raise EncoderError(f"RapidOCR's models cannot be loaded ({error})") from error
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        return engine


def _grouped(lines: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Lines that stand close below one another, together."""
    group: list[tuple[Any, ...]] = []
    for line in lines:
        height = line[4] - line[2]
        if group and line[2] - max(other[4] for other in group) > (LINES_APART - 1) * height:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


@cache
def load_writing_reader() -> WritingReader:
    """The reader of writing, made once."""
    return WritingReader()
