from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip("torch")

from sensorium import Collection  # noqa: E402
from sensorium.errors import UsageError  # noqa: E402
from sensorium.training.collection_hash import (  # noqa: E402
    LEAST_TEXTS,
    hash_collection,
    read_collection,
)
from sensorium.training.hash import HashingSettings  # noqa: E402
from tests.tiny_encoder import DIMENSION  # noqa: E402

COUNT = 12

# Captions are found among a training's texts by their vectors.
pytestmark = pytest.mark.usefixtures("full_precision")


@pytest.fixture
def library(tiny: Path, tmp_path: Path) -> Collection:
    """Twelve pictures without files; half of them have captions, three have the same."""
    rng = np.random.default_rng(0)
    captions = ["the cat", "the dog", "the cat", "a red cat", "the cat", "dog"]
    metadata = [
        {"caption": captions[n], "kind": "cat" if "cat" in captions[n] else "dog"}
        if n < len(captions)
        else {"kind": "none_of_these"}
        for n in range(COUNT)
    ]
    library = Collection(tmp_path / "c.sensorium", tiny)
    vectors = rng.normal(size=(COUNT, DIMENSION)).astype(np.float32)
    library.add_vectors(vectors, [f"/nowhere/{n}.png" for n in range(COUNT)], metadata=metadata)
    return library


def test_captions_are_paired_with_their_pictures(library: Collection) -> None:
    data, skipped = read_collection(library)
    assert not skipped
    assert {name: len(rows) for name, rows in data.vectors.items()} == {
        "image": COUNT, "text": 4 + LEAST_TEXTS
    }  # fmt: skip
    pictures, texts = data.pairs["image"], data.pairs["text"]
    assert pictures[6:].tolist() == [-1] * 6 and (texts[4:] == -1).all()
    assert pictures[0] == pictures[2] == pictures[4] == texts[0]
    assert len(set(pictures[:6].tolist())) == 4 == data.count("pairs")
    (cat,) = library.encoder.encode(["the cat"])
    np.testing.assert_allclose(data.vectors["text"][0], cat, atol=1e-6)
    assert data.count("labels") == 0


def test_labels_are_shared_by_pictures_captions_and_words(library: Collection) -> None:
    data, _ = read_collection(library, captions="caption", labels="kind")
    assert data.count("labels") == 3
    labels = data.labels["image"]
    assert len(set(labels[6:].tolist())) == 1 and labels[0] == labels[2] != labels[1]
    texts = data.labels["text"]
    # Three words of labels come first; captions have their pictures' labels; questions have none.
    assert sorted(texts[:3].tolist()) == [0, 1, 2] and (texts[7:] == -1).all()
    (words,) = library.encoder.encode(["none of these"])
    assert np.abs(data.vectors["text"] - words).max(axis=1).min() < 1e-6
    by_pair = dict(zip(data.pairs["text"].tolist(), texts.tolist(), strict=True))
    assert all(by_pair[data.pairs["image"][n]] == labels[n] for n in range(6))


def test_a_table_brings_captions_and_pictures(library: Collection, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows = [
        {"path": "/nowhere/7.png", "caption": "a photo"},
        {"path": "red.png", "caption": ["a red square", "the red square"]},
        {"path": "broken.png", "caption": "a blue square"},
    ]
    table = tmp_path / "captions.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data, skipped = read_collection(library, captions=table)
    assert [Path(item.path).name for item in skipped] == ["broken.png"]
    assert len(data.vectors["image"]) == COUNT + 1
    assert data.pairs["image"][:7].tolist() == [-1] * 7  # captions of metadata are not asked for
    assert data.pairs["image"][7] == data.pairs["text"][0]
    assert data.pairs["image"][COUNT] == data.pairs["text"][1] == data.pairs["text"][2]


def test_pieces_of_an_item_are_paired_by_time(tiny: Path, tmp_path: Path) -> None:
    from sensorium.collection.rows import EmbeddedFile, FileState
    from sensorium.collection.sqlite_store import SQLiteStore
    from sensorium.media.segments import SegmentRecord

    library = Collection(tmp_path / "c.sensorium", tiny)
    vectors = np.eye(DIMENSION, dtype=np.float32)
    library.add_vectors(vectors[20:], [f"/p/{n}.png" for n in range(DIMENSION - 20)])
    frames = [SegmentRecord((t, t + 1.0), "image") for t in range(10)]
    words = [
        SegmentRecord((0.0, 4.0), "text", "a cat", "speech"),
        SegmentRecord((6.0, 9.0), "text", "dog", "speech"),
    ]
    store = SQLiteStore(library.path, create=False)
    file = EmbeddedFile(
        FileState("/p/film.mp4", 1, 1, b"1" * 32), "video", {}, {}, [*frames, *words], vectors[:12]
    )
    store.write(library.encoder.space, embedded=[file])
    store.close()
    data, _ = read_collection(library)
    pairs = data.pairs["image"][-10:]
    assert "text" in data.vectors and data.count("pairs") == 2
    assert len(set(pairs[:5].tolist())) == 1 and len(set(pairs[5:].tolist())) == 1
    np.testing.assert_array_equal(data.pairs["text"][:2], pairs[[0, 9]])


def test_fields_that_hold_nothing(library: Collection, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no captions in the metadata field 'titel'.*kind"):
        read_collection(library, captions="titel")
    with pytest.raises(UsageError, match=r"no two different labels .* 'caption_xx'"):
        read_collection(library, labels="caption_xx")
    with pytest.raises(UsageError, match="holds no vectors yet"):
        read_collection(Collection(tmp_path / "empty.sensorium", tiny))


@pytest.mark.slow
def test_codes_of_the_sample_find_more_than_itq(sample: Path, tmp_path: Path) -> None:
    library = Collection(tmp_path / "sample.sensorium", "mini")
    library.add(sample / "images.csv")
    data, _ = read_collection(library)
    settings = HashingSettings(lengths=(16, 32, 64), steps=60)
    report = hash_collection(library, data, bits=32, settings=settings)
    found = {(s.method, s.bits, s.direction, s.relevance): s for s in report.scores}
    for direction in ("text to image", "image to text"):
        for bits in (16, 32):
            learned, itq = (
                found[method, bits, direction, "pairs"].mean_average_precision
                for method in ("learned", "itq")
            )
            assert learned > 1.1 * itq
    assert library.search("castle at night", mode="hash")
