"""Commands with few descriptors, little memory, no folders, no streams, and a clock set back.

Each of these is tried with an index, a search and a training. Right is the usual result, or an
error with a name; what was stored stays, and the command, run again without it, ends as ever.
"""

from __future__ import annotations

import datetime
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns import running
from tests.campaigns.running import Done, run
from tests.campaigns.tally import Tally
from tests.campaigns.writers import OF, TINY, Bench, Writer, difference, state_of

Set = Callable[[], None]


def _limit(kind: int, most: int) -> Set:
    return lambda: resource.setrlimit(kind, (most, most))


def _without(*names: str) -> Set:
    def forget() -> None:
        for name in names:
            os.environ.pop(name, None)

    return forget


def _closed(*numbers: int) -> Set:
    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def _onto(number: int, path: str, flags: int) -> Set:
    def put() -> None:
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)

    return put


def _reader_gone() -> None:
    """The other end of the pipe is closed, as `| head -0` does."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    os.close(writing)


def _clock(offset: float, after: int = 0) -> Set:
    """Let the clock be wrong, from the n-th time on that it is asked."""

    def put() -> None:
        asked = 0
        real, real_ns = time.time, time.time_ns

        def shifted() -> float:
            nonlocal asked
            asked += 1
            return real() + (offset if asked > after else 0.0)

        time.time = shifted
        time.time_ns = lambda: real_ns() + int(offset * 1e9)  # type: ignore[assignment]

        class Moved(datetime.datetime):
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> Moved:
                return cls.fromtimestamp(shifted(), tz)

        datetime.datetime = Moved  # type: ignore[misc]

    return put


def _mask(bits: int) -> Set:
    def put() -> None:
        os.umask(bits)

    return put


def _at_signal(number: signal.Signals, what: signal.Handlers) -> Set:
    def put() -> None:
        signal.signal(number, what)

    return put


def _no_folder() -> None:
    """The folder that the command runs in is gone."""
    folder = Path("gone")
    folder.mkdir()
    os.chdir(folder)
    Path("../gone").resolve().rmdir()


def _by_somebody_else() -> None:
    """A user who may read all of it and write nowhere."""
    os.setgid(65534)
    os.setuid(65534)


@dataclass(frozen=True)
class Limit:
    """What a command is tried under.

    Attributes
    ----------
    name : str
    put : callable
        Called in the command's process.
    env : mapping
    fails : bool
        Whether it may end with an error of its own.
    silent : bool
        Whether nothing of what it prints can arrive.
    """

    name: str
    put: Set = lambda: None
    env: Mapping[str, str] = field(default_factory=dict)
    fails: bool = False
    silent: bool = False


MANY = 2**20

LIMITS = (
    Limit("8 descriptors", _limit(resource.RLIMIT_NOFILE, 8), fails=True),
    Limit("16 descriptors", _limit(resource.RLIMIT_NOFILE, 16), fails=True),
    Limit("32 descriptors", _limit(resource.RLIMIT_NOFILE, 32), fails=True),
    Limit("64 descriptors", _limit(resource.RLIMIT_NOFILE, 64)),
    Limit("128 descriptors", _limit(resource.RLIMIT_NOFILE, 128)),
    Limit("files of at most 10 KB", _limit(resource.RLIMIT_FSIZE, 10_000), fails=True),
    Limit("files of at most 30 KB", _limit(resource.RLIMIT_FSIZE, 30_000), fails=True),
    Limit("files of at most 300 KB", _limit(resource.RLIMIT_FSIZE, 300_000), fails=True),
    Limit("no more processes", _limit(resource.RLIMIT_NPROC, 1)),
    Limit("no core files", _limit(resource.RLIMIT_CORE, 0)),
    Limit("no stack to speak of", _limit(resource.RLIMIT_STACK, 1 << 20)),
    Limit("no HOME", _without("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME")),
    Limit("a HOME that is not there", env={"HOME": "/nonexistent/home"}),
    Limit("a HOME that is a file", env={"HOME": "/etc/passwd"}),
    Limit("caches that cannot be written", env={"SENSORIUM_HOME": "/proc/nowhere"}),
    Limit("caches that are a file", env={"SENSORIUM_HOME": "/etc/passwd"}),
    Limit("no folder for temporary files", env={"TMPDIR": "/nonexistent/tmp"}),
    Limit("no PATH", _without("PATH")),
    Limit("closed standard input", _closed(0)),
    Limit("closed standard output", _closed(1), silent=True),
    Limit("closed standard error", _closed(2)),
    Limit("closed streams", _closed(0, 1, 2), silent=True),
    Limit("a full standard output", _onto(1, "/dev/full", os.O_WRONLY), fails=True, silent=True),
    Limit("a full standard error", _onto(2, "/dev/full", os.O_WRONLY)),
    Limit("a standard output that is only read", _onto(1, "/dev/null", os.O_RDONLY), fails=True,
          silent=True),
    Limit("a reader that is gone", _reader_gone, silent=True),
    Limit("a clock set back an hour", _clock(-3600)),
    Limit("a clock set back on its way", _clock(-86400 * 400, after=5)),
    Limit("a clock in 1960", _clock(-2_100_000_000)),
    Limit("a clock in 2100", _clock(2_400_000_000)),
    Limit("an odd time zone", lambda: time.tzset(), env={"TZ": "XYZ+26:59:59"}),
    Limit("a time zone that is none", lambda: time.tzset(), env={"TZ": ":/etc/passwd"}),
    Limit("the locale C", env={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}),
    Limit("a locale that is none", env={"LC_ALL": "xx_YY.ISO-8859-1"}),
    Limit("no rights for others", _mask(0o077)),
    Limit("all rights for others", _mask(0)),
    Limit("no rights at all", _mask(0o777), fails=True),
    Limit("a terminal of no width", env={"COLUMNS": "1", "LINES": "1"}),
    Limit("a width that is none", env={"COLUMNS": "x", "TERM": "\x1b[31m"}),
    Limit("a folder that is gone", _no_folder, fails=True),
    Limit("another user", _by_somebody_else, fails=True),
    Limit("SIGPIPE as it is in shells", _at_signal(signal.SIGPIPE, signal.SIG_DFL)),
    Limit("SIGINT ignored, as under nohup", _at_signal(signal.SIGINT, signal.SIG_IGN)),
    Limit("little time", _limit(resource.RLIMIT_CPU, 1), fails=True),
    *(
        Limit(f"{extra} MB of memory more", lambda extra=extra: _memory(extra), fails=True)
        for extra in (20, 60, 120, 250, 500)
    ),
)  # fmt: skip


def _memory(extra: int) -> None:
    """So many megabytes of address space more than the process has at its start."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + extra * MANY)()


COMMANDS = (
    Writer("limits: index", ("index", "SEEDS/media", *OF, *TINY)),
    Writer("limits: search", ("search", "a red square", *OF), "library"),
    Writer("limits: train classifier", ("train", "classifier", "SEEDS/classes", *TINY, "-o",
                                        "out")),
)  # fmt: skip

COUNT = len(LIMITS) * len(COMMANDS)


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """See `tests.campaigns`."""
    running.prepare()
    bench = Bench(folder)
    folder.chmod(0o755)  # another user finds the way
    tally = Tally("limits of descriptors, memory, folders, streams and clocks")
    for number in range(first, min(first + count, COUNT)):
        limit, writer = LIMITS[number % len(LIMITS)], COMMANDS[number // len(LIMITS)]
        tally.tried += 1
        wrong = _one(bench, writer, limit)
        if wrong:
            tally.fail(f"{number} ({limit.name}, {writer.name}): {wrong}")
    random.seed(seed)
    return [tally]


def _one(bench: Bench, writer: Writer, limit: Limit) -> str:
    usual, again, _, done_0 = bench.usual(writer)
    bench.lay(writer)
    arguments = [one.replace("SEEDS", str(bench.seeds.folder)) for one in writer.arguments]
    if limit.name == "a folder that is gone":
        arguments = [str(bench.place / one) if one in ("c.sensorium", "out") else one
                     for one in arguments]  # fmt: skip
    done = run(*arguments, folder=bench.place, home=bench.place / "home", before=limit.put,
               env=limit.env)  # fmt: skip
    problem = _of_the_end(done, limit, writer)
    if problem:
        return problem
    if done.code in writer.codes and not limit.fails:
        told = difference(state_of(bench.place), usual, again)
        if told:
            return f"it ended with {done.code}, but {told}"
        if not limit.silent and writer.name == "limits: search" and done.out != done_0.out:
            return f"it printed {done.out[:200]!r}"
    for path in bench.place.glob("*.sensorium"):
        checked = bench.seeds.run("check", "-c", path)
        if checked.code and path.stat().st_size:
            return f"check said {checked.out.strip()[:200]} {checked.last}"
    shutil.rmtree(bench.place / "gone", ignore_errors=True)
    second = bench.run(writer)
    is_done = second.code == 2 and "exists" in second.err
    if second.code not in writer.codes and not is_done:
        return f"the second run ended with {second.code}: {second.last}"
    told = difference(state_of(bench.place), usual, again)
    return f"another end: {told}" if told else ""


def _of_the_end(done: Done, limit: Limit, writer: Writer) -> str:
    if "Traceback" in done.err or "Exception ignored" in done.err:
        return f"a traceback: {done.err[-700:]}"
    if done.left:
        return f"processes outlived it: {done.left}"
    if done.code in writer.codes:
        return ""
    if limit.fails and limit.name == "little time" and done.code in (-signal.SIGXCPU, -9):
        return ""
    if limit.fails and done.code in (1, 2, 3) and (done.err.strip() or limit.silent):
        return ""
    return f"it ended with {done.code}: {done.last}"
