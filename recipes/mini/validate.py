"""What every choice of this recipe was made by: retrieval on the validation splits.

Beside the drawings of the styles that are trained on there are OpenMoji, a style that is not, and
the stamps' validation split, which holds 28 photographs; nothing is ever trained on either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import rows
from benchmarks.datasets.manifest import Row
from recipes.mini.pairs import Pair
from sensorium.evaluation.retrieval import first_ranks, rank_relevance

Vectors = npt.NDArray[np.float32]
LANGUAGES = ("en", "zh", "de", "ja")
SEEN, UNSEEN = "noto", "openmoji"  # one style a case: other styles would be right answers too


@dataclass(frozen=True)
class Case:
    """Pictures by their row in `pictures()`, and the caption of each."""

    name: str
    pictures: list[int]
    captions: list[str]


def pictures() -> tuple[list[Pair], list[Case]]:
    """Return the pictures of all cases, and the cases."""
    emoji = [row for row in rows("emoji") if row["split"] == "val"]
    stamps = [
        row for row in rows("stamps") if row["split"] == "val" and row["category"] != "symbols"
    ]
    photos = [row for row in stamps if row["style"] == "photo"]
    clipart = [
        row
        for row in rows("clipart")
        if row["split"] == "val" and row["quality"] == "good" and row["caption_lang"] == "en"
    ]
    wanted = [
        (f"emoji {code}", [row for row in emoji if row["style"] == SEEN], code)
        for code in LANGUAGES
    ]
    wanted.append(("emoji, unseen style en", [r for r in emoji if r["style"] == UNSEEN], "en"))
    for code in ("en", "zh"):
        wanted += [(f"stamps {code}", stamps, code), (f"photo stamps {code}", photos, code)]
    wanted.append(("clipart en", clipart, "en"))

    found: dict[str, int] = {}
    cases = []
    for name, chosen, code in wanted:
        captioned = [(row["image"], _caption(row, code)) for row in chosen if _caption(row, code)]
        indices = [found.setdefault(path, len(found)) for path, _ in captioned]
        cases.append(Case(name, indices, [caption for _, caption in captioned]))
    return [Pair(Path(path), {}, (), "validation", directed=True) for path in found], cases


def _caption(row: Row, code: str) -> str:
    column = f"caption_{code}"
    return row[column] if column in row else json.loads(row["captions"]).get(code, "")


def figures(
    cases: Sequence[Case],
    images: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    conse: int,
) -> dict[str, str]:
    """Return "R@1 / R@10" of text-to-image search, of all and of each part alone.

    The mean reciprocal rank over all cases stands first.
    """
    parts = {"mini": slice(None), "ConSE part": slice(0, conse), "projection": slice(conse, None)}
    result: dict[str, str] = {}
    means = {}
    for system, part in parts.items():
        reciprocal = []
        for case in cases:
            unique = sorted(set(case.captions))
            scores = _unit(embed(unique)[:, part]) @ _unit(images[case.pictures][:, part]).T
            relevant = np.array(unique)[:, None] == np.array(case.captions)[None]
            ranks = first_ranks(rank_relevance(scores, relevant))
            reciprocal.append((1 / ranks).mean())
            result[f"{case.name}, {system}"] = (
                f"{(ranks <= 1).mean():.3f} / {(ranks <= 10).mean():.3f}"
            )
        means[f"mean reciprocal rank, {system}"] = f"{np.mean(reciprocal):.3f}"
    return means | result


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
