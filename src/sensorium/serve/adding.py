"""What a job of adding does, and which files a client may name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.collection import AddReport, Skipped
from sensorium.data.files import Candidate, Ignored, find_files
from sensorium.media.progress import Progress
from sensorium.serve.access import Refused
from sensorium.serve.jobs import StoppedError

if TYPE_CHECKING:
    from sensorium.serve.jobs import Job, Stop
    from sensorium.serve.served import Served

JOBS = ".jobs"
"""Folder among uploads in which jobs are noted; what is hidden is never added."""

BATCH = 16
"""Files that are stored together: whoever watches a job sees them come."""


def add(served: Served, job: Job, tell: Progress, stop: Stop) -> AddReport:
    """Add a job's files to its collection; see `Jobs`.

    Parameters
    ----------
    served : Served
    job : dict
        ``paths``, and what is read out of them: ``speech``, ``ocr``, ``detect``. ``uploaded`` says
        whether they came over the network, and are no names of other files.
    tell : callable
    stop : callable
        Looked at before each file, and within long ones.

    Raises
    ------
    StoppedError
        When it was stopped before its end, with the report.
    """
    if job["uploaded"]:
        rows, skipped, ignored = _rows(job["paths"]), list[Skipped](), list[Ignored]()
    else:
        rows, skipped, ignored = inside(job["paths"], served.settings.roots, stop)
    report = AddReport()
    if rows:
        report = served.collection(job["collection"]).add(
            rows, speech=job["speech"], ocr=job["ocr"], detect=job["detect"],
            batch_size=BATCH, progress=tell, stop=stop,
        )  # fmt: skip
    report.skipped[:0] = skipped
    for one in ignored:
        report.count_ignored(one)
    if report.stopped:
        raise StoppedError(report)
    return report


def inside(
    paths: Iterable[str], roots: Sequence[Path], stop: Stop = lambda: False
) -> tuple[list[dict[str, Any]], list[Skipped], list[Ignored]]:
    """Files of what was named, as rows of a table; what links and tables lead out of is skipped."""
    rows, skipped, ignored = list[dict[str, Any]](), list[Skipped](), list[Ignored]()
    for found in find_files(paths):
        if stop():
            raise StoppedError(AddReport(stopped=True))
        if isinstance(found, Skipped):
            skipped.append(found)
        elif isinstance(found, Ignored):
            ignored.append(found)
        elif is_inside(found.path, roots):
            rows.append(_row(found))
        else:
            skipped.append(Skipped(str(found.path), "it lies outside of what the server may add"))
    return rows, skipped, ignored


def require_inside(paths: Iterable[str], roots: Sequence[Path]) -> None:
    """Refuse paths that are not in a folder that may be added from, whether they exist or not.

    Raises
    ------
    Refused
        403, saying what would help.
    """
    for path in paths:
        if not Path(path).is_absolute():
            raise Refused(
                403,
                f"{path!r:.200} does not say where it lies: name files of the server from / on, in "
                "a folder of --root",
            )
        if not is_inside(Path(path), roots):
            raise Refused(
                403,
                f"{path!r:.200} is in no folder that files may be added from: start the server "
                "with --root FOLDER",
            )


def is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """Whether what a path leads to, through all links, is in one of some folders."""
    try:
        real = path.resolve()
        return any(real.is_relative_to(root.resolve()) for root in roots)
    except (OSError, ValueError, RuntimeError):  # a NUL; links in a circle
        return False


def _rows(paths: Iterable[str]) -> list[dict[str, Any]]:
    return [{"path": path} for path in paths]


def _row(found: Candidate) -> dict[str, Any]:
    return {**found.metadata, **dict.fromkeys(found.emptied), "path": str(found.path)}
