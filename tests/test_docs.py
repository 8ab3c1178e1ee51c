"""The documentation's blocks run, in order, page by page, and print what the pages show."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import pytest

from tests import bare_docs
from tests.pages import Block, Terminal, blocks, run_page

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
PAGE_NAME = attrgetter("name")
NEEDS = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
SETS_UP = re.compile(r"^(\$ )?(git clone|make|pip install|source|sudo) .*\n", re.MULTILINE)
"""What changes that which is installed, and is not for this environment."""
TRANSLATED = ROOT / "README.zh-CN.md"
COMMENT = re.compile(r" +#.*")
TRANSLATES = re.compile(r"(?<=labels )\S+|'.*?'|\".*?\"|[^ -~]+|caption_\w+")
BLOCK_SECONDS = 300.0


def without_setting_up(text: str) -> str:
    return SETS_UP.sub("", text)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    folder, scratch = tmp_path / "checkout", tmp_path / "blocks"
    # A copy: a page deletes what it finds twice.
    shutil.copytree(ROOT / "sample", folder / "sample")
    scratch.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "SENSORIUM_COLLECTION": str(tmp_path / "home" / "library.sensorium"),
    }
    terminal = Terminal(folder, scratch, environment)
    yield terminal
    terminal.close()


# Ten seconds to a minute each. `make docs` runs the pages from an empty home, too; what the
# translation's blocks do, README's do (below).
LONG = (
    "README.md", "README.zh-CN.md", "answer.md", "bulk.md", "caption.md", "classifier.md",
    "clients.md", "collection-format.md", "contrastive.md", "design.md", "detect.md",
    "dialogue.md", "encoders.md", "evaluation.md", "explain.md", "fusion.md", "generation.md",
    "hashing.md", "http.md", "lance.md", "mcp.md", "media.md", "scale.md", "scores.md", "search.md",
    "segment.md", "speak.md", "summarize.md", "transcribe.md", "trust.md", "ways.md",
)  # fmt: skip
RUN = [pytest.param(page, marks=pytest.mark.slow) if page.name in LONG else page for page in PAGES]


@pytest.mark.parametrize("page", RUN, ids=[page.name for page in PAGES])
def test_blocks_run_and_print_what_is_shown(page: Path, terminal: Terminal) -> None:
    for package in NEEDS.findall(page.read_text("utf-8")):
        pytest.importorskip(package)
    for _ in run_page(terminal, page, BLOCK_SECONDS, slow=False, change=without_setting_up):
        pass


def test_every_page_is_run_bare() -> None:
    assert sorted(str(page.relative_to(ROOT)) for page in PAGES if page != TRANSLATED) == sorted(
        bare_docs.PAGES
    )


def test_translated_blocks_do_the_same() -> None:
    ours, theirs = (
        [*blocks((ROOT / name).read_text("utf-8"))] for name in ("README.md", TRANSLATED.name)
    )
    assert [block.kind for block in theirs] == [block.kind for block in ours]
    for block, other in zip(ours, theirs, strict=True):
        assert skeleton(other) == skeleton(block), f"{TRANSLATED.name}:{other.line}"


def skeleton(block: Block) -> list[str]:
    """Lines of a block without what a translation changes: comments, questions and labels."""
    lines = [COMMENT.sub("", line) for line in block.text.splitlines()]
    if block.kind == "terminal":
        return lines
    return [TRANSLATES.sub("_", line) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAME)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_attribution_is_up_to_date() -> None:
    namespace: dict[str, object] = {"__file__": str(ROOT / "sample" / "attribution.py")}
    source = (ROOT / "sample" / "attribution.py").read_text("utf-8")
    exec(compile(source, "attribution.py", "exec"), namespace)
    rendered = namespace["attribution"]()  # type: ignore[operator]
    assert (ROOT / "sample" / "ATTRIBUTION.md").read_text("utf-8") == rendered
