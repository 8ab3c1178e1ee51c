"""The benchmark of clusters: its programs, and what becomes of rivals that are not here."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import scale
from benchmarks.photos import make_photos
from benchmarks.sleeping import SleepingEncoder, asked
from sensorium import Collection
from sensorium.collection.collection import store_of


@pytest.mark.parametrize("system", scale.PROGRAMS)
def test_programs_can_be_read(system: str) -> None:
    compile(scale.PROGRAMS[system], system, "exec")


def test_rivals_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.StringIO()
    monkeypatch.setattr(scale, "PROGRAMS", {scale.HERE: "", scale.DAFT: ""})
    found = dict(scale._installed("/no/such/python", Console(file=told, width=200)))
    assert found == {scale.HERE: sys.executable}
    assert told.getvalue() == f"{scale.DAFT}: daft is not installed, left out\n"


def test_the_stand_in_gives_real_vectors_or_none_at_all(
    tmp_path: Path, sample: Path, tiny: Path
) -> None:
    photos = make_photos([*(sample / "images").glob("c_b*.jpg")][:3], tmp_path / "p", 3, (64, 48))
    found = []
    for computes in (True, False):
        log = tmp_path / f"log {computes}"
        log.mkdir()
        with Collection(
            tmp_path / f"{computes}.sensorium", SleepingEncoder(tiny, 0.01, log, computes)
        ) as library:
            library.add(*photos)
            found.append(store_of(library).vectors(48)[2])
        (times,) = asked(log).values()
        assert len(times) == 3 and times[2] - times[0] >= 0.02
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(*photos)
        assert np.array_equal(store_of(library).vectors(48)[2], found[0])
    assert np.array_equal(found[1], np.eye(1, 48).repeat(3, axis=0))
