"""Panoramas in a collection: found by what is at their ends, and one picture for all else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium import Collection, ZeroShotClassifier
from sensorium.collection.adding import add_files
from sensorium.collection.collection import store_of
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.collection.store import tiles_among
from sensorium.data.encoding import encode_examples
from sensorium.encoders import Encoder
from sensorium.encoders.reading import Extraction
from sensorium.media import Image, Segment, Text
from sensorium.media.pictures import tiles
from tests.collection.pictures import write_many
from tests.media.pdfs import Pdf, lines

SIDE = 80
RATIO = 6
TILES = 9


def subject(seed: int = 0) -> npt.NDArray[np.uint8]:
    grid = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(PIL.Image.fromarray(grid).resize((SIDE, SIDE), PIL.Image.Resampling.NEAREST))


@pytest.fixture
def panorama(folder: Path) -> Path:
    """Grey, with a pattern at its right end."""
    pixels = np.full((SIDE, SIDE * RATIO, 3), 120, np.uint8)
    pixels[:, -SIDE:] = subject()
    PIL.Image.fromarray(pixels).save(folder / "panorama.png")
    return folder / "panorama.png"


@pytest.fixture
def filled(collection: Collection, folder: Path, panorama: Path) -> Collection:
    write_many(folder, range(3))
    collection.add(folder)
    return collection


def stored(collection: Collection, path: Path) -> list[tuple[dict[str, object], list[float]]]:
    """Details and vectors of a picture's segments, in order."""
    store = store_of(collection)
    item = collection.get(path)
    assert item is not None
    ids, owners, vectors = store.vectors(collection.encoder.space.dimension)
    own = owners == item.id
    records = store.segments(ids[own].tolist())
    return [
        (dict(records[segment].record.details), vector)
        for segment, vector in zip(ids[own].tolist(), vectors[own].tolist(), strict=True)
    ]


def test_what_is_at_the_end_is_found_with_its_place(filled: Collection, panorama: Path) -> None:
    hit, *others = filled.search(subject(), k=10)
    assert (hit.path, hit.span) == (str(panorama), None) and hit.score > 0.999
    assert hit.details == {"box": [pytest.approx(1 - 1 / RATIO, abs=1e-4), 0, 1, 1]}
    assert len(others) == 3  # an item is one hit
    again, *_ = filled.search(panorama)  # as a query it is seen as a whole
    assert (again.path, again.details) == (str(panorama), {})
    assert again.score == pytest.approx(1, abs=1e-5)


def test_the_whole_comes_first_and_plain_pictures_are_one(
    filled: Collection, encoder: Encoder, folder: Path, panorama: Path
) -> None:
    details, vectors = zip(*stored(filled, panorama), strict=True)
    assert len(details) == 1 + TILES and details[0] == {}
    assert all([*one] == ["box"] for one in details[1:])
    (alone,) = encoder.encode([panorama])
    assert np.allclose(vectors[0], alone, atol=1e-6)
    assert [details for details, _ in stored(filled, folder / "0001.png")] == [{}]


def test_for_one_vector_a_picture_is_a_whole(
    filled: Collection, encoder: Encoder, folder: Path, panorama: Path
) -> None:
    encoded = encode_examples(encoder, [panorama, folder / "0001.png"])
    assert [len(own) for own in encoded.segments] == [1, 1]
    assert np.allclose(encoded.vectors, encoder.encode([panorama, folder / "0001.png"]), atol=1e-6)
    for labels in (["red", "green", "a cat"], ["red"]):
        texts = ZeroShotClassifier(encoder, labels)
        by_path = {item.path: item.labels for item in filled.classify(labels)}
        (expected,) = texts.classify([panorama])
        for (name, p), (label, wanted) in zip(by_path[str(panorama)], expected, strict=True):
            assert name == label and p == pytest.approx(wanted, abs=1e-3)


def test_duplicates_of_a_panorama_are_found(
    filled: Collection, folder: Path, panorama: Path
) -> None:
    with PIL.Image.open(panorama) as picture:
        picture.save(folder / "again.png", compress_level=1)
        picture.crop((SIDE * (RATIO - 1), 0, SIDE * RATIO, SIDE)).save(folder / "end.png")
    filled.add(folder)
    (group,) = find_duplicate_items(filled)
    assert group.kind == "copies" and len(group.items) == 2  # a part of it is none
    assert {item.path for item in group.items} == {str(panorama), str(folder / "again.png")}


@pytest.mark.parametrize("layout", ["numpy", "parquet", "clip-retrieval", "lance"])
@pytest.mark.parametrize("batch_size", [1, 4, 4096])
def test_an_export_keeps_what_vectors_are_of(
    filled: Collection, encoder: Encoder, folder: Path, tmp_path: Path, layout: str, batch_size: int
) -> None:
    (folder / "clip.txt").write_text("a cat\n\nthe dog\n")
    filled.add(folder / "clip.txt")

    def rows(collection: Collection) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = collection._store.read(
            "SELECT path, items.modality, ordinal, start, segments.modality, details, vector "
            "FROM items JOIN segments ON item_id = items.id ORDER BY items.id, ordinal"
        )
        return found

    name = "out.lance" if layout == "lance" else "out"
    export_collection(filled, tmp_path / name, layout)
    with Collection(tmp_path / "new.sensorium", encoder) as new:
        report = import_collection(new, tmp_path / name, batch_size=batch_size)
        assert (report.added, report.skipped) == (5, [])
        assert rows(new) == rows(filled)
        assert new.search(subject())[0].details == filled.search(subject())[0].details


def test_a_panorama_that_was_added_before_stays_as_it_was(
    collection: Collection, panorama: Path, other_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "MIN_RATIO", 100)
        collection.add(panorama)
    assert collection.add(panorama).unchanged == 1
    assert len(stored(collection, panorama)) == 1
    collection.delete(panorama)
    assert collection.add(panorama).added == 1
    assert len(stored(collection, panorama)) == 1 + TILES
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "MIN_RATIO", 100)
        collection.delete(panorama)
        collection.add(panorama)
    assert collection.reembed(other_tiny).embedded == 1
    assert len(stored(collection, panorama)) == 1 + TILES


class Reader:
    """Reads the same words in every picture."""

    name = "reader"

    def __init__(self) -> None:
        self.pictures: list[Image] = []

    def read(self, picture: Image) -> Iterator[Segment]:
        self.pictures.append(picture)
        details = {"source": "writing", "box": [0.1, 0.2, 0.3, 0.4], "confidence": 1.0}
        yield Segment(Text("a red cat"), None, details)


def test_writing_is_read_once(collection: Collection, encoder: Encoder, panorama: Path) -> None:
    reader = Reader()
    store = store_of(collection)
    add_files(
        store, encoder, [panorama], encoder_name="tiny", batch_size=4,
        extraction=Extraction(writing=reader),
    )  # fmt: skip
    assert [type(picture) for picture in reader.pictures] == [Image]
    (hit,) = collection.search("red cat", mode="words")
    assert hit.details["source"] == "writing" and hit.details["box"] == [0.1, 0.2, 0.3, 0.4]
    segments = collection.segments()
    found = tiles_among(store, segments.ids, segments.item_ids, segments.modalities)
    assert found.sum() == TILES and len(found) == TILES + 2
    assert [item.labels[0][0] for item in collection.classify(["red"])] == ["red"]


def test_writing_in_photos_has_its_place_on_the_page(
    collection: Collection, encoder: Encoder, tmp_path: Path
) -> None:
    pdf = Pdf()
    photo = pdf.picture(PIL.Image.effect_mandelbrot((320, 240), (-2, -1, 1, 1), 90))
    text = lines(*[f"Line {n} tells about the garden and the well." for n in range(20)])
    pdf.page(f"q 200 0 0 150 60 60 cm /P Do Q {text}", {"P": photo})
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf.content())
    add_files(
        store_of(collection), encoder, [path], encoder_name="tiny", batch_size=4,
        extraction=Extraction(writing=Reader()),
    )  # fmt: skip
    (hit,) = collection.search("red cat", mode="words")
    assert hit.details["page"] == 1
    # The photo's box is [0.1008, 0.7506, 0.437, 0.9287].
    assert hit.details["box"] == pytest.approx([0.1344, 0.7862, 0.2017, 0.8218], abs=0.001)


def test_a_broken_long_page_is_noted_once(
    collection: Collection, panorama: Path, folder: Path
) -> None:
    with PIL.Image.open(panorama) as long:
        first = PIL.Image.fromarray(subject())
        first.save(
            folder / "a.tif", save_all=True, append_images=[long.convert("RGB")],
            compression="tiff_lzw",
        )  # fmt: skip
    with PIL.Image.open(folder / "a.tif") as pages:
        pages.seek(1)
        start = pages.tag_v2[273][0]  # where its pixels begin
    content = bytearray((folder / "a.tif").read_bytes())
    content[start : start + 200] = bytes(200)
    (folder / "a.tif").write_bytes(content)
    report = collection.add(folder / "a.tif")
    assert report.added == 1
    (note,) = report.notes
    assert note.reason.startswith("page 2 left out: broken picture")
    assert [details for details, _ in stored(collection, folder / "a.tif")] == [{"page": 1}]


def test_a_copy_takes_all_its_vectors(collection: Collection, panorama: Path) -> None:
    collection.add(panorama)
    twin = panorama.with_name("twin.png")
    twin.write_bytes(panorama.read_bytes())
    assert collection.add(twin).embedded == 0
    assert stored(collection, twin) == stored(collection, panorama)
