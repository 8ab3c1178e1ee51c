"""Keys and questions reach no host that was not named.

That nobody is asked where none was named, by any command, is seen in `tests.test_quiet`, and by
`python -m tests.campaigns canary`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.canary import (
    COUNT,
    KEY,
    WORD,
    attack,
    environment,
    kept_keys,
    lines,
    listening,
    sent_wrongly,
)
from tests.test_quiet import make_data

PROGRAM = """
import contextlib, json, sys
from sensorium.cli import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["sensorium", *line]
    with contextlib.suppress(SystemExit):
        main()
"""

TRIED = (
    "index", "search", "search by a picture", "info", "classify files", "export", "import",
    "reembed", "models",
)  # fmt: skip
"""Here, one after the other in one process."""


@pytest.mark.parametrize("named", [pytest.param(False, marks=pytest.mark.slow), True])
def test_commands_reach_the_named_host_alone(named: bool, tmp_path: Path) -> None:
    make_data(tmp_path)
    (tmp_path / "home").mkdir()
    with listening() as (server, listener):
        jobs = lines(tmp_path, server.name if named else None)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps([jobs[name] for name in TRIED])],
            env=environment(tmp_path, listener.port), cwd=tmp_path, capture_output=True,
            check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        assert KEY.encode() not in done.stdout + done.stderr
        log = tmp_path / "asked.log"
        asked = set(log.read_text().splitlines()) if log.exists() else set()
        assert asked == ({f"127.0.0.1 {server.port}"} if named else set())
        assert listener.heard == [] and sent_wrongly(server) == []
        sent = b"".join(body for _, body in server.requests)
        assert (WORD.encode() in sent) == named
    assert kept_keys(tmp_path) == []


def test_what_is_recorded_is_seen(tmp_path: Path) -> None:
    """A request to another host, and a key in a file."""
    with listening() as (_, listener):
        program = f"import socket; socket.create_connection(('127.0.0.1', {listener.port}))"
        subprocess.run(
            [sys.executable, "-c", program], env=environment(tmp_path, listener.port), check=True
        )
        assert f"127.0.0.1 {listener.port}" in (tmp_path / "asked.log").read_text()
    (tmp_path / "leak").write_text(f"a {KEY} in it")
    assert kept_keys(tmp_path) == ["a key is in leak"]


@pytest.mark.slow
def test_all_commands(tmp_path: Path) -> None:
    for library in ("torch", "transformers", "sentence_transformers", "sacrebleu", "scipy"):
        pytest.importorskip(library)
    tallies = attack(0, 0, COUNT, tmp_path)
    assert sum(tally.tried for tally in tallies) == COUNT
    assert [wrong for tally in tallies for wrong in tally.wrong] == []
