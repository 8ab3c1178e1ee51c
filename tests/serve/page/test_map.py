"""The map of a collection."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.serve.page.browsing import (
    COUNT,
    PHONE,
    Fingers,
    Open,
    ask,
    draw_around_all,
    enter,
    keep,
    playwright,
    told,
    until,
)


@pytest.fixture
def on_map(open_page: Open) -> Open:
    """Opens the page, and enters its map."""

    def ready(**options: Any) -> Any:
        page = open_page(**options)
        enter(page, "map")
        page.wait_for_selector("#map-room .legend span")
        return page

    return ready


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


def test_hits_and_what_a_line_encloses(on_map: Open, url: str) -> None:
    page = on_map()
    ask(page, "horse")
    asked = httpx.post(
        f"{url}/api/collections/library/search", json={"query": "horse", "k": COUNT}, timeout=60
    )
    likely = [hit for hit in asked.json()["hits"] if hit["probability"] >= 0.5]
    assert likely
    words = "1 hit is likely" if len(likely) == 1 else f"{len(likely)} hits are likely"
    playwright.expect(page.locator(".told-map")).to_contain_text(words)
    page.wait_for_url("**/#q=horse&room=map")  # when typing rests
    draw_around_all(page)
    playwright.expect(page.locator(".selected strong")).to_have_text(f"{COUNT} chosen")
    keep(page, "map")
    with page.expect_response("**/search") as answered:
        page.click("text=More like these")
    parts = answered.value.request.post_data_json["parts"]
    assert answered.value.ok
    assert len({part["item"] for part in parts}) == len(parts) == COUNT
    assert sum(part["weight"] for part in parts) == pytest.approx(1)
    page.click("text=Show as a grid")
    told(page, f"{COUNT} items")
    assert page.locator(".cell").first.get_attribute("aria-setsize") == str(COUNT)


def test_points_and_dots(open_page: Open) -> None:
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


@pytest.mark.slow
def test_map_by_two_fingers(on_map: Open) -> None:
    page = on_map(viewport=PHONE, has_touch=True)
    page.evaluate("document.querySelector('.listed').open = true")
    page.wait_for_selector("#map-room .listed li")
    seen = page.locator("#map-room .listed li")
    assert seen.count() == COUNT
    box = page.locator("#map-room canvas").bounding_box()
    Fingers(page).pinch(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 320)
    until(page, f"document.querySelectorAll('.listed li').length < {COUNT}")
    keep(page, "phone-map")
    assert page.locator("#view[open]").count() == 0  # it was no click
    page.click("#map-room [aria-label='Show all']")
    until(page, f"document.querySelectorAll('.listed li').length === {COUNT}")


@pytest.mark.slow
def test_while_the_map_is_made(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/map", lambda route: held.append(route))
    enter(page, "map")
    page.wait_for_selector("#map-room .making:visible")
    assert page.inner_text("#map-room .told-map") == "The map is being made …"
    held[0].continue_()
    page.wait_for_selector("#map-room .making", state="hidden")
    page.wait_for_selector("#map-room .legend span")
