"""The page's map of very many items, in Chromium.

    python -m benchmarks page_map [--items 100000] [--runs 3]

Over the collection of `python -m benchmarks page`. The map is enlarged and reduced by the wheel,
and, enlarged twofold, dragged to and fro by 8 pixels every 16 ms. Told are the time until it is
there (made by the server the first time, then as it was kept), and of each frame the time of the
page's thread between the frame's begin and its end: by the clock, and of the processor, which a
busy machine does not change. A screen shows 60 frames a second where none takes 16.7 ms. Chromium
draws without a graphics card.
"""

import argparse
import json
import shutil
import time
from typing import Any

import numpy as np

from benchmarks.page import SIZE, made, served
from benchmarks.rows import Row
from sensorium.errors import MissingExtraError, UsageError

FRAME = 1000 / 60
"""Milliseconds."""

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
    with served(made(items)) as (url, _), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, first = _opened(browser, url)
        page.context.close()
        rows.append(Row("page_map", case, "first time", "until it is there", round(first, 1), "s"))
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
