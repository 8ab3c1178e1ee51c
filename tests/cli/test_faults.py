"""A disk that fails where nobody expects it is said in a line, not as a traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sensorium.cli import app as commands
from tests.cli.conftest import Run


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr(commands, "app", full)
    done = run("info")
    assert done.code == 3
    assert done.err == (
        f"sensorium: {tmp_path / 'x'}: No space left on device; free some space, or name another "
        "place\n"
    )
