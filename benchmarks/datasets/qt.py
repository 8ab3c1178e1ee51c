"""Readers of two Qt file formats: compiled resources (.rcc) and compiled translations (.qm).

Both are undocumented outside Qt's source: `qtbase/src/corelib/io/qresource.cpp` and
`qtbase/src/corelib/kernel/qtranslator.cpp` read them. All numbers are big-endian.
"""

import struct
import zlib
from collections.abc import Iterator

RCC_DIRECTORY = 2
RCC_ZLIB = 1
RCC_ZSTD = 4

QM_MAGIC = bytes.fromhex("3cb86418caef9c95cd211cbf60a1bddd")
QM_MESSAGES, QM_OFFSETS = 0x69, 0x42
QM_END, QM_TRANSLATION, QM_OBSOLETE, QM_SOURCE, QM_CONTEXT = 1, 3, 5, 6, 7
QM_ABSENT = 0xFFFFFFFF


def read_rcc(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every file in a compiled Qt resource.

    Raises
    ------
    ValueError
        The data is no Qt resource, or a file in it is compressed with Zstandard.
    """
    if data[:4] != b"qres":
        raise ValueError(f"not a Qt resource: it starts with {data[:4]!r}, not b'qres'")
    version, tree, contents, names = struct.unpack_from(">4I", data, 4)
    node_size = 22 if version >= 2 else 14  # version 2 added a modification time

    def name_at(offset: int) -> str:
        (length,) = struct.unpack_from(">H", data, names + offset)
        start = names + offset + 6  # after the length and a hash
        return data[start : start + 2 * length].decode("utf-16-be")

    waiting = [(0, "")]
    while waiting:
        node, parent = waiting.pop()
        at = tree + node * node_size
        name_offset, flags = struct.unpack_from(">IH", data, at)
        path = "/".join(part for part in (parent, name_at(name_offset) if node else "") if part)
        if flags & RCC_DIRECTORY:
            count, first = struct.unpack_from(">II", data, at + 6)
            waiting += [(first + child, path) for child in range(count)]
            continue
        (offset,) = struct.unpack_from(">I", data, at + 10)
        (size,) = struct.unpack_from(">I", data, contents + offset)
        start = contents + offset + 4
        content = data[start : start + size]
        if flags & RCC_ZSTD:
            raise ValueError(f"{path} is compressed with Zstandard, which this reader lacks")
        # zlib data carries its unpacked size in front, in 4 bytes
        yield path, zlib.decompress(content[4:]) if flags & RCC_ZLIB else content


def read_qm(data: bytes) -> dict[tuple[str, str], str]:
    """Read compiled translations as {(context, source text): first translation}.

    Raises
    ------
    ValueError
        The data is no compiled Qt translation.
    """
    if not data.startswith(QM_MAGIC):
        raise ValueError("not a compiled Qt translation (.qm): its first 16 bytes are others")
    sections = {}
    at = len(QM_MAGIC)
    while at < len(data):
        tag, length = struct.unpack_from(">BI", data, at)
        sections[tag] = data[at + 5 : at + 5 + length]
        at += 5 + length
    translations = {}
    for _hash, offset in struct.iter_unpack(">II", sections.get(QM_OFFSETS, b"")):
        context, source, translation = _read_message(sections[QM_MESSAGES], offset)
        if source and translation:
            translations[context, source] = translation
    return translations


def _read_message(data: bytes, at: int) -> tuple[str, str, str]:
    """One message: tagged fields up to an end mark. Plural forms after the first are ignored."""
    context = source = translation = ""
    while (tag := data[at]) != QM_END:
        at += 1
        if tag == QM_OBSOLETE:
            at += 4
            continue
        (length,) = struct.unpack_from(">I", data, at)
        at += 4
        if length == QM_ABSENT:
            continue
        value = data[at : at + length]
        at += length
        if tag == QM_TRANSLATION:
            translation = translation or value.decode("utf-16-be")
        elif tag == QM_SOURCE:
            source = value.decode("utf-8", "replace")
        elif tag == QM_CONTEXT:
            context = value.decode("utf-8", "replace")
    return context, source, translation
