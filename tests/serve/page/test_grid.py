"""The grid, of very many and of few."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.serve.page.browsing import COUNT, Open


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


def test_what_is_looked_at_is_asked_for_at_once(open_page: Open) -> None:
    """Whatever else is still on its way; and what is beside it comes when there is time."""
    page = open_page()
    found = page.evaluate(
        """async () => {
          const { Feed } = await import("/page/feed.js");
          const asked = [];
          const load = (offset, count, signal) => new Promise((_, fail) => {
            asked.push(offset);
            signal.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
          });
          const feed = new Feed(load, 100_000);
          feed.want(0, 10, false);
          const first = asked.splice(0);
          feed.want(0, 10);
          const beside = asked.splice(0);
          feed.want(50_000, 50_010);
          return [first, beside, asked];
        }"""
    )
    assert found == [[0], [100], [50_000, 50_100]]


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
