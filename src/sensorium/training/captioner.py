"""Training a model that captions pictures, and measuring it beside the nearest neighbour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.captioned import read_captioned
from sensorium.data.examples import Examples
from sensorium.data.splits import split_three
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress, Said, silent
from sensorium.tasks.captions.captioner import Found
from sensorium.tasks.captions.memory import Memory
from sensorium.tasks.captions.visual_features import VECTOR, FeatureReader, VisualFeatures
from sensorium.tasks.formats import CAPTIONER
from sensorium.training.captioner_on_features import (
    Design,
    FeatureTraining,
    new_captions,
    train_on_features,
)
from sensorium.training.generation_report import GenerationReport

try:
    from sensorium.tasks.captions.by_pixels import PixelCaptions
    from sensorium.tasks.generating import Search
    from sensorium.training.captioner_on_pixels import (
        PixelData,
        freeze_tower,
        train_on_pixels,
    )
    from sensorium.training.loop import Settings
    from sensorium.training.writing import FINE_TUNING as FINE_TUNING
    from sensorium.training.writing import HELD_OUT, Writing
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

SETTINGS = Settings(epochs=12, batch_size=64, learning_rate=5e-4, weight_decay=0.05, warmup=0.1)
"""For a small decoder from nothing."""


def train_captioner(
    data: Any,
    folder: str | Path,
    *,
    encoder: str = DEFAULT_ENCODER,
    design: Design | None = None,
    model: PixelCaptions | None = None,
    frozen: bool = False,
    validation: Any = None,
    test: Any = None,
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
    data : str, path, Dataset, DataFrame or Examples
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
    validation, test : as `data`, optional
        Without them a tenth of the groups each is held out.
    groups : mapping of str to str, optional
        Group of each picture, of those for validation and test, too; default: its first caption.
        Pictures of one group are held out together.
    settings : Settings, optional
        Default: `SETTINGS`, with a model `FINE_TUNING`.
    language, search, seed, said, progress
        See `sensorium.training.writing.Writing`.

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
    data, validation, test = (
        part if part is None else read_captioned(part) for part in (data, validation, test)
    )
    design = design or Design()
    reader = FeatureReader(load_encoder(encoder), encoder, spatial=model is None and design.spatial)
    how = Writing(
        Path(folder), settings or (SETTINGS if model is None else FINE_TUNING), search or Search(),
        language, seed=seed, said=said or silent, progress=progress,
    )  # fmt: skip
    CAPTIONER.claim(how.folder, "checkpoints")
    parts = split_three(data, validation, test, groups, HELD_OUT, seed)
    if model is None:
        return _on_features(reader, parts, design, how)
    return _on_pixels(model, reader, parts, frozen, how)


def _on_features(
    reader: FeatureReader, parts: Sequence[Examples], design: Design, how: Writing
) -> GenerationReport:
    views = [_read(reader, parts[0], how, view) for view in range(design.views)]
    validated, tested = (_read(reader, part, how) for part in parts[1:])
    for part, features in zip(parts, (views[0], validated, tested), strict=True):
        require_some(features.rows, part)
    captions = new_captions(reader, views[0], parts[0], design, how.seed)
    training = FeatureTraining(captions, views, parts[0], how.search.max_length)
    history = train_on_features(training, (validated, parts[1]), how)
    how.said("captioning")
    candidates = captions.caption_features(tested, how.search)
    agreed = captions.agreed(tested, candidates, captions.trust)
    return how.finish(
        CAPTIONER, parts, Found(tested.rows, agreed, []).best, _nearest(views[0], parts[0], tested),
        captions.save, history=history,
        skipped=[one for read in (views[0], validated, tested) for one in read.skipped],
    )  # fmt: skip


def _on_pixels(
    model: PixelCaptions,
    reader: FeatureReader,
    parts: Sequence[Examples],
    frozen: bool,
    how: Writing,
) -> GenerationReport:
    if frozen:
        freeze_tower(model)
    learnt, validated = (PixelData.read(model, part, frozen=frozen) for part in parts[:2])
    for part, pictures in ((parts[0], learnt), (parts[1], validated)):
        require_some(pictures.data.names, part)
    history = train_on_pixels(learnt, validated, how)
    tested = model.caption(parts[2].sources, parts[2].names, how.search, how.said("captioning"))
    known, asked = (_read(reader, part, how) for part in (parts[0], parts[2]))
    return how.finish(
        CAPTIONER, parts, tested.best, _nearest(known, parts[0], asked), model.save,
        history=history,
        skipped=[one for read in (learnt, validated, tested) for one in read.skipped],
    )  # fmt: skip


def _read(reader: FeatureReader, part: Examples, how: Writing, view: int = 0) -> VisualFeatures:
    return reader.read(part.sources, part.names, view=view, progress=how.said("reading pictures"))


def _nearest(known: VisualFeatures, data: Examples, features: VisualFeatures) -> dict[int, str]:
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
