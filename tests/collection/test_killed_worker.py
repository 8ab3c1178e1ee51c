"""A reading process that the system kills in the middle of a folder costs one named file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.media import isolation
from tests.collection.pictures import png
from tests.media.pdfs import text_pdf

BUSY_SECONDS = 0.3
SMALL = 40


def _used(process: int) -> float:
    """Processor time of a process, in seconds."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children() -> set[int]:
    own = os.getpid()
    found: set[int] = set()
    for task in Path(f"/proc/{own}/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_real_kill(tmp_path: Path, tiny: Path) -> None:
    isolation._pool.end()
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(SMALL):
        (folder / f"{number:03}.png").write_bytes(png(number))
        (folder / f"{number:03}.pdf").write_bytes(text_pdf(f"A dog. Number {number}."))
    long = folder / "020-long.pdf"
    long.write_bytes(text_pdf(*["A red square beside a blue one. " * 30] * 1200))
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        """Kill the first process that is busy for long: the one that reads the long file."""
        since: dict[int, float] = {}
        while not over.wait(0.02):
            for process in _children():
                used = _used(process)
                if used - since.setdefault(process, max(used, 0.5)) > BUSY_SECONDS:
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    return

    killer = threading.Thread(target=kill)
    killer.start()
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        report = library.add(folder)
        over.set()
        killer.join()
        assert len(killed) == 1
        (skipped,) = report.skipped
        assert skipped.path == str(long)
        assert skipped.reason.startswith("the system ended the process that read it")
        assert report.added == 2 * SMALL
        assert library.search("number", mode="words")
        again = library.add(folder)  # and it is read the next time
        assert (again.added, again.unchanged, again.skipped) == (1, 2 * SMALL, [])
