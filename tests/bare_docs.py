"""Run every block of README and docs from a bare environment, as a newcomer who reads it would.

    python3 -m tests.bare_docs [--quick] [PAGE ...]

README.md begins in an empty folder with an empty home: its first block clones this repository and
sets it up. All other pages begin where that block ends, each in a clone and a home of its own. They
share what is installed, in an order in which no page leans on what only a later one names, and run
while README.md does. What is not committed does not take part. Nothing needs to be there but git,
make and a Python with venv. ``--quick`` leaves out what is marked slow.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.pages import ROOT, Block, BlockFailedError, Terminal, blocks, run, run_page

PAGES = (
    "README.md",
    # These need no more than `make demo` installs ...
    "docs/bulk.md", "docs/collection-format.md", "docs/design.md", "docs/dialogue.md",
    "docs/encoder-format.md", "docs/evaluation.md", "docs/scores.md", "docs/search.md",
    "docs/trust.md", "docs/tasks/answer.md", "docs/tasks/summarize.md",
    "docs/tasks/translate.md",
    "docs/tasks/caption.md", "docs/tasks/detect.md", "docs/tasks/explain.md",
    "docs/tasks/segment.md", "docs/training/classifier.md",
    # ... and these each name more.
    "docs/tasks/speak.md", "docs/tasks/transcribe.md", "docs/media.md", "docs/encoders.md",
    "docs/training/hashing.md", "docs/serve/mcp.md", "docs/serve/clients.md", "docs/serve/http.md",
    "docs/serve/page.md", "docs/serve/ways.md",
    "docs/training/contrastive.md", "docs/training/fusion.md", "docs/training/generation.md",
    "docs/lance.md", "docs/datasets.md", "docs/litert.md", "docs/scale.md",
)  # fmt: skip
"""The Chinese README is compared with the English one instead (`tests/test_docs.py`)."""

REPOSITORY = "<this repository>"
"""What README.md calls the address that people clone from."""

BLOCK_SECONDS = 1200.0
PASSED_ON = ("LANG", "LC_ALL", "PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
"""Variables that the terminal gets, with those of pip: what a fresh login would have."""


def environment(home: Path) -> dict[str, str]:
    """Variables of a terminal whose user has just logged in for the first time."""
    home.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items()
            if name.upper() in PASSED_ON or name.startswith("PIP_")}  # fmt: skip
    # As in the tests: FAISS's threads wait for each other spinning, where others compute as well.
    always = {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "TERM": "xterm-256color"}
    return {**always, **kept, "HOME": str(home)}


def start() -> Block:
    """README's first block, which sets everything up."""
    return next(blocks((ROOT / "README.md").read_text("utf-8")))


def here(text: str) -> str:
    """Put this checkout where README.md has the address of the repository."""
    return text.replace(REPOSITORY, str(ROOT))


def tell(page: str, terminal: Terminal, slow: bool) -> list[str]:
    """Run a page's blocks, tell how long each takes and what is wrong, and return where that is.

    After a block that fails the rest of the page is not run: it would fail for that reason.
    """
    began = time.monotonic()
    try:
        for block in run_page(terminal, ROOT / page, BLOCK_SECONDS, slow=slow, change=here):
            print(f"  {page}:{block.line} {time.monotonic() - began:.0f} s", flush=True)
            began = time.monotonic()
    except BlockFailedError as error:
        print(f"  {error}", flush=True)
        return [page]
    return []


def readme(folder: Path, slow: bool) -> list[str]:
    """Run README.md in an empty folder."""
    return _in_terminal("README.md", folder, folder, slow)


def pages(names: Sequence[str], folder: Path, slow: bool) -> list[str]:
    """Set up as README does, and run pages, each in a clone beside that."""
    first = folder / "start"
    first.mkdir(parents=True)
    terminal = _terminal(first, first)
    try:
        block = start()
        print(f"  setting up as README.md:{block.line} says", flush=True)
        run(terminal, Block("sh", here(block.text), 0), BLOCK_SECONDS)
        # The second time everything is there, and the checkout is as it was.
        run(
            terminal,
            Block("sh", 'make demo\ntest -z "$(git status --porcelain)"', 0),
            BLOCK_SECONDS,
        )
    except BlockFailedError as error:
        print(f"  README.md:{block.line}: {error}", flush=True)
        return [f"README.md:{block.line}"]
    finally:
        terminal.close()
    wrong = []
    for name in names:
        place = folder / name.replace("/", "-")
        checkout = place / "sensorium"
        subprocess.run(["git", "clone", "-q", ROOT, checkout], check=True)
        (checkout / ".venv").symlink_to(first / "sensorium" / ".venv")
        wrong += _in_terminal(name, place, checkout, slow, "source .venv/bin/activate")
    return wrong


def _terminal(place: Path, folder: Path) -> Terminal:
    scratch = place / "blocks"
    scratch.mkdir(parents=True)
    return Terminal(folder, scratch, environment(place / "home"))


def _in_terminal(page: str, place: Path, folder: Path, slow: bool, before: str = "") -> list[str]:
    began = time.monotonic()
    terminal = _terminal(place, folder)
    try:
        # An administrator's shell may have no sudo, which pages write for everybody else.
        terminal.run("sh", f'command -v sudo >/dev/null || sudo() {{ "$@"; }}\n{before}\n', 60)
        return tell(page, terminal, slow)
    finally:
        terminal.close()
        print(f"{page}: {time.monotonic() - began:.0f} s", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the pages that are named, or all."""
    slow = "--quick" not in arguments
    names = [name for name in arguments if name != "--quick"] or [*PAGES]
    if unknown := [name for name in names if name not in PAGES]:
        print(f"no such page: {', '.join(unknown)}; known: {', '.join(PAGES)}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="docs-"))
    began = time.monotonic()
    try:
        with ThreadPoolExecutor() as both:
            runs = []
            if "README.md" in names:
                runs.append(both.submit(readme, folder / "readme", slow))
                names.remove("README.md")
            if names:
                runs.append(both.submit(pages, sorted(names, key=PAGES.index), folder, slow))
            wrong = [name for run in runs for name in run.result()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    used = os.times()
    print(
        f"{time.monotonic() - began:.0f} s, "
        f"{used.children_user + used.children_system:.0f} s of a processor",
        flush=True,
    )
    print(f"wrong: {', '.join(wrong)}" if wrong else "every block runs", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
