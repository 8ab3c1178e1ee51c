"""Long items that are read in one thread and used up, or left, in another."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sensorium import Collection, Document
from sensorium.media import Text
from tests.media.pdfs import text_pdf

PAGES = 40
MINUTES = 2  # after which a run counts as hanging


def report_on(subject: str) -> bytes:
    return text_pdf(*[f"Page {n} is about {subject}{n}." for n in range(1, PAGES + 1)])


def test_every_page_of_long_pdfs_is_found(tmp_path: Path, tiny: Path) -> None:
    """Two in one batch: both are begun by threads that read ahead, and finished later."""
    folder, path = tmp_path / "reports", tmp_path / "c.sensorium"
    folder.mkdir()
    (folder / "boats.pdf").write_bytes(report_on("boat"))
    (folder / "trees.pdf").write_bytes(report_on("tree"))
    (folder / "zz.txt").write_text("Something short, which comes last.", "utf-8")
    command = [sys.executable, "-m", "sensorium", "index", folder, "-c", path, "--encoder", tiny]
    done = subprocess.run(
        [*command, "--json"],
        capture_output=True, text=True, timeout=MINUTES * 60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 3
    with Collection(path, tiny) as library:
        for name, subject in (("boats.pdf", "boat"), ("trees.pdf", "tree")):
            for page in range(1, PAGES + 1):
                (hit,) = library.search(f"{subject}{page}", mode="words")
                assert (Path(hit.path).name, hit.details["page"]) == (name, page)
                assert hit.text == f"Page {page} is about {subject}{page}."


def test_a_pdf_begun_in_one_thread_is_finished_or_left_in_another() -> None:
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        left = iter(Document(report_on("boat")).segments())
        first.submit(next, left).result()
        # Others are read meanwhile: what was begun holds nothing that they wait for.
        whole = iter(Document(report_on("tree")).segments())
        begun = [first.submit(next, whole).result()]
        rest = second.submit(list, whole).result(timeout=MINUTES * 60)
        texts = [part.media.text for part in [*begun, *rest] if isinstance(part.media, Text)]
        assert texts == [f"Page {n} is about tree{n}." for n in range(1, PAGES + 1)]
        second.submit(left.close).result(timeout=MINUTES * 60)  # type: ignore[attr-defined]
        again = first.submit(list, Document(report_on("boat")).segments())
        assert len(again.result(timeout=MINUTES * 60)) == PAGES
