"""A line that was on its way when somebody pressed Ctrl-C is there once: neither twice nor not."""

from __future__ import annotations

import io
import os
import random
import signal
import threading
import time
from types import FrameType

import pytest

from sensorium.cli.terminal import _Pipe

LINES = 2000


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_interrupted_lines_are_written_once() -> None:
    reading, writing = os.pipe()
    got: list[bytes] = []

    def read() -> None:
        while block := os.read(reading, 65536):
            got.append(block)

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    thread = threading.Thread(target=read)
    thread.start()
    stream = io.TextIOWrapper(io.BufferedWriter(_Pipe(writing, "w", closefd=False)))
    before, draw = signal.signal(signal.SIGALRM, interrupt), random.Random(1)
    interrupted = 0
    for number in range(LINES):
        stream.write(f"line {number}\n")
        try:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-6, 3e-5))
            stream.flush()
            time.sleep(0.001)
        except KeyboardInterrupt:
            interrupted += 1
        stream.flush()
    signal.signal(signal.SIGALRM, before)
    os.close(writing)
    thread.join()
    os.close(reading)
    assert interrupted > LINES // 2
    assert b"".join(got).decode().splitlines() == [f"line {number}" for number in range(LINES)]
