"""The one door that words pass on their way to standard output and standard error."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import re
import sys
from collections import deque
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from sensorium.errors import SensoriumError
from sensorium.plain import plain
from sensorium.visible import OBEYED, visible

_IN_A_PIPE = re.compile(f"[{OBEYED}]")


ESCAPING = "sensorium.escaping"
"""How streams write what their encoding has no bytes for: of file names their bytes, else escapes.

No text is worth ending a command for, whose results it has in hand.
"""


def _written_out(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter = error.object[error.start]
    if "\udc80" <= letter <= "\udcff":  # PEP 383
        return bytes([ord(letter) - 0xDC00]), error.start + 1
    return letter.encode("unicode_escape").decode(), error.start + 1


codecs.register_error(ESCAPING, _written_out)


class _Pipe(io.FileIO):
    """A file that swallows what is written after its reader went: ``sensorium search | head -1``.

    A command that stores something goes on to its end: that is worth no less, and its exit code is
    its own. One that merely prints what becomes of many files asks `is_left`.
    """

    is_broken = False
    is_left = False
    _gone: bytes | None = None
    """What had been written when a call was interrupted: its caller knows nothing of that, and
    comes with the same bytes again."""

    def write(self, written: Any) -> int:
        """See `io.FileIO`.

        Raises
        ------
        CannotPrintError
            Once, where it can take no more: the disk that it is on is full.
        """
        if self.is_broken:
            return len(written)
        gone, self._gone = self._gone, None
        if gone is not None and bytes(written[: len(gone)]) == gone:
            return len(gone)
        counted: deque[int | None] = deque()
        try:
            # In one step as Python sees it: no signal comes between writing and noting that.
            counted.extend(map(super().write, (written,)))
            return counted[0] or 0
        except KeyboardInterrupt:
            self._gone = bytes(written[: counted[0]]) if counted else None
            raise
        except BrokenPipeError:
            self.is_left = True
            return len(written)
        except OSError as error:
            self.is_broken = True
            raise CannotPrintError(
                f"standard output cannot be written ({error.strerror}): what the command has "
                "stored stays"
            ) from error


def is_left() -> bool:
    """Whether the reader of standard output went: who stores nothing may as well end."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Pipe) and raw.is_left


class _Deaf(io.FileIO):
    """A file of which nobody can be told that it cannot be written."""

    def write(self, written: Any) -> int:
        """See `io.FileIO`."""
        with contextlib.suppress(OSError):
            return super().write(written)
        return len(written)


class CannotPrintError(SensoriumError):
    """What a command found cannot be written where it was wanted."""


def open_streams() -> None:
    """Make standard output one that outlives its reader, and standard error one that never fails.

    File names that are no UTF-8 leave as the bytes they are, for xargs and the like; what else has
    no bytes, as escapes (`ESCAPING`).
    """
    sys.stdout = sys.stdout or _opened(io.FileIO(1, "w", closefd=False), ESCAPING)
    sys.stderr = sys.stderr or _opened(io.FileIO(2, "w", closefd=False), "backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):  # else it was replaced by whoever runs this
        sys.stdout.reconfigure(errors=ESCAPING)
        raw = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)  # "python -u" has no buffer
        if isinstance(raw, io.FileIO) and not raw.isatty():
            sys.stdout = _opened(_Pipe(raw.fileno(), "w", closefd=False), ESCAPING)
    if isinstance(sys.stderr, io.TextIOWrapper):
        raw = getattr(sys.stderr.buffer, "raw", sys.stderr.buffer)
        if isinstance(raw, io.FileIO) and not raw.isatty():
            sys.stderr = _opened(_Deaf(raw.fileno(), "w", closefd=False), "backslashreplace")


def _opened(raw: io.FileIO, errors: str) -> io.TextIOWrapper:
    """A stream as the one before it, which is standard output or standard error."""
    is_error = raw.fileno() == 2
    before = sys.stderr if is_error else sys.stdout
    at_once = isinstance(before, io.TextIOWrapper) and (
        before.line_buffering or before.write_through
    )
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=getattr(before, "encoding", "utf-8"), errors=errors,
        line_buffering=is_error or at_once,
    )  # fmt: skip


class Console(rich.console.Console):
    """Rich's console, which shows what stands in a text and obeys none of it.

    Markup (``[red]``) and names of emoji in brackets are words, too: file names may hold them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See Rich: all that is printed comes by here, as pieces of one style."""
        for piece in super().render(renderable, options):
            if piece.control or piece.text.isprintable():
                yield piece
            else:
                lines = "\n".join(map(visible, piece.text.split("\n")))
                yield Segment(lines, piece.style)


def print_line(*cells: str) -> None:
    """Print cells for programs, separated by tabs; none holds a tab or a line break of its own.

    Empty cells at the end are left out.

    Bytes of a file name that are no text leave as they are.
    """
    print("\t".join(_IN_A_PIPE.sub(_escaped, cell) for cell in cells).rstrip("\t"))


def print_text(text: str) -> None:
    """Print a text of one or more lines for programs."""
    print("\n".join(_IN_A_PIPE.sub(_escaped, line) for line in text.split("\n")))


def print_pieces(pieces: Iterable[str]) -> None:
    """Print a text for programs piece by piece as it comes, with a line break at its end."""
    for piece in pieces:
        print("\n".join(_IN_A_PIPE.sub(_escaped, line) for line in piece.split("\n")), end="")
        sys.stdout.flush()
    print(flush=True)


def print_json(value: Any) -> None:
    """Print one JSON value on a line of its own; dataclasses are objects.

    What a terminal obeys becomes JSON's escapes.
    """
    text = json.dumps(value, ensure_ascii=False, default=plain)
    text = _IN_A_PIPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # A file name that is not UTF-8, or a terminal of few characters: JSON can escape them.
        text = json.dumps(value, default=plain)
    print(text)


def print_error(message: str) -> None:
    """Say on standard error why a command ended."""
    lines = "\n".join(map(visible, f"sensorium: {message}".split("\n")))
    print(lines, file=sys.stderr)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
