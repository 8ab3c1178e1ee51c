"""Tensors, frames and data sets of other libraries, as they are handed around."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder
from sensorium.errors import MediaError, SensoriumError, UsageError
from sensorium.media import Audio, Image, as_media
from sensorium.media.given import items_of, names_of, rows_of
from tests.media.small_pictures import red_blue

pd = pytest.importorskip("pandas")
datasets = pytest.importorskip("datasets")
torch = pytest.importorskip("torch")

SIZE = (48, 40)
CLASSES = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for color in CLASSES:
        paths.append(folder / f"{color}.png")
        PIL.Image.new("RGB", SIZE, color).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> Encoder:
    return load_encoder(tiny)


def pixels(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(PIL.Image.open(path))


def dataset_of(pictures: list[Path]) -> Any:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["warm", "cold"])}
    )
    rows = {"image": [str(path) for path in pictures], "label": [0, 1, 1]}
    return datasets.Dataset.from_dict(rows, features=features)


# encode


def test_whatever_holds_a_picture_has_its_vector(encoder: Encoder, pictures: list[Path]) -> None:
    expected = encoder.encode(pictures)
    stacked = np.stack([pixels(path) for path in pictures])
    first = torch.from_numpy(stacked).permute(0, 3, 1, 2)  # as torch has them
    frame = pd.DataFrame({"path": pictures, "n": [1, 2, 3]})
    dataset = dataset_of(pictures)
    for given in (
        tuple(pictures),
        iter(pictures),
        [PIL.Image.open(path) for path in pictures],
        stacked,
        stacked / 255,
        list(stacked),
        first,
        first.float() / 255,
        (first.float() / 255).to(torch.float16).requires_grad_(),
        first.permute(0, 2, 3, 1),
        list(first),
        frame["path"],
        np.array(pictures),
        dataset["image"],
        dataset.cast_column("image", datasets.Image(decode=False))["image"],
        [row["image"] for row in dataset],
    ):
        vectors = encoder.encode(given)
        assert vectors.shape == expected.shape
        np.testing.assert_allclose((vectors * expected).sum(axis=1), 1, atol=1e-3)
    for single in (pixels(pictures[0]), first[0], pictures[0], PIL.Image.open(pictures[0])):
        assert encoder.encode(single).shape == (1, encoder.space.dimension)


def test_texts_of_a_column(encoder: Encoder) -> None:
    words = ["red", "a blue square", "green"]
    expected = encoder.encode(words)
    frame = pd.DataFrame({"words": words})
    for given in (frame["words"], frame["words"].to_numpy(), np.array(words),
                  datasets.Dataset.from_dict({"words": words})["words"]):  # fmt: skip
        np.testing.assert_array_equal(encoder.encode(given), expected)
    assert encoder.encode("red").shape[0] == 1


def test_what_cannot_be_encoded_says_what_to_do(encoder: Encoder, pictures: list[Path]) -> None:
    for given, advice in (
        (pd.DataFrame({"path": pictures, "n": [1, 2, 3]}), "has the columns path, n: give one"),
        (dataset_of(pictures), "has the columns image, label: give one"),
        (list(dataset_of(pictures)), "a row of columns is no media (image, label)"),
        ([None], "got NoneType"),
        ([1.5], "got float"),
        (3, "got int"),
        ([["a", "b"]], "encode takes lists"),
        ([float("nan")], "got float"),
    ):
        with pytest.raises(SensoriumError) as error:
            encoder.encode(given)
        assert advice in str(error.value)
    assert encoder.encode([]).shape == (0, encoder.space.dimension)


def test_a_recording_of_a_dataset() -> None:
    cell = {"path": None, "array": np.zeros(1600), "sampling_rate": 16_000}
    sound = as_media(cell)
    assert isinstance(sound, Audio) and sound.duration == 0.1


def test_a_grey_tensor_and_a_picture_of_three_rows() -> None:
    for shape, size in (((1, 20, 30), (30, 20)), ((20, 30), (30, 20)), ((3, 20, 30), (30, 20)),
                        ((20, 30, 3), (30, 20)), ((3, 30, 3), (30, 3))):  # fmt: skip
        media = as_media(torch.zeros(shape))
        assert isinstance(media, Image) and media.load().size == size


# Collections


def test_collections_take_lists_and_tables(
    tiny: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    relative = [path.name for path in pictures]
    frame = pd.DataFrame(
        {"path": relative, "taken": pd.to_datetime(["2020-01-01", None, "2021-05-06"]),
         "stars": np.array([1.0, np.nan, 3.0])}
    )  # fmt: skip
    for number, given in enumerate((
        list(map(str, pictures)), tuple(pictures), iter(pictures), [pictures[:2], pictures[2]],
        frame, frame["path"], np.array(relative), datasets.Dataset.from_pandas(frame),
        frame.to_dict("records"), [Image(path) for path in pictures],
    )):  # fmt: skip
        with Collection(tmp_path / f"{number}.sensorium", tiny) as collection:
            report = collection.add(given)
            assert (report.added, report.skipped) == (3, [])
            item = collection.get(pictures[2])
            assert item is not None
            if number in (4, 8):
                assert item.metadata["stars"] == 3
                assert item.metadata["taken"] == "2021-05-06T00:00:00"
                other = collection.get(pictures[1])
                assert other is not None and not {"stars", "taken"} & {*other.metadata}


def test_one_row_is_a_table(tiny: Path, pictures: list[Path], tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        assert collection.add({"path": pictures[1], "stars": 3}).added == 1
        item = collection.get(pictures[1])
        assert item is not None and item.metadata["stars"] == 3
        with pytest.raises(UsageError, match="'path' column that names files; it has stars"):
            collection.add({"stars": 3})


def test_what_is_no_file_is_not_added(tiny: Path, tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        for given, advice in (
            (red_blue(), "save it to a file"),
            (torch.zeros(3, 8, 8), "save it to a file"),
            (np.zeros((8, 8, 3), np.uint8), "save it to a file"),
            (b"bytes", "save it to a file"),
            (Image(red_blue()), "save it to a file"),
            (7, "got int"),
            (None, "got NoneType"),
            (pd.DataFrame({"drawn": ["a.png"]}), "none names files (path, image"),
            ([], "name at least one"),
        ):
            with pytest.raises(UsageError) as error:
                collection.add(given)
            assert advice in str(error.value)
        assert len(collection) == 0
        report = collection.add([{"path": None}, {"path": "gone.png"}, {"n": 1, "path": "x.heic"}])
        assert len(report.skipped) == 3


def test_a_vector_asks_as_a_vector(tiny: Path, pictures: list[Path], tmp_path: Path) -> None:
    with Collection(tmp_path / "c.sensorium", tiny) as collection:
        collection.add(pictures)
        encoder = collection.encoder
        (vector,) = encoder.encode([pictures[1]])
        for given in (vector, vector[None], vector * 3, vector.tolist(), torch.from_numpy(vector)):
            assert collection.search(given, 1)[0].path == str(pictures[1])
            assert collection.search(given, 1)[0].score == pytest.approx(1, abs=1e-5)
        # What has two axes is a picture.
        assert collection.search(pixels(pictures[2]), 1)[0].path == str(pictures[2])
        dimension = encoder.space.dimension
        for wrong, words in (
            (vector[:-1], f"has {dimension} dimensions, got {dimension - 1}"),
            (np.zeros(dimension), "no direction"),
            (np.full(dimension, np.nan), "no direction"),
            (encoder.encode(pictures), "search_vectors"),
        ):
            with pytest.raises(UsageError, match=words):
                collection.search(wrong)
        with pytest.raises(UsageError, match="mode"):
            collection.search(vector, mode="words")


# Labels and rows


def test_labels_of_any_sequence() -> None:
    for given in (["0", "1"], [0, 1], np.array([0, 1]), torch.tensor([0, 1]), pd.Series([0, 1]),
                  datasets.Dataset.from_dict({"y": [0, 1]})["y"], (n for n in (0, 1))):  # fmt: skip
        assert names_of(given) == ["0", "1"]
    for wrong in ("ab", 3, ["a", None], [0.5, float("nan")]):
        with pytest.raises(UsageError):
            names_of(wrong)


def test_rows_of_tables(pictures: list[Path]) -> None:
    pa = pytest.importorskip("pyarrow")
    rows = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    for given in (rows, tuple(rows), pd.DataFrame(rows), pa.Table.from_pylist(rows),
                  datasets.Dataset.from_list(rows)):  # fmt: skip
        assert rows_of(given) == rows
    for none in ("text", pictures, np.zeros((2, 2)), red_blue(), 3, None, []):
        assert rows_of(none) is None
    first, *_ = rows_of(dataset_of(pictures)) or []
    assert first["label"] == "warm"
    assert Image(first["image"]["bytes"] or first["image"]["path"]).load().size == SIZE
    assert items_of(first["image"]) == [first["image"]]


def test_classifiers_take_tables(tiny: Path, pictures: list[Path]) -> None:
    from sensorium.training.classifier import Classifier

    many = [path for path in pictures for _ in range(4)]
    labels = [path.stem for path in many]
    frame = pd.DataFrame({"path": many, "label": labels})
    frame["path"] = frame["path"].astype(str)
    dataset = datasets.Dataset.from_dict(
        {"image": [str(path) for path in many], "label": [CLASSES.index(name) for name in labels]},
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
        ),
    )  # fmt: skip
    encoder = load_encoder(tiny)
    vectors = encoder.encode(many)
    for x, y in (
        (many, labels), (many, pd.Series(labels)), (many, np.array(labels)), (frame, None),
        (dataset, None), (frame.to_dict("records"), None), (vectors, labels),
        (torch.from_numpy(vectors), labels),
        (torch.from_numpy(np.stack([pixels(path) for path in many])).permute(0, 3, 1, 2), labels),
    ):  # fmt: skip
        found = Classifier("nearest-mean", encoder).fit(x, y)
        assert found.predict(pictures) == CLASSES
        assert found.predict(torch.from_numpy(encoder.encode(pictures))) == CLASSES
    with pytest.raises(UsageError, match="needs a column with the class"):
        Classifier("nearest-mean", encoder).fit(pd.DataFrame({"path": many}))
    with pytest.raises(UsageError, match=r"there are no examples$"):
        Classifier("nearest-mean", encoder).fit(pd.DataFrame({"path": [], "label": []}))


def test_captioned_pictures_and_fusion_take_tables(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sensorium.data.captioned import read_captioned
    from sensorium.data.table_encoder import read_rows_of

    monkeypatch.chdir(pictures[0].parent)
    rows = [{"path": path.name, "caption": f"a {path.stem} square"} for path in pictures]
    for given in (rows, pd.DataFrame(rows), datasets.Dataset.from_list(rows)):
        found = read_captioned(given)
        assert found.texts == [[row["caption"]] for row in rows]
        assert found.sources[2].open().load().getpixel((0, 0)) == (0, 0, 255)
        assert read_rows_of(given) == (rows, [])
    for wrong in (pictures, 3, np.zeros(3)):
        with pytest.raises(UsageError):
            read_captioned(wrong)


def test_pictures_in_a_tables_cells_are_pictures(tiny: Path, pictures: list[Path]) -> None:
    """Of a data set, decoded, or as pixels; a row without one lacks it."""
    from sensorium.data.table_encoder import TableEncoder

    dataset = datasets.Dataset.from_dict(
        {"photo": [*map(str, pictures), None], "n": [1, 2, 3, 4]},
        features=datasets.Features({"photo": datasets.Image(), "n": datasets.Value("int32")}),
    )
    opened = [PIL.Image.open(path) for path in pictures]
    frame = pd.DataFrame({"photo": [*opened, None], "n": [1, 2, 3, 4]})
    arrays = [{"photo": pixels(path), "n": n} for n, path in enumerate(pictures)]
    wanted = load_encoder(tiny).encode(pictures)
    for given in (dataset, frame, arrays):
        encoder = TableEncoder(None, str(tiny))
        encoder.learn_columns(given, [])
        assert [(one.name, one.kind) for one in encoder.columns] == [
            ("photo", "image"), ("n", "number")
        ]  # fmt: skip
        encoded = encoder.encode(given)
        found, rest = encoded.vectors["image"][:3], encoded.vectors["image"][3:]
        assert np.concatenate(found) == pytest.approx(wanted, abs=1e-5)
        assert all(len(one) == 0 for one in rest) and not encoded.skipped


def test_a_list_of_an_item_is_told() -> None:
    with pytest.raises(MediaError, match="a row of columns"):
        as_media({"a": 1})


def test_cells_that_are_arrays_stay_what_they_are() -> None:
    vector, several = np.arange(3.0), np.ones((2, 3), np.float32)
    (row,) = rows_of([{"one": vector, "several": several, "none": float("nan")}]) or []
    assert row["one"] is vector and row["several"] is several and row["none"] is None
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"v": [vector, None], "n": pandas.array([1, pandas.NA], "Int64")})
    found = rows_of(frame) or []
    assert found[0]["v"] is vector and found[0]["n"] == 1
    assert found[1] == {"v": None, "n": None}
