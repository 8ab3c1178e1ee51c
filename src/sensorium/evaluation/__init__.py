"""Evaluation: metrics over arrays, intervals around them, tests between systems."""
