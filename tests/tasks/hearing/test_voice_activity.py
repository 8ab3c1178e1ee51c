"""Where somebody speaks, and when what a recogniser hears was said."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensorium.tasks.hearing.transcripts import Said
from sensorium.tasks.hearing.voice_activity import (
    FRAME,
    PAD_SECONDS,
    RATE,
    SPEAKS,
    SURE,
    Activity,
    pieces,
)
from sensorium.tasks.transcription import is_speech

PAD = round(PAD_SECONDS * RATE)
likely = st.lists(st.floats(0, 1, width=32), max_size=200)


@given(likely, st.floats(0.05, 3))
@example([1.0, 0.0, 0.0, 0.0, 1.0], 0.0625)
def test_stretches_hold_all_that_is_surely_said(values: list[float], pause: float) -> None:
    active = Activity(np.array(values, np.float32))
    found = active.stretches(pause)
    for n, value in enumerate(values):
        inside = any(start <= n * FRAME < stop for start, stop in found)
        if value >= SURE:
            assert inside
    assert all(start < stop for start, stop in found)
    assert all(a[1] <= b[0] or a[1] - b[0] <= 2 * PAD for a, b in itertools.pairwise(found))
    for start, stop in found:
        frames = active.likely[start // FRAME : stop // FRAME + 1]
        assert frames.max() >= SPEAKS


def test_pauses_part_stretches() -> None:
    quiet, loud = [0.0] * 100, [0.99] * 50
    active = Activity(np.array([*loud, *quiet, *loud, *quiet], np.float32))
    assert len(active.stretches(2.0)) == 2 and len(active.stretches(4.0)) == 1
    first, second = active.stretches(2.0)
    assert first == (0, 50 * FRAME + PAD)
    assert second == (150 * FRAME - PAD, 200 * FRAME + PAD)
    half_sure = Activity(np.array([*quiet, *[0.8] * 50, *quiet], np.float32))
    assert half_sure.stretches(2.0) == []


@given(
    st.lists(st.integers(800, 40_000), min_size=2, max_size=12).map(np.cumsum),
    st.floats(0.5, 3),
    st.sampled_from([0.1, float("inf")]),
)
def test_pieces_are_the_stretches_and_know_their_times(
    edges: np.ndarray, most: float, gap: float
) -> None:
    stretches = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    samples = np.arange(int(edges[-1]), dtype=np.float32)
    found = list(pieces(samples, stretches, most, gap))
    heard = np.concatenate([piece.samples for piece in found])
    np.testing.assert_array_equal(
        heard, np.concatenate([samples[start:stop] for start, stop in stretches])
    )
    for piece in found:
        assert len(piece.samples) <= round(most * RATE)
        for place in range(0, len(piece.samples), 997):  # a sample's value is its place
            assert piece.original(place / RATE) * RATE == pytest.approx(piece.samples[place], abs=1)
        end = piece.original(piece.seconds, is_end=True)
        assert end * RATE == pytest.approx(piece.samples[-1] + 1, abs=1)


@pytest.mark.parametrize(
    ("peak", "confidence", "text", "said"),
    [
        (0.99, 0.1, "Hello", True), (0.99, 0.9, " . ", False), (0.9, 0.6, "one step", True),
        (0.9, 0.2, "You", False), (0.9, 0.0, "not told", True), (0.8, 0.99, "Woof", False),
    ],
)  # fmt: skip
def test_what_counts_as_said(peak: float, confidence: float, text: str, said: bool) -> None:
    active = Activity(np.full(100, peak, np.float32))
    assert is_speech(Said(text, 0.5, 1.0, confidence), active) is said
