"""Threads of the libraries that compute sleep while they wait, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import os, sys
import sensorium.cli
assert not {"numpy", "torch", "scipy"} & sys.modules.keys()  # they read it when they are loaded
sys.argv = ["sensorium", "--help"]
try:
    sensorium.cli.main()
except SystemExit:
    pass
print(os.environ["OMP_WAIT_POLICY"], os.environ["OPENBLAS_THREAD_TIMEOUT"])
"""


def settings(**given: str) -> str:
    unset = ("OMP_WAIT_POLICY", "OPENBLAS_THREAD_TIMEOUT")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**environment, **given}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


def test_threads_sleep_unless_the_user_says_otherwise() -> None:
    assert settings() == "PASSIVE 4"
    assert settings(OMP_WAIT_POLICY="ACTIVE") == "ACTIVE 4"
