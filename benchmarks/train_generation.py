"""Captions and translations of what was never seen, against the nearest neighbour's.

    python -m benchmarks train --part generation [--quick] [--json FILE]

**Captions.** A small decoder is trained on what frozen `mini` sees in emoji (Noto, Fluent and
Twemoji, training concepts) and clip art, and on what similar pictures are called. It is tested on
emoji of unseen concepts, unseen clip art, and stamps, of which it has seen no kind. The baseline
gives each picture the caption of the nearest training picture by the same encoder. OpenMoji is not
used; `mini` was trained on the same training pictures and on none of the others.

**Translations.** A small seq2seq model is trained from nothing on the English and German labels of
the training concepts, flags among them, and tested on unseen ones. The baseline gives each text
the translation of the nearest training text by `mini`'s vectors. It wins: 1,412 labels teach no
words beyond their own (docs/training/generation.md).

Differences come with a paired randomisation test, Holm-corrected over the scores of one set;
concepts of one cluster (a man, a woman and a person of one profession) count as one example.
Hyperparameters were chosen on the validation splits.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.rows import Row, print_table
from sensorium.data.examples import Examples
from sensorium.data.pairs import text_pairs
from sensorium.data.sources import Picture as Opened
from sensorium.evaluation.text_generation import SCORES
from sensorium.tasks.generating import Search
from sensorium.training.captioner import train_captioner
from sensorium.training.captioner_on_features import Design
from sensorium.training.generation_report import BASELINE, Example, GenerationReport, compared
from sensorium.training.loop import Settings
from sensorium.training.new_models import Shape
from sensorium.training.translator import train_translator

BENCHMARK = "train/generation"

OURS = "trained"

STYLES = ("noto", "fluent", "twemoji")

DESIGN = Design(
    vocabulary=2000, shape=Shape(128, 1, 4, 0.1), neighbours=4, views=1, dropout=0.3,
    label_smoothing=0.1,
)  # fmt: skip
CAPTIONING = Settings(epochs=5, batch_size=16, learning_rate=1.5e-3, warmup=0.05)
CAPTION_SEARCH = Search(beams=5, max_length=16)

TRANSLATING = Settings(epochs=12, batch_size=16, learning_rate=1e-3, warmup=0.05)
TRANSLATION_SHAPE = Shape(128, 2, 4, 0.2)
LANGUAGE = "de"

SHOWN = 12
"""Texts that are printed for each set."""

QUICK = 12
"""With --quick every so-manieth training picture is taken, and test picture likewise."""


def run(arguments: argparse.Namespace) -> list[Row]:
    """Train and measure both."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_captions(Path(folder) / "captioner", arguments.quick),
            *_translations(Path(folder) / "translator", arguments.quick),
        ]


def show(rows: list[Row]) -> None:
    """Print scores, and then differences."""
    tests = ("p (Holm)", "difference", "interval from", "interval to")
    print_table([row for row in rows if row.metric.split(": ")[-1] not in tests])
    print_table([row for row in rows if row.metric.split(": ")[-1] in tests])


def captioned(split: str) -> list[Picture]:
    """Pictures of one split with English captions: emoji first, then clip art."""
    emoji = [
        row
        for row in pictures_of("emoji")
        if row["split"] == split
        and row["style"] in (STYLES if split == "train" else STYLES[:1])
        and not row["dup_in_style"]
    ]
    clipart = [
        row
        for row in pictures_of("clipart")
        if row["split"] == split and row["quality"] == "good" and row["caption_lang"] == "en"
    ]
    return emoji + clipart


def _captions(folder: Path, quick: bool) -> list[Row]:
    stamps = [
        row
        for row in pictures_of("stamps")
        if row["split"] == "test" and row["category"] != "symbols"
    ]
    step = QUICK if quick else 1
    parts = [captioned("train")[::step], captioned("val")[::step]]
    parts.append([*captioned("test"), *stamps][::step])
    groups = {row["id"]: row.get("cluster") or row["concept"] for part in parts for row in part}
    data = [_pictures(part) for part in parts]
    report = train_captioner(
        data[0], folder, validation=data[1], test=data[2], groups=groups, design=DESIGN,
        settings=CAPTIONING, search=CAPTION_SEARCH,
    )  # fmt: skip
    sets = ("", "emoji", "clipart", "stamps")
    return _rows_of(report, sets, groups, "captions", lowercase=True)


def _pictures(rows: Iterable[Picture]) -> Examples:
    chosen = list(rows)
    return Examples(
        [row["id"] for row in chosen],
        [Opened.of_file(Path(row["image"])) for row in chosen],
        texts=[[row["caption_en"].lower().rstrip(".")] for row in chosen],
    )


def _translations(folder: Path, quick: bool) -> list[Row]:
    concepts = {row["concept"]: row for row in pictures_of("emoji")}
    texts: dict[str, dict[str, list[str]]] = {"train": {}, "val": {}, "test": {}}
    groups: dict[str, str] = {}
    for row in [*concepts.values()][:: QUICK if quick else 1]:
        german = json.loads(row["captions"]).get(LANGUAGE, "")
        if german:
            split = "train" if row["split"] == "flags" else row["split"]
            texts[split].setdefault(row["caption_en"], []).append(german)
            groups[row["caption_en"]] = row["cluster"]
    train, validation, test = (text_pairs(texts[split]) for split in ("train", "val", "test"))
    report = train_translator(
        train, folder, validation=validation, test=test, groups=groups, language=LANGUAGE,
        vocabulary=1500, shape=TRANSLATION_SHAPE, settings=TRANSLATING,
        search=Search(beams=5, max_length=32),
    )  # fmt: skip
    return _rows_of(report, ("",), groups, "English to German")


def _rows_of(
    report: GenerationReport,
    sets: Sequence[str],
    groups: Mapping[str, str],
    case: str,
    *,
    lowercase: bool = False,
) -> list[Row]:
    """Scores of each set of examples, told by how their names begin, beside the baseline's."""
    rows = [Row(BENCHMARK, case, OURS, "training", report.seconds, "s")]
    language = LANGUAGE if report.kind == "translator" else "en"
    for name in sets:
        chosen = [one for one in report.examples if one.name.startswith(name)]
        found = compared(
            report.kind,
            [one.text for one in chosen],
            [one.baseline for one in chosen],
            [one.right for one in chosen],
            folder=report.folder, language=language, lowercase=lowercase, counts={},
            groups=[groups[one.name] for one in chosen],
        )  # fmt: skip
        title = f"{case}, {name or 'all unseen'} ({len(chosen)})"
        _print_examples(title, chosen)
        for score in SCORES:
            ours, theirs = found.scores[score], found.baseline[score]
            rows.append(Row(BENCHMARK, title, OURS, score, ours.estimate))
            rows.append(Row(BENCHMARK, title, BASELINE, score, theirs.estimate))
            change = found.comparison[score]
            for metric, value in (
                ("difference", change.difference),
                ("interval from", change.low),
                ("interval to", change.high),
                ("p (Holm)", change.p),
            ):
                rows.append(Row(BENCHMARK, title, OURS, f"{score}: {metric}", value))
    return rows


def _print_examples(title: str, examples: Sequence[Example]) -> None:
    """Print some texts on standard error, right and wrong as they come."""
    console = Console(stderr=True, highlight=False)
    console.print(title)
    step = max(1, len(examples) // SHOWN)
    for one in examples[::step][:SHOWN]:
        line = f"  {one.right[0]} | {one.text} | {one.baseline}"
        console.print(line, markup=False, soft_wrap=True)
