"""What a sound tower could learn from: openly licensed recordings with captions.

| source | package | licence |
|---|---|---|
| gm, drum | Debian's `fluid-soundfont-gm` (FluidR3), played with TinySoundFont | MIT |
| sonic | Debian's `sonic-pi-samples` | CC0-1.0 |
| doom | Debian's `freedoom`, the lumps of its WAD file | BSD-3-Clause |

`sounds.csv` says what each is, in English and Chinese. Tux Paint's and GCompris's sounds are tests
and are not among them.
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import Package, bring, home
from recipes.mini.convert_sound import RATE
from sensorium.media import Audio

FLUID = Package(
    "debian",
    "fluid-soundfont-gm",
    "3.1-5.3",
    "6f531493ac4e4d9772fd96b2488ea1790af81c196135fbdd25997da0781fc60e",
)
SONIC = Package(
    "debian",
    "sonic-pi-samples",
    "3.2.2~repack-8",
    "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d",
)
FREEDOOM = Package(
    "debian",
    "freedoom",
    "0.12.1-2",
    "c5b7cf1aa6dde8c980271981ce75b9b4a9e7b634b9db93d471f54bab7a8e1290",
)
PACKAGES = (FLUID, SONIC, FREEDOOM)
LIST = Path(__file__).with_name("sounds.csv")
SECONDS = 2.3  # of what is played: one block
KITS = (0, 32, 48)  # standard, jazz, orchestra
PHRASES = (
    ((60, 0.0),),
    ((48, 0.0), (52, 0.0), (55, 0.0), (53, 1.1), (57, 1.1)),
    ((76, 0.0), (74, 0.25), (72, 0.5), (71, 0.75), (67, 1.0), (72, 1.5)),
)
"""Notes that instruments play: MIDI key and second of the onset."""

RHYTHMS = ((0.0,), (0.0, 0.5, 1.0, 1.5), (0.0, 0.25, 0.5, 1.0, 1.25, 1.75))
"""Onsets of drum strokes, in seconds."""


@dataclass(frozen=True)
class Sound:
    """One thing that is heard, in one or more recordings.

    Attributes
    ----------
    name
        Source and item, as in `sounds.csv`.
    category
        Its category in `sound_categories.csv`; empty where none fits.
    captions
        By language (en, zh), the best first.
    takes
        Recordings of it.
    """

    name: str
    category: str
    captions: dict[str, tuple[str, ...]]
    takes: tuple[Audio, ...]

    @property
    def concept(self) -> str:
        """What it is split by: its first English caption."""
        return self.captions["en"][0]


def sounds() -> Iterator[Sound]:
    """Yield every sound of `sounds.csv`; packages that are absent are fetched."""
    font = bring(FLUID, home()) / "usr/share/sounds/sf2/FluidR3_GM.sf2"
    samples = bring(SONIC, home()) / "usr/share/sonic-pi/samples"
    lumps = doom_sounds(bring(FREEDOOM, home()) / "usr/share/games/doom/freedoom2.wad")
    player = Player(font)
    with LIST.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            source, item = row["source"], row["item"]
            if source == "gm":
                takes = player.instrument(*map(int, item.split(":")))
            elif source == "drum":
                takes = player.drum(int(item))
            elif source == "sonic":
                takes = [Audio(samples / f"{item}.flac")]
            else:
                takes = [lumps[item]]
            captions = {"en": row["english"], "zh": row["chinese"]}
            yield Sound(
                f"{source}/{item}",
                row["category"],
                {language: tuple(texts.split("|")) for language, texts in captions.items()},
                tuple(takes),
            )


class Player:
    """Plays notes of a SoundFont."""

    def __init__(self, font: Path) -> None:
        import tinysoundfont  # type: ignore[import-untyped]  # here, for those who only read

        self._synth = tinysoundfont.Synth(samplerate=RATE)
        self._font = self._synth.sfload(str(font))

    def instrument(self, bank: int, program: int) -> list[Audio]:
        """An instrument playing each of `PHRASES`."""
        return [self._play(bank, program, phrase, False) for phrase in PHRASES]

    def drum(self, key: int) -> list[Audio]:
        """A drum key in each of `KITS`, by turns in each of `RHYTHMS`."""
        return [
            self._play(0, kit, [(key, onset) for onset in RHYTHMS[i % len(RHYTHMS)]], True)
            for i, kit in enumerate(KITS)
        ]

    def _play(
        self, bank: int, program: int, notes: Sequence[tuple[int, float]], drums: bool
    ) -> Audio:
        self._synth.sounds_off()
        self._synth.program_select(0, self._font, 128 if drums else bank, program, drums)
        parts: list[npt.NDArray[np.float32]] = []
        for i, (key, onset) in enumerate(notes):
            self._synth.noteon(0, key, 100)
            end = notes[i + 1][1] if i + 1 < len(notes) else SECONDS
            if end > onset:
                parts.append(self._samples(end - onset))
                if i + 1 < len(notes):
                    self._synth.notes_off()
        samples = np.concatenate(parts)
        return Audio(samples / max(1.0, float(np.abs(samples).max())), RATE)

    def _samples(self, seconds: float) -> npt.NDArray[np.float32]:
        buffer = self._synth.generate(round(seconds * RATE))
        stereo = np.frombuffer(bytes(buffer), np.float32).reshape(-1, 2)
        return np.asarray(stereo.mean(axis=1), np.float32)


def doom_sounds(wad: Path) -> dict[str, Audio]:
    """Read the sounds of a WAD file by their lumps' names (format: Doom's DMX, 8-bit samples)."""
    content = wad.read_bytes()
    count, directory = struct.unpack_from("<II", content, 4)
    found = {}
    for entry in range(directory, directory + 16 * count, 16):
        offset, size = struct.unpack_from("<II", content, entry)
        name = content[entry + 8 : entry + 16].rstrip(b"\0").decode("ascii", "replace")
        if name.startswith("DS") and size > 8:
            kind, rate, length = struct.unpack_from("<HHI", content, offset)
            if kind == 3 and rate and length:
                samples = np.frombuffer(content, np.uint8, min(length, size - 8), offset + 8)
                found[name] = Audio((samples.astype(np.float32) - 128) / 128, rate)
    return found
