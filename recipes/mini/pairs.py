"""What `mini` learns from: captioned drawings, and the names of ImageNet's classes.

Only openly licensed sets: clip art of OpenClipart, the emoji of Noto, Fluent and Twemoji, and the
icons of `icons.py`.
Photographs are never trained on; what `mini` knows of them comes from the image tower.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

from benchmarks.datasets import rows
from recipes.mini.sources import CLASSES, DEFINITIONS, LEMMAS

STYLES = ("noto", "fluent", "fluent3d", "twemoji")
# Turned round, these pictures mean something else: an arrow, a letter, a flag.
DIRECTED = {"symbols", "signs_and_symbols", "shapes", "flags"}


@dataclass(frozen=True)
class Pair:
    """A picture and what it is called.

    Attributes
    ----------
    image
        Path of the picture.
    captions
        Its names by language.
    tags
        Further English and Chinese words for it.
    set
        "emoji", "clipart" or "icons".
    directed
        Whether mirroring changes its meaning.
    one_colour
        Whether it is a shape on transparent ground, without colours of its own.
    """

    image: Path
    captions: dict[str, str]
    tags: tuple[str, ...]
    set: str
    directed: bool
    one_colour: bool = False

    def open(self) -> PIL.Image.Image:
        """Return the picture, RGBA."""
        with PIL.Image.open(self.image) as picture:
            return picture.convert("RGBA")


@dataclass(frozen=True)
class Class:
    """An ImageNet class: its WordNet lemmas and definition."""

    lemmas: tuple[str, ...]
    definition: str

    @property
    def text(self) -> str:
        """Name and definition: the definition says which sense of the name is meant."""
        return f"{self.lemmas[0]}, {self.definition}"


def pairs(split: str) -> list[Pair]:
    """Return the pairs of one split ("train" or "val"), emoji first."""
    emoji = [
        Pair(
            Path(row["image"]),
            {
                **json.loads(row["captions"]),
                "en": row["caption_en"],
                **({"zh": row["caption_zh"]} if row["caption_zh"] else {}),
            },
            tuple(tag for key in ("tags_en", "tags_zh") for tag in row[key].split("|") if tag),
            "emoji",
            row["category"] in DIRECTED,
        )
        for row in rows("emoji")
        if row["split"] == split and row["style"] in STYLES and not row["dup_in_style"]
    ]
    clipart = [
        Pair(
            Path(row["image"]),
            {"en": row["caption_en"]},
            (),
            "clipart",
            row["category"] in DIRECTED,
        )
        for row in rows("clipart")
        if row["split"] == split and row["quality"] == "good" and row["caption_lang"] == "en"
    ]
    return emoji + clipart


def classes() -> list[Class]:
    """Return ImageNet's 1,000 classes in the order of the classifier's outputs."""
    lemmas, definitions = _table(LEMMAS.path()), _table(DEFINITIONS.path())
    synsets = CLASSES.path().read_text("utf-8").split()
    return [
        Class(tuple(name.strip() for name in lemmas[s].split(",")), definitions[s]) for s in synsets
    ]


def vocabulary_texts() -> list[str]:
    """Return the texts whose pieces the vocabulary keeps: emoji labels and WordNet's words."""
    texts = {*_table(LEMMAS.path()).values(), *_table(DEFINITIONS.path()).values()}
    for row in rows("emoji"):
        texts.update(json.loads(row["captions"]).values())
        texts.update(row["tags_en"].split("|"), row["tags_zh"].split("|"))
    return sorted(texts - {""})


def languages() -> list[str]:
    """Return the languages that have emoji labels."""
    return sorted({code for row in rows("emoji") for code in json.loads(row["captions"])})


def _table(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)
