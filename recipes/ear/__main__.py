"""Make the ear: `python -m recipes.ear [--output FOLDER] [--test]`."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import sensorium
from recipes.ear import measure
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.export import write
from recipes.ear.tower import PARTS
from recipes.ear.whitening import Vectors, Whitening, fit_whitening, normalised
from recipes.mini.convert_sound import read_weights
from recipes.mini.sounds import Sound, sounds
from sensorium import load_encoder
from sensorium.errors import MediaError
from sensorium.tasks.weights import folder_of

LAYERS = 3
DIMENSION = 256
FLOOR = 0.01
"""What README.md says these were chosen by."""

SHIPPED = Path(sensorium.__file__).parent / "encoders" / "ear"
STARTED = time.monotonic()


def step(message: str) -> None:
    """Say what happens next."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {message}", flush=True)


def main() -> None:
    """Convert, hear, fit, validate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=SHIPPED, help="the folder that is written")
    parser.add_argument("--test", action="store_true", help="measure on the test recordings, too")
    arguments = parser.parse_args()
    model = folder_of("whisper-base")  # checked against its SHA-256
    weights, tensors = read_weights(), read_tensors(model / "model.bin")
    heard = with_companions(list(sounds()))
    takes = [take for sound in heard for take in sound.takes]
    labels = [sound.concept for sound in heard for _ in sound.takes]
    step(f"hears {len(takes)} recordings of {len({*labels})} concepts")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), weights, tensors, LAYERS)
        vectors: Vectors = load_encoder(folder).encode(takes)
    for called, parts in (("aiSFX", (0,)), ("Whisper", (1,)), ("both", (0, 1))):
        plain = measure.by_halves(vectors, labels, lambda others, chosen=parts: _plain(chosen))
        step(f"{called}, as it is: {plain}")
        fitted = measure.by_halves(
            vectors, labels, lambda others, chosen=parts: _whitened(fit(others), chosen)
        )
        step(f"{called}, whitened: {fitted}")
    write(arguments.output, weights, tensors, LAYERS, fit(vectors))
    step(f"wrote {arguments.output}")
    on_recordings(arguments.output, arguments.test)


def fit(vectors: Vectors) -> list[Whitening]:
    """Fit a whitening to each part of vectors (n, d)."""
    parts = np.split(vectors, PARTS, axis=1)
    return [fit_whitening(normalised(part), DIMENSION, FLOOR) for part in parts]


def _plain(chosen: Sequence[int]) -> measure.Map:
    def apply(vectors: Vectors) -> Vectors:
        parts = np.split(vectors, PARTS, axis=1)
        return normalised(np.hstack([normalised(parts[part]) for part in chosen]))

    return apply


def _whitened(whitenings: Sequence[Whitening], chosen: Sequence[int]) -> measure.Map:
    def apply(vectors: Vectors) -> Vectors:
        parts = np.split(vectors, PARTS, axis=1)
        mapped = [whitenings[part].apply(normalised(parts[part])) for part in chosen]
        return normalised(np.hstack(mapped))

    return apply


def with_companions(every: list[Sound]) -> list[Sound]:
    """Keep the sounds whose concept has more than one recording."""
    counts: dict[str, int] = {}
    for sound in every:
        counts[sound.concept] = counts.get(sound.concept, 0) + len(sound.takes)
    return [sound for sound in every if counts[sound.concept] > 1]


def on_recordings(folder: Path, test: bool) -> None:
    """Measure the written folder on recordings of real things: validation, and the test."""
    encoder = load_encoder(folder)
    found, encoded = [], []
    for recording in measure.recordings():
        try:
            first = next(iter(recording.sound.segments())).media
            encoded.append(encoder.encode([first])[0])
        except MediaError as error:
            step(f"left out: {error}")
            continue
        found.append(recording)
    vectors = np.stack(encoded)
    stamps = np.array([bool(one.group) for one in found])
    kinds, things = [one.kind for one in found], [one.thing for one in found]
    groups = [one.group for one in found if one.group]
    step(f"{stamps.sum()} stamps, same folder: {measure.leave_one_out(vectors[stamps], groups)}")
    theirs = [kind for kind, stamp in zip(kinds, stamps, strict=True) if stamp]
    step(f"{stamps.sum()} stamps, same kind: {measure.leave_one_out(vectors[stamps], theirs)}")
    if not test:
        return
    for called, asks in (("not stamps", ~stamps), ("all", np.ones(len(found), bool))):
        step(f"test, {called}, same kind: {measure.leave_one_out(vectors, kinds, asks)}")
        step(f"test, {called}, same thing: {measure.leave_one_out(vectors, things, asks)}")


if __name__ == "__main__":
    main()
