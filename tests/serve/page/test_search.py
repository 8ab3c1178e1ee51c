"""What is asked, and what is said of the answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import (
    COUNT,
    Open,
    ask,
    bring_file,
    keep,
    label,
    playwright,
    told,
)


def test_words(open_page: Open, library: Path) -> None:
    page = open_page()
    assert page.inner_text("#told") == f"{COUNT} items"
    assert page.locator(".cell").count() > 10
    assert page.get_attribute(".cell", "aria-setsize") == str(COUNT)
    keep(page, "grid")
    ask(page, "a camel in the desert")
    with Collection(library) as collection:
        hits = collection.search("a camel in the desert", 3)
    for place, hit in enumerate(hits, 1):
        assert label(page, place).startswith(f"{Path(hit.path).name}, Picture, ")
    assert hits[0].probability is not None
    assert f"{hits[0].probability:.0%} likely" in label(page, 1)
    page.fill("#words", "")
    page.wait_for_selector('#grid[data-asked=""]')
    assert page.inner_text("#told") == f"{COUNT} items"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("a dog")  # before anything has the focus
    assert page.input_value("#words") == "a dog"
    page.check("[name=mode][value=words]")
    ask(page, "brandenburgGate")
    assert label(page, 1).startswith("x_brandenburgGate.jpg")
    assert page.locator(".cell").count() == 1


@pytest.mark.slow
def test_words_that_nothing_holds(open_page: Open) -> None:
    page = open_page()
    page.check("[name=mode][value=words]")
    ask(page, "zzzqqq")
    assert page.inner_text("#told") == "No item holds these words."


@pytest.mark.slow
def test_only_the_last_question_is_shown(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/search", lambda route: held.append(route))
    page.fill("#words", "horse")
    page.wait_for_timeout(150)
    page.unroute("**/search")
    ask(page, "camel")
    best = label(page, 1)
    assert len(held) == 1
    with pytest.raises(playwright.Error):  # it was given up
        held[0].fetch()
        held[0].fulfill(json={"hits": [], "nothing_matches": True, "judgements": {}})
    assert label(page, 1) == best


def test_dropped_and_pasted_pictures(open_page: Open) -> None:
    page = open_page()
    photo = sorted(SAMPLE.glob("x_*.jpg"))[7]
    with page.expect_response("**/search"):
        bring_file(page, photo, "image/jpeg", ["dragover", "drop"])
    page.wait_for_selector(f'[aria-posinset="1"] .hit[aria-label^="{photo.name}"]')
    assert page.inner_text(".chip .name") == photo.name
    page.click(".chip .icon")
    page.wait_for_selector("#chips", state="hidden")
    other = sorted(SAMPLE.glob("x_*.jpg"))[9]
    bring_file(page, other, "image/jpeg", ["paste"], "#words")
    page.wait_for_selector(f'[aria-posinset="1"] .hit[aria-label^="{other.name}"]')


def test_several_parts(open_page: Open) -> None:
    page = open_page()
    ask(page, "an animal")
    page.click("#add-part")
    ask(page, "snow")
    with page.expect_request("**/search") as asked:
        page.click(".chip .sign")
    assert asked.value.post_data_json["parts"] == [
        {"text": "snow", "weight": 1}, {"text": "an animal", "weight": -1},
    ]  # fmt: skip
    weighed = {"text": "an animal", "weight": -2}

    def is_weighed(said: Any) -> bool:  # of what was asked before, the answer may come now
        return said.url.endswith("/search") and weighed in said.request.post_data_json["parts"]

    with page.expect_response(is_weighed) as answered:
        page.click(".chip .weight")
    assert answered.value.ok
    keep(page, "parts")
    page.focus("#words")
    page.fill("#words", "")
    told(page, f"{COUNT} items · The question only says what is not wanted. Add what you look for.")
    with page.expect_response("**/items?*"):
        page.keyboard.press("Backspace")
    page.wait_for_selector("#chips", state="hidden")


def test_where_nothing_matches(open_page: Open) -> None:
    page = open_page()
    ask(page, "asdkjh qwe zxc")
    assert page.inner_text("#told") == "Nothing matches. These are merely the nearest."
    assert page.locator(".line").count() == 0
    keep(page, "nothing")
    ask(page, "horse")
    assert page.inner_text(".line").startswith("From here on, no hit is likely")
    above = page.evaluate(
        """[...document.querySelectorAll(".cell")].filter((cell) => cell.getBoundingClientRect().top
        > document.querySelector(".line").getBoundingClientRect().top)
        .map((cell) => cell.hit.probability)"""
    )
    assert above and max(above) < 0.05
    keep(page, "hits")


def test_hits_of_several_kinds(open_page: Open) -> None:
    """The line above tells the likeliest, wherever it stands; a film's words have room."""
    page = open_page("#c=mixed")
    ask(page, "a walk along the old harbour")
    likely = page.evaluate("[...document.querySelectorAll('.cell')].map((o) => o.hit.probability)")
    assert page.inner_text("#told") == f"Likeliest hit: {min(max(likely), 0.99):.0%}"
    words = "a walk along the old harbour"
    film = page.locator(f'.hit[aria-label^="film.mp4, {words}, 0:04–0:08, Video, "]')
    assert film.locator(".words").inner_text() == words
    assert film.locator(".badge").inner_text() == "0:04–0:08"


def test_sounds_pages_and_texts_have_pictures(open_page: Open) -> None:
    page = open_page("#c=mixed")
    page.wait_for_selector('.hit[aria-label^="tone.wav"] .wave.shown')
    page.wait_for_selector('.hit[aria-label^="report.pdf"] img.shown')
    page.wait_for_selector('.hit[aria-label^="notes.md"] img.shown')  # its first lines
    keep(page, "kinds")


@pytest.mark.slow
def test_an_answer_that_takes_long(open_page: Open) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/search", lambda route: held.append(route))
    page.fill("#words", "horse")
    page.wait_for_selector("#seeking:visible")
    held[0].continue_()
    page.wait_for_selector('#grid[data-asked="horse"]', state="attached")
    page.wait_for_selector("#seeking", state="hidden")


@pytest.mark.slow
def test_folded_duplicates(open_page: Open, tmp_path: Path) -> None:
    photos = sorted(SAMPLE.glob("x_*.jpg"))[:3]
    shutil.copy(photos[0], tmp_path / "again.jpg")
    path = tmp_path / "doubles.sensorium"
    with Collection(path) as collection:
        collection.add(*photos, tmp_path / "again.jpg")
    with Live(Settings({"doubles": path})) as url:
        page = open_page(url=url)
        ask(page, "a photo")
        assert page.get_attribute(".cell", "aria-setsize") == "4"
        page.click("#filtering")
        page.check("#fold")
        page.wait_for_selector('.cell[aria-setsize="3"]')
        assert page.get_attribute(".folded", "data-said") == "×2"
        page.close()
