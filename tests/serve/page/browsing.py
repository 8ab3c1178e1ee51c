"""What somebody who looks at the page does, and what they keep of it."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensorium.home import sensorium_home
from sensorium.packages import FetchError, Package, bring

playwright = pytest.importorskip("playwright.sync_api", reason="extra `test` is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

COUNT = 24
"""Photos that the page shows, two of each month of a year."""

SIZE = {"width": 900, "height": 600}

PHONE = {"width": 390, "height": 844}

MARKUP = "<img src=x onerror=hacked=1>"
"""What would run, were it shown as a page."""

AXE = Package(
    "npm", "axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
    folders=("axe.min.js",),
)  # fmt: skip
"""Finds what keeps people from using a page (MPL 2.0; fetched, never shipped)."""

KEPT = os.environ.get("SENSORIUM_SCREENSHOTS")
"""Folder that pictures of the page are kept in."""

Open = Callable[..., Any]


def keep(page: Any, name: str) -> None:
    """Keep a picture of the page as it is now, where somebody wants them."""
    if KEPT:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(KEPT) / f"{name}.png")


def ask(page: Any, words: str) -> None:
    page.fill("#words", words)
    page.wait_for_selector(f'#grid[data-asked="{words}"]', state="attached")


def label(page: Any, place: int) -> str:
    said: str = page.get_attribute(f'.cell[aria-posinset="{place}"] .hit', "aria-label")
    return said


def told(page: Any, words: str) -> None:
    playwright.expect(page.locator("#told")).to_have_text(words)


def until(page: Any, condition: str, seconds: float = 20) -> None:
    """Wait for a condition; the page's rules forbid Playwright's own way to (`eval`)."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def open_hit(page: Any, place: int) -> None:
    page.click(f'[aria-posinset="{place}"] .hit')
    page.wait_for_selector("#view[open] .facts")


def enter(page: Any, room: str) -> None:
    """Enter the map, the classes, the duplicates or the grid; which are there when items are."""
    page.wait_for_function(
        "room => document.querySelector(`[name=room][value=${room}]`)?.parentElement.offsetParent",
        arg=room,
    )
    page.check(f"[name=room][value={room}]", force=True)


def bring_file(page: Any, path: Path, kind: str, ways: list[str], on: str = "body") -> None:
    """Drop or paste a file: `ways` are the events that tell of it."""
    page.evaluate(
        """([bytes, name, type, ways, on]) => {
          const held = new DataTransfer();
          const raw = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
          held.items.add(new File([raw], name, { type }));
          for (const way of ways) {
            const options = { bubbles: true, cancelable: true };
            const event = way === "paste"
              ? new ClipboardEvent(way, { ...options, clipboardData: held })
              : new DragEvent(way, { ...options, dataTransfer: held });
            document.querySelector(on).dispatchEvent(event);
          }
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, kind, ways, on],
    )


def draw_around_all(page: Any) -> None:
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


class Fingers:
    """Touch a page that was opened with ``has_touch``."""

    def __init__(self, page: Any) -> None:
        self.client = page.context.new_cdp_session(page)

    def _touch(self, kind: str, points: list[tuple[float, float]]) -> None:
        told = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        self.client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})

    def swipe(self, x: float, y: float, by: float) -> None:
        """One finger, `by` pixels to the side."""
        self._touch("touchStart", [(x, y)])
        for step in range(1, 9):
            self._touch("touchMove", [(x + by * step / 8, y)])
        self._touch("touchEnd", [])

    def pinch(self, x: float, y: float, to: float) -> None:
        """Two fingers, 40 pixels apart at first and `to` pixels in the end."""
        self._touch("touchStart", [(x - 20, y)])
        self._touch("touchStart", [(x - 20, y), (x + 20, y)])
        for step in range(1, 9):
            half = 20 + (to / 2 - 20) * step / 8
            self._touch("touchMove", [(x - half, y), (x + half, y)])
        self._touch("touchEnd", [])


def serious(page: Any) -> list[str]:
    """Faults of the page that keep somebody from using it, as axe-core finds them."""
    try:
        axe = (bring(AXE, sensorium_home()) / "axe.min.js").read_text("utf-8")
    except FetchError as error:
        pytest.skip(str(error))
    page.evaluate(f"window.axe || (() => {{ {axe} }})()")
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
