"""When and where a film was recorded, as its container's tags say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

TIMES = ("com.apple.quicktime.creationdate", "creation_time", "date_recorded")
"""Tags of the time, the best first: Apple's is the local time with its offset, the others are UTC
(ISO/IEC 14496-12, 8.2.2; Matroska's DateUTC) or local time without offset (AVI)."""

PLACES = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
"""Tags of the place: Apple's, and what QuickTime's user data and Android's telephones call ©xyz."""

UNSET = datetime(1970, 1, 2)
"""Clocks that were never set begin to count in 1904 or 1970; nobody had a file format before."""

_PLACE = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?")


def taken(tags: Mapping[str, str]) -> str | None:
    """When a film was recorded.

    Parameters
    ----------
    tags : mapping
        Of the container and its tracks, names in lower case.

    Returns
    -------
    str or None
        ISO 8601, with its offset from UTC and its fraction of a second where they are known.
    """
    for name in TIMES:
        try:
            time = datetime.fromisoformat(tags.get(name, "").strip())
        except ValueError:
            continue
        if time.replace(tzinfo=None) >= UNSET:
            text = time.isoformat()
            return re.sub(r"(\.\d*?)0+(?=[+-]|$)", r"\1", text) if time.microsecond else text
    return None


def place(tags: Mapping[str, str]) -> dict[str, float]:
    """Where a film was recorded (ISO 6709, annex H).

    Returns
    -------
    dict
        ``latitude`` and ``longitude`` in degrees, ``altitude`` in metres where it is stated; empty
        where no place is, or none on Earth, or 0 degrees of both, which is what is written when it
        is not known.
    """
    for name in PLACES:
        match = _PLACE.match(tags.get(name, "").strip())
        if match is None:
            continue
        latitude, longitude = _degrees(match[1], 2), _degrees(match[2], 3)
        if latitude is None or longitude is None or not (latitude or longitude):
            continue
        found = {"latitude": latitude, "longitude": longitude}
        return {**found, "altitude": float(match[3])} if match[3] else found
    return {}


def _degrees(text: str, digits: int) -> float | None:
    """Degrees as ±DD.D, ±DDMM.M or ±DDMMSS.S, with two digits of degrees, or three."""
    whole, _, fraction = text[1:].partition(".")
    parts = [whole[:digits], *re.findall("..", whole[digits:])]
    if len(whole) not in (digits, digits + 2, digits + 4):
        return None
    values = [float(part) for part in (*parts[:-1], f"{parts[-1]}.{fraction or 0}")]
    degrees: float = sum(value / 60.0**power for power, value in enumerate(values))
    if degrees > (90, 180)[digits - 2]:
        return None
    return round(-degrees if text[0] == "-" else degrees, 7)
