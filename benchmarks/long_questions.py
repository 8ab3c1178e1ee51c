"""Questions longer than what `mini` reads at once: cut off, or read in parts and put together.

    python -m benchmarks long_questions [--quick] [--json FILE]

Captions of one picture in many languages, joined, and stories of many pictures' captions (of the
validation and test splits), and GCompris's facts (test only) in the languages in which they are
long, find their pictures. The rule was chosen on validation. Systems: the text cut off where the
model's tokens end (as it was), the mean of the parts weighed by their length (`mini`), their plain
mean, the best part for each picture, and the first part. Differences to cutting off are paired by
question, with their 95% interval.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.cases import all_stamps, pictures_of
from benchmarks.comparison import Outcome, compare_outcomes
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.rows import Row
from sensorium import Image, Text, load_encoder
from sensorium.encoders import FolderEncoder
from sensorium.media import Modality

LANGUAGES = (
    "en", "de", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "uk", "da", "nb", "fi", "hu", "vi",
    "ja", "ko", "zh", "hi", "th",
)  # fmt: skip
STORY = 45
"""Captions of a story: about twice what the model reads at once."""
STORIES = 40

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """Long texts, the pictures that answer each, and what each is about."""

    name: str
    questions: Sequence[tuple[str, frozenset[str], str]]
    pictures: Sequence[str]


RULES: dict[str, Callable[[Vectors, Vectors], Vectors]] = {
    "mini": lambda cosines, lengths: lengths @ cosines,
    "plain mean": lambda cosines, lengths: cosines.mean(axis=0),
    "best part": lambda cosines, lengths: cosines.max(axis=0),
    "first part": lambda cosines, lengths: cosines[0],
}
CUT_OFF = "cut off"


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure each rule on each case; `--quick` takes a part of the questions."""
    encoder = load_encoder("mini")
    assert isinstance(encoder, FolderEncoder)
    rows = []
    for case in _cases(encoder, arguments.quick):
        pictures = encoder.encode([Image(picture) for picture in case.pictures])
        texts = [text for text, _, _ in case.questions]
        scores = {CUT_OFF: [*(encoder.encode([Text(text) for text in texts]) @ pictures.T)]}
        for text in texts:
            found = encoder._parts(encoder.config["text"]["prefix"], text)
            prepared = [{"input_ids": np.array(ids, np.int64)} for ids in found]
            cosines = encoder._unit_vectors(Modality.TEXT, prepared) @ pictures.T
            lengths = np.array([len(ids) for ids in found], np.float32)
            for name, rule in RULES.items():
                scores.setdefault(name, []).append(rule(cosines, lengths))
        rows += _compared(case, scores)
    return rows


def _compared(case: Case, scores: dict[str, list[Vectors]]) -> Iterator[Row]:
    units = [unit for _, _, unit in case.questions]
    title = f"{case.name} ({len(units)} questions × {len(case.pictures)} pictures)"
    outcomes: dict[str, dict[str, Outcome]] = {}
    for system, of_questions in scores.items():
        ranks = []
        for score, (_, right, _) in zip(of_questions, case.questions, strict=True):
            answers = np.array([picture in right for picture in case.pictures])
            order = answers[np.argsort(-score, kind="stable")]
            ten = order[:10].sum() / min(10, answers.sum())
            ranks.append((ten, 1 / (1 + int(order.argmax()))))
        for metric, values in zip(("recall@10", "MRR"), np.array(ranks).T, strict=True):
            outcomes.setdefault(metric, {})[system] = Outcome(values, units)
            yield Row("long_questions", title, system, metric, float(values.mean()))
    for metric, of_systems in outcomes.items():
        for system in RULES:
            found = compare_outcomes(
                title, metric, (system, of_systems[system]), (CUT_OFF, of_systems[CUT_OFF])
            )
            ends = {"difference": found.value, "low": found.low, "high": found.high}
            for end, value in ends.items():
                yield Row("long_questions", title, system, f"{metric}, {end}", value)


def _cases(encoder: FolderEncoder, quick: bool) -> Iterator[Case]:
    emoji = [picture for picture in pictures_of("emoji") if picture["style"] == "noto"]
    for split in ("val", "test"):
        for name, rows in (("emoji", emoji), ("stamps", all_stamps())):
            of_split = [row for row in rows if row["split"] == split]
            some = of_split[:: 4 if quick else 1]
            pictures = sorted({row["image"] for row in of_split})
            yield _long(
                encoder, f"{name} ({split}), captions in many languages", pictures,
                [(_in_many_languages(row), [row], row["concept"]) for row in some],
            )  # fmt: skip
            chance = random.Random(split)
            told = [chance.sample(of_split, min(STORY, len(of_split))) for _ in range(STORIES)]
            yield _long(
                encoder, f"{name} ({split}), stories of {STORY} captions", pictures,
                [(_story(rows), rows, str(n)) for n, rows in enumerate(told[:: 4 if quick else 1])],
            )  # fmt: skip
    facts = [row for row in pictures_of("gcompris") if row["text_en"] and row["style"] == "photo"]
    texts = [
        (text, [row], row["concept"])
        for row in facts
        for _, text in sorted(json.loads(row["text_i18n"]).items())
    ]
    yield _long(
        encoder, "GCompris (test), long facts", sorted({row["image"] for row in facts}),
        texts[:: 4 if quick else 1],
    )  # fmt: skip


def _long(
    encoder: FolderEncoder,
    name: str,
    pictures: list[str],
    texts: list[tuple[str, list[Picture], str]],
) -> Case:
    """Of texts those that are cut off."""
    most = encoder.config["text"]["max_tokens"]
    count = encoder._whole_tokenizer.encode
    prefix = encoder.config["text"]["prefix"]
    questions = [
        (text, frozenset(row["image"] for row in rows), unit)
        for text, rows, unit in texts
        if len(count(prefix + text).ids) > most
    ]
    return Case(name, questions, [str(Path(picture)) for picture in pictures])


def _in_many_languages(row: Picture) -> str:
    captions = json.loads(row["captions"])
    held = [language for language in LANGUAGES if captions.get(language)]
    random.Random(row["id"]).shuffle(held)  # what is cut off is not always in the same languages
    return ". ".join(captions[language].rstrip(".") for language in held) + "."


def _story(rows: list[Picture]) -> str:
    return " ".join(row["caption_en"].rstrip(".") + "." for row in rows)
