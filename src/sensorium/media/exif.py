"""Time, camera and place from a picture's EXIF block."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import PIL.Image
from PIL.ExifTags import GPS, IFD, Base


def exif_metadata(picture: PIL.Image.Image) -> dict[str, Any]:
    """Read what a photographer searches by.

    Parameters
    ----------
    picture : PIL.Image.Image
        An opened picture; its pixels need not be loaded.

    Returns
    -------
    dict
        Those of these keys that the file states in a readable form: ``taken`` (ISO 8601 local
        time, with the UTC offset when the camera wrote one), ``camera`` ("make model"), ``lens``,
        ``latitude`` and ``longitude`` (degrees, north and east positive), ``altitude`` (metres
        above sea level).

    Notes
    -----
    Cameras and editors write broken EXIF all the time; a field that cannot be read is left out,
    because a wrong clock is no reason to lose a picture.
    """
    try:
        exif = picture.getexif()
        detail = exif.get_ifd(IFD.Exif)
        gps = exif.get_ifd(IFD.GPSInfo)
    except Exception:  # Pillow's TIFF reader raises nearly anything on a damaged block
        return {}
    found: dict[str, Any] = {
        "taken": _time(
            detail.get(Base.DateTimeOriginal) or exif.get(Base.DateTime),
            detail.get(Base.OffsetTimeOriginal),
        ),
        "camera": _camera(_words(exif.get(Base.Make)), _words(exif.get(Base.Model))),
        "lens": _words(detail.get(Base.LensModel)),
        "latitude": _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), 90),
        "longitude": _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), 180),
        "altitude": _altitude(gps.get(GPS.GPSAltitude), gps.get(GPS.GPSAltitudeRef)),
    }
    return {key: value for key, value in found.items() if value is not None}


def _words(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    # Control characters and lone surrogates come from damaged blocks; SQLite cannot store the
    # latter and a terminal should not be sent the former.
    words = "".join(c for c in value if c.isprintable()).strip()
    return words or None


def _time(value: Any, offset: Any) -> str | None:
    words = _words(value)
    if words is None:
        return None
    match = re.match(r"(\d{4})[:/-](\d\d)[:/-](\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?", words)
    if not match:
        return None
    try:
        taken = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00, a thirteenth month
        return None
    zone = _words(offset)
    suffix = zone if zone and re.fullmatch(r"[+-]\d\d:\d\d|Z", zone) else ""
    return taken.isoformat() + suffix


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
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        return None
    parts = [_number(part) for part in value]
    if any(part is None for part in parts):
        return None
    degrees, minutes, seconds = (part for part in parts if part is not None)
    angle = degrees + minutes / 60 + seconds / 3600
    if not 0 <= angle <= limit:
        return None
    sign = -1 if (_words(reference) or "").upper() in ("S", "W") else 1
    return round(sign * angle, 7)  # 1e-7 degrees is a centimetre


def _altitude(value: Any, reference: Any) -> float | None:
    height = _number(value)
    if height is None or abs(height) > 100_000:
        return None
    return round(-height if reference in (1, b"\x01") else height, 2)
