"""Duplicates, and forgetting them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.page.browsing import Open, keep, playwright, told


@pytest.mark.slow
def test_forgetting_duplicates(open_page: Open, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    first, second, other = sorted(SAMPLE.glob("x_*.jpg"))[1:4]
    for photo in (first, second, other):
        shutil.copy(photo, photos)
    shutil.copy(first, photos / "again.jpg")
    with PIL.Image.open(second) as opened:
        small = opened.convert("RGB").resize((opened.width // 2, opened.height // 2))
    small.save(photos / "small.jpg", quality=60)
    path = tmp_path / "doubles.sensorium"
    with Collection(path) as collection:
        collection.add(photos)
    files = {file: file.read_bytes() for file in photos.iterdir()}
    with Live(Settings({"doubles": path})) as url:
        page = open_page(url=url)
        reads = {"json": {"scopes": ["read"]}, "headers": {"cache-control": "no-store"}}
        page.route("**/api/session", lambda route: route.fulfill(**reads))
        page.goto(f"{url}/?again#room=copies")  # the page as it is without the right to forget
        page.click("#copies-room .strong")
        page.wait_for_selector(".group")
        assert page.locator(".forgetting:visible").count() == 0
        assert page.locator(".group input:enabled").count() == 0
        page.unroute("**/api/session")
        page.goto(f"{url}/?more#room=copies")
        page.click("#copies-room .strong")
        same = page.locator(".group:has(.same)")
        altered = page.locator(".group:has(.altered)")
        playwright.expect(same).to_have_count(1)
        playwright.expect(altered).to_have_count(1)
        dropped = same.locator(".dropped strong").all_inner_texts()
        assert len(dropped) == 1 and dropped[0] in (first.name, "again.jpg")
        assert altered.locator(".dropped").count() == 0
        keep(page, "duplicates")
        said: list[str] = []
        answers = iter((False, True))

        def answer(asked: Any) -> None:
            said.append(asked.message)
            if next(answers):
                asked.accept()
            else:
                asked.dismiss()

        page.on("dialog", answer)
        page.click("text=Forget them")
        playwright.expect(page.locator(".forgetting strong")).to_have_text("1 item is not kept")
        assert httpx.get(f"{url}/api/collections/doubles/items").json()["total"] == 5
        page.click("text=Forget them")
        told(page, "4 items")
        assert len(said) == 2 and "No file is deleted" in said[0]
        assert same.count() == 0 and altered.count() == 1
        left = httpx.get(f"{url}/api/collections/doubles/items").json()["items"]
        assert dropped[0] not in [Path(item["path"]).name for item in left]
    assert {file: file.read_bytes() for file in photos.iterdir()} == files
