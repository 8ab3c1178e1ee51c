"""A library of photos, one server and one browser for all tests of the page.

`SENSORIUM_SCREENSHOTS=FOLDER` keeps pictures of its rooms there, and of each page of a test that
failed; without it, these stay in the folder that pytest makes for the test.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from sensorium import Collection
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import CHROMIUM, COUNT, KEPT, MARKUP, SIZE, Open, playwright

from sensorium.serve.settings import Settings  # isort: skip

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    lacks = pytest.mark.skip(reason="Debian's chromium is not installed")
    for item in items:
        if CHROMIUM is None and here in item.path.parents:
            item.add_marker(lacks)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    photos = folder / "photos"
    photos.mkdir()
    lines = []
    for n, photo in enumerate(sorted(SAMPLE.glob("x_*.jpg"))[:COUNT]):
        name = f"{MARKUP}.jpg" if n == 0 else photo.name
        shutil.copy(photo, photos / name)
        line = {
            "path": f"photos/{name}",
            "caption": f"{MARKUP} {n}",
            "taken": f"2024-{n % 12 + 1:02}",
            "latitude": 40 + n / 10,
            "longitude": 10 - n / 10,
        }
        lines.append(json.dumps(line))
    (folder / "photos.jsonl").write_text("\n".join(lines))
    path = folder / "library.sensorium"
    with Collection(path) as collection:
        assert collection.add(folder / "photos.jsonl").added == COUNT
    return path


@pytest.fixture(scope="package")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three scenes, a photo in a panorama, a text, a PDF, an object and a sound.

    The PDF's second page has a photo in the lower half.
    """
    trimesh = pytest.importorskip("trimesh")
    recordings = pytest.importorskip("tests.media.recordings", reason="extra `media`")
    from tests.media.pdfs import Pdf, lines

    folder = tmp_path_factory.mktemp("mixed")
    scenes = [PIL.Image.open(SAMPLE / f"x_{name}.jpg") for name in ("horse", "chicken", "koala")]
    recordings.write_video(folder / "film.mp4", scenes, seconds=3, sound=recordings.tone(9))
    wide = PIL.Image.new("RGB", (1800, 300), "teal")
    with PIL.Image.open(SAMPLE / "x_brandenburgGate.jpg") as gate:
        wide.paste(gate.resize((400, 300)), (1400, 0))
    wide.save(folder / "wide.png")
    (folder / "notes.md").write_text("# Bells\n\nBells ring in the tower of a church.\n", "utf-8")
    report = Pdf()
    report.page(lines("The price of potatoes."))
    with PIL.Image.open(SAMPLE / "x_eiffelTower.jpg") as tower:
        drawn = f"q 300 0 0 225 200 100 cm /Tower Do Q {lines('What was seen.')}"
        report.page(drawn, {"Tower": report.picture(tower.convert("RGB"))})
    (folder / "report.pdf").write_bytes(report.content())
    (folder / "tone.wav").write_bytes(recordings.encode_sound(recordings.tone(12), "wav"))
    trimesh.creation.torus(1, 0.3, 24, 12).export(folder / "ring.stl")
    path = folder / "mixed.sensorium"
    with Collection(path) as collection, pytest.MonkeyPatch.context() as changes:
        changes.setattr("sensorium.collection.collection.extraction_of", _told)
        report = collection.add(folder, speech=True)
    assert not report.skipped
    return path


def _told(*_: Any) -> Any:
    """Stands for a speech model: what is said from the fourth second on of any recording."""
    from sensorium.encoders.reading import Extraction
    from sensorium.media import Segment, Text

    class Stenographer:
        name = "stenographer"

        def segments(self, sound: Any, journal: object = None) -> Iterator[Segment]:
            details = {"source": "speech", "language": "en"}
            yield Segment(Text("a walk along the old harbour"), (4.0, 8.0), details)

    return Extraction(speech=Stenographer())  # type: ignore[arg-type]


@pytest.fixture(scope="package")
def url(library: Path, mixed: Path) -> Iterator[str]:
    with Live(Settings({"library": library, "mixed": mixed})) as address:
        yield address


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        fakes = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *fakes]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def usual(browser: Any) -> Any:
    """Somebody who looks at the page again and again, and has its pictures already."""
    return browser.new_context(viewport=SIZE)


@pytest.fixture
def open_page(
    browser: Any, usual: Any, url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Open]:
    """Opens the page; whatever a test does, it says no error and asks nobody else."""
    faults: list[str] = []
    pages: list[Any] = []
    contexts: list[Any] = []

    def ready(
        fragment: str = "", faulty: bool = False, url: str = url, wait: bool = True, **options: Any
    ) -> Any:
        context = usual
        if options:
            context = browser.new_context(**{"viewport": SIZE, **options})
            contexts.append(context)
        page = context.new_page()
        pages.append(page)
        if not faulty:
            page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda asked: asked.url.startswith((url, "blob:", "data:")) or faults.append(asked.url),
        )
        page.goto(url + fragment)
        if wait:
            page.wait_for_selector(".hit img.shown")
        return page

    yield ready
    if faults or request.node.stash.get(FAILED, False):
        for n, page in enumerate(one for one in pages if not one.is_closed()):
            path = (Path(KEPT) if KEPT else tmp_path) / f"{request.node.name}-{n}.png"
            page.screenshot(path=path)
            print(f"the page as it was in the end: {path}")
    for one in [*pages, *contexts]:
        one.close()
    assert not faults
