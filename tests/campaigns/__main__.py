"""Run campaigns: `python -m tests.campaigns [PART …] [--first N] [--count N] [--seed N] [--out F]`.

Each part is a module of this folder with

- `COUNT`, how many attacks a whole run makes, and
- `attack(seed, first, count, folder)`, which makes those from `first` on, in an empty folder, and
  gives a `Tally` for each row of the table.

Long parts are run in pieces: `--first 0 --count 500`, `--first 500 --count 500` …, with the same
`--out`, which joins them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from tests.campaigns.tally import Tally, joined, table

PARTS = ("mutants", "kills", "damages", "answers", "canary", "disks", "limits", "changing")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--first", type=int, default=0, help="number of the first attack")
    parser.add_argument("--count", type=int, help="attacks of each part; all of them when left out")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--out", type=Path, help="JSON file in which pieces are joined")
    wanted = parser.parse_args()
    tallies: list[Tally] = []
    if wanted.out and wanted.out.exists():
        tallies = [Tally(**row) for row in json.loads(wanted.out.read_text(encoding="utf-8"))]
    before = sum(len(one.wrong) for one in tallies)
    for name in wanted.parts or PARTS:
        part = importlib.import_module(f"tests.campaigns.{name}")
        count = part.COUNT - wanted.first if wanted.count is None else wanted.count
        with tempfile.TemporaryDirectory(prefix="sensorium-campaign-") as folder:
            tallies += part.attack(wanted.seed, wanted.first, count, Path(folder))
        if wanted.out:
            rows = [one.as_row() for one in joined(tallies)]
            wanted.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    tallies = joined(tallies)
    print(table(tallies))
    for one in tallies:
        for what in one.wrong:
            print(f"wrong: {one.name}: {what}", file=sys.stderr)
    return int(sum(len(one.wrong) for one in tallies) > before)


if __name__ == "__main__":
    sys.exit(main())
