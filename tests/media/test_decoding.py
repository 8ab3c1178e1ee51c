"""The boundary at which files are read: what passes it, and as what."""

from __future__ import annotations

import errno
import sqlite3
import struct
from collections.abc import Generator

import pytest

from sensorium.errors import CollectionError, MediaError
from sensorium.media.decoding import LONGEST, decoding, described

UNFIT = "its parts do not fit together"
IMPOSSIBLE = "a number in it is none, or makes no sense there"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("image file is truncated"), "(image file is truncated)"),
        (RuntimeError("Failed to decode frame 0"), "(Failed to decode frame 0)"),
        (IndexError("a face names point 9 of 4"), "(a face names point 9 of 4)"),
        (IndexError("list index out of range"), f"({UNFIT})"),
        (IndexError("index 9 is out of bounds for axis 0 with size 4"), f"({UNFIT})"),
        (RuntimeError(), f"({UNFIT})"),
        (KeyError("size"), "(a part of it is missing)"),
        (AttributeError("'NoneType' object has no attribute 'x'"), f"({UNFIT})"),
        (struct.error("unpack requires a buffer of 4 bytes"), "(it ends too early)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), "(its text is damaged)"),
        (ValueError("invalid literal for int() with base 10: 'x'"), f"({IMPOSSIBLE})"),
        (ValueError("cannot reshape array of size 5 into shape (3,)"), f"({IMPOSSIBLE})"),
        (OverflowError("cannot convert float infinity to integer"), f"({IMPOSSIBLE})"),
        (ZeroDivisionError("division by zero"), f"({IMPOSSIBLE})"),
        (OSError("two\nlines\t of \x1b[31mit"), "(two lines of [31mit)"),
        (MemoryError(), "(too large for this machine's memory)"),
        (RecursionError("too deep"), "(its parts are nested too deeply)"),
        (StopIteration(7), f"({UNFIT})"),
        (sqlite3.DatabaseError("malformed"), "(malformed)"),
        (OSError(errno.EIO, "I/O error", "/x/a.png"), "(I/O error)"),
        (FileNotFoundError(errno.ENOENT, "none", "/x/a.png"), "no such file"),
        (PermissionError(errno.EACCES, "denied", "/x/a.png"), "no permission to read it"),
        # A file that the file names is another matter.
        (FileNotFoundError("b.bin"), "(no such file: b.bin)"),
        (FileNotFoundError(errno.ENOENT, "none", "/x/b.bin"), "(none: b.bin)"),
        (PermissionError(errno.EPERM, "not now", "/x/a.png"), "(not now)"),
    ],
)  # fmt: skip
def test_whatever_is_raised_means_that_the_file_is_bad(error: Exception, reason: str) -> None:
    with pytest.raises(MediaError) as raised, decoding("/x/a.png", "broken"):
        raise error
    expected = f"broken {reason}" if reason.startswith("(") else reason
    assert raised.value.reason == expected
    assert str(raised.value) == f"/x/a.png: {expected}"
    assert raised.value.__cause__ is error


def test_a_panic_of_a_library_in_rust_is_no_ctrl_c() -> None:
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(MediaError, match="a: broken"), decoding("a", "broken"):
        raise panic("index out of bounds: the len is 0")


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
    with pytest.raises(MediaError, match=r"a: broken \(no more\)"):
        next(broken)
    assert closed == [True, True]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("could not create decoder object", "its header is damaged"),
        ("'utf-8' codec can't decode byte 0xe8 in position 91", "its text is damaged"),
        ("decoder error -2", "its compressed data are damaged"),
        ("broken data stream when reading image file", "its compressed data are damaged"),
        ("Pixel allocation failed: Out of memory", "too large for this machine's memory"),
    ],
)
def test_words_that_name_a_function_of_a_library(words: str, meaning: str) -> None:
    assert described(OSError(words)) == meaning
