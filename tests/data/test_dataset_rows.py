"""Data sets of others as rows: which columns are media, and what cells become."""

from __future__ import annotations

import datetime
import io
import uuid
from collections import namedtuple
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium.data.cells import plain_cell
from sensorium.data.dataset_rows import RowSource, data_sets_among, row_sources
from sensorium.data.row_media import Plan, RowReader, plan_of
from sensorium.errors import MediaError, UsageError

datasets = pytest.importorskip("datasets", reason="the extra datasets brings it")
pandas = pytest.importorskip("pandas", reason="the extra datasets brings it")
pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet brings it")
torch = pytest.importorskip("torch", reason="the extra hub brings it")


def png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (12, 10), colour).save(file, "PNG")
    return file.getvalue()


def source_of(value: Any) -> RowSource:
    (source,) = row_sources(value) or []
    return source


def plan(value: Any, **roles: str) -> Plan:
    return plan_of(source_of(value), roles)


class Items(torch.utils.data.Dataset):  # type: ignore[misc]
    """A data set of torch of given elements."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


PICTURE = PIL.Image.new("RGB", (12, 10), "red")
SOUND = np.zeros(800, np.float32)


@pytest.mark.parametrize(
    ("row", "media"),
    [
        ({"photo": PICTURE, "label": 3}, {"photo": "image"}),
        ({"left": PICTURE, "right": PICTURE, "path": "a.jpg"}, {"left": "image", "right": "image"}),
        ({"x": torch.zeros(3, 10, 12), "embedding": torch.zeros(8)}, {"x": "image"}),
        ({"x": np.zeros((10, 12), np.uint8), "table": np.zeros((3, 2))}, {"x": "image"}),
        ({"waveform": torch.zeros(2, 800), "sample_rate": 8000}, {"waveform": "audio"}),
        ({"a": {"array": SOUND, "sampling_rate": 8000, "path": None}}, {"a": "audio"}),
        ({"a": {"bytes": png(), "path": None}, "text": "a"}, {"a": ""}),
        ({"a": png(), "text": "a"}, {"a": ""}),
        ({"several": [PICTURE, PICTURE]}, {"several": "image"}),
        ({"path": "a.jpg", "text": "a"}, {}),
        ({"sentence": "a", "title": "b", "n": 1}, {"sentence": "text"}),
        ({"rate": 4.5, "text": "cheap"}, {"text": "text"}),
    ],
)
def test_which_columns_are_media(row: dict[str, Any], media: dict[str, str]) -> None:
    assert plan([row]).media == media
    assert plan(Items(row)).media == media
    assert plan(pandas.DataFrame([row])).media == media


def test_a_stated_column_is_the_only_media() -> None:
    row = {"left": PICTURE, "right": PICTURE, "name": "a", "n": 1}
    found = plan([row], right="image", name="key", left="none")
    assert found == Plan({"right": "image"}, "name", None, frozenset({"left"}))
    assert plan([row], name="text", left="none", right="none").media == {"name": "text"}


@pytest.mark.parametrize(
    ("row", "roles", "words"),
    [
        ({"n": 1}, {}, r'no column holds media.*it has n.*columns=\{"n": "image"\}'),
        ({"path": 3}, {}, "none names files"),
        ({"text": "a"}, {"texts": "text"}, "no column 'texts'; it has text"),
        ({"text": "a"}, {"text": "picture"}, "no kind 'picture'; there are image"),
        ({"text": "a", "n": 1, "m": 2}, {"n": "key", "m": "key"}, "one key, got the columns n, m"),
        ({"text": "a", "mask": b"\0"}, {}, 'the column \'mask\' is bytes.*"mask": "none"'),
    ],
)
def test_what_cannot_be_told(row: dict[str, Any], roles: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan([row], **roles)


def test_features_say_what_columns_hold() -> None:
    features = datasets.Features(
        {
            "photo": datasets.Image(), "pages": datasets.List(datasets.Image()),
            "label": datasets.ClassLabel(names=["cold", "warm"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["a", "b"])),
            "of": {"kind": datasets.ClassLabel(names=["x", "y"])},
            "title": datasets.Value("large_string"),
        }
    )  # fmt: skip
    cell = {"bytes": png(), "path": None}
    row = {"photo": cell, "pages": [cell], "label": 1, "tags": [1, 0], "of": {"kind": 1},
           "title": "t"}  # fmt: skip
    made = datasets.Dataset.from_list([row], features=features)
    for given in (made, made.with_format("torch"), made.to_iterable_dataset()):
        source = source_of(given)
        assert plan_of(source).media == {"photo": "image", "pages": "image"}
        (cells,) = source.rows()
        assert cells["photo"]["bytes"] == cells["pages"][0]["bytes"] == png()  # not decoded
        assert (cells["label"], cells["tags"], cells["of"]) == ("warm", ["b", "a"], {"kind": "y"})
    unlabelled = datasets.Dataset.from_list([{**row, "label": -1}], features=features)
    assert next(source_of(unlabelled).rows())["label"] is None
    splits = row_sources(datasets.DatasetDict(train=made, test=made)) or []
    assert [(one.split, one.total) for one in splits] == [("train", 1), ("test", 1)]


def test_rows_of_each_library(tmp_path: Path) -> None:
    rows = [{"text": "a", "n": 1}, {"text": "b", "n": None}]
    table = pyarrow.Table.from_pylist(rows)
    for given in (rows, tuple(rows), table, datasets.Dataset.from_list(rows), Items(*rows)):
        source = source_of(given)
        assert (list(source.rows()), source.total) == (rows, 2)
    first, second = source_of(pandas.DataFrame(rows)).rows()
    assert first == rows[0] and second["text"] == "b" and plain_cell(second["n"]) is None
    for none in ("text", tmp_path, {}, {"text": "a"}, ["a.jpg"], np.zeros((2, 2)), 3, None, []):
        assert row_sources(none) is None


def test_elements_of_torch_by_place() -> None:
    point = namedtuple("point", ["picture", "label"])
    assert source_of(Items((PICTURE, 3))).names == ("0", "1")
    assert source_of(Items(point(PICTURE, 3))).names == ("picture", "label")
    source = source_of(Items((torch.zeros(1, 800), 16000, "said", 7)))
    assert source.names == ("0", "sampling_rate", "2", "3")
    assert plan_of(source) == Plan({"0": "audio"}, None, "sampling_rate")
    assert source_of(Items((torch.zeros(1, 800), 7))).names == ("0", "1")  # a class, no rate
    with pytest.raises(UsageError, match="a dict or a tuple, got Image"):
        row_sources(Items(PICTURE))


def test_an_index_with_a_name_is_a_column() -> None:
    frame = pandas.DataFrame({"text": ["a", "b"]}, index=[5, 5])
    assert source_of(frame).names == ("text",)
    assert [row["text"] for row in source_of(frame).rows()] == ["a", "b"]
    frame.index.name = "year"
    assert [row["year"] for row in source_of(frame).rows()] == [5, 5]
    twice = pandas.DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(UsageError, match="two columns are called 'text'"):
        row_sources(twice)


def test_generators_of_rows_and_of_paths_are_told_apart() -> None:
    read: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(100):
            read.append(number)
            yield {"text": f"text {number}"}

    others, (source,) = data_sets_among(["a.jpg", rows()])
    assert others == ["a.jpg"] and source.total is None and len(read) <= 2
    assert [row["text"] for row in source.rows()] == [f"text {n}" for n in range(100)]
    others, none = data_sets_among([iter(["a.jpg", "b.jpg"])])
    assert [list(one) for one in others] == [["a.jpg", "b.jpg"]] and not none
    frame = pandas.DataFrame({"text": ["a"]})
    others, found = data_sets_among([[frame, "c.jpg"]])
    assert others == ["c.jpg"] and len(found) == 1


ZONED = datetime.datetime(
    2026, 1, 2, 3, 4, 5, 678901, datetime.timezone(datetime.timedelta(0, 7200))
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (True, True), (3, 3), (2**70, 2**70), (0.5, 0.5), ("a", "a"), (np.str_("a"), "a"),
        (None, None), (float("nan"), None), (float("inf"), None), (np.float32("nan"), None),
        (pandas.NaT, None), (pandas.NA, None), (np.datetime64("NaT"), None), (Decimal("NaN"), None),
        (np.int16(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True),
        (ZONED, "2026-01-02T03:04:05.678901+02:00"),
        (pandas.Timestamp(ZONED), "2026-01-02T03:04:05.678901+02:00"),
        (pandas.Timestamp("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        (np.datetime64("2026-01-02T03:04"), "2026-01-02T03:04:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"), (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(minutes=1, microseconds=5), 60.000005),
        (pandas.Timedelta("2min"), 120.0), (np.timedelta64(3, "s"), 3.0),
        (Decimal("12.50"), 12.5), (Decimal(10**20), 10**20),
        (pandas.Period("2026-01", "M"), "2026-01"), (uuid.UUID(int=5), str(uuid.UUID(int=5))),
        (Path("a") / "b", "a/b"),
        ([1, None, float("nan"), {"a": (1, 2)}], [1, None, None, {"a": [1, 2]}]),
        ({"b", "a"}, ["a", "b"]), ({3: ZONED.date()}, {"3": "2026-01-02"}),
        (np.arange(3), [0, 1, 2]), (torch.ones(2), [1.0, 1.0]), (torch.tensor(4), 4),
        (np.array(["2026-01-02"], "datetime64[D]"), ["2026-01-02"]),
        (np.array(["a", None], object), ["a", None]),
    ],
)  # fmt: skip
def test_cells_as_json(cell: Any, value: Any) -> None:
    found = plain_cell(cell)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("cell", [b"a", object(), PICTURE, 1j, np.void(b"ab")])
def test_cells_that_are_no_metadata(cell: Any) -> None:
    with pytest.raises(MediaError, match="which metadata cannot hold"):
        plain_cell(cell)


def test_a_cell_that_holds_itself() -> None:
    cell: list[Any] = []
    cell.append(cell)
    with pytest.raises(MediaError, match="100 deep"):
        plain_cell(cell)


def entries(rows: list[Any], **roles: str) -> list[Any]:
    source = source_of(rows)
    found = RowReader().entries(source, plan_of(source, roles), {})
    return [entry for of_row in found for entry in of_row]


def test_a_key_by_content() -> None:
    """Equal media that say the same are one item; those that say something else are not."""
    rows = [{"text": "a", "n": 1}, {"text": "a", "n": 1}, {"text": "a", "n": 2}, {"text": "b"}]
    first, repeated, second, other = entries(rows)
    assert first.key == "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert type(repeated).__name__ == "Repeated"
    assert second.key == f"{first.key}~2" and other.key not in (first.key, second.key)
    # A file is known by the bytes that it has, wherever these are.
    (encoded,) = entries([{"image": png()}])
    (named,) = entries([{"image": {"bytes": png(), "path": "b.png"}}])
    assert encoded.key == named.key
    one, same, other = entries([{"x": np.zeros((9, 8, 3), np.uint8)}, {"x": torch.zeros(3, 9, 8)},
                                {"x": np.zeros((8, 9, 3), np.uint8)}])  # fmt: skip
    assert len({one.key, same.key, other.key}) == 3


def test_keys_that_a_column_has() -> None:
    rows = [{"text": "a", "id": 7}, {"text": "b", "id": "7"}, {"text": "c", "id": None},
            {"text": "d", "id": "/etc/passwd"}, {"text": "e", "id": " x "}]  # fmt: skip
    good, twice, missing, path, last = entries(rows, id="key")
    assert (good.key, last.key) == ("7", "x")
    assert twice.reason == "another row has the key '7'"
    assert "the key in 'id' is a text or a whole number" in missing.reason
    assert "written like a file's path" in path.reason
    left, right = entries([{"a": PICTURE, "b": [PICTURE], "id": 7}], id="key")
    assert (left.key, right.key) == ("7#a", "7#b.0")
    assert (left.metadata["column"], right.where) == ("a", "row 0, column b, element 0")
