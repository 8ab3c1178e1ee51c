"""ICC profiles that tests put together: of screens, of grey levels, of a press.

Source: ICC.1:2001-04 (version 2.4), sections 6.4 and 6.5.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
"""What red, green and blue are in XYZ, adapted to D50."""

DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))

D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(colorants: Sequence[Sequence[float]], gamma: float = 2.2) -> bytes:
    """A profile of a screen."""
    tags = {b"wtpt": _xyz(D50)}
    for name, colour in zip("rgb", colorants, strict=True):
        tags[f"{name}XYZ".encode()] = _xyz(colour)
        tags[f"{name}TRC".encode()] = _curve(gamma)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def swapped_profile() -> bytes:
    """What is stored as red is shown blue, and the other way round."""
    return rgb_profile(SRGB[::-1])


def grey_profile(gamma: float) -> bytes:
    """A profile of grey levels."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def press_profile(inks: Sequence[Sequence[int]], paper: Sequence[int] = (255, 128, 128)) -> bytes:
    """A press whose inks have these colours: L (0 to 255), a and b (128 is none) of each of four.

    Where several are printed, the last of them covers the others.
    """
    corners = []
    for corner in range(16):
        printed = [ink for bit, ink in zip((8, 4, 2, 1), inks, strict=True) if corner & bit]
        corners.append(printed[-1] if printed else paper)
    identity = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(np.eye(3).ravel() * 65536).astype(int))
    table += identity * 4 + bytes(np.array(corners, np.uint8).ravel()) + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table})


def _xyz(colour: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(part * 65536) for part in colour))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    said = b"made by a test"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(said) + 1) + said + bytes(79),
        b"cprt": b"text" + bytes(4) + said + b"\0",
        **tags,
    }
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    header = struct.pack(
        ">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, kind, space, connection
    )
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(part * 65536) for part in D50))
    return header.ljust(128, b"\0") + table + body
