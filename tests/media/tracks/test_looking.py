"""Which frames of films are looked at: every scene of 2 s or more, wherever its key frames are."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from sensorium import Video
from sensorium.media.tracks.looking import looks
from tests.media.films import Scene, cut, write_film

RED_BLUE_GREEN: tuple[Scene, ...] = (("red", 6), ("blue", 10), ("lime", 4))
EXACT = {"r": (255, 0, 0), "b": (0, 0, 255), "g": (0, 255, 0)}


def seen(path: Path) -> list[tuple[float, str]]:
    """Times and colours of a film's pictures."""
    found = []
    for time, picture in Video(path).frames():
        red, green, blue = picture.getpixel((5, 5))  # type: ignore[misc]
        found.append(
            (round(time, 2), max("rgb", key=dict(zip("rgb", (red, green, blue), strict=True)).get))
        )  # type: ignore[arg-type]
    return found


def assert_seen(found: list[tuple[float, str]], wanted: list[tuple[float, str]]) -> None:
    assert [colour for _, colour in found] == [colour for _, colour in wanted]
    times = [time for time, _ in wanted]
    np.testing.assert_allclose([time for time, _ in found], times, atol=0.35)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv", "mov", "ts"])
def test_long_last_group(tmp_path: Path, suffix: str) -> None:
    # MKV and FLV say in their index that there is one key frame, until one has sought.
    path = tmp_path / f"a.{suffix}"
    write_film(path, RED_BLUE_GREEN, keys=(0, 2, 4))
    assert_seen(seen(path), [(0, "r"), (6, "b"), (16, "g")])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_slides_that_are_stored_in_another_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with av.open(path, "w") as container:
        track: Any = container.add_stream("libx264", rate=Fraction(1, 5), options={"bf": "3"})
        track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
        for number in range(8):
            slide = PIL.Image.new("RGB", (96, 64), "red" if number < 4 else "blue")
            frame: Any = av.VideoFrame.from_image(slide)
            frame.pts, frame.time_base = number, Fraction(5)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    assert_seen(seen(path), [(0, "r"), (20, "b")])
    assert Video(path).metadata()["duration"] == pytest.approx(40, abs=5.1)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx"])
def test_scene_between_key_frames(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mkv"
    scenes = (("red", 4.4), ("blue", 3.4), ("red", 4.2))
    write_film(path, scenes, keys=(0, 4, 8), codec=codec)
    assert_seen(seen(path), [(0, "r"), (4.4, "b"), (7.8, "r")])


def test_scenes_of_two_seconds(tmp_path: Path) -> None:
    # Key frames 2.9 s apart, as of no rule, and scenes that begin anywhere between.
    scenes = tuple((("red", "blue", "lime")[n % 3], 2.04) for n in range(9))
    path = tmp_path / "a.mp4"
    write_film(path, scenes, keys=np.arange(0, 19, 2.9).tolist())
    assert [colour for _, colour in seen(path)] == list("rbg" * 3)


@pytest.mark.parametrize("step", [0.04, 0.5, 0.96, 1.9])
def test_key_frames_near_one_another(tmp_path: Path, step: float) -> None:
    path = tmp_path / "a.mp4"
    write_film(
        path, (("red", 3.2), ("blue", 2.2), ("lime", 2.6)), keys=np.arange(0, 8, step).tolist()
    )
    found = seen(path)
    assert [colour for _, colour in found] == ["r", "b", "g"]
    for (time, _), begin, end in zip(found, (0, 3.2, 5.4), (3.2, 5.4, 8), strict=True):
        assert begin <= time < end


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_film_cut_by_stream_copy(tmp_path: Path, suffix: str) -> None:
    whole, part = tmp_path / "whole.mp4", tmp_path / f"part.{suffix}"
    write_film(whole, (("red", 5), ("blue", 3), ("lime", 4)), keys=(0, 6), sound=12)
    cut(whole, part, 3)
    found = seen(part)
    assert found[0] == (0, "r")
    assert [colour for _, colour in found] == ["r", "b", "g"]
    if suffix == "mp4":  # an edit list hides what comes before the cut
        assert 2 <= found[1][0] < 4 and 5 <= found[2][0] < 7


def test_pictures_begin_after_the_sound(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "ts"):
        path = tmp_path / f"a.{suffix}"
        write_film(path, (("red", 3), ("blue", 3)), start=4, sound=10)
        assert_seen(seen(path), [(4, "r"), (7, "b")])


def test_key_frames_that_lean_on_what_is_before(tmp_path: Path) -> None:
    # Live encoders refresh a picture column by column, and call the first step of it a key frame.
    path = tmp_path / "a.mkv"
    options = "keyint=33:scenecut=0:intra-refresh=1"
    write_film(path, (("red", 3.3), ("blue", 4), ("lime", 4.7)), keys=(), params=options)
    assert_seen(seen(path), [(0, "r"), (3.3, "b"), (7.3, "g")])


def test_key_frames_farther_apart_than_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_film(path, (("red", 11), ("blue", 2.5), ("lime", 3)), keys=(0, 12.6, 13.5), rate=5)
    assert_seen(seen(path), [(0, "r"), (11, "b"), (13.5, "g")])


def test_a_frame_that_is_shown_for_long(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_film(path, (("red", 3), ("blue", 3), ("lime", 3)), rate=Fraction(1, 3), keys=(0,))
    assert seen(path) == [(0, "r"), (3, "b"), (6, "g")]


def test_every_gap_is_at_most_two_seconds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        every = 2.0
        length = float(rng.uniform(0.1, 15))
        begin, rate = float(rng.uniform(0, 3)), float(rng.choice([5, 10, 23.976, 25, 60]))
        times = (begin + np.arange(0, length, 1 / rate)).tolist()
        last = float(rng.choice([-math.inf, begin - rng.uniform(0, 2)]))
        end = times[-1] + 1 / rate
        chosen = looks(times, last, end, every)
        assert set(chosen) <= set(times) and chosen == sorted(chosen)
        gaps = np.diff([*([] if last == -math.inf else [last]), *chosen, end])
        assert len(gaps) and gaps.max() <= every + 2e-4
        assert not chosen or chosen[0] == times[0]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("step", [1.0, 9.0])
def test_two_hours_take_no_more_memory_than_ten_minutes(tmp_path: Path, step: float) -> None:
    path = tmp_path / "a.mkv"
    scenes = [(("red", "blue", "lime")[n % 3], 40) for n in range(180)]
    keys = np.arange(0, 7200, step).tolist()
    write_film(path, scenes, keys=keys, rate=2, size=(320, 240), codec="mpeg4")
    held, pictures = {}, 0
    for time, _ in Video(path).frames():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        held[time] = pages * os.sysconf("SC_PAGE_SIZE")
        pictures += 1
    assert pictures >= 180
    early = max(size for time, size in held.items() if time < 600)
    assert max(held.values()) - early < 20e6
