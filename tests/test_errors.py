"""What an error tells people to install exists: it is taken from where pip found Sensorium."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def told(site: Path) -> str:
    """What a process says that finds the package's records in a folder."""
    program = (
        "from sensorium.errors import MissingExtraError\nprint(MissingExtraError('av', 'media'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT / "src")])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def installed(site: Path, direct_url: dict[str, Any] | None) -> Path:
    """Write what pip writes beside an installed package (PEP 610)."""
    records = site / "sensorium-0.1.0.dist-info"
    records.mkdir(parents=True)
    (records / "METADATA").write_text("Metadata-Version: 2.1\nName: sensorium\nVersion: 0.1.0\n")
    if direct_url is not None:
        (records / "direct_url.json").write_text(json.dumps(direct_url))
    return site


@pytest.mark.parametrize("editable", [True, False])
def test_from_a_checkout(tmp_path: Path, editable: bool) -> None:
    checkout = tmp_path / "my übung"
    checkout.mkdir()
    url = {"url": checkout.as_uri(), "dir_info": {"editable": True} if editable else {}}
    command = f'pip install {"-e " if editable else ""}"{checkout}[media]"'
    assert told(installed(tmp_path / "site", url)) == f"av is not installed; run: {command}"


def test_from_a_repository(tmp_path: Path) -> None:
    url = {"url": "https://example.org/s.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}
    command = 'pip install "sensorium[media] @ git+https://example.org/s.git"'
    assert told(installed(tmp_path / "site", url)).endswith(f"run: {command}")


@pytest.mark.parametrize("url", [None, {"url": "file:///gone/away", "dir_info": {}}])
def test_from_nowhere_known(tmp_path: Path, url: dict[str, Any] | None) -> None:
    """No package index has it, so it never says `pip install sensorium`."""
    expected = 'pip install ".[media]" in the folder of Sensorium\'s sources'
    assert told(installed(tmp_path / "site", url)).endswith(f"run: {expected}")
