"""An earlier version of Sensorium beside this one, in a process of its own.

`SENSORIUM_BEFORE` names a checkout of it (`git worktree add ../before COMMIT`). As a program, this
file is that process: it imports nothing but what the earlier version has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "SENSORIUM_BEFORE"

FILE = "views.sensorium"

ADDED_ROWS = 50_000

AUTO_ROWS = 300_000
"""From here on that version has an index built, in the background of its searches."""


class Process:
    """The earlier version, asked line by line.

    Parameters
    ----------
    folder : Path
        Its checkout.
    """

    def __init__(self, folder: Path) -> None:
        path = os.pathsep.join([str(folder / "src"), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        self.pid = self._process.pid
        self.ask("ready")

    def ask(self, what: str, **arguments: Any) -> Any:
        """One request and its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the earlier version ended with {self._process.wait()}")
        return json.loads(answer)

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _build(data: str, folder: str) -> None:
    from sensorium import Collection

    vectors = np.load(Path(data) / "vectors.npy", mmap_mode="r")
    files = sorted(Path(data).glob("column-*.npy"))
    columns = {file.stem.removeprefix("column-"): np.load(file) for file in files}
    with Collection(Path(folder) / FILE, "mini", auto_optimize=False) as collection:
        for start in range(0, len(vectors), ADDED_ROWS):
            block = np.ascontiguousarray(vectors[start : start + ADDED_ROWS])
            rows = range(start, start + len(block))
            collection.add_vectors(
                block,
                [f"/views/{row:08}.jpg" for row in rows],
                modality="image",
                metadata=[{n: int(values[row]) for n, values in columns.items()} for row in rows],
            )
        if len(vectors) >= AUTO_ROWS:
            collection.optimize()


def _answer(collection: Any, queries: list[list[float]], k: int, where: str | None) -> Any:
    asked = np.array(queries, np.float32)
    wall, processor = time.perf_counter(), time.process_time()
    found = collection.search_vectors(asked, k, where=where)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    rows = [[int(Path(hit.path).stem) for hit in hits] for hits in found]
    return {"rows": rows, "wall": wall, "processor": processor}


def main() -> None:
    """What the process does until nobody asks any more."""
    from sensorium import Collection

    collection: Any = None
    for line in sys.stdin:
        what, arguments = json.loads(line)
        answer: Any = None
        if what == "build":
            _build(**arguments)
        elif what == "open":
            path = Path(arguments["folder"]) / FILE
            collection = Collection(path, create=False, auto_optimize=False)
        elif what == "search":
            answer = _answer(collection, **arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
