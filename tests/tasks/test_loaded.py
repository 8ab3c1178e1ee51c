"""Models that are kept: shared, bounded, put away."""

from __future__ import annotations

import threading
import time
import weakref

import pytest

from sensorium.tasks.loaded import Loaded


class Model:
    pass


def test_a_model_is_loaded_once_for_many_threads() -> None:
    loaded, made = Loaded(most_bytes=100), []

    def load() -> Model:
        time.sleep(0.05)
        made.append(Model())
        return made[-1]

    seen = []

    def use() -> None:
        with loaded.using("a", load, 10) as model:
            seen.append(model)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and seen == made * 8 and loaded.bytes == 10


def test_the_one_used_longest_ago_makes_room_and_none_in_use_does() -> None:
    now = iter(range(1000))
    loaded = Loaded(most_bytes=25, clock=lambda: float(next(now)))
    for key in "ab":
        with loaded.using(key, Model, 10):
            pass
    with loaded.using("a", Model, 10):
        with loaded.using("c", Model, 10):
            assert "a" in loaded and "b" not in loaded and "c" in loaded
        with loaded.using("large", Model, 100):  # more than there is room for: it runs all the same
            assert "a" in loaded and "c" not in loaded
        assert "a" in loaded and "large" not in loaded and loaded.bytes == 10


def test_a_model_that_counts_as_false_makes_room_too() -> None:
    class Empty(Model):
        def __len__(self) -> int:
            return 0

    now = iter(range(1000))
    loaded = Loaded(most_bytes=15, clock=lambda: float(next(now)))
    for key in "ab":
        with loaded.using(key, Empty, 10):
            pass
    assert "a" not in loaded and "b" in loaded and loaded.bytes == 10


def test_what_is_idle_is_put_away_by_itself() -> None:
    loaded = Loaded(most_bytes=100, idle_seconds=0.05)
    with loaded.using("a", Model, 10) as model:
        held = weakref.ref(model)
        del model
        time.sleep(0.15)
        assert held() is not None  # in use
    deadline = time.monotonic() + 10
    while held() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held() is None and "a" not in loaded and loaded.bytes == 0


def test_what_cannot_be_loaded_is_tried_again() -> None:
    loaded = Loaded(most_bytes=100)

    def fail() -> Model:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"), loaded.using("a", fail, 10):
        pass
    with loaded.using("a", Model, 10):
        assert loaded.bytes == 10
    loaded.unload()
    assert loaded.bytes == 0
