"""Tests of `sensorium.serve`."""
