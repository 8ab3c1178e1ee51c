"""Tests of `sensorium.serve.mcp`."""
