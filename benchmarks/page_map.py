"""The page's map of very many items, in Chromium.

    python -m benchmarks page_map [--items 100000] [--runs 3]

Over the collection of `python -m benchmarks page`. Told is how much of what is like an item lies
near it on the plane: of 500 items, how many of the ten nearest there are among the most alike by
their vectors (a two-hundredth of all items), and the share of these that is among as many nearest
there. The map is enlarged and reduced by the wheel, and, enlarged twofold, dragged to and fro by 8
pixels every 16 ms. Told are the time until it is there (made by the server the first time, with the
processor time that takes, then as it was kept), and of each frame the time of the
page's thread between the frame's begin and its end: by the clock, and of the processor, which a
busy machine does not change. A screen shows 60 frames a second where none takes 16.7 ms. Chromium
draws without a graphics card.
"""

import argparse
import base64
import json
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.page import SIZE, made, processor_seconds, served
from benchmarks.rows import Row
from sensorium import Collection
from sensorium.errors import MissingExtraError, UsageError

FRAME = 1000 / 60
"""Milliseconds."""

JUDGED = 500
"""Items whose neighbours are compared."""

STEPS, PIXELS = 120, 8
"""Of one drag."""

TURNS = 30
"""Of the wheel, each way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--items", type=int, default=100_000, help="of the collection")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure the map; see the module."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise MissingExtraError("playwright", "test") from error
    chromium = shutil.which("chromium")
    if chromium is None:
        raise UsageError("chromium is not installed: `apt-get install chromium`")
    items, runs = (10_000, 1) if arguments.quick else (arguments.items, arguments.runs)
    case, rows = f"{items:,} items", []
    collection = made(items)
    with served(collection) as (url, process), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        before = processor_seconds(process)
        page, first = _opened(browser, url)
        spent = processor_seconds(process) - before
        page.context.close()
        for name, seconds in (("until it is there", first), ("of the server's processor", spent)):
            rows.append(Row("page_map", case, "first time", name, round(seconds, 1), "s"))
        for name, share in _kept(url, collection).items():
            rows.append(Row("page_map", case, "near", name, round(100 * share, 1), "%"))
        again: list[float] = []
        frames: dict[str, list[tuple[float, float]]] = {"moved": [], "enlarged": []}
        for _ in range(runs):
            page, seconds = _opened(browser, url)
            again.append(seconds)
            frames["enlarged"] += _frames(browser, page, _enlarged)
            page.mouse.wheel(0, -200)  # where all is seen, there is little to go aside
            page.wait_for_timeout(1000)
            frames["moved"] += _frames(browser, page, _moved)
            page.context.close()
        browser.close()
    rows.append(Row("page_map", case, "kept", "until it is there", round(min(again), 1), "s"))
    for name, of_each in frames.items():
        for kind, values in zip(
            ("by the clock", "of the processor"), np.array(of_each).T, strict=True
        ):
            told = {
                "median": np.median(values), "95 of 100": np.quantile(values, 0.95),
                "longest": values.max(),
            }  # fmt: skip
            for what, value in told.items():
                rows.append(Row("page_map", case, what, f"{name}, {kind}", round(value, 1), "ms"))
        within = np.mean([spent < FRAME for _, spent in of_each])
        rows.append(Row("page_map", case, "within 1/60 s", name, round(100 * within, 1), "%"))
        rows.append(Row("page_map", case, "frames", name, len(of_each), ""))
    return rows


def _kept(url: str, path: Path) -> dict[str, float]:
    """How much of what is alike is near on the plane."""
    with urllib.request.urlopen(f"{url}/api/collections/page/map", timeout=600) as answer:
        told = json.load(answer)
    x, y = (np.frombuffer(base64.b64decode(told[name]), "<f4") for name in "xy")
    with Collection(path, create=False) as collection:
        vectors = collection.segments().vectors  # one of each item, in the same order
    many = len(vectors) // 200
    ten, all_of_them = [], []
    for row in np.random.default_rng(0).choice(len(vectors), JUDGED, replace=False):
        cosines, near = vectors @ vectors[row], -((x - x[row]) ** 2) - (y - y[row]) ** 2
        cosines[row] = near[row] = -np.inf
        alike, beside = (np.argpartition(-values, many)[:many] for values in (cosines, near))
        ten.append(np.isin(np.argpartition(-near, 10)[:10], alike).mean())
        all_of_them.append(np.isin(alike, beside).mean())
    return {
        f"ten nearest that are of the {many} most alike": float(np.mean(ten)),
        f"most alike that are of the {many} nearest": float(np.mean(all_of_them)),
    }


def _opened(browser: Any, url: str) -> tuple[Any, float]:
    page = browser.new_context(viewport=SIZE).new_page()
    began = time.perf_counter()
    page.goto(f"{url}/#room=map")
    page.wait_for_selector(".legend span", timeout=600_000)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(1000)
    return page, seconds


def _moved(page: Any) -> None:
    page.mouse.move(700, 450)
    page.mouse.down()
    for step in range(STEPS):
        half = STEPS // 2
        page.mouse.move(700 - PIXELS * (half - abs(step - half)), 450)
        page.wait_for_timeout(16)
    page.mouse.up()
    page.wait_for_timeout(500)


def _enlarged(page: Any) -> None:
    page.mouse.move(600, 500)
    for way in (-1, 1):
        for _ in range(TURNS):
            page.mouse.wheel(0, way * 60)
            page.wait_for_timeout(30)
    page.wait_for_timeout(500)


def _frames(browser: Any, page: Any, act: Any) -> list[tuple[float, float]]:
    """Milliseconds of each frame's own work, by the clock and of the processor."""
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    act(page)
    trace = json.loads(browser.stop_tracing())
    return [
        (event["dur"] / 1000, event.get("tdur", event["dur"]) / 1000)
        for event in trace["traceEvents"]
        if event["name"] == "FireAnimationFrame" and event["ph"] == "X"
    ]
