"""Captioned pictures as batches of a dual encoder, and how well it finds one by the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.captioned import leave_out_broken
from sensorium.data.examples import Examples
from sensorium.data.sources import open_all
from sensorium.errors import MissingExtraError, UsageError
from sensorium.evaluation.retrieval import rank_relevance, success_at
from sensorium.media.progress import Said
from sensorium.media.skipped import Skipped

try:
    import torch

    from sensorium.models.dual_encoder import FEATURES, DualEncoder
    from sensorium.models.towers import FolderTower, TorchTower
    from sensorium.training.tower_features import Features, tower_features
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

DEPTHS = (1, 5, 10)

MEAN_RECALL = "mean recall"
"""Mean of R@1, R@5 and R@10 in both directions: what the best weights are chosen by."""

STANDARDISED, LOCKED = 1024, 1 << 16
"""Examples from which mean and deviation of a tower's vectors are taken at most: of one that is
tuned, and of a locked one, whose vectors are there."""

VALIDATION_BATCH = 64


class Side:
    """Data of one kind, training or validation, with what locked towers gave for it."""

    def __init__(
        self,
        data: Examples,
        texts: list[str],
        towers: Mapping[str, FolderTower | TorchTower],
        features: Mapping[str, Features | None],
    ) -> None:
        self.data = data
        self.texts = texts
        self.towers = towers
        self.features = features
        number = {text: n for n, text in enumerate(texts)}
        self.examples = [
            (picture, number[caption])
            for picture, captions in enumerate(data.texts)
            for caption in captions
        ]

    @classmethod
    def of(
        cls,
        data: Examples,
        image: FolderTower | TorchTower,
        text: FolderTower | TorchTower,
        tuned: Mapping[str, bool],
        place: Path,
        told: Said,
        what: str,
    ) -> Side:
        """Compute the features of locked towers; leave out what cannot be read."""
        pixels: Features | None = None
        if tuned["image"]:
            data = leave_out_broken(data, told(f"looking at the {what} pictures"))
        else:
            bar = told(f"encoding the {what} pictures")
            pixels, failed = tower_features(image, data.sources, place, progress=bar)
            kept = [number for number in range(len(data)) if number not in failed]
            broken = [Skipped(data.names[n], reason) for n, reason in failed.items()]
            data, pixels = data.take(kept, broken), pixels.take(kept)
        texts = sorted({caption for captions in data.texts for caption in captions})
        words: Features | None = None
        if not tuned["text"]:
            bar = told(f"encoding the {what} captions")
            words, failed = tower_features(text, texts, place, progress=bar)
            lost = {texts[number] for number in failed}
            captions = [[c for c in found if c not in lost] for found in data.texts]
            kept = [number for number, found in enumerate(captions) if found]
            gone = [
                Skipped(data.names[n], "no caption of it can be encoded")
                for n, found in enumerate(captions)
                if not found
            ]
            data = replace(data, texts=captions).take(kept, gone)
            if pixels is not None:
                pixels = pixels.take(kept)
            sound = [number for number in range(len(texts)) if number not in failed]
            texts, words = [texts[number] for number in sound], words.take(sound)
        if not data.names:
            raise UsageError(f"none of the {what} pictures can be used: {data.skipped[0].reason}")
        towers = {"image": image, "text": text}
        return cls(data, texts, towers, {"image": pixels, "text": words})

    def some_vectors(self, side: str) -> npt.NDArray[np.float32]:
        """Vectors of a tower before training, for their mean and deviation."""
        found, draw = self.features[side], np.random.default_rng(0)
        if found is not None:
            count = len(found)
            chosen = np.arange(count) if count <= LOCKED else draw.permutation(count)[:LOCKED]
            return np.asarray(found[chosen].numpy(), np.float32)
        count = len(self.data) if side == "image" else len(self.texts)
        chosen = draw.permutation(count)[:STANDARDISED]
        parts = [
            self.towers[side].encode(self._items(side, chosen[start : start + VALIDATION_BATCH]))
            for start in range(0, len(chosen), VALIDATION_BATCH)
        ]
        return np.concatenate(parts)

    def _items(self, side: str, numbers: Sequence[int] | npt.NDArray[np.int64]) -> list[Any]:
        if side == "image":
            return open_all([self.data.sources[number] for number in numbers])
        return [self.texts[number] for number in numbers]

    def _batch(self, side: str, numbers: Sequence[int]) -> Mapping[str, Any]:
        found = self.features[side]
        if found is not None:
            return {FEATURES: found[numbers]}
        tower = self.towers[side]
        assert isinstance(tower, TorchTower)
        return tower.prepare(self._items(side, numbers))

    def collate(self, batch: list[tuple[int, int]]) -> dict[str, Any]:
        """Make the model's arguments of examples."""
        pictures, captions = zip(*batch, strict=True)
        return {
            "images": self._batch("image", pictures),
            "texts": self._batch("text", captions),
            "pictures": torch.tensor(pictures),
            "captions": torch.tensor(captions),
        }

    def vectors(self, model: DualEncoder, side: str) -> npt.NDArray[np.float32]:
        """Every picture or caption in the common space."""
        embed = model.embed_images if side == "image" else model.embed_texts
        count = len(self.data) if side == "image" else len(self.texts)
        with torch.inference_mode():
            parts = [
                embed(self._batch(side, range(start, min(start + VALIDATION_BATCH, count)))).cpu()
                for start in range(0, count, VALIDATION_BATCH)
            ]
        return np.asarray(torch.cat(parts).numpy(), np.float32)

    def relevance(self) -> npt.NDArray[np.bool_]:
        """Which caption belongs to which picture, of shape (captions, pictures)."""
        found = np.zeros((len(self.texts), len(self.data)), np.bool_)
        for picture, caption in self.examples:
            found[caption, picture] = True
        return found

    def recalls(self, model: torch.nn.Module) -> dict[str, float]:
        """R@1, R@5 and R@10 in both directions, each caption and each picture asking once."""
        assert isinstance(model, DualEncoder)
        was_training = model.training
        model.eval()
        scores = self.vectors(model, "text") @ self.vectors(model, "image").T
        model.train(was_training)
        relevance = self.relevance()
        found: dict[str, float] = {}
        for name, asked, right in (
            ("text to image", scores, relevance),
            ("image to text", scores.T, relevance.T),
        ):
            ranked = rank_relevance(asked, right)
            found |= {f"{name} R@{k}": float(success_at(ranked, k).mean()) for k in DEPTHS}
        return {**found, MEAN_RECALL: sum(found.values()) / len(found)}

    def chance(self) -> dict[str, float]:
        """What a random order gives: one minus the chance that all first k are wrong."""
        relevance = self.relevance()
        found: dict[str, float] = {}
        for name, right in (("text to image", relevance), ("image to text", relevance.T)):
            count, items = right.sum(axis=1), right.shape[1]
            for k in DEPTHS:
                drawn = np.arange(min(k, items))
                wrong = np.clip((items - count[:, None] - drawn) / (items - drawn), 0, 1)
                found[f"{name} R@{k}"] = float(1 - wrong.prod(axis=1).mean())
        return {**found, MEAN_RECALL: sum(found.values()) / len(found)}
