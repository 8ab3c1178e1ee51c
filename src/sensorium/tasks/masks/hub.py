"""Segmenters of a hub, or in a folder: SAM and SAM 2, CLIPSeg, and those with labels of their own.

SAM 2 is shown points or boxes, or finds all that stands out; CLIPSeg takes words; Mask2Former and
its relatives, and SegFormer and its relatives, know the labels that they were trained on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders.hub_cache import snapshot_of, split_revision
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from sensorium.tasks.boxes.overlap import best_apart
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.masks.runs import INSIDE, Asked, FoundMask, Levels, MaskFinder, extent
from sensorium.tasks.origin import Origin, origin_of_pretrained

try:
    import torch
    import transformers
    from transformers.models.auto import modeling_auto as kinds

    from sensorium.encoders.hub_loading import choose_device
    from sensorium.encoders.pretrained import load_pretrained
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "hub") from error

SAM = ("sam2", "sam2_video", "edgetam", "edgetam_video")
"""Model types that take a square of the picture and points in it."""

FIRST_SAM = "sam"
"""The one that takes the picture as it is, with its longer side as long as the square, and nothing
beside it (Kirillov et al. 2023, appendix A)."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels: how SAM 2 takes pictures. Its own processor needs torchvision."""

GRID = 16
"""Points in a row and a column that SAM 2 is shown where nothing else is: a quarter of the paper's
(Kirillov et al. 2023, section 4), for a quarter of the time."""

AT_ONCE = 64
"""Points that are decoded together."""

STABLE = 0.9
"""Intersection over union of masks at a higher and a lower threshold that a thing has at least, as
in the paper; what is less stable has no edge."""

STEP = 1.0
"""In logits, how much higher and lower."""

FUSING = ("detr", "mask2former", "maskformer", "oneformer")
"""Model types whose processors are asked which labels' masks are to be one."""

SAME = 0.7
"""Intersection over union of boxes from which on two masks are one."""

MOST_LABELS = 100
"""Words at once; CLIPSeg looks at the picture once for each."""

_COMPUTING = Lock()


def hub_finder(name: str | os.PathLike[str]) -> MaskFinder:
    """The segmenter of a hub id or a folder.

    Raises
    ------
    EncoderError
        When it is no segmenter, or cannot be loaded.
    """
    name = os.fspath(name)
    config = _loaded(transformers.AutoConfig, name)
    if config.model_type in SAM:
        return SamFinder(name, config)
    if config.model_type == FIRST_SAM:
        return FirstSamFinder(name, config)
    if config.model_type == "clipseg":
        return WordFinder(name, config)
    if type(config) in kinds.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING:
        return LabelFinder(name, config, transformers.AutoModelForUniversalSegmentation)
    if type(config) in kinds.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING:
        return LabelFinder(name, config, transformers.AutoModelForSemanticSegmentation)
    raise EncoderError(
        f"{name} is a {config.model_type}, which finds no masks: name a segmenter (SAM 2, CLIPSeg, "
        "Mask2Former, SegFormer)"
    )


class _HubFinder:
    """What all of these share."""

    takes: frozenset[str] = frozenset()
    least = 0.5
    min_side = 1024
    kinds: tuple[str, ...] = ()
    least_box: float | None = None
    kind: Any = None

    def __init__(self, name: str, config: Any) -> None:
        self.name = name
        self.config = config
        self._origin: Origin | None = None

    @property
    def origin(self) -> Origin:
        """See `MaskFinder`."""
        if self._origin is None:
            self._origin = origin_of_pretrained(self.name)
        return self._origin

    def _using(self) -> Any:
        return LOADED.using(("segmenter", self.name), self._load, 1 << 30)

    def _load(self) -> tuple[Any, Any]:
        model = _loaded(self.kind, self.name, use_safetensors=True).eval()
        return model.to(choose_device(None)[0]), self._processor()

    def _processor(self) -> Any:
        return _loaded(transformers.AutoProcessor, self.name)


class SamFinder(_HubFinder):
    """SAM 2: masks of what is pointed at, or of all that stands out; it names nothing.

    A probability is the intersection over union that the model expects its mask to have.
    """

    takes = frozenset(("points", "boxes"))
    kind = transformers.AutoModelForMaskGeneration

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`."""
        with self._using() as (model, _), _COMPUTING, torch.inference_mode():
            side = _side(model.config)
            wide, high = self._filled(picture, side)
            embeddings = model.get_image_embeddings(self._pixels(picture, side).to(model.device))

            def decoded(several: bool, **shown: Any) -> Iterator[tuple[Levels, float]]:
                placed = {k: v.to(model.device) for k, v in shown.items()}
                given = model(image_embeddings=embeddings, multimask_output=several, **placed)
                logits, scores = given.pred_masks[0].float(), given.iou_scores[0].float()
                rows, columns = (
                    max(1, round(part * length / side))
                    for part, length in zip((high, wide), logits.shape[-2:], strict=True)
                )
                logits = logits[..., :rows, :columns]
                for masks, chances in zip(logits, scores, strict=True):
                    best = int(chances.argmax())
                    yield masks[best].cpu().numpy(), float(chances[best])

            if not asked.points and not asked.boxes:
                return self._all(decoded, (wide, high), least)
            found: list[tuple[Levels, float]] = []
            for some in asked.points:
                points = torch.tensor([[some]], dtype=torch.float32) * torch.tensor([wide, high])
                labels = torch.ones((1, 1, len(some)), dtype=torch.int32)
                # One point may mean a part, the thing or all around it; the best of three is taken.
                found += decoded(len(some) == 1, input_points=points, input_labels=labels)
            if asked.boxes:
                sides = torch.tensor([wide, high, wide, high])
                boxes = torch.tensor([asked.boxes], dtype=torch.float32) * sides
                found += decoded(False, input_boxes=boxes)
        boxes_from = len(asked.points)
        return [
            self._told(logits, chance, max(-1, number - boxes_from))
            for number, (logits, chance) in enumerate(found)
        ]

    def _all(self, decoded: Any, filled: tuple[int, int], least: float) -> list[FoundMask]:
        centres = (np.arange(GRID) + 0.5) / GRID
        shares = torch.tensor([[x, y] for y in centres for x in centres], dtype=torch.float32)
        points = shares * torch.tensor(filled)
        logits, chances = [], []
        for start in range(0, len(points), AT_ONCE):
            some = points[None, start : start + AT_ONCE, None]
            labels = torch.ones(some.shape[:3], dtype=torch.int32)
            for mask, chance in decoded(True, input_points=some, input_labels=labels):
                if chance >= least and _stability(mask) >= STABLE:
                    logits.append(mask)
                    chances.append(chance)
        boxes = np.array([extent(mask > 0) for mask in logits], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        kept = best_apart(boxes, np.array(chances), SAME)
        return [self._told(logits[row], chances[row]) for row in kept]

    def _told(self, logits: Levels, chance: float, box: int = -1) -> FoundMask:
        return FoundMask("", float(np.clip(chance, 0, 1)), _sigmoid(logits), self.origin, box)

    def _filled(self, picture: PIL.Image.Image, side: int) -> tuple[int, int]:
        """How many pixels of the square, across and down, the picture takes."""
        return side, side

    def _pixels(self, picture: PIL.Image.Image, side: int) -> Any:
        wide, high = self._filled(picture, side)
        scaled = picture.resize((wide, high), PIL.Image.Resampling.BILINEAR)
        pixels = np.zeros((side, side, 3), np.float32)
        pixels[:high, :wide] = (np.asarray(scaled, np.float32) / 255 - MEAN) / DEVIATION
        return torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())

    def _processor(self) -> None:
        return None


class FirstSamFinder(SamFinder):
    """SAM as it was first: a picture keeps its shape, and zeros fill the square."""

    def _filled(self, picture: PIL.Image.Image, side: int) -> tuple[int, int]:
        scale = side / max(picture.size)
        wide, high = (max(1, int(length * scale + 0.5)) for length in picture.size)
        return wide, high


class WordFinder(_HubFinder):
    """CLIPSeg: a mask for each of some words; its probability is the mean over its pixels."""

    takes = frozenset(("labels",))
    min_side = 352
    kind = transformers.CLIPSegForImageSegmentation

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`."""
        if not asked.labels:
            raise UsageError(f"{self.name} finds what is named to it: give it labels")
        if len(asked.labels) > MOST_LABELS:
            raise UsageError(f"{len(asked.labels)} labels are too many: {MOST_LABELS} at most")
        found = []
        with self._using() as (model, processor), _COMPUTING, torch.inference_mode():
            for label in asked.labels:
                inputs = processor(
                    text=[label], images=[picture], padding=True, truncation=True,
                    return_tensors="pt",
                )  # fmt: skip
                logits = model(**inputs.to(model.device)).logits.float().cpu().numpy()
                found.append(_sigmoid(logits.reshape(logits.shape[-2:])))
        masks = []
        for label, levels in zip(asked.labels, found, strict=True):
            inside = levels >= INSIDE
            chance = float(levels[inside].mean()) if inside.any() else 0.0
            if inside.any() and chance >= least:
                masks.append(FoundMask(label, chance, levels, self.origin))
        return sorted(masks, key=lambda one: -one.probability)


class LabelFinder(_HubFinder):
    """Models with labels of their own: things and stuff (panoptic), or kinds of pixels."""

    takes = frozenset(("labels",))

    def __init__(self, name: str, config: Any, kind: Any) -> None:
        super().__init__(name, config)
        self.kind = kind

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`.

        Raises
        ------
        UsageError
            For labels that the model does not know; it says which it does.
        """
        names = self.config.id2label
        known = {str(name).casefold() for name in names.values()}
        if unknown := [label for label in asked.labels if label.casefold() not in known]:
            some = ", ".join([*names.values()][:20])
            raise UsageError(f"{self.name} knows no {unknown[0]!r}; it knows {some:.400}")
        wanted = {label.casefold(): label for label in asked.labels}
        size = picture.size[::-1]
        with self._using() as (model, processor), _COMPUTING, torch.inference_mode():
            task = {"task_inputs": ["panoptic"]} if model.config.model_type == "oneformer" else {}
            inputs = processor(images=picture, return_tensors="pt", **task).to(model.device)
            outputs = model(**inputs)
            if self.kind is transformers.AutoModelForSemanticSegmentation:
                parts = _of_kinds(processor, outputs, size)
            else:
                parts = _of_things(processor, outputs, size, least, model.config.model_type)
        found = []
        for number, chance, mask in parts:
            label = str(names[number])
            shown = label if not wanted else wanted.get(label.casefold())
            if shown is not None and chance >= least:
                found.append(FoundMask(shown, chance, mask.astype(np.float32), self.origin))
        return sorted(found, key=lambda one: -one.probability)

    def _processor(self) -> Any:
        if self.config.model_type != "oneformer":
            return _loaded(transformers.AutoImageProcessor, self.name)
        # It reads the name of a task, and a list of labels that it would fetch from elsewhere.
        local = Path(self.name).expanduser()
        folder = local if local.is_dir() else snapshot_of(*split_revision(self.name))
        file = _list_of_labels(folder) if folder is not None else ""
        beside = folder is not None and (folder / file).is_file()
        try:
            return _loaded(
                transformers.AutoProcessor,
                self.name,
                **({"repo_path": str(folder)} if beside else {}),
            )
        except EncoderError as error:
            if beside:
                raise
            raise EncoderError(
                f"{error}; its list of labels, {file or 'class_info_file'}, has to lie in {folder}"
            ) from error


Parts = list[tuple[int, float, npt.NDArray[np.bool_]]]
"""Label, probability, and which pixels."""


def _of_things(processor: Any, outputs: Any, size: Sequence[int], least: float, kind: str) -> Parts:
    options: dict[str, Any] = {"target_sizes": [tuple(size)]}
    if kind == "oneformer":  # its processor resizes by torchvision alone
        chances = torch.nn.functional.interpolate(
            outputs.masks_queries_logits.float().sigmoid(), tuple(size), mode="bilinear"
        )
        outputs.masks_queries_logits = chances.logit(eps=1e-6)
        options = {}
    if kind in FUSING:
        options["label_ids_to_fuse"] = set()  # which things are stuff is not told; unset, they warn
    found = processor.post_process_panoptic_segmentation(outputs, threshold=least, **options)[0]
    numbers = found["segmentation"].cpu().numpy()
    return [
        (int(part["label_id"]), float(part["score"]), numbers == part["id"])
        for part in found["segments_info"]
    ]


def _list_of_labels(folder: Path) -> str:
    """What OneFormer's processor calls the file with its labels; empty where that is not told."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        try:
            told = json.loads((folder / name).read_text("utf-8"))
            file = told.get("image_processor", told).get("class_info_file")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue  # whoever reads it says so
        if isinstance(file, str):
            return Path(file).name
    return ""


def _of_kinds(processor: Any, outputs: Any, size: Sequence[int]) -> Parts:
    """The probability of a kind is the mean over its pixels of what the model gives it there."""
    logits = outputs.logits.float()
    chances = torch.nn.functional.interpolate(
        logits, tuple(size), mode="bilinear", align_corners=False
    )[0].softmax(dim=0)
    best, number = (values.cpu().numpy() for values in chances.max(dim=0))
    return [
        (int(one), float(best[number == one].mean()), number == one) for one in np.unique(number)
    ]


def _side(config: Any) -> int:
    """Pixels of the square that SAM 2 was trained with."""
    size = config.prompt_encoder_config.image_size
    return int(size[0] if isinstance(size, (list, tuple)) else size)


def _stability(logits: Levels) -> float:
    lower = int((logits > -STEP).sum())
    return float((logits > STEP).sum()) / lower if lower else 0.0


def _sigmoid(logits: Levels) -> Levels:
    return np.asarray(0.5 + 0.5 * np.tanh(logits / 2), np.float32)  # as tanh it does not overflow


def _loaded(kind: Any, name: str, **options: Any) -> Any:
    try:
        return load_pretrained(kind, name, **options)
    except EncoderError:
        raise
    except Exception as error:  # Transformers raises nearly any exception here
        place = "in this folder" if Path(name).is_dir() else "of the hub"
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"{name} {place} cannot be loaded for segmentation: {reason:.300}"
        ) from error
