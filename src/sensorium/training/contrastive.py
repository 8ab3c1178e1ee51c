"""Contrastive training of a dual encoder on captioned pictures, from any two towers.

A tower that is locked (Zhai et al. 2022, "LiT") encodes everything once; training the projections
on what it gave takes minutes without a GPU. A tower that is tuned is trained with them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from sensorium.collection.captioned_items import captioned_items, names_collection
from sensorium.data.captioned import read_captioned
from sensorium.data.examples import Examples
from sensorium.data.splits import split_off
from sensorium.errors import MissingExtraError, UsageError
from sensorium.evaluation.report import Report, Table, figure
from sensorium.folders import make_folder, require_same, write_json
from sensorium.home import short_path
from sensorium.media import Modality
from sensorium.media.progress import Progress, Said, silent
from sensorium.media.skipped import Skipped
from sensorium.training.history import History

try:
    import torch
    import transformers

    from sensorium.models.dual_encoder import DualEncoder, Projection
    from sensorium.models.towers import FolderTower, TorchTower, load_tower
    from sensorium.training.contrastive_losses import ContrastiveLoss
    from sensorium.training.dual_encoder_folder import TRAINING, needs_export, write_dual_encoder
    from sensorium.training.gradient_cache import cached_loss
    from sensorium.training.loop import (
        Settings,
        join_processes,
        require_agreed,
        require_precision,
        train,
    )
    from sensorium.training.sides import MEAN_RECALL, Side
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

SIDES = ("image", "text")


MAX_DIMENSION = 512

CLAIM = "contrastive.json"
"""File in ``training`` that says what is trained there."""

TUNED_RATE, NEW_RATE = 2e-5, 5e-4
"""Learning rates of a tower that is tuned, and of one that is new."""


@dataclass(frozen=True)
class Options:
    """What is trained; how, say the `Settings` of `sensorium.training.loop`.

    Parameters
    ----------
    image_tower, text_tower : str
        See `sensorium.models.towers.load_tower`.
    tune : collection of str
        Of ``"image"`` and ``"text"``: towers that are trained. New ones always are.
    loss : {"infonce", "sigmoid"}
    projection : {"linear", "mlp"}
    dimension : int, optional
        Of the common space; by default that of the larger tower, at most 512.
    hidden : int
        Width of an MLP's hidden layer.
    dropout : float
        In the projections.
    tower_learning_rate : float, optional
        Of tuned and new towers; by default 2e-5 and 5e-4.
    piece : int, optional
        Examples that are encoded at a time with gradient caching; whole batches by default.
    image_pooling, text_pooling, text_prefix : str, optional
        See `sensorium.models.towers.load_tower`.
    validation_share : float
        Share of the pictures that are split off where no validation data is given.
    """

    image_tower: str
    text_tower: str
    tune: Sequence[str] = ()
    loss: str = "infonce"
    projection: str = "linear"
    dimension: int | None = None
    hidden: int = 1024
    dropout: float = 0.0
    tower_learning_rate: float | None = None
    piece: int | None = None
    image_pooling: str | None = None
    text_pooling: str | None = None
    text_prefix: str | None = None
    validation_share: float = 0.1

    def __post_init__(self) -> None:
        if unknown := {*self.tune} - {*SIDES}:
            raise UsageError(f"only image and text towers can be tuned, not {sorted(unknown)[0]!r}")
        for name in ("dimension", "hidden", "piece", "tower_learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} is {value}; it must be above 0")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}; it is a share from 0 to below 1")


@dataclass(frozen=True)
class ContrastiveReport:
    """What a contrastive training led to.

    Attributes
    ----------
    folder : Path
        ``load_encoder(folder)`` loads the result.
    before, after : dict
        Recall on the validation's pictures: ``"text to image R@1"`` and so on. Before training it
        is that of the towers' own space where they share one, else what chance gives.
    is_zero_shot : bool
        Whether `before` was measured.
    pictures, captions, validation_pictures : int
    skipped : list of Skipped
    history : History
    seconds : float
        This run's, reading and writing included.
    """

    folder: Path
    before: dict[str, float]
    after: dict[str, float]
    is_zero_shot: bool
    pictures: int
    captions: int
    validation_pictures: int
    history: History
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        given = {**vars(self), "folder": str(self.folder)}
        history, is_zero_shot = given.pop("history"), given.pop("is_zero_shot")
        return {
            **given,
            "before_is": "zero-shot" if is_zero_shot else "chance",
            "best_step": history.best_step,
            "steps": history.steps[-1] if history.steps else 0,
            "stopped_early": history.stopped_early,
        }

    def as_report(self) -> Report:
        """What is told of the training."""
        facts, folder = self.to_json(), short_path(str(self.folder))
        what = f"{self.validation_pictures:,} validation pictures"
        rows = [[name, figure(self.before[name]), figure(now)] for name, now in self.after.items()]
        return Report(
            [
                f"{self.pictures:,} pictures with {self.captions:,} captions, "
                f"{facts['steps']:,} steps{', stopped early' * self.history.stopped_early}, "
                f"{self.seconds:.0f} s",
                Table([what, facts["before_is"], "trained"], rows),
                f"written to {folder} (losses and curves: {folder}/training)",
                f"use it: sensorium index PICTURES --encoder {folder} --collection FILE",
            ],
            [facts],
            self.skipped,
        )


def train_contrastive(
    data: Any,
    folder: str | os.PathLike[str],
    options: Options,
    settings: Settings,
    *,
    validation: Any = None,
    split: str = "train",
    features: str | os.PathLike[str] | None = None,
    said: Said | None = None,
    progress: Progress | None = None,
) -> ContrastiveReport:
    """Train a dual encoder, or go on where a killed training of the same folder stopped.

    Parameters
    ----------
    data : str or path
        See `sensorium.data.captioned.read_captioned`; or a collection whose pictures have captions
        in their metadata.
    folder : path
        Gets the encoder, and a folder ``training`` with losses, curves, features and checkpoints.
    options : Options
    settings : Settings
    validation : str or path, optional
        Data of the same kinds to choose the best weights on; else a share is split off.
    split : str
        Of a dataset that has several.
    features : path, optional
        Where vectors of locked towers are kept, for other trainings with the same towers and data;
        in ``training`` by default.
    said : callable, optional
        Told before each step that takes time.
    progress : callable, optional
        See `sensorium.training.loop.train`.

    Raises
    ------
    UsageError
        If data, towers or options do not fit, or the folder holds another training.
    """
    with _quiet_libraries():
        kept = Path(folder) / TRAINING / "features" if features is None else Path(features)
        require_precision(settings)
        return _train(
            Path(folder), data, options, settings, validation, split, kept, said, progress
        )


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep notices and progress bars of Transformers off the terminal."""
    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _train(
    folder: Path,
    data: str | os.PathLike[str],
    options: Options,
    settings: Settings,
    validation: str | os.PathLike[str] | None,
    split: str,
    kept: Path,
    said: Said | None,
    progress: Progress | None,
) -> ContrastiveReport:
    started = time.monotonic()
    work = folder / TRAINING
    leads = int(os.environ.get("RANK", 0)) == 0
    told = said or silent
    mine = _what(options, data, validation)
    noted = require_same(work / CLAIM, mine, folder, work)
    training = _read(data, split)
    if validation is None:
        training, held = split_off(training, options.validation_share, settings.seed)
    else:
        held = _read(validation, split)
    if join_processes() > 1:
        require_agreed(_digest(training, held), "pictures and captions")
    image, text = _towers(options, settings.seed, work, training, leads)
    if needs_export(image, text):
        import_module("sensorium.encoders.export.onnx")  # says before, not after, what is missing
    elif isinstance(image, FolderTower):
        import_module("sensorium.encoders.projected")
    tuned = {"image": _is_tuned(image, "image", options), "text": _is_tuned(text, "text", options)}
    if leads and not noted:  # what could not have begun leaves the folder free
        make_folder(work)
        write_json(work / CLAIM, mine)
    seen = Side.of(training, image, text, tuned, kept, told, "training")
    unseen = Side.of(held, image, text, tuned, kept, told, "validation")
    model = _model(options, settings.seed, image, text, tuned, seen)
    shared = image.space != "" and image.space == text.space
    before = unseen.recalls(_untrained(image, text, tuned)) if shared else unseen.chance()
    history = train(
        model,
        seen.examples,
        seen.collate,
        work,
        settings,
        validate=unseen.recalls,
        best=(MEAN_RECALL, "max"),
        parameters=_groups(model, options, settings),
        drop_last=True,
        progress=progress,
    )
    after = unseen.recalls(model)
    report = ContrastiveReport(
        folder, before, after, shared, len(seen.data), len(seen.examples), len(unseen.data),
        history, [*seen.data.skipped, *unseen.data.skipped], time.monotonic() - started,
    )  # fmt: skip
    if leads:
        write_dual_encoder(folder, model, image, text, pictures=unseen.data.sources, scores=after)
        # A file's names have spaces; its folder may be moved.
        values = {n.replace("_", " "): v for n, v in report.to_json().items() if n != "folder"}
        write_json(work / "report.json", {**values, "options": options, "settings": settings})
    return report


def _what(
    options: Options,
    data: str | os.PathLike[str],
    validation: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """What is trained, to be noted in its folder."""
    return {
        **dataclasses.asdict(options),
        "tune": sorted(options.tune),
        "data": os.fspath(data),
        "validation": None if validation is None else os.fspath(validation),
    }


def _read(data: Any, split: str) -> Examples:
    if names_collection(data):
        return captioned_items(data)
    return read_captioned(data, split=split)


def _digest(*parts: Examples) -> str:
    """Of pictures and captions, in their order."""
    found = hashlib.sha256()
    for part in parts:
        for name, source, texts in zip(part.names, part.sources, part.texts, strict=True):
            found.update(json.dumps([name, source.stamp, texts]).encode("utf-8", "replace"))
    return found.hexdigest()


def _towers(
    options: Options, seed: int, work: Path, data: Examples, leads: bool
) -> tuple[FolderTower | TorchTower, FolderTower | TorchTower]:
    found = []
    captions = sorted({caption for captions in data.texts for caption in captions})
    for modality, name, pooling, prefix in (
        (Modality.IMAGE, options.image_tower, options.image_pooling, None),
        (Modality.TEXT, options.text_tower, options.text_pooling, options.text_prefix),
    ):
        made = work / f"{modality}-tower"
        if name.endswith(".json") and Path(name).is_file():
            digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()[:8]
            made = work / f"{modality}-tower-{digest}"
            while not leads and not (made / "config.json").exists():
                time.sleep(0.1)
        torch.manual_seed(seed)
        found.append(
            load_tower(name, modality, pooling=pooling, prefix=prefix, made=made, captions=captions)
        )
    image, text = found
    if (
        isinstance(image, TorchTower)
        and isinstance(text, TorchTower)
        and image.space
        and image.space == text.space
    ):  # one model: its weights are there once, and stay in step
        text.parts = torch.nn.ModuleList([image.parts[0], *list(text.parts)[1:]])
    for tower in found:
        if isinstance(tower, TorchTower):
            tower.to(_device()).eval()
    return image, text


def _is_tuned(tower: FolderTower | TorchTower, side: str, options: Options) -> bool:
    if isinstance(tower, FolderTower):
        if side in options.tune:
            raise UsageError(
                f"{tower.name} is an encoder's folder (ONNX), which cannot be tuned: leave "
                f"--tune {side} out, or give a model of Transformers"
            )
        return False
    tuned = tower.is_new or side in options.tune
    if tuned and options.piece is not None and tower.has_batch_norm:
        raise UsageError(
            f"{tower.name} has batch normalisation, whose statistics would be those of a piece: "
            "leave --piece out"
        )
    return tuned


def _model(
    options: Options,
    seed: int,
    image: FolderTower | TorchTower,
    text: FolderTower | TorchTower,
    tuned: Mapping[str, bool],
    seen: Side,
) -> DualEncoder:
    torch.manual_seed(seed)
    shared = image.space != "" and image.space == text.space and options.projection == "linear"
    dimension = options.dimension or min(MAX_DIMENSION, max(image.dimension, text.dimension))
    if shared:
        dimension = options.dimension or image.dimension
    projections = []
    for side, tower in zip(SIDES, (image, text), strict=True):
        projection = Projection(
            tower.dimension, dimension, options.projection, hidden=options.hidden,
            dropout=options.dropout, identity=shared and dimension == tower.dimension,
        )  # fmt: skip
        is_new = isinstance(tower, TorchTower) and tower.is_new
        if not shared and not is_new:
            projection.standardise(seen.some_vectors(side))
        projections.append(projection)
    parts = [
        tower if tuned[side] and isinstance(tower, TorchTower) else None
        for side, tower in zip(SIDES, (image, text), strict=True)
    ]
    model = DualEncoder(
        parts[0], parts[1], projections[0], projections[1], ContrastiveLoss(options.loss),
        cached=cached_loss, piece=options.piece,
    )  # fmt: skip
    model.to(_device())
    return model


def _untrained(
    image: FolderTower | TorchTower, text: FolderTower | TorchTower, tuned: Mapping[str, bool]
) -> DualEncoder:
    """The towers as they are, which share a space."""
    projections = [
        Projection(tower.dimension, tower.dimension, identity=True) for tower in (image, text)
    ]
    parts = [
        tower if tuned[side] and isinstance(tower, TorchTower) else None
        for side, tower in zip(SIDES, (image, text), strict=True)
    ]
    model = DualEncoder(parts[0], parts[1], projections[0], projections[1], ContrastiveLoss())
    model.to(_device())
    return model


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def _groups(model: DualEncoder, options: Options, settings: Settings) -> list[dict[str, Any]]:
    """Parameter groups: towers at a rate of their own; vectors and scalars without decay."""
    rates: dict[int, float] = {}
    for tower in (model.image_tower, model.text_tower):
        if tower is not None:
            rate = options.tower_learning_rate or (NEW_RATE if tower.is_new else TUNED_RATE)
            rates |= {id(parameter): rate for parameter in tower.parameters()}
    groups: dict[tuple[float, float], list[Any]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            rate = rates.get(id(parameter), settings.learning_rate)
            decay = settings.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": r, "weight_decay": d} for (r, d), p in groups.items()]
