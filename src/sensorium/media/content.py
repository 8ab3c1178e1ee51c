"""What a file's first bytes say that it is; names lie, and some files have no suffix at all."""

from __future__ import annotations

import os
import re
import stat
import struct
from pathlib import Path

from sensorium.media.segments import Modality
from sensorium.media.sources import (
    AUDIO_SUFFIXES,
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    MESH_SUFFIXES,
    VIDEO_SUFFIXES,
)

START_BYTES = 4096
"""How much of a file is looked at: room for two frames of MPEG sound, which have no other mark."""

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})

_PICTURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|II\+\0|MM\0\+"
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\0"  # JPEG 2000: in its file format, and bare
    rb"|BM....\0\0\0\0....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # the sizes of bitmap headers
    rb"|\0\0[\x01\x02]\0[\x01-\x40]\0..[\0-\xff]\0"  # ICO, CUR: a zero in the first entry
    rb"|P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*\d+\s|P7\s*\n(?:#[^\n]*\n)*WIDTH "
    rb"|P[fF]\s+\d+\s+\d+\s+[-+.\deE]+\s|qoif"
    rb"|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|....ftypcrx ",
    re.DOTALL,
)
_SOUNDS = re.compile(
    rb"(?:RIFF|RF64)....WAVE|fLaC|OggS|ID3[\x02-\x04].[\0-\xf0][\0-\x7f]{4}|FORM....AIF[FC]|#!AMR"
    rb"|\.snd\0\0\0|caff\0\x01|wvpk|MAC .[\x0c-\x10]|TTA1\x01\0|DSD \x1c\0|MPCK|MP\+[\x07\x17\x27]"
    rb"|....ftyp(?:M4A |M4B |F4A )",
    re.DOTALL,
)
_PICTURES_IN_OGG = re.compile(rb"\x80theora|BBCD\0|OVP80|\x80daala")
_FILMS = re.compile(rb"RIFF....AVI |FLV\x01|\0\0\x01(?:\xba|\xb3)", re.DOTALL)
_EITHER = re.compile(  # MP4 and MOV, Matroska and WebM, ASF
    rb"....(?:ftyp|moov|mdat|wide|pnot)|....(?:free|skip).*(?:moov|mdat)|\x1aE\xdf\xa3"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
    re.DOTALL,
)
_PACKED = re.compile(
    rb"PK\x03\x04.{26}(?:mimetypeapplication/(?:epub\+zip|vnd\.oasis\.opendocument)"
    rb"|\[Content_Types\]\.xml|_rels/\.rels|docProps/|word/|ppt/)",
    re.DOTALL,
)

_PACKET = 188
"""Bytes of a packet of an MPEG transport stream; cameras and Blu-ray put 4 before each."""


def is_heif(start: bytes) -> bool:
    """Whether a file is HEIF, but not AVIF, which Pillow reads."""
    if start[4:8] != b"ftyp":
        return False
    size = struct.unpack(">I", start[:4])[0]
    major = start[8:12]
    others = {start[n : n + 4] for n in range(16, min(size, len(start), 1024), 4)}
    if major in _HEIC_BRANDS:
        return True
    return major in _HEIF_BRANDS and not others & _AVIF_BRANDS


def read_start(path: Path) -> bytes:
    """The first `START_BYTES` of a regular file; nothing of what cannot be read."""
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer that never comes.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return os.read(descriptor, START_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def modalities_of(start: bytes) -> tuple[Modality, ...]:
    """What a file may be, by its first bytes: nothing where these do not say it.

    Returns
    -------
    tuple of Modality
        Two for containers of sound as well as of films.
    """
    if start[4:8] == b"ftyp" and (is_heif(start) or start[8:12] in _AVIF_BRANDS | _HEIF_BRANDS):
        return (Modality.IMAGE,)
    if _PICTURES.match(start):
        return (Modality.IMAGE,)
    if _SOUNDS.match(start):
        is_film = start.startswith(b"OggS") and _PICTURES_IN_OGG.search(start)
        return (Modality.VIDEO,) if is_film else (Modality.AUDIO,)
    if _FILMS.match(start) or _is_transport_stream(start):
        return (Modality.VIDEO,)
    if _EITHER.match(start):
        return (Modality.VIDEO, Modality.AUDIO)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-") or _PACKED.match(start):
        return (Modality.TEXT,)
    return (Modality.AUDIO,) if _is_mpeg_sound(start) else ()


def modality_of_suffix(suffix: str) -> Modality | None:
    """What a suffix, in lower case, says that a file is."""
    for suffixes, modality in (
        (IMAGE_SUFFIXES, Modality.IMAGE),
        (AUDIO_SUFFIXES, Modality.AUDIO),
        (VIDEO_SUFFIXES, Modality.VIDEO),
        (DOCUMENT_SUFFIXES, Modality.TEXT),
        (MESH_SUFFIXES, Modality.MESH),
    ):
        if suffix in suffixes:
            return modality
    return None


def is_seen_without_suffix(path: Path) -> bool:
    """Whether a file in a folder is a picture, a sound, a film or a PDF, whatever it is called."""
    start = read_start(path)
    return bool(modalities_of(start)) and not start.startswith(b"PK")


def _is_transport_stream(start: bytes) -> bool:
    for first, step in ((0, _PACKET), (4, _PACKET + 4)):
        marks, controls = start[first::step], start[first + 3 :: step]
        # Bits of the fourth byte say whether data follow: never neither field nor data.
        if len(marks) >= 5 and set(marks) == {0x47} and all(byte & 0x30 for byte in controls):
            return True
    return False


_MPEG_BITS = {
    # kbit/s of MPEG 1 and MPEG 2, layers II and III. Nobody has files of layer I, and its mark
    # is the first two bytes of UTF-16.
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_RATES = (44100, 48000, 32000)


def _is_mpeg_sound(start: bytes) -> bool:
    """Whether two frames of MP3 (or MP2) or of ADTS follow one another."""
    position = 0
    for _ in range(2):
        length = _frame_length(start[position : position + 7])
        if not length:
            return False
        position += length
    return position > len(start) - 2 or start[position : position + 2] == start[:2]


def _frame_length(header: bytes) -> int:
    """Bytes of a frame of MPEG sound; 0 when it begins as none does."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    layer = 4 - (header[1] >> 1 & 3)
    if layer == 4:  # ADTS: the layer is always 0
        if header[1] & 0xF0 != 0xF0 or header[2] >> 2 & 15 > 12:
            return 0
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return length if length > 7 else 0
    version = header[1] >> 3 & 3  # 0 is MPEG 2.5, 2 is MPEG 2, 3 is MPEG 1
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if layer == 1 or version == 1 or not 0 < bits < 15 or rate == 3:
        return 0
    bitrate = _MPEG_BITS[1 if version == 3 else 2, layer][bits - 1] * 1000
    samples_a_second = _MPEG_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    share = 72 if layer == 3 and version != 3 else 144
    return share * bitrate // samples_a_second + padding
