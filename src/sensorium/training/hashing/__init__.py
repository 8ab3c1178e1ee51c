"""Where `sensorium.training.hash` and `collection_hash` were; understood for one more release."""
