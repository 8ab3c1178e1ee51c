"""Classes that are taught by a few examples."""

from __future__ import annotations

import httpx

from tests.serve.page.browsing import COUNT, Open, draw_around_all, enter, keep, playwright


def test_classes_by_a_few_examples(open_page: Open, url: str) -> None:
    page = open_page()
    enter(page, "map")
    page.wait_for_selector("#map-room .legend span")
    draw_around_all(page)
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
    keep(page, "classes")
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
