"""What is added, what is gone, and who may look."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings, digest_of
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import COUNT, Open, ask, keep, playwright, told


def test_adding(open_page: Open, library: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sensorium"
    shutil.copy(library, copy)
    photo = sorted(SAMPLE.glob("x_*.jpg"))[COUNT + 5]
    text = tmp_path / "empty.jpg"
    text.write_bytes(b"no picture")
    with Live(Settings({"copy": copy})) as url:
        page = open_page(url=url)
        page.wait_for_selector("#adding:visible")
        page.set_input_files("#add-files", [photo, text])
        page.wait_for_selector(".job progress")
        keep(page, "adding")
        told(page, f"{COUNT + 1} items")
        said = page.inner_text(".job p")
        assert said.startswith("1 file was added. 1 file was left out. empty.jpg: ")
        page.click(".job button")
        assert page.locator(".job").count() == 0
        page.close()
    with Collection(copy) as collection:
        assert len(collection) == COUNT + 1


@pytest.mark.slow
def test_where_a_token_is_needed(open_page: Open, library: Path) -> None:
    token = "a-token-that-is-long-enough"
    settings = Settings({"library": library}, tokens={digest_of(token): ["read"]})
    with Live(settings) as url:
        page = open_page(url=url, faulty=True, wait=False)
        keep(page, "login")
        page.fill("#token", "another-token-of-somebody")
        page.keyboard.press("Enter")
        told_of = page.locator("#login-error")
        playwright.expect(told_of).to_have_text("The server does not know this token.")
        page.fill("#token", token)
        page.keyboard.press("Enter")
        page.wait_for_selector(".hit img.shown")
        assert page.locator("#adding").is_hidden()
        ask(page, "horse")
        page.click('[aria-posinset="1"] .hit')
        page.wait_for_selector("#view >> text=More like this")
        assert page.locator("#view >> text=Wrong").count() == 0
        page.close()


@pytest.mark.slow
def test_what_is_gone_and_what_is_empty(open_page: Open, tmp_path: Path) -> None:
    photo = tmp_path / "here.jpg"
    shutil.copy(next(SAMPLE.glob("x_*.jpg")), photo)
    paths = {"gone": tmp_path / "gone.sensorium", "empty": tmp_path / "empty.sensorium"}
    with Collection(paths["gone"]) as gone, Collection(paths["empty"], "mini"):
        gone.add(photo)
    photo.unlink()
    with Live(Settings(paths)) as url:
        page = open_page(url=url, faulty=True, wait=False)
        page.wait_for_selector('.hit.worded[aria-label^="here.jpg"]')
        page.click(".hit")
        assert page.inner_text("#view .side > .error:visible") == "The file is gone."
        page.keyboard.press("Escape")
        page.select_option("#collections", "empty")
        told(page, "This collection holds nothing yet.")
        page.close()


def test_making_and_deleting(open_page: Open, tmp_path: Path) -> None:
    """On a server that begins with no collection at all."""
    with Live(Settings({}, create_in=tmp_path / "made")) as url:
        page = open_page(url=url, faulty=True, wait=False)
        told(page, "There is no collection yet.")
        assert page.locator("#adding").is_hidden()
        answers = iter(["Holidays", None, None])

        def answer(dialog: Any) -> None:
            if (said := next(answers)) is None:
                dialog.accept()
            else:
                dialog.accept(said)

        page.on("dialog", answer)
        page.select_option("#collections", label="New collection …")
        told(page, "This collection holds nothing yet.")
        keep(page, "made")
        page.set_input_files("#add-files", [next(SAMPLE.glob("x_*.jpg"))])
        told(page, "1 item")
        assert page.input_value("#collections") == "Holidays"
        page.select_option("#collections", label="Delete Holidays …")
        told(page, "There is no collection yet.")
        assert page.locator(".hit").count() == 0
        assert next(answers, "asked twice") == "asked twice"
        assert not list((tmp_path / "made").iterdir())
        page.close()
