"""Frames of two films that belong together, where one is late, slower, or misses some."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.media.tracks.abreast import Frames, abreast

SECONDS = 6.0

Seconds = npt.NDArray[np.float64]


def scene(time: float) -> npt.NDArray[np.int16]:
    """What moves: a bright bar from the left to the right, and a little noise."""
    noise = np.random.default_rng(round(time * 1000)).integers(0, 4, (32, 32, 3))
    bar = np.clip(1 - np.abs(np.arange(32) - 30 * time / SECONDS) / 6, 0, 1)
    return (200 * bar[None, :, None] + noise).astype(np.int16)


def film(rate: float, later: float = 0.0) -> Frames:
    """As a film that shows what is seen now `later` seconds later."""
    begins = np.arange(round(SECONDS * rate)) / rate
    ends = [*begins[1:] + later, np.inf]
    shown = [scene(time) for time in begins]
    return Frames.of(zip((begins + later).tolist(), ends, shown, strict=True))


TIMES = np.linspace(0.5, SECONDS - 0.5, 15)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from((10.0, 12.5, 24.0, 25.0, 30.0)),
    st.sampled_from((10.0, 12.5, 24.0, 25.0, 30.0)),
    st.floats(-0.25, 0.25),
)
def test_what_is_seen_at_both_times_is_one(rate: float, other: float, later: float) -> None:
    met = abreast(film(rate), film(other, later), TIMES)
    assert met is not None
    # A frame of the slower film, and one of the faster at most.
    assert np.abs(met[1] - met[0] - later).max() < 1 / min(rate, other) + 1 / max(rate, other)
    back = abreast(film(other, later), film(rate), TIMES)
    assert back is not None
    assert np.median(back[0] - back[1]) == pytest.approx(later, abs=0.12)


def test_times_are_inside_frames() -> None:
    frames = film(10.0)
    met = abreast(frames, film(10.0, 0.1), TIMES)
    assert met is not None
    for times in met:
        assert (np.abs(times * 10 - np.round(times * 10)) > 0.4).all()


def test_other_scenes_do_not_meet() -> None:
    one = film(10.0)
    other = Frames(one.begins, one.ends, one.thumbnails[:, :, ::-1])
    assert abreast(one, other, TIMES) is None
    nothing = Frames.of([])
    assert abreast(one, nothing, TIMES) is None


def test_a_clock_in_a_still_picture_goes_on() -> None:
    """Only noise tells frames apart: the one that is due is taken, not the most alike."""
    begins = np.arange(60) / 10
    rng = np.random.default_rng(3)
    still = rng.integers(0, 200, (1, 32, 32, 3))
    stills = [(still + rng.integers(0, 12, (60, 32, 32, 3))).astype(np.int16) for _ in range(2)]
    one, other = (Frames(begins, np.append(begins[1:], np.inf), some) for some in stills)
    met = abreast(one, other, TIMES)
    assert met is not None
    assert (one.at(met[0]) == other.at(met[1])).all()
