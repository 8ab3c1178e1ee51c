"""What `python -m benchmarks quality` asks: retrieval and zero-shot cases from the fetched sets."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.datasets.stamps import concept_of
from benchmarks.sample import sample_rows

#: A text, or the path of a picture.
Item = str | Path

#: A class with fewer pictures says more about those pictures than about the encoder.
LEAST_PICTURES = 3

CLIPART_CATEGORIES = 10

#: Categories of clipart that name nothing a picture could show.
NAMELESS = ("unsorted", "special")


@dataclass(frozen=True)
class Retrieval:
    """Queries and what they are to find: an item answers a query whose key it shares.

    Attributes
    ----------
    name
        The case, as in the table.
    queries, items
        (what is encoded, key) of each.
    kind
        "text to image" or "image to image".
    quick
        Whether `--quick` measures it too.
    units
        For each query what it is about, where that is not its key: queries of one unit do not
        count as independent when systems are compared.
    """

    name: str
    queries: Sequence[tuple[Item, str]]
    items: Sequence[tuple[Item, str]]
    kind: str = "text to image"
    quick: bool = False
    units: Sequence[str] | None = None

    def __str__(self) -> str:
        asked = "captions" if self.kind == "text to image" else "pictures"
        return f"{self.name} ({len(self.queries)} {asked} × {len(self.items)} pictures)"


@dataclass(frozen=True)
class ZeroShot:
    """Pictures to be sorted into classes that are known by their labels alone.

    Attributes
    ----------
    name
        What the classes are, as in the table.
    labels
        A text for each class.
    pictures
        The path of each.
    classes
        The number of each picture's right class.
    units
        What each picture shows: those of one unit do not count as independent.
    """

    name: str
    labels: Sequence[str]
    pictures: Sequence[Path]
    classes: Sequence[int]
    units: Sequence[str]

    def __str__(self) -> str:
        return f"zero-shot, {len(self.labels)} {self.name} ({len(self.pictures)} pictures)"


def retrieval_cases() -> list[Retrieval]:
    """Every retrieval case, in the order of the table."""
    gcompris = pictures_of("gcompris")
    photos = [picture for picture in gcompris if picture["style"] == "photo"]
    titled = [picture for picture in photos if "explore" in picture["id"]]
    stamps = all_stamps()
    stamps_test = [picture for picture in stamps if picture["split"] == "test"]
    photo_stamps = [picture for picture in stamps if picture["style"] == "photo"]
    drawn_stamps = [picture for picture in stamps if picture["style"] == "drawing"]
    sample = sample_rows()
    noto, openmoji = emoji_test("noto"), emoji_test("openmoji")
    every_noto = [picture for picture in pictures_of("emoji") if picture["style"] == "noto"]
    return [
        captioned("photos, English", photos, quick=True),
        captioned("sample photos, English", sample, quick=True),
        captioned("sample photos, Chinese", sample, "caption_zh", quick=True),
        captioned("titled photos, Chinese (traditional)", titled, "caption_zh", quick=True),
        captioned("photos by a long text", titled, "text_en"),
        captioned("stamps (test), English", stamps_test, quick=True),
        captioned("stamps (test), Chinese", stamps_test, "caption_zh", quick=True),
        captioned("all stamps, English", stamps),
        captioned("all stamps, Chinese", stamps, "caption_zh"),
        captioned("photo stamps, English", photo_stamps),
        captioned("photo stamps, Chinese", photo_stamps, "caption_zh"),
        captioned("drawn stamps, English", drawn_stamps),
        captioned("drawn stamps, Chinese", drawn_stamps, "caption_zh"),
        captioned("emoji of a seen style, English", noto, quick=True),
        captioned("emoji of a seen style, Chinese", noto, "caption_zh", quick=True),
        captioned("emoji of an unseen style, English", openmoji, quick=True),
        captioned("emoji of an unseen style, Chinese", openmoji, "caption_zh"),
        _emoji_styles(noto, openmoji),
        _stamps_to_emoji(photo_stamps, every_noto),
    ]


def language_cases() -> list[Retrieval]:
    """Emoji captions in every language but English and Chinese, a case for each.

    The unit is the concept: its captions in 26 languages are no 26 independent queries.
    """
    pictures = emoji_test("noto")
    captions = [json.loads(picture["captions"]) for picture in pictures]
    languages = sorted(set().union(*captions) - {"en", "zh"})
    return [
        captioned(
            language,
            [
                picture | {"caption": labels.get(language, "")}
                for picture, labels in zip(pictures, captions, strict=True)
            ],
            "caption",
            unit_column="concept",
        )
        for language in languages
    ]


def zero_shot_cases() -> list[ZeroShot]:
    """Every zero-shot case, in the order of the table."""
    stamps = all_stamps()
    animals = [picture for picture in stamps if picture["category"] == "animals"]
    emoji = [picture for picture in emoji_test("noto") if picture["category"] != "flags"]
    clipart = [
        picture
        for picture in pictures_of("clipart")
        if picture["quality"] == "good"
        and picture["split"] != "train"
        and picture["category"] not in NAMELESS
    ]
    return [
        sorted_by("categories of stamps", stamps),
        sorted_by("kinds of animals on stamps", animals, "subcategory"),
        sorted_by("groups of emoji", emoji),
        sorted_by("categories of clipart", clipart, most=CLIPART_CATEGORIES),
    ]


def all_stamps() -> list[Picture]:
    """Every stamp but letters, digits and other symbols."""
    return [picture for picture in pictures_of("stamps") if picture["category"] != "symbols"]


def emoji_test(style: str) -> list[Picture]:
    """The emoji test split in one style; concepts differ from all that were trained on."""
    return [
        picture
        for picture in pictures_of("emoji")
        if picture["split"] == "test" and picture["style"] == style
    ]


def captioned(
    name: str,
    pictures: Iterable[Picture],
    column: str = "caption_en",
    quick: bool = False,
    unit_column: str | None = None,
) -> Retrieval:
    """Make the case in which distinct captions of one column find the pictures they belong to.

    The unit of a caption is what `unit_column` says of its first picture, else the caption itself.
    """
    shown = [picture for picture in pictures if picture[column]]
    first = {picture[column]: picture for picture in reversed(shown)}
    captions = list(dict.fromkeys(picture[column] for picture in shown))
    return Retrieval(
        name,
        queries=[(caption, caption) for caption in captions],
        items=[(Path(picture["image"]), picture[column]) for picture in shown],
        quick=quick,
        units=[first[caption][unit_column] for caption in captions] if unit_column else None,
    )


def sorted_by(
    name: str, pictures: Iterable[Picture], column: str = "category", most: int | None = None
) -> ZeroShot:
    """Make the case whose classes are the values of one column.

    Classes with fewer than `LEAST_PICTURES` pictures are left out, and all but the `most` frequent
    ones where that is given.
    """
    pictures = list(pictures)
    counts = Counter(picture[column] for picture in pictures)
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[:most]
    values = sorted(value for value in frequent if counts[value] >= LEAST_PICTURES)
    chosen = [picture for picture in pictures if picture[column] in values]
    return ZeroShot(
        name,
        labels=[words(value) for value in values],
        pictures=[Path(picture["image"]) for picture in chosen],
        classes=[values.index(picture[column]) for picture in chosen],
        units=[picture["concept"] for picture in chosen],
    )


#: Categories as words, where the folder's name is none.
CATEGORY_WORDS = {"naturalforces": "natural forces"}


def words(category: str) -> str:
    """The label of a category, from the name of its folder or, for emoji, of its group.

    >>> words("signs_and_symbols"), words("food-drink")
    ('signs and symbols', 'food and drink')
    """
    return CATEGORY_WORDS.get(category, category).replace("_", " ").replace("-", " and ")


def _emoji_styles(noto: list[Picture], openmoji: list[Picture]) -> Retrieval:
    return Retrieval(
        "emoji from one style to another",
        queries=[(Path(picture["image"]), picture["concept"]) for picture in noto],
        items=[(Path(picture["image"]), picture["concept"]) for picture in openmoji],
        kind="image to image",
        quick=True,
    )


def _stamps_to_emoji(stamps: list[Picture], noto: list[Picture]) -> Retrieval:
    """Photo stamps whose concept an emoji names, against those emoji."""
    emoji = {concept_of(picture["caption_en"]): Path(picture["image"]) for picture in noto}
    shared = [picture for picture in stamps if picture["concept"] in emoji]
    concepts = dict.fromkeys(picture["concept"] for picture in shared)
    return Retrieval(
        "photo stamps to emoji",
        queries=[(Path(picture["image"]), picture["concept"]) for picture in shared],
        items=[(emoji[concept], concept) for concept in concepts],
        kind="image to image",
    )
