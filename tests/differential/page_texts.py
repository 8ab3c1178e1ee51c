"""What headless Chromium shows of HTML: the text of pages, and pages printed as PDF."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.differential.browser import browser

SECONDS = 120

_PAGE = """<!doctype html><meta charset=utf-8><pre id=out></pre><script>
const found = [];
for (const page of PAGES) {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'width: 900px; height: 600px';
  document.body.append(frame);
  const shown = frame.contentDocument;
  shown.open(); shown.write(page); shown.close();
  PREPARE;
  found.push(shown.body.innerText);
  frame.remove();
}
const bytes = new TextEncoder().encode(JSON.stringify(found));
let text = ''; for (const byte of bytes) text += String.fromCharCode(byte);
document.getElementById('out').textContent = btoa(text);
</script>"""


def _run(*options: str) -> str:
    program = browser()
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
             *options],
            capture_output=True, text=True, timeout=SECONDS, check=True,
        )  # fmt: skip
    return done.stdout


def inner_texts(pages: Sequence[str], prepare: str = "") -> list[str]:
    """``document.body.innerText`` of pages, after a script that may change `shown`, the page."""
    script = _PAGE.replace("PREPARE", prepare).replace(
        "PAGES", json.dumps(pages).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pages.html"
        path.write_text(script, "utf-8")
        shown = _run("--virtual-time-budget=30000", "--dump-dom", path.as_uri())
    found = re.search(r'<pre id="out">([^<]+)</pre>', shown)
    assert found, "the browser did not answer"
    texts: list[str] = json.loads(base64.b64decode(found[1]))
    return texts


def printed(page: str) -> bytes:
    """A page as the browser prints it: a PDF."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "page.html", Path(folder) / "page.pdf"
        path.write_text(page, "utf-8")
        _run("--no-pdf-header-footer", f"--print-to-pdf={out}", path.as_uri())
        return out.read_bytes()
