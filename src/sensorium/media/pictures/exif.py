"""Time, camera and place of a picture: from EXIF; time and place from XMP, the time from IPTC, too.

Sources: Exif 3.0 (CIPA DC-008-2023); the Metadata Working Group's guidelines 2.0, section 5.4, for
what stands in when EXIF has no time of exposure.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import PIL.Image
import PIL.ImageFile
from PIL.ExifTags import GPS, IFD, Base

from sensorium.media.pictures.exif_block import exif_of, overstates

XMP_READ = 1 << 20
"""Bytes of an XMP packet that are looked through for dates."""

UTF8, ASCII = 129, 2
"""Types of EXIF values: text in UTF-8, new in Exif 3.0, which Pillow passes over, and text."""

_POINTERS = (IFD.Exif, IFD.GPSInfo)

_EXPOSED = (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal)
_DIGITIZED = (Base.DateTimeDigitized, Base.OffsetTimeDigitized, Base.SubsecTimeDigitized)
_CHANGED = (Base.DateTime, Base.OffsetTime, Base.SubsecTime)
"""Tags of a time, of its offset from UTC and of its fraction of a second."""

_XMP_TAKEN = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate",
              "exif:DateTimeDigitized")  # fmt: skip

_IPTC_DATE, _IPTC_TIME = (2, 55), (2, 60)

_DATE = re.compile(
    r"(\d{4})[:/.-] ?(\d\d?)[:/.-] ?(\d\d?)"
    # One sign between the parts of the time: what follows 12:34-03 is its offset.
    r"(?:[ T]+(\d\d?)(?P<sign>[:.-]) ?(\d\d?)(?:(?P=sign) ?(\d\d?)(?:[.,](\d+))?)?"
    r"\s*([AaPp][Mm]\b)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?"
)

_XMP_PLACE = re.compile(r"\s*(\d+),(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?([NSEW])\s*")
"""Degrees and minutes with a fraction, or seconds, too (XMP part 2, GPSCoordinate)."""

_BELOW = (1, 3)
"""References of an altitude that is below: the ellipsoid, the level of the sea."""


def exif_metadata(picture: PIL.Image.Image) -> dict[str, Any]:
    """Read what a photographer searches by.

    Parameters
    ----------
    picture : PIL.Image.Image
        An opened picture; its pixels need not be loaded.

    Returns
    -------
    dict
        Those of these keys that the file states in a readable form: ``taken`` (ISO 8601 local time,
        with fraction and UTC offset where the camera wrote them), ``camera`` ("make model"),
        ``lens``, ``latitude`` and ``longitude`` (degrees, north and east positive), ``altitude``
        (metres above sea level).

    Notes
    -----
    Cameras and editors write broken EXIF all the time; a field that cannot be read is left out,
    because a wrong clock is no reason to lose a picture.
    """
    try:
        exif = _block(picture)
        detail = exif.get_ifd(IFD.Exif)
        gps = exif.get_ifd(IFD.GPSInfo)
    except Exception:  # Pillow's TIFF reader raises nearly anything on a damaged block
        exif, detail, gps = PIL.Image.Exif(), {}, {}
    found: dict[str, Any] = {
        "taken": _taken(picture, lambda tag: detail.get(tag) or exif.get(tag)),
        "camera": _camera(_words(exif.get(Base.Make)), _words(exif.get(Base.Model))),
        "lens": _words(detail.get(Base.LensModel)),
        "latitude": _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), 90),
        "longitude": _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), 180),
        "altitude": _altitude(gps.get(GPS.GPSAltitude), gps.get(GPS.GPSAltitudeRef)),
    }
    if found["latitude"] is None and found["longitude"] is None:
        packet = _xmp(picture)
        found["latitude"] = _xmp_degrees(packet, "Latitude", 90)
        found["longitude"] = _xmp_degrees(packet, "Longitude", 180)
    return {key: value for key, value in found.items() if value is not None}


def _block(picture: PIL.Image.Image) -> PIL.Image.Exif:
    """EXIF, its texts in UTF-8 among it."""
    block = picture.info.get("exif")
    if isinstance(block, bytes):
        with suppress(struct.error):
            typed = block if overstates(block) else _typed_as_text(block)
            if typed != block:
                exif = PIL.Image.Exif()
                exif.load(typed)
                return exif
    return exif_of(picture)


def _typed_as_text(block: bytes) -> bytes:
    """A block whose texts in UTF-8 are said to be ASCII, which is read byte by byte."""
    start = 6 if block.startswith(b"Exif\0\0") else 0
    order = "<" if block[start : start + 2] == b"II" else ">"
    changed = bytearray(block)
    waiting = [struct.unpack_from(order + "I", block, start + 4)[0]]
    for offset in waiting:  # it grows, to three
        (count,) = struct.unpack_from(order + "H", block, start + offset)
        for at in range(start + offset + 2, start + offset + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHII", block, at)
            if kind == UTF8:
                struct.pack_into(order + "H", changed, at + 2, ASCII)
            elif tag in _POINTERS and len(waiting) <= len(_POINTERS):
                waiting.append(value)
    return bytes(changed)


def _words(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    # Text is UTF-8 nowadays, in blocks that call it ASCII, too; Pillow reads that byte by byte.
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    # Control characters and lone surrogates come from damaged blocks; SQLite cannot store the
    # latter and a terminal should not be sent the former. What follows a NUL is left from before.
    words = "".join(c for c in value.split("\0")[0] if c.isprintable()).strip()
    return words or None


def _taken(picture: PIL.Image.Image, exif: Callable[[int], Any]) -> str | None:
    """The first readable one of the times at which a picture may have been taken."""

    def times() -> Iterator[str | None]:
        for tags in (_EXPOSED, _DIGITIZED):
            yield _time(*(exif(tag) for tag in tags))
        packet = _xmp(picture)
        for name in _XMP_TAKEN if packet else ():
            if stated := _xmp_value(packet, name):
                yield _time(stated, None, None)
        yield _iptc_time(picture)
        # When the file was last changed: often by an editor, years later.
        yield _time(*(exif(tag) for tag in _CHANGED))

    return next((time for time in times() if time is not None), None)


def _time(value: Any, offset: Any, fraction: Any) -> str | None:
    words = _words(value)
    match = _DATE.match(words) if words else None
    if not match:
        return None
    year, month, day, hour, _, minute, second, own_fraction, half, own_offset = match.groups()
    try:
        taken = datetime(
            int(year), int(month), int(day), _hour(int(hour or 0), half), int(minute or 0)
        )
        taken += timedelta(seconds=min(int(second or 0), 60))  # 60: a leap second
    except (ValueError, OverflowError):  # 0000:00:00, a thirteenth month
        return None
    if taken.year == 1:  # what some programs write for none
        return None
    digits = re.match(r"\d{1,9}", own_fraction or _words(fraction) or "")
    part = f".{digits[0]}" if digits and digits[0].strip("0") else ""
    return taken.isoformat() + part + (_offset(own_offset) or _offset(_words(offset)))


def _hour(hour: int, half: str | None) -> int:
    """Hour of the day: some telephones write 24:12 for what is 0:12 of the same day."""
    if half and 1 <= hour <= 12:
        return hour % 12 + 12 * (half[0] in "Pp")
    return 0 if hour == 24 else hour


def _offset(words: str | None) -> str:
    """An offset from UTC as ISO 8601 writes it; empty for none, and for what cannot be one."""
    if words == "Z":
        return "+00:00"
    match = re.fullmatch(r"([+-])(\d\d)(?::?([0-5]\d))?", words or "")
    return f"{match[1]}{match[2]}:{match[3] or '00'}" if match and int(match[2]) <= 14 else ""


def _xmp(picture: PIL.Image.Image) -> str:
    packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if isinstance(packet, str):
        return packet[:XMP_READ]
    return packet[:XMP_READ].decode("utf-8", "replace") if isinstance(packet, bytes) else ""


def _xmp_value(packet: str, name: str) -> str | None:
    stated = re.search(rf"\b{name}\s*(?:=\s*[\"']|>)\s*([^\"'<]+)", packet)
    return stated[1] if stated else None


def _xmp_degrees(packet: str, name: str, limit: int) -> float | None:
    stated = _XMP_PLACE.fullmatch(_xmp_value(packet, f"exif:GPS{name}") or "")
    return _degrees(stated.groups("0")[:3], stated[4], limit) if stated else None


def _iptc_time(picture: PIL.Image.Image) -> str | None:
    """Date of creation from the block of news agencies: 20240517 and 180359+0200."""
    if not isinstance(picture, PIL.ImageFile.ImageFile):
        return None
    from PIL import IptcImagePlugin

    try:
        stated = IptcImagePlugin.getiptcinfo(picture) or {}
    except Exception:  # as for EXIF
        return None
    date = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", _words(stated.get(_IPTC_DATE)) or "")
    if not date:
        return None
    time = re.match(r"(\d\d)(\d\d)(\d\d)", _words(stated.get(_IPTC_TIME)) or "")
    clock, zone = (":".join(time.groups()), _words(stated[_IPTC_TIME])) if time else ("", None)
    return _time(f"{'-'.join(date.groups())} {clock}", zone and zone[6:], None)


def _camera(make: str | None, model: str | None) -> str | None:
    if make and model:
        # "Canon" + "Canon EOS 80D" is one name written twice.
        return model if model.lower().startswith(make.lower().split()[0]) else f"{make} {model}"
    return model or make


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def _degrees(value: Any, reference: Any, limit: int) -> float | None:
    parts = value if isinstance(value, (tuple, list)) else (value,)
    if not 1 <= len(parts) <= 3:
        return None
    # Some programs write degrees with a fraction, and no more.
    degrees, minutes, seconds = (_number(part) for part in (*parts, 0, 0)[:3])
    if degrees is None:
        return None
    # 0/0 is written for what is not known: minutes with a fraction have no seconds.
    angle = abs(degrees) + (minutes or 0) / 60 + (seconds or 0) / 3600
    if not 0 <= angle <= limit:
        return None
    sign = -1 if degrees < 0 or (_words(reference) or "").upper()[:1] in ("S", "W") else 1
    return round(sign * angle, 7) + 0.0  # 1e-7 degrees is a centimetre


def _altitude(value: Any, reference: Any) -> float | None:
    height = _number(value)
    if height is None or abs(height) > 100_000:
        return None
    if isinstance(reference, bytes):
        reference = reference[0] if len(reference) == 1 else None
    return round(-height if reference in _BELOW else height, 2)
