"""A small table of pictures, texts, sounds, numbers and categories, with targets to learn."""

from __future__ import annotations

import json
import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 40, 230)}
PITCHES = {"low": 220.0, "high": 1760.0}


def write_table(folder: Path, rows: int = 60, seed: int = 0) -> Path:
    """Write ``table.jsonl`` and the media that it names.

    ``kind`` follows from the picture's colour and the sound's pitch together; ``price`` from size
    and shape, which are tabular.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(rows):
        color = list(COLORS)[rng.integers(3)]
        pitch = list(PITCHES)[rng.integers(2)]
        shape = ("square", "disc")[rng.integers(2)]
        size = float(rng.integers(1, 9))
        noise = rng.integers(-20, 20, (16, 16, 3))
        pixels = np.clip(np.array(COLORS[color]) + noise, 0, 255).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
        _tone(folder / f"{number}.wav", PITCHES[pitch], rng)
        row: dict[str, Any] = {
            "photo": f"{number}.png",
            "note": f"a photo of the {('cat', 'dog')[rng.integers(2)]} number {number}",
            "sound": f"{number}.wav",
            "size": size,
            "shape": shape,
            "kind": f"{color} {pitch}" if color != "blue" else "blue",
            "price": 10 * size + (50 if shape == "disc" else 0),
        }
        lines.append(json.dumps(row))
    path = folder / "table.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _tone(path: Path, pitch: float, rng: np.random.Generator) -> None:
    time = np.arange(4000) / 8000
    wave_of = 0.5 * np.sin(2 * math.pi * pitch * time) + 0.02 * rng.normal(size=len(time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.clip(wave_of, -1, 1) * 32767).astype("<i2").tobytes())
