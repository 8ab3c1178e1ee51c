"""The grid in a real browser, in a frame as hosts with MCP Apps have it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve.mcp.test_server import calls

sync_api = pytest.importorskip("playwright.sync_api")

import sensorium.serve.mcp  # noqa: E402

GRID = Path(sensorium.serve.mcp.__file__).parent / "grid.html"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

HOST = """
window.asked = [];
addEventListener("message", event => {
  const message = event.data, frame = document.querySelector("iframe").contentWindow;
  if (event.source !== frame) return;
  window.asked.push(message);
  const answer = result => frame.postMessage({ jsonrpc: "2.0", id: message.id, result }, "*");
  if (message.method === "ui/initialize") answer({
    protocolVersion: message.params.protocolVersion, hostInfo: { name: "a host", version: "1" },
    hostCapabilities: {}, hostContext: {},
  });
  if (message.method === "tools/call") answer(window.second);
  if (message.method === "ui/notifications/initialized")
    frame.postMessage({
      jsonrpc: "2.0", method: "ui/notifications/tool-result", params: window.first,
    }, "*");
});
"""


@pytest.fixture(scope="module")
def pages(url: str) -> list[Any]:
    """Two results that follow each other. Asked for before the browser, which keeps a loop busy."""
    (first,) = calls(url, ("search", {"query": "a castle on a hill", "k": 3}))
    cursor = first.structured_content["next_cursor"]
    return [first, *calls(url, ("search", {"cursor": cursor}))]


@pytest.fixture(scope="module")
def browser(pages: list[Any]) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_hits_are_shown_and_more_of_them(browser: Any, pages: list[Any]) -> None:
    first, second = pages
    cursor = first.structured_content["next_cursor"]
    markup = "<img src=x onerror=alert(1)>"
    first.structured_content["hits"][0]["path"] = f"/photos/{markup}.jpg"  # a name is a text
    # As where the file of the second hit is gone.
    first.structured_content["pictured"] = [0, 2]
    del first.content[2]
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("request", lambda request: errors.append(request.url)
            if not request.url.startswith(("data:", "about:")) else None)  # fmt: skip
    page.set_content("<iframe sandbox='allow-scripts' width=600 height=600></iframe>")
    results = [one.model_dump(mode="json", by_alias=True) for one in (first, second)]
    page.evaluate(
        f"[window.first, window.second] = {json.dumps(results)}; {HOST}"
        f"document.querySelector('iframe').srcdoc = {json.dumps(GRID.read_text())}"
    )
    frame = page.frame_locator("iframe")
    frame.locator("figure").nth(2).wait_for()
    assert frame.locator("figure").count() == 3
    assert f"{markup}.jpg" in frame.locator("figcaption").first.inner_text()
    shown = frame.locator("figure").evaluate_all("all => all.map(one => one.firstChild.tagName)")
    assert shown == ["IMG", "DIV", "IMG"]
    assert frame.locator("img").first.evaluate("image => image.naturalWidth") > 100
    assert float(frame.locator("meter").first.get_attribute("value")) > 0.05
    frame.locator("#more").click()
    frame.locator("figure").nth(5).wait_for()
    asked = page.evaluate("window.asked.filter(one => one.method === 'tools/call')")
    assert asked[0]["params"] == {"name": "search", "arguments": {"cursor": cursor}}
    sizes = page.evaluate("window.asked.filter(one => one.method.endsWith('size-changed'))")
    assert sizes[0]["params"]["height"] > 100
    assert not errors
    page.close()
