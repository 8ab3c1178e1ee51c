"""The page's map of a collection, in a real browser over a real server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.test_page import (  # noqa: F401 - fixtures
    COUNT,
    Open,
    browser,
    library,
    open_page,
    playwright,
    pytestmark,
    told,
    url,
    usual,
)


@pytest.fixture
def on_map(open_page: Open) -> Open:  # noqa: F811
    """Opens the page, and enters its map."""

    def ready(**options: Any) -> Any:
        page = open_page(**options)
        page.click("#rooms >> nth=0 >> label >> nth=1")
        page.wait_for_selector("#map-room .legend span")
        return page

    return ready


def around_all(page: Any) -> None:
    """Draw a line around the whole map."""
    box = page.locator("#map-room canvas").bounding_box()
    left, top = box["x"] + 5, box["y"] + 5
    right, bottom = box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y)
    page.mouse.up()
    page.keyboard.up("Shift")


@pytest.mark.slow
def test_map_by_keyboard(on_map: Open) -> None:
    page = on_map()
    canvas = page.locator("#map-room canvas")
    assert canvas.get_attribute("aria-label") == f"Map of {COUNT} items, like beside like"
    canvas.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator("#map-room .tip:visible strong")
    first = tip.inner_text()
    playwright.expect(page.locator(".told-map")).to_contain_text(f"{first}, Picture")
    page.keyboard.press("+")
    for key in ("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    playwright.expect(tip).not_to_be_empty()
    name = tip.inner_text()
    page.keyboard.press(" ")
    playwright.expect(page.locator(".selected strong")).to_have_text("1 chosen")
    page.keyboard.press("Enter")
    page.wait_for_selector("#view[open] .large")
    assert page.inner_text("#view-name") == name
    page.keyboard.press("Escape")
    page.wait_for_selector("#view", state="hidden")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    page.click("#map-room summary")
    page.locator("#map-room .listed input").first.wait_for()
    chosen = page.locator("#map-room .listed input:checked")
    assert chosen.count() == 1
    assert chosen.get_attribute("aria-label") == f"Choose {name}"
    chosen.uncheck()
    page.wait_for_selector(".selected", state="hidden")


def test_hits_and_what_a_line_encloses(on_map: Open, url: str) -> None:  # noqa: F811
    page = on_map()
    page.fill("#words", "horse")
    page.wait_for_selector('#grid[data-asked="horse"]', state="attached")
    asked = httpx.post(
        f"{url}/api/collections/library/search", json={"query": "horse", "k": COUNT}, timeout=60
    )
    likely = [hit for hit in asked.json()["hits"] if hit["probability"] >= 0.5]
    assert likely
    words = "1 hit is likely" if len(likely) == 1 else f"{len(likely)} hits are likely"
    playwright.expect(page.locator(".told-map")).to_contain_text(words)
    assert page.url.endswith("#q=horse&room=map")
    around_all(page)
    playwright.expect(page.locator(".selected strong")).to_have_text(f"{COUNT} chosen")
    with page.expect_response("**/search") as answered:
        page.click("text=More like these")
    parts = answered.value.request.post_data_json["parts"]
    assert answered.value.ok
    assert len({part["item"] for part in parts}) == len(parts) == COUNT
    assert sum(part["weight"] for part in parts) == pytest.approx(1)
    page.click("text=Show as a grid")
    told(page, f"{COUNT} items")
    assert page.locator(".cell").first.get_attribute("aria-setsize") == str(COUNT)


def test_points_and_dots(open_page: Open) -> None:  # noqa: F811
    """Points are found as by looking at all; a moved picture is the one that is drawn anew."""
    page = open_page()
    found = page.evaluate(
        """async () => {
          const { Camera, Plane } = await import("/page/map/plane.js");
          const { Dots } = await import("/page/map/dots.js");
          let seed = 1;
          const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
          const places = () => Float32Array.from({ length: 5000 }, () => random() * 2 - 1);
          const plane = new Plane(places(), places());
          const { x, y } = plane;
          const rows = [...x.keys()];
          const wrong = [];
          for (let n = 0; n < 50; n++) {
            const [a, b] = [random() * 2.4 - 1.2, random() * 2.4 - 1.2];
            const far = (row) => Math.hypot(x[row] - a, y[row] - b);
            const best = rows.reduce((one, other) => (far(other) < far(one) ? other : one));
            const nearest = plane.nearest(a, b, 0.1);
            if (nearest !== (far(best) <= 0.1 ? best : -1)) wrong.push(["nearest", a, b]);
            const right = plane.next(n, 1, 0, [-1, -1, 1, 1]);
            if (right >= 0 && x[right] <= x[n]) wrong.push(["next", n, right]);
          }
          const triangle = [-0.9, -0.8, 0.7, -0.5, 0.1, 0.9];
          const side = (row, n) => {
            const [p, q, r, s] = [0, 1, 2, 3].map((k) => triangle[(2 * n + k) % 6]);
            return Math.sign((r - p) * (y[row] - q) - (s - q) * (x[row] - p));
          };
          const inside = rows.filter((row) =>
            side(row, 0) === side(row, 1) && side(row, 1) === side(row, 2));
          const enclosed = plane.inside(triangle).sort((a, b) => a - b);

          const camera = Object.assign(new Camera(), { width: 200, height: 100, scale: 100 });
          const what = {
            plane, colours: new Uint8Array(5000).map((_, n) => 1 + (n % 2)), radius: 2,
            palette: [[0, 0, 0, 0], [200, 0, 0, 1], [0, 0, 250, 0.5]], ground: [9, 8, 7],
          };
          const draw = (dots) => {
            const canvas = new OffscreenCanvas(200, 100);
            const context = canvas.getContext("2d");
            dots.show(context, camera, what, true);
            return context.getImageData(0, 0, 200, 100).data.toString();
          };
          const dots = new Dots();
          draw(dots);
          camera.pan(31, -17);
          const moved = draw(dots);
          const fresh = draw(new Dots());
          camera.pan(200 * 9, 0);
          what.plane = new Plane(new Float32Array([0]), new Float32Array([0]));
          what.colours = new Uint8Array([2]);
          Object.assign(camera, { x: 0, y: 0 });
          const pixels = draw(new Dots()).split(",").map(Number);
          const at = (across, down) => pixels.slice(4 * (down * 200 + across)).slice(0, 4);
          const [middle, corner] = [at(100, 50), at(0, 0)];
          return { wrong, inside, enclosed, same: moved === fresh, middle, corner };
        }"""
    )
    assert not found["wrong"]
    assert found["inside"] == found["enclosed"] and len(found["inside"]) > 500
    assert found["same"]
    assert found["middle"] == [4, 4, 128, 255] and found["corner"] == [9, 8, 7, 255]


def test_classes_by_a_few_examples(on_map: Open, url: str) -> None:  # noqa: F811
    page = on_map()
    around_all(page)
    page.click("text=Give a label")
    playwright.expect(page.locator(".waiting strong")).to_have_text(
        f"Which label do {COUNT} items get?"
    )
    page.click(".waiting >> [aria-label=Cancel]")
    for name in ("animal", "thing"):
        page.fill(".label.new input", name)
        page.keyboard.press("Enter")
    train = page.locator(".lesson .strong")
    assert train.is_disabled()
    tiles = page.locator(".tile")
    for name, places in (("animal", (0, 1)), ("thing", (2, 3))):
        page.check(f'.label:has-text("{name}") input')
        for place in places:
            tiles.nth(place).click()
    assert tiles.nth(0).locator(".unseen").inner_text().endswith("example of animal")
    train.click()
    page.wait_for_selector(".sources [value='=thing']", state="attached")
    api = f"{url}/api/collections/library/classes"
    found = httpx.get(f"{api}/kind/items", params={"label": "thing"}, timeout=60).json()
    assert found["total"] == found["counts"]["thing"] > 0
    said = page.locator(".sources [value='=thing'] + span")
    assert said.inner_text() == f"thing: {found['total']}"
    page.check(".sources [value='=thing']")
    best = page.locator(f'.tile[data-id="{found["items"][0]["id"]}"]')
    best.wait_for()
    assert tiles.first.get_attribute("data-id") == str(found["items"][0]["id"])
    wrong = tiles.last
    corrected = int(wrong.get_attribute("data-id"))
    page.check('.label:has-text("animal") input')
    wrong.click()
    with page.expect_response("**/classes") as taught:
        train.click()
    assert corrected in taught.value.request.post_data_json["labels"]["animal"]
    assert corrected in httpx.get(f"{api}/kind/examples").json()["labels"]["animal"]
    page.goto("about:blank")
    page.goto(f"{url}#room=classes")
    page.select_option(".lesson select", "kind")
    playwright.expect(page.locator('.label:has-text("animal")')).to_contain_text("examples")
    page.on("dialog", lambda asked: asked.accept())
    page.click("text=Forget these classes")
    playwright.expect(page.locator(".lesson option")).to_have_count(1)
    assert httpx.get(api).json()["classes"] == []


@pytest.mark.slow
def test_forgetting_duplicates(open_page: Open, tmp_path: Path) -> None:  # noqa: F811
    photos = tmp_path / "photos"
    photos.mkdir()
    first, second, other = sorted(SAMPLE.glob("x_*.jpg"))[1:4]
    for photo in (first, second, other):
        shutil.copy(photo, photos)
    shutil.copy(first, photos / "again.jpg")
    with PIL.Image.open(second) as opened:
        small = opened.convert("RGB").resize((opened.width // 2, opened.height // 2))
    small.save(photos / "small.jpg", quality=60)
    path = tmp_path / "doubles.sensorium"
    with Collection(path) as collection:
        collection.add(photos)
    files = {file: file.read_bytes() for file in photos.iterdir()}
    with Live(Settings({"doubles": path})) as url:  # noqa: F811
        page = open_page(url=url)
        reads = {"json": {"scopes": ["read"]}, "headers": {"cache-control": "no-store"}}
        page.route("**/api/session", lambda route: route.fulfill(**reads))
        page.goto(f"{url}/?again#room=copies")  # the page as it is without the right to forget
        page.click("#copies-room .strong")
        page.wait_for_selector(".group")
        assert page.locator(".forgetting:visible").count() == 0
        assert page.locator(".group input:enabled").count() == 0
        page.unroute("**/api/session")
        page.goto(f"{url}/?more#room=copies")
        page.click("#copies-room .strong")
        same = page.locator(".group:has(.same)")
        altered = page.locator(".group:has(.altered)")
        playwright.expect(same).to_have_count(1)
        playwright.expect(altered).to_have_count(1)
        dropped = same.locator(".dropped strong").all_inner_texts()
        assert len(dropped) == 1 and dropped[0] in (first.name, "again.jpg")
        assert altered.locator(".dropped").count() == 0
        said: list[str] = []
        answers = iter((False, True))

        def answer(asked: Any) -> None:
            said.append(asked.message)
            if next(answers):
                asked.accept()
            else:
                asked.dismiss()

        page.on("dialog", answer)
        page.click("text=Forget them")
        playwright.expect(page.locator(".forgetting strong")).to_have_text("1 item is not kept")
        assert httpx.get(f"{url}/api/collections/doubles/items").json()["total"] == 5
        page.click("text=Forget them")
        told(page, "4 items")
        assert len(said) == 2 and "No file is deleted" in said[0]
        assert same.count() == 0 and altered.count() == 1
        left = httpx.get(f"{url}/api/collections/doubles/items").json()["items"]
        assert dropped[0] not in [Path(item["path"]).name for item in left]
    assert {file: file.read_bytes() for file in photos.iterdir()} == files
