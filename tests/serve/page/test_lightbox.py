"""A picture looked at closely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sensorium.serve
from sensorium.home import sensorium_home
from sensorium.packages import FetchError, Package, bring
from tests.serve.page.browsing import (
    PHONE,
    Fingers,
    Open,
    ask,
    keep,
    label,
    open_hit,
    playwright,
    serious,
    until,
)

PHOTOSWIPE = Package(
    "npm", "photoswipe", "5.4.4",
    "4615d56b1f4f8e40f70c9f433a97803e5131d7166285b467ff63d26e42ef397b",
    folders=("LICENSE", "dist/photoswipe.esm.min.js", "dist/photoswipe.css"),
)  # fmt: skip

VENDOR = Path(sensorium.serve.__file__).parent / "page" / "vendor"

ZOOM = """[...document.querySelectorAll(".pswp__item[aria-hidden=false] .pswp__img")]
  .at(-1).getBoundingClientRect().width"""
"""Pixels across of the picture that is shown."""


def test_it_is_as_it_was_published() -> None:
    try:
        published = bring(PHOTOSWIPE, sensorium_home())
    except FetchError as error:
        pytest.skip(str(error))
    files = sorted((VENDOR / "photoswipe").iterdir())
    assert [file.name for file in files] == ["LICENSE", "photoswipe.css", "photoswipe.esm.min.js"]
    assert sum(file.stat().st_size for file in files) < 100_000
    for file in files:
        (original,) = published.rglob(file.name)
        assert file.read_bytes() == original.read_bytes()
    assert f"| {PHOTOSWIPE.version} | MIT" in (VENDOR / "README.md").read_text()


def opened(page: Any, place: int) -> list[str]:
    """Look closely at a hit; gives the names of it and of those beside it."""
    names = [label(page, n).split(",")[0] for n in (place - 1, place, place + 1)]
    open_hit(page, place)
    page.click("#view .large")
    page.wait_for_selector(".pswp__item[aria-hidden=false] .pswp__img:not(.pswp__img--placeholder)")
    return names


def closes(page: Any, name: str) -> None:
    """Close it: the hit that was looked at last is shown, and has the focus in it."""
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.lightbox", state="detached")
    playwright.expect(page.locator("#view-name")).to_have_text(name)
    assert page.evaluate("document.activeElement.closest('dialog').id") == "view"


def test_lightbox_by_keyboard(open_page: Open) -> None:
    page = open_page()
    ask(page, "horse")
    _, name, following = opened(page, 2)
    line = page.locator(".pswp__told")
    playwright.expect(line).to_contain_text(f"{name}, Picture, ")
    before = page.evaluate(ZOOM)
    page.keyboard.press("+")
    assert page.evaluate(ZOOM) == pytest.approx(before * 1.6, rel=0.02)
    page.keyboard.press("0")
    assert page.evaluate(ZOOM) == pytest.approx(before, rel=0.02)
    assert not serious(page)
    keep(page, "lightbox")
    page.keyboard.press("ArrowRight")
    playwright.expect(line).to_contain_text(following)
    closes(page, following)
    page.keyboard.press("Escape")
    page.wait_for_selector("#view", state="hidden")
    assert page.evaluate("document.activeElement.parentElement.ariaPosInSet") == "3"


def test_lightbox_by_fingers(open_page: Open) -> None:
    page = open_page(viewport=PHONE, has_touch=True)
    before, name, _ = opened(page, 2)
    fingers = Fingers(page)
    across = page.evaluate(ZOOM)
    fingers.pinch(195, 420, 160)
    until(page, f"({ZOOM}) > {across * 2}")
    keep(page, "phone-lightbox")
    line = page.locator(".pswp__told")
    assert line.inner_text().startswith(name)
    page.keyboard.press("0")
    fingers.swipe(80, 420, 250)
    playwright.expect(line).to_contain_text(before)
    closes(page, before)


@pytest.mark.slow
def test_lightbox_of_what_has_no_picture(open_page: Open) -> None:
    page = open_page("#c=mixed")
    ask(page, "a walk along the old harbour")
    page.click('.hit[aria-label^="wide.png"]')
    page.click("#view [data-act=closely]")
    page.wait_for_selector(".pswp__item[aria-hidden=false] .pswp__img")
    line = page.locator(".pswp__told")
    total = int(page.inner_text(".pswp__counter").split("/")[1])
    kinds = set()
    for by in ("ArrowLeft",) * total + ("ArrowRight",) * total:
        kinds.add(line.inner_text().split(", ")[1])
        shown = page.locator(".pswp__item[aria-hidden=false]")
        playwright.expect(shown.locator(".pswp__img, .lightbox-words").first).to_be_attached()
        page.keyboard.press(by)
    assert kinds >= {"Picture", "Video", "Text", "Sound", "3-D object"}
