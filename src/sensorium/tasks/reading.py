"""Writing in pictures with RapidOCR (PP-OCR): Chinese and English, torch-free."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Image, Segment, Text
from sensorium.media.decoding import decoding
from sensorium.tasks.writing.order import Line, narrow, passages_of
from sensorium.tasks.writing.pieces import found_in, merged, pieces_of

LINE_HEIGHT = 48
"""Pixels to which the recogniser brings a line; one that is read by itself is no larger."""

ASKED = 5
"""Lines, the longest, by which is told whether a page is upside down."""

SURE = 0.9
"""Confidence of a line that is writing, whatever else is in the picture. In the sample's 190 photos
window rows, rails and fur reach 0.89 as two signs; drawn letters of 8 pixels stay above 0.91."""

LIKELY = 0.75
"""Confidence of a line in a picture that has one of `SURE`: the small print of a dial, say."""

SURE_SIGN = 0.95
"""The same of a single letter, digit or sign, which arches, fins and cups are taken for."""

LARGE_SIGN = 0.05
"""Share of the picture from which on a single sign must be drawn, too: the Eiffel Tower is an "A"
with a confidence of 0.998."""

DOUBTFUL, LONG_ENOUGH = 0.5, 4
"""Confidence and signs of a line that is read once more. Of drawn lines one in some fifty is
garbled by how it was cut out, with confidences of 0.6 to 0.8."""

DRAWN = 0.95
"""Share of the variance of levels that two of them explain (Otsu 1979, eq. 18): of a letter on a
plain ground 0.96 and more, of the single signs in photos 0.91 and less."""


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
        """Yield passages of writing, in the order of reading.

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
        lines = self._as_they_stand(self._lines(image, picture), picture)
        for passage in passages_of(lines):
            corners = np.concatenate([line.corners for line in passage.lines])
            size = np.array(picture.size)
            edges = [*(corners.min(0) / size), *(corners.max(0) / size)]
            details = {
                "source": "writing",
                "box": [round(float(min(1, max(0, edge))), 4) for edge in edges],
                "confidence": round(float(min(line.sure for line in passage.lines)), 3),
            }
            yield Segment(Text(passage.text), None, details)

    def _lines(self, image: Image, picture: PIL.Image.Image) -> list[Line]:
        """All that may be writing in a picture."""
        pieces, share = pieces_of(*picture.size)
        if share < 1:
            side = "width" if picture.width > picture.height else "height"
            image.notes.append(f"writing was read in the first {share:.0%} of its {side}")
        found = (
            found_in(self._read(piece.cut(picture)), pieces, number)
            for number, piece in enumerate(pieces)
        )
        return list(merged(found, lambda corners: self._read_again(picture, corners)))

    def _read(self, picture: PIL.Image.Image) -> list[Line]:
        if picture.getcolors(1) is not None:
            return []  # one colour, as much of a long screenshot is
        with self._lock, decoding("", "its writing cannot be read"):
            found = self._engine(_pixels(picture), use_det=True, use_cls=True, use_rec=True)
        if found is None or found.boxes is None:
            return []
        return [
            Line(text, float(sure), np.asarray(box, np.float64))
            for words, box, sure in zip(found.txts, found.boxes, found.scores, strict=True)
            if (text := narrow(" ".join(words.split())))
        ]

    def _read_again(
        self, picture: PIL.Image.Image, corners: npt.NDArray[np.float64]
    ) -> Line | None:
        """Read one line that lies in several pieces."""
        line = Line("lines", 0, corners)
        upright = _cut_out(picture, np.roll(corners, -1, axis=0) if line.is_high else corners)
        with self._lock, decoding("", "its writing cannot be read"):
            found = self._engine(_pixels(upright), use_det=False, use_cls=True, use_rec=True)
        if not found.txts or not found.txts[0].strip():
            return None
        text = narrow(" ".join(found.txts[0].split()))
        return Line(text, float(found.scores[0]), corners)

    def _as_they_stand(self, lines: list[Line], picture: PIL.Image.Image) -> list[Line]:
        """What is writing, with the corners as the letters stand: on pages that are turned, too.

        The detector gives corners by their places in the picture. The recogniser takes high boxes
        for writing that runs down, and turns lines that a classifier takes for upside down.
        """
        lines = [
            replace(line, corners=np.roll(line.corners, -1, axis=0)) if line.is_high else line
            for line in lines
        ]
        if self._are_upside_down(lines, picture):
            lines = [replace(line, corners=np.roll(line.corners, 2, axis=0)) for line in lines]
        return written_lines((self._once_more(line, picture) for line in lines), picture)

    def _are_upside_down(self, lines: list[Line], picture: PIL.Image.Image) -> bool:
        sure = [line for line in lines if line.sure >= SURE and len(line.text) > 1]
        longest = sorted(sure, key=lambda line: -len(line.text))[:ASKED]
        turned = 0
        for line in longest:
            cut_out = _pixels(_cut_out(picture, line.corners))
            with self._lock, decoding("", "its writing cannot be read"):
                found = self._engine(cut_out, use_det=False, use_cls=True, use_rec=False)
            label, confidence = found.cls_res[0]
            turned += label == "180" and confidence >= SURE
        return 2 * turned > len(longest)

    def _once_more(self, line: Line, picture: PIL.Image.Image) -> Line:
        """Read a doubtful line again, cut out more closely: it may have been the cut."""
        if not DOUBTFUL <= line.sure < SURE or len(line.text) < LONG_ENOUGH:
            return line
        with self._lock, decoding("", "its writing cannot be read"):
            found = self._engine(
                _pixels(_cut_out(picture, line.corners).convert("L").convert("RGB")),
                use_det=False, use_cls=False, use_rec=True,
            )  # fmt: skip
        if not found.txts or found.scores[0] <= line.sure:
            return line
        text = narrow(" ".join(found.txts[0].split()))
        return replace(line, text=text, sure=float(found.scores[0])) if text else line

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        try:
            engine = RapidOCR(params={"Global.log_level": "error", "Global.text_score": 0.3})
        except Exception as error:  # it fetches a model that its package lacks, or has damaged
            raise EncoderError(f"RapidOCR's models cannot be loaded ({error})") from error
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        return engine


def written_lines(lines: Iterable[Line], picture: PIL.Image.Image) -> list[Line]:
    """Leave out what is no writing: what the recogniser is not sure of, and shapes like letters.

    Parameters
    ----------
    lines : iterable of Line
        Found in the picture.
    picture : PIL.Image.Image
    """
    signs = [(line, sum(map(str.isalnum, line.text))) for line in lines]
    has_writing = any(line.sure >= SURE and count >= 2 for line, count in signs)
    least = LIKELY if has_writing else SURE
    kept = []
    for line, count in signs:
        if count > 1:
            is_writing = line.sure >= least
        else:
            area = float(np.prod(np.ptp(line.corners, axis=0)))
            is_large = area >= LARGE_SIGN * picture.width * picture.height
            is_writing = count == 1 and line.sure >= (SURE if has_writing else SURE_SIGN)
            is_writing = is_writing and (not is_large or _is_drawn(line, picture))
        if is_writing:
            kept.append(line)
    return kept


def _is_drawn(line: Line, picture: PIL.Image.Image) -> bool:
    """Whether what lies behind a line is one level of grey, and the line another."""
    left, upper = np.floor(line.corners.min(0)).astype(int).tolist()
    right, lower = np.ceil(line.corners.max(0)).astype(int).tolist()
    grey = picture.crop((left, upper, right, lower)).convert("L")
    counts = np.array(grey.histogram(), np.float64)
    shares, levels = counts / counts.sum(), np.arange(256)
    mean = float(shares @ levels)
    variance = float(shares @ (levels - mean) ** 2)
    below, moment = shares.cumsum()[:-1], (shares * levels).cumsum()[:-1]
    inside = (below > 0) & (below < 1)
    below, moment = below[inside], moment[inside]
    explained = (mean * below - moment) ** 2 / (below * (1 - below))
    return bool(len(explained)) and float(explained.max()) >= DRAWN * variance


def _cut_out(picture: PIL.Image.Image, corners: npt.NDArray[np.float64]) -> PIL.Image.Image:
    """What lies between four corners, upright, no higher than the recogniser looks at it."""
    width = float(np.linalg.norm(corners[1] - corners[0]))
    height = float(np.linalg.norm(corners[3] - corners[0]))
    scale = min(1.0, LINE_HEIGHT / max(1.0, height))
    return picture.transform(
        (max(1, round(width * scale)), max(1, round(height * scale))),
        PIL.Image.Transform.QUAD,
        corners[[0, 3, 2, 1]].ravel().tolist(),
        PIL.Image.Resampling.BICUBIC,
    )


def _pixels(picture: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    """As the engine takes them: blue first."""
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


@cache
def load_writing_reader() -> WritingReader:
    """The reader of writing, made once."""
    return WritingReader()
