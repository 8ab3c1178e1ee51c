"""The page over 100,000 items: hits are right wherever one looks, and no row in view is blank.

How quick it is is measured, by `python -m benchmarks page`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks.page
from benchmarks.page import WATCH
from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import Live
from tests.serve.page.browsing import Open

MANY = 100_000

QUESTION = "a castle on a hill"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmarks.page, "home", lambda: tmp_path_factory.mktemp("many"))
        return benchmarks.page.made(MANY)


@pytest.fixture(scope="module")
def crowd(many: Path) -> Iterator[str]:
    with Live(Settings({"many": many})) as address:
        yield address


def shown(page: Any) -> dict[int, str]:
    """Names of the pictures in view, by their places in the list."""
    cells: list[tuple[str, str]] = page.evaluate(
        """[...document.querySelectorAll(".cell")].filter((cell) => {
             const { top, bottom } = cell.getBoundingClientRect();
             return bottom > document.querySelector(".top").offsetHeight && top < innerHeight;
           }).map((cell) => [cell.ariaPosInSet, cell.firstChild.title])"""
    )
    return {int(place) - 1: name for place, name in cells}


def leap(page: Any, share: float) -> dict[int, str]:
    """What is shown some way down the list, once all of it is there."""
    page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {share})")
    page.wait_for_timeout(300)
    ends = time.monotonic() + 60
    while not all((seen := shown(page)).values()):  # the page lets nothing be waited for in it
        assert time.monotonic() < ends
        page.wait_for_timeout(50)
    return seen


def test_scrolling_shows_no_blank_row(open_page: Open, crowd: str) -> None:
    page = open_page(url=crowd, wait=False)
    page.add_init_script(WATCH)
    page.reload()
    page.wait_for_selector(".hit img.shown")
    page.fill("#words", "castle")
    page.wait_for_selector('#grid[data-asked="castle"]')
    page.evaluate("window.frames = { seen: 0, blank: 0 }")
    protocol = page.context.new_cdp_session(page)
    protocol.send(
        "Input.synthesizeScrollGesture",
        {"x": 450, "y": 400, "yDistance": -12_000, "speed": 4000, "gestureSourceType": "mouse"},
    )
    frames = page.evaluate("window.frames")
    assert frames["seen"] > 10 and frames["blank"] == 0


def test_hits_are_right_wherever_one_looks(open_page: Open, crowd: str, many: Path) -> None:
    page = open_page(url=crowd)
    page.focus("#words")
    page.keyboard.type(QUESTION, delay=60)
    page.wait_for_selector(f'#grid[data-asked="{QUESTION}"]')
    page.wait_for_selector(".hit img.shown")
    with Collection(many, create=False) as collection:
        vectors = collection.segments().vectors
        asked = collection.encoder.encode([QUESTION], role="query")[0]
        cosines = vectors @ asked
        # What is equally near but for rounding may stand in any order.
        ranked = np.sort(cosines)[::-1]
        of_name = {
            Path(item.path).name: cosine
            for item, cosine in zip(collection.items(), cosines, strict=True)
        }
    for share in (0, 0.0005, 0.3, 0.77, 1):
        seen = leap(page, share)
        assert len(seen) > 5 and len({*seen.values()}) == len(seen)
        for place, name in seen.items():
            assert of_name[name] == pytest.approx(ranked[place], abs=1e-4)
    assert max(seen) > MANY - 100


def test_map_has_a_dot_for_each(open_page: Open, crowd: str) -> None:
    page = open_page("#room=map", url=crowd, wait=False)
    page.wait_for_selector("#map-room .legend span", timeout=120_000)
    told = page.get_attribute("#map-room canvas", "aria-label")
    assert told == "Map of 100,000 items, like beside like"
