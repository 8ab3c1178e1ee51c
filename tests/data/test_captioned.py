"""Captioned pictures from every kind of data."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import PIL.Image
import pytest

from sensorium.data.captioned import (
    _expanded,
    leave_out_broken,
    read_captioned,
)
from sensorium.data.splits import split_off
from sensorium.errors import UsageError

COLORS = ("red", "green", "blue", "white")


def png(color: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (20, 10), color).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for color in COLORS:
        (tmp_path / f"{color}.png").write_bytes(png(color))
    return tmp_path


def test_a_table_with_several_captions(folder: Path) -> None:
    lines = ["path,caption_en,caption_zh"]
    lines += [f"{color}.png,a {color} square,{color}方" for color in COLORS]
    lines += ["red.png,another caption,", "gone.png,not there,", ",no path,"]
    (folder / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    found = read_captioned(folder / "t.csv")
    assert found.names == [
        *(f"{c}.png" for c in COLORS),
        "gone.png",
    ]
    assert found.texts[0] == ["a red square", "red方", "another caption"]
    assert [one.path for one in found.skipped] == ["t.csv:8"]
    assert found.sources[0].open().load().getpixel((0, 0)) == (255, 0, 0)
    (folder / "green.png").write_bytes(png("green")[:40])
    seen: list[int] = []
    sound = leave_out_broken(found, lambda done, total: seen.append(done))
    assert sound.names == ["red.png", "blue.png", "white.png"]
    assert sound.texts[2] == ["a white square", "white方"]
    assert {one.path for one in sound.skipped} == {"t.csv:8", "green.png", "gone.png"}
    assert seen == [1, 2, 3, 4, 5]


def test_folders_of_classes(tmp_path: Path) -> None:
    for color in COLORS[:2]:
        (tmp_path / f"dark_{color}").mkdir()
        (tmp_path / f"dark_{color}" / "1.png").write_bytes(png(color))
    found = read_captioned(tmp_path)
    assert found.texts == [["dark green"], ["dark red"]]


def test_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "captions": datasets.List(datasets.Value("string"))}
    )
    rows = {
        "image": [{"bytes": png(color), "path": None} for color in COLORS],
        "captions": [[f"a {color} square", color] for color in COLORS[:-1]] + [[]],
    }
    dataset = datasets.Dataset.from_dict(rows, features=features)
    dataset.save_to_disk(tmp_path / "d")
    found = read_captioned(tmp_path / "d")
    assert found.texts == [[f"a {color} square", color] for color in COLORS[:-1]]
    assert found.sources[2].open().load().getpixel((0, 0)) == (0, 0, 255)
    assert [one.reason for one in found.skipped] == ["row has no caption"]

    labels = datasets.ClassLabel(names=["sea_lion", "cat"])
    features = datasets.Features({"image": datasets.Image(), "label": labels})
    classes = datasets.Dataset.from_dict(
        {"image": rows["image"][:2], "label": [0, 1]}, features=features
    )
    datasets.DatasetDict({"train": classes, "test": classes}).save_to_disk(tmp_path / "c")
    assert read_captioned(tmp_path / "c", split="test").texts == [["sea lion"], ["cat"]]
    with pytest.raises(UsageError, match=r"no split 'val'; it has train, test"):
        read_captioned(tmp_path / "c", split="val")
    bare = datasets.Dataset.from_dict({"a": [1]})
    bare.save_to_disk(tmp_path / "n")
    with pytest.raises(UsageError, match="needs a column of pictures"):
        read_captioned(tmp_path / "n")


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def test_webdataset_tars(tmp_path: Path) -> None:
    for shard in range(2):
        with tarfile.open(tmp_path / f"s-{shard:04}.tar", "w") as tar:
            for color in COLORS[:2]:
                add(tar, f"{shard}/{color}.png", png(color))
                add(tar, f"{shard}/{color}.txt", f"{color} in {shard}".encode())
                row = {"caption": [f"json {color}", f"{color} in {shard}"], "text": "unused"}
                add(tar, f"{shard}/{color}.json", json.dumps(row).encode())
            add(tar, f"{shard}/lost.txt", b"no picture")
            add(tar, f"{shard}/mute.v2.jpg", png("blue"))
            add(tar, f"{shard}/said.png", png("blue"))
            add(tar, f"{shard}/said.json", b'{"text": "by its text"}')
    found = read_captioned(tmp_path / "s-{0000..0001}.tar")
    assert found.texts[0] == ["red in 0", "json red"]
    assert found.texts[2] == ["by its text"] and len(found) == 6
    assert found.sources[4].open().load().getpixel((0, 0)) == (0, 128, 0)
    assert [one.path for one in found.skipped][:2] == ["s-0000.tar:0/lost", "s-0000.tar:0/mute"]
    names = found.names
    assert read_captioned(tmp_path / "s-*.tar").names == names
    assert read_captioned(tmp_path).names == names
    assert len({picture.stamp for picture in found.sources}) == 6
    with pytest.raises(UsageError, match="there is no file"):
        read_captioned(tmp_path / "s-{0000..0002}.tar")
    (tmp_path / "x.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(UsageError, match="cannot be read as a tar"):
        read_captioned(tmp_path / "x.tar")
    assert _expanded("{08..10}-{a,b}.tar")[::5] == ["08-a.tar", "10-b.tar"]


def test_the_split_is_by_picture_and_stays(folder: Path) -> None:
    lines = ["path,caption", *(f"p{n}.png,caption {n}" for n in range(100))]
    (folder / "t.csv").write_text("\n".join([*lines, "p3.png,third again"]))
    training, validation = split_off(read_captioned(folder / "t.csv"), 0.2, seed=5)
    assert (len(training), len(validation)) == (80, 20)
    held = set(validation.names)
    assert not held & set(training.names)
    (folder / "t.csv").write_text("\n".join([*reversed(lines[1:]), *lines[:1]][::-1]))
    _, again = split_off(read_captioned(folder / "t.csv"), 0.2, seed=5)
    assert set(again.names) == held
    _, other = split_off(read_captioned(folder / "t.csv"), 0.2, seed=6)
    assert set(other.names) != held
    with pytest.raises(UsageError, match="between 0 and 1"):
        split_off(training, 1.0)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file or folder"):
        read_captioned(tmp_path / "none")
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(UsageError, match="it is none of these"):
        read_captioned(tmp_path / "a.pdf")
