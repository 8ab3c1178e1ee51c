"""One folder of everything that goes wrong: each broken file is named, nothing good is lost."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.adding import AddReport
from tests.bad_files import BAD, ODD, photo
from tests.media.small_pictures import encode

GOOD = [f"good-{number:02}.{suffix}" for number in range(20) for suffix in ("jpg", "png")]
DELETED, GROWING = "zz-deleted.png", "zz-growing.jpg"
MINUTES = 2  # after which a run counts as hanging

# The superuser reads every file: to meet one that cannot be read, tests lay that power down.
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
POWERS = 1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH
PR_CAPBSET_DROP = 24
CAPABILITY_VERSION_3 = 0x20080522
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Have no power over files of others, in this thread and those that it starts."""
    if not IS_ROOT:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(header, held) == 0
    lowered = (ctypes.c_uint32 * 6)(*held)
    lowered[0] &= ~POWERS
    assert libc.capset(header, lowered) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0


def become_ordinary_user() -> None:
    """The same for a process about to start another program."""
    if IS_ROOT:
        libc = ctypes.CDLL(None)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            assert libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


@dataclass
class Outcome:
    folder: Path
    collection: Collection
    report: AddReport
    reasons: dict[str, str]


def make_folder(folder: Path) -> None:
    folder.mkdir()
    for number, name in enumerate(GOOD):
        kind = "JPEG" if name.endswith(".jpg") else "PNG"
        (folder / name).write_bytes(encode(photo(100 + number), kind))
    for name, make in {**{name: make for name, (make, _) in BAD.items()}, **ODD}.items():
        make(folder / name)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Outcome]:
    """The folder, indexed once while one of its files vanishes and another grows."""
    place = tmp_path_factory.mktemp("bad")
    folder = place / "folder"
    make_folder(folder)
    (folder / DELETED).write_bytes(encode(photo(1), "PNG"))
    (folder / GROWING).write_bytes(encode(photo(2), "JPEG"))
    done = threading.Event()

    def grow() -> None:
        with (folder / GROWING).open("ab") as file:
            while not done.wait(0.001):
                file.write(b"more" * 100)
                file.flush()

    def delete(stored: int, total: int) -> None:
        (folder / DELETED).unlink(missing_ok=True)

    growing = threading.Thread(target=grow)
    growing.start()
    faulthandler.dump_traceback_later(MINUTES * 60, exit=True)
    collection = Collection(place / "c.sensorium", tiny)
    try:
        with ordinary_user():
            report = collection.add(folder, batch_size=4, progress=delete)
    finally:
        faulthandler.cancel_dump_traceback_later()
        done.set()
        growing.join()
    reasons = {os.path.relpath(item.path, folder): item.reason for item in report.skipped}
    yield Outcome(folder, collection, report, reasons)
    collection.close()
    (folder / "unreadable-folder").chmod(0o700)


def test_there_are_more_than_thirty_kinds() -> None:
    assert len(BAD) >= 30 and len(ODD) >= 20


@pytest.mark.parametrize("name", BAD)
def test_what_is_broken_is_skipped_with_its_reason(outcome: Outcome, name: str) -> None:
    assert re.search(BAD[name][1], outcome.reasons[name]), outcome.reasons[name]
    # One line that a terminal can show.
    assert outcome.reasons[name].isprintable()
    assert len(outcome.reasons[name]) < 300


@pytest.mark.parametrize("name", [*ODD, GROWING])
def test_what_is_only_odd_is_indexed(outcome: Outcome, name: str) -> None:
    item = outcome.collection.get(outcome.folder / name)
    assert item is not None, outcome.reasons.get(name)
    assert item.metadata["width"] > 0


def test_nothing_good_is_lost(outcome: Outcome) -> None:
    for name in GOOD:
        (best, *_) = outcome.collection.search(outcome.folder / name, k=1)
        assert best.path == str(outcome.folder / name)
        assert best.score > 0.999


def test_a_file_deleted_while_others_are_read_is_told(outcome: Outcome) -> None:
    assert outcome.reasons[DELETED] == "no such file"


def test_the_report_accounts_for_every_file_once(outcome: Outcome) -> None:
    assert {*outcome.reasons} == {*BAD, DELETED}
    assert len(outcome.report.skipped) == len(outcome.reasons)
    assert outcome.report.added == len(GOOD) + len(ODD) + 1 == len(outcome.collection)
    assert outcome.report.updated == outcome.report.moved == outcome.report.unchanged == 0


def test_names_of_files_run_nothing(outcome: Outcome) -> None:
    assert not (outcome.folder / "injected").exists() and not Path("injected").exists()


def test_adding_again_changes_nothing(outcome: Outcome) -> None:
    with ordinary_user():
        again = outcome.collection.add(outcome.folder)
    assert (again.added, again.moved, again.updated) in {(0, 0, 0), (0, 0, 1)}  # the grown file
    assert again.unchanged + again.updated == len(outcome.collection)
    assert {os.path.relpath(item.path, outcome.folder) for item in again.skipped} == {*BAD}


@pytest.mark.parametrize("name", ["truncated.jpg", "bomb.png", "pipe.png", "new\nline.png"])
def test_a_bad_file_that_is_named_is_told_like_one_in_a_folder(
    outcome: Outcome, tiny: Path, tmp_path: Path, name: str
) -> None:
    with Collection(tmp_path / "one.sensorium", tiny) as collection:
        report = collection.add(outcome.folder / name)
    if name in BAD:
        assert [item.reason for item in report.skipped] == [outcome.reasons[name]]
    else:
        assert report.added == 1 and not report.skipped


def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "sensorium", *arguments],
        capture_output=True,
        preexec_fn=become_ordinary_user,
        timeout=MINUTES * 60,
        check=False,
    )


def test_the_shell_prints_every_reason_and_exits_with_one(
    outcome: Outcome, tiny: Path, tmp_path: Path
) -> None:
    collection = tmp_path / "c.sensorium"
    done = run("index", outcome.folder, "--collection", collection, "--encoder", tiny)
    # On a busy machine it takes so long that it says how far it is.
    said = done.stderr.decode().splitlines()
    lines = [line for line in said if not re.match(r"indexing: \d+ of \d+, ", line)]
    assert done.returncode == 1
    told: dict[str, list[str]] = {}
    for name in BAD:
        told.setdefault(outcome.reasons[name], []).append(name)
    assert len(lines) == len(told) < len(BAD), "one line for each, no warnings or tracebacks"
    assert all(line.startswith("skipped ") and line.isprintable() for line in lines)
    for reason, names in told.items():
        (line,) = [line for line in lines if line.endswith(f": {reason}")]
        shown = [name if name.isprintable() else repr(name)[1:-1] for name in names]
        assert sum(name in line for name in shown) >= min(3, len(names)), line
        assert len(names) == 1 or line.startswith(f"skipped {len(names)} (")
    assert f"{len(GOOD) + len(ODD) + 1} added, {len(BAD)} skipped" in done.stdout.decode()


@pytest.mark.slow
def test_the_shell_prints_every_reason_as_json(
    outcome: Outcome, tiny: Path, tmp_path: Path
) -> None:
    collection = tmp_path / "c.sensorium"
    done = run("index", outcome.folder, "-c", collection, "--encoder", tiny, "--json")
    assert done.returncode == 1
    assert done.stderr == b""
    *skipped, total = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert {os.path.relpath(row["skipped"], outcome.folder) for row in skipped} == {*BAD}
    assert all(row["reason"] for row in skipped)
    assert total["added"] == total["items"] == len(GOOD) + len(ODD) + 1
