"""Timing in turns, and measuring whole processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Task = Callable[[], object]


def seconds(task: Task) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def in_turns(tasks: Mapping[str, Task], rounds: int) -> dict[str, float]:
    """Median seconds of each task, called once a round, each round starting with another.

    Taking turns spreads what else the machine does over all tasks alike.
    """
    names = list(tasks)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(seconds(tasks[name]))
    return {name: median(values) for name, values in times.items()}


def run_python(
    code: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run Python code in a new process and return the JSON object it prints last.

    Raises
    ------
    RuntimeError
        The process failed; the message holds the end of what it wrote to stderr.
    """
    command = [sys.executable, "-c", code, *arguments]
    done = run_process(command, environment)
    result: dict[str, Any] = json.loads(done.splitlines()[-1])
    return result


def run_process(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; return what it wrote to stdout."""
    variables = os.environ | dict(environment or {})
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} exited with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout
