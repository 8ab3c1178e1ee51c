"""Every call of a process that changes a file, held until it is said what becomes of it.

A command is to be killed in the middle of a file, and its n-th write is to fail, whichever library
writes: Python, SQLite, FAISS, Arrow, ONNX. The kernel holds such calls and asks us (seccomp's user
notifications, Linux 5.9 and later); the calls of threads and of child processes, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_NUMBERS = {
    "open": 2, "write": 1, "pwrite64": 18, "writev": 20, "sendfile": 40, "fsync": 74,
    "fdatasync": 75, "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84,
    "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "openat": 257, "mkdirat": 258,
    "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266, "fallocate": 285,
    "pwritev": 296, "renameat2": 316, "copy_file_range": 326, "pwritev2": 328,
}  # fmt: skip
"""Of x86-64."""

_NAMES = {number: name for name, number in _NUMBERS.items()}

_OF_DESCRIPTORS = {
    "write": 0, "pwrite64": 0, "writev": 0, "sendfile": 0, "fsync": 0, "fdatasync": 0,
    "ftruncate": 0, "fallocate": 0, "pwritev": 0, "pwritev2": 0, "copy_file_range": 2,
}  # fmt: skip
"""Which argument is the descriptor of the file that is changed."""

_OF_PATHS = {
    "open": 0, "truncate": 0, "rename": 1, "mkdir": 0, "rmdir": 0, "creat": 0, "link": 1,
    "unlink": 0, "symlink": 1, "openat": 1, "mkdirat": 1, "unlinkat": 1, "renameat": 3,
    "linkat": 3, "symlinkat": 2, "renameat2": 3,
}  # fmt: skip
"""Which argument is the path; before it stands a folder's descriptor in calls that end in at."""

GIVES_ROOM = frozenset(
    {"unlink", "unlinkat", "rmdir", "ftruncate", "truncate", "fsync", "fdatasync"}
)
"""What a full disk still does."""

_MAKES = 0o1100 | 0o3  # O_CREAT, O_TRUNC, O_WRONLY, O_RDWR
_SECCOMP = 317
_LISTENER = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_NO_NEW_PRIVILEGES = 38
_PIDFD_OPEN, _PIDFD_GETFD = 434, 438

_libc = ctypes.CDLL(None, use_errno=True)


def is_possible() -> bool:
    """Whether the kernel can hold calls."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def shut(channel: socket.socket, *, reads: bool = False) -> None:
    """Let the calls of this process, from now on, be held; whoever has the other end is asked.

    Parameters
    ----------
    channel : socket
        The listener is sent through it.
    reads : bool
        Whether files that are only read are told when they are opened, too.
    """
    load, equal, some, end = 0x20, 0x15, 0x45, 0x06
    numbers = [n for name, n in _NUMBERS.items() if name not in ("open", "openat")]
    lines: list[tuple[int, int, int, int]] = [(load, 0, 0, 0)]
    # Numbers first, all to the last line; then the two that open, by their flags.
    last = len(numbers) + 9
    for number in numbers:
        lines.append((equal, last - len(lines) - 1, 0, number))
    for name, flags in (("openat", 2), ("open", 1)):
        lines.append((equal, 0, 2, _NUMBERS[name]))
        lines.append((load, 0, 0, 16 + 8 * flags))
        wanted = last - len(lines) - 1
        lines.append((some, wanted, wanted - 1, _MAKES) if not reads else (some, wanted, wanted, 1))
    while len(lines) < last - 1:
        lines.append((end, 0, 0, _ALLOW))
    lines += [(end, 0, 0, _ALLOW), (end, 0, 0, _ASK)]
    made = (_Instruction * len(lines))(*lines)
    program = _Program(len(lines), made)
    if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    listener = _libc.syscall(_SECCOMP, 1, _LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the kernel holds no calls")
    socket.send_fds(channel, [b"g"], [listener])
    os.close(listener)
    channel.close()


@dataclass(frozen=True)
class Call:
    """A call that is held.

    Attributes
    ----------
    process : int
        The thread that made it.
    name : str
        What the system calls it.
    path : Path or None
        The file that it changes, where it has a name.
    """

    process: int
    name: str
    path: Path | None
    arguments: Sequence[int] = field(repr=False)

    def do_half(self) -> None:
        """Write the first half of what is to be written, as a disk that is switched off does."""
        if self.name not in ("write", "pwrite64"):
            return
        descriptor, address, length = self.arguments[:3]
        written = read_memory(self.process, address, length // 2)
        with contextlib.suppress(OSError):
            mine = _descriptor_of(self.process, descriptor)
            try:
                if self.name == "write":
                    os.write(mine, written)
                else:
                    os.pwrite(mine, written, self.arguments[3])
            finally:
                os.close(mine)


def _descriptor_of(process: int, descriptor: int) -> int:
    """The same open file here, with its place in it."""
    group = next(
        int(line.split()[1])
        for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
        if line.startswith("Tgid:")
    )
    holder = _libc.syscall(_PIDFD_OPEN, group, 0)
    if holder < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    try:
        mine = _libc.syscall(_PIDFD_GETFD, holder, descriptor, 0)
        if mine < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return int(mine)
    finally:
        os.close(holder)


def read_memory(process: int, address: int, length: int) -> bytes:
    """Read what a call was given."""
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(length)


class Gate:
    """The end of the one who is asked.

    Parameters
    ----------
    listener : int
        What `shut` sent.
    """

    def __init__(self, listener: int) -> None:
        self.listener = listener

    def next(self) -> tuple[int, Call] | None:
        """A call that is held, and its number for `answer`; None when it was interrupted."""
        told = bytearray(80)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, told)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        number, process, _, call, _, _, *arguments = struct.unpack("<QIIiIQ6Q", told)
        name = _NAMES.get(call, str(call))
        return number, Call(process, name, _path(process, name, arguments), arguments)

    def answer(self, number: int, error: int = 0) -> None:
        """Let a call go on, or fail with an error of the system."""
        told = struct.pack("<QqiI", number, 0, -error, 0 if error else _GO_ON)
        with contextlib.suppress(OSError):  # whoever called is dead
            fcntl.ioctl(self.listener, _SEND, bytearray(told))

    def close(self) -> None:
        """Let go of it: calls that are still held fail."""
        os.close(self.listener)


def _path(process: int, name: str, arguments: Sequence[int]) -> Path | None:
    try:
        if name in _OF_DESCRIPTORS:
            number = ctypes.c_int(arguments[_OF_DESCRIPTORS[name]]).value
            path = str(Path(f"/proc/{process}/fd/{number}").readlink())
            return Path(path.removesuffix(" (deleted)")) if path.startswith("/") else None
        place = _OF_PATHS[name]
        given = _text(process, arguments[place])
        if given.startswith("/"):
            return Path(given)
        folder = ctypes.c_int(arguments[place - 1]).value if "at" in name[-3:] else -100
        start = f"/proc/{process}/{'cwd' if folder < 0 else f'fd/{folder}'}"
        return Path(start).readlink() / given
    except (OSError, KeyError, ValueError):
        return None


def _text(process: int, address: int) -> str:
    """A path ends with a zero; what lies behind its page may not be there."""
    content = b""
    while b"\0" not in content and len(content) < 4096:
        step = 4096 - (address + len(content)) % 4096
        content += read_memory(process, address + len(content), step)
    return os.fsdecode(content.partition(b"\0")[0])
