"""The boundary at which files are read: what passes it, and as what."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator

import pytest

from sensorium.errors import CollectionError, MediaError
from sensorium.media.decoding import LONGEST, decoding


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IndexError("index 9 is out of bounds"), "(IndexError: index 9 is out of bounds)"),
        (RuntimeError(), "(RuntimeError)"),
        (KeyError("size"), "(KeyError: 'size')"),
        (AssertionError("two\nlines\t of \x1b[31mit"), "(AssertionError: two lines of [31mit)"),
        (MemoryError(), "(MemoryError: too large for this machine's memory)"),
        (RecursionError("too deep"), "(RecursionError: too deep)"),
        (StopIteration(7), "(StopIteration: 7)"),
        (sqlite3.DatabaseError("malformed"), "(DatabaseError: malformed)"),
        (OSError(errno.EIO, "I/O error", "/x/a.png"), "(OSError: I/O error)"),
        (FileNotFoundError(errno.ENOENT, "none", "/x/a.png"), "no such file"),
        (PermissionError(errno.EACCES, "denied", "/x/a.png"), "no permission to read it"),
        # A file that the file names is another matter.
        (FileNotFoundError("b.bin"), "(FileNotFoundError: b.bin)"),
        (FileNotFoundError(errno.ENOENT, "none", "/x/b.bin"), "(FileNotFoundError: none: b.bin)"),
        (PermissionError(errno.EPERM, "not now", "/x/a.png"), "(PermissionError: not now)"),
    ],
)  # fmt: skip
def test_whatever_is_raised_means_that_the_file_is_bad(error: Exception, reason: str) -> None:
    with pytest.raises(MediaError) as raised, decoding("/x/a.png", "broken"):
        raise error
    expected = f"broken {reason}" if reason.startswith("(") else reason
    assert raised.value.reason == expected
    assert str(raised.value) == f"/x/a.png: {expected}"
    assert raised.value.__cause__ is error


def test_a_long_text_stays_a_line() -> None:
    with pytest.raises(MediaError) as raised, decoding("a", "broken"):
        raise ValueError("word " * 1000)
    assert len(raised.value.reason) < LONGEST + 40 and raised.value.reason.endswith("...)")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), CollectionError("full"), MediaError("too long")]
)
def test_what_is_no_fault_of_the_file_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, decoding("a", "broken"):
        raise error
    assert raised.value is error


def test_a_generator_may_yield_inside() -> None:
    closed = []

    def pieces() -> Generator[int, None, None]:
        with decoding("a", "broken"):
            try:
                yield 1
                raise ValueError("no more")
            finally:
                closed.append(True)

    left, broken = pieces(), pieces()
    assert next(left) == next(broken) == 1
    left.close()
    with pytest.raises(MediaError, match=r"a: broken \(ValueError: no more\)"):
        next(broken)
    assert closed == [True, True]
