"""Writing in pictures, Chinese and English: read, placed, and found."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium import Collection, Image
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.media import Segment, Text
from sensorium.media.lettering import write_line
from sensorium.tasks.reading import load_writing_reader


def sign(*lines: tuple[tuple[int, int], str]) -> PIL.Image.Image:
    picture = PIL.Image.new("RGB", (800, 400), "white")
    draw = PIL.ImageDraw.Draw(picture)
    for place, text in lines:
        write_line(draw, place, text, 44, 760, "black")
    return picture


def words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text


def test_lines_and_their_places() -> None:
    picture = sign(((40, 30), "Invoice number 4711"), ((40, 300), "Thank you very much"))
    first, second = load_writing_reader().read(Image(picture))
    assert words(first).replace(" ", "") == "Invoicenumber4711"
    assert words(second).replace(" ", "") == "Thankyouverymuch"
    assert first.details["source"] == "writing" and first.details["confidence"] > 0.75
    left, upper, right, lower = first.details["box"]
    assert 0 < left < 0.15 and 0.4 < right < 0.8
    assert 0 < upper < 0.15 and 0.1 < lower < 0.3
    assert second.details["box"][1] > 0.6


def test_lines_below_one_another_are_one_passage() -> None:
    picture = sign(((40, 30), "Opening hours"), ((40, 90), "Monday to Friday"))
    (passage,) = load_writing_reader().read(Image(picture))
    assert "hours" in words(passage) and "Friday" in words(passage)


def test_a_picture_without_writing(sample: Path) -> None:
    assert list(load_writing_reader().read(Image(sample / "images" / "x_dog.jpg"))) == []


def test_found_by_what_is_written(tmp_path: Path) -> None:
    sign(((40, 30), "Invoice number 4711"), ((40, 90), "total 250 euros")).save(tmp_path / "a.png")
    sign(((40, 30), "Happy birthday")).save(tmp_path / "b.png")
    with Collection(tmp_path / "c.sensorium") as library:
        assert library.add(tmp_path, ocr=True).added == 2
        for mode in ("words", "vector", "hybrid"):
            hit = library.search("invoice", mode=mode)[0]
            assert Path(hit.path).name == "a.png"
        hit = library.search("invoice", mode="words")[0]
        assert hit.text and "4711" in hit.text and hit.details["source"] == "writing"
        assert pytest.approx(hit.details["box"][0], abs=0.1) == 0.05


def test_copies_with_writing_are_duplicates(tmp_path: Path) -> None:
    picture = sign(((40, 30), "Invoice number 4711"), ((40, 300), "Thank you very much"))
    picture.save(tmp_path / "a.png")
    picture.resize((400, 200)).save(tmp_path / "small.png")
    sign(((40, 30), "Happy birthday")).save(tmp_path / "b.png")
    with Collection(tmp_path / "c.sensorium") as library:
        library.add(tmp_path, ocr=True)
        (group,) = find_duplicate_items(library)
    assert {Path(item.path).name for item in group.items} == {"a.png", "small.png"}
