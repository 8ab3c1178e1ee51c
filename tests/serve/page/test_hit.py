"""One hit, large."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import (
    COUNT,
    MARKUP,
    PHONE,
    Fingers,
    Open,
    ask,
    keep,
    label,
    open_hit,
    playwright,
    until,
)


def explain(page: Any) -> None:
    """Ask why this hit was found; then there is heat instead of a box."""
    page.click("text=Why this hit?")
    page.wait_for_selector("#view .warm:visible", timeout=60_000)


def drawn_over(page: Any) -> list[float]:
    """What is drawn over a picture: left, upper, right and lower edge as shares of it.

    Nothing is, until the picture is there.
    """
    page.wait_for_selector('#view .overlay[style*="width"]')
    found: list[float] = page.evaluate(
        """(() => {
          const { width, height } = document.querySelector(".overlay");
          const drawn = document.querySelector(".overlay").getContext("2d");
          const all = drawn.getImageData(0, 0, width, height).data;
          let [left, upper, right, lower] = [width, height, 0, 0];
          for (let n = 0; n < width * height; n++) {
            if (all[4 * n + 3] < 20) continue;
            const [x, y] = [n % width, Math.floor(n / width)];
            [left, upper] = [Math.min(left, x), Math.min(upper, y)];
            [right, lower] = [Math.max(right, x), Math.max(lower, y)];
          }
          return [left / width, upper / height, right / width, lower / height];
        })()"""
    )
    return found


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
    open_hit(page, 1)
    with page.expect_response("**/judge"):
        page.click("#view >> text=Right")
    page.wait_for_selector('#view [data-act="yes"][aria-pressed="true"]')
    with page.expect_response("**/judge") as answered:
        page.click("#view >> text=Right")
    assert answered.value.json()["judgements"] == {str(found[0].id): False}  # it is taken back
    with Collection(library) as collection:  # what is judged changes other tests' hits, too
        assert not collection.search("a bird", COUNT).forget(found[0].id).judgements


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
    keep(page, "heat")
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


def test_stored_markup_stays_text(open_page: Open) -> None:
    page = open_page(timezone_id="America/New_York")
    assert label(page, 1).startswith(f"{MARKUP}.jpg")
    page.click('[aria-posinset="1"] .hit')
    page.wait_for_selector("#view .facts")
    assert page.inner_text("#view-name") == f"{MARKUP}.jpg"
    assert f"{MARKUP} 0" in page.inner_text("#view .facts")
    # No more of a time is told than is known, and a month is the same west of Greenwich.
    assert page.locator("#view .facts dt:text-is('Taken') + dd").inner_text() == "January 2024"
    assert page.evaluate("window.hacked") is None
    assert page.locator('img[src="x"]').count() == 0
    keep(page, "hit")
    page.click("#view >> text=More like this")
    page.wait_for_selector(".chip")
    assert page.inner_text(".chip .name") == f"{MARKUP}.jpg"


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
        page.wait_for_selector(".waves .part:visible")
        page.click(".waves", position={"x": 200, "y": 40})
        until(page, "document.querySelector('#view audio').currentTime > 0")
        page.close()


def test_a_film_at_the_second_that_was_found(open_page: Open) -> None:
    page = open_page("#c=mixed")
    ask(page, "a walk along the old harbour")
    page.click('.hit.worded[aria-label^="film.mp4, "]')
    until(page, "document.querySelector('#view video')?.currentTime >= 4")
    assert page.evaluate("document.activeElement.dataset.act") == "close"  # not the player
    assert "a walk along the old harbour" in page.inner_text("#view .found")
    page.wait_for_selector("#view .passages:visible")
    page.evaluate("document.querySelector('#view video').currentTime = 0")
    page.click("#view .passages .time >> text=0:04")
    until(page, "document.querySelector('#view video').currentTime >= 4")
    page.evaluate("document.querySelector('#view video').pause()")
    keep(page, "film")


def test_the_part_of_a_picture_that_was_found(open_page: Open) -> None:
    page = open_page("#c=mixed")
    ask(page, "the Brandenburg Gate")
    page.click('.hit[aria-label^="wide.png"]')
    left, _, right, _ = drawn_over(page)
    assert 0.6 < left < 0.78 < 0.85 < right  # the gate stands at 0.78 to 1
    keep(page, "box")
    explain(page)
    assert drawn_over(page)[0] > 0.6  # and so does what speaks for it


@pytest.mark.slow
def test_a_photo_on_a_page(open_page: Open) -> None:
    page = open_page("#c=mixed")
    ask(page, "the Eiffel Tower")
    page.click('.hit[aria-label^="report.pdf"]')
    assert "page=2" in page.get_attribute("#view .large", "src")
    where = [200 / 595, 1 - 325 / 842, 500 / 595, 1 - 100 / 842]
    assert drawn_over(page) == pytest.approx(where, abs=0.02)
    assert page.locator("#view .facts dt:text-is('Found') + dd").inner_text() == "page 2"
    keep(page, "page")
    explain(page)
    left, upper, right, lower = drawn_over(page)
    assert left > where[0] - 0.1 and upper > where[1] - 0.1  # softness goes beyond the edges
    assert right < where[2] + 0.1 and lower < where[3] + 0.1
    keep(page, "page-heat")
    page.click("#view .large")
    page.wait_for_selector(".pswp__item[aria-hidden=false] .pswp__img")
    page.keyboard.press("Escape")
    page.wait_for_selector(".lightbox", state="detached")
    page.keyboard.press("Escape")
    page.wait_for_selector("#view", state="hidden")
    ask(page, "the price of potatoes")
    page.click('.hit.worded[aria-label^="report.pdf"]')
    assert "page=1" in page.get_attribute("#view .large", "src")
    playwright.expect(page.locator(".passages .found")).to_have_text("The price of potatoes.")
    until(page, "document.querySelector('#view .large').naturalHeight > 1000")
    assert page.locator('.overlay, #view [data-act="heat"], .passages .time').count() == 0
    keep(page, "page-words")


@pytest.mark.slow
def test_turning_over_by_a_finger(open_page: Open) -> None:
    page = open_page(viewport=PHONE, has_touch=True)
    open_hit(page, 2)
    names = [label(page, place).split(",")[0] for place in (1, 2)]
    assert page.inner_text("#view-name") == names[1]
    close = page.locator("#view [data-act=close]").bounding_box()
    assert close["y"] < 60 and close["x"] > PHONE["width"] - 70  # where a thumb seeks it
    keep(page, "phone-hit")
    Fingers(page).swipe(100, 250, 200)
    playwright.expect(page.locator("#view-name")).to_have_text(names[0])
