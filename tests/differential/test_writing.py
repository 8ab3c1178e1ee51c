"""What is read of drawn pages, beside the text that was drawn and what Tesseract reads.

Layouts, sizes, grounds and lengths as in `benchmarks.lettered`. A page is right when at most 2% of
its characters differ from what was drawn, in the order of reading.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from statistics import mean

import pytest

from benchmarks.lettered import Page, pages
from benchmarks.writing import error_rate, ours
from sensorium import Image

pytestmark = pytest.mark.slow

RIGHT = 0.02

EXPLAINED = {
    "signs 14 transparent": "single letters far apart: the detector leaves one out",
    "signs 14 turned": "single letters have no direction by which a turned page would be known",
    "signs 24 night": "single letters far apart: the detector leaves one out",
}
"""Pages that are not read rightly, and why."""


def test_drawn_pages() -> None:
    wrong = {}
    drawn = list(pages())
    for page in drawn:
        text = ours(page.picture)
        if error_rate(text, page.text) > RIGHT:
            wrong[page.name] = f"{text!r}, not {page.text!r}"
    print(f"{len(drawn)} pages compared with what was drawn on them")
    assert len(drawn) >= 40
    assert {name: text for name, text in wrong.items() if name not in EXPLAINED} == {}
    assert sorted(EXPLAINED.keys() - wrong) == [], "explained, and read rightly now"


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs tesseract")
def test_tesseract_reads_no_more(tmp_path: Path) -> None:
    """An independent reader: no layout of which it reads more, and what both read is the same."""
    rates: dict[str, list[tuple[float, float]]] = {}
    agree = 0
    some = [page for page in pages() if page.text.isascii() and "turned" not in page.name][::2]
    for page in some:
        mine, theirs = ours(page.picture), _tesseract(page, tmp_path)
        rates.setdefault(page.name.split()[0], []).append(
            (error_rate(mine, page.text), error_rate(theirs, page.text))
        )
        agree += " ".join(mine.split()) == " ".join(theirs.split())
    for name, both in rates.items():
        mine_wrong, theirs_wrong = (mean(rates_) for rates_ in zip(*both, strict=True))
        print(f"{name}: {mine_wrong:.3f} of the characters wrong, Tesseract {theirs_wrong:.3f}")
        assert mine_wrong <= theirs_wrong + RIGHT, name
    print(f"{agree} of {len(some)} pages to the letter as Tesseract reads them")
    assert agree >= len(some) // 4


def _tesseract(page: Page, folder: Path) -> str:
    file = folder / "page.png"
    Image(page.picture).load().save(file)
    run = subprocess.run(
        ["tesseract", file, "stdout", "--psm", "3"],
        capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )  # fmt: skip
    return run.stdout
