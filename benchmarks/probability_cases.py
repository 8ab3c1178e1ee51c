"""What `python -m benchmarks probabilities` measures on, and `recipes.mini.probabilities` fits to.

Each set of pictures is a collection; its questions are those of `yes_no_cases.py`, of which
everybody would say which pictures they fit; the pictures of which nobody could say are left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import rows as pictures_of
from benchmarks.quality import Embedder
from benchmarks.yes_no_cases import Case, cases, questions
from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import ordinary_media, ordinary_words, reference_questions
from sensorium.ranking.abstaining import Ordinary
from sensorium.ranking.calibration import Calibration, Chance, Rule
from sensorium.ranking.scale import Samples

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

DEPTH = 10  # hits of a question
FITS, FAILS, UNSAID = 1, 0, -1

#: Styles of emoji that drawings of validation are asked for in, by a drawing of another style.
STYLES = ("noto", "openmoji", "fluent", "fluent3d", "twemoji")


@dataclass(frozen=True)
class Asked:
    """A collection of vectors and what is asked of it.

    Attributes
    ----------
    name
        The case, as in the table.
    modality
        Of the questions.
    segments, questions
        Unit vectors, shapes (m, d) and (n, d).
    fits
        `FITS`, `FAILS` or `UNSAID`, shape (n, m).
    named
        Which questions are the names of pictures, and no common nouns above them; shape (n,).
    words, ordinary
        Vectors of reference questions, and of ordinary segments.
    kind
        The modality of the segments.
    """

    name: str
    modality: str
    segments: Vectors
    questions: Vectors
    fits: npt.NDArray[np.int8]
    named: npt.NDArray[np.bool_]
    words: Vectors
    ordinary: Vectors
    kind: str = "image"

    def part(self, start: int, end: int) -> "Asked":
        """The same in a space that is a part of the vectors, as if it were another encoder's."""
        names = ("segments", "questions", "words", "ordinary")
        return replace(self, **{name: cut(getattr(self, name), start, end) for name in names})

    def mapped(self, matrix: Vectors) -> "Asked":
        """The same in a space that a matrix leads to."""
        names = ("segments", "questions", "words", "ordinary")
        return replace(self, **{
            name: cut(getattr(self, name) @ matrix, 0, matrix.shape[1]) for name in names
        })  # fmt: skip

    def some(self, count: int, rng: np.random.Generator) -> "Asked":
        """The same of a smaller collection."""
        chosen = rng.permutation(len(self.segments))[:count]
        return replace(self, segments=self.segments[chosen], fits=self.fits[:, chosen])


def cut(vectors: Vectors, start: int, end: int) -> Vectors:
    """Some dimensions, brought to unit length."""
    part = vectors[:, start:end]
    return np.asarray(part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12))


def picture_cases(split: str) -> list[Case]:
    """The collections of a split; those of "test" chose and fitted nothing."""
    stamps = [
        row
        for row in pictures_of("stamps")
        if row["split"] == split and row["category"] != "symbols"
    ]
    found = cases(split)
    if split == "val":
        found.append(Case("stamps", stamps))
        for style in ("openmoji", "fluent3d"):
            emoji = [r for r in pictures_of("emoji") if (r["split"], r["style"]) == (split, style)]
            found.append(Case(f"emoji, {style}", emoji))
    return [*found, Case("stamps, Chinese names", stamps, "caption_zh", nouns=False)]


def asked_in_words(encoder: Encoder, split: str, quick: bool = False) -> Iterator[Asked]:
    """Pictures and the words that ask for them."""
    embed = Embedder(encoder)
    words, pictures = ordinary_words(encoder, encoder.prompts), ordinary_media(encoder, "image")
    for case in picture_cases(split):
        if quick and "sample" not in case.name:
            continue
        put = questions(case)
        paths = [Path(picture["image"]) for picture in case.pictures]
        labels = [question.label for question in put]
        embed.learn([*paths, *labels], case.name)
        fits = np.full((len(put), len(paths)), UNSAID, np.int8)
        for row, question in zip(fits, put, strict=True):
            row[question.fits], row[question.fails] = FITS, FAILS
        names = {picture[case.names] for picture in case.pictures}
        yield Asked(
            case.name, "text", embed(paths), embed(labels, asking=True), fits,
            np.array([label in names for label in labels]), words, pictures,
        )  # fmt: skip


def asked_for_texts(encoder: Encoder) -> Iterator[Asked]:
    """The long texts of photos, and the keywords of emoji, and the same words that ask for them."""
    embed = Embedder(encoder)
    photos = [row for row in pictures_of("gcompris") if row["style"] == "photo" and row["text_en"]]
    emoji = [r for r in pictures_of("emoji") if (r["split"], r["style"]) == ("test", "noto")]
    told = [row["text_en"] for row in photos], [row["tags_en"].replace("|", ", ") for row in emoji]
    for name, shown, texts in zip(
        ("long texts of photos", "keywords of emoji"), (photos, emoji), told, strict=True
    ):
        put = questions(Case(name, shown))
        labels = [question.label for question in put]
        embed.learn([*texts, *labels], name)
        fits = np.full((len(put), len(texts)), UNSAID, np.int8)
        for row, question in zip(fits, put, strict=True):
            row[question.fits], row[question.fails] = FITS, FAILS
        words = reference_questions(encoder, "text")
        assert words is not None  # whoever encodes texts has these
        yield Asked(
            name, "text", embed(texts), embed(labels, asking=True), fits,
            np.ones(len(labels), bool), words, ordinary_media(encoder, "text"), "text",
        )  # fmt: skip


def asked_by_pictures(encoder: Encoder, split: str) -> Iterator[Asked]:
    """Emoji of one style, asked for by those of another: what shows the same is relevant."""
    embed = Embedder(encoder)
    pictures = ordinary_media(encoder, "image")
    styles = STYLES if split == "val" else ("noto", "openmoji")
    drawn = {
        style: [r for r in pictures_of("emoji") if (r["split"], r["style"]) == (split, style)]
        for style in styles
    }
    for style, asking in drawn.items():
        embed.learn([Path(row["image"]) for row in asking], style)
    for one in styles:
        for other in styles:
            if one == other:
                continue
            concepts = [
                np.array([row["concept"] for row in drawn[style]]) for style in (one, other)
            ]
            asking, stored = (embed([Path(r["image"]) for r in drawn[s]]) for s in (one, other))
            fits = (concepts[0][:, None] == concepts[1][None]).astype(np.int8)
            yield Asked(
                f"{one} emoji for {other} ones", "image", stored, asking, fits,
                np.ones(len(asking), bool), pictures, pictures,
            )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """The first hits of every question.

    Attributes
    ----------
    surprises, cosines
        Shape (n, k); NaN where there are fewer hits.
    fits
        `FITS`, `FAILS` or `UNSAID`, shape (n, k).
    standings
        Of the question with its first hit, shape (n,).
    """

    surprises: Numbers
    cosines: Numbers
    fits: npt.NDArray[np.int8]
    standings: Numbers

    def known(self) -> tuple[Numbers, Numbers, Numbers]:
        """Surprises, cosines, and whether they fit, of the hits of which that can be said."""
        said = self.fits != UNSAID
        return self.surprises[said], self.cosines[said], self.fits[said].astype(np.float64)


def search(
    asked: Asked,
    calibrations: Mapping[str, Calibration] | None = None,
    *,
    without: Callable[[npt.NDArray[np.int8]], npt.NDArray[np.bool_]] | None = None,
    chosen: Sequence[int] | None = None,
) -> Found:
    """Ask every question, as a collection would.

    Parameters
    ----------
    asked
        What of what.
    calibrations
        See `Chance`; they do not change what is returned.
    without
        Says by a row of `fits` which segments are taken out before the question is asked.
    chosen
        Numbers of the questions; all unless given.
    """
    rows = range(len(asked.questions)) if chosen is None else chosen
    surprises, cosines, fits, standings = [], [], [], []
    whole = chance_of(asked, asked.segments, calibrations)
    ordinary = Ordinary.of(asked.words, asked.ordinary)
    for row in rows:
        kept = np.ones(len(asked.segments), bool)
        chance = whole
        if without is not None:
            kept = ~without(asked.fits[row])
            # The tail hardly knows of one picture; what chance gives this question does.
            chance = chance_of(asked, asked.segments[kept], calibrations)
            chance._tails.update(whole._tails)
        question, segments = asked.questions[row], asked.segments[kept]
        near = segments @ question
        order = np.argsort(-near, kind="stable")[:DEPTH]
        rule = rule_of(chance, asked.modality, question, len(segments))
        surprises.append(rule.surprise(near[order].astype(np.float64)))
        cosines.append(near[order].astype(np.float64))
        fits.append(asked.fits[row][kept][order])
        standing = ordinary.standing(question, segments[order[0]])
        standings.append(np.nan if standing is None else standing)
    return Found(np.array(surprises), np.array(cosines), np.array(fits), np.array(standings))


def chance_of(
    asked: Asked, segments: Vectors, calibrations: Mapping[str, Calibration] | None = None
) -> Chance:
    """What chance gives in a collection of some segments."""
    samples = Samples.of({asked.kind: segments}, {asked.kind: asked.ordinary})
    return Chance(samples, {asked.modality: asked.words}.get, calibrations or {})


def rule_of(chance: Chance, modality: str, question: Vectors, count: int) -> Rule:
    """The rule of one question among `count` segments."""
    (kind,) = chance.samples.vectors
    return chance.judge(modality, chance.samples.scale(question), {kind: count}).rules[kind]
