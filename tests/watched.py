"""Jobs, each in a fresh process that is watched: what it asks the network, and what it loads.

    python -m tests.watched < JOBS > FOUND

JOBS is JSON: ``libraries``, which are imported once, before the jobs are forked off, and ``jobs``,
by name a list of words for the command line or a text of Python. FOUND says for each job, and for
"libraries", ``asked`` (addresses and names), ``loaded`` (modules of telemetry), ``code`` and
``error``. Nobody has imported OpenVINO when a job begins.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import time
import traceback
from typing import Any

TELEMETRY = ("openvino_telemetry", "sentry_sdk", "wandb", "comet_ml", "mlflow", "posthog")

asked: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):  # not a file's name
        asked.append(f"{event} {arguments[1]}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append(f"{event} {arguments[0] if event != 'socket.sendto' else arguments[1]}")


def telemetry() -> list[str]:
    return sorted(name for name in [*sys.modules] if name.split(".")[0] in TELEMETRY)


def run(job: list[str] | str) -> int:
    if isinstance(job, str):
        exec(compile(job, "job", "exec"), {"__name__": "job"})
        return 0
    from sensorium.cli import main

    sys.argv = ["sensorium", *job]
    try:
        main()
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def forked(job: list[str] | str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile() as answer:
        child = os.fork()
        if not child:
            asked.clear()
            code, said, begun = 1, io.StringIO(), time.monotonic()
            try:
                printed = io.TextIOWrapper(io.BytesIO(), "utf-8")
                with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
                    code = run(job)
                error = said.getvalue()[-2000:]
            except BaseException:
                error = said.getvalue()[-1000:] + traceback.format_exc()
            found = {"asked": asked, "loaded": telemetry(), "code": code, "error": error}
            found["seconds"] = time.monotonic() - begun
            answer.write(json.dumps(found).encode())
            answer.flush()
            os._exit(0)
        os.waitpid(child, 0)
        answer.seek(0)
        found = json.loads(answer.read() or b'{"error": "it was killed", "code": -1}')
        return {"asked": [], "loaded": [], **found}


def main() -> None:
    sys.addaudithook(watch)
    told = json.load(sys.stdin)
    for name in told["libraries"]:
        importlib.import_module(name)
    assert "openvino" not in sys.modules
    found = {"libraries": {"asked": [*asked], "loaded": telemetry(), "code": 0, "error": ""}}
    for name, job in told["jobs"].items():
        found[name] = forked(job)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
