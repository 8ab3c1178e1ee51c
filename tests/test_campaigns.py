"""That each campaign can be run: one attack of each; `python -m tests.campaigns` makes them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns import answers, changing, damages, disks, gate, kills, limits
from tests.campaigns.tally import Tally, joined, table
from tests.campaigns.writers import EXPORT, WRITERS

pytestmark = pytest.mark.skipif(not gate.is_possible(), reason="the kernel holds no calls here")

ROOT = Path(__file__).parents[1]


def campaign(*arguments: str | int) -> str:
    """Run one, and give its table; a thread of pytest would not survive its forks."""
    command = [sys.executable, "-m", "tests.campaigns", *map(str, arguments)]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_server_that_answers_wrongly() -> None:
    first = [name for _, name in answers.CASES].index("half of JSON")
    assert "| answers of embedding servers | 1 | 1 | 0 |" in campaign(
        "answers", "--first", first, "--count", 1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "first", "row"),
    [
        ("kills", kills.EACH * WRITERS.index(EXPORT) + 1, "kills of commands that write"),
        ("kills", kills.EACH * WRITERS.index(EXPORT) + 2, "SIGTERM and SIGINT to"),
        ("disks", disks.EACH * WRITERS.index(EXPORT), "disks that are"),
        ("damages", 121, "damages to rows of a collection"),
        ("limits", limits.COUNT // 3 + 2, "limits of"),
        ("changing", 4 * list(changing.CHANGES).index("vanishes"), "files and folders that change"),
    ],
)
def test_one_attack_of_each(part: str, first: int, row: str) -> None:
    told = campaign(part, "--first", first, "--count", 1)
    assert f"| {row}" in told and "| 1 | 1 | 0 |" in told


def test_there_are_enough_of_each() -> None:
    assert kills.COUNT >= 200 and damages.COUNT >= 500 and answers.COUNT >= 60


def test_pieces_are_joined() -> None:
    one, other = Tally("x", 3, ["a"], 5, 1.0), Tally("x", 4, [], 7, 0.5)
    assert table(joined([one, other])).splitlines()[-1] == "| x | 7 | 6 | 1 | 0 MB | 1.0 s |"
