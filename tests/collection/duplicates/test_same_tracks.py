"""Recordings and films that are one, and those that differ in a note, or in what comes last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.collection.duplicates.grouping import Confirm
from sensorium.collection.duplicates.same_tracks import same_films, same_sounds

av = pytest.importorskip("av")
soundfile = pytest.importorskip("soundfile")

RATE = 24000

Samples = npt.NDArray[np.float32]


def tune(notes: list[int]) -> Samples:
    time = np.arange(RATE // 4) / RATE
    shape = np.hanning(len(time)) ** 0.3
    parts = [0.3 * np.sin(2 * np.pi * 220 * 2 ** (n / 12) * time) * shape for n in notes]
    return np.concatenate(parts).astype(np.float32)


def saved(path: Path, samples: Samples, codec: str | None = None) -> Path:
    if codec is None:
        soundfile.write(path, samples, RATE)
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.layout, stream.bit_rate = "mono", 64000
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=RATE,
            frame_size=stream.codec_context.frame_size or 1024,
        )  # fmt: skip
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def agreed(
    kind: Callable[[list[str], list[float]], Confirm], paths: list[Path], seconds: float
) -> list[bool]:
    """Which of the others are taken for the first."""
    pairs = np.array([[0, n] for n in range(1, len(paths))])
    agree = kind([str(path) for path in paths], [seconds] * len(paths))
    return agree(pairs, np.ones(len(pairs), np.float32)).tolist()  # type: ignore[no-any-return]


def test_sounds(tmp_path: Path) -> None:
    notes = [0, 4, 7, 12, 11, 7, 5, 2]
    other = [0, 4, 7, 12, 11, 7, 6, 2]
    sound = tune(notes)
    files = {
        saved(tmp_path / "a.wav", sound): None,
        saved(tmp_path / "again.flac", sound): True,
        saved(tmp_path / "again.mp3", sound, "libmp3lame"): True,
        saved(tmp_path / "again.m4a", sound, "aac"): True,
        saved(tmp_path / "softer.wav", sound * np.float32(0.4)): True,
        saved(tmp_path / "another note.wav", tune(other)): False,
        saved(tmp_path / "another note.mp3", tune(other), "libmp3lame"): False,
        saved(tmp_path / "backwards.wav", sound[::-1].copy()): False,
    }
    found = agreed(same_sounds, [*files], 2.0)
    assert found == [*files.values()][1:]


def test_only_silence_may_be_there_more(tmp_path: Path) -> None:
    sound, second = tune([0, 4, 7, 12, 11, 7, 5, 2]), np.zeros(RATE, np.float32)
    files = {
        saved(tmp_path / "a.wav", sound): None,
        saved(tmp_path / "silence after.wav", np.concatenate([sound, second])): True,
        saved(tmp_path / "before.mp3", np.concatenate([second, sound]), "libmp3lame"): True,
        saved(tmp_path / "both.wav", np.concatenate([second, sound, second])): True,
        saved(tmp_path / "a note more.wav", np.concatenate([sound, tune([4])])): False,
        saved(tmp_path / "later.wav", np.concatenate([sound, second, tune([4])])): False,
        saved(tmp_path / "within.wav", np.insert(sound, RATE, second)): False,
        saved(tmp_path / "shorter.wav", sound[: -RATE // 2]): False,
    }
    assert agreed(same_sounds, [*files], 2.0) == [*files.values()][1:]


def test_silence_says_nothing(tmp_path: Path) -> None:
    quiet = np.zeros(2 * RATE, np.float32)
    noise = quiet + np.random.default_rng(0).normal(0, 1e-4, len(quiet)).astype(np.float32)
    click = quiet.copy()
    click[RATE : RATE + 40] = 0.5
    paths = [saved(tmp_path / f"{n}.wav", s) for n, s in enumerate((quiet, noise, click, quiet))]
    assert agreed(same_sounds, paths, 2.0) == [False, False, False]


Draw = Callable[[int, Samples], Samples]


def filmed(
    path: Path,
    draw: Draw,
    size: tuple[int, int] = (192, 128),
    codec: str = "libx264",
    *,
    later: int = 0,
    sound: Samples | None = None,
) -> Path:
    """40 frames at 10 a second over a ground that moves, `later` by some."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(256, size=(20, 60, 3)).astype(np.float32)
    ground = coarse.repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = 600_000
        if sound is not None:
            heard = container.add_stream("aac", rate=RATE)
            heard.layout = "mono"
        for n in range(40):
            levels = draw(n, ground[:128, 4 * n : 4 * n + 192].copy()).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(levels, "rgb24").reformat(*size, "yuv420p")
            frame.pts = n + later
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            piece = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            piece.sample_rate = RATE
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE, frame_size=1024)
            for part in [*resampler.resample(piece), *resampler.resample(None)]:
                container.mux(heard.encode(part))
            container.mux(heard.encode(None))
    return path


def plain(_: int, levels: Samples) -> Samples:
    return levels


def dark_at_first(n: int, levels: Samples) -> Samples:
    return levels * 0 if n < 20 else levels


def dark_and_other(n: int, levels: Samples) -> Samples:
    return levels * 0 if n < 20 else levels[::-1]


def dark(_: int, levels: Samples) -> Samples:
    return levels * 0


def other_end(n: int, levels: Samples) -> Samples:
    return levels if n < 32 else levels[:, ::-1]


def stamped(n: int, levels: Samples) -> Samples:
    levels[4:16, 4:10] = 255
    return levels


def stamped_otherwise(n: int, levels: Samples) -> Samples:
    levels[4:16, 4:10] = 255
    levels[9:11, 5:9] = 0
    return levels


def something_passes(n: int, levels: Samples) -> Samples:
    if 10 <= n < 30:
        levels[40:64, 4 * n : 4 * n + 24] = (255, 0, 0)
    return levels


@pytest.mark.slow
def test_films(tmp_path: Path) -> None:
    files = {
        filmed(tmp_path / "a.mp4", plain): None,
        filmed(tmp_path / "again.avi", plain, codec="mpeg4"): True,
        filmed(tmp_path / "half.mp4", plain, (96, 64)): True,
        filmed(tmp_path / "end.mp4", other_end): False,
        filmed(tmp_path / "passes.mp4", something_passes): False,
        filmed(tmp_path / "dark.mp4", dark): False,
    }
    assert agreed(same_films, [*files], 4.0) == [*files.values()][1:]
    files = {
        filmed(tmp_path / "b.mp4", dark_at_first): None,
        filmed(tmp_path / "b again.mkv", dark_at_first, codec="mpeg4"): True,
        filmed(tmp_path / "b other.mp4", dark_and_other): False,
        filmed(tmp_path / "b dark.mp4", dark): False,
    }
    assert agreed(same_films, [*files], 4.0) == [*files.values()][1:]
    darkness = [
        filmed(tmp_path / f"{n}.mp4", dark, codec=c) for n, c in enumerate(("libx264", "mpeg4"))
    ]
    assert agreed(same_films, darkness, 4.0) == [False]


@pytest.mark.slow
def test_late_softer_and_dubbed_films(tmp_path: Path) -> None:
    notes = [0, 4, 7, 12, 11, 7, 5, 2] * 2
    sound, other = tune(notes), tune([*notes[:-3], 6, 5, 2])
    files = {
        filmed(tmp_path / "a.mp4", plain, sound=sound): None,
        filmed(tmp_path / "late.avi", plain, codec="mpeg4", later=1, sound=sound): True,
        filmed(tmp_path / "softer.mkv", plain, sound=sound * np.float32(0.5)): True,
        filmed(tmp_path / "dubbed.mp4", plain, sound=other): False,
        filmed(tmp_path / "silent.mp4", plain, sound=sound * 0): False,
        filmed(tmp_path / "without.mp4", plain): False,
    }
    assert agreed(same_films, [*files], 4.0) == [*files.values()][1:]
    files = {
        filmed(tmp_path / "b.mp4", stamped): None,
        filmed(tmp_path / "b again.mkv", stamped, codec="mpeg4"): True,
        filmed(tmp_path / "b other.mp4", stamped_otherwise): False,
        filmed(tmp_path / "b other.mkv", stamped_otherwise, codec="mpeg4"): False,
    }
    assert agreed(same_films, [*files], 4.0) == [*files.values()][1:]


@pytest.mark.slow
def test_from_the_collection_on(tmp_path: Path) -> None:
    sound = tune([0, 4, 7, 12, 11, 7, 5, 2])
    saved(tmp_path / "sound.wav", sound)
    saved(tmp_path / "sound.mp3", sound, "libmp3lame")
    saved(tmp_path / "other.wav", tune([0, 4, 7, 12, 11, 7, 6, 2]))
    filmed(tmp_path / "film.mp4", plain)
    filmed(tmp_path / "film.mkv", plain, codec="mpeg4")
    filmed(tmp_path / "end.mp4", other_end)
    with Collection(tmp_path / "c.sensorium", "mini+ear") as collection:
        collection.add(tmp_path)
        groups = find_duplicate_items(collection)
    found = sorted(sorted(Path(item.path).name for item in group.items) for group in groups)
    assert found == [["film.mkv", "film.mp4"], ["sound.mp3", "sound.wav"]]
    assert {group.kind for group in groups} == {"altered"}
