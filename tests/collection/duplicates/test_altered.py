"""What was altered is found, and what is different is never taken for one."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from benchmarks.altering import ALTERED, jpeg
from benchmarks.doubles import DRAWN, ON_PHOTOS
from sensorium import Collection
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.collection.duplicates.altered import Altered
from sensorium.collection.duplicates.confirming import Thumbnails
from sensorium.collection.duplicates.same_words import words_of


def agreed(folder: Path, *pictures: PIL.Image.Image) -> list[bool]:
    """Which of the others are taken for the first."""
    paths = [folder / f"{n}.png" for n in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path, compress_level=1)
    names = [str(path) for path in paths]
    pairs = np.array([[0, n] for n in range(1, len(pictures))])
    cosines = np.ones(len(pairs), np.float32)
    return Altered(names, Thumbnails(names)).agree(pairs, cosines).tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def photo(sample: Path) -> PIL.Image.Image:
    with PIL.Image.open(sample / "images" / "x_orchestra.jpg") as file:
        return file.convert("RGB")


@pytest.mark.slow
def test_an_altered_photo_is_found(photo: PIL.Image.Image, tmp_path: Path) -> None:
    altered = {name: alter(photo) for name, alter in ALTERED.items()}
    found = agreed(tmp_path, photo, *altered.values())
    assert dict(zip(altered, found, strict=True)) == dict.fromkeys(altered, True)


@pytest.mark.parametrize("name", ["mirrored", "5% cropped on each side"])
def test_some_altered_photos_are_found(photo: PIL.Image.Image, tmp_path: Path, name: str) -> None:
    assert agreed(tmp_path, photo, ALTERED[name](photo)) == [True]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*DRAWN, *ON_PHOTOS])
def test_what_is_nearly_one_is_not(photo: PIL.Image.Image, tmp_path: Path, kind: str) -> None:
    """Nor when each was saved with loss, or small."""
    chance = random.Random(f"test {kind}")
    pair = ON_PHOTOS[kind](photo, chance) if kind in ON_PHOTOS else DRAWN[kind](chance)
    assert agreed(tmp_path, *pair) == [False]
    if pair[0].mode == "RGB":
        assert agreed(tmp_path, *(jpeg(picture, 60) for picture in pair)) == [False]
        small = [
            jpeg(picture.resize((picture.width // 3, picture.height // 3)), 75) for picture in pair
        ]
        assert agreed(tmp_path, *small) == [False]


def test_nothing_confirms_what_shows_nothing(tmp_path: Path) -> None:
    """Empty pages, walls, three white icons: there is nothing to compare, whatever the cosine."""
    white = PIL.Image.new("RGB", (400, 300), "white")
    grey = PIL.Image.new("RGB", (400, 300), (120, 120, 120))
    assert agreed(tmp_path, white, white.resize((200, 150)), grey) == [False, False]


def test_arrows_are_each_other_mirrored(tmp_path: Path) -> None:
    arrow = PIL.Image.new("RGB", (512, 512), (30, 90, 160))
    arrow.paste("white", (100, 230, 300, 280))
    for n in range(100):
        arrow.paste("white", (300 + n, 155 + n, 301 + n, 355 - n))
    turn = PIL.Image.Transpose
    others = [arrow.transpose(way) for way in (turn.FLIP_LEFT_RIGHT, turn.ROTATE_90)]
    assert agreed(tmp_path, arrow, *others) == [False, False]


def test_invoices_of_one_layout(tmp_path: Path, tiny: Path) -> None:
    """From the collection on: what can be deleted, and what is grouped, is one invoice each."""
    pages = DRAWN["invoice"](random.Random("invoices"))
    for n, page in enumerate(pages):
        page.save(tmp_path / f"{n}.png")
        page.save(tmp_path / f"{n} again.jpg", quality=40)
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(tmp_path)
        for group in find_duplicate_items(collection):
            assert len({Path(item.path).name[0] for item in group.items}) == 1


PARAGRAPHS = ["The budget of the garden is 1,250.00 EUR.", "It was “agreed” on – by all."]


def test_documents_by_their_words(tmp_path: Path, collection: Collection) -> None:
    """In whatever format; a number, a sign, a cell that is another one makes another document."""
    plain = "\n\n".join(PARAGRAPHS)
    files = {
        "one.txt": plain,
        "two.html": "<html><body>" + "".join(f"<p>{p}</p>" for p in PARAGRAPHS) + "</body></html>",
        "three.md": plain.replace("“", '"').replace("”", '"').replace("–", "-"),
        "amount.txt": plain.replace("1,250.00", "1,260.00"),
        "sign.txt": plain.replace("is 1", "is -1"),
        "emptied.txt": plain.replace("1,250.00 EUR", ""),
        "end.txt": plain + " Not by all.",
        "short.txt": "yes",
        "short.html": "<html>yes</html>",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words = {name: words_of(str(tmp_path / name)) for name in files}
    assert words["one.txt"] and words["one.txt"] == words["two.html"] == words["three.md"]
    others = [
        words[name] for name in ("one.txt", "amount.txt", "sign.txt", "emptied.txt", "end.txt")
    ]
    assert len(set(others)) == 5 and words["short.txt"] == words["short.html"] == b""
    collection.add(tmp_path)
    (group,) = find_duplicate_items(collection)
    assert group.kind == "altered"
    assert {Path(item.path).name for item in group.items} == {"one.txt", "two.html", "three.md"}


def test_equal_files_of_any_kind(tmp_path: Path, collection: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("word " * 30)
    (tmp_path / "c.txt").write_text("word " * 31)
    collection.add(tmp_path)
    (group,) = find_duplicate_items(collection, pixels=False)
    assert group.kind == "copies" and len(group.items) == 2
