"""Index the sample collection and ask it questions, as you would in the shell.

Run by ``make demo``. Everything it writes lies in ``demo/``.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo"
COLLECTION = DEMO / "sample.sensorium"
SHEET = DEMO / "castles.png"

SCREEN = {"TTY_COMPATIBLE": "1", "COLUMNS": "100"}
"""Make ``sensorium`` print tables as on a terminal, even where the demo's output is a file."""

if not sys.stdout.isatty():
    SCREEN["TERM"] = "dumb"  # tables, but no escape codes


def sensorium(*arguments: str) -> None:
    """Print a command as a person types it, then run it."""
    print(f"\n$ sensorium {shlex.join(arguments)}", flush=True)
    environment = {**os.environ, **SCREEN, "SENSORIUM_COLLECTION": str(COLLECTION)}
    subprocess.run(
        [sys.executable, "-m", "sensorium", *arguments], cwd=ROOT, env=environment, check=True
    )


def main() -> None:
    """Index, ask six questions, label two pictures, and say what to try next."""
    DEMO.mkdir(exist_ok=True)
    print("190 photos from sample/, found by what they show: no tags or file names are used.")
    sensorium("index", "sample/images.csv")
    for question in ("a dog", "solar panels", "hammer"):
        sensorium("search", question, "-k", "3")
    for question in ("一匹马", "城堡"):  # a horse, a castle
        sensorium("search", question, "-k", "3")
    sensorium("search", "sample/images/e_kitten.jpg", "-k", "3")
    sensorium("classify", "sample/images/x_panda.jpg", "--labels", "panda,cat,zebra")
    sensorium("classify", "sample/images/s_coffee.jpg", "--labels", "一杯咖啡,一碗汤,一杯啤酒")
    sheet = SHEET.relative_to(ROOT)
    sensorium("search", "a castle", "-k", "8", "--sheet", str(sheet))
    print(
        f"\nA contact sheet of the castles lies in {sheet}."
        "\n\nNow your own pictures:\n"
        "\n  source .venv/bin/activate"
        "\n  sensorium index ~/Pictures"
        '\n  sensorium search "a red bird on a branch"'
        "\n  sensorium --help"
    )


if __name__ == "__main__":
    main()
