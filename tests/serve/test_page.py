"""The page, in a real browser over a real server."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.home import sensorium_home
from sensorium.packages import FetchError, Package, bring
from tests.serve.conftest import SAMPLE, Live

playwright = pytest.importorskip("playwright.sync_api", reason="extra `test` is not installed")

from sensorium.serve.settings import Settings, digest_of  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")

AXE = Package(
    "npm", "axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
    folders=("axe.min.js",),
)  # fmt: skip
"""Finds what keeps people from using a page (MPL 2.0; fetched, never shipped)."""

COUNT = 24
"""Photos that the page shows, two of each month of a year."""

SIZE = {"width": 900, "height": 600}

MARKUP = "<img src=x onerror=hacked=1>"
"""What would run, were it shown as a page."""

Open = Callable[..., Any]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def url(library: Path) -> Iterator[str]:
    with Live(Settings({"library": library})) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        fakes = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *fakes]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def usual(browser: Any) -> Any:
    """Somebody who looks at the page again and again, and has its pictures already."""
    return browser.new_context(viewport=SIZE)


@pytest.fixture
def open_page(browser: Any, usual: Any, url: str) -> Iterator[Open]:
    """Opens the page; whatever a test does, it says no error and asks nobody else."""
    faults: list[str] = []
    opened = []

    def ready(
        fragment: str = "", faulty: bool = False, url: str = url, wait: bool = True, **options: Any
    ) -> Any:
        context = browser.new_context(viewport=SIZE, **options) if options else usual
        page = context.new_page()
        opened.append(context if options else page)
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
    for one in opened:
        one.close()
    assert not faults


def ask(page: Any, words: str) -> None:
    page.fill("#words", words)
    page.wait_for_selector(f'#grid[data-asked="{words}"]', state="attached")


def label(page: Any, place: int) -> str:
    said: str = page.get_attribute(f'.cell[aria-posinset="{place}"] .hit', "aria-label")
    return said


def told(page: Any, words: str) -> None:
    playwright.expect(page.locator("#told")).to_have_text(words)


def drop(page: Any, photo: Path) -> None:
    page.evaluate(
        """([bytes, name]) => {
          const held = new DataTransfer();
          const raw = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
          held.items.add(new File([raw], name, { type: "image/jpeg" }));
          for (const kind of ["dragover", "drop"]) {
            const options = { dataTransfer: held, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent(kind, options));
          }
        }""",
        [base64.b64encode(photo.read_bytes()).decode(), photo.name],
    )


def test_everything_is_there_to_be_looked_at(open_page: Open) -> None:
    page = open_page()
    assert page.inner_text("#told") == f"{COUNT} items"
    assert page.locator(".cell").count() > 10
    assert page.get_attribute(".cell", "aria-setsize") == str(COUNT)


def test_words(open_page: Open, library: Path) -> None:
    page = open_page()
    ask(page, "a camel in the desert")
    with Collection(library) as collection:
        hits = collection.search("a camel in the desert", 3)
    for place, hit in enumerate(hits, 1):
        assert label(page, place).startswith(f"{Path(hit.path).name}, Picture, ")
    assert hits[0].probability is not None
    assert f"{hits[0].probability:.0%} likely" in label(page, 1)
    page.fill("#words", "")
    page.wait_for_selector('#grid[data-asked=""]')
    assert page.inner_text("#told") == f"{COUNT} items"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("a dog")  # before anything has the focus
    assert page.input_value("#words") == "a dog"


def test_words_alone(open_page: Open) -> None:
    page = open_page()
    page.check("[name=mode][value=words]")
    ask(page, "brandenburgGate")
    assert label(page, 1).startswith("x_brandenburgGate.jpg")
    assert page.locator(".cell").count() == 1
    ask(page, "zzzqqq")
    assert page.inner_text("#told") == "No item holds these words."


@pytest.mark.slow
def test_what_is_gone_and_what_is_empty(open_page: Open, tmp_path: Path) -> None:
    photo = tmp_path / "here.jpg"
    shutil.copy(next(SAMPLE.glob("x_*.jpg")), photo)
    paths = {"gone": tmp_path / "gone.sensorium", "empty": tmp_path / "empty.sensorium"}
    with Collection(paths["gone"]) as gone, Collection(paths["empty"], "mini"):
        gone.add(photo)
    photo.unlink()
    with Live(Settings(paths)) as url:
        page = open_page(url=url, faulty=True, wait=False)
        page.wait_for_selector('.hit.worded[aria-label^="here.jpg"]')
        page.click(".hit")
        assert page.inner_text("#view .side > .error:visible") == "The file is gone."
        page.keyboard.press("Escape")
        page.select_option("#collections", "empty")
        told(page, "This collection holds nothing yet.")
        page.close()


def test_only_the_last_question_is_shown(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/search", lambda route: held.append(route))
    page.fill("#words", "horse")
    page.wait_for_timeout(150)
    page.unroute("**/search")
    ask(page, "camel")
    best = label(page, 1)
    assert len(held) == 1
    with pytest.raises(playwright.Error):  # it was given up
        held[0].fetch()
        held[0].fulfill(json={"hits": [], "nothing_matches": True, "judgements": {}})
    assert label(page, 1) == best


def test_dropped_picture(open_page: Open) -> None:
    page = open_page()
    photo = sorted(SAMPLE.glob("x_*.jpg"))[7]
    with page.expect_response("**/search"):
        drop(page, photo)
    page.wait_for_selector(f'[aria-posinset="1"] .hit[aria-label^="{photo.name}"]')
    assert page.inner_text(".chip .name") == photo.name


def test_several_parts(open_page: Open) -> None:
    page = open_page()
    ask(page, "an animal")
    page.click("#add-part")
    ask(page, "snow")
    with page.expect_request("**/search") as asked:
        page.click(".chip .sign")
    assert asked.value.post_data_json["parts"] == [
        {"text": "snow", "weight": 1}, {"text": "an animal", "weight": -1},
    ]  # fmt: skip
    with page.expect_response("**/search") as answered:
        page.click(".chip .weight")
    assert answered.value.request.post_data_json["parts"][1] == {"text": "an animal", "weight": -2}
    assert answered.value.ok
    page.focus("#words")
    page.fill("#words", "")
    with page.expect_response("**/items?*"):
        page.keyboard.press("Backspace")
    page.wait_for_selector("#chips", state="hidden")


@pytest.mark.slow
def test_more_like_a_hit_and_not_like_it(open_page: Open) -> None:
    page = open_page()
    ask(page, "horse")
    page.click('[aria-posinset="2"] .hit')
    with page.expect_response("**/search") as answered:
        page.click("text=Not like this")
    first, second = answered.value.request.post_data_json["parts"]
    assert first == {"text": "horse", "weight": 1}
    assert second["weight"] == -1 and answered.value.ok
    page.click('[aria-posinset="1"] .hit')
    with page.expect_response("**/search") as answered:
        page.click("text=More like this")
    (only,) = answered.value.request.post_data_json["parts"]
    assert only["weight"] == 1
    assert answered.value.json()["hits"][0]["id"] == only["item"]


def test_hits_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("horse")
    page.wait_for_selector('#grid[data-asked="horse"]')
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#view[open] .large")
    names = [label(page, place).split(",")[0] for place in (1, 2, 3)]
    assert page.inner_text("#view-name") == names[1]
    page.keyboard.press("ArrowRight")
    playwright.expect(page.locator("#view-name")).to_have_text(names[2])
    page.keyboard.press("Escape")
    page.wait_for_selector("#view", state="hidden")
    assert page.evaluate("document.activeElement.parentElement.ariaPosInSet") == "3"


def test_judging(open_page: Open, library: Path) -> None:
    page = open_page()
    ask(page, "a bird")
    best = label(page, 1).split(",")[0]
    page.click('[aria-posinset="1"] .hit')
    with page.expect_response("**/judge"):
        page.click("#view >> text=Wrong")
    page.wait_for_selector('#view [data-act="no"][aria-pressed="true"]')
    assert page.inner_text("#view-name") == best
    with Collection(library) as collection:
        found = collection.search("a bird", COUNT)
        assert [hit.id for hit in found if found.judgements.get(hit.id) is False] == [found[0].id]
    page.keyboard.press("Escape")
    assert "The order follows what you judged." in page.inner_text("#told")
    assert label(page, 1).split(",")[0] != best


@pytest.mark.slow
def test_why_a_hit_was_found(open_page: Open) -> None:
    page = open_page()
    ask(page, "a camel")
    page.click('[aria-posinset="1"] .hit')
    page.click("text=Why this hit?")
    page.wait_for_selector(".overlay", timeout=60_000)
    warmth = page.evaluate(
        """(() => {
          const canvas = document.querySelector(".overlay");
          const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let most = 0;
          for (let n = 0; n < all.length; n += 4) {
            if (all[n] > all[n + 2]) most = Math.max(most, all[n + 3]);
          }
          return most;
        })()"""
    )
    assert warmth > 100
    over = page.locator(".overlay").bounding_box()
    assert over == pytest.approx(page.locator("#view .large").bounding_box(), abs=1)
    page.click("text=Why this hit?")
    page.wait_for_selector(".overlay", state="detached")
    page.click("text=More like this")
    page.wait_for_selector(".chip")
    ask(page, "sand")
    page.click('[aria-posinset="1"] .hit')
    page.click("text=Why this hit?")
    page.wait_for_selector(".overlay", timeout=60_000)
    assert page.locator(".shares li span").first.inner_text() == "sand"
    assert page.locator(".shares li").count() == 2


def test_where_nothing_matches(open_page: Open) -> None:
    page = open_page()
    ask(page, "asdkjh qwe zxc")
    assert page.inner_text("#told") == "Nothing matches. These are merely the nearest."
    assert page.locator(".line").count() == 0
    ask(page, "horse")
    assert page.inner_text(".line").startswith("From here on, no hit is likely")
    above = page.evaluate(
        """[...document.querySelectorAll(".cell")].filter((cell) => cell.getBoundingClientRect().top
        > document.querySelector(".line").getBoundingClientRect().top)
        .map((cell) => cell.hit.probability)"""
    )
    assert above and max(above) < 0.05


@pytest.mark.slow
def test_filters(open_page: Open) -> None:
    page = open_page(faulty=True)
    page.click("#filtering")
    page.fill("#where", "taken >= '2024-07'")
    told(page, f"12 of {COUNT} items")
    page.fill("#where", "taken >= (")
    page.wait_for_selector("#where-error:visible")
    assert "is not a SQL expression" in page.inner_text("#where-error")
    page.fill("#where", "")
    page.fill("#until", "2024-01-31")
    told(page, f"2 of {COUNT} items")


@pytest.mark.slow
def test_order_and_months(open_page: Open) -> None:
    page = open_page()
    page.click("#filtering")
    with page.expect_response("**/items?*order=-taken"):
        page.select_option("#order", "-taken")
    page.click('.bars button[aria-label="March 2024: 2 items"]')
    told(page, f"2 of {COUNT} items")
    assert page.input_value("#from") == "2024-03-01"
    page.click('.bars button[aria-label="March 2024: 2 items"]')
    told(page, f"{COUNT} items")


def test_places(open_page: Open) -> None:
    page = open_page()
    page.click("#filtering")
    canvas = page.locator(".map")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    # The dots lie on a line from the lower right to the upper left, within the middle half.
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    told(page, f"{COUNT // 2} of {COUNT} items")
    assert page.input_value("#where").startswith("latitude BETWEEN 41.1")


def test_adding(open_page: Open, library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sensorium"
    shutil.copy(library, copy)
    photo = sorted(SAMPLE.glob("x_*.jpg"))[COUNT + 5]
    text = tmp_path / "empty.jpg"
    text.write_bytes(b"no picture")
    with Live(Settings({"copy": copy})) as url:
        page = open_page(url=url)
        page.wait_for_selector("#adding:visible")
        page.set_input_files("#add-files", [photo, text])
        told(page, f"{COUNT + 1} items")
        said = page.inner_text(".job p")
        assert said.startswith("1 file was added. 1 file was left out. empty.jpg: ")
        page.click(".job button")
        assert page.locator(".job").count() == 0
        page.close()
    with Collection(copy) as collection:
        assert len(collection) == COUNT + 1


def test_where_a_token_is_needed(open_page: Open, library: Path) -> None:
    token = "a-token-that-is-long-enough"
    settings = Settings({"library": library}, tokens={digest_of(token): ["read"]})
    with Live(settings) as url:
        page = open_page(url=url, faulty=True, wait=False)
        page.fill("#token", "another-token-of-somebody")
        page.keyboard.press("Enter")
        told_of = page.locator("#login-error")
        playwright.expect(told_of).to_have_text("The server does not know this token.")
        page.fill("#token", token)
        page.keyboard.press("Enter")
        page.wait_for_selector(".hit img.shown")
        assert page.locator("#adding").is_hidden()
        ask(page, "horse")
        page.click('[aria-posinset="1"] .hit')
        page.wait_for_selector("#view >> text=More like this")
        assert page.locator("#view >> text=Wrong").count() == 0
        page.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_fits_a_phone(open_page: Open, language: str) -> None:
    page = open_page(locale=language)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_selector("#adding:visible")
    ends = page.locator(".top button:visible, .top select:visible, .box").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((one) => [one.left, one.right])"
    )
    assert len(ends) >= 5
    assert all(left >= 0 and right <= 360 for left, right in ends)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_chinese(open_page: Open) -> None:
    page = open_page(locale="zh-CN")
    assert page.inner_text("#told") == f"{COUNT} 项"
    assert page.get_attribute("html", "lang") == "zh-CN"
    ask(page, "骆驼")
    assert "图片" in label(page, 1)
    page.click("#language")
    page.wait_for_selector("html[lang=en]", state="attached")
    assert page.get_attribute("#words", "placeholder") == "Search by words, a picture or a sound"
    page.reload()
    page.wait_for_selector(".hit img.shown")
    assert page.inner_text("#language") == "中文"


def test_stored_markup_stays_text(open_page: Open) -> None:
    page = open_page()
    assert label(page, 1).startswith(f"{MARKUP}.jpg")
    page.click('[aria-posinset="1"] .hit')
    page.wait_for_selector("#view .facts")
    assert page.inner_text("#view-name") == f"{MARKUP}.jpg"
    assert f"{MARKUP} 0" in page.inner_text("#view .facts")
    assert page.evaluate("window.hacked") is None
    assert page.locator('img[src="x"]').count() == 0
    page.click("#view >> text=More like this")
    page.wait_for_selector(".chip")
    assert page.inner_text(".chip .name") == f"{MARKUP}.jpg"


def test_of_very_many_few_are_elements(open_page: Open, url: str) -> None:
    page = open_page()
    items = page.request.get(f"{url}/api/collections/library/items").json()["items"]

    def many(route: Any) -> None:
        asked = dict(pair.split("=") for pair in route.request.url.split("?")[1].split("&"))
        first, count = int(asked["offset"]), int(asked["limit"])
        found = [items[n % COUNT] for n in range(first, min(first + count, 100_000))]
        route.fulfill(json={"items": found, "total": 100_000})

    page.route("**/items?*", many)
    page.reload()
    page.wait_for_selector('.cell[aria-setsize="100000"]')
    page.keyboard.press("Tab")
    page.focus('.hit[tabindex="0"]')
    page.keyboard.press("End")
    page.wait_for_selector('.cell[aria-posinset="100000"] img')
    assert page.locator(".cell").count() < 150
    bottom = page.evaluate("document.querySelector('#grid').getBoundingClientRect().bottom")
    assert bottom <= 600
    page.keyboard.press("Home")
    page.wait_for_selector('.cell[aria-posinset="1"] img.shown')
    places = page.locator(".cell").evaluate_all("all => all.map((one) => one.ariaPosInSet)")
    assert places == [str(n + 1) for n in range(len(places))]  # in order, for screen readers


def test_layout(open_page: Open) -> None:
    """Rows fill the width, keep the pictures' shapes, and none lies over another."""
    page = open_page()
    found = page.evaluate(
        """async () => {
          const { Layout, LINE } = await import("/page/layout.js");
          const shapes = Array.from({ length: 1003 }, (_, n) => 0.7 + (n * 7919 % 100) / 80);
          const shape = (n) => shapes[n];
          const layout = new Layout(1000, 1003, 8, 4 / 3);
          const before = layout.full;
          layout.learn([[0, 1003]], shape);
          const rows = Array.from({ length: layout.rows }, (_, row) => ({
            top: layout.top(row), height: layout.height(row), at: layout.rowAt(layout.top(row) + 1),
            across: layout.across(row, shape), cells: layout.cells(row),
          }));
          return { rows, shapes, gap: layout.gap, line: LINE, full: layout.full, before,
                   split: layout.isSplit };
        }"""
    )
    rows, gap = found["rows"], found["gap"]
    assert found["split"]
    assert sum(stop - first for first, stop in (row["cells"] for row in rows)) == 1003
    assert [row["at"] for row in rows] == list(range(len(rows)))
    lines = 0
    for row, after in pairwise(rows):
        room = after["top"] - row["top"] - row["height"]
        assert room == pytest.approx(gap) or room == pytest.approx(gap + found["line"])
        lines += room > gap + 1
        left, width = row["across"][-1]
        assert left + width == pytest.approx(1000)
        for n, (_, width) in enumerate(row["across"]):
            shape = found["shapes"][row["cells"][0] + n]
            assert width / row["height"] == pytest.approx(shape, rel=1e-6)
    assert lines == 1
    assert found["full"] == pytest.approx(rows[-1]["top"] + rows[-1]["height"])


@pytest.mark.slow
def test_sounds_and_texts(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(
        "# Castles\n\nA castle on a hill.\n\n# Bells\n\nBells ring.\n"
    )
    path = tmp_path / "heard.sensorium"
    with Collection(path, "mini+ear") as collection:
        sounds = sorted((SAMPLE.parent / "audio").glob("a_*.ogg"))[:2]
        collection.add(*sounds, tmp_path / "notes.md", *sorted(SAMPLE.glob("x_*.jpg"))[:2])
    with Live(Settings({"heard": path})) as url:
        page = open_page(url=url, permissions=["microphone"])
        ask(page, "a castle on a hill")
        page.click('.hit[aria-label^="notes.md"]')
        playwright.expect(page.locator(".paper .found")).to_contain_text("A castle on a hill.")
        page.keyboard.press("Escape")
        page.fill("#words", "")
        page.click("#record")
        page.wait_for_selector("#record.recording")
        page.wait_for_timeout(500)
        with page.expect_response("**/search") as answered:
            page.click("#record")
        (part,) = answered.value.request.post_data_json["parts"]
        sound = base64.b64decode(part["data"])
        assert sound[:4] == b"RIFF" and sound[8:12] == b"WAVE" and len(sound) > 5000
        assert answered.value.json()["hits"][0]["modality"] == "audio"
        assert page.inner_text(".chip .name") == "recording.wav"
        page.wait_for_selector('[aria-posinset="1"] .hit.worded')
        page.click('[aria-posinset="1"] .hit')
        assert page.evaluate("document.querySelector('#view audio').src").endswith("/media#t=0")
        page.close()


def test_nobody_is_kept_from_it(open_page: Open) -> None:
    try:
        axe = (bring(AXE, sensorium_home()) / "axe.min.js").read_text("utf-8")
    except FetchError as error:
        pytest.skip(str(error))

    def serious(page: Any) -> list[str]:
        found = page.evaluate(axe + "; axe.run()")
        return [
            f"{one['id']}: {one['nodes'][0]['html']}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    page = open_page()
    page.click("#filtering")
    page.wait_for_selector(".map")
    assert not serious(page)
    page.emulate_media(color_scheme="dark")
    page.click("#language")
    ask(page, "horse")
    page.click("#add-part")
    page.wait_for_selector(".chip")
    assert not serious(page)
    page.click('[aria-posinset="1"] .hit')
    page.wait_for_selector("#view .large")
    assert not serious(page)
    page.evaluate("localStorage.clear()")
