"""Training a model that captions pictures, and measuring it beside the nearest neighbour."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sensorium.data.examples import Examples
from sensorium.data.splits import split_three
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress, Said
from sensorium.media.skipped import Skipped
from sensorium.tasks.captioning_by_features import FeatureCaptions
from sensorium.tasks.captions import CAPTIONER, CaptionModel, Found
from sensorium.tasks.memory import Memory
from sensorium.tasks.visual_features import VECTOR, FeatureReader, VisualFeatures
from sensorium.training.captioner_on_features import (
    Design,
    FeatureTraining,
    new_captions,
    train_on_features,
)
from sensorium.training.generation_report import GenerationReport, compared

try:
    from sensorium.tasks.captioning_by_pixels import PixelCaptions
    from sensorium.tasks.generating import Search
    from sensorium.training.captioner_on_pixels import (
        PixelData,
        freeze_tower,
        train_on_pixels,
    )
    from sensorium.training.history import History
    from sensorium.training.loop import Settings
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

SETTINGS = Settings(epochs=12, batch_size=64, learning_rate=5e-4, weight_decay=0.05, warmup=0.1)
"""For a small decoder from nothing."""

FINE_TUNING = Settings(epochs=3, batch_size=16, learning_rate=5e-5, warmup=0.1)
"""For a pretrained model."""

READING = "reading pictures"


HELD_OUT = 0.1
"""Share of the groups that is held out for validation, and again for the test."""


def train_captioner(
    pairs: Examples,
    folder: str | Path,
    *,
    encoder: str = DEFAULT_ENCODER,
    design: Design | None = None,
    model: PixelCaptions | None = None,
    frozen: bool = False,
    validation: Examples | None = None,
    test: Examples | None = None,
    groups: Mapping[str, str] | None = None,
    language: str = "en",
    settings: Settings | None = None,
    search: Search | None = None,
    seed: int = 0,
    said: Said | None = None,
    progress: Progress | None = None,
) -> GenerationReport:
    """Train on captioned pictures; measure on pictures that were held out.

    Without `model`, a small decoder is trained on what a frozen encoder sees and on the captions
    of similar pictures (`Design`), which two processor cores do in minutes. With one, any
    captioning model of Transformers is fine-tuned.

    Parameters
    ----------
    pairs : Examples
        See `sensorium.data.captioned.read_captioned`.
    folder : path
        Gets the model in the format of Transformers, ``captioner.json``, ``report.json``, the
        history of the training and its curves.
    encoder : str
        What `load_encoder` takes: the frozen encoder, and the one whose vectors find the nearest
        known picture, the baseline.
    design : Design, optional
        Of the decoder on the frozen encoder.
    model : PixelCaptions, optional
        See `sensorium.training.captioner_on_pixels.pretrained_captions`.
    frozen : bool
        Keep the picture tower of `model` as it is; what it sees is then computed once.
    validation, test : Examples, optional
        Without them a tenth of the groups each is held out.
    groups : mapping of str to str, optional
        Group of each picture, of those for validation and test, too; default: its first caption.
        Pictures of one group are held out together.
    language : str
        Code of the captions' language; it decides how BLEU cuts words.
    settings : Settings, optional
        Default: `SETTINGS`, with a model `FINE_TUNING`.
    search : Search, optional
    seed : int
    said : callable, optional
        Called with what is done before and after the training; returns what takes pictures done
        and in all.
    progress : callable, optional
        See `sensorium.training.loop.train`.

    Returns
    -------
    GenerationReport
        Scores look past case.

    Raises
    ------
    UsageError
        When there are too few pictures, or `folder` holds something else.
    EncoderError
        When the encoder cannot be loaded, or encodes no pictures.
    """
    folder = Path(folder)
    reader = FeatureReader(
        load_encoder(encoder), encoder, spatial=model is None and (design or Design()).spatial
    )
    CAPTIONER.claim(folder, "checkpoints")
    search = search or Search()
    settings = settings or (SETTINGS if model is None else FINE_TUNING)
    parts = split_three(pairs, validation, test, groups, HELD_OUT, seed)
    captions: CaptionModel
    if model is None:
        captions, history, found, near, skipped = _on_features(
            reader,
            parts,
            design or Design(),
            folder,
            settings,
            search,
            language,
            seed,
            said or (lambda what: None),
            progress,
        )
    else:
        captions = model
        history, found, near, skipped = _on_pixels(
            model,
            reader,
            parts,
            frozen,
            folder,
            settings,
            search,
            language,
            said or (lambda what: None),
            progress,
        )
    rows = [row for row in found if row in near]
    data = parts[2].take(rows)
    report = compared(
        CAPTIONER.what, [found[row] for row in rows], [near[row] for row in rows], data.texts,
        names=data.names, folder=folder, language=language, lowercase=True, seed=seed,
        seconds=history.seconds, groups=data.groups,
        counts=dict(zip(("train", "validation", "test"), map(len, parts), strict=True)),
        skipped=[*(one for part in parts for one in part.skipped), *skipped],
    )  # fmt: skip
    CAPTIONER.write(
        folder,
        {
            **captions.save(folder), "language": language, "search": search,
            "settings": settings, "scores": report.scores,
        },
    )  # fmt: skip
    report.save()
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return report


Texts = dict[int, str]
"""By the row of the picture."""


def _on_features(
    reader: FeatureReader,
    parts: Sequence[Examples],
    design: Design,
    folder: Path,
    settings: Settings,
    search: Search,
    language: str,
    seed: int,
    said: Said,
    progress: Progress | None,
) -> tuple[FeatureCaptions, History, Texts, Texts, list[Skipped]]:
    views = [
        reader.read(parts[0].sources, parts[0].names, view=n, progress=said(READING))
        for n in range(design.views)
    ]
    held_out = [reader.read(part.sources, part.names, progress=said(READING)) for part in parts[1:]]
    for part, features in zip(parts, (views[0], *held_out), strict=True):
        require_some(features.rows, part)
    captions = new_captions(reader, views[0], parts[0], design, seed)
    training = FeatureTraining(captions, views, parts[0], search.max_length)
    history = train_on_features(
        training, (held_out[0], parts[1]), folder, settings, search,
        language=language, progress=progress,
    )  # fmt: skip
    features = held_out[1]
    said("captioning")
    candidates = captions.caption_features(features, search)
    agreed = captions.agreed(features, candidates, captions.trust)
    found = Found(features.rows, agreed, []).best
    near = _nearest(views[0], parts[0], features)
    skipped = [one for read in (views[0], *held_out) for one in read.skipped]
    return captions, history, found, near, skipped


def _on_pixels(
    model: PixelCaptions,
    reader: FeatureReader,
    parts: Sequence[Examples],
    frozen: bool,
    folder: Path,
    settings: Settings,
    search: Search,
    language: str,
    said: Said,
    progress: Progress | None,
) -> tuple[History, Texts, Texts, list[Skipped]]:
    if frozen:
        freeze_tower(model)
    learnt, validated = (PixelData.read(model, part, frozen=frozen) for part in parts[:2])
    for part, pictures in ((parts[0], learnt), (parts[1], validated)):
        require_some(pictures.data.names, part)
    history = train_on_pixels(
        learnt, validated, folder, settings, search, language=language, progress=progress
    )  # fmt: skip
    tested = model.caption(parts[2].sources, parts[2].names, search, said("captioning"))
    known, asked = (
        reader.read(part.sources, part.names, progress=said(READING))
        for part in (parts[0], parts[2])
    )
    skipped = [one for read in (learnt, validated) for one in read.skipped]
    near = _nearest(known, parts[0], asked)
    return history, tested.best, near, skipped + tested.skipped


def _nearest(known: VisualFeatures, data: Examples, features: VisualFeatures) -> Texts:
    """What the nearest known picture is called, by the encoder's vectors."""
    data = data.take(known.rows)
    memory = Memory(known.tokens[VECTOR][:, 0], [texts[0] for texts in data.texts], data.groups)
    places = memory.neighbours(features.tokens[VECTOR][:, 0].astype(np.float32), 1)
    return {row: memory.texts[near[0]] for row, near in zip(features.rows, places, strict=True)}


def require_some(read: Sequence[object], part: Examples) -> None:
    """Refuse a part of the data of which no picture could be read."""
    if not read:
        first = next(iter(part.names), None)
        raise UsageError(f"none of {len(part)} pictures could be read; the first is {first}")
