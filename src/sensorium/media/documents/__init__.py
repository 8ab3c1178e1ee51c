"""Texts and their pages: a reader for each format, and how words are put together."""
