"""The same calls on many machines: Ray reads and encodes, Lance stores, shards are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium.lazy import lazily

if TYPE_CHECKING:
    from sensorium.scale.exporting import export as export
    from sensorium.scale.indexing import index as index
    from sensorium.scale.planning import plan as plan
    from sensorium.scale.shards.processes import start_shards as start_shards
    from sensorium.scale.shards.shards import Shards as Shards
    from sensorium.scale.training import train_contrastive as train_contrastive

# Each process on a cluster imports what it needs, and Ray starts several.
_HOMES = {
    "export": "sensorium.scale.exporting",
    "index": "sensorium.scale.indexing",
    "plan": "sensorium.scale.planning",
    "Shards": "sensorium.scale.shards.shards",
    "start_shards": "sensorium.scale.shards.processes",
    "train_contrastive": "sensorium.scale.training",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
