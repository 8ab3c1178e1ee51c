"""Languages, phones, colours, and who does not see or point."""

from __future__ import annotations

import pytest

from tests.serve.page.browsing import COUNT, PHONE, Open, ask, keep, label, open_hit, serious


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


@pytest.mark.slow
def test_chinese(open_page: Open) -> None:
    page = open_page(locale="zh-CN")
    assert page.inner_text("#told") == f"{COUNT} 项"
    assert page.get_attribute("html", "lang") == "zh-CN"
    ask(page, "骆驼")
    assert "图片" in label(page, 1)
    page.click("#language")
    page.wait_for_selector("html[lang=en]", state="attached")
    assert page.get_attribute("#words", "placeholder") == "Words, a picture or a sound"
    page.reload()
    page.wait_for_selector(".hit img.shown")
    assert page.inner_text("#language") == "中文"


def test_nobody_is_kept_from_it(open_page: Open) -> None:
    page = open_page()
    page.click("#filtering")
    page.wait_for_selector(".map")
    assert not serious(page)
    page.emulate_media(color_scheme="dark")
    page.click("#language")
    page.wait_for_selector("html[lang=zh-CN]", state="attached")
    ask(page, "horse")
    page.click("#add-part")
    page.wait_for_selector(".chip")
    assert not serious(page)
    keep(page, "dark-chinese")
    open_hit(page, 1)
    assert not serious(page)
    page.evaluate("localStorage.clear()")


@pytest.mark.slow
def test_on_a_phone(open_page: Open) -> None:
    """Nothing can be pointed at: how likely hits are is said; words keep their names."""
    page = open_page("#c=mixed", viewport=PHONE, has_touch=True, is_mobile=True)
    ask(page, "bells in a tower")
    notes = page.locator('.hit[aria-label^="notes.md"]')
    assert (
        notes.locator(".likely").evaluate("(one) => getComputedStyle(one).visibility") == "visible"
    )
    assert notes.locator(".name").is_visible()
    for cell in page.locator(".cell:has(.words)").all():  # each line of words has room, or none has
        box, words = cell.bounding_box(), cell.locator(".words").bounding_box()
        assert words is None or words["y"] + words["height"] <= box["y"] + box["height"] - 10
    keep(page, "phone")
    assert not serious(page)
