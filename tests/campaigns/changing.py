"""Files that change while they are read: between listing and opening, and after it.

When a command opens the n-th file of a folder, that file, or the folder, is changed before the call
goes on. Right is a file that is stored as it was at one moment, or skipped with a reason; a second
`index` then ends where an undisturbed one of the changed folder does.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import running
from tests.campaigns.gate import Call
from tests.campaigns.places import copy
from tests.campaigns.running import Done, run
from tests.campaigns.tally import Tally
from tests.campaigns.writers import Bench, Writer, difference, rows_of

Change = Callable[[Path], None]


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0" * 1000)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _gone(path: Path) -> None:
    path.unlink()


def _other(path: Path) -> None:
    path.write_bytes(path.with_name("blue.png").read_bytes())


def _replaced(path: Path) -> None:
    part = path.with_name("replacing")
    part.write_bytes(path.with_name("blue.png").read_bytes())
    part.replace(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nonexistent/file.png")


def _huge(path: Path) -> None:
    os.truncate(path, 40 << 30)  # with no blocks on the disk


def _renamed(path: Path) -> None:
    path.rename(path.with_name(f"renamed{path.suffix}"))


def _parent_renamed(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def _parent_gone(path: Path) -> None:
    shutil.rmtree(path.parent)


def _touched(path: Path) -> None:
    os.utime(path, (1, 1))


def _dated_late(path: Path) -> None:
    os.utime(path, (2**33, 2**33))


CHANGES: dict[str, Change] = {
    "grows": _grow, "is cut": _cut, "is emptied": _empty, "vanishes": _gone,
    "is another one": _other, "is replaced": _replaced, "is a folder": _folder,
    "is a pipe": _pipe, "is a loop": _loop, "is a device": _device, "leads nowhere": _elsewhere,
    "is of 40 GB": _huge, "is renamed": _renamed, "its folder is renamed": _parent_renamed,
    "its folder is gone": _parent_gone, "is touched": _touched, "is of the future": _dated_late,
}  # fmt: skip

EACH = 4

COUNT = EACH * len(CHANGES) + 4

INDEX = Writer("changing", ("index", "media", "-c", "c.sensorium", "--encoder", "SEEDS/tiny"),
               stage=lambda seeds, place: copy(seeds.media, place / "media"))  # fmt: skip


class _Change:
    """Changes a file when it is opened for the n-th time that any is."""

    def __init__(self, folder: Path, number: int, change: Change) -> None:
        self.folder, self.number, self.change = folder, number, change
        self.count = 0
        self.changed: Path | None = None

    def __call__(self, call: Call) -> int | None:
        path = call.path
        if call.name not in ("open", "openat") or path is None or self.changed is not None:
            return 0
        if path.is_relative_to(self.folder) and path.is_file():
            self.count += 1
            if self.count == self.number:
                self.changed = path
                with contextlib.suppress(OSError):
                    self.change(path)
        return 0


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare()
    bench = Bench(folder)
    tally = Tally("files and folders that change while they are read")
    for number in range(first, min(first + count, COUNT)):
        tally.tried += 1
        more = number - EACH * len(CHANGES)
        rng = random.Random(f"{seed} {number}")
        if more >= 0:
            name, wrong = MORE[more].__name__, MORE[more](bench)
        else:
            name = list(CHANGES)[number // EACH]
            wrong = _one(bench, rng.randint(1, 40), CHANGES[name], tally)
        if wrong:
            tally.fail(f"{number} ({name}): {wrong}")
    return [tally]


def _one(bench: Bench, number: int, change: Change, tally: Tally) -> str:
    bench.lay(INDEX)
    disturbed = _Change(bench.place / "media", number, change)
    done = bench.run(INDEX, decide=disturbed, reads=True, longest=90.0)
    tally.took(done.memory, done.seconds)
    problem = _of_the_end(done)
    return f"{disturbed.changed}: {problem}" if problem else _settled(bench, disturbed.changed)


def _settled(bench: Bench, changed: Path | None) -> str:
    """Whether a second run brings the collection to where one of the folder as it is now ends."""
    library = bench.place / "c.sensorium"
    for _ in range(2 if (bench.place / "media").exists() else 0):
        done = bench.run(INDEX)
        problem = _of_the_end(done)
        if problem:
            return f"{changed}: the second run: {problem}"
    if not library.exists() or not (bench.place / "media").exists():
        return ""
    done = run("prune", "-c", library, folder=bench.place, home=bench.place / "home")
    if done.code:
        return f"{changed}: prune: {done.last}"
    got = rows_of(library)
    library.unlink()
    for log in bench.place.glob("c.sensorium-*"):
        log.unlink(missing_ok=True)
    done = bench.run(INDEX)
    usual = rows_of(library)
    # What is there no more in a form that can be read may stay as it was stored.
    kept = {name for name in got if changed and str(changed) in name and name not in usual}
    got = {name: value for name, value in got.items() if name not in kept}
    told = difference(got, usual, usual)
    if told and "words is" not in told:
        return f"{changed}: another end: {told}"
    return ""


def _of_the_end(done: Done) -> str:
    if "Traceback" in done.err:
        return f"a traceback: {done.err[-600:]}"
    if done.left:
        return f"processes outlived it: {done.left}"
    if done.code not in (0, 1):
        return f"it ended with {done.code}: {done.last}"
    return ""


def _two_at_once(bench: Bench) -> str:
    """Two processes add the same folder."""
    return _at_once(bench, "media", "media")


def _two_that_overlap(bench: Bench) -> str:
    """Two processes add a folder and some of its files."""
    return _at_once(bench, "media", "media/*.png")


def _at_once(bench: Bench, *sources: str) -> str:
    usual, again, _, _ = bench.usual(INDEX)
    bench.lay(INDEX)
    env = {**os.environ, "SENSORIUM_HOME": str(bench.place / "home")}
    commands = [
        [sys.executable, "-m", "sensorium", "index", source, "-c", "c.sensorium", "--encoder",
         str(bench.seeds.tiny)]
        for source in sources
    ]  # fmt: skip
    processes = [
        subprocess.Popen(command, cwd=bench.place, env=env, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in processes:
        said = process.communicate(timeout=180)[1]
        if process.returncode not in (0, 1) or "Traceback" in said:
            return f"one ended with {process.returncode}: {said[-300:]}"
    return difference(rows_of(bench.place / "c.sensorium"), _rows(usual), _rows(again))


def _rows(state: dict[str, object]) -> dict[str, object]:
    return {
        name.removeprefix("c.sensorium: "): value
        for name, value in state.items()
        if name.startswith("c.sensorium: ")
    }


def _loops(bench: Bench) -> str:
    """Folders that lead into themselves."""
    usual, again, _, _ = bench.usual(INDEX)
    bench.lay(INDEX)
    media = bench.place / "media"
    (media / "loop").symlink_to(media)
    (media / "up").symlink_to("..")
    (media / "self").symlink_to("self")
    (media / "a").mkdir()
    (media / "a" / "b").symlink_to(media / "a")
    done = bench.run(INDEX, longest=60.0)
    problem = _of_the_end(done)
    if problem:
        return problem
    got = rows_of(bench.place / "c.sensorium")
    return difference(got, _rows(usual), _rows(again))


def _strange(bench: Bench) -> str:
    """A pipe, a socket, a device and a file without rights among the files."""
    usual, again, _, _ = bench.usual(INDEX)
    bench.lay(INDEX)
    media = bench.place / "media"
    os.mkfifo(media / "pipe.png")
    (media / "zero.jpg").symlink_to("/dev/zero")
    (media / "endless.txt").symlink_to("/dev/urandom")
    (media / "memory.wav").symlink_to("/proc/self/mem")
    done = bench.run(INDEX, longest=60.0)
    problem = _of_the_end(done)
    if problem:
        return problem
    got = rows_of(bench.place / "c.sensorium")
    return difference(got, _rows(usual), _rows(again))


MORE = (_two_at_once, _two_that_overlap, _loops, _strange)
