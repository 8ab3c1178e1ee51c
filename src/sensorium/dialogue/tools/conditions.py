"""Conditions of a search that are no words: dates, among which items, in which order."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from sensorium.collection import Item
from sensorium.errors import UsageError

DATES = ("taken", "recorded", "date", "created", "year")
"""Metadata that says when something is from, what is surer first; `taken` is EXIF's and films'."""

SIZES = ("width", "height", "duration", "pages")

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")

ORDERS = ("newest", "oldest", "largest", "smallest", "longest", "shortest")


def where_of(
    fields: Sequence[str],
    *,
    after: str | None = None,
    before: str | None = None,
    among: Sequence[int] | None = None,
    not_among: Sequence[int] = (),
    where: str | None = None,
) -> str | None:
    """One SQL condition that says all of them; None for none.

    Parameters
    ----------
    fields : sequence of str
        Names that the collection's metadata has.
    after, before : str, optional
        ISO dates, years or months: from the first of `after` on, and up to, without, `before`.
    among, not_among : sequence of int, optional
        Ids of items.
    where : str, optional
        A SQL expression, as `Collection.search` takes it.

    Raises
    ------
    UsageError
        For what is no date, and where no item says when it is from.
    """
    parts = [f"({where}\n)"] if where else []
    if after is not None or before is not None:
        parts.append(_dated(fields, after, before))
    if among is not None:
        parts.append(f"id IN ({', '.join(map(str, among)) or 'NULL'})")
    if not_among:
        parts.append(f"id NOT IN ({', '.join(map(str, not_among))})")
    return " AND ".join(parts) or None


def date_fields(fields: Sequence[str]) -> list[str]:
    """Those of `DATES` that a collection's metadata has."""
    return [name for name in DATES if name in fields]


def _dated(fields: Sequence[str], after: str | None, before: str | None) -> str:
    known = date_fields(fields)
    if not known:
        raise UsageError("nothing in this collection says when it is from: search without a date")
    said = f"CAST(coalesce({', '.join(known)}) AS TEXT)" if len(known) > 1 else known[0]
    parts = []
    for sign, date in ((">=", after), ("<", before)):
        if date is None:
            continue
        if not _DATE.fullmatch(date):
            raise UsageError(f"a date is a year, a month or a day, as 2024-06-30; got {date!r:.40}")
        parts.append(f"{said} {sign} '{date}'")
    return " AND ".join(parts)


def date_of(item: Item) -> str:
    """When an item is from, as its metadata says: ISO 8601; empty where that is unknown."""
    for name in DATES:
        said = str(item.metadata.get(name) or "")
        if re.match(r"\d{4}", said):
            return said
    return ""


def place_of(item: Item) -> str:
    """Where an item is from: what its metadata calls the place, or degrees; empty if unknown."""
    for name in ("place", "location", "city", "country"):
        if said := item.metadata.get(name):
            return str(said)
    latitude, longitude = item.metadata.get("latitude"), item.metadata.get("longitude")
    if isinstance(latitude, (int, float)) and isinstance(longitude, (int, float)):
        return f"{latitude:.4f}, {longitude:.4f}"
    return ""


def days_between(one: Item, other: Item) -> int | None:
    """Days between the dates of two items; None where one of them says no day."""
    try:
        first, second = (
            datetime.date.fromisoformat((date_of(item) or "")[:10]) for item in (one, other)
        )
    except ValueError:
        return None
    return abs((second - first).days)


def measure_of(item: Item, order: str) -> float | str | None:
    """What an order compares; None where an item does not say it."""
    if order in ("newest", "oldest"):
        return date_of(item) or None
    if order in ("longest", "shortest"):
        length = item.metadata.get("duration") or item.metadata.get("pages")
        return float(length) if isinstance(length, (int, float)) else None
    width, height = item.metadata.get("width"), item.metadata.get("height")
    if isinstance(width, (int, float)) and isinstance(height, (int, float)):
        return float(width) * float(height)
    return None
