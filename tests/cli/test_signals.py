"""A reader that goes away, and a command that is told to end, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensorium import Collection
from tests.cli.conftest import Run
from tests.media.made_tracks import Pictures, Sound, tone, write
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists no children")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interruption_while_films_are_read_leaves_no_process(
    number: signal.Signals, code: int, tiny: Path, tmp_path: Path
) -> None:
    folder, library = tmp_path / "films", tmp_path / "c.sensorium"
    folder.mkdir()
    write(folder / "0.mp4", Pictures(20.0), Sound([(0.0, tone(20.0))]))
    for film in range(1, 40):
        shutil.copy(folder / "0.mp4", folder / f"{film}.mp4")
        with (folder / f"{film}.mp4").open("ab") as file:  # a box that says nothing
            file.write(struct.pack(">I4sI", 12, b"free", film))
    command = [*SENSORIUM, "index", str(folder), "-c", str(library), "--encoder", str(tiny)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    threads = Path(f"/proc/{process.pid}/task")
    children: set[str] = set()
    while process.poll() is None and not _stored(library):
        for thread in list(threads.iterdir()):
            with contextlib.suppress(OSError):  # it has ended
                children.update((thread / "children").read_text().split())
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=120)

    assert process.returncode == code and children
    assert not [child for child in children if Path("/proc", child).exists()]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert _stored(library) == 40


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is full")
def test_streams_that_are_full_or_closed(shell: Run, library: Path) -> None:
    line = 'sensorium search red -c "$1" --paths'
    full = shell(f"{line} > /dev/full", library)
    assert full.code == 3 and "standard output cannot be written (No space left" in full.err
    silent = shell(f"{line} 2> /dev/full", library)
    usual = shell(line, library)
    assert (silent.code, silent.out) == (usual.code, usual.out) == (0, usual.out)
    closed = shell(f"{line} 0<&- >&- 2>&-", library)
    assert (closed.code, closed.out, closed.err) == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="the system has no SIGTERM")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interruption_before_the_work_begins_is_no_traceback(
    number: signal.Signals, code: int
) -> None:
    program = (
        "import os, sys, sensorium.cli.app as app\n"
        f"app.app = lambda: os.kill(os.getpid(), {int(number)}) or input()\n"
        "from sensorium.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def _stored(library: Path) -> int:
    if not library.exists():
        return 0
    try:
        with Collection(library) as collection:
            return len(collection)
    except Exception:  # it is being made
        return 0
