import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib

import pytest
from PIL import Image

from benchmarks import datasets
from benchmarks.datasets import (
    clipart,
    emoji,
    found,
    gcompris,
    manifest,
    qt,
    rendering,
    stamps,
)
from sensorium import packages
from sensorium.packages import ChecksumError, FetchError, Package


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    return tmp_path / "datasets"


# Packages


def pin(sha256="0" * 64, registry="npm", folders=()):
    return Package(registry, "@art/icons", "1.0", sha256, folders)


def test_another_archive_than_the_pinned_one_is_refused_and_nothing_kept(home, monkeypatch):
    def download(_package, folder):
        (folder / "icons.tgz").write_bytes(b"not what was pinned")
        return folder / "icons.tgz"

    monkeypatch.setattr(packages, "download", download)
    monkeypatch.setattr(packages, "missing_client", lambda registry: None)
    with pytest.raises(ChecksumError, match="000 is pinned"):
        packages.bring(pin(), home)
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_a_package_is_brought_once(home, monkeypatch, tmp_path):
    (tmp_path / "package/svg").mkdir(parents=True)
    (tmp_path / "package/svg/a.svg").write_text("<svg/>")
    (tmp_path / "package/README.md").write_text("not wanted")
    archive = tmp_path / "icons.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "package", "package")
    package = pin(hashlib.sha256(archive.read_bytes()).hexdigest(), folders=("svg",))
    asked = []

    def download(package, folder):
        asked.append(package)
        copy = folder / "icons.tgz"
        copy.write_bytes(archive.read_bytes())
        return copy

    monkeypatch.setattr(packages, "download", download)
    monkeypatch.setattr(packages, "missing_client", lambda registry: None)
    folder = packages.bring(package, home)
    assert packages.bring(package, home) == folder
    assert asked == [package]
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert files == ["svg/a.svg"]


@pytest.mark.parametrize("registry", ["wheel", "sdist"])
def test_a_package_of_pypi_is_unpacked_without_its_other_folders(tmp_path, registry):
    names = ["lib/data/a.txt", "lib/code.py", "lib/database/b.txt"]
    archive = tmp_path / "archive"
    if registry == "wheel":
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.writestr(name, "x")
    else:  # a folder of the version holds everything
        with tarfile.open(archive, "w:gz") as file:
            for name in names:
                member = tarfile.TarInfo(f"lib-1.0/{name}")
                member.size = 1
                file.addfile(member, io.BytesIO(b"x"))
    folder = tmp_path / "content"
    folder.mkdir()
    packages.unpack(archive, pin(registry=registry, folders=("lib/data",)), folder)
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert files == ["lib/data/a.txt"]


def test_files_that_nobody_here_made_lie_in_one_folder(tmp_path):
    for source in found.SOURCES:
        folder = source.package.folder(tmp_path) / source.folder
        folder.mkdir(parents=True)
        (folder / "a.PNG").write_bytes(b"1234")
        (folder / "code.py").write_bytes(b"")
    rows = list(found.build(tmp_path))
    assert rows == list(found.build(tmp_path))  # again, over what is there
    assert len(rows) == 2 * len(found.SOURCES)
    assert {(row["modality"], row["suffix"], row["bytes"]) for row in rows} == {
        ("image", ".png", 4), ("", ".py", 0)
    }  # fmt: skip
    assert all((tmp_path / "found/files" / row["id"].removeprefix("found/")).is_file()
               for row in rows)  # fmt: skip
    assert {row["license"] for row in rows} >= {"MIT-CMU", "Apache-2.0"}


def test_without_apt_get_the_error_says_what_can_still_be_fetched(home, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None if name == "apt-get" else name)
    with pytest.raises(FetchError) as error:
        datasets.fetch(["stamps"])
    assert "stamps needs apt-get, which Debian 12" in str(error.value)
    assert "can be fetched here: emoji" in str(error.value)


def test_without_any_client_none_can_be_fetched(home, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(FetchError, match=r"needs npm.*none can be fetched here"):
        datasets.fetch()


def test_an_unknown_set_is_named_with_the_known_ones(home):
    with pytest.raises(FetchError, match=r"no set 'photos'.*emoji, stamps"):
        datasets.fetch(["photos"])


def test_a_complete_set_needs_no_client_and_other_pins_make_it_incomplete(home, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    folder = home / "emoji"
    folder.mkdir(parents=True)
    rows = [{"id": "emoji/1", "image": home / "emoji/images/1.png", "audio": "", "n": 1}]
    manifest.write(rows, folder / "manifest.csv", home)
    (folder / "recipe.json").write_text(json.dumps(datasets._recipe("emoji")))
    image = str(home / "emoji/images/1.png")
    assert datasets.rows("emoji") == [{"id": "emoji/1", "image": image, "audio": "", "n": "1"}]
    monkeypatch.setattr(datasets, "RECIPE", datasets.RECIPE + 1)
    with pytest.raises(FetchError):
        datasets.rows("emoji")


# Manifests


@pytest.mark.parametrize(
    ("concept", "split"),
    [("frog", "train"), ("duck", "train"), ("owl", "test"), ("bee", "test"), ("horse", "val")],
)
def test_splits_never_move(concept, split):
    assert manifest.split_of(concept) == split


def test_split_shares_are_70_10_20():
    splits = [manifest.split_of(str(number)) for number in range(5000)]
    assert splits.count("test") / 5000 == pytest.approx(0.20, abs=0.02)
    assert splits.count("val") / 5000 == pytest.approx(0.10, abs=0.02)


def test_manifest_round_trip_can_be_moved(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "stamps").mkdir(parents=True)
    spoken = manifest.to_json({"fr": str(old / "fr.ogg")})
    row = {"id": "1", "image": old / "1.png", "audio": "", "audio_spoken": spoken, "zh": '"猫",\n'}
    assert manifest.write([row], old / "stamps/manifest.csv", old) == 1
    old.rename(new)
    (read,) = manifest.read(new / "stamps/manifest.csv", new)
    assert read["image"] == str(new / "1.png")
    assert json.loads(read["audio_spoken"]) == {"fr": str(new / "fr.ogg")}
    assert (read["audio"], read["zh"]) == ("", '"猫",\n')


# Qt's files


def rcc(files, flags=0, pack=lambda content: content):
    """A version 2 resource with one folder "d" that holds the files."""
    names, offsets, contents, starts = b"", [], b"", []
    for name in ["d", *files]:
        offsets.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    for content in files.values():
        starts.append(len(contents))
        packed = pack(content)
        contents += struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)  # the root: one child, node 1
    tree += struct.pack(">IHIIQ", offsets[0], 2, len(files), 2, 0)
    for offset, start in zip(offsets[1:], starts, strict=True):
        tree += struct.pack(">IHHHIQ", offset, flags, 0, 0, start, 0)
    body = tree + contents + names
    at = 20
    header = struct.pack(">4I", 2, at, at + len(tree), at + len(tree) + len(contents))
    return b"qres" + header + body


def test_rcc_yields_paths_and_contents():
    files = {"a.txt": b"hello", "ä.webp": bytes(300)}
    found = dict(qt.read_rcc(rcc(files)))
    assert found == {"d/a.txt": b"hello", "d/ä.webp": bytes(300)}


def test_rcc_unpacks_zlib_and_names_what_it_cannot_read():
    packed = rcc({"a": b"x" * 999}, 1, lambda c: struct.pack(">I", len(c)) + zlib.compress(c))
    assert dict(qt.read_rcc(packed)) == {"d/a": b"x" * 999}
    with pytest.raises(ValueError, match="d/a is compressed with Zstandard"):
        list(qt.read_rcc(rcc({"a": b"x"}, qt.RCC_ZSTD)))
    with pytest.raises(ValueError, match="not a Qt resource"):
        list(qt.read_rcc(b"PK\x03\x04 and more bytes than a header"))


def field(tag, value):
    return struct.pack(">BI", tag, len(value)) + value


def qm(*messages):
    body, offsets = b"", b""
    for fields in messages:
        offsets += struct.pack(">II", 0, len(body))
        body += b"".join(fields) + bytes([qt.QM_END])
    return qt.QM_MAGIC + field(qt.QM_OFFSETS, offsets) + field(qt.QM_MESSAGES, body)


def test_qm_reads_first_translations_by_context_and_source():
    horse = [
        field(qt.QM_TRANSLATION, "Pferd".encode("utf-16-be")),
        field(qt.QM_TRANSLATION, "Pferde".encode("utf-16-be")),
        bytes([qt.QM_OBSOLETE]) + bytes(4),
        field(qt.QM_SOURCE, b"Horse"),
        field(qt.QM_CONTEXT, b"board1"),
    ]
    absent = [struct.pack(">BI", qt.QM_TRANSLATION, qt.QM_ABSENT), field(qt.QM_SOURCE, b"Cow")]
    assert qt.read_qm(qm(horse, absent)) == {("board1", "Horse"): "Pferd"}
    assert qt.read_qm(qt.QM_MAGIC) == {}
    with pytest.raises(ValueError, match="not a compiled Qt translation"):
        qt.read_qm(b"<?xml version='1.0'?>")


# Pictures


def test_svg_sized_in_points_without_view_box_is_rendered():
    circle = b'<circle cx="20" cy="20" r="20" fill="red"/>'
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="60pt" height="30pt">' + circle + b"</svg>"
    )
    picture = rendering.render_svg(svg, 80)
    assert picture.size == (80, 40)
    small = rendering.on_white(picture, 20)
    assert small is not None and small.size == (20, 20)  # cropped to the circle
    assert small.getpixel((10, 10)) == (255, 0, 0) and small.getpixel((0, 0)) == (255, 255, 255)


def test_an_invisible_picture_is_none_and_a_small_one_is_not_enlarged():
    assert rendering.on_white(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), 4) is None
    assert rendering.on_white(Image.new("RGBA", (9, 9), "blue"), 128).size == (9, 9)


# Captions


def test_stamp_captions():
    text = "A frog.\nde.utf8=Ein Frosch.\nfr.utf8= \nzh_CN.utf8=青蛙。\nbroken line\n"
    assert stamps.read_captions(text) == ("A frog.", {"de": "Ein Frosch.", "zh_CN": "青蛙。"})
    assert stamps.concept_of("A Red shoe!") == "red shoe"
    assert len(stamps.PHOTOS) == 356 and len(stamps.CHINESE) == 53
    assert stamps._chinese("A bear.", {"zh_CN": "梨。"}) == ("熊。", "hans", True)
    assert stamps._chinese("A bear.", {"zh_TW": "熊"}) == ("熊", "hant", False)


def test_emoji_clusters_join_variants():
    people = emoji.PEOPLE
    dancers = {emoji.cluster_of(f"{who} dancing", people, 0) for who in ("woman", "man")}
    assert dancers == {"dancing"}
    assert emoji.cluster_of("man", people, 0) == "man"  # nothing would be left of it
    assert emoji.cluster_of("health worker: dark skin", people, 0) == "health worker"
    assert emoji.cluster_of("one-thirty", 4, emoji.TIME) == "clock face"
    assert emoji.cluster_of("new moon face", 4, 0) == "moon"
    assert emoji._bare("0023-FE0F-20E3") == "23-20E3"


def test_clipart_file_names_lose_number_and_author():
    assert clipart.words_of("hiking_boot_jarno_vasama_", "Jarno Vasamaa") == "hiking boot"
    assert clipart.words_of("clock09", "") == "clock"
    assert clipart._flag("USA - Texas") == "flag of texas, usa"
    assert clipart.concept_of("The  Red-Car!") == "red car"


def test_gcompris_names_and_licences():
    assert gcompris.words_of("goldFish2") == "gold fish"
    readme = (
        "Copyright: A\nLicense: CC0-1.0\nFiles: bee.webp\n\n"
        "Copyright: B\nLicense: Public Domain\nSource: somewhere\nFiles:\none.webp\ntwo.webp\n"
    )
    assert gcompris.read_licences(readme) == {
        "bee.webp": {"Copyright": "A", "License": "CC0-1.0"},
        "one.webp": {"Copyright": "B", "License": "Public Domain", "Source": "somewhere"},
        "two.webp": {"Copyright": "B", "License": "Public Domain", "Source": "somewhere"},
    }


def test_an_interrupted_set_is_taken_up_and_another_recipes_pictures_are_not(home, monkeypatch):
    monkeypatch.setattr(datasets, "bring", lambda package, root: None)
    monkeypatch.setattr(packages.shutil, "which", lambda name: name)
    found = []

    def build(root, stop=False):
        found.append(sorted(path.name for path in (root / "emoji").glob("*.png")))
        (root / "emoji" / f"{len(found)}.png").touch()
        if stop:
            raise KeyboardInterrupt
        yield {"id": "emoji/1", "image": root / "emoji/1.png"}

    monkeypatch.setattr(emoji, "build", lambda root: build(root, stop=True))
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch(["emoji"])
    monkeypatch.setattr(emoji, "build", build)
    datasets.fetch(["emoji"])
    datasets.fetch(["emoji"])  # complete: nothing is built
    monkeypatch.setattr(datasets, "RECIPE", datasets.RECIPE + 1)
    datasets.fetch(["emoji"])
    assert found == [[], ["1.png"], []]
