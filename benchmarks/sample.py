"""The project's own sample collection: 190 photos captioned in English and simplified Chinese."""

import csv
from pathlib import Path

from benchmarks.datasets.manifest import Row

SAMPLE = Path(__file__).parents[1] / "sample"


def sample_rows() -> list[Row]:
    """One row per photo, with `image` (an absolute path), `caption_en` and `caption_zh`."""
    with (SAMPLE / "images.csv").open(newline="", encoding="utf-8") as file:
        return [row | {"image": str(SAMPLE / row["path"])} for row in csv.DictReader(file)]


def sample_captions() -> dict[str, str]:
    """English captions of the photos and sounds, by path within the sample."""
    captions: dict[str, str] = {}
    for table in ("images.csv", "sounds.csv"):
        with (SAMPLE / table).open(newline="", encoding="utf-8") as file:
            captions |= {row["path"]: row["caption_en"] for row in csv.DictReader(file)}
    return captions
