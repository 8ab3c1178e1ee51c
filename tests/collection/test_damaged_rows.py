"""Rows in which anything may stand: searches say so or are right, `check` finds it and mends it."""

from __future__ import annotations

import random
import shutil
import warnings
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sensorium import Collection
from sensorium.collection.checking import check
from sensorium.errors import CollectionError, SensoriumError, SensoriumWarning
from tests.campaigns.damaging import ROWS, damage_rows

MODES = ("vector", "words", "hybrid")


@pytest.fixture(scope="module")
def whole(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of pictures and a text with passages."""
    folder = tmp_path_factory.mktemp("whole")
    for colour in ("red", "green", "blue"):
        PIL.Image.new("RGB", (40, 30), colour).save(folder / f"{colour}.png")
    (folder / "notes.txt").write_text("A cat and a dog. " * 60, "utf-8")
    (folder / "rows.csv").write_text("path,caption,number\nred.png,a red square,5\n", "utf-8")
    with Collection(folder / "c.sensorium", tiny) as library:
        assert library.add(folder, folder / "rows.csv").added == 4
    return folder


def answers(path: Path, tiny: Path) -> list[Any]:
    """What searches give, or that they say what is wrong."""
    found: list[Any] = []
    try:
        with Collection(path, tiny) as library:
            for mode in MODES:
                found.append([(hit.path, hit.modality, round(hit.score, 3), hit.text, hit.span)
                              for hit in library.search("a red cat", mode=mode)])  # fmt: skip
            found.append([hit.path for hit in library.search("cat", where="number > 3")])
    except SensoriumError as error:
        found.append(str(error))
    return found


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[name for name, _ in ROWS])
def test_what_is_not_as_it_was_written_is_told(
    number: int, whole: Path, tiny: Path, tmp_path: Path
) -> None:
    usual = answers(whole / "c.sensorium", tiny)
    assert len(usual) == 4 and all(usual)
    path = tmp_path / "c.sensorium"
    shutil.copy(whole / "c.sensorium", path)
    damage_rows(tmp_path, random.Random(number), number)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", SensoriumWarning)
        got = answers(path, tiny)
    told = bool(said) or any(isinstance(one, str) for one in got)
    try:
        with Collection(path, tiny, create=False) as library:
            found = bool(check(library, repair=True).damages)
    except CollectionError:
        return  # it is not opened at all
    assert told or got[0] == usual[0]  # of lost words and of conditions, `check` alone knows
    assert found or got == usual, got
    if not found:
        return
    with Collection(path, tiny, create=False) as library:
        again = check(library, repair=True)
    assert all("restore" in damage.mend for damage in again.damages), again.damages
    if not again.damages:
        with Collection(path, tiny, create=False) as library:
            library.add(whole, whole / "rows.csv")
            library.prune()
        assert sorted(map(str, answers(path, tiny))) == sorted(map(str, usual))


def test_an_emptied_file_is_no_new_collection(whole: Path, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.sensorium"
    path.touch()
    with pytest.raises(CollectionError, match=r"is empty \(0 bytes\)"):
        Collection(path, tiny, create=False)
    assert not path.stat().st_size
    with Collection(path, tiny) as library:  # who adds may have made the file, by `mktemp`
        assert library.add(whole / "red.png").added == 1
