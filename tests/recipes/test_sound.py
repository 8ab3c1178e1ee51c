"""The sound experiment's own parts: its spectrogram, its sounds, and how categories are found."""

import csv
import struct
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from recipes.mini import convert_sound, sound, sounds
from sensorium.media import Audio

SECOND = np.arange(convert_sound.RATE, dtype=np.float32) / convert_sound.RATE


def test_a_tone_is_loudest_in_its_band_whatever_its_level() -> None:
    centres = convert_sound.mel_bands().argmax(axis=0) * convert_sound.RATE / convert_sound.WINDOW
    for frequency in (440.0, 3000.0, 12_000.0):
        tone = np.sin(2 * np.pi * frequency * SECOND)
        (block,) = convert_sound.blocks(tone)
        loudest = block[5:35].mean(axis=0).argmax()
        assert centres[loudest] == pytest.approx(frequency, rel=0.06)
        (quiet,) = convert_sound.blocks(tone * np.float32(0.05))
        assert quiet == pytest.approx(block, abs=1e-3)
        assert not block[45:].any()  # filled up with silence


def test_bands_are_means_and_silence_is_nothing() -> None:
    assert convert_sound.mel_bands().sum(axis=0) == pytest.approx(1, abs=1e-5)
    silence = convert_sound.blocks(np.zeros(100, np.float32))
    assert silence.shape == (1, 100, 96) and not silence.any()
    assert convert_sound.blocks(np.tile(SECOND, 3)).shape == (2, 100, 96)


def test_the_left_out_categories_are_found() -> None:
    """Five of seven names, known from noisy probabilities of recordings of four of them."""
    names = ["air", "bell", "cat", "dog", "egg", "fan", "gun"]
    outputs = [0, 2, 3, 5, 6]  # bell and egg have none
    anchors = ["air", "cat", "dog", "fan", "gun", "dog", ""]
    rng = np.random.default_rng(3)
    chances = rng.dirichlet(np.full(5, 0.5), 7).astype(np.float32) * 0.4
    for row, anchor in enumerate(anchors):
        if anchor:
            chances[row, outputs.index(names.index(anchor))] += 0.6
    assert sound.category_order(chances, names, anchors) == outputs
    assert sound.category_order(chances, names[:5], [""] * 7) == [0, 1, 2, 3, 4]


def test_a_regression_gives_back_what_it_was_taught() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 8)).astype(np.float32)
    targets = features @ rng.normal(size=(8, 5)).astype(np.float32) + 3
    predicted = sound.ridge(features, targets, np.ones(200, np.float32), 1e-3)(features)
    assert np.abs(predicted - (targets - targets.mean(axis=0))).max() < 0.05


def test_sounds_of_a_wad_file(tmp_path: Path) -> None:
    samples = bytes([128, 255, 128, 1] * 50)
    lump = struct.pack("<HHI", 3, 11025, len(samples)) + samples
    music = b"MUS\x1a not a sound"
    head, entries = 12, []
    for name, content in ((b"DSDOG", lump), (b"D_E1M1", music)):
        entries.append(struct.pack("<II8s", head, len(content), name))
        head += len(content)
    wad = tmp_path / "some.wad"
    wad.write_bytes(struct.pack("<4sII", b"IWAD", 2, head) + lump + music + b"".join(entries))
    found = sounds.doom_sounds(wad)
    assert [*found] == ["DSDOG"]
    loaded = found["DSDOG"].load(11025)
    assert len(loaded) == 200 and loaded[1] == pytest.approx(127 / 128)
    assert isinstance(found["DSDOG"], Audio)


def test_the_lists_are_whole() -> None:
    with sound.CATEGORIES.open(encoding="utf-8", newline="") as file:
        categories = [row["category"] for row in csv.DictReader(file)]
    assert len(categories) == 82 and categories == sorted(categories)
    with sounds.LIST.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert {row["category"] for row in rows} <= {*categories, ""}
    assert all(row["english"] and row["chinese"] for row in rows)
    assert len({(row["source"], row["item"]) for row in rows}) == len(rows)
