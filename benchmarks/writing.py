"""What `--ocr` reads, beside RapidOCR as it ships, with the same models.

    python -m benchmarks writing [--quick] [--json FILE]

Drawn pages (`benchmarks.lettered`) whose text is known: characters that are wrong (edits over
length, Levenshtein; order counts), words that are found, seconds. Photos of the sample without
writing: words that are read in them all the same.
"""

import argparse
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import mean

import numpy as np
import PIL.Image

from benchmarks.lettered import Page, pages
from benchmarks.rows import Row
from benchmarks.sample import SAMPLE
from sensorium.media import Image, Text
from sensorium.tasks.reading import load_writing_reader

WRITTEN_ON = {
    "c_measuringTape1", "c_measuringTape3", "c_multimeter1", "c_weighingMachine", "x_japan",
}  # fmt: skip
"""Photos of the sample in which there is writing."""

Reader = Callable[[PIL.Image.Image], str]


def error_rate(text: str, right: str) -> float:
    """Edits that make one text of another, by its length; white space is one space."""
    text, right = " ".join(text.split()), " ".join(right.split())
    before = list(range(len(right) + 1))
    for n, sign in enumerate(text, 1):
        now = [n]
        for k, wanted in enumerate(right, 1):
            now.append(min(before[k] + 1, now[-1] + 1, before[k - 1] + (sign != wanted)))
        before = now
    return before[-1] / max(1, len(right))


def ours(picture: PIL.Image.Image) -> str:
    """What is stored of a picture."""
    media = (segment.media for segment in load_writing_reader().read(Image(picture)))
    return " ".join(one.text for one in media if isinstance(one, Text))


def shipped() -> Reader:
    """RapidOCR as it ships, its lines in its order."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read(picture: PIL.Image.Image) -> str:
        found = engine(np.asarray(Image(picture).load())[:, :, ::-1])
        return " ".join((found.txts if found is not None else None) or ())

    return read


def run(arguments: argparse.Namespace) -> list[Row]:
    """See `benchmarks.__main__`."""
    readers: dict[str, Reader] = {"sensorium": ours, "RapidOCR": shipped()}
    drawn = list(pages())[:: 4 if arguments.quick else 1]
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for page in drawn:
        for system, read in readers.items():
            kind = page.name.split()[0]
            found[kind, system].append(_score(page, read))
    for system in readers:
        found["all", system] = [
            s for (_, whose), some in found.items() if whose == system for s in some
        ]
    rows = []
    for (kind, system), scores in found.items():
        wrong, words, seconds = (mean(values) for values in zip(*scores, strict=True))
        case = f"{kind} ({len(scores)} pages)"
        rows += [
            Row("writing", case, system, "characters wrong", wrong),
            Row("writing", case, system, "words found", words),
            Row("writing", case, system, "a page", seconds, "s"),
        ]
    photos = [p for p in sorted((SAMPLE / "images").glob("*.jpg")) if p.stem not in WRITTEN_ON]
    photos = photos[:: 10 if arguments.quick else 1]
    for system, read in readers.items():
        count = sum(bool(read(PIL.Image.open(photo).convert("RGB"))) for photo in photos)
        case = f"{len(photos)} photos without writing"
        rows.append(Row("writing", case, system, "with words", count))
    return rows


def _score(page: Page, read: Reader) -> tuple[float, float, float]:
    started = time.perf_counter()
    text = read(page.picture)
    seconds = time.perf_counter() - started
    there = text.split()
    words = page.text.split()
    return error_rate(text, page.text), mean(word in there for word in words), seconds
