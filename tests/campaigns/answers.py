"""Servers that answer wrongly: embedding servers, and those from which a medium is fetched.

Each wrong answer is given from the first request on, once in the middle of an `index`, and from the
middle on for ever; and as the answer to a query that is a URL. Right is a clear error within a
bounded time and memory, or another try; nothing wrong is stored, what was stored stays.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import PIL.Image

from tests.campaigns import running
from tests.campaigns.running import Done, run
from tests.campaigns.servers import (
    GOOD,
    RIGHT,
    WRONG,
    Answer,
    serving,
    vector_of,
)
from tests.campaigns.tally import Tally
from tests.tiny_encoder import make_tiny_encoder

SILENCE = 1.0
"""Seconds that one request may take here; 60 as it is shipped."""

LONGEST = 30.0
"""Seconds that a command may take then: eight tries, and a start on a busy machine."""

MOST_MEMORY = 1_200_000_000
"""Bytes; a command takes 450 MB of them, with all libraries that a campaign loads."""

TEXTS = 70
"""Files that are indexed: three requests of 32 texts."""

WHEN = ("from the first on", "once", "for ever", "as a medium")

UNKNOWABLE = {(WHEN[0], name) for name in ("shorter vectors", "longer vectors")}
"""Of a server whose vectors are of one length from the first on, that is the right one."""

CASES = [
    *(case for case in itertools.product(WHEN, WRONG) if case not in UNKNOWABLE),
    *itertools.product(WHEN[:2], RIGHT),
    ("while it starts anew", "a server"), ("to words that ask", "a server"),
]  # fmt: skip

COUNT = len(CASES)


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare(trainings=False)
    tallies: dict[str, Tally] = {}
    (folder / "home").mkdir()
    done = run(program=lambda: _lay(folder), folder=folder, home=folder / "home")
    assert done.code == 0, done.err
    for number in range(first, min(first + count, COUNT)):
        when, name = CASES[number]
        row = "media from servers" if when == "as a medium" else "answers of embedding servers"
        tally = tallies.setdefault(row, Tally(row))
        tally.tried += 1
        shutil.rmtree(folder / "home")
        (folder / "home").mkdir()
        (folder / "c.sensorium").unlink(missing_ok=True)
        wrong = _one(when, name, folder, tally)
        if wrong:
            tally.fail(f"{number} ({name}, {when}): {wrong}")
    return list(tallies.values())


def _lay(folder: Path) -> None:
    (folder / "texts").mkdir()
    for number in range(TEXTS):
        (folder / "texts" / f"{number:02}.txt").write_text(f"text number {number}", "utf-8")
    make_tiny_encoder(folder / "tiny")
    PIL.Image.new("RGB", (40, 30), "red").save(folder / "red.png")


def _impatient() -> None:
    """Let servers have little time."""
    from sensorium.encoders import server
    from sensorium.media import sources

    server.FIRST_PAUSE, server.LONGEST_PAUSE, server.TIMEOUT = 0.01, 0.1, SILENCE
    sources.URL_TIMEOUT, sources.URL_SECONDS = SILENCE, 2 * SILENCE  # type: ignore[assignment]
    sources.MAX_BYTES = 32 << 20


def _one(when: str, name: str, folder: Path, tally: Tally) -> str:
    answer = {**WRONG, **RIGHT}.get(name, GOOD)
    if when == "as a medium":
        return _medium(answer, folder, tally)
    if when == "while it starts anew":
        return _restarted(folder, tally)
    good_until = {"from the first on": 0, "once": 2, "for ever": 2, "to words that ask": 9**9}[when]
    bad = 1 if when == "once" else 9**9

    def answers(number: int) -> Answer:
        return answer if good_until <= number < good_until + bad else GOOD

    with serving(answers) as port:
        done = _index(port, folder, tally)
        problem = _of_the_end(done, name)
        if problem:
            return problem
        if done.code == 0:  # it was understood after all, or asked for again
            return _of_the_rows(folder, TEXTS)
        if name in RIGHT or name == "a server" or when == "once":
            retried = not re.search(r"status [1-49]\d\d|sends on", done.err)
            if name in RIGHT or name == "a server" or retried:
                return f"it ended with {done.code}: {done.last}"
        if done.code != 3 or f"127.0.0.1:{port}" not in done.err:
            return f"it ended with {done.code}: {done.last}"
        if when == "from the first on" and name != "vectors of several lengths":
            return "a collection was made" if (folder / "c.sensorium").exists() else ""
        return _of_the_rows(folder, None)


def _index(port: int, folder: Path, tally: Tally) -> Done:
    url = f"http://127.0.0.1:{port}/v1#m"
    done = run("index", "texts", "-c", "c.sensorium", "--encoder", url, folder=folder,
               home=folder / "home", before=_impatient, longest=LONGEST)  # fmt: skip
    tally.took(done.memory, done.seconds)
    return done


def _of_the_end(done: Done, name: str) -> str:
    if done.code == -signal.SIGKILL:
        return f"it took longer than {LONGEST:.0f} s"
    if "Traceback" in done.err:
        return f"a traceback: {done.err[-400:]}"
    if done.memory > MOST_MEMORY:
        return f"it took {done.memory / 1e6:.0f} MB"
    if "\x1b[31m" in done.err + done.out:
        return "an escape sequence of the server was printed"
    return ""


def _of_the_rows(folder: Path, count: int | None) -> str:
    """Whether what is stored is what the server says of each text."""
    path = folder / "c.sensorium"
    if not path.exists():
        return "" if count is None else "nothing was stored"
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT path, vector FROM segments JOIN items ON items.id = item_id"
        ).fetchall()
    for file, blob in rows:
        vector = np.frombuffer(blob, "<f4")
        wanted = vector_of(f"text number {int(Path(file).stem)}")
        if float(vector @ wanted / np.linalg.norm(wanted)) < 0.9999:
            return f"another vector was stored of {Path(file).name}"
    if count is not None and len(rows) != count:
        return f"{len(rows)} were stored, not {count}"
    return ""


def _medium(answer: Answer, folder: Path, tally: Tally) -> str:
    made = run("index", "red.png", "-c", "c.sensorium", "--encoder", "tiny", folder=folder,
               home=folder / "home")  # fmt: skip
    assert made.code == 0, made.err
    with serving(lambda _: answer) as port:
        done = run("search", f"http://127.0.0.1:{port}/a.png", "-c", "c.sensorium", folder=folder,
                   home=folder / "home", before=_impatient, longest=LONGEST)  # fmt: skip
    tally.took(done.memory, done.seconds)
    problem = _of_the_end(done, "")
    if not problem and (done.code not in (2, 3) or not done.last):
        problem = f"it ended with {done.code}: {done.last}"
    return problem


def _restarted(folder: Path, tally: Tally) -> str:
    """The server goes away in the middle for two seconds, and comes back under its address."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
    process = os.fork()
    if not process:
        os.setsid()
        _twice(port)
    try:
        time.sleep(0.5)
        from sensorium.encoders import server

        pauses = functools.partial(setattr, server, "FIRST_PAUSE", 0.2)
        url = f"http://127.0.0.1:{port}/v1#m"
        done = run("index", "texts", "-c", "c.sensorium", "--encoder", url, folder=folder,
                   home=folder / "home", before=pauses, longest=LONGEST)  # fmt: skip
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return _of_the_end(done, "") or (
        _of_the_rows(folder, TEXTS) if done.code == 0 else f"it ended with {done.code}: {done.last}"
    )


def _twice(port: int) -> None:
    from tests.campaigns import servers

    for most in (2, 9**9):
        listening = socket.create_server(("127.0.0.1", port), reuse_port=False)
        for _ in range(most):
            connected, _address = listening.accept()
            servers._answer(connected, GOOD)
        listening.close()
        time.sleep(2.0)
    os._exit(0)
