"""Changes that keep a file's outer form whole, so that what lies behind its checks is reached."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

from tests.campaigns.mutating.byte_mutators import Mutator, boundary, damaged
from tests.campaigns.mutating.text_mutators import TEXTS, change_value, reworded
from tests.media.small_pictures import png_chunk

SIZES = (
    (13_000, 13_000), (65_500, 2_500), (2_500, 65_500), (20_000, 8_000), (4_000, 4_000),
    (178_000_000, 1), (1, 65_535), (65_535, 65_535), (0, 9), (9, 0), (1, 1),
)  # fmt: skip
"""Widths and heights that a header may say: within the limit of pixels, on it, and beyond."""

_SEEN = tuple(
    order
    for size in ((48, 32), (64, 32), (64, 48), (128, 64), (64, 64), (32, 32), (800, 480))
    for order in (size, size[::-1])
)
"""Widths and heights of the seeds, in both orders."""


def said_size(content: bytes, chance: random.Random) -> bytes:
    """Another width and height, wherever those of the seeds stand, however they are written."""
    size = chance.choice(SIZES)
    found = []
    for form in ("<HH", ">HH", "<II", ">II"):
        new = struct.pack(
            form, *(number & (0xFFFF if "H" in form else 0xFFFFFFFF) for number in size)
        )
        for old in (struct.pack(form, *one) for one in _SEEN):
            if old in content:
                found.append((old, new))
    for old, new in found if chance.random() < 0.5 else found[:1]:
        content = content.replace(old, new, chance.choice([1, -1]))
    return content


def png_chunks(content: bytes, chance: random.Random) -> bytes:
    """Chunks changed, moved, deleted and repeated; their checksums are right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += size + 12
    for _ in range(chance.choice([1, 1, 2, 4])):
        number = chance.randrange(len(chunks))
        name, body = chunks[number]
        match chance.randrange(6):
            case 0 if len(chunks) > 2:
                del chunks[number]
            case 1:
                chunks[number:number] = [chunks[number]] * chance.choice([1, 2, 300])
            case 2:
                chunks.insert(chance.randrange(len(chunks)), chunks.pop(number))
            case 3 if name in (b"IDAT", b"iCCP", b"fdAT"):
                chunks[number] = (name, _repacked(body, chance))
            case 4 if name == b"IHDR":
                fields = bytearray(body)
                fields[chance.randrange(8, 13)] = chance.choice([0, 1, 2, 3, 4, 6, 8, 16, 255])
                chunks[number] = (name, bytes(fields))
            case 5 if name in (b"IHDR", b"fcTL"):
                at = 4 if name == b"fcTL" else 0
                size = struct.pack(">II", *chance.choice(SIZES))
                chunks[number] = (name, body[:at] + size + body[at + 8 :])
            case _:
                chunks[number] = (name, damaged(body, chance))
    return content[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def _repacked(packed: bytes, chance: random.Random) -> bytes:
    """What a stream of deflate holds, changed; what stands before it stays."""
    at = max(0, packed.find(b"\x78"))
    try:
        inner = zlib.decompress(packed[at:])
    except zlib.error:
        return damaged(packed, chance)
    return packed[:at] + zlib.compress(_swollen(inner, chance) or damaged(inner, chance))


UNPACKED = 40 << 20
"""Bytes to which some of what is packed swells."""


def _swollen(inner: bytes, chance: random.Random) -> bytes:
    """The same many times, which hardly takes room when it is packed; or nothing, mostly."""
    return inner * (UNPACKED // max(1, len(inner))) if chance.random() < 0.1 else b""


def zip_entries(content: bytes, chance: random.Random) -> bytes:
    """Entries of an archive changed, renamed, lost; the archive itself is whole."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info.filename, archive.read(info), info.compress_type)
                   for info in archive.infolist()]  # fmt: skip
    for _ in range(chance.choice([1, 1, 2, 3])):
        number = chance.randrange(len(entries))
        name, body, kind = entries[number]
        match chance.randrange(8):
            case 0 if len(entries) > 2:
                del entries[number]
            case 1:
                other = chance.choice(entries)[0]
                entries[number] = (chance.choice([other + "x", "a/" * 50 + "b", other]), body, kind)
            case 2:
                entries[number] = (name, chance.choice(entries)[1], kind)
            case 3:
                entries[number] = (name, damaged(body, chance), kind)
            case _:
                is_text = name.endswith((".xml", ".rels", ".opf", ".xhtml", "mimetype"))
                change = markup if is_text else damaged
                entries[number] = (name, _swollen(body, chance) or change(body, chance), kind)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        written = set[str]()
        for name, body, kind in entries:
            if name not in written:
                archive.writestr(zipfile.ZipInfo(name), body, kind)
            written.add(name)
    return file.getvalue()


_ELEMENT = re.compile(rb"<[^>]*>")


def markup(content: bytes, chance: random.Random) -> bytes:
    """XML and HTML whose elements are repeated, nested, left open, or exchanged."""
    places = [*_ELEMENT.finditer(content)]
    if not places or chance.random() < 0.4:
        return reworded(content, chance)
    one, other = chance.choice(places), chance.choice(places)
    start, stop = sorted([one.start(), other.end()])
    match chance.randrange(5):
        case 0:
            return content[: one.start()] + content[one.end() :]
        case 1:  # many, one in the other or one after the other
            times = min(chance.choice([2, 100, 10_000]), 2_000_000 // max(1, len(one[0])))
            return content[: one.start()] + one[0] * times + content[one.end() :]
        case 2:
            part = content[start:stop]
            times = min(chance.choice([2, 100, 10_000]), 2_000_000 // max(1, len(part)))
            return content[:stop] + part * times + content[stop:]
        case 3:
            return content[:start] + content[stop:]
    return content[: one.start()] + other[0] + content[one.end() :]


_STREAM = re.compile(rb"(/Length )(\d+)(>>stream\r?\n|[^>]*>>\s*stream\r?\n)", re.DOTALL)


def pdf_streams(content: bytes, chance: random.Random) -> bytes:
    """A stream of a PDF changed, unpacked and packed again; its length is right."""
    places = [*_STREAM.finditer(content)]
    found = chance.choice(places)
    size = int(found[2])
    body = content[found.end() : found.end() + size]
    head = content[max(0, found.start() - 400) : found.start()]
    if b"FlateDecode" in head.rpartition(b" obj")[2]:
        inner = zlib.decompress(body)
        is_text = b"Tj" in inner
        change = reworded if is_text else damaged
        changed = zlib.compress(_swollen(inner, chance) or change(inner, chance))
    else:
        changed = (reworded if b" Tj" in body else damaged)(body, chance)
    start = content[: found.start()] + found[1] + str(len(changed)).encode() + found[3]
    return start + changed + content[found.end() + size :]


_WORDS = re.compile(rb"/[A-Za-z]+|\d+ 0 R|\[|\]|<<|>>|-?\d+\.?\d*")


def pdf_words(content: bytes, chance: random.Random) -> bytes:
    """Names, references and numbers of a PDF's objects exchanged."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        places = [*_WORDS.finditer(content)]
        one, other = chance.choice(places), chance.choice(places)
        word = other[0]
        if one[0][:1].isdigit() and chance.random() < 0.5:
            word = str(chance.choice([1, -1]) * boundary(32, chance)).encode()
        content = content[: one.start()] + word + content[one.end() :]
    return content


def gltf_values(content: bytes, chance: random.Random) -> bytes:
    """The document of a glTF or GLB with other values; the lengths of its chunks are right."""
    if not content.startswith(b"glTF"):
        return change_value(content, chance)
    (size,) = struct.unpack_from("<I", content, 12)
    text, rest = content[20 : 20 + size], content[20 + size :]
    if chance.random() < 0.3:  # the numbers themselves
        rest = rest[:8] + damaged(rest[8:], chance)
    else:
        text = change_value(text, chance)
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
    return head + text + rest


_TAG = re.compile(rb"[A-Za-z\xa9][A-Za-z0-9 ]{3}")


def box_sizes(content: bytes, chance: random.Random) -> bytes:
    """The size of a box of MP4, before its name, or of a chunk of RIFF and IFF, behind it."""
    big = content[:4] not in (b"RIFF", b"RF64", b"riff")
    places = [found.start() for found in _TAG.finditer(content) if found.start() >= 4]
    at = chance.choice(places)
    behind = content[:4] in (b"RIFF", b"RF64", b"FORM", b"MThd", b"caff")
    start = min(at + 4 if behind else at - 4, len(content) - 4)
    number = boundary(32, chance)
    return content[:start] + number.to_bytes(4, "big" if big else "little") + content[start + 4 :]


def boxes_moved(content: bytes, chance: random.Random) -> bytes:
    """Outer boxes of MP4 in another order, doubled, or gone."""
    parts, at = [], 0
    while at + 8 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        size = size if size >= 8 else len(content) - at
        parts.append(content[at : at + size])
        at += size
    number = chance.randrange(len(parts))
    match chance.randrange(4):
        case 0 if len(parts) > 1:
            del parts[number]
        case 1:
            parts.insert(number, parts[number])
        case 2:
            parts.insert(chance.randrange(len(parts)), parts.pop(number))
        case _:  # what is inside changes, the sizes of outer boxes stay right
            inner = damaged(parts[number][8:], chance)
            parts[number] = struct.pack(">I", len(inner) + 8) + parts[number][4:8] + inner
    return b"".join(parts)


_EBML = re.compile(
    rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75"
    rb"|\x1c\x53\xbb\x6b|\x11\x4d\x9b\x74|\x12\x54\xc3\x67|\xae|\xa3|\xa0|\xe0|\xe1|\x86|\x63\xa2"
)


def ebml_sizes(content: bytes, chance: random.Random) -> bytes:
    """The size behind an element's id in Matroska."""
    places = [found.end() for found in _EBML.finditer(content) if found.end() < len(content) - 9]
    at = chance.choice(places)
    width = 8 - (content[at].bit_length() - 1) if content[at] else 8
    bits = 7 * width
    number = chance.choice([boundary(bits, chance), (1 << bits) - 1])
    packed = (1 << bits | number).to_bytes(width, "big")
    return content[:at] + packed + content[at + width :]


def tiff_entries(content: bytes, chance: random.Random) -> bytes:
    """An entry of a TIFF's directory, also in raw files and beside a photo: type, count, value."""
    start = max(content.find(b"II*\0"), content.find(b"MM\0*"), 0)
    order = ">" if content[start : start + 2] == b"MM" else "<"
    if len(content) < start + 16:
        return damaged(content, chance)
    (first,) = struct.unpack_from(order + "I", content, start + 4)
    at = start + first
    if at + 14 > len(content):
        return damaged(content, chance)
    (count,) = struct.unpack_from(order + "H", content, at)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 3])):
        entry = at + 2 + 12 * chance.randrange(max(1, min(count, 60)))
        if entry + 12 > len(content):
            continue
        match chance.randrange(4):
            case 0:
                struct.pack_into(order + "H", changed, entry + 2, chance.randrange(20))
            case 1:
                struct.pack_into(order + "I", changed, entry + 4, boundary(32, chance))
            case 2:
                struct.pack_into(order + "I", changed, entry + 8, boundary(32, chance))
            case _:
                struct.pack_into(order + "H", changed, entry + 8, boundary(16, chance))
    return bytes(changed)


def jpeg_segments(content: bytes, chance: random.Random) -> bytes:
    """Segments of a JPEG changed, moved, deleted and repeated; their lengths are right."""
    parts, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", content, at + 2)
        parts.append((content[at + 1], content[at + 4 : at + 2 + size]))
        at += size + 2
    for _ in range(chance.choice([1, 1, 2])):
        number = chance.randrange(len(parts))
        marker, body = parts[number]
        match chance.randrange(5):
            case 0 if len(parts) > 1:
                del parts[number]
            case 1:
                parts.insert(chance.randrange(len(parts)), parts[number])
            case 2:
                parts[number] = (chance.randrange(0xC0, 0xFF), body)
            case _:
                parts[number] = (marker, damaged(body, chance)[:65533])
    head = b"".join(b"\xff%c" % marker + struct.pack(">H", len(body) + 2) + body
                    for marker, body in parts)  # fmt: skip
    return content[:2] + head + content[at:]


def ogg_pages(content: bytes, chance: random.Random) -> bytes:
    """Pages of OGG changed, moved, deleted and repeated; their checksums are right."""
    pages = [b"OggS" + part for part in content.split(b"OggS")[1:]]
    for _ in range(chance.choice([1, 1, 2])):
        number = chance.randrange(len(pages))
        match chance.randrange(5):
            case 0 if len(pages) > 1:
                del pages[number]
            case 1:
                pages.insert(number, pages[number])
            case 2:
                pages.insert(chance.randrange(len(pages)), pages.pop(number))
            case _:
                head, body = pages[number][:27], pages[number][27:]
                if chance.random() < 0.5:
                    head = head[:5] + chance.choice([
                        bytes([chance.randrange(8)]) + head[6:],
                        head[5:6] + boundary(64, chance).to_bytes(8, "little") + head[14:],
                    ])  # fmt: skip
                else:
                    table = body[: head[26]]
                    body = table + damaged(body[len(table) :], chance)
                pages[number] = head + body
    return b"".join(_with_checksum(page) for page in pages)


def _with_checksum(page: bytes) -> bytes:
    page = page[:22] + bytes(4) + page[26:]
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[checksum >> 24 ^ byte]
    return page[:22] + struct.pack("<I", checksum) + page[26:]


def _ogg_row(byte: int) -> int:
    row = byte << 24
    for _ in range(8):
        row = (row << 1 ^ 0x04C11DB7 if row & 0x80000000 else row << 1) & 0xFFFFFFFF
    return row


_OGG_TABLE = [_ogg_row(byte) for byte in range(256)]
"""RFC 3533, section 6: the polynomial of OGG's checksum."""

_SAID = {"another size said": said_size}
_BOXES = {"sizes of boxes": box_sizes, "boxes moved": boxes_moved, **_SAID}
_SIZES = {"sizes of chunks": box_sizes, **_SAID}
_TIFF = {"entries of the directory": tiff_entries, **_SAID}
_EBML_SIZES = {"sizes of elements": ebml_sizes}
_OGG = {"pages": ogg_pages}
_ZIP = {"entries of the archive": zip_entries}
_MARKUP = {"elements": markup, **TEXTS}

OF_FORMAT: Mapping[str, Mapping[str, Mutator]] = {
    "png": {"chunks": png_chunks}, "jpg": {"segments": jpeg_segments, **_TIFF},
    "mpo": {"segments": jpeg_segments, **_SAID}, "glb": {"values": gltf_values},
    "gltf": {"values": gltf_values, **TEXTS},
    "pdf": {"streams": pdf_streams, "words": pdf_words},
    **dict.fromkeys(("avif", "heic", "heics", "jp2", "mp4", "m4a", "mov", "3gp", "cr3"), _BOXES),
    **dict.fromkeys(("webp", "wav", "aiff", "caf", "avi"), _SIZES),
    **dict.fromkeys(("gif", "bmp", "j2k", "ico", "cur", "tga", "qoi", "flv", "wmv"), _SAID),
    **dict.fromkeys(("mkv", "webm", "mka"), _EBML_SIZES),
    **dict.fromkeys(("ogg", "oga", "opus", "ogv"), _OGG),
    **dict.fromkeys(("docx", "pptx", "odt", "odp", "ods", "epub"), _ZIP),
    **dict.fromkeys(("html", "xhtml"), _MARKUP),
    **dict.fromkeys(("md", "txt", "obj", "mtl", "off", "ply", "stl", "pgm", "pbm", "pam"), TEXTS),
    **dict.fromkeys(("tiff", "cr2", "nef", "arw", "dng", "orf", "rw2", "pef", "srw", "raf"), _TIFF),
}  # fmt: skip
"""Mutators of files by their suffixes, beside those of bytes."""
