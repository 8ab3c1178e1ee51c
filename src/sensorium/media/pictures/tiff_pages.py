"""Pages of a TIFF: where each of them begins in the file, found without decoding any.

Source: TIFF 6.0 (Adobe, 1992), section 2; BigTIFF as libtiff describes it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_PAGES = 2_000
"""Directories that are looked at: a thick book."""

MAX_PAGES_PIXELS = 20_000_000_000
"""Pixels of all pages together, so that a small file does not take hours: 2,300 pages of A4 at 300
dots an inch."""

ENTRIES_READ = 256
"""Tags of a page that are looked at. They are in ascending order, and those below come first."""

NEW_SUBFILE_TYPE, OLD_SUBFILE_TYPE, WIDTH, HEIGHT = 254, 255, 256, 257

REDUCED, MASK = 1, 4
"""Bits of the new subfile type: a smaller copy (thumbnails, levels of a pyramid), and where another
picture is transparent."""

OLD_REDUCED = 2

_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of tags that are whole numbers: BYTE, SHORT, LONG and LONG8."""


@dataclass(frozen=True)
class _Folder:
    """What is read of a directory of tags, which TIFF calls an IFD."""

    offset: int
    values: dict[int, int]
    next: int

    @property
    def is_page(self) -> bool:
        kind = self.values.get(NEW_SUBFILE_TYPE, 0)
        return not kind & (REDUCED | MASK) and self.values.get(OLD_SUBFILE_TYPE) != OLD_REDUCED

    @property
    def pixels(self) -> int:
        return self.values.get(WIDTH, 0) * self.values.get(HEIGHT, 0)


def is_tiff(start: bytes) -> bool:
    """Whether a file that begins so is a TIFF."""
    return start[:2] in (b"II", b"MM") and 42 <= max(start[2:4], default=0) <= 43


def find_pages(encoded: bytes) -> tuple[list[int], list[str]]:
    """Find the pages of a TIFF.

    Parameters
    ----------
    encoded : bytes
        The file.

    Returns
    -------
    offsets : list of int
        Where the directories of the pages begin. The first of the file is always one; of the others
        those are left out that say of themselves that they are smaller copies or masks.
    notes : list of str
        What cannot be found or is too much, in plain words.
    """
    offsets: list[int] = []
    pixels = 0
    seen: set[int] = set()
    folder = None
    for folder in _folders(encoded):
        if folder.offset in seen:  # a circle ends there, as for every reader
            return offsets, []
        seen.add(folder.offset)
        is_page = folder.is_page or not offsets
        pixels += folder.pixels * is_page
        if offsets and (len(seen) > MAX_PAGES or pixels > MAX_PAGES_PIXELS):
            limit = f"{MAX_PAGES:,} pages and {MAX_PAGES_PIXELS:,} pixels"
            return offsets, [f"the pages after page {len(offsets)} are over the limit of {limit}"]
        if is_page:
            offsets.append(folder.offset)
    if folder is not None and folder.next:
        return offsets, [f"what follows page {len(offsets)} cannot be found (a broken file)"]
    return offsets, []


class AtPage(io.BytesIO):
    """A TIFF as if the given directory were its first.

    Readers that only know how to go on from page to page would read all that come before.
    """

    def __init__(self, encoded: bytes, offset: int) -> None:
        super().__init__(encoded)
        order = "<" if encoded[:2] == b"II" else ">"
        start, pointer = (8, "Q") if 43 in encoded[2:4] else (4, "I")
        self._head = encoded[:start] + struct.pack(order + pointer, offset)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file, the header's pointer replaced."""
        start = self.tell()
        found = super().read(size)
        return self._head[start : start + len(found)] + found[max(0, len(self._head) - start) :]


def _folders(encoded: bytes) -> Iterator[_Folder]:
    """Directories in their order, for ever if they are a circle."""
    order = "<" if encoded[:2] == b"II" else ">"
    is_big = 43 in encoded[2:4]
    count_of, entry, value, pointer = ("Q", "HHQ", 8, "Q") if is_big else ("H", "HHI", 4, "I")
    try:
        (offset,) = struct.unpack_from(order + pointer, encoded, 8 if is_big else 4)
        while offset:
            (count,) = struct.unpack_from(order + count_of, encoded, offset)
            start = offset + struct.calcsize(order + count_of)
            step = struct.calcsize(order + entry) + value
            (after,) = struct.unpack_from(order + pointer, encoded, start + count * step)
            values = {}
            for number in range(min(count, ENTRIES_READ)):
                at = start + number * step
                tag, kind, length = struct.unpack_from(order + entry, encoded, at)
                if tag <= HEIGHT and length == 1 and kind in _NUMBERS:
                    (values[tag],) = struct.unpack_from(
                        order + _NUMBERS[kind], encoded, at + step - value
                    )
            yield _Folder(offset, values, after)
            offset = after
    except (struct.error, OverflowError):  # it points beyond the file
        return
