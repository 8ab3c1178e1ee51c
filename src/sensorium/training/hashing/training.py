"""Moved to `sensorium.training.hash`."""

from sensorium.training.hash import HashingSettings, TrainedHash, train_hash

__all__ = ["HashingSettings", "TrainedHash", "train_hash"]
