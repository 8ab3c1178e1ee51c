"""The same calls on many machines: Ray reads and encodes, Lance stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.scale.indexing import index as index
    from sensorium.scale.planning import plan as plan

# Each process on a cluster imports what it needs, and Ray starts several.
_HOMES = {"index": "sensorium.scale.indexing", "plan": "sensorium.scale.planning"}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
