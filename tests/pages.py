"""The documentation's blocks, and a terminal that runs them.

A page's blocks run in order, in one shell and one Python:

- ```` ```sh ```` holds commands, and ```` ```python ```` code;
- a block with lines that begin with ``$ `` is what a terminal showed: these are its commands, and
  what stands below each is what it prints;
- any other block (```` ```text ````, or plain) right after one of these is what that printed;
- ``<!-- not run: WHY -->`` right above a block leaves it out, and ``<!-- slow -->`` leaves it, with
  what stands below it of its output, to `tests.bare_docs`.

What is shown is compared with what is printed: line by line, in order, whatever else is printed in
between. Words are equal; figures may differ as they do from processor to processor, and times, that
is what ``s`` or ``ms`` follows, may be anything. ``...`` stands for any lines, or at a line's end
for the rest of it, and so does ``…`` at a word's end.

Nothing but the standard library is needed, so that a bare machine can run it.
"""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).parent.parent
COLUMNS = 120
MARK = "\x1e"
"""Stands around what the shell and Python say of a block that has ended."""

ENDED = re.compile(f"{MARK}(\\d+){MARK}".encode())

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK_ABOVE = re.compile(r"<!-- (not run: [^>]+|slow) -->\n\Z")
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")

ABSOLUTE, RELATIVE = 0.02, 0.05
"""How much a figure with decimals may differ: scores do in the third digit, where a processor
computes in bfloat16, and what is measured of few pictures by one of them."""


@dataclass(frozen=True)
class Block:
    """What one pair of fences holds.

    Attributes
    ----------
    kind : str
        "sh", "python", "terminal", or "output" of the block before.
    text : str
    line : int
        Where it begins on the page.
    slow : bool
        Whether it takes longer than the tests have time for.
    """

    kind: str
    text: str
    line: int
    slow: bool = False


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page that run, and what they print."""
    follows = slow = False  # whether a plain block would be output of what ran, and that was slow
    for found in FENCE.finditer(page):
        language, text = found.groups()
        line = page.count("\n", 0, found.start()) + 1
        mark = MARK_ABOVE.search(page, 0, found.start())
        if mark and mark[1] != "slow":
            follows = False
        elif language in ("sh", "python"):
            slow = mark is not None
            yield Block(language, text, line, slow)
            follows = True
        elif re.search(r"^\$ ", text, re.MULTILINE):
            yield Block("terminal", text, line, slow=mark is not None)
            follows = False
        elif follows:
            yield Block("output", text, line, slow)
            follows = False
        else:
            raise ValueError(f"line {line}: a block that nothing runs and nothing prints")


def turns(terminal: str) -> Iterator[tuple[str, list[str]]]:
    """Split what a terminal showed into commands and the lines that each printed."""
    parts = re.split(r"^\$ (.*)\n", terminal, flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(f"what stands before the first command is of none: {parts[0]!r}")
    for command, printed in zip(parts[1::2], parts[2::2], strict=True):
        yield command, printed.splitlines()


# What is shown, and what is printed.

NUMBER = re.compile(r"[-+(]*\d[\d,]*(\.\d+)?[%),;:]*")


def differs(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """Name the first line that is shown and not printed after those before it; None if none is."""
    rest = iter(printed)
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        if not any(alike(line.split(), actual.split()) for actual in rest):
            return line
    return None


def alike(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a printed line, in words, is the one that is shown."""
    for number, word in enumerate(shown):
        if word == "..." and number == len(shown) - 1:
            return True
        if number == len(printed):
            return False
        actual = printed[number]
        if word.endswith("…"):  # cut by a terminal: what follows depends on its width
            return actual.startswith(word[:-1].rstrip("…")) or actual.endswith("…")
        following = shown[number + 1] if number + 1 < len(shown) else ""
        if not same(word, actual, is_time=following.strip(".,;)") in ("s", "ms")):
            return False
    return len(shown) == len(printed)


def same(word: str, actual: str, *, is_time: bool = False) -> bool:
    """Whether two words are one, or figures that may stand for each other."""
    if word == actual:
        return True
    if word.startswith("/") and "/" in actual:  # in the home of whoever wrote it
        return Path(word).name == Path(actual).name
    if not (NUMBER.fullmatch(word) and NUMBER.fullmatch(actual)):
        return False
    if is_time:
        return True
    if "." not in word and "%" not in word:
        return False
    ours, theirs = (float(re.sub(r"[^\d.-]", "", text)) for text in (word, actual))
    scale = 100 if "%" in word else 1
    return abs(ours - theirs) <= max(ABSOLUTE * scale, RELATIVE * abs(ours))


# The terminal.

PYTHON = f"""\
import sys, traceback
namespace = {{"__name__": "__main__"}}
for line in sys.stdin:
    path, status = line.strip(), 0
    try:
        exec(compile(open(path, encoding="utf-8").read(), path, "exec"), namespace)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    print("{MARK}" + str(status) + "{MARK}", flush=True)
"""
"""Runs files whose names come in, in one namespace."""


class BlockFailedError(Exception):
    """A block ended with an error, took too long, or printed something else than is shown."""


class Terminal:
    """A shell on a pseudo-terminal, and a Python in it, which blocks are given to.

    Parameters
    ----------
    folder : Path
        Where it begins.
    scratch : Path
        An empty folder, for what runs the blocks.
    environment : mapping
        All variables that the shell gets.
    """

    def __init__(self, folder: Path, scratch: Path, environment: Mapping[str, str]) -> None:
        self._scratch = scratch
        self._count = 0
        self._python = False
        self._screen, inner = pty.openpty()
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        attributes = termios.tcgetattr(inner)
        attributes[1] &= ~termios.OPOST  # line breaks as they are written
        termios.tcsetattr(inner, termios.TCSANOW, attributes)
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e"],
            stdin=subprocess.PIPE, stdout=inner, stderr=inner, cwd=folder, env=dict(environment),
            start_new_session=True,
        )  # fmt: skip
        os.close(inner)

    def run(self, kind: str, code: str, timeout: float) -> str:
        """Run commands, or Python code, and return what was printed.

        Raises
        ------
        BlockFailedError
            When they fail, or do not end in time.
        """
        path = self._scratch / f"{self._count}.{kind}"
        self._count += 1
        path.write_text(code, encoding="utf-8")
        if kind == "python":
            self._start_python()
            self._say(f"echo {path} >&9")
        else:
            self._say(f". {path} </dev/null; printf '{MARK}%d{MARK}' $?")
        return self._read(timeout)

    def _start_python(self) -> None:
        if not self._python:
            loop, pipe = self._scratch / "loop.py", self._scratch / "pipe"
            loop.write_text(PYTHON, encoding="utf-8")
            self._say(f"mkfifo {pipe}; python {loop} <{pipe} & exec 9>{pipe}")
            self._python = True

    def _say(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    def _read(self, timeout: float) -> str:
        written = b""
        end = time.monotonic() + timeout
        while True:
            if ended := ENDED.search(written):
                printed = as_seen(written[: ended.start()])
                if ended[1] != b"0":
                    raise BlockFailedError(f"it failed:\n{printed}")
                return printed
            if not select.select([self._screen], [], [], max(0, end - time.monotonic()))[0]:
                raise BlockFailedError(
                    f"it did not end within {timeout:.0f} s:\n{as_seen(written)}"
                )
            try:
                chunk = os.read(self._screen, 65536)
            except OSError:  # Linux says so when the last writer has gone
                chunk = b""
            if not chunk:
                raise BlockFailedError(f"it failed, and the shell ended:\n{as_seen(written)}")
            written += chunk

    def close(self) -> None:
        """End the shell and what runs in it."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, 9)
        self._shell.wait()
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        os.close(self._screen)


def as_seen(written: bytes) -> str:
    """Text as it stands on a terminal in the end, where lines were written over."""
    text = ESCAPES.sub("", written.decode("utf-8", "replace"))
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2].rstrip() for line in lines)


def run(terminal: Terminal, block: Block, timeout: float) -> str:
    """Run a block, compare what it shows, and return what it printed.

    Raises
    ------
    BlockFailedError
        When it fails, takes too long, or prints something else.
    """
    if block.kind != "terminal":
        return terminal.run(block.kind, block.text, timeout)
    everything = ""
    for command, shown in turns(block.text):
        printed = terminal.run("sh", command + "\n", timeout)
        everything += printed
        compare(shown, printed)
    return everything


def run_page(
    terminal: Terminal, page: Path, timeout: float, *, slow: bool, change: Callable[[str], str]
) -> Iterator[Block]:
    """Run a page's blocks, compare what they show, and yield each that is done.

    Parameters
    ----------
    terminal : Terminal
    page : Path
    timeout : float
        Seconds that a block may take.
    slow : bool
        Whether blocks marked so are run, too.
    change : callable
        Takes and returns a block's text, before it is run.

    Raises
    ------
    BlockFailedError
        When a block fails, takes too long, or prints something else.
    """
    printed = ""
    for block in blocks(page.read_text("utf-8")):
        if block.slow and not slow:
            continue
        try:
            if block.kind == "output":
                compare(block.text.splitlines(), printed)
                continue
            printed = run(terminal, replace(block, text=change(block.text)), timeout)
        except BlockFailedError as error:
            raise BlockFailedError(f"{page.relative_to(ROOT)}:{block.line}: {error}") from None
        yield block


def compare(shown: Sequence[str], printed: str) -> None:
    """Raise `BlockFailedError` when a line is shown that was not printed."""
    if (line := differs(shown, printed.splitlines())) is not None:
        raise BlockFailedError(f"the page shows\n{line}\nand printed was\n{printed}")
