"""What a browser shows of encoded pictures: pixels that headless Chromium decoded."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt

SECONDS = 180

_PAGE = """<!doctype html><script>
async function read(url) {
  const image = new Image(); image.src = url;
  try { await image.decode(); } catch (error) { return null; }
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let text = ""; for (const level of data) text += String.fromCharCode(level);
  return [canvas.width, canvas.height, btoa(text)];
}
(async () => {
  const found = {};
  for (const [name, url] of Object.entries(await (await fetch("/files")).json()))
    found[name] = await read(url);
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
})();
</script>"""


def browser() -> str | None:
    """The program, where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def shown(files: Mapping[str, tuple[str, bytes]]) -> dict[str, npt.NDArray[np.uint8] | None]:
    """Decode pictures in a browser.

    Parameters
    ----------
    files : mapping
        Of names to type ("image/png") and content.

    Returns
    -------
    dict
        Of names to RGBA, shape (h, w, 4), in sRGB; None where the browser shows nothing.
    """
    program = browser()
    assert program is not None
    urls = {
        name: f"data:{kind};base64,{base64.b64encode(content).decode()}"
        for name, (kind, content) in files.items()
    }
    answers: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/"
            body = (_PAGE if is_page else json.dumps(urls)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if is_page else "application/json")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            answers.append(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()
            Thread(target=self.server.shutdown).start()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as folder:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
             "--force-color-profile=srgb", f"--user-data-dir={folder}",
             f"http://127.0.0.1:{server.server_port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            serving.join(SECONDS)
        finally:
            process.terminate()
            process.wait(10)
            server.shutdown()
    assert answers, "the browser did not answer"
    return {
        name: None
        if entry is None
        else np.frombuffer(base64.b64decode(entry[2]), np.uint8).reshape(entry[1], entry[0], 4)
        for name, entry in answers[0].items()
    }
