"""The conversation beside the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import (
    COUNT,
    MARKUP,
    PHONE,
    Open,
    bring_file,
    keep,
    playwright,
    serious,
    told,
)
from tests.tasks.servers import scripted_server

LAST = ".turn:last-child .theirs[aria-busy=false]"


def talk(page: Any) -> None:
    page.wait_for_selector("#talk:visible")
    page.keyboard.press("?")
    page.wait_for_selector("#said > *")


def say(page: Any, words: str) -> Any:
    """Say something; gives the reply's element when it is whole."""
    before = page.locator(".turn").count()
    page.fill("#say", words)
    page.keyboard.press("Enter")
    playwright.expect(page.locator(".turn")).to_have_count(before + 1)
    page.wait_for_selector(LAST)
    return page.locator(LAST)


def test_a_conversation(open_page: Open) -> None:
    """Captions of all photos are markup, and stay text."""
    page = open_page()
    talk(page)
    assert page.evaluate("document.activeElement.id") == "say"
    reply = say(page, "photos of castles")
    assert MARKUP in reply.inner_text() and reply.locator("img[src=x]").count() == 0
    names = [one.split(",")[0] for one in shown(reply)]
    assert len(names) >= 2 and all(one.startswith("x_") for one in names)
    page.wait_for_selector(".theirs img.shown")
    assert page.evaluate("document.activeElement.id") == "say"
    keep(page, "chat")
    second = say(page, "the second one")
    assert [one.split(",")[0] for one in shown(second)] == [names[1]]
    second.locator(".cite").click()
    page.wait_for_selector("#view[open] .facts")
    assert page.inner_text("#view-name") == names[1]
    assert page.locator("#view [data-act=yes]").count() == 0  # no question found it
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className") == "cite"
    page.click("text=Show all")
    told(page, f"{len(names)} of {COUNT} items")
    refused = say(page, "photos of submarines")
    assert "refused" in refused.get_attribute("class")
    assert "The collection does not hold it" in refused.inner_text()
    assert "A question back" in say(page, "is it older").inner_text()
    assert not serious(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#chat", state="hidden")
    assert page.evaluate("document.activeElement.id") == "talk"
    talk(page)
    playwright.expect(page.locator(".turn")).to_have_count(4)
    with page.expect_download() as begun:
        page.click("#chat-keep")
    with ZipFile(begun.value.path()) as packed:
        written = packed.read("conversation.md").decode()
        assert "**the second one**" in written and "<img" not in written
        assert "conversation_pictures/1.jpg" in packed.namelist()
    page.click("#chat-new")
    playwright.expect(page.locator(".turn")).to_have_count(0)
    assert not page.evaluate("window.hacked")


def shown(reply: Any) -> list[str]:
    """What a reply shows, as screen readers say it."""
    return reply.locator(".shown .hit").evaluate_all("all => all.map((one) => one.ariaLabel)")


def test_chinese_on_a_phone(open_page: Open) -> None:
    page = open_page(viewport=PHONE, locale="zh-CN", is_mobile=True, color_scheme="dark")
    page.click("#talk")
    page.click(".start button")
    page.wait_for_selector(LAST)
    assert str(COUNT) in page.inner_text(LAST)
    assert page.get_attribute(LAST, "lang") == "zh-CN"
    assert page.locator("main").evaluate("(one) => one.inert")
    say(page, "有没有城堡的照片")
    page.wait_for_selector(".theirs img.shown")
    assert "refused" in say(page, "有潜水艇的照片吗").get_attribute("class")
    assert "收藏里没有" in page.inner_text(LAST)
    wide = page.locator("#chat").bounding_box()
    assert wide["x"] == 0 and wide["width"] == PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    keep(page, "chat-phone")
    assert not serious(page)


def test_a_picture_and_the_second_in_a_film(open_page: Open) -> None:
    page = open_page("#c=mixed")
    talk(page)
    bring_file(page, SAMPLE / "x_koala.jpg", "image/jpeg", ["paste"], "#say")
    page.wait_for_selector("#given img")
    reply = say(page, "find films like this")
    assert page.locator(".mine img").count() == 1
    reply.locator(".cite").first.click()
    page.wait_for_selector("#view[open] video")
    assert page.inner_text("#view-name") == "film.mp4"
    keep(page, "chat-film")
    page.keyboard.press("Escape")
    said = say(page, "what is said about the harbour")
    assert "a walk along the old harbour" in said.inner_text()
    said.locator(".cite").first.click()
    page.wait_for_selector("#view[open] :is(video, audio)[src$='#t=4']")


@pytest.mark.slow
def test_what_a_language_model_invents_is_marked(open_page: Open, library: Path) -> None:
    with scripted_server() as script:
        script.streams("There is one bison. It lives on the moon.")
        settings = Settings({"library": library}, models={"chat": f"{script.url}#scripted"})
        with Live(settings) as url:
            page = open_page(url=url)
            talk(page)
            reply = say(page, "how many photos of a bison are there?")
            assert reply.locator(".cite").count() == 1
            assert reply.locator("mark").inner_text() == "It lives on the moon. [no evidence]"
            assert "rests on nothing" in reply.locator(".warning").inner_text()
            keep(page, "chat-unfounded")


@pytest.mark.slow
def test_what_cannot_be_read_is_said(open_page: Open) -> None:
    page = open_page(faulty=True)
    talk(page)
    bring_file(page, Path(__file__), "image/png", ["paste"], "#say")
    page.wait_for_selector("#given .chip")
    assert "what can be read" in say(page, "what is this").locator(".error").inner_text()
    assert str(COUNT) in say(page, "how many photos are there?").inner_text()
