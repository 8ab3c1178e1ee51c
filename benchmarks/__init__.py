"""Benchmarks of Sensorium: `python -m benchmarks NAME`."""
