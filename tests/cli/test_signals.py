"""A reader that goes away, and a command that is told to end, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensorium import Collection
from tests.media.small_pictures import encode, red_blue

SENSORIUM = [sys.executable, "-m", "sensorium"]


@pytest.mark.skipif(os.name != "posix", reason="the system has no SIGPIPE")
def test_a_reader_that_saw_enough_is_no_error(tiny: Path, tmp_path: Path) -> None:
    library = tmp_path / "c.sensorium"
    metadata = {"title": "long " * 4000}  # more than a pipe holds
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(encode(red_blue((30 + number, 40)), "PNG"))
    with Collection(library, tiny) as collection:
        collection.add(tmp_path, metadata=metadata)
    command = [*SENSORIUM, "search", "red", "-c", str(library), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["modality"] == "image"
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, b"")


@pytest.mark.skipif(os.name != "posix", reason="the system has no SIGTERM")
def test_sigterm_ends_as_ctrl_c_does(tiny: Path, tmp_path: Path) -> None:
    folder, library = tmp_path / "pictures", tmp_path / "c.sensorium"
    folder.mkdir()
    picture = encode(red_blue((600, 400)), "PNG")
    for number in range(600):
        (folder / f"{number}.png").write_bytes(picture + bytes([number % 256, number // 256]))
    command = [*SENSORIUM, "index", str(folder), "-c", str(library), "--encoder", str(tiny)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not _stored(library):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (143, "")
    assert said.splitlines()[-1] == "interrupted; what is stored stays, run it again to go on"
    assert 0 < _stored(library) < 600


def _stored(library: Path) -> int:
    if not library.exists():
        return 0
    try:
        with Collection(library) as collection:
            return len(collection)
    except Exception:  # it is being made
        return 0
