"""What is looked at: by kind, date, place and condition."""

from __future__ import annotations

import pytest

from tests.serve.page.browsing import COUNT, Open, ask, keep, told


@pytest.mark.slow
def test_filters(open_page: Open) -> None:
    page = open_page(faulty=True)
    page.click("#filtering")
    page.focus("#where")
    assert "caption, height, latitude" in page.inner_text("#where-help")
    page.fill("#where", "taken >= '2024-07'")
    told(page, f"12 of {COUNT} items")
    page.fill("#where", "taken >= (")
    page.wait_for_selector("#where-error:visible")
    assert "is not a SQL expression" in page.inner_text("#where-error")
    page.fill("#from", "2024-01-01")
    page.fill("#where", "taken = 'it''s' \"")
    page.wait_for_selector("#where-error:has-text('it')")
    told_of = page.inner_text("#where-error")
    assert told_of.startswith("“taken = 'it''s' \"”")  # without the condition that the date is
    assert "2024-01-01" not in told_of
    page.fill("#from", "")
    page.fill("#where", "")
    page.fill("#until", "2024-01-31")
    told(page, f"2 of {COUNT} items")
    assert page.locator("#ordering").is_visible()
    ask(page, "horse")
    assert page.locator("#ordering").is_hidden()  # hits stand by how near they are
    assert page.locator(".cell").count() == 2


@pytest.mark.slow
def test_order_and_months(open_page: Open) -> None:
    page = open_page()
    page.click("#filtering")
    with page.expect_response("**/items?*order=-taken"):
        page.select_option("#order", "-taken")
    page.click('.bars button[aria-label="March 2024: 2 items"]')
    told(page, f"2 of {COUNT} items")
    keep(page, "filters")
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
