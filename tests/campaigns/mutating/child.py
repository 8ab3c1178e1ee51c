"""The process that is attacked: it adds files to a collection as anybody would, and is watched.

    python -m tests.campaigns.mutating.child JOB

JOB is a file of JSON that `running` writes. Each line that it appends to the job's ``events`` says
what has begun or ended, so that whoever watches knows at which file it died.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from sensorium import Collection
from sensorium.cli.sheet import write_sheet
from sensorium.collection.checking import check
from sensorium.collection.duplicates.finding import find_duplicate_items
from sensorium.encoders import Encoder
from sensorium.errors import SensoriumError
from sensorium.media import Text
from tests.campaigns.mutating.meter import Meter
from tests.campaigns.mutating.stand_in import StandIn

FILES_STORED = 8
"""At a time, where all are added together."""


class Told:
    """Where events are written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def __call__(self, event: str, **values: Any) -> None:
        self._file.write(json.dumps({"event": event, "at": time.time(), **values}) + "\n")
        self._file.flush()


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    told = Told(Path(job["events"]))
    encoder: str | Encoder = StandIn() if job["encoder"] == "stand-in" else job["encoder"]
    with Collection(job["collection"], encoder) as library:
        library.add(*job["warm"])
        told("ready")
        if job["together"]:
            _add_together(library, job, told)
        else:
            _add_one_by_one(library, job["files"], told)
        for path in job["asked"]:
            told("begun", path=path, what="search")
            meter = Meter()
            reason = None
            try:
                library.search(Path(path), k=3)
            except SensoriumError as error:
                reason = str(error)
            told("asked", path=path, reason=reason, **vars(meter.cost()))
        _look_around(library, job, told)
    told("end")


def _add_one_by_one(library: Collection, files: list[str], told: Told) -> None:
    for path in files:
        told("begun", path=path, what="add")
        meter = Meter()
        report = library.add(path)
        told(
            "added", path=path, **vars(meter.cost()),
            skipped=[[one.path, one.reason] for one in report.skipped],
            notes=[[one.path, one.reason] for one in report.notes],
            stored=library.get(path) is not None,
        )  # fmt: skip


def _add_together(library: Collection, job: dict[str, Any], told: Told) -> None:
    told("begun", path=job["folder"], what="add")
    meter = Meter()
    report = library.add(
        job["folder"], batch_size=FILES_STORED, progress=lambda done, total: told("progress")
    )
    told(
        "all added", **vars(meter.cost()),
        skipped=[[one.path, one.reason] for one in report.skipped],
        notes=[[one.path, one.reason] for one in report.notes],
        stored=[path for path in job["files"] if library.get(path) is not None],
    )  # fmt: skip


def _look_around(library: Collection, job: dict[str, Any], told: Told) -> None:
    """Search for what is good, draw a sheet, look for copies, check what is stored."""
    told("begun", path=job["folder"], what="find the good files")
    lost = []
    for path, words in job["canaries"].items():
        if words:
            hits = library.search(Text(words), k=3, mode="words")
        else:
            # Among its like: scores of several kinds are estimates, by which another may be first.
            hits = library.search(Path(path), k=3, modality="image")
        if path not in [hit.path for hit in hits]:
            lost.append(path)
    told("found", lost=lost)
    told("begun", path=job["folder"], what="sheet")
    first = next(path for path, words in job["canaries"].items() if not words)
    hits = library.search(Path(first), k=60)
    meter = Meter()
    unreadable = write_sheet(Path(job["sheet"]), "all", hits)
    reasons = [[one.path, one.reason] for one in unreadable]
    told("drawn", unreadable=reasons, **vars(meter.cost()))
    told("begun", path=job["folder"], what="duplicates")
    meter = Meter()
    find_duplicate_items(library)
    told("compared", **vars(meter.cost()))
    told("begun", path=job["folder"], what="check")
    told("checked", damages=[[one.what, one.path] for one in check(library).damages])


if __name__ == "__main__":
    main()
