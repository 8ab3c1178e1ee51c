"""Retrieval and zero-shot accuracy of encoders on the fetched sets, and whether they differ.

    python -m benchmarks quality [ENCODER ...] [--quick] [--json FILE] [--card]

Text to image: each distinct caption asks, and the pictures that carry it are the right answers;
image to text is the reverse. The baseline is ConSE as published (Norouzi et al., 2014) on the same
frozen towers; an encoder whose `encoder.json` names its parts is also measured on the first part
alone, which is ConSE with everything that the recipe adds to it. `mini` was trained on none of
these pictures, and on no concept of the emoji test split; the validation split of clipart, of
which one zero-shot case takes pictures, chose its settings.

The first encoder is compared with every other one and with the baseline, case by case and query
by query: the difference with its 95% interval, and the p-value of a paired randomisation test,
Holm-corrected over all cases and metrics of one rival. The interval is of each case alone, so it
may leave out zero where the corrected test says nothing. Ties count against each system.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from benchmarks.card import CARD, write_table
from benchmarks.cases import (
    Item,
    Retrieval,
    ZeroShot,
    language_cases,
    retrieval_cases,
    zero_shot_cases,
)
from benchmarks.comparison import (
    Outcome,
    Outcomes,
    compare_systems,
    differences,
    pooled,
    print_differences,
    scores,
)
from benchmarks.rows import Row, print_table
from sensorium import Image, Text, ZeroShotClassifier, load_encoder
from sensorium.encoders import Encoder
from sensorium.encoders.base import Role
from sensorium.encoders.registry import shipped_encoders
from sensorium.evaluation.classification import top_k_accuracy
from sensorium.evaluation.retrieval import rank_relevance, reciprocal_rank, success_at
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


class Embedder:
    """Encodes each item once, however many cases ask for it.

    An encoder that tells what is sought from what is searched encodes each item as either.
    """

    def __init__(self, encoder: Encoder):
        self.encoder = encoder
        self.asks_alike = not encoder.tells_queries_apart
        self._stored: dict[Item, Vectors] = {}
        self._asking: dict[Item, Vectors] = self._stored if self.asks_alike else {}

    def learn(self, items: Iterable[Item], about: str) -> None:
        """Encode what is not known yet, with a progress bar on a terminal."""
        wanted = list(dict.fromkeys(items))
        self._learn("document", self._stored, wanted, about)
        self._learn("query", self._asking, wanted, about)

    def _learn(
        self, role: Role, known: dict[Item, Vectors], wanted: list[Item], about: str
    ) -> None:
        fresh = [item for item in wanted if item not in known]
        fresh.sort(key=lambda item: isinstance(item, Path))
        batches = [fresh[start : start + BATCH] for start in range(0, len(fresh), BATCH)]
        console = Console(stderr=True)
        for batch in track(
            batches, about, console=console, disable=not sys.stderr.isatty(), transient=True
        ):
            media = [Image(item) if isinstance(item, Path) else Text(item) for item in batch]
            known.update(zip(batch, self.encoder.encode(media, role=role), strict=True))

    def __call__(self, items: Iterable[Item], *, asking: bool = False) -> Vectors:
        """Return the vectors of items that were learnt; shape (n, d)."""
        known = self._asking if asking else self._stored
        return np.stack([known[item] for item in items])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "encoders",
        nargs="*",
        default=["mini"],
        metavar="ENCODER",
        help="default: mini; the first is compared with the others",
    )
    parser.add_argument("--card", action="store_true", help=f"rewrite the table of {CARD.name}")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every encoder on every case, and compare the first with the others."""
    baseline = sensorium_home() / BASELINE
    if not baseline.is_dir():
        print(f"no baseline: `python -m recipes.mini` writes it to {baseline}", file=sys.stderr)
    encoders = named_encoders([*arguments.encoders, *([baseline] if baseline.is_dir() else [])])
    first, *rivals = encoders
    if arguments.card and (arguments.quick or encoders[first].space.name != "mini"):
        raise SystemExit("--card needs all of mini's table: name mini first, without --quick")
    if arguments.card and not baseline.is_dir():
        raise SystemExit("--card needs the baseline")
    cases = [case for case in retrieval_cases() if case.quick or not arguments.quick]
    languages = [] if arguments.quick else language_cases()
    choices = [] if arguments.quick else zero_shot_cases()
    outcomes: Outcomes = {}
    for name, encoder in encoders.items():
        outcomes |= measure_encoder(name, encoder, cases, languages, choices)
    rows = [
        Row("quality", case, system, metric, outcome.mean)
        for system, measured in outcomes.items()
        for case, metrics in measured.items()
        for metric, outcome in metrics.items()
    ]
    rows += [
        Row("quality", str(case), FLOOR, metric, value)
        for case in cases
        for metric, value in FLOOR_FIGURES.get(case.name, {}).items()
    ]
    for difference in compare_systems(outcomes, first, rivals):
        rows += difference.rows()
    if arguments.card:
        write_table(rows, CARD)
    return rows


def show(rows: list[Row]) -> None:
    """Print the figures, and after them the comparisons."""
    print_table(scores(rows))
    print_differences(differences(rows))


def named_encoders(names: Sequence[str | Path]) -> dict[str, Encoder]:
    """Load encoders, by the name each has in the table.

    A folder is called after its space and the version in its `encoder.json`, so that two versions
    can be told apart.

    Raises
    ------
    SystemExit
        Two of them have the same name, so their figures would stand in one column.
    """
    encoders: dict[str, Encoder] = {}
    for name in names:
        encoder = load_encoder(name)
        version = getattr(encoder, "config", {}).get("version", "")
        shipped = name in shipped_encoders()
        system = encoder.space.name if shipped else f"{encoder.space.name} {version}".strip()
        if system in encoders:
            raise SystemExit(
                f"two encoders are called {system!r}, the second is {name}: name each once, and "
                'give them different versions ("version" in encoder.json)'
            )
        encoders[system] = encoder
    return encoders


def measure_encoder(
    name: str,
    encoder: Encoder,
    cases: Sequence[Retrieval],
    languages: Sequence[Retrieval],
    choices: Sequence[ZeroShot],
) -> Outcomes:
    """Measure the systems inside one encoder on every case; `languages` become one case."""
    embed = Embedder(encoder)
    asked = [item for case in [*cases, *languages] for item, _key in case.queries]
    found = [item for case in cases for item, _key in case.items]
    seen = [picture for case in choices for picture in case.pictures]
    embed.learn([*asked, *found, *seen], f"encoding with {name}")
    outcomes: Outcomes = {}
    for system, part in parts_of(name, encoder):
        measured = {str(case): measure(case, embed, part) for case in cases}
        if languages:
            title = f"emoji of a seen style, mean of {len(languages)} more languages"
            measured[title] = pooled([measure(case, embed, part) for case in languages])
        for choice in choices:
            labels = ZeroShotClassifier(encoder, choice.labels).vectors
            measured[str(choice)] = measure_zero_shot(choice, labels, embed, part)
        outcomes[system] = measured
    return outcomes


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


def measure(case: Retrieval, embed: Embedder, part: slice) -> dict[str, Outcome]:
    """Success at each depth and reciprocal rank; success at 1 in the other direction of texts."""
    queries, items = ([item for item, _key in side] for side in (case.queries, case.items))
    cosines = unit(embed(queries, asking=True), part) @ unit(embed(items), part).T
    query_keys = [key for _item, key in case.queries]
    item_keys = [key for _item, key in case.items]
    relevant = np.array(query_keys)[:, None] == np.array(item_keys)[None, :]
    ranked = rank_relevance(cosines, relevant)
    units = query_keys if case.units is None else case.units
    metrics = {f"{case.kind} R@{k}": Outcome(success_at(ranked, k), units) for k in DEPTHS}
    metrics[f"{case.kind} MRR"] = Outcome(reciprocal_rank(ranked), units)
    if case.kind == "text to image":
        back = cosines.T
        if not embed.asks_alike:
            back = unit(embed(items, asking=True), part) @ unit(embed(queries), part).T
        reverse = rank_relevance(back, relevant.T)
        metrics["image to text R@1"] = Outcome(success_at(reverse, 1), item_keys)
    return metrics


def measure_zero_shot(
    case: ZeroShot, labels: Vectors, embed: Embedder, part: slice
) -> dict[str, Outcome]:
    """Whether each picture is nearest to the label of its class, without training."""
    cosines = unit(embed(case.pictures), part) @ unit(labels, part).T
    return {"top-1 accuracy": Outcome(top_k_accuracy(cosines, case.classes), case.units)}
