"""Tests of the page, in a real browser over a real server."""
