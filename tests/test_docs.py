"""The documentation's code runs: every ``python`` and ``sh`` block, in order, page by page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])
NEEDS = re.compile(r"^<!-- needs: (\w+) -->$", re.MULTILINE)
SETS_UP = re.compile(r"^(git clone|make|pip install) ", re.MULTILINE)
"""Blocks that change what is installed, and what follows in them, are not for this environment."""
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page: Path, tmp_path: Path) -> None:
    for package in NEEDS.findall(page.read_text("utf-8")):
        pytest.importorskip(package)
    (tmp_path / "sample").symlink_to(ROOT / "sample")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SENSORIUM_COLLECTION": str(tmp_path / "library.sensorium"),
    }
    python = []
    for language, code in BLOCK.findall(page.read_text("utf-8")):
        if language == "python":
            python.append(code)
            continue
        if SETS_UP.search(code):
            continue
        done = subprocess.run(
            ["bash", "-e", "-c", code],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    if python:
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(python)],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
