"""The page of `sensorium serve` over very many items, in Chromium.

    python -m benchmarks page [--items 100000] [--runs 5] [--pictures FOLDER]

The collection has the sample's photos over and over, under names and dates of their own, with
vectors a little beside theirs; it is made once (minutes) and kept in the cache. The server runs in
a process of its own, as `sensorium serve` starts it, and was asked once before. Chromium (Debian's,
headless) draws without a graphics card. Measured are: the first paint, and until pictures are
there; from the last key of a question to the frame that shows its hits, with the processor time of
the server and of the page's process for one question; and while it is scrolled, by gestures, 60,000
pixels at 4,000 a second and in leaps across everything: the longest task of the page's thread in
Chromium's own trace (also in processor time, which a busy machine changes less) and frames in which
a row in view had no cells.
"""

import argparse
import datetime
import json
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.datasets import home
from benchmarks.rows import Row
from benchmarks.sample import SAMPLE, sample_rows
from sensorium import Collection
from sensorium.errors import MissingExtraError, UsageError

BESIDE = 0.02
"""Standard deviation of what is added to each number of a photo's vector: neighbours stay so."""

SIZE = {"width": 1400, "height": 900}

KEY_DELAY = 120
"""Milliseconds between keys: 100 words a minute, a quick typist's."""

PIXELS, SPEED = 20_000, 4_000
"""Of one gesture; pixels a second."""

GESTURES, LEAPS = 3, 10

QUESTIONS = (
    "a castle on a hill", "fish in the sea", "old wooden chair", "tower in the city",
    "horse on a meadow", "a cup of coffee", "red flower", "snow and mountains",
)  # fmt: skip

BUDGETS = {
    "first paint": (1000, "ms"),
    "last key to hits": (150, "ms"),
    "longest task": (100, "ms"),
    "blank frames": (0, ""),
}

WATCH = """
addEventListener("keydown", (event) => (window.lastKey = event.timeStamp), true);
addEventListener("DOMContentLoaded", () => {
  const grid = document.getElementById("grid");
  new MutationObserver(() => requestAnimationFrame(() => {
    window.shown = { asked: grid.dataset.asked, at: performance.now() };
  })).observe(grid, { attributes: true, attributeFilter: ["data-asked"] });
});
window.frames = { seen: 0, blank: 0 };
// Before the page draws: what stands there is what a frame in between may have shown.
addEventListener("scroll", () => {
  const whole = document.getElementById("grid").getBoundingClientRect();
  const top = Math.max(whole.top, document.querySelector(".top").offsetHeight);
  const bottom = Math.min(whole.bottom, innerHeight);
  let [first, last] = [Infinity, -Infinity];
  for (const cell of document.querySelectorAll(".cell")) {
    const { top, bottom } = cell.getBoundingClientRect();
    first = Math.min(first, top);
    last = Math.max(last, bottom);
  }
  window.frames.seen++;
  // A gap between rows is no blank row.
  if (first > top + 10 || last < bottom - 10) window.frames.blank++;
}, true);
"""


Server = tuple[str, int]
"""Its address, and the number of its process."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--items", type=int, default=100_000, help="of the collection")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="draw those of the docs, measure nothing"
    )
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure the page; see the module."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtraError("playwright", "test") from error
    chromium = shutil.which("chromium")
    if chromium is None:
        raise UsageError("chromium is not installed: `apt-get install chromium`")
    if arguments.pictures:
        with sync_playwright() as started:
            _draw(
                started.chromium.launch(executable_path=chromium, args=["--no-sandbox"]),
                arguments.pictures,
            )
        return []
    items, runs = (10_000, 2) if arguments.quick else (arguments.items, arguments.runs)
    collection = made(items)
    with served(collection) as server, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found: dict[str, list[float]] = {}
        for _ in range(runs):
            for measure in (_first_paint, _keys, _answers, _scrolling):
                for name, values in measure(browser, server).items():
                    found.setdefault(name, []).extend(values)
        browser.close()
    return list(_rows(f"{items:,} items", found))


def _draw(browser: Any, folder: Path) -> None:
    """Draw the sample on the page, for the docs."""
    # Anew: one that was made from another copy of the sample would show everything twice.
    with TemporaryDirectory() as made_in, _of_sample(Path(made_in)) as (url, _):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}#q=a castle on a hill")
        page.wait_for_selector(".line")
        page.wait_for_timeout(2000)
        page.screenshot(path=folder / "page.jpg", type="jpeg", quality=75)
        page.fill("#words", "a castle")
        page.wait_for_selector('#grid[data-asked="a castle"]')
        page.emulate_media(color_scheme="dark")
        page.click(".hit")
        page.click("text=Why this hit?")
        page.wait_for_selector(".overlay", timeout=60_000)
        # Where the sample lies is of no use to whoever looks at the picture.
        page.evaluate(
            "[...document.querySelectorAll('.facts dd')].find((one) => "
            "one.textContent.startsWith('/')).textContent = '/home/you/photos/'"
        )
        page.screenshot(path=folder / "page-hit.jpg", type="jpeg", quality=80)
        _draw_talk(page, url, folder / "page-chat.jpg")


def _draw_talk(page: Any, url: str, path: Path) -> None:
    """Draw a conversation beside the grid."""
    page.emulate_media(color_scheme="light")
    page.goto(f"{url}?talk")
    page.click("#talk")
    for turn, said in enumerate(("photos of windmills", "the second one"), 1):
        page.fill("#say", said)
        page.click("#send")
        page.locator(".theirs .shown").nth(turn - 1).wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    page.screenshot(path=path, type="jpeg", quality=80)


@contextmanager
def _of_sample(folder: Path) -> Iterator[Server]:
    """Serve the sample's photos, added with what its table says of them."""
    path = folder / "sample.sensorium"
    with Collection(path, "mini") as collection:
        collection.add(SAMPLE / "images.csv")
    with served(path) as server:
        yield server


def made(items: int) -> Path:
    """A collection of so many items, made when it is not there yet."""
    folder = home() / f"page-{items}"
    path = folder / "page.sensorium"
    done = folder / "done"
    if done.exists():
        return path
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Collection(folder / "sample.sensorium", "mini") as sample:
        sample.add(*[row["image"] for row in sample_rows()])
        held = sample.segments()
        photos = list(sample.items(ids=held.item_ids))
    chance = random.Random(0)
    noise = np.random.default_rng(0)
    vectors = np.empty((items, held.vectors.shape[1]), np.float32)
    names, metadata = [], []
    began = datetime.datetime(2010, 1, 1)
    for n in range(items):
        photo, vector = photos[n % len(photos)], held.vectors[n % len(photos)]
        vectors[n] = vector + noise.normal(0, BESIDE, vector.shape)
        name = folder / f"{n // 1000:04}" / f"{Path(photo.path).stem}_{n}.jpg"
        name.parent.mkdir(exist_ok=True)
        name.symlink_to(photo.path)
        names.append(name)
        taken = began + datetime.timedelta(hours=chance.randrange(15 * 365 * 24))
        metadata.append({**photo.metadata, "taken": taken.isoformat()})
    with Collection(path, "mini") as collection:
        collection.add_vectors(vectors, names, metadata=metadata)
    done.touch()
    return path


@contextmanager
def served(collection: Path) -> Iterator[Server]:
    """Serve a collection in a process of its own; gives its address and the process's number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sensorium", "serve", f"page={collection}"]
    with subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url, server)
            yield url, server.pid
        finally:
            server.terminate()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    asked = urllib.request.Request(
        f"{url}/api/collections/page/search", json.dumps({"query": "warm"}).encode(),
        {"content-type": "application/json"},
    )  # fmt: skip
    for _ in range(600):
        if server.poll() is not None:
            raise UsageError("the server ended before it answered")
        try:
            with urllib.request.urlopen(asked, timeout=60):
                return
        except OSError:
            time.sleep(0.2)
    raise UsageError("the server does not answer")


def _opened(browser: Any, server: Server) -> Any:
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(server[0])
    page.wait_for_selector(".hit img.shown")
    return page


def _first_paint(browser: Any, server: Server) -> dict[str, list[float]]:
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.goto(server[0])
    page.wait_for_selector(".hit img.shown")
    pictures = page.evaluate("performance.now()")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return {"first paint": [painted], "first pictures": [pictures]}


def _keys(browser: Any, server: Server) -> dict[str, list[float]]:
    page = _opened(browser, server)
    times, servers = [], []
    for question in QUESTIONS:
        page.fill("#words", "")
        page.wait_for_selector('#grid[data-asked=""]')
        page.wait_for_timeout(500)
        page.focus("#words")
        page.keyboard.type(question, delay=KEY_DELAY)
        page.wait_for_selector(f'#grid[data-asked="{question}"]')
        page.wait_for_timeout(100)
        times.append(page.evaluate("window.shown.at - window.lastKey"))
        servers.append(
            page.evaluate(
                """(() => {
                  const all = performance.getEntriesByType("resource");
                  const { requestStart, responseEnd } =
                    all.filter(({ name, responseStatus }) =>
                      name.endsWith("/search") && responseStatus === 200).at(-1);
                  performance.clearResourceTimings();
                  return responseEnd - requestStart;
                })()"""
            )
        )
    page.context.close()
    return {"last key to hits": times, "of which the server": servers}


def _answers(browser: Any, server: Server) -> dict[str, list[float]]:
    """Processor time of one question that is pasted, without its pictures."""
    page = _opened(browser, server)
    page.wait_for_timeout(1000)
    page.route("**/thumbnail?*", lambda route: route.abort())
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")

    def spent() -> tuple[float, float]:
        metrics = protocol.send("Performance.getMetrics")["metrics"]
        (seconds,) = (one["value"] for one in metrics if one["name"] == "ProcessTime")
        return processor_seconds(server[1]), seconds

    of_server, of_page = [], []
    for question in QUESTIONS:
        before = spent()
        page.fill("#words", question)
        page.wait_for_selector(f'#grid[data-asked="{question}"]')
        after = spent()
        of_server.append((after[0] - before[0]) * 1000)
        of_page.append((after[1] - before[1]) * 1000)
    page.context.close()
    return {
        "answer, processor time of the server": of_server,
        "answer, processor time of the page": of_page,
    }


def processor_seconds(process: int) -> float:
    """What a process has computed for since it began, on Linux; else NaN."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def _scrolling(browser: Any, server: Server) -> dict[str, list[float]]:
    page = _opened(browser, server)
    page.keyboard.type("/")
    page.keyboard.type("castle")
    page.wait_for_selector('#grid[data-asked="castle"]')
    page.wait_for_timeout(500)
    protocol = page.context.new_cdp_session(page)
    categories = ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"]
    browser.start_tracing(page=page, categories=categories)
    page.evaluate("window.frames = { seen: 0, blank: 0 }")
    for _ in range(GESTURES):
        protocol.send(
            "Input.synthesizeScrollGesture",
            {
                "x": 700, "y": 500, "yDistance": -PIXELS, "speed": SPEED,
                "gestureSourceType": "mouse",
            },
        )  # fmt: skip
    frames = page.evaluate("window.frames")
    chance = random.Random(1)
    for _ in range(LEAPS):
        share = chance.random()
        page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {share})")
        page.wait_for_timeout(300)
    tasks = _tasks(json.loads(browser.stop_tracing()))
    page.context.close()
    return {
        "longest task": [max(wall for wall, _ in tasks)],
        "longest task, processor time": [max(spent for _, spent in tasks)],
        "blank frames": [frames["blank"]],
        "frames": [frames["seen"]],
    }


def _tasks(trace: dict[str, Any]) -> list[tuple[float, float]]:
    """Milliseconds of each task of the page's thread, by the clock and of the processor."""
    events = trace["traceEvents"]
    busiest: dict[tuple[int, int], list[tuple[float, float]]] = {
        (event["pid"], event["tid"]): []
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    for event in events:
        thread = event["pid"], event["tid"]
        if event["name"].endswith("RunTask") and event["ph"] == "X" and thread in busiest:
            spent = event.get("tdur", event["dur"])
            busiest[thread].append((event["dur"] / 1000, spent / 1000))
    return max(busiest.values(), key=len)


def _rows(case: str, found: dict[str, list[float]]) -> Iterator[Row]:
    for name, values in found.items():
        unit = "" if "frames" in name else "ms"
        yield Row("page", case, "median", name, round(statistics.median(values), 1), unit)
        yield Row("page", case, "least", name, round(min(values), 1), unit)
        yield Row("page", case, "most", name, round(max(values), 1), unit)
        if name in BUDGETS:
            yield Row("page", case, "budget", name, *BUDGETS[name])
