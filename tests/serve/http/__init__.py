"""Tests of `sensorium.serve.http`."""
