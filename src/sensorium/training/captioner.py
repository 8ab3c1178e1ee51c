"""Training a model that captions pictures, and measuring it beside the nearest neighbour."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.captioned import CaptionedPictures
from sensorium.data.splits import split_groups
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress, Said
from sensorium.media.skipped import Skipped
from sensorium.tasks.captioning import CAPTIONER, CaptionModel
from sensorium.tasks.captioning_by_features import FeatureCaptions
from sensorium.tasks.memory import Memory
from sensorium.tasks.visual_features import VECTOR, FeatureReader, VisualFeatures
from sensorium.training.captioner_on_features import (
    Design,
    FeatureTraining,
    new_captions,
    train_on_features,
)
from sensorium.training.generation_report import Example, Report, compared
from sensorium.training.grouped import Captioned

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
    pairs: CaptionedPictures,
    folder: str | Path,
    *,
    encoder: str = DEFAULT_ENCODER,
    design: Design | None = None,
    model: PixelCaptions | None = None,
    frozen: bool = False,
    validation: CaptionedPictures | None = None,
    test: CaptionedPictures | None = None,
    groups: Mapping[str, str] | None = None,
    language: str = "en",
    settings: Settings | None = None,
    search: Search | None = None,
    seed: int = 0,
    said: Said | None = None,
    progress: Progress | None = None,
) -> Report:
    """Train on captioned pictures; measure on pictures that were held out.

    Without `model`, a small decoder is trained on what a frozen encoder sees and on the captions
    of similar pictures (`Design`), which two processor cores do in minutes. With one, any
    captioning model of Transformers is fine-tuned.

    Parameters
    ----------
    pairs : CaptionedPictures
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
    validation, test : CaptionedPictures, optional
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
    Report
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
    parts = _parts(pairs, validation, test, groups, seed)
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
    data = parts[2]
    names = [name for name in data.pictures if name in found and name in near]
    right = [data.captions[name] for name in names]
    report = compared(
        CAPTIONER.what, [found[name] for name in names], [near[name] for name in names], right,
        folder=folder, language=language, lowercase=True, seed=seed, seconds=history.seconds,
        groups=[data.groups[name] for name in names],
        counts=dict(zip(("train", "validation", "test"), map(len, parts), strict=True)),
        examples=[
            Example(name, found[name], data.captions[name], near[name]) for name in names
        ],
        skipped=[*pairs.skipped, *skipped],
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


Texts = dict[str, str]


def _on_features(
    reader: FeatureReader,
    parts: Sequence[Captioned],
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
        reader.read(parts[0].pictures, view=n, progress=said(READING)) for n in range(design.views)
    ]
    held_out = [reader.read(part.pictures, progress=said(READING)) for part in parts[1:]]
    for part, features in zip(parts, (views[0], *held_out), strict=True):
        require_some(features.names, part)
    captions = new_captions(reader, views[0], parts[0], design, seed)
    training = FeatureTraining(captions, views, parts[0], search.max_length)
    history = train_on_features(
        training, (held_out[0], parts[1]), folder, settings, search,
        language=language, progress=progress,
    )  # fmt: skip
    features = held_out[1]
    said("captioning")
    candidates = captions.caption_features(features, search)
    found = _best(features.names, captions.agreed(features, candidates, captions.trust))
    near = _nearest(views[0], parts[0], features)
    skipped = [one for read in (views[0], *held_out) for one in read.skipped]
    return captions, history, found, near, skipped


def _on_pixels(
    model: PixelCaptions,
    reader: FeatureReader,
    parts: Sequence[Captioned],
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
        require_some(pictures.names, part)
    history = train_on_pixels(
        learnt, validated, folder, settings, search, language=language, progress=progress
    )  # fmt: skip
    tested = model.caption(parts[2].pictures, search, said("captioning"))
    known, asked = (
        reader.read(part.pictures, progress=said(READING)) for part in (parts[0], parts[2])
    )
    skipped = [one for data in (learnt, validated) for one in data.skipped] + tested.skipped
    return (
        history,
        _best(tested.names, tested.candidates),
        _nearest(known, parts[0], asked),
        skipped,
    )


def _nearest(known: VisualFeatures, data: Captioned, features: VisualFeatures) -> Texts:
    """What the nearest known picture is called, by the encoder's vectors."""
    memory = Memory(
        known.tokens[VECTOR][:, 0],
        [data.captions[name][0] for name in known.names],
        [data.groups[name] for name in known.names],
    )
    places = memory.neighbours(features.tokens[VECTOR][:, 0].astype(np.float32), 1)
    return {name: memory.texts[near[0]] for name, near in zip(features.names, places, strict=True)}


def _best(names: Sequence[str], candidates: Sequence[Sequence[tuple[str, Any]]]) -> Texts:
    return {
        name: texts[0][0] if texts else "" for name, texts in zip(names, candidates, strict=True)
    }


def require_some(names: Sequence[str], part: Captioned) -> None:
    """Refuse a part of the data of which no picture could be read."""
    if not names:
        first = next(iter(part.pictures), None)
        raise UsageError(f"none of {len(part)} pictures could be read; the first is {first}")


def _parts(
    pairs: CaptionedPictures,
    validation: CaptionedPictures | None,
    test: CaptionedPictures | None,
    groups: Mapping[str, str] | None,
    seed: int,
) -> list[Captioned]:
    """Pictures of training, validation and test, in this order."""
    data = Captioned.of(pairs, groups)
    shares = [HELD_OUT for part in (validation, test) if part is None]
    split = [data.take(names) for names in split_groups(data.groups, shares, seed)]
    given = [Captioned.of(validation, groups) if validation else split.pop(1)]
    given.append(Captioned.of(test, groups) if test else split.pop(1))
    return [split[0], *given]
