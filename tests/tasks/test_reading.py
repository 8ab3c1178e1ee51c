"""Writing in pictures, Chinese and English: read, placed, and found."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from sensorium import Collection, Image
from sensorium.collection.duplicates.finding import find_duplicate_items
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


LEFT = ["The pear trees were", "pruned in March and", "a shed was built."]
RIGHT = ["Bees were stolen from", "the lower orchard, and", "police was informed."]


def page(
    size: tuple[int, int], *written: tuple[int, int, str, int], colors: tuple[str, str]
) -> PIL.Image.Image:
    """A picture with writing: left, upper edge, text and size of each line; ink and ground."""
    picture = PIL.Image.new("RGB", size, colors[1])
    draw = PIL.ImageDraw.Draw(picture)
    for left, upper, text, height in written:
        draw.text((left, upper), text, colors[0], PIL.ImageFont.load_default(height))
    return picture


def read(picture: PIL.Image.Image) -> list[str]:
    return [words(segment) for segment in load_writing_reader().read(Image(picture))]


@pytest.mark.slow
@pytest.mark.parametrize("colors", [("black", "white"), ("#ddd", "#203040")], ids=["day", "night"])
def test_columns_are_read_one_after_the_other(colors: tuple[str, str]) -> None:
    lines = [(60, 40 + 50 * n, text, 36) for n, text in enumerate(LEFT)]
    lines += [(560, 40 + 50 * n, text, 36) for n, text in enumerate(RIGHT)]
    picture = page((1000, 250), *lines, colors=colors)
    assert read(picture) == [" ".join(LEFT), " ".join(RIGHT)]
    for quarter in ("ROTATE_90", "ROTATE_180", "ROTATE_270"):
        turned = picture.transpose(PIL.Image.Transpose[quarter])
        assert read(turned) == [" ".join(LEFT), " ".join(RIGHT)]
    askew = picture.rotate(-5, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor=colors[1])
    assert read(askew) == [" ".join(LEFT), " ".join(RIGHT)]


@pytest.mark.parametrize("ink", [(255, 255, 255), (0, 0, 0)], ids=["white", "black"])
def test_writing_on_transparency(ink: tuple[int, int, int]) -> None:
    picture = PIL.Image.new("RGBA", (800, 140), (*ink, 0))
    draw = PIL.ImageDraw.Draw(picture)
    draw.text((40, 40), "The parcel is 4711", (*ink, 255), PIL.ImageFont.load_default(48))
    assert read(picture) == ["The parcel is 4711"]


def test_rows_are_read_from_left_to_right() -> None:
    rows = [(40, 92, "Total amount", 28), (500, 40, "250 euros", 80)]
    assert read(page((900, 160), *rows, colors=("black", "white"))) == ["Total amount 250 euros"]
    items = [("Apples", "2.50"), ("Pears and plums", "13.20"), ("Bread", "1.99")]
    cells = [(40, 20 + 50 * n, label, 32) for n, (label, _) in enumerate(items)]
    cells += [(560, 20 + 50 * n, value, 32) for n, (_, value) in enumerate(items)]
    (receipt,) = read(page((700, 220), *cells, colors=("black", "white")))
    assert receipt == "Apples 2.50 Pears and plums 13.20 Bread 1.99"


@pytest.mark.slow
def test_a_long_screenshot_is_read_in_pieces() -> None:
    lines = [
        (60, 150 + 390 * n, f"Message {n}: the parcel is {1000 + n * 37}", 38) for n in range(11)
    ]
    picture = Image(page((1080, 4500), *lines, colors=("black", "white")))
    found = list(load_writing_reader().read(picture))
    assert [words(segment) for segment in found] == [text for _, _, text, _ in lines]
    for segment, (_, upper, _, _) in zip(found, lines, strict=True):
        assert segment.details["box"][1] == pytest.approx(upper / 4500, abs=0.01)
    assert picture.notes == []


def test_a_line_across_several_pieces() -> None:
    line = " ".join(["garden river stone winter market bridge"] * 3)
    assert read(page((4200, 120), (40, 30, line, 60), colors=("white", "navy"))) == [line]


@pytest.mark.slow
def test_a_turned_line_across_several_pieces() -> None:
    line = " ".join(["garden river stone winter market bridge"] * 2)
    picture = page((2700, 120), (40, 30, line, 60), colors=("black", "white"))
    assert read(picture.transpose(PIL.Image.Transpose.ROTATE_270)) == [line]


def test_what_is_beyond_the_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.tasks.writing.pieces.MOST_PIECES", 1)
    lines = [(40, 100, "the beginning", 60), (40, 3700, "the end", 60)]
    picture = Image(page((700, 4000), *lines, colors=("black", "white")))
    assert [words(segment) for segment in load_writing_reader().read(picture)] == ["the beginning"]
    assert picture.notes == ["writing was read in the first 33% of its height"]


def test_single_signs() -> None:
    white = ("black", "white")
    assert read(page((800, 150), (40, 30, "A", 60), (300, 30, "7", 60), colors=white)) == ["A 7"]
    assert read(page((300, 300), (80, 30, "A", 200), colors=white)) == ["A"]
    assert read(page((600, 200), (300, 60, "-", 60), colors=white)) == []


@pytest.mark.slow
def test_photos_without_writing(sample: Path) -> None:
    """Each has a shape that the recogniser takes for a letter."""
    for name in ("x_dog", "x_eiffelTower", "c_fish18", "s_coffee", "x_palaisdesPapes"):
        assert list(load_writing_reader().read(Image(sample / "images" / f"{name}.jpg"))) == [], (
            name
        )


@pytest.mark.slow
def test_small_print_on_a_photo(sample: Path) -> None:
    found = load_writing_reader().read(Image(sample / "images" / "c_multimeter1.jpg"))
    assert {"OFF", "200m", "UNI-T"} <= {word for one in found for word in words(one).split()}


def test_chinese_is_read_without_spaces() -> None:
    picture = sign(((40, 30), "今天天气很好我们"), ((40, 90), "一起去公园散步吧"))
    assert read(picture) == ["今天天气很好我们一起去公园散步吧"]


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


@pytest.mark.slow
def test_copies_with_writing_are_duplicates(tmp_path: Path) -> None:
    picture = sign(((40, 30), "Invoice number 4711"), ((40, 300), "Thank you very much"))
    picture.save(tmp_path / "a.png")
    picture.resize((400, 200)).save(tmp_path / "small.png")
    sign(((40, 30), "Happy birthday")).save(tmp_path / "b.png")
    with Collection(tmp_path / "c.sensorium") as library:
        library.add(tmp_path, ocr=True)
        (group,) = find_duplicate_items(library)
    assert {Path(item.path).name for item in group.items} == {"a.png", "small.png"}
