"""Disks of their own for tests: small ones, and such that nothing can be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Let a folder be a disk of its own; the test is skipped where none can be made."""
    folder.mkdir()
    if os.name != "posix" or os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a disk")
    made = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    if subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Let nothing be written to a disk that `disk` made."""
    subprocess.run(["mount", "-o", "remount,ro", "none", str(folder)], check=True)
