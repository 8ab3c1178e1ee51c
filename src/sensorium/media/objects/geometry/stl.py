"""STL, as text and binary, with the colours that Magics and VisCAM put beside triangles."""

from __future__ import annotations

import numpy as np

from sensorium.media.objects.faults import DamagedError
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.colours import as_shares
from sensorium.media.objects.geometry.model import GREY, Floats, Indices, Limits, Model, Part
from sensorium.media.objects.geometry.numbers import numbers_of, plain

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
HEAD = 84


def read_stl(content: bytes, beside: Beside, limits: Limits) -> Model:
    """Read an STL file; see `sensorium.media.objects.geometry.read_model`."""
    del beside  # it names no files
    count = int.from_bytes(content[80:HEAD], "little")
    colours: Floats | None = None
    # Binary files may begin with "solid", too; only the length tells.
    if len(content) >= HEAD + count * TRIANGLE.itemsize and count:
        limits.check(count, 0)
        rows = np.frombuffer(content, TRIANGLE, count, HEAD)
        corners: Floats = rows["corners"].astype(np.float64).reshape(-1, 3)
        colours = _colours(content[:80], rows["extra"])
    else:
        corners = _text(plain(content), limits)
    triangles = np.arange(len(corners)).reshape(-1, 3)
    part = Part(corners, triangles, face_colours=colours)
    return Model([part] if len(corners) else [], None, upright=2)


def _text(content: bytes, limits: Limits) -> Floats:
    words = (content if b"vertex" in content else content.lower()).split(b"vertex")[1:]
    limits.check(len(words) // 3, 0)
    numbers = numbers_of(b" ".join(b" ".join(word.split(None, 3)[:3]) for word in words))
    if len(numbers) != 3 * len(words):
        raise DamagedError("a corner of a triangle has less than three numbers")
    return numbers[: len(numbers) // 9 * 9].reshape(-1, 3)


def _colours(head: bytes, extra: Indices) -> Floats | None:
    """Five bits each; the highest bit says whether there is one, in Magics' files whether not."""
    place = head.find(b"COLOR=")
    parts = np.stack([extra >> 10 & 31, extra >> 5 & 31, extra & 31], axis=1)
    flagged = (extra >> 15).astype(bool)
    if place >= 0 and len(head) >= place + 10:
        whole = np.frombuffer(head, np.uint8, 4, place + 6)
        shares = as_shares(parts[:, ::-1], 31.0)  # red is in the lowest bits there
        shares[flagged] = as_shares(whole[None, :3].astype(float), 255.0)
        return shares
    if not flagged.any():
        return None
    shares = as_shares(parts, 31.0)
    shares[~flagged, :3] = GREY
    return shares
