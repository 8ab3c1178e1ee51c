"""Captions in capitals: what becomes of them by each rule, and whether ordinary text loses.

    python -m benchmarks capitals [--quick] [--json FILE]

Captions of test splits find their pictures as they are written, wholly in capitals, and with their
longest word in capitals. `mini` reads capitals in small letters by `sensorium.encoders.capitals`;
its rivals read them as they are written (as `mini` did), lower everything, or write each word with
a capital letter. The rule was chosen on validation splits. Differences to reading as written are
paired by query, with their 95% interval.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.cases import Item, Retrieval, all_stamps, captioned, emoji_test, pictures_of
from benchmarks.comparison import Outcome, compare_outcomes
from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium import Image, Text
from sensorium.encoders import FolderEncoder
from sensorium.encoders.capitals import in_small_letters
from sensorium.encoders.registry import shipped_encoders
from sensorium.evaluation.retrieval import rank_relevance, success_at

#: Languages whose script has capitals, of those in which `mini` is measured.
LANGUAGES = ("de", "ru", "fr", "es", "pl", "nl", "sv", "fi", "hu", "it", "uk")
QUICK_LANGUAGES = LANGUAGES[:2]

Vectors = npt.NDArray[np.float32]


class _AsWritten(FolderEncoder):
    """Texts in capitals as other texts, as before there was a rule."""

    def as_read(self, text: str) -> str:
        return text


def _longest_in_capitals(text: str) -> str:
    words = re.findall(r"[^\W\d_]+", text)
    longest = max(words, key=len, default="")
    return text.replace(longest, longest.upper(), 1)


FORMS: dict[str, Callable[[str], str]] = {
    "as written": str,
    "in capitals": str.upper,
    "longest word in capitals": _longest_in_capitals,
}


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure each rule on each case and form."""
    encoder = _AsWritten(shipped_encoders()["mini"])

    def small(text: str) -> str:
        return in_small_letters(text, encoder._pieces)

    systems: dict[str, Callable[[str], str]] = {
        "read as written": str,
        "mini": small,
        "all in small letters": str.lower,
        "each word with a capital": str.title,
    }
    rows = []
    known: dict[Item, Vectors] = {}
    for case in _cases(QUICK_LANGUAGES if arguments.quick else LANGUAGES):
        captions = [str(query) for query, _ in case.queries]
        changed = np.mean([small(caption) != caption for caption in captions])
        rows.append(Row("capitals", str(case), "mini", "captions that change", float(changed)))
        for form, written in FORMS.items():
            title = f"{case}, {form}"
            asked = {
                system: [rule(written(caption)) for caption in captions]
                for system, rule in systems.items()
            }
            _learn(encoder, known, [text for texts in asked.values() for text in texts], case)
            found = {system: _outcomes(case, texts, known) for system, texts in asked.items()}
            for system, metrics in found.items():
                for metric, outcome in metrics.items():
                    rows.append(Row("capitals", title, system, metric, outcome.mean))
                    if system == "read as written":
                        continue
                    difference = compare_outcomes(
                        title, metric, (system, outcome),
                        ("read as written", found["read as written"][metric]),
                    )  # fmt: skip
                    for end, value in zip(
                        ("difference", "low", "high"),
                        (difference.value, difference.low, difference.high),
                        strict=True,
                    ):
                        rows.append(Row("capitals", title, system, f"{metric}, {end}", value))
    return rows


def _cases(languages: tuple[str, ...]) -> Iterator[Retrieval]:
    """English captions of each set, and captions in other languages."""
    stamps = [picture for picture in all_stamps() if picture["split"] == "test"]
    emoji = emoji_test("noto")
    photos = [picture for picture in pictures_of("gcompris") if picture["style"] == "photo"]
    yield captioned("sample photos, en", sample_rows())
    yield captioned("photos, en", photos)
    yield captioned("stamps, en", stamps)
    yield captioned("emoji, en", emoji)
    for name, pictures in (("stamps", stamps), ("emoji", emoji)):
        for language in languages:
            yield captioned(
                f"{name}, {language}",
                [p | {"caption": json.loads(p["captions"]).get(language, "")} for p in pictures],
                "caption",
            )


def _learn(
    encoder: FolderEncoder, known: dict[Item, Vectors], texts: list[str], case: Retrieval
) -> None:
    """Encode what is not known yet."""
    new: list[Item] = [text for text in dict.fromkeys(texts) if text not in known]
    new += [item for item, _ in case.items if item not in known]
    media = [Text(item) if isinstance(item, str) else Image(item) for item in new]
    known.update(zip(new, encoder.encode(media, role="query"), strict=True))


def _outcomes(case: Retrieval, texts: list[str], known: dict[Item, Vectors]) -> dict[str, Outcome]:
    cosines = (
        np.stack([known[text] for text in texts]) @ np.stack([known[i] for i, _ in case.items]).T
    )
    keys = [key for _, key in case.queries]
    relevant = np.array(keys)[:, None] == np.array([key for _, key in case.items])[None, :]
    ranked = rank_relevance(cosines, relevant)
    return {f"R@{k}": Outcome(success_at(ranked, k), keys) for k in (1, 10)}
