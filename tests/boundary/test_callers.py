"""Whoever reads files passes over the one in which a library fails, names it, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection, load_encoder
from sensorium.collection.duplicates import confirming
from sensorium.data.encoding import encode_examples
from sensorium.errors import MediaError
from sensorium.media.isolation import WITHOUT
from sensorium.media.pictures import portable
from tests.boundary.faults import FAULTS, Site, failing_library, fault, sites
from tests.boundary.seeds import write_seed
from tests.boundary.test_readers import read
from tests.cli.conftest import Shell
from tests.cli.conftest import run as run  # a fixture
from tests.media.small_pictures import encode, red_blue

BAD = {
    "a.pfm": "media/pictures/portable.py",
    "a.pdf": "media/documents/pdf.py",
    "a.stl": "media/objects/geometry/stl.py",
    "a.docx": "media/documents/packed/package.py",
    "a.wav": "media/tracks/soundfiles.py",
    "film.mp4": "media/tracks/containers.py",
}
"""Seeds, and a module that reads them and no other file here: pictures are PNG."""

SAID = {"MemoryError": "memory", "RecursionError": "nested too deeply", "unknown": "by a library"}

Callers = dict[str, Callable[..., Shell]]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults are put into this process, and readers run in it."""
    monkeypatch.setenv(WITHOUT, "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder per class, of which one file will fail, and a table of them."""
    rows = ["path,caption,label"]
    for number, label in enumerate(("red", "blue") * 3):
        place = tmp_path / "classes" / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(encode(red_blue((40 + number, 40)), "PNG"))
        rows.append(f"classes/{label}/{number}.png,a {label} square {number},{label}")
    bad = write_seed(tmp_path / "classes" / "red", "a.pfm")
    rows.append("classes/red/a.pfm,a bad one,red")
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    assert read(bad)
    return tmp_path


def place_of(path: Path, module: str) -> Site:
    """The first call of a library in a module, while a file is read."""
    assert read(path)
    return next(site for site in sites(lambda: read(path)) if site[0] == module)


@contextmanager
def failing(path: Path, kind: str) -> Iterator[None]:
    site = place_of(path, BAD[path.name])
    with fault(site, FAULTS[kind]) as raised:
        yield
    assert raised, site


def indexed(folder: Path, tiny: Path) -> Path:
    with Collection(folder / "c.sensorium", tiny) as library:
        assert library.add(folder / "classes").added == 7
    return folder / "c.sensorium"


def require_named(done: Shell, code: int, said: str) -> None:
    assert done.code == code, done
    assert "a.pfm" in done.err and said in done.err, done
    assert "Traceback" not in done.err


QUICK = {
    ("a.pfm", "MemoryError"), ("a.pdf", "RecursionError"), ("search by it", "MemoryError"),
    ("reembed", "RecursionError"), ("classify", "MemoryError"), ("read", "MemoryError"),
}  # fmt: skip
"""What is tried each time; the slow tests try all."""


def each(names: Iterable[str]) -> list[Any]:
    return [
        pytest.param(name, kind, marks=[] if (name, kind) in QUICK else pytest.mark.slow)
        for name in names
        for kind in SAID
    ]


@pytest.mark.parametrize(("name", "kind"), each(BAD))
def test_adding(run: Any, tiny: Path, tmp_path: Path, name: str, kind: str) -> None:
    if name in ("a.wav", "film.mp4"):
        pytest.importorskip("av")
    (tmp_path / "folder").mkdir()
    for number in range(3):
        picture = encode(red_blue((40 + number, 40)), "PNG")
        (tmp_path / "folder" / f"{number}.png").write_bytes(picture)
    bad = write_seed(tmp_path / "folder", name)
    with failing(bad, kind):
        done = run("index", tmp_path / "folder", "-c", tmp_path / "c", "--encoder", tiny)
    assert (done.code, "3 added, 1 skipped" in done.out) == (1, True), done
    assert name in done.err and SAID[kind] in done.err, done.err


COMMANDS: dict[str, tuple[int, Callable[[Path, Path, Path], list[Any]]]] = {
    "search by it": (
        3, lambda f, t, o: ["search", f / "classes" / "red" / "a.pfm", "-c", f / "c.sensorium"],
    ),
    "reembed": (1, lambda f, t, o: ["reembed", "-c", f / "c.sensorium", "--encoder", o]),
    "sheet": (
        0, lambda f, t, o: ["search", "a", "-c", f / "c.sensorium", "--sheet", f / "s.png"],
    ),
    "classify": (
        1, lambda f, t, o: ["classify", f / "classes", "--labels", "cat,dog", "--encoder", t],
    ),
    "one label": (
        1, lambda f, t, o: ["classify", f / "classes", "--labels", "cat", "--encoder", t],
    ),
    "train classifier": (
        1, lambda f, t, o: ["train", "classifier", f / "classes", "--encoder", t, "-o", f / "k"],
    ),
    "evaluate classes": (
        1, lambda f, t, o: ["evaluate", f / "classes", "--encoder", t, "--out", f / "e"],
    ),
    "evaluate pairs": (
        1, lambda f, t, o: ["evaluate", f / "pairs.csv", "--encoder", t, "--out", f / "e"],
    ),
}  # fmt: skip
"""Exit codes and commands, given the folder and two encoders."""


@pytest.mark.parametrize(("name", "kind"), each(COMMANDS))
def test_commands(
    run: Any, folder: Path, tiny: Path, other_tiny: Path, name: str, kind: str
) -> None:
    if name.startswith(("train", "evaluate")):
        pytest.importorskip("scipy")
    code, line = COMMANDS[name]
    indexed(folder, tiny)
    with failing_library(portable, "np", FAULTS[kind]):
        done = run(*line(folder, tiny, other_tiny))
    require_named(done, code, SAID[kind])


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAID)
def test_captioning(run: Any, folder: Path, kind: str) -> None:
    for library in ("torch", "transformers"):
        pytest.importorskip(library)
    model = Path(__file__).parents[1] / "kept" / "captioner"
    with failing_library(portable, "np", FAULTS[kind]):
        done = run("caption", model, folder / "classes")
    require_named(done, 1, SAID[kind])


@pytest.mark.parametrize("kind", SAID)
def test_in_python(folder: Path, tiny: Path, kind: str) -> None:
    bad = folder / "classes" / "red" / "a.pfm"
    good = folder / "classes" / "red" / "0.png"
    encoder = load_encoder(tiny)
    with failing(bad, kind), pytest.raises(MediaError, match=SAID[kind]):
        encoder.encode([bad, good])
    with failing(bad, kind):
        found = encode_examples(encoder, [good, bad, good])
    assert found.rows == [0, 2] and SAID[kind] in found.reasons[1]


@pytest.mark.parametrize("kind", SAID)
def test_what_compares_pixels(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It keeps what it cannot read: no copy, nothing to delete."""

    def fails(*_: Any) -> Any:
        raise FAULTS[kind]()

    paths = [str(folder / "classes" / "red" / "0.png")] * 2
    pairs, cosines = np.array([[0, 1]]), np.ones(1, np.float32)
    assert confirming.Copies(paths, [], confirming.Thumbnails(paths)).agree(pairs, cosines).all()
    for name in ("map_of", "read_pixels", "copies_among"):
        with monkeypatch.context() as changes:
            changes.setattr(confirming, name, fails)
            thumbnails = confirming.Thumbnails(paths)
            found = confirming.Copies(paths, [], thumbnails).agree(pairs, cosines)
            assert not found.any() or name == "map_of"


@pytest.mark.parametrize(("name", "kind"), each(["read"]))
def test_what_reads_words(folder: Path, tiny: Path, name: str, kind: str) -> None:
    """Speech and writing: a reader that fails on a file costs that file."""
    from sensorium.collection.adding import add_files
    from sensorium.collection.opening import open_store
    from sensorium.encoders.reading import Extraction
    from sensorium.tasks.reading import WritingReader

    pytest.importorskip("rapidocr")

    class Engine:
        calls = 0

        def __call__(self, pixels: Any, **_: Any) -> Any:
            Engine.calls += 1
            if Engine.calls == 2:
                raise FAULTS[kind]()
            return None

    reader = WritingReader()
    reader.__dict__["_engine"] = Engine()
    store = open_store(folder / "words.sensorium", create=True)
    report = add_files(
        store, load_encoder(tiny), [folder / "classes"], encoder_name=str(tiny), batch_size=4,
        extraction=Extraction(writing=reader),
    )  # fmt: skip
    store.close()
    assert Engine.calls > 2 and report.added == 6
    assert [SAID[kind] in one.reason for one in report.skipped] == [True]


def test_no_error_is_no_error(run: Any, folder: Path, tiny: Path) -> None:
    """So that what is asserted above comes from the faults."""
    assert run("classify", folder / "classes", "--labels", "a,b", "--encoder", tiny).code == 0
    assert np.isfinite(load_encoder(tiny).encode([folder / "classes" / "red" / "a.pfm"])).all()
