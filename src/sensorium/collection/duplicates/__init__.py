"""What is there twice: copies and altered copies, found, grouped and folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.collection.duplicates.finding import find_duplicate_items as find_duplicate_items
    from sensorium.collection.duplicates.grouping import find_duplicates as find_duplicates

# Finding needs the whole collection, and searches without doubles are a part of that.
_HOMES = {"find_duplicate_items": "finding", "find_duplicates": "grouping"}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
