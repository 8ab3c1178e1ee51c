"""Moved to `sensorium.training.collection_hash`."""

from sensorium.training.collection_hash import HashReport, hash_collection, read_collection

__all__ = ["HashReport", "hash_collection", "read_collection"]
