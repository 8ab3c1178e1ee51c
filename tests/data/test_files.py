"""From what a user names to files: folders, globs, manifests, and names of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.data.files import Candidate, Ignored, find_files, is_gone
from sensorium.data.tables import MAX_FIELD
from sensorium.encoders import Encoder
from sensorium.media.skipped import Skipped
from tests.collection.pictures import check_vectors, finish, names, png, start, write
from tests.media.recordings import encode_sound, tone


def found(*sources: str | Path) -> list[str]:
    """Names of the files found; all paths have to be absolute."""
    files = [f.path for f in find_files(sources) if isinstance(f, Candidate)]
    assert all(path.is_absolute() for path in files)
    return [path.name for path in files]


def skipped(*sources: str | Path) -> dict[str, str]:
    return {Path(f.path).name: f.reason for f in find_files(sources) if isinstance(f, Skipped)}


@pytest.fixture
def tree(folder: Path) -> Path:
    for name in ("b.png", "a.JPG", "sub/c.webp", "sub/deep/d.png", ".hidden.png", ".git/e.png"):
        write(folder / name, 1)
    for name in ("notes.txt", "sub/f.psd", "table.csv"):
        (folder / name).write_text("x")
    return folder


def test_folder(tree: Path) -> None:
    assert found(tree) == ["a.JPG", "b.png", "notes.txt", "c.webp", "d.png"]
    assert list(skipped(tree)) == ["f.psd"]
    ignored = [f.path.name for f in find_files([tree]) if isinstance(f, Ignored)]
    assert ignored == ["table.csv"]


def test_named_files_may_be_hidden_or_of_any_suffix(tree: Path) -> None:
    picture = write(tree / "photo.of.me", 3)
    assert found(tree / ".hidden.png", picture, tree / ".git") == [
        ".hidden.png",
        "photo.of.me",
        "e.png",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["b.png"]),
        ("*", ["a.JPG", "b.png", "notes.txt", "c.webp", "d.png"]),
        ("?.[jJ]*", ["a.JPG"]),
        ("s*", ["c.webp", "d.png"]),
        ("**", ["a.JPG", "b.png", "notes.txt", "c.webp", "d.png"]),
        ("**/*.png", ["b.png", "d.png"]),
        ("**/deep", ["d.png"]),
        ("**/deep/**/*.png", ["d.png"]),
        ("*/*.webp", ["c.webp"]),
        ("*/**", ["c.webp", "d.png"]),
    ],
)
def test_globs(
    tree: Path, pattern: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(str(tree / pattern)) == expected
    monkeypatch.chdir(tree)
    assert found(pattern) == expected


def test_a_glob_that_matches_nothing(tree: Path) -> None:
    for pattern in ("*.gif", "**/*.gif", "nowhere/**"):
        assert "no file matches" in next(iter(skipped(str(tree / pattern)).values()))


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    write(folder / "a[1].png", 1)
    assert found(str(folder / "a[1].png")) == ["a[1].png"]


def test_a_named_manifest_is_read_by_a_glob(folder: Path) -> None:
    write(folder / "a.png", 1)
    (folder / "m.csv").write_text("path,year\na.png,2001\n")
    assert [f.metadata for f in find_files([str(folder / "*.csv")])] == [{"year": 2001}]
    assert [f.metadata for f in find_files([str(folder / "**/*.csv")])] == [{"year": 2001}]


def test_a_manifest_of_one_endless_field_is_skipped_not_a_crash(folder: Path) -> None:
    write(folder / "a.png", 1)
    (folder / "m.csv").write_text("path," + "x" * (MAX_FIELD + 1) + "\na.png,1\n")
    (reason,) = skipped(folder / "m.csv").values()
    assert "m.csv:1: a cell of over" in reason


def test_a_long_header_is_read_by_a_process_that_read_no_table_before(folder: Path) -> None:
    write(folder / "a.png", 1)
    (folder / "m.csv").write_text("path," + "x" * 200_000 + "\na.png,1\n")
    code = (
        "import sys; from sensorium.data.files import find_files; print(*find_files(sys.argv[1:]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder / "m.csv")], capture_output=True, text=True
    )
    assert "a.png" in run.stdout, run.stderr


@pytest.mark.parametrize("header", ["Path,path", "path,Path", "Path,image,path"])
def test_the_path_is_in_the_column_that_is_called_just_so(folder: Path, header: str) -> None:
    write(folder / "a.png", 1)
    cells = ["a.png" if name == "path" else "no.png" for name in header.split(",")]
    (folder / "m.csv").write_text(f"{header}\n{','.join(cells)}\n")
    assert found(folder / "m.csv") == ["a.png"]


# Links, permissions, and folders that are strange


@pytest.mark.parametrize("pattern", ["", "**", "**/*.png"])
def test_links_in_circles(folder: Path, pattern: str) -> None:
    write(folder / "a" / "x.png", 1)
    (folder / "a" / "loop").symlink_to("..")
    (folder / "a" / "self").symlink_to(".")
    (folder / "b").mkdir()
    (folder / "b" / "over").symlink_to("../a")
    (folder / "chain.png").symlink_to("chain.png")
    source = str(folder / pattern) if pattern else folder
    assert sorted(found(source)) == ["chain.png", "x.png"]
    assert set(skipped(source)) == {"loop", "self", "over"}
    assert "folder reached before, as" in skipped(source)["over"]


def test_a_circle_of_links_is_no_picture(collection: Collection, folder: Path) -> None:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    (folder / "dead.png").symlink_to("nowhere")
    report = collection.add(folder)
    assert {Path(s.path).name for s in report.skipped} == {"a.png", "b.png", "dead.png"}


def test_a_linked_folder_is_followed_under_the_name_the_user_knows(
    collection: Collection, folder: Path, tmp_path: Path, encoder: Encoder
) -> None:
    write(tmp_path / "disk" / "a.png", 1)
    (folder / "photos").symlink_to(tmp_path / "disk")
    collection.add(folder)
    check_vectors(collection, encoder, {str(folder / "photos" / "a.png"): png(1)})


def test_folders_nested_deeper_than_calls_may_be(folder: Path) -> None:
    """1,500 folders in each other: more than Python's limit on recursion."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with os.fdopen(os.open("x.png", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(png(1))
    os.close(here)
    try:
        assert found(folder) == ["x.png"]
        assert found(str(folder / "**" / "*.png")) == ["x.png"]
    finally:  # pytest's own tidying would run into the limit
        subprocess.run(["rm", "-r", folder / "d"], check=True)


def test_no_permission(folder: Path, tiny: Path, tmp_path: Path) -> None:
    """Seen by another user: tests may run as root, who may read everything."""
    write(folder / "good.png", 1)
    write(folder / "closed.png", 2).chmod(0)
    write(folder / "private" / "a.png", 3)
    (folder / "private").chmod(0)
    report = finish(start(UNPRIVILEGED, folder, tiny))
    (folder / "private").chmod(0o755)
    assert json.loads(report) == {
        "good.png": "added",
        "closed.png": "no permission to read it",
        "private": "folder cannot be read (Permission denied)",
        "a.png": "cannot be read (Permission denied)",
        "gone": False,
    }


UNPRIVILEGED = """
import json, os, sys, tempfile
from pathlib import Path
from sensorium import Collection
from sensorium.data.files import is_gone
folder, tiny = map(Path, sys.argv[1:])
with tempfile.TemporaryDirectory() as home:
    os.environ["SENSORIUM_HOME"] = home
    collection = Collection(Path(home, "c.sensorium"), tiny)
    collection.encoder.encode(["a"])
    collection.encoder.encode([folder / "good.png"])
    os.chmod(home, 0o777)
    if os.geteuid() == 0:
        # Who may not enter the folders above either: step inside while we may.
        collection.close()
        os.chdir(folder)
        encoder = collection.encoder
        os.chown(home, 65534, 65534)
        for path in Path(home).rglob("*"):
            os.chown(path, 65534, 65534)
        os.chmod(folder, 0o755)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                os.chmod(parent, parent.stat().st_mode | 0o011)
        os.seteuid(65534)
        collection = Collection(Path(home, "c.sensorium"), encoder)
    report = collection.add(folder, folder / "private" / "a.png")
    found = {Path(s.path).name: s.reason for s in report.skipped}
    found |= {Path(hit.path).name: "added" for hit in collection.search("dog")}
    found["gone"] = is_gone(str(folder / "private" / "a.png"))
    collection.close()
    if os.getuid() == 0:
        os.seteuid(0)
print(json.dumps(found))
"""


def test_gone(folder: Path) -> None:
    file = write(folder / "a.png", 1)
    assert not is_gone(str(file))
    assert is_gone(str(folder / "b.png"))
    assert is_gone(str(file / "b.png"))  # a file where a folder was
    (folder / "link").symlink_to("nowhere")
    assert is_gone(str(folder / "link"))


# Names


STRANGE_NAMES = [
    "new\nline.png", "tab\t.png", "'single'.png", '"double".png', "ünïcödé.png", "你好.png",
    "🐶🏽‍🦺.png", "a b  c.png", "-rf.png", "$(x);`y`.png", "back\\slash.png", "%20%00.png",
    "~$x.png", "*.png", "e\u0301.png", "\u00e9.png", "\u202egnp.png", "\x1b[31m.png", "x.PNG",
    ("n" * 251) + ".png",
]  # fmt: skip


def test_strange_names(collection: Collection, folder: Path, encoder: Encoder) -> None:
    contents = {}
    for seed, name in enumerate(STRANGE_NAMES):
        contents[str(write(folder / name, seed))] = png(seed)
    report = collection.add(folder)
    assert report.skipped == []
    check_vectors(collection, encoder, contents)
    for path in contents:
        item = collection.get(path)
        assert item is not None
        assert item.path == path
        hits = collection.search("dog", where=f"path = '{path.replace(chr(39), chr(39) * 2)}'")
        assert [hit.path for hit in hits] == [path]


def test_names_that_are_no_utf_8(collection: Collection, folder: Path) -> None:
    write(folder / "good.png", 1)
    bad = os.fsencode(folder) + b"/caf\xe9.png"
    with open(bad, "wb") as file:  # noqa: PTH123
        file.write(png(2))
    inner = os.fsencode(folder) + b"/\xff"
    os.mkdir(inner)  # noqa: PTH102
    write(Path(os.fsdecode(inner)) / "in.png", 3)
    report = collection.add(folder)
    assert names(collection) == ["good.png"]
    assert len(report.skipped) == 2
    assert all("not valid UTF-8: rename" in s.reason for s in report.skipped)
    assert collection.get(os.fsdecode(bad)) is None
    assert os.fsdecode(bad) not in collection
    assert collection.delete(os.fsdecode(bad)) == 0


@pytest.mark.parametrize(
    "name",
    ["missing.png", "missing", "x" * 300, "~nobody-of-this-name/x.png", "nul\0byte", "", " "],
)
def test_what_is_not_there(
    collection: Collection, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write(folder / "good.png", 1)
    report = collection.add(*([name] if name else []), folder / "nowhere" / name, "good.png")
    assert len(report.skipped) == (2 if name else 1)
    assert names(collection) == ["good.png"]
    assert collection.get(name or "nowhere") is None


def test_urls_are_not_indexed(folder: Path) -> None:
    for url in ("https://example.org/a.png", "HTTP://x/a.png", "data:image/png;base64,AAAA"):
        assert [f.reason for f in find_files([url]) if isinstance(f, Skipped)] == [
            "URLs are not indexed: download the file and add it"
        ]


def test_the_same_file_by_several_ways(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(folder / "a.png", 1)
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder)
    report = collection.add("a.png", file, "./a.png", folder / "sub" / ".." / "a.png", "*.png", ".")
    assert (report.added, len(collection)) == (1, 1)


def test_what_is_no_regular_file(collection: Collection, folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    (folder / "m.jsonl").write_text('{"path": "folder.png"}\n{"path": "/dev/zero"}\n')
    report = collection.add(folder, folder / "m.jsonl")
    assert {Path(s.path).name: s.reason for s in report.skipped} == dict.fromkeys(
        ["pipe.png", "folder.png", "zero"], "not a regular file"
    )


def test_pictures_sounds_and_films_without_a_suffix_are_found_in_folders(folder: Path) -> None:
    picture = write(folder / "a.png", 1).read_bytes()
    for name in ("IMG_1234", "photo.jpg_large", "scan.jpg~1", "download"):
        (folder / name).write_bytes(picture)
    (folder / "voice").write_bytes(encode_sound(tone(1), "ogg"))
    (folder / "Makefile").write_text("all: dog")
    (folder / "table.csv").write_bytes(picture)  # a table by its name: nothing looks into it
    (folder / "film.thm").write_bytes(picture)  # the small copy that a camera puts beside a film
    expected = ["IMG_1234", "a.png", "download", "photo.jpg_large", "scan.jpg~1", "voice"]
    assert found(folder) == expected
    ignored = [f.path.name for f in find_files([folder]) if isinstance(f, Ignored)]
    assert ignored == ["Makefile", "film.thm", "table.csv"]
