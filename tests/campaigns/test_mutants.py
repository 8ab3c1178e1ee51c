"""The campaign of mutants makes what it says, from numbers, and sees what goes wrong."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from sensorium.media.sources import (
    AUDIO_SUFFIXES,
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    MESH_SUFFIXES,
    VIDEO_SUFFIXES,
)
from tests.campaigns.mutating import running
from tests.campaigns.mutating.judging import complaint
from tests.campaigns.mutating.mutants import Mutant, _by_format, mutant
from tests.campaigns.mutating.seeds import seeds


def test_seeds_are_of_every_kind_and_the_same_each_time() -> None:
    made = seeds()
    assert len(made) >= 80 and len({seed.name for seed in made}) >= 80
    suffixes = {f".{seed.suffix}" for seed in made}
    for kind in (IMAGE_SUFFIXES, AUDIO_SUFFIXES, VIDEO_SUFFIXES, DOCUMENT_SUFFIXES, MESH_SUFFIXES):
        assert len(suffixes & kind) >= 5
    seeds.cache_clear()
    _by_format.cache_clear()
    assert seeds() == made


def test_a_number_makes_the_same_mutant() -> None:
    numbers = range(100)
    first = [mutant(19, number) for number in numbers]
    assert [mutant(19, number) for number in numbers] == first
    # None is its seed, and hardly any two are alike.
    valid = {seed.content for seed in seeds()}
    assert all(one.content not in valid or one.beside for one in first)
    assert len({hashlib.sha256(one.content).digest() for one in first}) > 90
    assert mutant(20, 0) != first[0]


@pytest.mark.slow
def test_mutants_and_seeds_go_through_a_collection(tmp_path: Path) -> None:
    wanted = ("plain.jpg", "plain.flac", "plain.mp4", "two.pdf", "plain.docx", "tower.obj")
    whole = [
        Mutant(1000 + number, seed.name, seed.format, (), seed.content, seed.beside)
        for number, seed in enumerate(seeds())
        if seed.name in wanted
    ]
    mutants = [mutant(19, number) for number in range(0, 30, 3)]
    verdicts, wrong = running.run([*mutants, *whole], tmp_path / "batch")
    assert wrong == []
    assert [verdicts[one.number].ending for one in whole] == ["added"] * len(wanted)
    assert all(verdicts[one.number].ending and not verdicts[one.number].wrong for one in mutants)


def test_a_process_that_ends_is_told(tmp_path: Path) -> None:
    _, wrong = running.run([mutant(19, 0)], tmp_path / "batch", encoder="no-such-encoder")
    assert len(wrong) == 1 and "ended with 1" in wrong[0]


@pytest.mark.parametrize(
    "reason",
    ["", "broken (IndexError: list index out of range)", "x" * 500, "red \x1b[31m", "a\nb",
     "KeyError: 'Width'", "'NoneType' object is not iterable"],
)  # fmt: skip
def test_words_that_are_not_plain(reason: str) -> None:
    assert complaint(reason)


def test_plain_words() -> None:
    assert not complaint("broken picture (image file is truncated)")


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux tells it")
def test_no_encoder_makes_this_a_process_of_real_time() -> None:
    seeds.cache_clear()
    seeds()
    for thread in threading.enumerate():
        assert os.sched_getscheduler(thread.native_id or 0) == os.SCHED_OTHER
