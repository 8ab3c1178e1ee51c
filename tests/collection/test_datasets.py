"""Data sets of Hugging Face, pandas and torch in collections, and collections as such."""

from __future__ import annotations

import gc
import io
import json
import os
import pickle
import re
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.collection.opening import LancePath
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, MediaError, SensoriumWarning, UsageError
from sensorium.media import Image
from tests.collection.stores import path_of

datasets = pytest.importorskip("datasets", reason="the extra datasets brings it")
pandas = pytest.importorskip("pandas", reason="the extra datasets brings it")
torch = pytest.importorskip("torch", reason="the extra hub brings it")

ON_BOTH_STORES = True

COLOURS = ("red", "lime", "blue", "black")


def png(colour: str | tuple[int, ...], size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def coloured(number: int) -> bytes:
    return png((number % 256, number // 256 % 256, 90), (9, 8))


def of_hub(*broken: bytes) -> Any:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["warm", "cold"]),
         "id": datasets.Value("int32"), "caption": datasets.Value("large_string")}
    )  # fmt: skip
    cells = [*map(png, COLOURS), *broken]
    return datasets.Dataset.from_dict(
        {"image": [{"bytes": cell, "path": None} for cell in cells],
         "label": [0, 1, 1, 1][: len(COLOURS)] + [0] * len(broken), "id": [*range(len(cells))],
         "caption": [f"a {name} square" for name in (*COLOURS, *["broken"] * len(broken))]},
        features=features,
    )  # fmt: skip


def test_a_dataset_with_pictures(collection: Collection, encoder: Encoder) -> None:
    told: list[tuple[int, int]] = []
    report = collection.add(
        of_hub(b"no picture"), metadata={"from": "hub", "id": "of all"}, batch_size=2,
        progress=lambda done, total, *_: told.append((done, total)),
    )  # fmt: skip
    assert (report.added, report.embedded, report.unchanged) == (4, 4, 0)
    ((path, reason),) = [(one.path, one.reason) for one in report.skipped]
    assert path == "row 4" and "no picture, or one that is broken" in reason
    assert told[-1] == (5, 5) and all(total == 5 for _, total in told)
    (hit,) = collection.search(Image(png("lime")), k=1)
    assert hit.metadata == {
        "width": 40, "height": 30, "row": 1, "label": "cold", "id": 1, "from": "hub",
        "caption": "a lime square",
    }  # fmt: skip
    np.testing.assert_allclose(hit.score, 1, atol=1e-5)
    assert hit.state == "" and hit.path in collection and collection.get(hit.path) is not None
    assert collection.prune() == []
    # Names that every item has are asked for through `metadata`.
    where = "label = 'cold' AND metadata->>'id' > 2 AND id > 0"
    assert [item.metadata["row"] for item in collection.items(where)] == [3]
    assert [hit.metadata["row"] for hit in collection.search("blue", mode="words")] == [2]


def test_adding_again_adds_nothing(collection: Collection) -> None:
    collection.add(of_hub())
    before = list(collection.items())
    again = collection.add(of_hub())
    assert (again.added, again.updated, again.embedded, again.unchanged) == (0, 0, 0, 4)
    assert list(collection.items()) == before
    # In another order, with another label, as a stream: the same items.
    turned = of_hub().select([3, 2, 1, 0]).to_iterable_dataset()
    again = collection.add(turned)
    assert (again.added, again.embedded, len(collection)) == (0, 0, 4)
    assert [item.metadata["row"] for item in collection.items()] == [3, 2, 1, 0]


def test_one_content_has_one_vector(collection: Collection, tmp_path: Path) -> None:
    file = tmp_path / "red.png"
    file.write_bytes(png("red"))
    collection.add(file)
    report = collection.add([{"image": png("red"), "n": 1}, {"image": png("red"), "n": 2}])
    assert (report.added, report.embedded) == (2, 0)
    vectors = collection.segments().vectors
    assert len(vectors) == 3 and (vectors == vectors[0]).all()


def test_cells_that_name_files(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png("red"))
    features = datasets.Features({"image": datasets.Image(), "n": datasets.Value("int64")})
    names = [str(tmp_path / "a.png"), str(tmp_path / "gone.png")]
    dataset = datasets.Dataset.from_dict({"image": names, "n": [1, 2]}, features=features)
    report = collection.add(dataset)
    assert report.added == 1
    (skipped,) = report.skipped
    assert skipped.path == f"row 1 ({names[1]})" and skipped.reason == "no such file"
    (item,) = collection.items()
    assert item.path == names[0] and item.metadata["n"] == 1


def test_splits_say_where_rows_are_from(collection: Collection) -> None:
    whole = of_hub()
    splits = datasets.DatasetDict(train=whole.select([0, 1, 2]), test=whole.select([3, 3]))
    report = collection.add(splits)
    assert (report.added, report.unchanged) == (4, 1)
    assert [i.metadata["row"] for i in collection.items("split = 'train'")] == [0, 1, 2]
    assert [i.metadata["row"] for i in collection.items("split = 'test'")] == [0]


def test_a_frame_of_texts(collection: Collection) -> None:
    times = ["2026-01-02 03:04:05.678901+02:00", None, "2026-05-06 00:00:00.000001+02:00", None]
    frame = pandas.DataFrame(
        {
            "text": pandas.Series(["a red dog", "the green cat", None, " "], dtype="str"),
            "n": pandas.array([1, None, 3, 4], "Int64"), "share": [0.5, np.nan, 1.0, 2.0],
            "taken": pandas.to_datetime(times),
            "kind": pandas.Categorical(["x", None, "y", "y"]),
            "nested": [{"a": [1, {"b": None}]}, None, [], {}],
            "path": [1, 2, 3, 4], "size": ["S", "M", "L", "L"],
        }
    )  # fmt: skip
    frame.index = [7, 7, 7, 7]
    assert frame["text"].dtype == "str"  # pandas 3: no objects
    report = collection.add(frame, columns={"text": "text"})
    assert report.added == 2
    assert [(one.path, one.reason) for one in report.skipped] == [
        (f"row {n}", "the row has nothing in the column text") for n in (2, 3)
    ]
    first, second = (item.metadata for item in collection.items())
    characters = first.pop("characters")
    assert first == {
        "row": 0, "n": 1, "share": 0.5, "taken": "2026-01-02T03:04:05.678901+02:00", "kind": "x",
        "nested": {"a": [1, {"b": None}]}, "path": 1, "size": "S",
    }  # fmt: skip
    assert characters == 9
    assert second == {"characters": 13, "row": 1, "path": 2, "size": "M"}
    (hit,) = collection.search("cat", k=1, mode="words")
    assert (hit.text, hit.modality) == ("the green cat", "text")
    assert collection.search("the green cat", k=1)[0].text == "the green cat"
    assert collection.add(frame, columns={"text": "text"}).unchanged == 2


def test_what_a_row_no_longer_says_goes(collection: Collection) -> None:
    collection.add([{"text": "a cat", "n": 1, "m": 2}])
    report = collection.add([{"text": "a cat", "n": None, "m": 3}])
    assert (report.added, report.unchanged) == (0, 1)
    (item,) = collection.items()
    assert item.metadata == {"characters": 5, "row": 0, "m": 3}


def test_an_item_of_a_key_changes(collection: Collection) -> None:
    columns = {"sku": "key", "photo": "image"}
    rows = [{"sku": "a 7/1", "photo": png("red")}, {"sku": "b", "photo": png("blue")}]
    assert collection.add(rows, columns=columns).added == 2
    rows[0]["photo"] = png("lime")
    report = collection.add(rows, columns=columns)
    assert (report.added, report.updated, report.unchanged, report.embedded) == (0, 1, 1, 1)
    hit = collection.search(Image(png("lime")), k=1)[0]
    assert hit.path == "a 7/1" and hit.score > 0.999


class Squares(torch.utils.data.Dataset):  # type: ignore[misc]
    """Pictures of one colour in every form that data sets of torch have them in."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, place: int) -> tuple[Any, int]:
        if place == 3:
            raise RuntimeError("the file of 3 is lost")
        pixels = np.full((9, 12, 3), (255, 128, 0), np.uint8)
        pixels[:4] = 10 * place
        if place == 0:
            return PIL.Image.fromarray(pixels), place
        if place == 1:
            return torch.from_numpy(pixels).permute(2, 0, 1), place
        if place == 2:
            return torch.from_numpy(pixels).permute(2, 0, 1) / 255, place
        return pixels, place


def test_a_dataset_of_torch(collection: Collection) -> None:
    report = collection.add(Squares(), metadata={"set": "squares"})
    assert (report.added, report.embedded) == (4, 4)
    assert [(s.path, s.reason) for s in report.skipped] == [
        ("row 3", "the row cannot be read (the file of 3 is lost)")
    ]
    assert [item.metadata["1"] for item in collection.items('"1" <> 1')] == [0, 2, 4]
    for place in (0, 1, 2, 4):
        pixels = np.full((9, 12, 3), (255, 128, 0), np.uint8)
        pixels[:4] = 10 * place
        best = collection.search(Image(pixels), k=1)[0]
        assert best.metadata["row"] == place and best.score > 0.99999
    assert collection.add(Squares()).unchanged == 4


def test_rows_are_read_as_they_are_encoded(collection: Collection) -> None:
    """However many there are, a few wait in memory."""
    alive: list[int] = []
    most = 0

    class Cell(np.ndarray):  # type: ignore[type-arg]
        pass

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal most
        for number in range(600):
            pixels = np.full((8, 9, 3), number % 256, np.uint8).view(Cell)
            pixels[0, 0] = (number // 256, number % 256, 7)
            alive.append(number)
            weakref.finalize(pixels, alive.remove, number)
            most = max(most, len(alive))
            yield {"x": pixels, "n": number}

    told: list[tuple[int, int]] = []
    report = collection.add(
        rows(), batch_size=8, progress=lambda done, total, *_: told.append((done, total))
    )
    assert (report.added, len(collection)) == (600, 600)
    bound = 8 * 4 + 3 * (os.cpu_count() or 1) + 32
    assert most <= bound < 300
    assert all(done <= total for done, total in told) and told[-1] == (600, 600)
    gc.collect()
    assert len(alive) <= 1


def test_it_can_be_stopped(collection: Collection) -> None:
    asked = iter(range(1_000_000))
    rows = ({"text": f"text {n}"} for n in range(100_000))
    report = collection.add(rows, batch_size=4, stop=lambda: next(asked) > 60)
    assert report.stopped and 0 < report.added < 200


def test_a_stream_that_breaks_off(collection: Collection) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(10):
            yield {"text": f"text {number}"}
        raise OSError("the network is down")

    with pytest.raises(OSError, match="network is down"):
        collection.add(rows(), batch_size=2)
    assert len(collection) == 10  # what came before is stored


def test_two_columns_of_pictures(collection: Collection) -> None:
    rows = [
        {"left": png("red"), "right": PIL.Image.new("RGB", (9, 9), "blue"), "n": 1},
        {"left": None, "right": png("lime"), "n": 2}, {"left": None, "right": None, "n": 3},
        {"left": "not there.png", "right": 5, "n": 4},
    ]  # fmt: skip
    report = collection.add(rows)
    assert report.added == 3
    found = [(i.metadata["column"], i.metadata["n"]) for i in collection.items()]
    assert found == [("left", 1), ("right", 1), ("right", 2)]
    reasons = {one.path.partition(" (")[0]: one.reason for one in report.skipped}
    assert reasons.keys() == {"row 2", "row 3, column left", "row 3, column right"}
    assert reasons["row 2"] == "the row has nothing in the column left or right"
    assert reasons["row 3, column right"] == "holds no image, but int 5"


def test_modes_of_pictures(collection: Collection) -> None:
    plain = PIL.Image.new("RGB", (20, 16), (200, 30, 30))
    plain.paste((20, 20, 220), (0, 0, 10, 16))
    rows = [{"image": plain.convert(mode), "mode": mode}
            for mode in ("RGB", "P", "RGBA", "CMYK", "L", "LA", "1", "HSV")]  # fmt: skip
    rows += [
        {"image": PIL.Image.fromarray(np.full((9, 9), 40_000, np.uint16)), "mode": "I;16"},
        {"image": PIL.Image.new("F", (9, 9), 0.5), "mode": "F"},
        {"image": np.full((9, 9), 0.5, np.float16), "mode": "float16"},
        {"image": torch.full((1, 9, 9), 0.5, dtype=torch.bfloat16), "mode": "bfloat16"},
        {"image": np.ones((9, 9), bool), "mode": "bool"},
    ]
    report = collection.add(rows, columns={"image": "image"})
    skipped = {rows[int(one.path.split()[1])]["mode"]: one.reason for one in report.skipped}
    assert not skipped
    again = collection.add(rows, columns={"image": "image"})
    assert again.added == again.embedded == 0
    vector = {
        item.metadata["mode"]: collection.segments(f"id = {item.id}").vectors[0]
        for item in collection.items()
    }
    for mode in ("P", "RGBA", "CMYK", "HSV"):
        assert vector[mode] @ vector["RGB"] > 0.99, mode


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (np.zeros((4, 5, 6), np.int64), "an image array is uint8"),
        (torch.zeros(7, 9, 9), "channels last|shape"),
        (b"", "nothing in it|empty"),
        ({"bytes": None, "path": None}, "path"),
        ("https://example.org/a.png", "URLs are not indexed"),
        ([[1, 2], [3]], "holds no image, but list"),
        (object(), "holds no image, but object"),
    ],
)
def test_bad_cells(collection: Collection, cell: Any, reason: str) -> None:
    rows = [{"x": cell}, {"x": png("red")}]
    report = collection.add(rows, columns={"x": "image"})
    assert report.added == 1
    (skipped,) = report.skipped
    assert skipped.path.startswith("row 0")
    assert re.search(reason, skipped.reason), skipped


def test_mixed_objects(collection: Collection, tmp_path: Path) -> None:
    """A column of objects may hold anything; what metadata cannot hold costs its row."""
    (tmp_path / "a.png").write_bytes(png("red"))
    frame = pandas.DataFrame(
        {"image": [png("blue"), tmp_path / "a.png", PIL.Image.new("L", (9, 9)), 3],
         "said": [1, "one", [1.5, None], 2]}
    )  # fmt: skip
    report = collection.add(frame)
    assert report.added == 3 and [one.path for one in report.skipped] == ["row 3"]
    assert {json.dumps(i.metadata["said"]) for i in collection.items()} == {
        "1", '"one"', "[1.5, null]"
    }  # fmt: skip
    report = collection.add([{"text": "a", "x": 1}, {"text": "b", "x": object()}])
    assert report.added == 1
    assert report.skipped[0].reason == "'x' is object, which metadata cannot hold"
    assert len(collection.to_dataset(columns=["said"])) == 4


@pytest.mark.parametrize(
    "empty",
    [
        pandas.DataFrame(), pandas.DataFrame({"text": []}), [],
        datasets.Dataset.from_dict({"text": []}), datasets.Dataset.from_dict({}),
        torch.utils.data.TensorDataset(torch.zeros(0, 3)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_nothing_in_it(collection: Collection, empty: Any) -> None:
    if isinstance(empty, list):
        with pytest.raises(UsageError, match="name at least one"):
            collection.add(empty)
        return
    report = collection.add(empty)
    assert (report.added, report.skipped, len(collection)) == (0, [], 0)


def test_sounds(store_kind: str, tmp_path: Path) -> None:
    """Stereo of 16 bits, channels first and last, encoded and decoded."""
    pytest.importorskip("soundfile", reason="the extra media brings it")
    from tests.media.recordings import RATE, encode_sound, tone

    wave = tone(2)
    stereo = (np.stack([wave, wave]) * 32767).astype(np.int16)
    encoded = encode_sound(wave, "wav")
    rate = RATE
    with Collection(path_of(store_kind, tmp_path), "ear") as collection:
        rows = [
            {"sound": stereo, "rate": rate, "n": 0}, {"sound": stereo.T, "rate": rate, "n": 1},
            {"sound": torch.from_numpy(wave)[None], "rate": torch.tensor(rate), "n": 2},
            {"sound": wave.tolist(), "rate": float(rate), "n": 3},
            {"sound": wave, "rate": None, "n": 4},
        ]  # fmt: skip
        report = collection.add(rows, columns={"sound": "audio"})
        assert report.added + report.unchanged == 4
        assert [one.path for one in report.skipped] == ["row 4"]
        assert "samples need their rate" in report.skipped[0].reason
        features = datasets.Features({"audio": datasets.Audio(), "n": datasets.Value("int32")})
        import pyarrow

        cells = [{"bytes": encoded, "path": "a.wav"}, {"bytes": encoded[:9], "path": None}]
        table = pyarrow.table({"audio": cells, "n": [5, 6]}).cast(features.arrow_schema)
        held = datasets.Dataset(table, info=datasets.DatasetInfo(features=features))
        report = collection.add(held)
        assert report.added == 1 and [one.path for one in report.skipped] == ["row 1"]
        vectors = collection.segments().vectors
        assert (vectors @ vectors[0] > 0.99).all()
        assert {item.modality for item in collection.items()} == {"audio"}


def test_media_are_kept_as_files(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    rows = [{"image": png("red"), "n": 1}, {"image": PIL.Image.new("RGB", (9, 9), "blue"), "n": 2},
            {"image": png("red"), "n": 3}]  # fmt: skip
    assert collection.add(rows, keep=folder).added == 3
    assert sorted(path.suffix for path in folder.iterdir()) == [".png"] * 3
    first = next(collection.items("n = 1"))
    assert Path(first.path).read_bytes() == png("red") and first.state == ""
    again = collection.add(rows, keep=folder)
    assert (again.added, again.unchanged, len(collection)) == (0, 3, 3)
    elements = collection.to_torch(columns=["n"], transform=lambda image: image.load().size)
    assert [one["media"] for one in elements] == [(40, 30), (9, 9), (40, 30)]
    keyed = [{"text": "a cat", "id": "../x/y"}]
    assert collection.add(keyed, keep=folder, columns={"id": "key"}).added == 1
    (text,) = folder.glob("*.txt")
    assert text.parent == folder and text.read_text() == "a cat"


# Back


def test_as_a_dataset(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png("red"))
    rows = [{"path": str(tmp_path / "a.png"), "n": 3, "share": 2, "tags": ["a", "b"], "ok": True,
             "mixed": 1, "vector": "mine", "deep": {"a": 1}}]  # fmt: skip
    collection.add(rows)
    collection.add([{"text": "a dog", "share": 0.5, "mixed": "x", "tags": []}])
    made = collection.to_dataset(media="bytes")
    types = {name: str(feature) for name, feature in made.features.items()}
    dimension = collection.encoder.space.dimension
    assert types["vector"] == f"List(Value('float32'), length={dimension})"
    assert (types["n"], types["share"], types["ok"]) == (
        "Value('int64')", "Value('float64')", "Value('bool')"
    )  # fmt: skip
    first, second = made
    assert first["image"].size == (40, 30) and second["image"] is None
    assert (first["n"], first["share"], first["tags"], first["ok"]) == (3, 2.0, ["a", "b"], True)
    assert (first["mixed"], second["mixed"], second["text"]) == ("1", '"x"', "a dog")
    assert (first["metadata.vector"], json.loads(first["deep"])) == ("mine", {"a": 1})
    vectors = collection.segments().vectors
    assert (np.array(made["vector"], np.float32) == vectors).all()
    assert list(collection.to_dataset("n = 3")["path"]) == [str(tmp_path / "a.png")]
    streamed = list(collection.to_dataset(streaming=True, columns=["n"]))
    assert [one["n"] for one in streamed] == [3, None]
    assert (np.array([one["vector"] for one in streamed], np.float32) == vectors).all()
    made.save_to_disk(str(tmp_path / "saved"))
    assert datasets.load_from_disk(str(tmp_path / "saved"))["n"][0] == 3
    # Into another collection: the same pictures and metadata.
    with Collection(tmp_path / "other.sensorium", collection.encoder) as other:
        report = other.add(made.select([0]), columns={"image": "image", "vector": "none"})
        assert report.added == 1
        assert (other.segments().vectors == vectors[:1]).all()
    (tmp_path / "a.png").unlink()
    with pytest.warns(SensoriumWarning, match="1 files could not be read"):
        assert collection.to_dataset(media="bytes")[0]["image"] is None
    for wrong, words in (({"columns": ["m"]}, "no metadata is called 'm'"),
                         ({"media": "pixels"}, "None, 'path' or 'bytes'")):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            collection.to_dataset(**wrong)


def test_as_a_frame(collection: Collection) -> None:
    collection.add(
        [{"text": "a dog", "n": 1, "ok": True}, {"text": "a cat", "n": None, "ok": False}]
    )
    frame = collection.to_pandas()
    assert frame["n"].dtype == "Int64" and frame["n"].isna().tolist() == [False, True]
    assert frame["ok"].dtype == bool and frame["text"].tolist() == ["a dog", "a cat"]
    assert (np.stack(frame["vector"]) == collection.segments().vectors).all()
    assert collection.add(frame[["text", "n", "ok", "row"]]).unchanged == 2


def test_as_a_dataset_of_torch(collection: Collection) -> None:
    rows = [{"text": f"text {n}", "n": n, "tags": ["a"] * n, **({"m": n} if n % 2 else {})}
            for n in range(10)]  # fmt: skip
    collection.add(rows)
    made = collection.to_torch(columns=["n", "m", "tags"])
    assert len(made) == 10 and made[-1]["n"] == 9
    assert made[2]["tags"] == '["a", "a"]' and np.isnan(made[2]["m"]) and made[3]["m"] == 3.0
    with pytest.raises(IndexError):
        made[10]
    vectors = torch.from_numpy(collection.segments().vectors)
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(made, batch_size=4, num_workers=workers)
        batches = list(loader)
        assert [len(batch["path"]) for batch in batches] == [4, 4, 2]
        assert torch.equal(torch.cat([batch["vector"] for batch in batches]), vectors)
        assert torch.cat([batch["n"] for batch in batches]).tolist() == [*range(10)]
    assert len(collection.search("text", k=3)) == 3  # workers left it alone
    assert pickle.loads(pickle.dumps(made))[4]["n"] == 4
    with pytest.raises(MediaError, match="keep=FOLDER"):
        collection.to_torch(transform=lambda media: media)[0]
    collection.delete(where="n = 3")
    with pytest.raises(CollectionError, match="row 3 is no longer in"):
        made[3]
    assert made[4]["n"] == 4


@pytest.mark.slow
def test_workers_that_are_started_anew(collection: Collection, tmp_path: Path) -> None:
    collection.add([{"text": f"text {n}", "n": n} for n in range(5)])
    where = collection.path
    name = f"lance://{where}" if isinstance(where, LancePath) else str(where)
    program = tmp_path / "program.py"
    program.write_text(
        "import torch, sys\nfrom sensorium import Collection\n"
        "if __name__ == '__main__':\n"
        "    made = Collection(sys.argv[1]).to_torch(columns=['n'])\n"
        "    loader = torch.utils.data.DataLoader(made, batch_size=2, num_workers=2,\n"
        "        multiprocessing_context='spawn')\n"
        "    print([batch['n'].tolist() for batch in loader])\n"
    )
    done = subprocess.run(
        [sys.executable, str(program), name], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[[0, 1], [2, 3], [4]]"


def test_as_a_dataset_of_tensorflow(collection: Collection) -> None:
    collection.add([{"text": "a dog", "n": 1, "m": 2, "tags": ["a"]}, {"text": "a cat", "n": 2}])
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed here")
    made = collection.to_tf(columns=["n", "m", "tags"])
    assert int(made.cardinality()) == 2
    (batch,) = made.batch(2)
    assert batch["n"].dtype == tensorflow.int64 and batch["n"].numpy().tolist() == [1, 2]
    assert batch["m"].numpy()[0] == 2 and np.isnan(batch["m"].numpy()[1])
    assert batch["tags"].numpy().tolist() == [b'["a"]', b""]
    assert (batch["vector"].numpy() == collection.segments().vectors).all()


def test_without_tensorflow(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    collection.add([{"text": "a dog"}])
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match=r"tensorflow is not installed; run: .*\[tensorflow\]"):
        collection.to_tf()


def test_nothing_to_give(collection: Collection) -> None:
    for give in (collection.to_dataset, collection.to_pandas, collection.to_torch):
        with pytest.raises(CollectionError, match="holds no vectors yet"):
            give()
    collection.add([{"text": "a dog"}])
    collection.delete(where="1")
    assert len(collection.to_dataset()) == len(collection.to_pandas()) == 0
    assert len(collection.to_torch()) == 0
