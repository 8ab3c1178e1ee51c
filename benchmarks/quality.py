"""Retrieval and zero-shot accuracy of encoders on the fetched sets.

    python -m benchmarks quality [ENCODER ...] [--quick] [--json FILE] [--card]

Text to image: each distinct caption asks, and the pictures that carry it are the right answers;
image to text is the reverse. The baseline is ConSE as published (Norouzi et al., 2014) on the same
frozen towers; an encoder whose `encoder.json` names its parts is also measured on the first part
alone, which is ConSE with everything that the recipe adds to it. `mini` was trained on none of
these pictures, and on no concept of the emoji test split.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from benchmarks.card import CARD, write_table
from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.datasets.stamps import concept_of
from benchmarks.retrieval import best_ranks, recall_at
from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium import Image, Text, ZeroShotClassifier, load_encoder
from sensorium.encoders import Encoder
from sensorium.home import sensorium_home

FLOOR = "design floor"

#: What the first alignment experiment reached (docs/design.md), where it says. It was trained on
#: the stamps' training split too, which `mini` must not be.
FLOOR_FIGURES = {
    "photos, English": {"text to image R@1": 0.26, "text to image R@10": 0.53},
    "emoji of a seen style, English": {"text to image R@1": 0.19, "text to image R@10": 0.51},
    "stamps (test), Chinese": {"text to image R@10": 0.60},
}

#: ConSE as published on the same towers, which the recipe of `mini` writes beside its caches.
BASELINE = Path("mini", "conse")

DEPTHS = (1, 5, 10)
BATCH = 256  # items encoded between two steps of the progress bar

Vectors = npt.NDArray[np.float32]

#: A text, or the path of a picture.
Item = str | Path


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
    """

    name: str
    queries: Sequence[tuple[Item, str]]
    items: Sequence[tuple[Item, str]]
    kind: str = "text to image"
    quick: bool = False

    def __str__(self) -> str:
        asked = "captions" if self.kind == "text to image" else "pictures"
        return f"{self.name} ({len(self.queries)} {asked} × {len(self.items)} pictures)"


class Embedder:
    """Encodes each item once, however many cases ask for it."""

    def __init__(self, encoder: Encoder):
        self._encoder = encoder
        self._vectors: dict[Item, Vectors] = {}

    def learn(self, items: Iterable[Item], about: str) -> None:
        """Encode what is not known yet, with a progress bar on a terminal."""
        fresh = [item for item in dict.fromkeys(items) if item not in self._vectors]
        fresh.sort(key=lambda item: isinstance(item, Path))
        batches = [fresh[start : start + BATCH] for start in range(0, len(fresh), BATCH)]
        console = Console(stderr=True)
        for batch in track(
            batches, about, console=console, disable=not sys.stderr.isatty(), transient=True
        ):
            media = [Image(item) if isinstance(item, Path) else Text(item) for item in batch]
            self._vectors.update(zip(batch, self._encoder.encode(media), strict=True))

    def __call__(self, items: Iterable[Item]) -> Vectors:
        """Return the vectors of items that were learnt; shape (n, d)."""
        return np.stack([self._vectors[item] for item in items])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "encoders", nargs="*", default=["mini"], metavar="ENCODER", help="default: mini"
    )
    parser.add_argument("--card", action="store_true", help=f"rewrite the table of {CARD.name}")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every encoder on every case."""
    if arguments.card and (arguments.quick or "mini" not in arguments.encoders):
        raise SystemExit("--card needs all of mini's table: measure mini, without --quick")
    cases = [case for case in retrieval_cases() if case.quick or not arguments.quick]
    languages = [] if arguments.quick else language_cases()
    rows: list[Row] = []
    baseline = sensorium_home() / BASELINE
    if not baseline.is_dir():
        print(f"no baseline: `python -m recipes.mini` writes it to {baseline}", file=sys.stderr)
    encoders = [*arguments.encoders, *([baseline] if baseline.is_dir() else [])]
    if arguments.card and not baseline.is_dir():
        raise SystemExit("--card needs the baseline")
    for name in encoders:
        encoder = load_encoder(name)
        embed = Embedder(encoder)
        asked = [item for case in [*cases, *languages] for item, _key in case.queries]
        found = [item for case in cases for item, _key in case.items]
        embed.learn([*asked, *found], f"encoding with {name}")
        for system, part in parts_of(encoder.space.name, encoder):
            for case in cases:
                rows += table_rows(str(case), system, measure(case, embed, part))
            if languages:
                metrics = [measure(case, embed, part) for case in languages]
                title = f"emoji of a seen style, mean of {len(languages)} more languages"
                rows += table_rows(title, system, mean(metrics))
            if not arguments.quick:
                rows += zero_shot(system, encoder, embed, part)
    for case in cases:
        rows += table_rows(str(case), FLOOR, FLOOR_FIGURES.get(case.name, {}))
    if arguments.card:
        write_table(rows, CARD)
    return rows


def table_rows(case: str, system: str, metrics: dict[str, float]) -> list[Row]:
    """One row for each metric of one case."""
    return [Row("quality", case, system, metric, value) for metric, value in metrics.items()]


def mean(metrics: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each metric over several cases."""
    return {key: float(np.mean([values[key] for values in metrics])) for key in metrics[0]}


def parts_of(name: str, encoder: Encoder) -> Iterator[tuple[str, slice]]:
    """The systems inside one encoder: all of its vector, and the ConSE part where it names one."""
    yield name, slice(None)
    parts = getattr(encoder, "config", {}).get("parts", {})
    if "conse" in parts:
        yield f"{name}, first part alone", slice(*parts["conse"])


def unit(vectors: Vectors, part: slice) -> Vectors:
    """One part of each vector, brought back to unit length; a part of zeros stays zeros."""
    chosen = vectors[:, part]
    lengths = np.linalg.norm(chosen, axis=1, keepdims=True)
    return np.asarray(chosen / np.maximum(lengths, 1e-12), np.float32)


def measure(case: Retrieval, embed: Embedder, part: slice) -> dict[str, float]:
    """Recall at each depth, and at 1 in the other direction where texts ask."""
    query_vectors = unit(embed(item for item, _key in case.queries), part)
    item_vectors = unit(embed(item for item, _key in case.items), part)
    scores = query_vectors @ item_vectors.T
    query_keys = np.array([key for _item, key in case.queries])
    item_keys = np.array([key for _item, key in case.items])
    relevant = query_keys[:, None] == item_keys[None, :]
    ranks = best_ranks(scores, relevant)
    metrics = {f"{case.kind} R@{k}": recall_at(ranks, k) for k in DEPTHS}
    if case.kind == "text to image":
        metrics["image to text R@1"] = recall_at(best_ranks(scores.T, relevant.T), 1)
    return metrics


def captioned(
    name: str, pictures: Iterable[Picture], column: str = "caption_en", quick: bool = False
) -> Retrieval:
    """Make the case in which distinct captions of one column find the pictures they belong to."""
    pairs = [(picture[column], Path(picture["image"])) for picture in pictures if picture[column]]
    captions = dict.fromkeys(caption for caption, _path in pairs)
    return Retrieval(
        name,
        queries=[(caption, caption) for caption in captions],
        items=[(path, caption) for caption, path in pairs],
        quick=quick,
    )


def retrieval_cases() -> list[Retrieval]:
    """Every retrieval case, in the order of the table."""
    gcompris = pictures_of("gcompris")
    photos = [picture for picture in gcompris if picture["style"] == "photo"]
    titled = [picture for picture in photos if "explore" in picture["id"]]
    stamps = [picture for picture in pictures_of("stamps") if picture["category"] != "symbols"]
    stamps_test = [picture for picture in stamps if picture["split"] == "test"]
    photo_stamps = [picture for picture in stamps if picture["style"] == "photo"]
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
        captioned("emoji of a seen style, English", noto, quick=True),
        captioned("emoji of a seen style, Chinese", noto, "caption_zh", quick=True),
        captioned("emoji of an unseen style, English", openmoji, quick=True),
        captioned("emoji of an unseen style, Chinese", openmoji, "caption_zh"),
        _emoji_styles(noto, openmoji),
        _stamps_to_emoji(photo_stamps, every_noto),
    ]


def emoji_test(style: str) -> list[Picture]:
    """The emoji test split in one style; concepts differ from all that were trained on."""
    return [
        picture
        for picture in pictures_of("emoji")
        if picture["split"] == "test" and picture["style"] == style
    ]


def language_cases() -> list[Retrieval]:
    """Emoji captions in every language but English and Chinese, a case for each."""
    pictures = emoji_test("noto")
    captions = [json.loads(picture["captions"]) for picture in pictures]
    languages = sorted(set().union(*captions) - {"en", "zh"})
    return [
        captioned(
            language,
            [
                {"image": picture["image"], "caption": labels.get(language, "")}
                for picture, labels in zip(pictures, captions, strict=True)
            ],
            "caption",
        )
        for language in languages
    ]


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


#: The categories of stamps as words, where the folder's name is none.
CATEGORY_WORDS = {"naturalforces": "natural forces"}


def zero_shot(system: str, encoder: Encoder, embed: Embedder, part: slice) -> list[Row]:
    """Top-1 accuracy over the categories of stamps, without training; ties are wrong."""
    stamps = [picture for picture in pictures_of("stamps") if picture["category"] != "symbols"]
    categories = sorted({picture["category"] for picture in stamps})
    labels = [CATEGORY_WORDS.get(category, category) for category in categories]
    classes = unit(ZeroShotClassifier(encoder, labels).vectors, part)
    scores = unit(embed(Path(picture["image"]) for picture in stamps), part) @ classes.T
    truth = np.array([[picture["category"] == c for c in categories] for picture in stamps])
    accuracy = recall_at(best_ranks(scores, truth), 1)
    case = f"zero-shot, {len(categories)} categories of stamps ({len(stamps)} pictures)"
    return table_rows(case, system, {"top-1 accuracy": accuracy})
