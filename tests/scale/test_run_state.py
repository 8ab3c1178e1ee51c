"""What is known of a training on other machines: how far it is, and when to begin no more."""

from __future__ import annotations

from sensorium.scale.run_state import MOST_BARREN, RunState


def test_starts_that_get_no_further_end_it() -> None:
    state = RunState()
    assert state.start()
    state.note("encoding", 3, 9)
    state.note("training", 1, 20)
    for _ in range(2):
        assert state.start()
        state.note("encoding", 9, 9)  # seen before: what comes after it is further
    state.note("training", 2, 20)
    state.trouble("out of memory")
    assert [state.start() for _ in range(MOST_BARREN + 1)] == [True] * MOST_BARREN + [False]
    _, error, report = state.look()
    assert report is None and error is not None and error[0] == "EncoderError"
    assert f"no further in {MOST_BARREN + 1} starts (out of memory)" in error[1]


def test_the_first_error_counts_and_a_stop_is_heard() -> None:
    state = RunState()
    assert not state.is_over()
    state.fail("UsageError", "no such file")
    state.fail("EncoderError", "a peer is gone")
    assert state.is_over() and not state.start()
    assert state.look()[1] == ("UsageError", "no such file")
    other = RunState()
    assert other.note("training", 1, 2)
    other.stop()
    assert not other.note("training", 2, 2) and not other.start()
    assert other.look()[0] == ("training", 2, 2, {})
