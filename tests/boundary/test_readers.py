"""Every call of a library in every reader of media may fail with anything: it costs the file.

Readers are found by walking the modules of ``media/``: one that no seed leads into fails a test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from sensorium.errors import MediaError
from sensorium.media import Audio, Image, Mesh, open_media
from sensorium.media.isolation import WITHOUT
from tests.boundary.faults import FAULTS, ROOT, Site, fault, sites
from tests.boundary.seeds import MAKERS, write_seed

pytest.importorskip("av")
pytest.importorskip("pypdfium2")

NOT_READERS = {
    "media/fetching.py",  # tests/media/test_fetching.py
    "media/given.py",  # arrays and tensors of callers
    "media/isolation.py", "media/messages.py", "media/worker.py",  # tests/media/test_isolation.py
    "media/lettering.py",  # writes
    "media/pictures/alike.py", "media/pictures/aligning.py", "media/pictures/levels.py",  # of what
    "media/pictures/placing.py", "media/pictures/parts.py",  # has been read
    "media/pictures/copies.py",  # tests/boundary/test_callers.py
    "media/progress.py", "media/segments.py", "media/skipped.py",
    "media/spending.py",  # tests/media/test_isolation.py
    "media/tracks/alike.py", "media/tracks/abreast.py",  # of what has been read
    "media/unread.py",  # the beginning alone: tests/media/test_unread.py
    "media/spooling.py",  # what is in memory, for a process: tests/media/tracks/test_door.py
}  # fmt: skip

SEGMENTS = 4
"""Of one file that are decoded: each is decoded as the others are."""

QUICK = ("all.png", "pages.tif", "a.wav", "a.docx", "a.pdf", "a.stl")

FEW = 5
"""Places in reading each of these that are tried each time; the slow test tries all, of all seeds,
with every fault."""


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Faults are put into this process, and readers run in it."""
    with pytest.MonkeyPatch.context() as changes:
        changes.setenv(WITHOUT, "0")
        yield


def read(path: Path) -> int:
    """Do all that indexing does with a file, and count what it gave."""
    media = open_media(path)
    count = len(media.metadata())
    if isinstance(media, Mesh):  # looked at once, from near
        return count + media.view(0, 0, 24).width
    for segment in islice(media.segments(), SEGMENTS):
        count += 1
        inner: Any = segment.media
        if isinstance(inner, Image):
            inner.load(min_side=48)
        elif isinstance(inner, Audio):
            inner.load(8000)
    return count


def require_boundary(path: Path, site: Site, kind: str) -> None:
    """Nothing but a named error comes out, and the next reading is as ever."""
    with fault(site, FAULTS[kind]) as raised:
        try:
            read(path)
        except MediaError as error:
            assert error.reason.isprintable() and len(error.reason) < 400, (site, kind)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} passed {site}") from error
    assert raised, f"{site} was not met"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeds")


def test_every_reader_has_a_seed(folder: Path) -> None:
    ran: set[str] = set()

    def run(frame: Any, event: str, argument: object) -> None:
        if event == "call":
            ran.add(frame.f_code.co_filename)

    paths = [write_seed(folder, name) for name in MAKERS]
    before = sys.getprofile()
    sys.setprofile(run)
    try:
        for path in paths:
            read(path)
    finally:
        sys.setprofile(before)
    modules = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "media").rglob("*.py")
        if "def " in path.read_text("utf-8")
    }
    missing = {name for name in modules if str(ROOT / name) not in ran}
    assert missing <= NOT_READERS, missing - NOT_READERS


def require_boundaries(path: Path, places: list[Site], kinds: list[str]) -> None:
    """`kinds` are taken in turn."""
    turns = cycle(kinds)
    for site in places:
        require_boundary(path, site, next(turns))
    assert read(path)


@pytest.mark.parametrize("name", QUICK)
def test_a_library_that_fails_costs_the_file(folder: Path, name: str) -> None:
    path = write_seed(folder, name)
    assert read(path)  # what is loaded once is loaded
    places = sites(lambda: read(path))
    assert len(places) > FEW  # so the profiler sees what it is to see
    require_boundaries(path, places[:: len(places) // FEW], [*FAULTS])
    for site in places[:2]:
        with pytest.raises(KeyboardInterrupt), fault(site, KeyboardInterrupt):
            read(path)


@pytest.fixture(scope="module")
def first_met(folder: Path) -> dict[str, list[Site]]:
    """Each place at which a library is called, with the first seed that leads there."""
    known: set[Site] = set()
    found: dict[str, list[Site]] = {}
    for name in MAKERS:
        path = write_seed(folder, name)
        assert read(path)
        met = sites(lambda path=path: read(path))
        found[name] = [site for site in met if site not in known]
        known.update(met)
    assert len(known) > 500
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_whatever_a_library_raises_costs_the_file(
    folder: Path, first_met: dict[str, list[Site]], name: str
) -> None:
    path = write_seed(folder, name)
    for site in first_met[name]:
        require_boundaries(path, [site] * len(FAULTS), [*FAULTS])
